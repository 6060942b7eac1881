"""The emulator speaks: answers in words, by eSpeak NG."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from livecli.emulator import option_files
from livecli.media import espeak
from tests.end_to_end.conftest import read_wav
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
    assert 0.9 * seconds < ran.summary["latency_ms"]["turn"] / 1000 < seconds + 1
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
