"""`main(argv) -> int`: the only place where an error becomes an exit status."""

from __future__ import annotations

import gc
import os
import sys

from . import __version__
from .errors import BUG_STATUS, Interrupted, LivecliError, OutputClosed

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence


def main(argv: Sequence[str]) -> int:
    """Run one command line and return its exit status. Nothing is raised, whatever happens."""
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
    except Exception as error:  # noqa: BLE001 - this is the last place
        from .complaint import tell_traceback

        tell_traceback(error)
        sys.stderr.write(
            f"error: this is a bug in livecli {__version__}\nhint: please report it with the lines above\n"
        )
        return BUG_STATUS


def _run(argv: list[str]) -> int:
    from .stdout import cannot_write, write_out

    if argv == ["--version"]:  # asked for by scripts at every start: not worth loading the command line for
        write_out(f"livecli {__version__}\n")
        return 0

    import typer

    from .cli import app_for

    try:
        words = argv or ["--help"]
        status = app_for(words)(args=words, prog_name="livecli", standalone_mode=False)
    except typer.TyperException as error:
        from .errors import UsageError

        context = getattr(error, "ctx", None)
        hint = f"`{context.command_path} --help` lists what there is" if context else None
        raise UsageError(error.format_message(), hint=hint) from None
    except OSError as error:
        if argv and "--help" not in argv:
            raise
        raise cannot_write(error) from error
    except SystemExit as leaving:  # shell completion leaves so
        return leaving.code if isinstance(leaving.code, int) else 0
    return status if isinstance(status, int) else 0


def run() -> None:
    """The console script."""
    gc.disable()  # imports leave no garbage, and looking for some is a tenth of the start; `running` enables it again
    if sys.stderr is None:  # closed by the caller: what is said there is for nobody
        sys.stderr = open(os.devnull, "w", errors="replace")  # noqa: PTH123, SIM115 - a path would cost an import
    status = main(sys.argv[1:])
    try:
        if sys.stdout is not None:
            sys.stdout.flush()
    except OSError as error:
        from .stdout import cannot_write

        status = status or cannot_write(error).exit_status
    gc.freeze()  # nor is there anything in what is left for the interpreter to look for: a sixth of `--help`
    sys.exit(status)


if __name__ == "__main__":
    run()
