"""The cursor that a live display hides is shown again, whatever ends the command."""

from __future__ import annotations

import os
import pty
import subprocess

import pytest

ENDED = """
import sys
from livecli.__main__ import main
from livecli.client.turn import Turn

take, errors = Turn.take, [{error}]

async def take_or_raise(self, event):
    if errors:
        raise errors.pop()
    await take(self, event)

Turn.take = take_or_raise
sys.exit(main(sys.argv[1:]))
"""
"""A command line in which `error` is raised once, as soon as anything of the answer has come."""


@pytest.mark.parametrize(
    ("words", "error", "status"),
    [
        (["--text", "hi"], "ZeroDivisionError", 70),
        (["--text", "hi"], "KeyboardInterrupt", 130),
        (["--jobs", "2"], "ZeroDivisionError", 70),
        (["--jobs", "2"], "KeyboardInterrupt", 130),
    ],
)
def test_the_cursor_is_shown_again(tmp_path, monkeypatch, forked_python, words, error, status):
    monkeypatch.delenv("CI", raising=False)
    monkeypatch.setenv("TERM", "xterm-256color")
    master, slave = pty.openpty()
    (tmp_path / "ended.py").write_text(ENDED.format(error=error))
    command = [forked_python, "ended.py", "send", "--local", *words]
    process = subprocess.Popen(command, cwd=tmp_path, stdin=slave, stdout=slave, stderr=slave)
    os.close(slave)
    written = bytearray()
    try:
        while data := os.read(master, 65_536):
            written += data
    except OSError:  # Linux reports so that the other end of the terminal is closed.
        pass
    finally:
        os.close(master)
    assert process.wait(30) == status, written.decode()
    hidden, shown = written.count(b"\x1b[?25l"), written.count(b"\x1b[?25h")
    assert hidden == shown > 0
    if status == 70:
        assert written.rindex(b"\x1b[?25h") < written.rindex(b"Traceback"), "the traceback stands below the display"
