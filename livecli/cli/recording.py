"""The commands `livecli recording`: validate, show and convert."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ..errors import UsageError
from ..process.stdio import counted, one_line, print_spans, write_stdout
from ..process.whole_file import write_whole
from .command_help import OTHER, HelpCommand, HelpGroup
from .groups import HelpEntry, takes_groups
from .options import RecordAnonymous

if TYPE_CHECKING:
    from ..recording.format import Recording

File = Annotated[str, typer.Argument(metavar="FILE", help="A .live, .har, .websocket.log or .yaml file.")]

NARROWEST = 40
"""The columns of a picture at least."""

app = typer.Typer(name="recording", cls=HelpGroup, pretty_exceptions_enable=False)


@app.command(cls=HelpCommand)
def validate(file: File) -> None:
    """Check that a recording can be read and replayed, and holds no secret.

    Prints a line for each thing that is wrong, and then what is in the file.

    Examples:

    livecli recording validate run.live
    """
    from ..recording.conversion import read_recording
    from ..recording.validation import problems

    recording = read_recording(file)
    found = [*problems(recording)]
    for line, problem in found:
        write_stdout(f"{file}{f':{line}' if line else ''}: {one_line(problem)}\n")
    write_stdout(f"{file}: {_contents(recording)}\n")
    raise typer.Exit(1 if found else 0)


@app.command(cls=HelpCommand)
def show(file: File) -> None:
    """Draw a recording: both sounds on one clock, and a line for each event.

    Examples:

    livecli recording show run.live

    livecli recording show run.live | less -R
    """
    from ..console.session_picture import session_lines
    from ..recording.conversion import read_recording

    columns = max(NARROWEST, shutil.get_terminal_size().columns)
    for line in session_lines(read_recording(file), columns):
        print_spans(line)


@app.command(cls=HelpCommand)
@takes_groups
def convert(
    source: Annotated[str, typer.Argument(metavar="IN", help="A .live, .har, .websocket.log or .yaml file.")],
    target: Annotated[str, typer.Argument(metavar="OUT", help="The file to write, whose extension is its format.")],
    *,
    record_anonymous: Annotated[RecordAnonymous, HelpEntry(OTHER, help="Rename ids and projects.")] = False,
) -> None:
    """Write a recording in another format, without secrets.

    A .har file opens in Chrome's network panel. A .yaml file needs the extra livecli[yaml].

    Examples:

    livecli recording convert run.live run.har

    livecli recording convert page.har page.live --record-anonymous
    """
    from ..credentials import known_secrets
    from ..recording.conversion import cleaned, read_recording, rendered

    recording = read_recording(source)
    if _is_same(Path(source), Path(target)):
        raise UsageError(f"{target} would overwrite the recording itself", hint="name another file")
    write_whole(target, rendered(target, cleaned(recording, known_secrets(os.environ), anonymous=record_anonymous)))


def _is_same(source: Path, target: Path) -> bool:
    try:
        return source.samefile(target)
    except OSError:
        return False


def _contents(recording: Recording) -> str:
    connections, frames = recording.connections, [*recording.frames]
    seconds = sum(max([each.at or 0.0 for each in one.frames], default=0.0) for one in connections)
    redacted = sum(frame.is_redacted for frame in frames)
    end = connections[-1].close if connections else None
    return ", ".join(
        [
            counted(len(connections), "connection"),
            counted(len(frames), "frame"),
            f"{seconds:.1f} s",
            *([f"{redacted} redacted"] if redacted else []),
            f"closed by the {end.by} ({end.code})" if end else "cut off before the close",
        ]
    )
