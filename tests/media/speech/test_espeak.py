"""Speech synthesis by eSpeak NG."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

import numpy
import pytest

from livecli.media.speech import espeak
from livecli.media.speech.espeak import EspeakError, speech
from tests.needs import needs_package

ENGLISH = ("en-us",)


@pytest.fixture(autouse=True)
def no_kept_speech():
    needs_package("espeakng_loader")
    speech.cache_clear()


def seconds(pcm: bytes) -> float:
    return len(pcm) / 48_000


def test_words_are_spoken_as_fast_as_people_speak():
    pcm = speech("It is around the corner, on the left.", ENGLISH)
    assert 1.5 < seconds(pcm) < 3
    samples = numpy.frombuffer(pcm, "<i2").astype(float)
    assert 5_000 < abs(samples).max() < 32_768
    spectrum = abs(numpy.fft.rfft(samples)) ** 2
    assert spectrum[: round(4_000 * seconds(pcm))].sum() > 0.9 * spectrum.sum(), "a voice is below 4 kHz"


def test_the_same_words_have_the_same_bytes_whatever_was_said_before():
    first = speech("Good morning.", ENGLISH)
    speech("Bonjour, il fait beau.", ("fr",), "f2", 65)
    speech.cache_clear()
    assert speech("Good morning.", ENGLISH) == first


def test_language_variant_and_pitch_make_another_sound():
    plain = speech("Paris is nice", ENGLISH)
    others = [
        speech("Paris is nice", ("fr",)),
        speech("Paris is nice", ENGLISH, "f2"),
        speech("Paris is nice", ENGLISH, "", 80),
    ]
    assert len({plain, *others}) == 4


def test_the_first_language_that_there_is_is_spoken():
    assert speech("Hallo", ("xx-yy", "xx", "de")) == speech("Hallo", ("de",))
    with pytest.raises(EspeakError, match="no voice for xx-yy"):
        speech("Hallo", ("xx-yy", "xx"))


@pytest.mark.parametrize("words", ["", " ", "...", "\0", "?!"])
def test_words_without_sound(words):
    assert speech(words, ENGLISH) == b""


def test_threads_that_speak_at_once_have_the_words_of_their_own():
    before = {*threading.enumerate()}
    alone = [speech(f"number {n}", ENGLISH) for n in range(6)]
    speech.cache_clear()
    with ThreadPoolExecutor(3) as threads:
        assert list(threads.map(lambda n: speech(f"number {n}", ENGLISH), range(6))) == alone
    assert {*threading.enumerate()} <= before


def test_any_text_is_taken():
    assert seconds(speech("\ud800 x \x1b[31m <speak>&amp; [[h@l'oU]] 😀 漢字", ENGLISH)) > 0.5


def test_a_library_that_cannot_be_used_says_why(monkeypatch, tmp_path):
    import espeakng_loader

    with monkeypatch.context() as patched:
        patched.setattr(espeakng_loader, "get_data_path", lambda: "/x" * 100)
        with pytest.raises(EspeakError, match="more than 150 bytes"):
            speech("Hello", ENGLISH)
        patched.setattr(espeakng_loader, "get_data_path", lambda: str(tmp_path))
        with pytest.raises(EspeakError, match="does not find its voices"):
            speech("Hello", ENGLISH)
        patched.undo()
        patched.setattr(espeakng_loader, "get_library_path", lambda: str(tmp_path / "none.so"))
        with pytest.raises(EspeakError, match="cannot be loaded"):
            speech("Hello", ENGLISH)
    assert seconds(speech("Hello", ENGLISH)) > 0.2


def test_it_is_there_where_the_package_is():
    assert espeak.can_speak()
