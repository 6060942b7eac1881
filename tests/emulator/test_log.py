"""Lines of the log are harmless, and the library's errors become lines."""

from __future__ import annotations

import pytest

from livecli.emulator.log import MAX_LINE_CHARACTERS, library_logger, safe_line


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("plain words", "plain words"),
        ("Grüße, 世界", "Grüße, 世界"),
        ("a\x9b\u202eb", r"a\x9b\u202eb"),
        ("\x1b[31mred", r"\x1b[31mred"),
        ("one\ntwo\r\nthree", "one two three"),
        ("\ud800", r"\ud800"),
        ("x" * 2_000, "x" * MAX_LINE_CHARACTERS),
    ],
)
def test_a_line_is_printable_and_short(text: str, line: str) -> None:
    assert safe_line(text) == line


def test_an_error_of_the_library_is_one_line() -> None:
    lines: list[str] = []
    logger = library_logger(lines.append)
    try:
        raise ConnectionResetError(104, "Connection reset\nby peer")
    except ConnectionResetError:
        logger.error("opening handshake failed", exc_info=True)
    assert lines == [r"opening handshake failed: ConnectionResetError(104, 'Connection reset\nby peer')"]


def test_less_than_an_error_is_not_logged() -> None:
    lines: list[str] = []
    library_logger(lines.append).warning("connection %s", "open")
    library_logger(lines.append).error("%s failed", "parser")
    assert lines == ["parser failed"]


def test_a_bug_in_a_session_is_logged_with_its_traceback() -> None:
    lines: list[str] = []
    try:
        try:
            raise ZeroDivisionError("division by \x1bzero")
        except ZeroDivisionError as bug:
            raise BaseExceptionGroup("unhandled errors in a TaskGroup", [bug]) from None
    except BaseExceptionGroup:
        library_logger(lines.append).error("connection handler failed", exc_info=True)
    assert lines[0].startswith("connection handler failed: ExceptionGroup('unhandled errors in a TaskGroup'")
    assert any(line.strip(" |") == r"ZeroDivisionError: division by \x1bzero" for line in lines)
    assert any("test_log.py" in line for line in lines)
    assert all(line.isprintable() for line in lines)
