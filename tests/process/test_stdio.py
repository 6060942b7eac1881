"""Standard output and standard error: errors, colours, escapes, and streams that fail."""

from __future__ import annotations

import errno
import io
import os
import sys

import pytest

from livecli.errors import FileError, OutputClosed, UsageError
from livecli.process.stdio import (
    ASCII,
    COLOUR,
    encodable,
    has_colour,
    one_line,
    print_error,
    print_spans,
    print_traceback,
    write_spans,
    write_stderr,
    write_stdout,
)
from tests.cases import in_one_test


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain, 日本語 — ü", "plain, 日本語 — ü"),
        ("two\nlines\r\nand\u2028three", "two lines and three"),
        ("\x1b[31mred\x07", r"\x1b[31mred\x07"),
        ("\u202ereversed", r"\u202ereversed"),
        ("", ""),
    ],
)
def test_a_text_is_one_line_without_control_characters(text: str, shown: str) -> None:
    assert one_line(text) == shown


def test_characters_can_be_kept() -> None:
    assert one_line("a\tb\x1b", keep="\t") == "a\tb\\x1b"


def test_an_error_is_a_line_and_each_way_of_its_hint_another(capsys: pytest.CaptureFixture[str]) -> None:
    print_error(UsageError("no\nsuch thing\x1b[2J", hint="try\nanother\x1b[2J"))
    print_error(UsageError("no such thing"), about="a\x07.wav")
    assert capsys.readouterr().err.splitlines() == [
        r"error: no such thing\x1b[2J",
        "hint: try",
        r"      another\x1b[2J",
        r"error: a\x07.wav: no such thing",
    ]


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize(
    ("variables", "is_coloured"),
    [({}, True), ({"NO_COLOR": "1"}, False), ({"CI": "true"}, False), ({"TERM": "dumb"}, False)],
)
def test_colours_only_on_a_terminal_that_wants_them(monkeypatch, variables, is_coloured) -> None:
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    print_error(UsageError("no", hint="yes"))
    coloured = "\x1b[1;31merror:\x1b[0m no\n\x1b[36mhint:\x1b[0m yes\n"
    assert terminal.getvalue() == (coloured if is_coloured else "error: no\nhint: yes\n")


def test_a_traceback_comes_before_its_error_and_without_secrets(capsys: pytest.CaptureFixture[str]) -> None:
    try:
        try:
            raise ValueError("caused by not-to-be-seen\x1b[2J")
        except ValueError as cause:
            raise UsageError("refused not-to-be-seen") from cause
    except UsageError as error:
        error.elide("not-to-be-seen")
        print_error(error, debug=True)
        print_traceback(ValueError("of another kind"))
    shown = capsys.readouterr().err
    assert shown.startswith("Traceback (most recent call last):\n")
    assert "not-to-be-seen" not in shown
    assert "\x1b" not in shown
    assert "\nerror: refused" in shown
    assert shown.endswith("ValueError: of another kind\n")


def test_text_is_written_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    raw = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(raw, "utf-8"))
    write_stdout("grüße\n")
    assert raw.getvalue() == "grüße\n".encode()


def test_a_character_that_the_locale_lacks_is_escaped(monkeypatch: pytest.MonkeyPatch) -> None:
    raw = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(raw, "ascii"))
    write_stdout("grüße 日\n")
    assert raw.getvalue() == rb"gr\xfc\xdfe \u65e5" + b"\n"


class Failing(io.StringIO):
    """A stream on which each write fails."""

    def __init__(self, error: OSError) -> None:
        super().__init__()
        self.error = error

    def write(self, text: str) -> int:
        raise self.error


@pytest.mark.parametrize(
    ("error", "kind", "message"),
    [
        (BrokenPipeError(errno.EPIPE, "Broken pipe"), OutputClosed, "standard output was closed by its reader"),
        (OSError(errno.ENOSPC, "No space left on device"), FileError, "cannot write standard output: No space left"),
    ],
)
def test_standard_output_that_fails(monkeypatch, error, kind, message) -> None:
    monkeypatch.setattr(sys, "stdout", Failing(error))
    with pytest.raises(kind, match=message) as caught:
        write_stdout("text")
    assert type(caught.value) is kind


def test_standard_output_that_is_closed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdout", None)
    with pytest.raises(FileError, match="standard output is closed"):
        write_stdout("text")


def test_a_pipe_without_a_reader_does_not_fail_again_later(monkeypatch: pytest.MonkeyPatch) -> None:
    read_end, write_end = os.pipe()
    os.close(read_end)
    with open(write_end, "w", encoding="utf-8") as pipe:
        monkeypatch.setattr(sys, "stdout", pipe)
        with pytest.raises(OutputClosed):
            write_stdout("text")
        # The buffered text goes to the null device now.
        pipe.flush()


def test_standard_error_that_fails_ends_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    stream = Failing(OSError(errno.ENOSPC, "No space left on device"))
    monkeypatch.setattr(sys, "stderr", stream)
    write_stderr("text")
    print_error(UsageError("no"))
    assert stream.getvalue() == ""


@pytest.mark.parametrize(
    ("option", "variables", "is_terminal", "is_coloured"),
    [
        ("auto", {}, True, True),
        ("auto", {}, False, False),
        ("auto", {"FORCE_COLOR": "1"}, False, True),
        ("auto", {"FORCE_COLOR": "1", "CI": "true"}, False, True),
        ("auto", {"FORCE_COLOR": "1", "NO_COLOR": "1"}, True, False),
        ("auto", {"TERM": "dumb"}, True, False),
        ("always", {"NO_COLOR": "1"}, False, True),
        ("never", {"FORCE_COLOR": "1"}, True, False),
    ],
)
def test_the_option_comes_first_then_the_variables_then_the_terminal(
    monkeypatch: pytest.MonkeyPatch, option: str, variables: dict[str, str], is_terminal: bool, is_coloured: bool
) -> None:
    monkeypatch.setenv("TERM", "xterm")
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    stream = io.StringIO()
    monkeypatch.setattr(stream, "isatty", lambda: is_terminal)
    token = COLOUR.set(option)
    try:
        assert has_colour(stream) is is_coloured
    finally:
        COLOUR.reset(token)


def test_a_line_has_no_styles_without_colours(capsys: pytest.CaptureFixture[str]) -> None:
    write_spans([("dim", "a "), ("green", "b"), ("", "  ")])
    assert capsys.readouterr().err == "a b\n"


@in_one_test(
    ("text", "encoding", "written"),
    [
        ("plain", "ascii", "plain"),
        ("▁▅█ 5 × · ü", "utf-8", "▁▅█ 5 × · ü"),
        ("▁▅█ 5 × …", "ascii", "_=# 5 x ~"),
        ("▁▅█ ü", "cp1252", "_=# ü"),
        ("5 × ü", "cp1252", "5 × ü"),
        ("✓ “a”", None, "✓ “a”"),
    ],
)
def test_symbols_have_stand_ins_where_the_encoding_lacks_them(text: str, encoding: str | None, written: str) -> None:
    assert encodable(text, encoding) == written


def test_a_picture_on_standard_output_has_stand_ins_too(monkeypatch: pytest.MonkeyPatch) -> None:
    raw = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(raw, "ascii"))
    print_spans([("", "you "), ("", "▁▅█ · é")])
    assert raw.getvalue() == b"you _=# - \\xe9\n"


def test_each_stand_in_is_ascii_and_one_character() -> None:
    assert all(len(chr(code)) == len(str(text)) == 1 and str(text).isascii() for code, text in ASCII.items())


def test_text_in_any_encoding_is_written(monkeypatch: pytest.MonkeyPatch) -> None:
    raw = io.BytesIO()
    monkeypatch.setattr(sys, "stderr", io.TextIOWrapper(raw, "ascii", errors="backslashreplace"))
    write_stderr("▁█ 日\n")
    assert raw.getvalue() == b"_# \\u65e5\n"
