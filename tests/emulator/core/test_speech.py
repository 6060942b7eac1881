"""From audio to utterances: the bytes that are in them, to the byte."""

import io
from collections.abc import Iterable

import numpy as np
import pytest

from livecli.emulator.core.speech import LOOK_BACK_BYTES, DetectedSpeech, ManualSpeech, Sound, SpeechBegan, SpeechEnded
from livecli.emulator.core.utterance import Utterance
from livecli.protocol.events import AudioChunk
from livecli.protocol.messages import AutomaticActivityDetection as Detection

PAD = 3_200  # bytes: 100 ms


def hear(ear, pcm: bytes, block: int = 1_024, rate: int = 16_000) -> list[Utterance]:
    chunks = (AudioChunk(pcm[start : start + block], rate) for start in range(0, len(pcm), block))
    return ended(sound for chunk in chunks for sound in ear.hear(chunk))


def ended(sounds: Iterable[Sound]) -> list[Utterance]:
    return [sound.utterance for sound in sounds if isinstance(sound, SpeechEnded)]


def pcm_of(utterance: Utterance) -> bytes:
    return b"".join(utterance.blocks())


def spectral_peak(pcm: bytes, rate: int) -> float:
    samples = np.frombuffer(pcm, "<i2")
    return float(np.abs(np.fft.rfft(samples * np.hanning(len(samples)))).argmax()) * rate / len(samples)


class TestManual:
    def test_what_is_between_start_and_end_is_the_utterance(self, tone) -> None:
        ear = ManualSpeech(io.BytesIO)
        pcm = tone(0.5)
        hear(ear, tone(0.1))  # outside: not heard
        ear.start()
        assert hear(ear, pcm) == []
        (utterance,) = ended(ear.stop())
        assert pcm_of(utterance) == pcm
        assert utterance.seconds == 0.5

    def test_nothing_between_them_is_an_empty_utterance(self) -> None:
        ear = ManualSpeech(io.BytesIO)
        ear.start()
        (utterance,) = ended(ear.stop())
        assert utterance.length_bytes == 0

    def test_an_end_without_a_start_is_nothing(self) -> None:
        assert ManualSpeech(io.BytesIO).stop() == []

    def test_a_second_start_goes_on(self, tone) -> None:
        ear = ManualSpeech(io.BytesIO)
        ear.start()
        hear(ear, tone(0.1))
        ear.start()
        hear(ear, tone(0.1))
        (utterance,) = ended(ear.stop())
        assert utterance.seconds == 0.2

    def test_chunks_of_odd_lengths_are_one_stream(self, tone) -> None:
        ear = ManualSpeech(io.BytesIO)
        pcm = tone(0.5)
        ear.start()
        hear(ear, pcm, block=1_023)
        (utterance,) = ended(ear.stop())
        assert pcm_of(utterance) == pcm

    @pytest.mark.parametrize("rate", [8_000, 24_000, 44_100, 48_000])
    def test_any_rate_is_heard_at_16_khz(self, tone, rate) -> None:
        ear = ManualSpeech(io.BytesIO)
        for _ in range(2):  # the second utterance has nothing of the first in it
            ear.start()
            hear(ear, tone(1.0, hz=1_000, rate=rate), rate=rate)
            (utterance,) = ended(ear.stop())
            assert utterance.length_bytes == 32_000
            assert spectral_peak(pcm_of(utterance), 16_000) == pytest.approx(1_000, abs=1)

    def test_a_rate_that_changes_midway_loses_nothing(self, tone) -> None:
        ear = ManualSpeech(io.BytesIO)
        ear.start()
        for rate in (16_000, 48_000, 8_000, 16_000):
            hear(ear, tone(0.25, hz=500, rate=rate), rate=rate)
        (utterance,) = ended(ear.stop())
        assert utterance.length_bytes == 32_000
        assert spectral_peak(pcm_of(utterance), 16_000) == pytest.approx(500, abs=2)

    def test_closing_lets_go_of_an_unfinished_utterance(self) -> None:
        spool = io.BytesIO()
        ear = ManualSpeech(lambda: spool)
        ear.start()
        ear.close()
        assert spool.closed


class TestAutomatic:
    @pytest.mark.parametrize("block", [2, 999, 1_024, 1_000_000])
    def test_speech_is_kept_with_100_ms_around_it(self, tone, silence, block) -> None:
        before, speech, after = silence(3.0), tone(0.8), silence(0.7)
        (utterance,) = hear(DetectedSpeech(None, io.BytesIO), before + speech + after, block)
        assert pcm_of(utterance) == bytes(PAD) + speech + bytes(PAD)

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
        ear = DetectedSpeech(None, io.BytesIO)
        assert hear(ear, tone(0.51)) == []
        (utterance,) = ended(ear.stop())
        assert pcm_of(utterance) == tone(0.51)

    def test_the_stream_reopens(self, tone) -> None:
        ear = DetectedSpeech(None, io.BytesIO)
        for hz in (300, 900):
            hear(ear, tone(0.5, hz=hz) + b"\x01")
            (utterance,) = ended(ear.stop())
            assert pcm_of(utterance) == tone(0.5, hz=hz)

    def test_silence_is_no_utterance(self, silence) -> None:
        ear = DetectedSpeech(None, io.BytesIO)
        assert hear(ear, silence(10)) == []
        assert ear.stop() == []

    def test_a_silence_that_outlasts_the_look_back_is_cut_off_again(self, tone, silence) -> None:
        ear = DetectedSpeech(Detection(silence_duration_ms=5_000), io.BytesIO)
        assert LOOK_BACK_BYTES < 5 * 32_000
        (utterance,) = hear(ear, tone(0.4) + silence(5.1))
        assert pcm_of(utterance) == tone(0.4) + bytes(PAD)

    def test_a_prefix_that_never_comes_keeps_only_the_look_back(self, tone) -> None:
        ear = DetectedSpeech(Detection(prefix_padding_ms=2_000_000_000), io.BytesIO)
        hear(ear, tone(1.0) * 10)
        assert len(ear._recent) <= LOOK_BACK_BYTES
        assert ear.stop() == []

    def test_other_rates_are_detected_too(self, tone, silence) -> None:
        pcm = silence(0.5, rate=48_000) + tone(1.0, hz=1_000, rate=48_000) + silence(0.7, rate=48_000)
        (utterance,) = hear(DetectedSpeech(None, io.BytesIO), pcm, rate=48_000)
        assert utterance.seconds == pytest.approx(1.2, abs=0.05)

    def test_closing_lets_go_of_an_unfinished_utterance(self, tone) -> None:
        spool = io.BytesIO()
        ear = DetectedSpeech(None, lambda: spool)
        hear(ear, tone(0.5))
        ear.close()
        assert spool.closed

    def test_the_start_is_told_while_it_is_spoken(self, tone, silence) -> None:
        ear = DetectedSpeech(None, io.BytesIO)
        assert ear.hear(AudioChunk(silence(1.0))) == []
        assert ear.hear(AudioChunk(tone(0.1))) == [SpeechBegan(1.0)]
        assert ear.speaking
        (end,) = ear.hear(AudioChunk(silence(1.0)))
        assert isinstance(end, SpeechEnded)
        assert end.offset_seconds == pytest.approx(1.1)
        assert not ear.speaking

    def test_offsets_count_on_from_stream_to_stream(self, tone, silence) -> None:
        ear = DetectedSpeech(None, io.BytesIO)
        ear.hear(AudioChunk(silence(2.5)))
        ear.stop()
        assert ear.hear(AudioChunk(silence(0.5) + tone(0.1))) == [SpeechBegan(3.0)]


class TestAllInput:
    """TURN_INCLUDES_ALL_INPUT: the silence before an utterance belongs to it."""

    @pytest.mark.parametrize("block", [2, 1_024, 1_000_000])
    def test_detected_speech(self, tone, silence, block) -> None:
        ear = DetectedSpeech(None, io.BytesIO, all_input=True)
        one, two = silence(3.0) + tone(0.8), silence(2.7) + tone(0.4)
        first, second = hear(ear, one + two + silence(0.6), block)
        assert pcm_of(first) == one + bytes(PAD)
        assert pcm_of(second) == two[PAD:] + bytes(PAD)

    def test_streams_that_end(self, tone, silence) -> None:
        ear = DetectedSpeech(None, io.BytesIO, all_input=True)
        hear(ear, silence(0.5))
        assert ended(ear.stop()) == []
        (utterance,) = hear(ear, silence(3.0) + tone(0.5) + silence(0.6))
        assert pcm_of(utterance) == silence(3.5) + tone(0.5) + bytes(PAD)
        ear.close()

    def test_manual(self, tone, silence) -> None:
        ear = ManualSpeech(io.BytesIO, all_input=True)
        hear(ear, silence(0.3))
        ear.start()
        hear(ear, tone(0.5))
        (first,) = ended(ear.stop())
        assert pcm_of(first) == silence(0.3) + tone(0.5)
        hear(ear, silence(0.2))
        ear.start()
        (second,) = ended(ear.stop())
        assert pcm_of(second) == silence(0.2)
