"""The user's editor, on a temporary file."""

from __future__ import annotations

import asyncio
import signal
import tempfile

import pytest

from livecli.errors import FileError
from livecli.process.editor import edit_text


def script(folder, name, body):
    path = folder / name
    path.write_text(f"#!/bin/sh\n{body}\n")
    path.chmod(0o700)
    return path


@pytest.fixture(autouse=True)
def no_editor(monkeypatch):
    monkeypatch.delenv("VISUAL", raising=False)
    monkeypatch.delenv("EDITOR", raising=False)


async def test_the_text_comes_back_as_it_was_changed(monkeypatch, tmp_path):
    editor = script(tmp_path, "edit", 'printf "%s" "$1" >path; ls -ld "${2%/*}" >mode; echo changed >>"$2"')
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("EDITOR", f"{editor} --wait")
    assert await edit_text("日本\n") == "日本\nchanged"
    assert (tmp_path / "path").read_text() == "--wait"
    assert (tmp_path / "mode").read_text().startswith("drwx------")


async def test_visual_comes_before_editor_and_a_common_editor_is_the_default(monkeypatch, tmp_path):
    script(tmp_path, "nano", 'printf nano >"$1"')
    monkeypatch.setenv("PATH", str(tmp_path))
    assert await edit_text("") == "nano"
    monkeypatch.setenv("EDITOR", "false")
    monkeypatch.setenv("VISUAL", "nano")
    assert await edit_text("") == "nano"


@pytest.mark.parametrize(
    ("body", "says"),
    [
        ("exit 3", "ended with status 3"),
        ('printf "\\351" >"$1"', "is not UTF-8 text"),
        (None, "cannot run the editor"),
        ('rm "$1"', "No such file or directory"),
    ],
)
async def test_an_editor_that_fails_is_an_error(monkeypatch, tmp_path, body, says):
    editor = tmp_path / "none" if body is None else script(tmp_path, "edit", body)
    monkeypatch.setenv("EDITOR", str(editor))
    with pytest.raises(FileError, match=says):
        await edit_text("kept")


async def test_ctrl_c_is_for_the_editor(monkeypatch, tmp_path):
    """A terminal sends SIGINT to all processes of its foreground."""
    ready = tmp_path / "ready"
    until_ready = f"until [ -e {ready} ]; do sleep 0.01; done"
    body = f"trap 'echo changed >\"$1\"; exit' INT\n{until_ready}\nkill -INT $PPID $$\nexit 3"
    monkeypatch.setenv("EDITOR", str(script(tmp_path, "edit", body)))
    handler = signal.getsignal(signal.SIGINT)
    editing = asyncio.create_task(edit_text(""))
    async with asyncio.timeout(10):
        while signal.getsignal(signal.SIGINT) is handler:
            await asyncio.sleep(0.01)
        ready.touch()
        assert await editing == "changed"
    assert signal.getsignal(signal.SIGINT) is handler


async def test_without_a_temporary_folder_it_is_an_error(monkeypatch, tmp_path):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "none"))
    monkeypatch.setenv("EDITOR", "true")
    with pytest.raises(FileError, match="cannot be edited in a temporary file: No such file or directory"):
        await edit_text("")
