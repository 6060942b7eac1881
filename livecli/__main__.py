"""`main(argv) -> int`: the only place where an error becomes an exit status."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence

from . import __version__
from .errors import BUG_STATUS, Interrupted, LivecliError, OutputClosed


def main(argv: Sequence[str]) -> int:
    """Run one command line and return its exit status. Nothing is raised, whatever happens."""
    if list(argv) == ["--version"]:  # asked for by scripts at every start: not worth loading the command line for
        sys.stdout.write(f"livecli {__version__}\n")
        return 0
    try:
        return _run(list(argv))
    except (KeyboardInterrupt, Interrupted) as interrupted:
        return interrupted.exit_status if isinstance(interrupted, Interrupted) else Interrupted.status
    except (OutputClosed, BrokenPipeError):
        return OutputClosed.status  # whoever read us has what it wanted: no word about it
    except LivecliError as error:
        from .complaint import complain

        complain(error, debug="--debug" in argv)
        return error.exit_status
    except Exception:  # noqa: BLE001 - this is the last place
        import traceback

        traceback.print_exc()
        sys.stderr.write(
            f"error: this is a bug in livecli {__version__}\nhint: please report it with the lines above\n"
        )
        return BUG_STATUS


def _run(argv: list[str]) -> int:
    import typer

    from .cli import app

    try:
        status = app(args=argv or ["--help"], prog_name="livecli", standalone_mode=False)
    except typer.TyperException as error:
        from .errors import UsageError

        context = getattr(error, "ctx", None)
        hint = f"`{context.command_path} --help` lists what there is" if context else None
        raise UsageError(error.format_message(), hint=hint) from None
    except SystemExit as leaving:  # shell completion leaves so
        return leaving.code if isinstance(leaving.code, int) else 0
    return status if isinstance(status, int) else 0


def run() -> None:
    """The console script."""
    status = main(sys.argv[1:])
    try:
        sys.stdout.flush()
    except BrokenPipeError:  # what is left unread goes nowhere, rather than into a complaint of the interpreter's
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        status = status or OutputClosed.status
    sys.exit(status)


if __name__ == "__main__":
    run()
