"""The emulator speaks and hears: answers in words, by eSpeak NG, to words that PocketSphinx recognizes."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from livecli.emulator import option_files
from livecli.media.file_source import SAMPLE
from livecli.media.speech import espeak, recognizer
from livecli.process.installer import install_extra_command
from tests.end_to_end.conftest import read_wav, write_wav
from tests.needs import needs_package

Livecli = Callable[..., Any]

SCRIPT = '[[turn]]\nsay = "It is around the corner."\n'


@pytest.fixture
def _speech() -> None:
    needs_package("espeakng_loader")


def reply(livecli: Livecli, *words: Any) -> bytes:
    ran = livecli("send", "-q", "-o", "reply.wav", *words)
    assert ran.status == 0, ran.err
    rate, pcm = read_wav(Path("reply.wav"))
    assert rate == 24_000
    return pcm


@pytest.mark.usefixtures("_speech")
def test_text_is_said_back_and_a_script_is_spoken(livecli: Livecli, tmp_path: Path) -> None:
    (tmp_path / "s.toml").write_text(SCRIPT)
    assert reply(livecli, "--text", "Good morning", "--local") == espeak.speech("Good morning", ("en-us",))
    corner = espeak.speech("It is around the corner.", ("en-us",))
    assert reply(livecli, "--text", "x", "--local", "--script", "s.toml") == corner
    french = reply(livecli, "--text", "Bonjour", "--local", "--voice", "Kore", "--language", "fr-FR")
    assert french not in (b"", reply(livecli, "--text", "Bonjour", "--local"))


@pytest.mark.usefixtures("_speech")
@pytest.mark.parametrize("pace", ["burst", "realtime"])
def test_speech_keeps_the_pace_and_the_faults(livecli: Livecli, tmp_path: Path, pace: str) -> None:
    (tmp_path / "s.toml").write_text(SCRIPT)
    words = ("send", "-q", "--json", "--text", "x", "--local", "--script", "s.toml", "--pace", pace)
    ran = livecli(*words)
    seconds = ran.summary["received"]["audio_seconds"]
    assert ran.summary["latency_ms"]["turn"] / 1000 > 0.9 * seconds
    assert livecli(*words, "--fault", "close=4000:no@reply:2", "--retries", 0).status == 6


def test_without_the_extra_words_are_tones(livecli: Livecli, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(option_files, "can_speak", lambda: False)
    assert len(reply(livecli, "--text", "Good morning", "--local")) == 12 * 2 * 1_440, "60 ms a character"


@pytest.mark.usefixtures("_speech")
def test_many_sessions_are_spoken_to_at_once(livecli_and_children: Livecli) -> None:
    code = (
        "import asyncio, livecli\n"
        "async def main():\n"
        "    async with livecli.serve() as server:\n"
        "        words = [f'number {n} of many' for n in range(8)]\n"
        "        asked = [livecli.send(text=each, base_url=server.url) for each in words]\n"
        "        for each, reply in zip(words, await asyncio.gather(*asked)):\n"
        "            assert reply.text == each and 0.5 < len(reply.audio) / 48_000 < 3, reply\n"
        "asyncio.run(main())\n"
    )
    ran = livecli_and_children("serve", "-q", "--", sys.executable, "-W", "error", "-c", code)
    assert (ran.status, ran.out, ran.err) == (0, "", "")


HEARS = """
hear = ["Where is the nearest train station?", "What is the weather like in Paris today?"]

[[turn]]
match = "train station"
say = "It is around the corner."

[[turn]]
match = "weather.* paris"
say = "It is sunny."
"""


@pytest.mark.usefixtures("_speech")
def test_what_is_spoken_is_heard_and_answered_by_a_script(livecli: Livecli, tmp_path: Path) -> None:
    """A person's question, one of eSpeak NG's, and another sentence of its, which is not taken for either."""
    needs_package("pocketsphinx")
    (tmp_path / "s.toml").write_text(HEARS)
    (tmp_path / "person.wav").write_bytes(Path(SAMPLE).read_bytes())
    for name, words in (("robot", "what is the weather like in paris today"), ("other", "can you read some books")):
        write_wav(tmp_path / f"{name}.wav", espeak.speech(words, ("en-us",), "f2"), rate=24_000)
    inputs = [f"{name}.wav" for name in ("person", "robot", "other")]
    ran = livecli("send", *inputs, "--local", "--hear", "--script", "s.toml", "-q", "-o", "replies")
    assert ran.status == 0, ran.err
    person, robot, other = ran.out.splitlines()
    assert person == "person.wav: It is around the corner."
    assert robot == "robot.wav: It is sunny."
    assert other.startswith("other.wav: ")
    assert other.removeprefix("other.wav: ") not in ("", "It is around the corner.", "It is sunny.")


@pytest.mark.usefixtures("_speech")
def test_other_languages_are_not_guessed_at(livecli: Livecli) -> None:
    needs_package("pocketsphinx")
    ran = livecli("send", "--sample", "--local", "--hear", "--language", "de-DE", "-q")
    assert (ran.status, ran.out) == (0, "[2.2 s of speech]\n")


def test_hearing_without_the_extra_is_an_error_with_its_command(
    livecli: Livecli, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(recognizer, "find_spec", lambda name: None)
    for words in (("serve",), ("send", "--sample", "--local"), ("chat", "--local")):
        ran = livecli(*words, "--hear")
        assert (ran.status, ran.out) == (3, "")
        assert ran.err == (
            "error: --hear needs the package pocketsphinx, which is not installed\n"
            f"hint: {install_extra_command('speech')}\n"
        )


def test_what_cannot_be_heard_is_an_error(livecli: Livecli, tmp_path: Path) -> None:
    needs_package("pocketsphinx")
    (tmp_path / "s.toml").write_text('hear = ["call livecli"]\n[[turn]]\nsay = "yes"\n')
    ran = livecli("serve", "--hear", "--script", "s.toml")
    assert (ran.status, ran.err.splitlines()[0]) == (
        3,
        "error: s.toml:1: `hear` has words that PocketSphinx does not know: livecli",
    )
    ran = livecli("serve", "--hear", "--replay", "x.live")
    assert (ran.status, ran.err.splitlines()[0]) == (2, "error: --hear cannot be combined with --replay")
    ran = livecli("send", "--sample", "--hear", "--base-url", "ws://127.0.0.1:1")
    assert (ran.status, ran.err.splitlines()[0]) == (2, "error: --hear is for the emulator")
