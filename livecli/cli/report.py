"""The command `livecli report`."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import typer

from ..errors import UsageError
from ..process.whole_file import write_whole


def report(
    file: Annotated[str, typer.Argument(metavar="RUN.live", help="A .live, .har, .websocket.log or .yaml file.")],
    *,
    output: Annotated[
        str | None,
        typer.Option("--output", "-o", metavar="FILE.html", help="The page; by default RUN.html beside the recording."),
    ] = None,
) -> None:
    """Write one page of a recorded session: sounds, transcript, frames.

    The page is one file that opens in any browser, without network: figures, both sounds on one clock with marks, a
    player, the transcript, all frames, the setup, and how to reproduce the session. Secrets are left out.

    Examples:

    livecli report run.live

    livecli report run.live -o report.html
    """
    # numpy's library for matrices would start a thread for each core, which is a fifth of the time that numpy loads.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    from ..credentials import known_secrets
    from ..page.session import session_page
    from ..recording.conversion import cleaned_items, recorded_items

    target = output or str(Path(file).with_suffix(".html"))
    if Path(target).suffix.lower() not in (".html", ".htm"):
        raise UsageError(f"{target} is not named as a page", hint="-o report.html")
    items = cleaned_items(recorded_items(file), known_secrets(os.environ))
    write_whole(target, session_page(items, file))
