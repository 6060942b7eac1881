"""From audio to utterances: the bytes that are in them, to the byte."""

import io
from collections.abc import Iterable

import numpy as np
import pytest

from livecli.emulator.core.speech import (
    LOOK_BACK_BYTES,
    DetectedSpeech,
    ManualSpeech,
    SpeechEnded,
    SpeechEvent,
    SpeechStarted,
)
from livecli.emulator.core.utterance import Utterance
from livecli.protocol.events import AudioChunk
from livecli.protocol.messages import AutomaticActivityDetection as Detection

PAD = 3_200  # bytes: 100 ms


def hear(speech, pcm: bytes, block: int = 1_024, rate: int = 16_000) -> list[Utterance]:
    chunks = (AudioChunk(pcm[start : start + block], rate) for start in range(0, len(pcm), block))
    return ended(event for chunk in chunks for event in speech.push(chunk))


def ended(found: Iterable[SpeechEvent]) -> list[Utterance]:
    return [event.utterance for event in found if isinstance(event, SpeechEnded)]


def pcm_of(utterance: Utterance) -> bytes:
    return b"".join(utterance.blocks())


def spectral_peak(pcm: bytes, rate: int) -> float:
    samples = np.frombuffer(pcm, "<i2")
    return float(np.abs(np.fft.rfft(samples * np.hanning(len(samples)))).argmax()) * rate / len(samples)


class TestManual:
    def test_what_is_between_start_and_end_is_the_utterance(self, tone) -> None:
        speech = ManualSpeech(io.BytesIO)
        pcm = tone(0.5)
        hear(speech, tone(0.1))  # outside: not heard
        speech.start()
        assert hear(speech, pcm) == []
        (utterance,) = ended(speech.stop())
        assert pcm_of(utterance) == pcm
        assert utterance.seconds == 0.5

    def test_nothing_between_them_is_an_empty_utterance(self) -> None:
        speech = ManualSpeech(io.BytesIO)
        speech.start()
        (utterance,) = ended(speech.stop())
        assert utterance.length_bytes == 0

    def test_an_end_without_a_start_is_nothing(self) -> None:
        assert ManualSpeech(io.BytesIO).stop() == []

    def test_a_second_start_goes_on(self, tone) -> None:
        speech = ManualSpeech(io.BytesIO)
        speech.start()
        hear(speech, tone(0.1))
        speech.start()
        hear(speech, tone(0.1))
        (utterance,) = ended(speech.stop())
        assert utterance.seconds == 0.2

    def test_chunks_of_odd_lengths_are_one_stream(self, tone) -> None:
        speech = ManualSpeech(io.BytesIO)
        pcm = tone(0.5)
        speech.start()
        hear(speech, pcm, block=1_023)
        (utterance,) = ended(speech.stop())
        assert pcm_of(utterance) == pcm

    def test_half_a_sample_at_the_end_is_not_in_the_next_utterance(self, tone) -> None:
        speech = ManualSpeech(io.BytesIO)
        for pcm in (tone(0.5, hz=300) + b"\x01", tone(0.5, hz=900)):
            speech.start()
            hear(speech, pcm)
            (utterance,) = ended(speech.stop())
            assert pcm_of(utterance) == pcm[:16_000]

    @pytest.mark.parametrize("rate", [8_000, 24_000, 44_100, 48_000])
    def test_any_rate_is_heard_at_16_khz(self, tone, rate) -> None:
        speech = ManualSpeech(io.BytesIO)
        for _ in range(2):  # the second utterance has nothing of the first in it
            speech.start()
            hear(speech, tone(1.0, hz=1_000, rate=rate), rate=rate)
            (utterance,) = ended(speech.stop())
            assert utterance.length_bytes == 32_000
            assert spectral_peak(pcm_of(utterance), 16_000) == pytest.approx(1_000, abs=1)

    def test_a_rate_that_changes_midway_loses_nothing(self, tone) -> None:
        speech = ManualSpeech(io.BytesIO)
        speech.start()
        for rate in (16_000, 48_000, 8_000, 16_000):
            hear(speech, tone(0.25, hz=500, rate=rate), rate=rate)
        (utterance,) = ended(speech.stop())
        assert utterance.length_bytes == 32_000
        assert spectral_peak(pcm_of(utterance), 16_000) == pytest.approx(500, abs=2)

    def test_a_fork_has_the_same_audio_and_goes_on_by_itself(self, tone) -> None:
        speech = ManualSpeech(io.BytesIO)
        speech.start()
        hear(speech, tone(0.2))
        fork = speech.fork()
        assert fork is not None
        speech.close()
        hear(fork, tone(0.1))
        (utterance,) = ended(fork.stop())
        assert utterance.seconds == pytest.approx(0.3)

    def test_there_is_no_fork_while_a_filter_holds_audio(self, tone) -> None:
        speech = ManualSpeech(io.BytesIO)
        speech.start()
        hear(speech, tone(0.2, rate=48_000), rate=48_000)
        assert speech.fork() is None
        speech.stop()
        assert speech.fork() is not None

    def test_closing_lets_go_of_an_unfinished_utterance(self) -> None:
        spool = io.BytesIO()
        speech = ManualSpeech(lambda: spool)
        speech.start()
        speech.close()
        assert spool.closed


class TestAutomatic:
    @pytest.mark.parametrize("block", [2, 999, 1_024, 1_000_000])
    def test_speech_is_kept_with_100_ms_around_it(self, tone, silence, block) -> None:
        before, words, after = silence(3.0), tone(0.8), silence(0.7)
        (utterance,) = hear(DetectedSpeech(None, io.BytesIO), before + words + after, block)
        assert pcm_of(utterance) == bytes(PAD) + words + bytes(PAD)

    def test_at_the_very_beginning_there_is_nothing_before(self, tone, silence) -> None:
        (utterance,) = hear(DetectedSpeech(None, io.BytesIO), tone(0.4) + silence(0.6))
        assert pcm_of(utterance) == tone(0.4) + bytes(PAD)

    def test_two_utterances(self, tone, silence) -> None:
        pcm = tone(0.4, hz=300) + silence(0.6) + tone(0.2, hz=900) + silence(0.6)
        first, second = hear(DetectedSpeech(None, io.BytesIO), pcm)
        assert pcm_of(first) == tone(0.4, hz=300) + bytes(PAD)
        assert pcm_of(second) == bytes(PAD) + tone(0.2, hz=900) + bytes(PAD)

    def test_an_utterance_that_follows_closely_shares_no_sound_with_the_one_before(self, tone, silence) -> None:
        pcm = tone(0.4) + silence(0.12) + tone(0.4) + silence(0.12)
        first, second = hear(DetectedSpeech(Detection(silence_duration_ms=100), io.BytesIO), pcm)
        assert pcm_of(first) + pcm_of(second) == pcm[:-640]

    def test_the_end_of_the_stream_ends_speech_at_once(self, tone) -> None:
        speech = DetectedSpeech(None, io.BytesIO)
        assert hear(speech, tone(0.51)) == []
        (utterance,) = ended(speech.stop())
        assert pcm_of(utterance) == tone(0.51)

    def test_the_stream_reopens(self, tone) -> None:
        speech = DetectedSpeech(None, io.BytesIO)
        for hz in (300, 900):
            hear(speech, tone(0.5, hz=hz) + b"\x01")
            (utterance,) = ended(speech.stop())
            assert pcm_of(utterance) == tone(0.5, hz=hz)

    def test_silence_is_no_utterance(self, silence) -> None:
        speech = DetectedSpeech(None, io.BytesIO)
        assert hear(speech, silence(10)) == []
        assert speech.stop() == []

    def test_a_silence_that_outlasts_the_look_back_is_cut_off_again(self, tone, silence) -> None:
        speech = DetectedSpeech(Detection(silence_duration_ms=5_000), io.BytesIO)
        assert LOOK_BACK_BYTES < 5 * 32_000
        (utterance,) = hear(speech, tone(0.4) + silence(5.1))
        assert pcm_of(utterance) == tone(0.4) + bytes(PAD)

    def test_a_prefix_that_never_comes_keeps_only_the_look_back(self, tone) -> None:
        speech = DetectedSpeech(Detection(prefix_padding_ms=2_000_000_000), io.BytesIO)
        hear(speech, tone(1.0) * 10)
        assert len(speech._buffer) <= LOOK_BACK_BYTES
        assert speech.stop() == []

    def test_other_rates_are_detected_too(self, tone, silence) -> None:
        pcm = silence(0.5, rate=48_000) + tone(1.0, hz=1_000, rate=48_000) + silence(0.7, rate=48_000)
        (utterance,) = hear(DetectedSpeech(None, io.BytesIO), pcm, rate=48_000)
        assert utterance.seconds == pytest.approx(1.2, abs=0.05)

    def test_closing_lets_go_of_an_unfinished_utterance(self, tone) -> None:
        spool = io.BytesIO()
        speech = DetectedSpeech(None, lambda: spool)
        hear(speech, tone(0.5))
        speech.close()
        assert spool.closed

    def test_the_start_is_told_while_it_is_spoken(self, tone, silence) -> None:
        speech = DetectedSpeech(None, io.BytesIO)
        assert speech.push(AudioChunk(silence(1.0))) == []
        assert speech.push(AudioChunk(tone(0.1))) == [SpeechStarted(1.0)]
        assert speech.speaking
        (end,) = speech.push(AudioChunk(silence(1.0)))
        assert isinstance(end, SpeechEnded)
        assert end.offset_seconds == pytest.approx(1.1)
        assert not speech.speaking

    def test_offsets_count_on_from_stream_to_stream(self, tone, silence) -> None:
        speech = DetectedSpeech(None, io.BytesIO)
        speech.push(AudioChunk(silence(2.5)))
        speech.stop()
        assert speech.push(AudioChunk(silence(0.5) + tone(0.1))) == [SpeechStarted(3.0)]


class TestAllInput:
    """TURN_INCLUDES_ALL_INPUT: the silence before an utterance belongs to it."""

    @pytest.mark.parametrize("block", [2, 1_024, 1_000_000])
    def test_detected_speech(self, tone, silence, block) -> None:
        speech = DetectedSpeech(None, io.BytesIO, all_input=True)
        one, two = silence(3.0) + tone(0.8), silence(2.7) + tone(0.4)
        first, second = hear(speech, one + two + silence(0.6), block)
        assert pcm_of(first) == one + bytes(PAD)
        assert pcm_of(second) == two[PAD:] + bytes(PAD)

    def test_streams_that_end(self, tone, silence) -> None:
        speech = DetectedSpeech(None, io.BytesIO, all_input=True)
        hear(speech, silence(0.5))
        assert ended(speech.stop()) == []
        (utterance,) = hear(speech, silence(3.0) + tone(0.5) + silence(0.6))
        assert pcm_of(utterance) == silence(3.5) + tone(0.5) + bytes(PAD)
        speech.close()

    def test_manual(self, tone, silence) -> None:
        speech = ManualSpeech(io.BytesIO, all_input=True)
        hear(speech, silence(0.3))
        speech.start()
        hear(speech, tone(0.5))
        (first,) = ended(speech.stop())
        assert pcm_of(first) == silence(0.3) + tone(0.5)
        hear(speech, silence(0.2))
        speech.start()
        (second,) = ended(speech.stop())
        assert pcm_of(second) == silence(0.2)
