"""Where speech begins and ends, to the sample: 16 samples are a millisecond, a window is 20 ms."""

import pytest

from livecli.emulator.core.voice_activity import SpeechEnd, SpeechStart, VoiceActivity
from livecli.protocol.messages import AutomaticActivityDetection as Detection

MS = 16  # samples


def heard(voice: VoiceActivity, pcm: bytes, block: int = 1_024) -> list[object]:
    return [edge for start in range(0, len(pcm), block) for edge in voice.push(pcm[start : start + block])]


@pytest.mark.parametrize("block", [2, 7, 640, 1_024, 1_000_000])
def test_speech_between_silence_begins_and_ends_where_it_does(tone, silence, block) -> None:
    pcm = silence(1.0) + tone(0.8) + silence(0.6)
    assert heard(VoiceActivity(), pcm, block) == [SpeechStart(1_000 * MS), SpeechEnd(1_800 * MS)]


def test_the_end_is_certain_once_the_silence_has_lasted(tone, silence) -> None:
    voice = VoiceActivity(Detection(silence_duration_ms=300))
    assert heard(voice, tone(0.2) + silence(0.28)) == [SpeechStart(0)]
    assert voice.push(silence(0.02)) == [SpeechEnd(200 * MS)]


@pytest.mark.parametrize(
    ("detection", "silence_ms"),
    [
        (None, 460),
        (Detection(end_of_speech_sensitivity="END_SENSITIVITY_HIGH"), 460),
        (Detection(end_of_speech_sensitivity="END_SENSITIVITY_LOW"), 800),
        (Detection(silence_duration_ms=100, end_of_speech_sensitivity="END_SENSITIVITY_LOW"), 100),
        (Detection(silence_duration_ms=0), 20),
        (Detection(silence_duration_ms=-5), 20),
        (Detection(silence_duration_ms=2_000), 2_000),
    ],
)
def test_how_long_the_silence_must_be(tone, silence, detection, silence_ms) -> None:
    voice = VoiceActivity(detection)
    voice.push(tone(0.5))
    assert voice.push(silence((silence_ms - 20) / 1000)) == []
    assert voice.push(silence(0.02)) == [SpeechEnd(500 * MS)]


def test_a_pause_that_is_shorter_belongs_to_the_speech(tone, silence) -> None:
    pcm = tone(0.4) + silence(0.44) + tone(0.4) + silence(0.5)
    assert heard(VoiceActivity(), pcm) == [SpeechStart(0), SpeechEnd(1_240 * MS)]


def test_two_utterances_are_two(tone, silence) -> None:
    pcm = (tone(0.4) + silence(0.6)) * 2
    edges = [SpeechStart(0), SpeechEnd(400 * MS), SpeechStart(1_000 * MS), SpeechEnd(1_400 * MS)]
    assert heard(VoiceActivity(), pcm) == edges
    assert VoiceActivity().push(pcm) == edges


def test_a_prefix_waits_for_that_much_speech_and_then_begins_where_it_began(tone, silence) -> None:
    voice = VoiceActivity(Detection(prefix_padding_ms=200))
    assert heard(voice, silence(1.0) + tone(0.18)) == []
    assert voice.push(tone(0.02)) == [SpeechStart(1_000 * MS)]


def test_a_click_is_no_beginning_where_a_prefix_is_asked_for(tone, silence) -> None:
    voice = VoiceActivity(Detection(prefix_padding_ms=100))
    pcm = tone(0.04) + silence(0.3) + tone(0.04) + silence(0.3) + tone(0.2)
    assert heard(voice, pcm) == [SpeechStart(680 * MS)]


def test_a_beginning_may_contain_the_gap_of_a_stop_consonant(tone, silence) -> None:
    voice = VoiceActivity(Detection(prefix_padding_ms=100))
    assert heard(voice, tone(0.06) + silence(0.1) + tone(0.06)) == [SpeechStart(0)]


@pytest.mark.parametrize(
    ("dbfs", "sensitivity", "speech"),
    [
        (-48, None, True),
        (-48, "START_SENSITIVITY_HIGH", True),
        (-48, "START_SENSITIVITY_LOW", False),
        (-38, "START_SENSITIVITY_LOW", True),
        (-52, None, False),
    ],
)
def test_how_loud_speech_must_be(tone, dbfs, sensitivity, speech) -> None:
    peak = round(32_768 * 2**0.5 * 10 ** (dbfs / 20))  # the level is that of the root mean square
    voice = VoiceActivity(Detection(start_of_speech_sensitivity=sensitivity))
    assert voice.push(tone(0.2, peak=peak)) == ([SpeechStart(0)] if speech else [])


def test_a_flush_ends_the_speech_at_once(tone, silence) -> None:
    voice = VoiceActivity()
    voice.push(silence(0.1) + tone(0.5) + silence(0.1))
    assert voice.flush() == [SpeechEnd(600 * MS)]
    assert voice.flush() == []


def test_a_flush_hears_the_window_that_is_not_full(tone) -> None:
    voice = VoiceActivity()
    voice.push(tone(0.5) + tone(0.01))
    assert voice.flush() == [SpeechEnd(510 * MS)]
    assert voice.push(tone(0.1)) == [SpeechStart(510 * MS)]


def test_less_than_a_window_can_be_speech(tone) -> None:
    voice = VoiceActivity()
    assert voice.push(tone(0.01)) == []
    assert voice.flush() == [SpeechStart(0), SpeechEnd(10 * MS)]


def test_a_flush_of_silence_says_nothing(silence) -> None:
    voice = VoiceActivity()
    voice.push(silence(0.5) + b"\x00")
    assert voice.flush() == []
