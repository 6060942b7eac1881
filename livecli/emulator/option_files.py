"""Reads the files that an emulator's options name: scripts, recordings and model tables. No other module reads them."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path

from .. import toml_reader
from ..errors import FileError, UsageError
from ..media.file_source import read_sound
from ..media.speech import recognizer
from ..media.speech.espeak import can_speak
from ..process.text_files import parse_text, parse_text_file
from ..protocol.audio_rates import OUTPUT_RATE
from ..protocol.models import MODELS, Model, load_models
from ..recording.match import Match
from .access import RequiredCredentials
from .core.behaviour import Echo
from .core.lifetime import Limits
from .core.script import Script, ScriptedBehaviour
from .core.script_file import no_unknown_words, read_script
from .expectations import NewCheck, ScriptCheck
from .faults import Faults, parse_fault
from .options import EmulatorOptions
from .pace import Pace
from .replay_library import ReplayLibrary, load
from .script_check import CheckedSessions


def emulator_options(
    *,
    script: str | None,
    replay: str | None,
    faults: Sequence[str],
    pace: Pace,
    replay_match: Match = Match.KINDS,
    speed: float = 1.0,
    connection_seconds: float = 0.0,
    goaway_seconds: float = 0.0,
    session_seconds: float | None = None,
    model_table: str | None = None,
    require_key: str | None = None,
    require_token: str | None = None,
    new_check: NewCheck = ScriptCheck,
    hear: bool = False,
) -> EmulatorOptions:
    """The options of `livecli serve`, with the contents of the files. Raises FileError and UsageError.

    A `script` with `[[turn]]` in it is the text of one. Without `connection_seconds` a connection has no limit.
    `new_check` makes the check of a script.
    """
    if script is not None and replay is not None:
        raise UsageError("--script cannot be combined with --replay")
    if hear:
        if replay is not None:
            raise UsageError("--hear cannot be combined with --replay", hint="a recording answers as it was recorded")
        recognizer.check_installed()
    followed = None if script is None else _script(script, hear=hear)
    check = None if followed is None else new_check(followed[1].expectations, followed[0])
    return EmulatorOptions(
        behaviour=Echo if followed is None else partial(ScriptedBehaviour, followed[1], check),
        required=RequiredCredentials(require_key, require_token),
        models=_models(model_table),
        limits=Limits(connection_seconds or None, goaway_seconds, session_seconds),
        pace=pace,
        faults=_faults(faults),
        replay=None if replay is None else _replay(replay, replay_match, speed),
        observers=[CheckedSessions(check).observe] if check else [],
        check=check,
        script=None if followed is None else followed[1],
        speaks=can_speak(),
        hears=hear,
    )


def _script(script: str, *, hear: bool) -> tuple[str, Script]:
    """The name and the content of a script, from its path or its text. Raises FileError naming file and line."""
    is_text = "[[turn]]" in script
    folder = Path() if is_text else Path(script).parent

    def parse(text: str) -> Script:
        unknown_words = recognizer.unknown_words if hear else no_unknown_words
        return read_script(text, lambda name: _sound(folder / name), unknown_words)

    name = "the script" if is_text else script
    return name, parse_text(name, script, parse) if is_text else parse_text_file(script, parse)


def _replay(path: str, match: Match, speed: float) -> ReplayLibrary:
    """The recording to replay, or those in a folder. Raises FileError naming file and line."""
    recordings = load(path)
    if not any(recordings.values()):
        raise FileError(f"cannot read {path}: it holds no recorded session", hint="livecli help recordings")
    return ReplayLibrary(recordings, match=match, speed=speed, repeats=match is not Match.STRICT)


def _models(table: str | None) -> dict[str, Model]:
    """The built-in models, with those of a TOML file added or in their place. Raises FileError naming file and line."""
    if table is None:
        return dict(MODELS)
    try:
        return load_models(parse_text_file(table, toml_reader.load))
    except ValueError as error:
        raise FileError(f"{table}: {error}") from error


def _faults(texts: Sequence[str]) -> Faults:
    """The faults to inject. Raises UsageError naming the one that is not understood."""
    try:
        return Faults(parse_fault(text) for text in texts)
    except ValueError as error:
        raise UsageError(
            f"--fault: {error}", hint="`livecli serve --help` lists the faults, and when they can happen"
        ) from error


def _sound(path: Path) -> list[bytes]:
    return read_sound(str(path), OUTPUT_RATE)
