"""Files that are written as a whole."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from livecli.errors import FileError
from livecli.process.whole_file import check_writable, write_whole


def test_a_file_is_complete_or_as_it_was(tmp_path: Path) -> None:
    path = tmp_path / "page.html"
    write_whole(str(path), [b"one", b"two"])
    assert (path.read_bytes(), path.stat().st_mode & 0o777) == (b"onetwo", 0o600)

    def failing() -> Iterator[bytes]:
        yield b"three"
        raise OSError(28, "No space left on device")

    with pytest.raises(FileError, match=r"cannot write .*page\.html: No space left"):
        write_whole(str(path), failing())
    assert path.read_bytes() == b"onetwo"
    assert [*tmp_path.glob("page*")] == [path]


def test_a_link_stays_one(tmp_path: Path) -> None:
    (tmp_path / "site").mkdir()
    link, page = tmp_path / "page.html", tmp_path / "site" / "page.html"
    link.symlink_to(page)
    for content in (b"one", b"two"):
        check_writable(str(link))
        write_whole(str(link), [content])
        assert (link.is_symlink(), page.read_bytes()) == (True, content)
    assert [*page.parent.iterdir()] == [page]
    link.unlink()
    link.symlink_to(tmp_path / "none" / "page.html")
    with pytest.raises(FileError, match="No such file or directory"):
        check_writable(str(link))


def test_a_name_that_is_too_long_is_an_error_before_and_after(tmp_path: Path) -> None:
    for characters in (250, 300):  # with .partial, and by itself
        path = str(tmp_path / (characters * "x"))
        with pytest.raises(FileError, match="File name too long"):
            check_writable(path)
        with pytest.raises(FileError, match="File name too long"):
            write_whole(path, [b"one"])


@pytest.mark.skipif(sys.platform != "linux", reason="/dev/full is of Linux")
def test_a_device_is_written_straight_through(tmp_path: Path) -> None:
    (tmp_path / "page.html").symlink_to("/dev/full")
    with pytest.raises(FileError, match="No space left on device"):
        write_whole(str(tmp_path / "page.html"), [b"one"])
    assert Path("/dev/full").is_char_device()
