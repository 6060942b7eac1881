"""A real terminal: tmux draws what a program prints, types keys, pastes, and changes its size."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.environment import cleaned
from tests.needs import needs

BOUND_SECONDS = 20.0
POLL_SECONDS = 0.03
ROOT = Path(__file__).parents[1]


class Tmux:
    """A server of its own: no configuration, terminal or environment of the user's."""

    def __init__(self) -> None:
        # Every terminal has the environment that the server was started with.
        self._environment = cleaned(os.environ)
        self._command = [needs("tmux"), "-L", f"livecli-{uuid.uuid4().hex[:12]}", "-f", os.devnull, "-u"]
        self("new-session", "-d", "-s", "keep", "sleep 3600")
        self("set-option", "-g", "default-terminal", "tmux-256color")

    def __call__(self, *words: str, check: bool = True) -> str:
        ran = subprocess.run(
            [*self._command, *words], env=self._environment, capture_output=True, text=True, timeout=BOUND_SECONDS
        )
        assert not check or ran.returncode == 0, ran.stderr
        return ran.stdout

    def close(self) -> None:
        self("kill-server", check=False)


class Terminal:
    """One terminal, with a program in it, and a shell that says how it found and left the terminal."""

    def __init__(self, tmux: Tmux, folder: Path, words: list[str], **how: Any) -> None:
        self._tmux, self.folder, self.name = tmux, folder, uuid.uuid4().hex[:12]
        given = {"PYTHONPATH": str(ROOT), "HOME": str(folder), "LANG": "C.UTF-8"}
        stdout = f" >{how.pop('stdout')}" if "stdout" in how else ""
        size = ["-x", str(how.pop("columns", 80)), "-y", str(how.pop("lines", 24))]
        variables = [f"{name}={value}" for name, value in {**given, **how}.items()]
        command = shlex.join(["env", *variables, sys.executable, "-m", "livecli", *words]) + stdout
        script = f"stty -g >before; {command}; echo $? >status; stty -g >after; echo '[the end]'; exec sleep 600"
        tmux("new-session", "-d", "-s", self.name, *size, "-c", str(folder), "/bin/sh", "-c", script)

    # --- in ---

    def type(self, text: str) -> None:
        """Keys that are letters."""
        self._tmux("send-keys", "-t", self.name, "-l", text)

    def press(self, *keys: str) -> None:
        """Keys by tmux's names: Enter, Tab, C-c, M-Enter."""
        self._tmux("send-keys", "-t", self.name, *keys)

    def enter(self, text: str) -> None:
        """A line."""
        self.type(text)
        self.wait(f"> {text[-40:]}")
        self.press("Enter")

    def paste(self, text: str) -> None:
        """As a terminal pastes: in brackets, for a program that has asked for them."""
        self._tmux("set-buffer", "-b", self.name, text)
        self._tmux("paste-buffer", "-p", "-r", "-b", self.name, "-t", self.name)

    def resize(self, columns: int, lines: int) -> None:
        self._tmux("resize-window", "-t", self.name, "-x", str(columns), "-y", str(lines))

    # --- out ---

    def screen(self, *, colours: bool = False, history: bool = True) -> str:
        """What can be read, and could before it was scrolled away."""
        options = [*(["-e"] if colours else []), *(["-S", "-"] if history else [])]
        return self._tmux("capture-pane", "-p", "-t", self.name, *options).rstrip("\n")

    def wait(self, *texts: str, without: str = "", until: Callable[[str], Any] | None = None) -> str:
        """The screen, as soon as all of `texts` are on it, and `without` is not."""
        limit = time.monotonic() + BOUND_SECONDS
        while True:
            screen = self.screen()
            there = all(text in screen for text in texts) and not (without and without in screen)
            if there and (until is None or until(screen)):
                return screen
            assert time.monotonic() < limit, f"{texts} did not come:\n{screen}"
            time.sleep(POLL_SECONDS)

    def wait_for_line(self, line: str, times: int = 1) -> str:
        """The screen, as soon as `line` is so often a line of its own on it."""
        return self.wait(until=lambda screen: [row.rstrip() for row in screen.splitlines()].count(line) >= times)

    def left(self) -> int:
        """The exit status, once the program has left; the terminal must be as it was found."""
        assert "Traceback" not in self.wait("[the end]")
        return self.failed()

    def failed(self) -> int:
        """As `left`, for a program that may have told a traceback."""
        self.wait("[the end]")
        assert (self.folder / "after").read_text() == (self.folder / "before").read_text()
        flags = self._tmux("display-message", "-p", "-t", self.name, "#{cursor_flag} #{alternate_on} #{mouse_any_flag}")
        assert flags.split() == ["1", "0", "0"]
        return int((self.folder / "status").read_text())

    @property
    def pid(self) -> int:
        """Of the program."""
        shell = int(self._tmux("display-message", "-p", "-t", self.name, "#{pane_pid}"))
        return int(re.split(r"\s", Path(f"/proc/{shell}/task/{shell}/children").read_text())[0])

    def close(self) -> None:
        self._tmux("kill-session", "-t", self.name, check=False)


Terminals = Callable[..., Terminal]


@pytest.fixture(scope="session")
def tmux() -> Iterator[Tmux]:
    server = Tmux()
    yield server
    server.close()


@pytest.fixture
def terminal(tmux: Tmux, tmp_path: Path) -> Iterator[Terminals]:
    """Opens a terminal with a command line of livecli in it: of so many `columns` and `lines`, with its `stdout` in a
    file, and with variables of the environment.
    """
    opened: list[Terminal] = []

    def open_terminal(*words: Any, **how: Any) -> Terminal:
        folder = tmp_path / f"terminal-{len(opened)}"
        folder.mkdir()
        opened.append(Terminal(tmux, folder, [str(word) for word in words], **how))
        return opened[-1]

    yield open_terminal
    for each in opened:
        each.close()
