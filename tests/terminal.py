"""A real terminal, in tmux: it shows the output of a program, types keys, pastes, and changes its size."""

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
STARTED = [sys.executable, "-m", "livecli"]
"""The `program` that its terminal controls, and that has a change of its size before the next key."""


class Tmux:
    """A tmux server without the user's configuration, terminals and environment."""

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
    """A terminal with a program, and a shell that records the terminal's settings before and after the program."""

    def __init__(self, tmux: Tmux, folder: Path, words: list[str], **how: Any) -> None:
        self._tmux, self.folder, self.name = tmux, folder, uuid.uuid4().hex[:12]
        given = {"PYTHONPATH": str(ROOT), "HOME": str(folder), "LANG": "C.UTF-8"}
        stdout = f" >{how.pop('stdout')}" if "stdout" in how else ""
        size = ["-x", str(how.pop("columns", 80)), "-y", str(how.pop("lines", 24))]
        program = how.pop("program", STARTED)
        variables = [f"{name}={value}" for name, value in {**given, **how}.items()]
        command = shlex.join(["env", *variables, *program, *words]) + stdout
        script = f"stty -g >before; {command}; echo $? >status; stty -g >after; echo '[the end]'; exec sleep 600"
        tmux("new-session", "-d", "-s", self.name, *size, "-c", str(folder), "/bin/sh", "-c", script)

    # --- in ---

    def type(self, text: str) -> None:
        """Type text."""
        self._tmux("send-keys", "-t", self.name, "-l", text)

    def press(self, *keys: str) -> None:
        """Press keys, by their names in tmux: Enter, Tab, C-c, M-Enter."""
        self._tmux("send-keys", "-t", self.name, *keys)

    def enter(self, text: str) -> None:
        """Type a line, wait until it is shown, and press Enter."""
        self.type(text)
        self.wait(f"> {text[-40:]}")
        self.press("Enter")

    def paste(self, text: str) -> None:
        """Paste text, as a bracketed paste where the program has enabled it."""
        self._tmux("set-buffer", "-b", self.name, text)
        self._tmux("paste-buffer", "-p", "-r", "-b", self.name, "-t", self.name)

    def resize(self, columns: int, lines: int) -> None:
        self._tmux("resize-window", "-t", self.name, "-x", str(columns), "-y", str(lines))

    # --- out ---

    def screen(self, *, colours: bool = False, history: bool = True) -> str:
        """The text of the screen, with `history` also that which has scrolled away."""
        options = [*(["-e"] if colours else []), *(["-S", "-"] if history else [])]
        return self._tmux("capture-pane", "-p", "-t", self.name, *options).rstrip("\n")

    def record(self, path: Path) -> None:
        """Append what the program writes from now on to a file, with its control sequences."""
        self._tmux("pipe-pane", "-t", self.name, f"exec cat >>{shlex.quote(str(path))}")

    def wait(self, *texts: str, without: str = "", until: Callable[[str], Any] | None = None) -> str:
        """Wait until all of `texts` are on the screen, and `without` is not. Returns the screen."""
        limit = time.monotonic() + BOUND_SECONDS
        while True:
            screen = self.screen()
            there = all(text in screen for text in texts) and not (without and without in screen)
            if there and (until is None or until(screen)):
                return screen
            assert time.monotonic() < limit, f"{texts} did not come:\n{screen}"
            time.sleep(POLL_SECONDS)

    def wait_for_line(self, line: str, times: int = 1) -> str:
        """Wait until `line` is on the screen `times` times as a line of its own. Returns the screen."""
        return self.wait(until=lambda screen: [row.rstrip() for row in screen.splitlines()].count(line) >= times)

    def left(self) -> int:
        """Wait for the end of the program. Returns its exit status; fails if the terminal's settings have changed."""
        assert "Traceback" not in self.wait("[the end]")
        return self.failed()

    def failed(self) -> int:
        """Like `left`, for a program that may have printed a traceback."""
        self.wait("[the end]")
        assert (self.folder / "after").read_text() == (self.folder / "before").read_text()
        flags = self._tmux("display-message", "-p", "-t", self.name, "#{cursor_flag} #{alternate_on} #{mouse_any_flag}")
        assert flags.split() == ["1", "0", "0"]
        return int((self.folder / "status").read_text())

    @property
    def pid(self) -> int:
        """The process id of the program."""
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
def terminal(tmux: Tmux, forked_livecli: Path, tmp_path: Path) -> Iterator[Terminals]:
    """A function that opens a terminal and runs a command line of livecli in it.

    It takes the size in `columns` and `lines`, a file for `stdout`, the words of a `program` in place of a fork,
    whose streams are the terminal, but which it does not control, and variables of the environment.
    """
    opened: list[Terminal] = []

    def open_terminal(*words: Any, **how: Any) -> Terminal:
        folder = tmp_path / f"terminal-{len(opened)}"
        folder.mkdir()
        how = {"program": [str(forked_livecli / "livecli")], **how}
        opened.append(Terminal(tmux, folder, [str(word) for word in words], **how))
        return opened[-1]

    yield open_terminal
    for each in opened:
        each.close()
