"""What `serve` was told about the emulator, as its Options. What a script, a recording or a table of models needs from
the disk is read here; the emulator itself reads nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TypeVar

from ..audio.files import read_sound
from ..emulator import toml_lines
from ..emulator.behaviours import Behaviour, Echo
from ..emulator.faults import Faults, parse_fault
from ..emulator.mistake import Mistake
from ..emulator.recording import parse_recording
from ..emulator.replay import Play, arrange
from ..emulator.script import Scripted
from ..emulator.script_file import read_script
from ..errors import FileError, UsageError
from ..protocol.codec import OUTPUT_RATE
from ..protocol.models import MODELS, Model, load_models

T = TypeVar("T")


def behaviour(script: str | None) -> Callable[[], Behaviour]:
    """What one session's model says: the script's turns, or an echo. Raises FileError naming file and line."""
    if script is None:
        return Echo
    folder = Path(script).parent
    turns = _understood(script, lambda data: read_script(_text(script, data), lambda name: _sound(folder / name)))
    return lambda: Scripted(turns)


def play(recording: str | None) -> Play | None:
    """The recorded session that is to be said again, if any. Raises FileError naming file and line."""
    if recording is None:
        return None
    return _understood(recording, lambda data: arrange(parse_recording(data)))


def models(table: str | None) -> dict[str, Model]:
    """The models that there are: the built-in ones, and those of a TOML file over them."""
    if table is None:
        return dict(MODELS)
    try:
        return load_models(_understood(table, lambda data: toml_lines.load(_text(table, data))))
    except ValueError as error:
        raise FileError(f"{table}: {error}") from error


def faults(words: Sequence[str]) -> Faults:
    """What is to go wrong. Raises UsageError naming the one that cannot be understood."""
    try:
        return Faults(parse_fault(text) for text in words)
    except ValueError as error:
        raise UsageError(
            f"--fault: {error}", hint="`livecli serve --help` lists the faults and their moments"
        ) from error


def _understood(path: str, read: Callable[[bytes], T]) -> T:
    data = _bytes(path)
    try:
        return read(data)
    except Mistake as mistake:
        raise FileError(f"{path}:{mistake.line}: {mistake.reason}", hint=mistake.hint) from mistake


def _bytes(path: str) -> bytes:
    if not path:
        raise FileError("the name of the file is empty")
    try:
        return Path(path).read_bytes()
    except OSError as error:
        raise FileError(f"cannot read {path}: {error.strerror}") from error


def _text(path: str, data: bytes) -> str:
    try:
        return data.decode("utf-8-sig")  # as Windows' editors write it
    except UnicodeDecodeError as error:
        raise FileError(f"{path} is not UTF-8 text") from error


def _sound(path: Path) -> list[bytes]:
    return read_sound(str(path), OUTPUT_RATE)
