"""A terminal in memory for the displays of rich and prompt_toolkit."""

from __future__ import annotations

import io
import re
import sys
from collections.abc import Generator

import pytest
from prompt_toolkit.data_structures import Size
from prompt_toolkit.output.vt100 import Vt100_Output

from livecli.console.terminal import screen


class TerminalText(io.StringIO):
    """A stream that says that it is a terminal. `text` is what was written, without escape sequences."""

    encoding = "utf-8"

    def isatty(self) -> bool:
        return True

    @property
    def text(self) -> str:
        return re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", self.getvalue()).replace("\r", "")

    @property
    def lines(self) -> list[str]:
        return [line.rstrip() for line in self.text.splitlines()]


@pytest.fixture
def stderr(monkeypatch: pytest.MonkeyPatch) -> TerminalText:
    """Standard error is a terminal of 100 columns."""
    terminal = TerminalText()
    monkeypatch.setattr(sys, "stderr", terminal)
    monkeypatch.setenv("COLUMNS", "100")
    monkeypatch.setenv("NO_COLOR", "1")
    return terminal


@pytest.hookimpl(wrapper=True)
def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> Generator[None, object, object]:
    """pytest sets its own standard error again between the fixtures and the test."""
    terminal = pyfuncitem.funcargs.get("stderr")
    with pytest.MonkeyPatch.context() as patched:
        if terminal is not None:
            patched.setattr(sys, "stderr", terminal)
        return (yield)


class ScreenOutput(TerminalText):
    """What a Screen writes to its terminal."""

    @property
    def text(self) -> str:
        # The last character of the row above is written again, where a row continues its line.
        written = re.sub(r"\x1b\[A\x1b\[99C(\x1b\[[0-9;?]*[A-Za-z])*.", "", self.getvalue())
        return re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", written).replace("\r", "")

    def take(self) -> list[str]:
        """The lines that were written since the last call."""
        lines = self.lines
        self.seek(0)
        self.truncate()
        return lines


@pytest.fixture
def screen_output(monkeypatch: pytest.MonkeyPatch) -> ScreenOutput:
    """Every Screen writes to a terminal in memory, of 100 columns."""
    terminal = ScreenOutput()
    output = Vt100_Output(terminal, lambda: Size(30, 100))
    # As the output of a Screen does: otherwise prompt_toolkit asks the terminal for the position of the cursor.
    monkeypatch.setattr(output, "get_rows_below_cursor_position", lambda: 1)
    monkeypatch.setattr(screen, "_create_output", lambda: output)
    return terminal
