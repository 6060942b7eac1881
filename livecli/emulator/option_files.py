"""Reads the files that an emulator's options name: scripts, recordings and model tables. No other module reads them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from .. import toml_reader
from ..errors import FileError, UsageError
from ..media.file_source import read_sound
from ..process.text_files import parse_file, parse_text_file
from ..protocol.audio_rates import OUTPUT_RATE
from ..protocol.models import MODELS, Model, load_models
from .core.behaviour import Behaviour, Echo
from .core.script import ScriptedBehaviour
from .core.script_file import read_script
from .faults import Faults, parse_fault
from .replay import Play, arrange
from .wire_log import parse_recording


def behaviour(script: str | None) -> Callable[[], Behaviour]:
    """Makes the model of one session: it follows the script, or echoes. Raises FileError naming file and line."""
    if script is None:
        return Echo
    folder = Path(script).parent
    turns = parse_text_file(script, lambda text: read_script(text, lambda name: _sound(folder / name)))
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
        return load_models(parse_text_file(table, toml_reader.load))
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
