"""Voices and languages of the emulator, and the tones that replace speech where eSpeak NG cannot be used."""

from __future__ import annotations

import pytest

from livecli.emulator import speech_synthesis
from livecli.emulator.core.behaviour import tones
from livecli.emulator.core.synthesis import Synthesis, VoiceChoice
from livecli.emulator.speech_synthesis import FEMALE_VOICES, languages_of, make, variant_of
from livecli.media.speech import espeak
from livecli.protocol.names import LANGUAGES, VOICES
from tests.needs import needs_package


def test_each_voice_has_a_sound_of_its_own_and_its_gender():
    sounds = {name: variant_of(name) for name in VOICES}
    assert len(set(sounds.values())) == len(VOICES)
    assert {name for name, (variant, _) in sounds.items() if variant.startswith("f")} == FEMALE_VOICES
    assert set(VOICES) >= FEMALE_VOICES
    assert variant_of("a voice of another product") == variant_of("") == ("", 50)


@pytest.mark.parametrize(
    ("code", "names"),
    [
        ("", ("en-us",)),
        ("pt-BR", ("pt-br", "pt", "en-us")),
        ("de", ("de", "en-us")),
        ("es_US", ("es-us", "es", "en-us")),
    ],
)
def test_a_language_is_looked_for_from_the_special_to_the_general(code, names):
    assert languages_of(code) == names


def test_every_documented_language_is_spoken():
    needs_package("espeakng_loader")
    english = espeak.speech("1 2", ("en-us",))
    for code in LANGUAGES:
        spoken = espeak.speech("1 2", languages_of(code)[:-1])
        assert (spoken == english) == (code == "en-US"), code


async def test_it_is_made_in_a_thread():
    needs_package("espeakng_loader")
    lines: list[str] = []
    synthesis = Synthesis("Good morning", VoiceChoice("Kore", "en-US"))
    await make(synthesis, lines.append)
    assert synthesis.speech is not None and 0.4 < len(b"".join(synthesis.speech)) / 48_000 < 1
    assert b"".join(synthesis.speech) == espeak.speech("Good morning", ("en-us", "en", "en-us"), *variant_of("Kore"))
    assert not lines


async def test_words_without_sound_are_tones():
    needs_package("espeakng_loader")
    synthesis = Synthesis("...", VoiceChoice())
    await make(synthesis, [].append)
    assert synthesis.speech == [*tones("...")]


async def test_words_are_tones_where_it_cannot_be_used_and_the_log_says_why(monkeypatch):
    def fail(*args):
        raise espeak.EspeakError("eSpeak NG does not find its voices")

    monkeypatch.setattr(speech_synthesis.espeak, "speech", fail)
    lines: list[str] = []
    synthesis = Synthesis("Hello", VoiceChoice())
    await make(synthesis, lines.append)
    assert synthesis.speech == [*tones("Hello")]
    assert lines == ["tones instead of speech: eSpeak NG does not find its voices"]
