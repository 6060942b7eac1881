"""A file of lines, and a disk without room for them."""

import errno
import io
from pathlib import Path
from typing import Any

import pytest

from livecli.errors import FileError
from livecli.process.line_file import LineFile


def test_each_line_is_in_the_file_at_once(tmp_path: Path) -> None:
    path = tmp_path / "log.jsonl"
    path.write_text("from before\n")
    with LineFile(str(path)) as file:
        file.write("one\n")
        assert path.read_text() == "one\n"
        file.write("ü\n")
    assert path.read_text(encoding="utf-8") == "one\nü\n"


def test_standard_output_takes_them_too(capsys: pytest.CaptureFixture[str]) -> None:
    with LineFile("-") as file:
        file.write("one\n")
    assert capsys.readouterr().out == "one\n"


@pytest.mark.parametrize(("path", "reason"), [("nowhere/log", "No such file or directory"), (".", "Is a directory")])
def test_a_path_that_cannot_be_written_is_named(tmp_path: Path, path: str, reason: str) -> None:
    with pytest.raises(FileError, match=reason) as error:
        LineFile(str(tmp_path / path))
    assert error.value.message.startswith(f"cannot write {tmp_path / path}: ")


def test_a_disk_that_takes_a_part_of_a_line_gets_the_rest(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class SmallDisk(io.FileIO):
        """A file that takes seven bytes at a time, and 20 bytes in all."""

        def write(self, data: Any) -> int:
            if self.tell() >= 20:
                raise OSError(errno.ENOSPC, "No space left on device")
            return super().write(data[:7])

    monkeypatch.setattr(io, "FileIO", SmallDisk)
    path = tmp_path / "log.jsonl"
    with LineFile(str(path)) as file:
        file.write("one and a half\n")
        assert path.read_text() == "one and a half\n"
        with pytest.raises(FileError, match=r"cannot write .*log\.jsonl: No space left"):
            file.write("two and a half\n")
