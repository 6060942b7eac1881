"""Speech recognition in a process of its own: what is recognized, and what happens when the process fails."""

from __future__ import annotations

import asyncio
import signal
import sys
from collections.abc import AsyncIterator

import pytest

from livecli.errors import FileError
from livecli.media.file_source import SAMPLE, read_sound
from livecli.media.speech import recognizer as module
from livecli.media.speech.recognizer import (
    Recognition,
    Recognizer,
    RecognizerError,
    check_installed,
    normalized,
    unknown_words,
)
from livecli.process.installer import install_extra_command
from tests.needs import needs_package

STATION = "where is the nearest train station"


@pytest.fixture(scope="module")
def question() -> bytes:
    needs_package("pocketsphinx")
    return b"".join(read_sound(SAMPLE, 16_000))


@pytest.fixture
async def recognizer() -> AsyncIterator[Recognizer]:
    needs_package("pocketsphinx")
    made = Recognizer([STATION, "thank you goodbye"])
    yield made
    await made.close()


async def test_speech_is_decoded_and_a_phrase_is_spotted_each_time(recognizer: Recognizer, question: bytes) -> None:
    first, silent, again = await asyncio.gather(*map(recognizer.recognize, (question, bytes(32_000), question)))
    assert first == again == Recognition(STATION, (STATION,))
    assert silent.words is None


async def test_a_process_that_ends_is_an_error_and_the_next_utterance_has_another(
    recognizer: Recognizer, question: bytes
) -> None:
    await recognizer.start()
    assert recognizer._process is not None
    recognizer._process.send_signal(signal.SIGKILL)
    with pytest.raises(RecognizerError, match="has ended with status -9"):
        await recognizer.recognize(question)
    assert (await recognizer.recognize(question)).words == STATION


async def test_a_caller_that_leaves_takes_no_answer_of_others(recognizer: Recognizer, question: bytes) -> None:
    leaves = asyncio.ensure_future(recognizer.recognize(bytes(32_000)))
    stays = asyncio.ensure_future(recognizer.recognize(question))
    await asyncio.sleep(0)
    leaves.cancel()
    assert (await stays).words == STATION
    assert leaves.cancelled()


async def test_closing_does_not_wait_for_what_is_under_way(recognizer: Recognizer, question: bytes) -> None:
    waiting = asyncio.ensure_future(recognizer.recognize(question * 10))
    await recognizer.start()
    async with asyncio.timeout(5):
        await recognizer.close()
    with pytest.raises(RecognizerError):
        await waiting


async def test_a_program_that_cannot_be_started(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "executable", "/nowhere/python")
    with pytest.raises(RecognizerError, match="cannot be started: No such file"):
        await Recognizer().recognize(b"")


@pytest.mark.parametrize(
    ("decoded", "spotted", "words"),
    [
        ("", (), None),
        ("go home", (), "go home"),
        ("weather station", (STATION,), STATION),
        (f"oh {STATION} please", (STATION,), f"oh {STATION} please"),
        ("weather", ("one", "two"), "one two"),
    ],
)
def test_the_words_are_the_phrases_unless_they_are_among_what_was_decoded(decoded, spotted, words) -> None:
    assert Recognition(decoded, spotted).words == words


@pytest.mark.parametrize(
    ("written", "phrase"),
    [
        ("Where is the nearest train station?", STATION),
        ("Don’t, please!", "don't please"),
        ("  a.m. / p.m. ", "a.m p.m"),
        ("?!", ""),
        ("x/1e10/\ny", "x 1e10 y"),
    ],
)
def test_a_phrase_is_normalized(written: str, phrase: str) -> None:
    assert normalized(written) == phrase


def test_the_dictionary_has_the_words() -> None:
    needs_package("pocketsphinx")
    check_installed()
    assert unknown_words([]) == set()
    assert unknown_words([STATION, "don't please"]) == set()
    assert unknown_words(["turn on livecli 7 times", STATION]) == {"7", "livecli"}


def test_without_the_package_the_error_has_the_command_that_installs_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "find_spec", lambda name: None)
    with pytest.raises(FileError) as refused:
        check_installed()
    assert refused.value.message == "--hear needs the package pocketsphinx, which is not installed"
    assert refused.value.hint == install_extra_command("speech")
