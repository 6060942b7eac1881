"""What `serve` was told about the emulator, as its Options. What a script, a recording or a table of models needs from
the disk is read here; the emulator itself reads nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from .. import toml_reader
from ..emulator.core.behaviour import Behaviour, Echo
from ..emulator.core.script import ScriptedBehaviour
from ..emulator.core.script_file import read_script
from ..emulator.faults import Faults, parse_fault
from ..emulator.replay import Play, arrange
from ..emulator.wire_log import parse_recording
from ..errors import FileError, UsageError
from ..media.file_source import read_sound
from ..protocol.codec import OUTPUT_RATE
from ..protocol.models import MODELS, Model, load_models
from .files import decoded, understood


def behaviour(script: str | None) -> Callable[[], Behaviour]:
    """What one session's model says: the script's turns, or an echo. Raises FileError naming file and line."""
    if script is None:
        return Echo
    folder = Path(script).parent
    turns = understood(script, lambda data: read_script(decoded(script, data), lambda name: _sound(folder / name)))
    return lambda: ScriptedBehaviour(turns)


def play(recording: str | None) -> Play | None:
    """The recorded session that is to be said again, if any. Raises FileError naming file and line."""
    if recording is None:
        return None
    return understood(recording, lambda data: arrange(parse_recording(data)))


def models(table: str | None) -> dict[str, Model]:
    """The models that there are: the built-in ones, and those of a TOML file over them."""
    if table is None:
        return dict(MODELS)
    try:
        return load_models(understood(table, lambda data: toml_reader.load(decoded(table, data))))
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


def _sound(path: Path) -> list[bytes]:
    return read_sound(str(path), OUTPUT_RATE)
