"""Reads the files that options of `serve` name: scripts, recordings and model tables. The emulator reads no files."""

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
from ..protocol.audio_rates import OUTPUT_RATE
from ..protocol.models import MODELS, Model, load_models
from .files import decode_text, parse_file


def behaviour(script: str | None) -> Callable[[], Behaviour]:
    """Makes the model of one session: it follows the script, or echoes. Raises FileError naming file and line."""
    if script is None:
        return Echo
    folder = Path(script).parent
    turns = parse_file(script, lambda data: read_script(decode_text(script, data), lambda name: _sound(folder / name)))
    return lambda: ScriptedBehaviour(turns)


def play(recording: str | None) -> Play | None:
    """The recorded session to replay. Raises FileError naming file and line."""
    if recording is None:
        return None
    return parse_file(recording, lambda data: arrange(parse_recording(data)))


def models(table: str | None) -> dict[str, Model]:
    """The built-in models, with those of a TOML file added or in their place. Raises FileError naming file and line."""
    if table is None:
        return dict(MODELS)
    try:
        return load_models(parse_file(table, lambda data: toml_reader.load(decode_text(table, data))))
    except ValueError as error:
        raise FileError(f"{table}: {error}") from error


def faults(texts: Sequence[str]) -> Faults:
    """The faults to inject. Raises UsageError naming the one that is not understood."""
    try:
        return Faults(parse_fault(text) for text in texts)
    except ValueError as error:
        raise UsageError(
            f"--fault: {error}", hint="`livecli serve --help` lists the faults, and when they can happen"
        ) from error


def _sound(path: Path) -> list[bytes]:
    return read_sound(str(path), OUTPUT_RATE)
