"""The command line: one Typer application, whose commands are imported when they are needed.

Only the command that is run is imported: reading the options of all commands takes a twentieth of a `send`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache
from typing import Annotated, Any

import typer
from typer.main import get_command

from .. import __version__
from .command_help import HelpCommand, HelpGroup


def command_for(words: Sequence[str]) -> Any:
    """The command line as a Typer command: with the command that `words` begin with, or else with all commands.

    For `--help` alone the commands are empty, and have only their summaries. Each is made once in a process: the one
    of `send` takes 5 ms.
    """
    if list(words) in ([], ["-h"], ["--help"]):
        return _command(())
    return _command((words[0],) if words[0] in COMMANDS and words[0] != "help" else tuple(COMMANDS))


@cache
def _command(names: tuple[str, ...]) -> Any:
    app = typer.Typer(
        name="livecli",
        help="What curl is to HTTP, for Google's Gemini Live API.",
        cls=HelpGroup,
        rich_markup_mode=None,
        pretty_exceptions_enable=False,
        add_completion=False,
    )
    app.callback()(livecli)
    for name in names:
        COMMANDS[name](app)
    if not names:
        for name, summary in SUMMARIES.items():
            app.command(name, help=summary, cls=HelpCommand)(_nothing)
    return get_command(app)


def _nothing() -> None: ...


def _send(app: typer.Typer) -> None:
    from . import send

    app.command("send", cls=HelpCommand)(send.send)


def _chat(app: typer.Typer) -> None:
    from . import chat

    app.command("chat", cls=HelpCommand)(chat.chat)


def _auth(app: typer.Typer) -> None:
    from . import auth

    app.add_typer(auth.app, name="auth", help=SUMMARIES["auth"])


def _serve(app: typer.Typer) -> None:
    from . import serve

    # Options after the name of the COMMAND belong to the COMMAND, also without "--" before it.
    app.command("serve", cls=HelpCommand, context_settings={"allow_interspersed_args": False})(serve.serve)


def _recording(app: typer.Typer) -> None:
    from . import recording

    app.add_typer(recording.app, name="recording", help=SUMMARIES["recording"])


def _report(app: typer.Typer) -> None:
    from . import report

    app.command("report", cls=HelpCommand)(report.report)


def _diff(app: typer.Typer) -> None:
    from . import diff

    app.command("diff", cls=HelpCommand)(diff.diff)


def _proxy(app: typer.Typer) -> None:
    from . import proxy

    app.command("proxy", cls=HelpCommand)(proxy.proxy)


def _completion(app: typer.Typer) -> None:
    from . import completion

    app.command("completion", cls=HelpCommand)(completion.completion)


def _help(app: typer.Typer) -> None:
    from . import help as statuses

    app.command("help", cls=HelpCommand)(statuses.help)


COMMANDS: dict[str, Callable[[typer.Typer], None]] = {
    "send": _send,
    "chat": _chat,
    "serve": _serve,
    "proxy": _proxy,
    "auth": _auth,
    "recording": _recording,
    "report": _report,
    "diff": _diff,
    "help": _help,
    "completion": _completion,
}
"""The function that adds each command to the application."""

SUMMARIES = {
    "send": "Send speech or text, print the answer, save the spoken reply.",
    "chat": "Hold a conversation, typed or spoken, or through a pipe.",
    "serve": "Run a local Live API for any client, until Ctrl-C.",
    "proxy": "Forward any client's sessions to the service, and record them.",
    "auth": "Show and store credentials, and print tokens.",
    "recording": "Check, draw and convert recorded sessions.",
    "report": "Write one page of a recorded session: sounds, transcript, frames.",
    "diff": "Compare two recorded sessions, turn by turn.",
    "help": "Print a guide, or the help of a command.",
    "completion": "Print the completion script of a shell.",
}
"""The first paragraph of each command's own help, repeated so that `--help` imports no command."""


def _print_version(requested: bool) -> None:
    if requested:
        typer.echo(f"livecli {__version__}")
        raise typer.Exit


def allow_files(count: int) -> str | None:
    """Raise this process's limit of open files to `count`. Returns a warning where the system does not allow it."""
    try:
        import resource
    except ImportError:
        # Windows has no such limit.
        return None
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft == resource.RLIM_INFINITY or soft >= count:
        return None
    allowed = count if hard == resource.RLIM_INFINITY else min(count, hard)
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (allowed, hard))
    except (OSError, ValueError):
        # macOS has a lower limit, although it reports an infinite hard limit.
        allowed = soft
    if allowed < count:
        return f"up to {count} files may be open at once, but the system allows {allowed} (ulimit -n): use fewer --jobs"
    return None


def livecli(
    context: typer.Context,
    version: Annotated[
        bool,
        typer.Option(
            "--version",
            "-V",
            callback=_print_version,
            is_eager=True,
            help="Print the version; with --json, those of Python and of each library too.",
        ),
    ] = False,
) -> None:
    """The options that stand before a command: `--version`."""
    context.obj = allow_files
