"""The command line's tree: each verb is a file in `commands`. Nothing heavy is imported before a verb runs, and of the
verbs themselves only the one that is wanted: to read the options of all is a twentieth of a `send`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Annotated

import typer

from .. import __version__


def app_for(words: Sequence[str]) -> typer.Typer:
    """The command line that these words are for: the verb that they begin with, or else all of them.

    For `--help` alone the verbs are empty, and only what they are is told.
    """
    app = typer.Typer(
        name="livecli",
        help="What curl is to HTTP, for Google's Gemini Live API.",
        rich_markup_mode=None,  # rich would double the cost of help
        pretty_exceptions_enable=False,
    )
    app.callback()(livecli)
    if list(words) == ["--help"]:
        for verb, what in SUMMARIES.items():
            app.command(verb, help=what)(_nothing)
        return app
    # `help` tells about all the others.
    alone = words and words[0] in VERBS and words[0] != "help"
    for add in [VERBS[words[0]]] if alone else VERBS.values():
        add(app)
    return app


def _nothing() -> None: ...


def _send(app: typer.Typer) -> None:
    from . import send

    app.command("send")(send.send)


def _chat(app: typer.Typer) -> None:
    from . import chat

    app.command("chat")(chat.chat)


def _auth(app: typer.Typer) -> None:
    from . import auth

    app.add_typer(auth.app, name="auth")


def _serve(app: typer.Typer) -> None:
    from . import serve

    # What follows the COMMAND's name is the COMMAND's, with "--" before it and without.
    app.command("serve", context_settings={"allow_interspersed_args": False}, epilog=serve.FAULTS)(serve.serve)


def _help(app: typer.Typer) -> None:
    from . import help as statuses

    app.command("help")(statuses.help)


VERBS: dict[str, Callable[[typer.Typer], None]] = {
    "send": _send,
    "chat": _chat,
    "serve": _serve,
    "help": _help,
    "auth": _auth,
}
"""Adds a verb to the command line."""
SUMMARIES = {
    "send": "Stream audio to the Live API and save the spoken reply.",
    "chat": "Converse with the Live API: typed or spoken, at a terminal or through a pipe.",
    "serve": "Run a local Live API that any client can talk to, until Ctrl-C.",
    "help": "Print a guide, the exit statuses, the environment variables, or a command's help.",
    "auth": "Which credential would be used and why; a token for other programs; a key to keep.",
}
"""The first paragraph of each verb's own help, so that `--help` need not import the verbs."""


def _version(asked: bool) -> None:
    if asked:
        typer.echo(f"livecli {__version__}")
        raise typer.Exit


def allow_files(count: int) -> str | None:
    """Let this process open `count` files at once. Returns a warning where the system does not let it."""
    try:
        import resource
    except ImportError:  # Windows has no such limit
        return None
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft == resource.RLIM_INFINITY or soft >= count:
        return None
    allowed = count if hard == resource.RLIM_INFINITY else min(count, hard)
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (allowed, hard))
    except (OSError, ValueError):  # macOS has a limit below an infinite hard one
        allowed = soft
    if allowed < count:
        return f"{count} files may have to be open at once, and the system allows {allowed} (ulimit -n): fewer --jobs"
    return None


def livecli(
    context: typer.Context,
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version and leave.")
    ] = False,
) -> None:
    """What curl is to HTTP, for Google's Gemini Live API."""
    context.obj = allow_files
