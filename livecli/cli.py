"""The command line's tree: each verb is a file in `commands`. Nothing heavy is imported before a verb runs, and of the
verbs themselves only the one that is wanted: to read the options of all is a twentieth of a `send`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Annotated

import typer

from . import __version__


def app_for(words: Sequence[str]) -> typer.Typer:
    """The command line that these words are for: the verb that they begin with, or else all of them."""
    app = typer.Typer(
        name="livecli",
        help="What curl is to HTTP, for Google's Gemini Live API.",
        rich_markup_mode=None,  # rich would double the cost of help
        pretty_exceptions_enable=False,
    )
    app.callback()(livecli)
    alone = words and words[0] in VERBS and words[0] != "help"  # which tells about the others
    named = [VERBS[words[0]]] if alone else VERBS.values()
    for add in named:
        add(app)
    if list(words) == ["--help"]:
        _leave_options_out(app)
    return app


def _leave_options_out(app: typer.Typer) -> None:
    """The list of verbs shows a line of each; to make something of all their options is a tenth of its cost."""

    def shown_as(described: Callable[..., None] | None) -> Callable[[], None]:
        def nothing() -> None: ...

        nothing.__doc__ = described.__doc__
        return nothing

    for command in app.registered_commands:
        command.callback = shown_as(command.callback)
    for group in app.registered_groups:  # a stand-in: what it has is everybody's, and wanted by the next command line
        known = group.typer_instance
        group.typer_instance = typer.Typer(help=known.info.help if known else None)
        group.typer_instance.callback()(shown_as(None))
        group.typer_instance.command("nothing")(shown_as(None))


def _send(app: typer.Typer) -> None:
    from .commands import send

    app.command("send")(send.send)


def _chat(app: typer.Typer) -> None:
    from .commands import chat

    app.command("chat")(chat.chat)


def _auth(app: typer.Typer) -> None:
    from .commands import auth

    app.add_typer(auth.app, name="auth")


def _serve(app: typer.Typer) -> None:
    from .commands import serve

    # What follows the COMMAND's name is the COMMAND's, with "--" before it and without.
    app.command("serve", context_settings={"allow_interspersed_args": False}, epilog=serve.FAULTS)(serve.serve)


def _help(app: typer.Typer) -> None:
    from .commands import help as statuses

    app.command("help")(statuses.help)


VERBS: dict[str, Callable[[typer.Typer], None]] = {
    "send": _send,
    "chat": _chat,
    "auth": _auth,
    "serve": _serve,
    "help": _help,
}
"""In the order of `--help`."""


def _version(asked: bool) -> None:
    if asked:
        typer.echo(f"livecli {__version__}")
        raise typer.Exit


def livecli(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version and leave.")
    ] = False,
) -> None:
    """What curl is to HTTP, for Google's Gemini Live API."""
