"""The command lines of livecli and its peers for the same job: send this file to that server as fast as it goes."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from .measure import HERE, LIVECLI, PYTHON

Client = Callable[[str, Path], list[str]]


def livecli(url: str, file: Path) -> list[str]:
    return [LIVECLI, "send", str(file), "--base-url", url, "--speed", "0", "-o", "reply.wav"]


def tutorial(url: str, file: Path) -> list[str]:
    return [PYTHON, str(HERE / "peers/tutorial.py"), url, str(file)]


def google_genai(url: str, file: Path) -> list[str]:
    return [PYTHON, str(HERE / "peers/google_genai.py"), url, str(file)]


CLIENTS: dict[str, Client] = {"livecli": livecli, "tutorial": tutorial, "google-genai": google_genai}
