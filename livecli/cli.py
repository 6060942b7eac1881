"""The command line's tree: each verb is a file in `commands`. Nothing heavy is imported before a verb runs."""

from __future__ import annotations

from typing import Annotated

import typer

from . import __version__
from .commands import auth, chat, help, send, serve

app = typer.Typer(
    name="livecli",
    help="What curl is to HTTP, for Google's Gemini Live API.",
    rich_markup_mode=None,  # rich would double the cost of help
    pretty_exceptions_enable=False,
)
app.command("send")(send.send)
app.command("chat")(chat.chat)
app.add_typer(auth.app, name="auth")
# What follows the COMMAND's name is the COMMAND's, with "--" before it and without.
app.command("serve", context_settings={"allow_interspersed_args": False}, epilog=serve.FAULTS)(serve.serve)
app.command("help")(help.help)


def _version(asked: bool) -> None:
    if asked:
        typer.echo(f"livecli {__version__}")
        raise typer.Exit


@app.callback()
def livecli(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version and leave.")
    ] = False,
) -> None:
    """What curl is to HTTP, for Google's Gemini Live API."""
