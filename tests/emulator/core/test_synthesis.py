"""Words that are made speech outside of the core: their passages, and answers that wait for them."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from livecli.emulator.core.behaviour import Echo
from livecli.emulator.core.synthesis import PASSAGE_CHARACTERS, Synthesis, VoiceChoice, passages
from livecli.protocol import events
from livecli.protocol.messages import (
    AudioTranscriptionConfig,
    GenerationConfig,
    PrebuiltVoiceConfig,
    SpeechConfig,
    VoiceConfig,
)
from livecli.protocol.models import MODELS, Platform, TranscriptPlace

HALF_CASCADE = "projects/p/locations/l/publishers/google/models/gemini-live-2.5-flash"


@pytest.mark.parametrize(
    ("words", "cut"),
    [
        ("", []),
        ("Good morning. Where to?", ["Good morning. Where to?"]),
        ("x" * 299 + ".", ["x" * 299 + "."]),
        ("x" * 700, ["x" * 300, "x" * 300, "x" * 100]),
        (f"One. {'word ' * 50}end. Two.", [f"One. {'word ' * 50}end. Two."]),
        (f"One. {'word ' * 70}end.", ["One.", f" {'word ' * 59}word", " word" * 10 + " end."]),
    ],
)
def test_passages_end_with_a_sentence_or_else_with_a_word(words: str, cut: list[str]) -> None:
    assert list(passages(words)) == cut
    assert "".join(cut) == words


def test_a_long_text_is_made_speech_piece_by_piece(talk, setup) -> None:
    asked: list[Synthesis] = []
    session = talk(setup(), behaviour=Echo(), synthesize=asked.append)
    session.say(events.Text("word " * 200))
    session.answers()
    for count in range(1, 5):
        assert len(asked) == count
        assert len(asked[-1].words) <= PASSAGE_CHARACTERS
        asked[-1].speech = [bytes(48_000)]
        sent = [event for message in session.answers() for event in message]
    assert isinstance(sent[-2], events.TurnComplete)
    assert "".join(each.words for each in asked) == "word " * 200


@pytest.mark.parametrize("place", TranscriptPlace)
def test_an_answer_waits_for_its_speech_and_has_its_words(talk, setup, place: TranscriptPlace) -> None:
    asked: list[Synthesis] = []
    plain = MODELS["gemini-3.8-live"]
    models = {"gemini-3.8-live": replace(plain, frames=replace(plain.frames, transcript=place))}
    opening = setup(model="models/gemini-3.8-live", output_audio_transcription=AudioTranscriptionConfig())
    session = talk(opening, models=models, synthesize=asked.append)
    session.say(events.Text("Good morning"))
    before = [event for message in session.answers() for event in message]
    assert not [event for event in before if isinstance(event, (events.AudioChunk, events.TurnComplete))]
    assert session.conversation.wake_at is None
    [synthesis] = asked
    assert (synthesis.words, synthesis.voice) == ("Good morning", VoiceChoice())
    synthesis.speech = [bytes(100_000)]
    after = [event for message in session.answers() for event in message]
    assert sum(len(event.pcm) for event in after if isinstance(event, events.AudioChunk)) == 100_000
    words = [event.text for event in [*before, *after] if isinstance(event, events.OutputTranscript)]
    assert "".join(words) == "Good morning"
    assert any(isinstance(event, events.TurnComplete) for event in after)


def test_what_comes_meanwhile_is_answered_and_speech_that_is_late_is_dropped(talk, setup) -> None:
    asked: list[Synthesis] = []
    session = talk(setup(), synthesize=asked.append)
    session.say(events.Text("one"))
    session.answers()
    session.say(events.ClientTurns([], turn_complete=True))
    sent = [event for message in session.answers() for event in message]
    assert any(isinstance(event, events.Interrupted) for event in sent)
    asked[0].speech = [bytes(2)]
    assert not [m for m in session.answers() if any(isinstance(event, events.AudioChunk) for event in m)]


def test_text_is_not_spoken_where_the_answer_is_text(talk, setup) -> None:
    asked: list[Synthesis] = []
    text = GenerationConfig(response_modalities=["TEXT"])
    opening = setup(Platform.VERTEX, model=HALF_CASCADE, generation_config=text)
    session = talk(opening, Platform.VERTEX, models=MODELS, synthesize=asked.append)
    session.say(events.Text("one"))
    assert any(isinstance(event, events.ModelText) for message in session.answers() for event in message)
    assert not asked


def test_the_voice_is_that_of_the_setup(talk, setup) -> None:
    asked: list[Synthesis] = []
    voice = VoiceConfig(prebuilt_voice_config=PrebuiltVoiceConfig(voice_name="Kore"))
    config = GenerationConfig(speech_config=SpeechConfig(voice_config=voice, language_code="fr-FR"))
    session = talk(setup(generation_config=config), synthesize=asked.append)
    session.say(events.Text("Bonjour"))
    session.answers()
    assert [each.voice for each in asked] == [VoiceChoice("Kore", "fr-FR")]
