"""The command lines of livecli and its peers for the same job: send a file to a server as fast as possible."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from .environment import python_with
from .measure import HERE, LIVECLI, PYTHON

Client = Callable[[str, Path], list[str]]


def livecli(url: str, file: Path, speed: str = "0") -> list[str]:
    return [LIVECLI, "send", str(file), "--base-url", url, "--speed", speed, "-o", "reply.wav"]


def unbatched(url: str, file: Path) -> list[str]:
    return [PYTHON, str(HERE / "unbatched.py"), url, str(file)]


def tutorial(url: str, file: Path) -> list[str]:
    return _peer("websockets", "tutorial.py", url, file, "tutorial.wav")


def google_genai(url: str, file: Path, speed: str = "0") -> list[str]:
    return _peer("google-genai", "google_genai.py", url, file, speed)


def aiohttp(url: str, file: Path) -> list[str]:
    return _peer("aiohttp", "aiohttp_client.py", url, file)


def raw_asyncio(url: str, file: Path) -> list[str]:
    return _script("raw_asyncio.py", url, file)


def bare_socket(url: str, file: Path) -> list[str]:
    return _script("bare_socket.py", url, file, "bare.wav")


def flood(url: str, file: Path) -> list[str]:
    return _script("flood.py", url, file)


def _peer(peer: str, script: str, *words: str | Path) -> list[str]:
    return [python_with(peer), *_script(script, *words)[1:]]


def _script(script: str, *words: str | Path) -> list[str]:
    return [PYTHON, str(HERE / "peers" / script), *map(str, words)]


CLIENTS: dict[str, Client] = {"livecli": livecli, "tutorial": tutorial, "google-genai": google_genai}
