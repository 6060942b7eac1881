"""The command `livecli diff`."""

from __future__ import annotations

from typing import Annotated

import typer

from ..process.stdio import print_spans, write_stdout


def diff(
    first: Annotated[str, typer.Argument(metavar="A.live", help="A .live, .har, .websocket.log or .yaml file.")],
    second: Annotated[str, typer.Argument(metavar="B.live", help="The recording to compare with it.")],
    *,
    timing: Annotated[bool, typer.Option("--timing", help="Compare latencies and token counts too.")] = False,
    json_lines: Annotated[bool, typer.Option("--json", help="Print each difference as a line of JSON.")] = False,
) -> None:
    """Compare two recorded sessions, turn by turn.

    Turns are aligned by what was asked and called. Ends with status 1 where the sessions differ. Ids, handles and
    times are ignored, and of usage the kinds of tokens are compared.

    Examples:

    livecli diff before.live after.live

    livecli diff before.live after.live --timing --json
    """
    import json
    import shutil
    from dataclasses import asdict

    from ..console.session_differences import difference_lines
    from ..recording.comparison import compare
    from ..recording.conversion import recorded_items

    found = compare(recorded_items(first), recorded_items(second), timing=timing)
    if json_lines:
        for each in found:
            write_stdout(json.dumps(asdict(each), ensure_ascii=False) + "\n")
    else:
        for line in difference_lines(found, first, second, shutil.get_terminal_size().columns):
            print_spans(line)
    raise typer.Exit(1 if found else 0)
