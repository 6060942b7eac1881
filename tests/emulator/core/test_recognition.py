"""Speech whose words are recognized outside of the core: what waits for them, and what they change."""

from __future__ import annotations

import pytest

from livecli.emulator.core.script import ScriptedBehaviour
from livecli.emulator.core.script_file import read_script
from livecli.emulator.core.utterance import Utterance
from livecli.emulator.pace import Pace
from livecli.protocol import events
from livecli.protocol.messages import AudioTranscriptionConfig, GenerationConfig, SpeechConfig
from livecli.protocol.models import MODELS
from tests.emulator.core.test_dialogue import NATIVE, say_clip, timeline

TRAINS = '[[turn]]\nmatch = "train|station"\nsay = "It is around the corner."\n'


def scripted(text: str) -> ScriptedBehaviour:
    return ScriptedBehaviour(read_script(text, lambda name: []))


def finish(utterance: Utterance, words: str | None) -> None:
    utterance.recognized, utterance.is_in_recognition = words, False


def words(messages: list, kind: type) -> str:
    return "".join(event.text for message in messages for event in message if isinstance(event, kind))


def speak(session, pcm: bytes, now: float = 0.0) -> None:
    session.say(events.ActivityStart(), events.AudioChunk(pcm), events.ActivityEnd(), now=now)


@pytest.fixture
def transcribing(setup):
    """A setup that asks for both transcripts."""

    def make(**fields):
        both = {
            name: AudioTranscriptionConfig() for name in ("input_audio_transcription", "output_audio_transcription")
        }
        return setup(**both, **fields)

    return make


def test_an_answer_waits_for_the_words_and_match_sees_them(talk, transcribing, tone) -> None:
    asked: list[Utterance] = []
    session = talk(transcribing(), behaviour=scripted(TRAINS), recognize=asked.append)
    speak(session, tone(1.0))
    assert not [message for message in session.answers() if message]
    assert session.conversation.wake_at is None
    [utterance] = asked
    assert len(b"".join(utterance.blocks())) == 32_000
    finish(utterance, "where is the station")
    sent = session.answers()
    assert words(sent, events.InputTranscript) == "where is the station"
    assert words(sent, events.OutputTranscript) == "It is around the corner."


@pytest.mark.parametrize("recognized", [None, "what time is it"])
def test_other_words_are_echoed_and_unknown_ones_are_a_length(talk, transcribing, tone, recognized) -> None:
    asked: list[Utterance] = []
    session = talk(transcribing(), behaviour=scripted(TRAINS), recognize=asked.append)
    speak(session, tone(1.0))
    finish(asked[0], recognized)
    sent = session.answers()
    assert words(sent, events.InputTranscript) == words(sent, events.OutputTranscript)
    assert words(sent, events.InputTranscript) == (recognized or "[1.0 s of speech]")


def test_a_turn_without_match_takes_no_words_from_one_that_matches(talk, transcribing, tone) -> None:
    asked: list[Utterance] = []
    script = '[[turn]]\nsay = "Hello."\n' + TRAINS
    session = talk(transcribing(), behaviour=scripted(script), recognize=asked.append)
    for said, answer in (("the station", "It is around the corner."), ("good day", "Hello.")):
        speak(session, tone(1.0))
        finish(asked[-1], said)
        assert words(session.answers(), events.OutputTranscript) == answer


def test_the_words_of_a_script_come_before_those_that_were_recognized(talk, transcribing, tone) -> None:
    asked: list[Utterance] = []
    script = '[[turn]]\nheard = "to the museum"\nsay = "Turn left."\n'
    session = talk(transcribing(), behaviour=scripted(script), recognize=asked.append)
    speak(session, tone(1.0))
    finish(asked[0], "two the new see em")
    sent = session.answers()
    assert words(sent, events.InputTranscript) == "to the museum"
    assert words(sent, events.OutputTranscript) == "Turn left."


def test_what_is_said_meanwhile_is_answered_after_it(talk, transcribing, tone) -> None:
    asked: list[Utterance] = []
    session = talk(transcribing(), recognize=asked.append)
    speak(session, tone(1.0))
    speak(session, tone(0.5))
    finish(asked[1], "second")
    assert not [message for message in session.answers() if message]
    finish(asked[0], "first")
    assert words(session.answers(), events.InputTranscript) == "firstsecond"


def test_a_question_that_was_split_at_a_pause_has_the_words_of_both_parts(talk, transcribing, tone, silence) -> None:
    found = iter(["where is the", "station"])
    session = talk(
        transcribing(manual=False, model=NATIVE),
        models=MODELS,
        behaviour=scripted(TRAINS),
        recognize=lambda utterance: finish(utterance, next(found)),
        pace=Pace.BURST,
    )
    say_clip(session, silence(0.2) + tone(1.0) + silence(0.8) + tone(1.0) + silence(0.6))
    sent = [message for _, message in timeline(session, 60.0)]
    assert words(sent, events.InputTranscript) == "where is thestation"
    assert words(sent, events.OutputTranscript) == "It is around the corner."


@pytest.mark.parametrize(("language", "is_asked"), [("de-DE", False), ("en-IN", True), ("", True)])
def test_speech_in_other_languages_is_not_recognized(talk, transcribing, tone, language: str, is_asked: bool) -> None:
    asked: list[Utterance] = []
    config = GenerationConfig(speech_config=SpeechConfig(language_code=language))
    session = talk(transcribing(generation_config=config), recognize=asked.append)
    speak(session, tone(1.0))
    assert bool(asked) == is_asked


def test_a_session_may_end_meanwhile(talk, transcribing, tone) -> None:
    asked: list[Utterance] = []
    session = talk(transcribing(), recognize=asked.append)
    speak(session, tone(1.0))
    session.conversation.close()
    assert all(spool.closed for spool in session.spools)
