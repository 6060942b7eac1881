"""Standard output and standard error: data, messages and errors, with control characters escaped."""

from __future__ import annotations

import os
import stat
import sys
from contextvars import ContextVar

from ..errors import FileError, LivecliError, OutputClosed

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import TextIO

COLOUR: ContextVar[str] = ContextVar("colour", default="auto")
"""When there are colours: the value of `--color`."""

Span = tuple[str, str]
"""A style, one of STYLES, and text that has it."""

STYLES = {"": "", "bold": "1", "dim": "2", "red": "1;31", "green": "32", "yellow": "33", "cyan": "36"}
"""The styles of text on standard error, and their codes."""

ASCII = str.maketrans(
    dict(zip("▁▂▃▄▅▆▇█━╸─│└▏▎▍▌▋▊▉·–…“”×→←✓✗●○⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏", '_.:-=+*#==-|`|||||||--~""x><+x*o|/-\\|/-\\|/', strict=True))
)
"""The replacements for livecli's own symbols where the encoding lacks them, each of the same width."""


def check_stdout() -> None:
    """Raises FileError where standard output is closed."""
    if sys.stdout is None:
        raise FileError("standard output is closed")


def write_stdout(text: str) -> None:
    """Write `text` at once. Raises OutputClosed where its reader has gone, FileError where it cannot be written."""
    check_stdout()
    try:
        try:
            sys.stdout.write(text)
        except UnicodeEncodeError:
            # The locale lacks the character. It is escaped, as Python escapes it on standard error.
            sys.stdout.write(text.encode(sys.stdout.encoding, "backslashreplace").decode(sys.stdout.encoding))
        sys.stdout.flush()
    except OSError as error:
        raise cannot_write(error) from error


def stdin_has_data() -> bool:
    """Whether standard input is a pipe or a regular file, and not a terminal, a device such as /dev/null, or closed."""
    try:
        mode = os.fstat(sys.stdin.fileno()).st_mode
    except (AttributeError, OSError, ValueError):
        # It is closed, or an object without a descriptor.
        return False
    return stat.S_ISFIFO(mode) or stat.S_ISREG(mode)


def is_stdout(path: str | None) -> bool:
    """Whether `path` names what standard output is, as /dev/stdout does."""
    try:
        return path is not None and os.path.samestat(os.stat(path), os.fstat(sys.stdout.fileno()))  # noqa: PTH116
    except (AttributeError, OSError, ValueError):
        # It is closed, or an object without a descriptor; or there is no such path.
        return False


def cannot_write(error: OSError) -> FileError:
    """The error for a failed write to standard output, which is redirected to the null device from now on.

    Otherwise the text in Python's buffer would fail once more when the interpreter exits.
    """
    try:  # noqa: SIM105 - importing contextlib would be a tenth of `--version`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except OSError:
        # Standard output was replaced by an object that has no descriptor.
        pass
    if isinstance(error, BrokenPipeError):
        return OutputClosed("standard output was closed by its reader")
    return FileError(f"cannot write standard output: {error.strerror}")


def print_error(error: LivecliError, *, about: str | None = None, debug: bool = False) -> None:
    """Print `error` on standard error: one line with its message, and one for each way that its hint names.

    `about` names the input that it belongs to; with `debug` the traceback comes first.
    """
    if debug:
        print_traceback(error)
    subject = f"{one_line(about)}: " if about else ""
    write_spans([("red", "error:"), ("", f" {subject}{one_line(error.message)}")])
    for number, way in enumerate((error.hint or "").splitlines()):
        write_spans([("", "     ") if number else ("cyan", "hint:"), ("", f" {one_line(way)}")])


def print_traceback(error: BaseException) -> None:
    """Print the traceback on standard error, without secrets and control characters."""
    import traceback

    text = "".join(traceback.format_exception(error))
    if isinstance(error, LivecliError):
        text = error.without_secrets(text)
    write_stderr("".join(f"{one_line(line)}\n" for line in text.splitlines()))


def write_stderr(text: str) -> None:
    """Write `text` to standard error. An error of writing is ignored: no run fails for lack of a message."""
    # Importing contextlib for `suppress` would be a tenth of `--version`.
    try:
        sys.stderr.write(encodable(text, sys.stderr.encoding))
        sys.stderr.flush()
    except OSError:
        pass


def counted(number: int, noun: str) -> str:
    """A number with its noun: "1 turn", "2,000 turns"."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


JOINERS = "\u200c\u200d"
"""Zero-width characters that join letters, as in Hindi, and emoji. They are harmless to a terminal."""


def one_line(text: str, *, keep: str = "") -> str:
    """`text` on one line, with escapes for the characters that are not printable, except those in `keep`.

    Text that a peer sent passes through here before it reaches a terminal, which would obey control characters.
    """
    if text.isprintable():
        return text
    line = " ".join(text.splitlines())
    return "".join(c if c.isprintable() or c in keep else c.encode("unicode_escape").decode() for c in line)


def write_spans(spans: Iterable[Span]) -> None:
    """Write a line to standard error, as `write_stderr`, with colours where it has them."""
    write_stderr(_coded(spans, in_colour=in_colour()))


def print_spans(spans: Iterable[Span]) -> None:
    """Write a line to standard output, as `write_stdout`, with colours where it has them."""
    check_stdout()
    write_stdout(encodable(_coded(spans, in_colour=has_colour(sys.stdout)), sys.stdout.encoding))


def _coded(spans: Iterable[Span], *, in_colour: bool) -> str:
    codes = ((STYLES[style] if in_colour else "", text) for style, text in spans)
    return "".join(f"\x1b[{code}m{text}\x1b[0m" if code else text for code, text in codes).rstrip() + "\n"


def in_colour() -> bool:
    """Whether standard error has colours."""
    return has_colour(sys.stderr)


def has_colour(stream: TextIO) -> bool:
    """Whether `stream` has colours: `--color` comes first, then NO_COLOR, FORCE_COLOR, and the terminal."""
    if (when := COLOUR.get()) != "auto":
        return when == "always"
    if os.environ.get("NO_COLOR"):
        return False
    return bool(os.environ.get("FORCE_COLOR")) or is_terminal(stream)


def is_terminal(stream: TextIO | None = None) -> bool:
    """Whether `stream`, by default standard error, is a terminal that can do more than print lines."""
    return (stream or sys.stderr).isatty() and os.environ.get("TERM") != "dumb" and not os.environ.get("CI")


def encodable(text: str, encoding: str | None) -> str:
    """`text` where `encoding` has all of it, else with ASCII for livecli's own symbols."""
    if text.isascii():
        return text
    try:
        text.encode(encoding or "utf-8", "surrogateescape")
    except UnicodeEncodeError:
        return text.translate(ASCII)
    return text


def is_same_file_as_stdout() -> bool:
    """Whether standard error goes where standard output does: to one terminal, file or pipe."""
    try:
        return os.path.samestat(os.fstat(sys.stdout.fileno()), os.fstat(sys.stderr.fileno()))
    except (AttributeError, OSError, ValueError):
        # One of them is closed, or an object without a descriptor.
        return False
