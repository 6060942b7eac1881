"""The prompt of `--confirm`: asks at the terminal before each function call."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from ..errors import UsageError

if TYPE_CHECKING:
    from ..report.reporter import Reporter
    from ..tools.calls import Confirm


@contextmanager
def confirmer(reporter: Reporter) -> Iterator[Confirm]:
    """A function that asks at the terminal, during the block. Raises UsageError where there is no terminal."""
    from ..console.confirm import ConfirmationTerminal, open_terminal

    with open_terminal() as terminal:
        if terminal is None:
            raise UsageError("--confirm asks at the terminal, and there is none", hint="leave out --confirm")
        yield ConfirmationTerminal(*terminal, reporter).confirm
