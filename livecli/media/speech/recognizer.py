"""Speech recognition by PocketSphinx in a process of its own, of the extra `livecli[speech]`. It knows US English.

PocketSphinx is under a BSD licence, and its package contains the model and a dictionary of 134,000 words.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import re
import sys
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import NamedTuple

from ...errors import FileError
from ...process.installer import install_extra_command
from ...protocol.audio_rates import INPUT_RATE
from ..pcm import SAMPLE_BYTES

PROGRAM = Path(__file__).with_name("pocketsphinx_program.py")

MAX_BYTES = 30 * INPUT_RATE * SAMPLE_BYTES
"""The longest utterance that is recognized: it takes a fifth of its length, and the others wait."""


class RecognizerError(Exception):
    """The process of PocketSphinx has failed, and why."""


class Recognition(NamedTuple):
    """The result of a recognition: the words of free decoding, and the phrases that were spotted, in order."""

    decoded: str
    spotted: tuple[str, ...]

    @property
    def words(self) -> str | None:
        """The transcript: the phrases, unless the decoded words have them anyhow; None where there are no words."""
        if all(phrase in self.decoded for phrase in self.spotted):
            return self.decoded or None
        return " ".join(self.spotted)


class Recognizer:
    """Recognizes utterances one after another. The process is started with the first, and again after a failure."""

    def __init__(self, phrases: Sequence[str] = ()) -> None:
        self._phrases = list(phrases)
        self._lock = asyncio.Lock()
        self._process: asyncio.subprocess.Process | None = None
        self._exchanges: set[asyncio.Task[Recognition]] = set()

    async def start(self) -> None:
        """Start the process, which loads its model then, in half a second."""
        async with self._lock:
            await self._running()

    async def recognize(self, pcm: bytes) -> Recognition:
        """The words of an utterance, mono PCM16 at INPUT_RATE. Raises RecognizerError."""
        exchange = asyncio.ensure_future(self._exchange(pcm))
        self._exchanges.add(exchange)
        exchange.add_done_callback(self._note_done)
        # It goes on where the session ends meanwhile, because its answer has to be read before the next one.
        return await asyncio.shield(exchange)

    async def close(self) -> None:
        """End the process."""
        if self._process is not None:
            with contextlib.suppress(ProcessLookupError):
                self._process.kill()
            await self._process.wait()
        if self._exchanges:
            await asyncio.wait(self._exchanges)

    async def _exchange(self, pcm: bytes) -> Recognition:
        async with self._lock:
            process = await self._running()
            assert process.stdin is not None and process.stdout is not None
            try:
                process.stdin.write(b"%d\n" % len(pcm) + pcm)
                await process.stdin.drain()
                line = await process.stdout.readline()
            except ConnectionError:
                line = b""
            if not line:
                self._process = None
                raise RecognizerError(f"PocketSphinx has ended with status {await process.wait()}")
            found = json.loads(line)
            return Recognition(found["decoded"], tuple(found["spotted"]))

    async def _running(self) -> asyncio.subprocess.Process:
        if self._process is None:
            # A folder of the user's does not stand in for a package, and Ctrl-C is for this process alone.
            try:
                self._process = await asyncio.create_subprocess_exec(
                    *(sys.executable, "-P", PROGRAM),
                    stdin=asyncio.subprocess.PIPE,
                    stdout=asyncio.subprocess.PIPE,
                    start_new_session=True,
                )
            except OSError as error:
                raise RecognizerError(f"PocketSphinx cannot be started: {error.strerror}") from error
            assert self._process.stdin is not None
            self._process.stdin.write(json.dumps(self._phrases).encode() + b"\n")
        return self._process

    def _note_done(self, exchange: asyncio.Task[Recognition]) -> None:
        self._exchanges.discard(exchange)
        if not exchange.cancelled():
            # Its error is for a session that may have ended.
            exchange.exception()


def check_installed() -> None:
    """Raise FileError where PocketSphinx is not installed."""
    if find_spec("pocketsphinx") is None:
        raise FileError(
            "--hear needs the package pocketsphinx, which is not installed", hint=install_extra_command("speech")
        )


def unknown_words(phrases: Sequence[str]) -> set[str]:
    """The words of the phrases, as `normalized` writes them, that PocketSphinx's dictionary lacks."""
    words = {word for phrase in phrases for word in phrase.split()}
    return words - _dictionary() if words else words


def normalized(phrase: str) -> str:
    """The phrase as the dictionary spells it: in small letters, without punctuation but apostrophes."""
    return " ".join(re.findall(r"[^\W_]+(?:['’.-][^\W_]+)*", phrase.lower().replace("’", "'")))


def _dictionary() -> set[str]:
    from pocketsphinx import get_model_path

    text = Path(get_model_path("en-us/cmudict-en-us.dict")).read_text(encoding="utf-8")
    return {line.partition(" ")[0] for line in text.splitlines()}
