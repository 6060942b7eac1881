"""Displays on standard error, and machine-readable output on standard output.

This is the only package that imports rich and prompt_toolkit.
"""

from __future__ import annotations

import os
import sys

from ..report.reporter import Reporter

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .batch import BatchLines
    from .lines import PlainLines


def run_display(
    *, quiet: bool = False, verbose: bool = False, debug: bool = False, several: bool = False
) -> PlainLines:
    """The display of one run: live at a terminal, plain lines in a file or a pipe.

    With `several` inputs, an error names the input that it is about.
    """
    if is_live_terminal() and not quiet:
        from .live import LiveLines

        return LiveLines(verbose=verbose, debug=debug, several=several)
    from .lines import PlainLines

    return PlainLines(quiet=quiet, verbose=verbose, debug=debug, several=several)


def batch_display(
    total: int, *, quiet: bool = False, verbose: bool = False, debug: bool = False, explain: bool = False
) -> BatchLines:
    """The display of `total` runs, several of which go on at once: live at a terminal, else plain lines."""
    if is_live_terminal() and not quiet:
        from .batch_live import LiveBatch

        return LiveBatch(total, verbose=verbose, debug=debug, explain=explain)
    from .batch import BatchLines

    return BatchLines(total, quiet=quiet, verbose=verbose, debug=debug, explain=explain)


def chat_display(*, silent: bool = False, quiet: bool = False, verbose: bool = False, debug: bool = False) -> Reporter:
    """The display of a chat. With `silent`, the answers are not written to standard output."""
    if is_interactive():
        from .chat_terminal import TerminalChat

        return TerminalChat(silent=silent, quiet=quiet, verbose=verbose, debug=debug)
    from .chat_pipe import PipeChat

    return PipeChat(silent=silent, quiet=quiet, verbose=verbose, debug=debug)


def is_live_terminal() -> bool:
    """Whether standard error is a terminal that can show colours and live displays."""
    return sys.stderr.isatty() and os.environ.get("TERM") != "dumb" and not os.environ.get("CI")


def is_interactive() -> bool:
    """Whether a user can type at a prompt: standard input and standard error are a terminal."""
    return sys.stdin is not None and sys.stdin.isatty() and is_live_terminal()
