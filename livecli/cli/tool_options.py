"""What the model may use, from the words that say so: `--tool`, `--tools`, `--confirm`, `--search`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from ..errors import UsageError

if TYPE_CHECKING:
    from ..report.reporter import Reporter
    from ..tools.calls import Confirm
    from ..tools.toolbox import Toolbox


def toolbox(words: Sequence[str], table: str | None) -> Toolbox:
    """The tools of `--tool` and `--tools`. Raises UsageError or FileError, which name the one that cannot be meant."""
    from ..tools.toolbox import Toolbox, parse_tool

    tools = [parse_tool(word) for word in words]
    if table is not None:
        from ..tools.tools_file import read_tools
        from .files import decoded, understood

        tools += understood(table, lambda data: read_tools(decoded(table, data), table))
    return Toolbox(tools)


def check_tools(tools: Toolbox, *, search: bool, confirm: bool, extra: Mapping[str, Any]) -> None:
    """What does not go together. `extra` is what `--setup` says."""
    if confirm and not tools:
        raise UsageError("--confirm asks before a tool runs, and there is none", hint="--tool or --tools names one")
    if (tools or search) and "tools" in extra:
        option = "--search" if search else "--tool"
        raise UsageError(
            f"--setup has tools of its own, which would replace those of {option}", hint="name all of them in one place"
        )


@contextmanager
def confirmer(reporter: Reporter) -> Iterator[Confirm]:
    """Asks at the terminal before each call, during the block. Raises UsageError where there is no terminal."""
    from ..console.confirm import ConfirmationTerminal, open_terminal

    with open_terminal() as terminal:
        if terminal is None:
            raise UsageError(
                "--confirm asks at the terminal, and there is none", hint="leave it out where nobody answers"
            )
        yield ConfirmationTerminal(*terminal, reporter).confirm
