"""Displays on standard error, and machine-readable output on standard output.

This is the only package that imports rich, and `terminal` is the only one that imports prompt_toolkit.
"""

from __future__ import annotations

import sys

from ..process.stdio import is_terminal
from ..report.reporter import DisplayOptions, Reporter

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from .batch import BatchLines
    from .lines import PlainLines


def run_display(options: DisplayOptions) -> PlainLines:
    """The display of one run: live at a terminal, plain lines in a file or a pipe."""
    if is_terminal() and not options.quiet:
        from .live import LiveLines

        return LiveLines(options)
    from .lines import PlainLines

    return PlainLines(options)


def batch_display(names: Sequence[str], folder: str, options: DisplayOptions) -> BatchLines:
    """The display of runs called `names`, several of which may go on at once: live at a terminal, else plain lines.

    `folder` is where their replies are.
    """
    if is_terminal() and not options.quiet:
        from .batch_live import LiveBatch

        return LiveBatch(names, folder, options)
    from .batch import BatchLines

    return BatchLines(names, folder, options)


def chat_display(options: DisplayOptions, *, silent: bool = False) -> Reporter:
    """The display of a chat. With `silent`, the answers are not written to standard output."""
    if is_interactive():
        from .terminal.chat_terminal import TerminalChat

        return TerminalChat(options, silent=silent)
    from .chat_pipe import PipeChat

    return PipeChat(options, silent=silent)


def is_interactive() -> bool:
    """Whether a user can type at a prompt: standard input and standard error are a terminal."""
    return sys.stdin is not None and sys.stdin.isatty() and is_terminal()
