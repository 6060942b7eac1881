"""`main(argv) -> int`: where an error that ends a command becomes its exit status.

The errors of single inputs of `send` are in their summaries; the gravest of those statuses is the command's.
"""

from __future__ import annotations

import gc
import os
import sys
from contextvars import copy_context

from . import __version__
from .errors import BUG_STATUS, Interrupted, LivecliError, OutputClosed

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import TextIO

# A full collection of a thousand sessions takes 0.1 s, in which none of them sends, and imports leave no garbage.
# The youngest objects are examined every 10,000 allocations, and all of them once in some hundreds of sessions.
GC_THRESHOLDS = 10_000, 5, 40

# Allocations before the first collection. A start makes 60,000, all of them for good. Beyond that they are garbage that
# stays in memory: 40,000 more cost a chat 5 MB.
START_ALLOCATIONS = 65_000


def main(argv: Sequence[str]) -> int:
    """Run one command line and return its exit status. Raises nothing."""
    # Options such as --color set context variables, which hold for this command line only.
    return copy_context().run(_main, list(argv))


def _main(argv: list[str]) -> int:
    try:
        return _run(argv)
    except (KeyboardInterrupt, Interrupted) as interrupted:
        return interrupted.exit_status if isinstance(interrupted, Interrupted) else Interrupted.status
    except (OutputClosed, BrokenPipeError):
        return OutputClosed.status  # The reader has gone: there is nothing to report.
    except LivecliError as error:
        from .process.stdio import print_error

        print_error(error, debug="--debug" in argv)
        return error.exit_status
    except ModuleNotFoundError as error:
        # An import that fails names the module.
        if error.name is None or error.name.partition(".")[0] == "livecli":
            return _report_bug(error)
        return _report_missing(error.name)
    except Exception as error:  # noqa: BLE001 - the outermost handler
        return _report_bug(error)


def _report_bug(error: Exception) -> int:
    from .process.stdio import print_traceback

    print_traceback(error)
    sys.stderr.write(
        f"error: this is a bug in livecli {__version__}\n"
        "hint: please report it to the project's issue tracker, with the lines above\n"
    )
    return BUG_STATUS


def _report_missing(module: str | None) -> int:
    """Report that a library is not installed, which happens in a clone that nothing was installed for."""
    import shlex
    from pathlib import Path

    from .errors import FileError
    from .process.installer import install_command
    from .process.stdio import print_error

    clone = Path(__file__).parents[1]
    hint = install_command("livecli")
    if (clone / "pyproject.toml").is_file():
        hint = (
            f"{shlex.quote(sys.executable)} -m venv .venv && .venv/bin/python -m pip install {shlex.quote(str(clone))}"
        )
    error = FileError(f"the library {module} is not installed, and livecli needs it", hint=hint)
    print_error(error)
    return error.exit_status


def _run(argv: list[str]) -> int:
    from .process.stdio import cannot_write, write_stdout

    # Scripts ask for the version at every start, so it does without loading the command line.
    if argv in (["--version"], ["-V"]):
        write_stdout(f"livecli {__version__}\n")
        return 0
    if len(argv) == 2 and "--json" in argv and ("--version" in argv or "-V" in argv):
        from .cli.version import version_json

        write_stdout(version_json() + "\n")
        return 0

    import typer

    from .cli.app import command_for

    try:
        status = command_for(argv)(args=argv, prog_name="livecli", standalone_mode=False)
    except typer.TyperException as error:
        from .cli.usage_errors import usage_error

        raise usage_error(error, argv) from None
    except OSError as error:
        if argv and "--help" not in argv:
            raise
        raise cannot_write(error) from error
    except SystemExit as leaving:
        # Shell completion ends the process.
        return leaving.code if isinstance(leaving.code, int) else 0
    return status if isinstance(status, int) else 0


def run() -> None:
    """The console script."""
    _collect_rarely()
    # The caller may have closed the standard streams.
    if sys.stderr is None:
        sys.stderr = _discarded()
    status = main(sys.argv[1:])
    try:
        if sys.stdout is not None:
            sys.stdout.flush()
    except OSError as error:
        from .process.stdio import cannot_write

        status = status or cannot_write(error).exit_status
    try:
        sys.stderr.flush()
    except OSError:
        # The interpreter flushes standard error at exit, and would replace the exit status.
        sys.stderr = _discarded()
    # Without this the interpreter collects garbage at exit, which takes a sixth of `--help`.
    gc.freeze()
    sys.exit(status)


def start_worker(entry: str, end: int) -> int:
    """Run a worker process: the function `entry` ("package.module:function"), with its end of a channel.

    `end` is what `channel_end` finds that end by. Returns the exit status.
    """
    from importlib import import_module

    from .process.worker import channel_end

    _collect_rarely()
    module, _, function = entry.partition(":")
    try:
        getattr(import_module(module), function)(channel_end(end))
    except LivecliError as error:
        if not isinstance(error, Interrupted):
            from .process.stdio import print_error

            print_error(error)
        return error.exit_status
    finally:
        # Collecting garbage at exit would take five sixths of the end of a worker.
        gc.freeze()
    return 0


def _collect_rarely() -> None:
    """Have the garbage collector examine what the start makes once, and seldom afterwards: see GC_THRESHOLDS."""
    gc.set_threshold(START_ALLOCATIONS)
    gc.callbacks.append(_set_thresholds)


def _set_thresholds(phase: str, _: object) -> None:
    """Called by the garbage collector: after its first collection, GC_THRESHOLDS apply."""
    if phase == "stop":
        gc.callbacks.remove(_set_thresholds)
        gc.set_threshold(*GC_THRESHOLDS)


def _discarded() -> TextIO:
    """A stream that discards what is written to it, open until the process ends."""
    return open(os.devnull, "w", errors="replace", encoding="utf-8")  # noqa: PTH123 - a path would cost an import


if __name__ == "__main__":
    run()
