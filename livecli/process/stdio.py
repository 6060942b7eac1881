"""Standard output and standard error: data, messages and errors, with control characters escaped."""

from __future__ import annotations

import os
import stat
import sys

from ..errors import FileError, LivecliError, OutputClosed

RED, CYAN, PLAIN = "\x1b[1;31m", "\x1b[36m", "\x1b[0m"


def write_stdout(text: str) -> None:
    """Write `text` at once. Raises OutputClosed where its reader has gone, FileError where it cannot be written."""
    if sys.stdout is None:
        raise FileError("standard output is closed")
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
    """Print `error` on standard error: one line with its message, and a second one with its hint if there is one.

    `about` names the input that it belongs to; with `debug` the traceback comes first.
    """
    if debug:
        print_traceback(error)
    red, cyan, plain = (RED, CYAN, PLAIN) if _in_colour() else ("", "", "")
    subject = f"{one_line(about)}: " if about else ""
    lines = [f"{red}error:{plain} {subject}{one_line(error.message)}"]
    if error.hint:
        lines.append(f"{cyan}hint:{plain} {one_line(error.hint)}")
    write_stderr("\n".join(lines) + "\n")


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
