"""How an error is told: one line that says what is wrong, and where there is one a second that says what to do."""

from __future__ import annotations

import os
import sys

from ..errors import FileError, LivecliError, OutputClosed


# Data on standard output: whole and at once, or an error that says why not. Reply audio goes by `audio.reply`.
def write_stdout(text: str) -> None:
    """Write `text`. Raises OutputClosed where nobody reads it any more, FileError where it cannot be written."""
    if sys.stdout is None:
        raise FileError("standard output is closed")
    try:
        try:
            sys.stdout.write(text)
        except UnicodeEncodeError:  # a locale without the character; Python's other stream escapes it, too
            sys.stdout.write(text.encode(sys.stdout.encoding, "backslashreplace").decode(sys.stdout.encoding))
        sys.stdout.flush()
    except OSError as error:
        raise cannot_write(error) from error


def cannot_write(error: OSError) -> FileError:
    """The error for standard output that failed so. What Python still holds for it goes nowhere from now on."""
    try:  # noqa: SIM105 - importing contextlib would be a tenth of `--version`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # or it would fail once more at exit
    except OSError:
        pass  # a stand-in for standard output, which has no descriptor
    if isinstance(error, BrokenPipeError):
        return OutputClosed("whoever read standard output has gone")
    return FileError(f"cannot write standard output: {error.strerror}")


RED, CYAN, PLAIN = "\x1b[1;31m", "\x1b[36m", "\x1b[0m"


def print_error(error: LivecliError, *, about: str | None = None, debug: bool = False) -> None:
    """Tell `error` on standard error, `about` an input if there are several; with `debug` the traceback before it."""
    if debug:
        print_traceback(error)
    red, cyan, plain = (RED, CYAN, PLAIN) if _in_colour() else ("", "", "")
    subject = f"{one_line(about)}: " if about else ""
    lines = [f"{red}error:{plain} {subject}{one_line(error.message)}"]
    if error.hint:
        lines.append(f"{cyan}hint:{plain} {one_line(error.hint)}")
    write_stderr("\n".join(lines) + "\n")


def print_traceback(error: BaseException) -> None:
    """On standard error. What was raised may hold what a peer sent."""
    import traceback

    text = "".join(traceback.format_exception(error))
    if isinstance(error, LivecliError):
        text = error.without_secrets(text)
    write_stderr("".join(f"{one_line(line)}\n" for line in text.splitlines()))


def write_stderr(text: str) -> None:
    """`text` on standard error. Where it cannot be written it is lost: no run fails for that."""
    # Importing contextlib for `suppress` would be a tenth of `--version`.
    try:
        sys.stderr.write(text)
        sys.stderr.flush()
    except OSError:
        pass


def one_line(text: str, *, keep: str = "") -> str:
    """`text` on one line, with escapes for the characters that are not printable, except those in `keep`.

    Text that a peer sent passes through here before it reaches a terminal, which would obey control characters.
    """
    if text.isprintable():
        return text
    line = " ".join(text.splitlines())
    return "".join(c if c.isprintable() or c in keep else c.encode("unicode_escape").decode() for c in line)


def _in_colour() -> bool:
    plain = os.environ.get("NO_COLOR") or os.environ.get("CI") or os.environ.get("TERM") == "dumb"
    return sys.stderr.isatty() and not plain
