"""What a person sees on standard error, what a program reads on standard output. Only this folder imports rich."""

from __future__ import annotations

import os
import sys

from ..report.reporter import Reporter

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .batch import BatchLines
    from .lines import PlainLines


def reporter(*, quiet: bool = False, verbose: bool = False, debug: bool = False, several: bool = False) -> PlainLines:
    """Whoever tells a run on standard error: a live display at a terminal, plain lines into a file or a pipe.

    `several`: errors name the input they are about.
    """
    if is_lively() and not quiet:
        from .live import LiveLines

        return LiveLines(verbose=verbose, debug=debug, several=several)
    from .lines import PlainLines

    return PlainLines(quiet=quiet, verbose=verbose, debug=debug, several=several)


def crowd_of(
    total: int, *, quiet: bool = False, verbose: bool = False, debug: bool = False, explain: bool = False
) -> BatchLines:
    """Whoever tells so many runs at once, in the same two ways."""
    if is_lively() and not quiet:
        from .batch_live import LiveBatch

        return LiveBatch(total, verbose=verbose, debug=debug, explain=explain)
    from .batch import BatchLines

    return BatchLines(total, quiet=quiet, verbose=verbose, debug=debug, explain=explain)


def is_lively() -> bool:
    """Whether standard error is a terminal for colour and live displays."""
    return sys.stderr.isatty() and os.environ.get("TERM") != "dumb" and not os.environ.get("CI")


def has_prompt() -> bool:
    """Whether somebody sits at a terminal that has room for a prompt."""
    return sys.stdin is not None and sys.stdin.isatty() and is_lively()


def chat_reporter(*, silent: bool = False, quiet: bool = False, verbose: bool = False, debug: bool = False) -> Reporter:
    """Whoever tells a chat. `silent`: standard output is not for the answers."""
    if has_prompt():
        from .chat_terminal import TerminalChat

        return TerminalChat(silent=silent, quiet=quiet, verbose=verbose, debug=debug)
    from .chat_pipe import PipeChat

    return PipeChat(silent=silent, quiet=quiet, verbose=verbose, debug=debug)
