"""The command `livecli help`: topics that belong to no single command, printed on standard output."""

from __future__ import annotations

import os
import shlex
import shutil
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from ..errors import UsageError
from ..process.stdio import has_colour, write_stdout
from .command_help import command_page, listing, summary, terminal_width

GUIDES = Path(__file__).parents[1] / "help"

TOPICS = (
    *("auth", "conversations", "models", "voices", "languages", "formats", "pictures"),
    *("tools", "batch", "long-sessions", "costs"),
    *("pipes", "exit-statuses", "environment", "config", "python", "troubleshooting"),
    *("serve", "script", "faults", "speech", "recordings", "pytest", "expect", "ci", "clients"),
    *("performance", "accuracy", "architecture", "contributing", "changes"),
)
"""The guides in livecli/help, in the order in which they are listed."""


def help(
    context: typer.Context,
    words: Annotated[
        list[str] | None,
        typer.Argument(metavar="[TOPIC | COMMAND...]", help="A topic, or a command; without one they are listed."),
    ] = None,
) -> None:
    """Print a guide, or the help of a command.

    A guide is rendered in a terminal, and Markdown in a file or a pipe. Without a topic, the topics are listed.

    Examples:

    livecli help

    livecli help voices

    livecli help auth status
    """
    root: Any = context.find_root()
    commands: dict[str, typer.core.TyperCommand] = getattr(root.command, "commands", {})
    if not words:
        guides = {topic: topic_summary(topic) for topic in TOPICS}
        write_stdout(listing({"Guides": guides, "Commands": {name: summary(each) for name, each in commands.items()}}))
    elif len(words) == 1 and words[0] in TOPICS:
        topic = words[0]
        text = topic_text(topic)
        if topic in commands:
            text += f"\n## Options\n\n```text\n{_command_help(root, words, in_colour=False)}```\n"
        _show(text)
    else:
        write_stdout(_command_help(root, words))


def _show(text: str) -> None:
    """Print Markdown: as it is into a file or a pipe, and rendered and by the page in a terminal."""
    if not sys.stdout.isatty():
        write_stdout(text)
        return
    from ..console.markdown import render

    rendered = render(text, width=terminal_width(), in_colour=has_colour(sys.stdout))
    if rendered.count("\n") < shutil.get_terminal_size().lines or not page_through(rendered):
        write_stdout(rendered)


def page_through(text: str) -> bool:
    """Show `text` in $PAGER, or in less. Returns whether there is such a program."""
    words = shlex.split(os.environ.get("PAGER", "less"))
    program = shutil.which(words[0]) if words else None
    if program is None or not sys.stdin.isatty():
        return False
    import signal
    import subprocess

    # less shows colours with R, leaves the text on the screen with X, and ends where it fits on one screen with F.
    environment = {"LESS": "FRX", **os.environ}
    with subprocess.Popen([program, *words[1:]], stdin=subprocess.PIPE, text=True, env=environment) as pager:
        # Ctrl-C is for the pager, which would otherwise be left with the terminal in its mode.
        before = signal.signal(signal.SIGINT, signal.SIG_IGN)
        try:
            pager.communicate(text)
        finally:
            signal.signal(signal.SIGINT, before)
    return True


def _command_help(root: Any, words: Sequence[str], *, in_colour: bool | None = None) -> str:
    """The help of the command that `words` name. Raises UsageError where there is none, with the nearest."""
    context = root
    for count, word in enumerate(words, 1):
        commands = getattr(context.command, "commands", {})
        if word not in commands:
            nearest = _nearest(word, [*TOPICS, *commands] if count == 1 else list(commands))
            raise UsageError(f"there is no help about {' '.join(words[:count])!r}", hint=nearest)
        context = type(root)(commands[word], info_name=word, parent=context)
    return command_page(context.command, context.command_path, in_colour=in_colour)


def _nearest(topic: str, topics: Sequence[str]) -> str:
    from difflib import get_close_matches

    begun = [each for each in topics if topic and each.startswith(topic)]
    near = begun or get_close_matches(topic, topics, n=1, cutoff=0.4)
    if near:
        return f"did you mean {near[0]}?"
    return f"there are {', '.join(topics)}" if topics else "`livecli help` lists the topics"


def topic_text(topic: str) -> str:
    """The guide of a topic, in Markdown, with the tables that are made from livecli's own data."""
    text = (GUIDES / f"{topic}.md").read_text(encoding="utf-8")
    if table := TABLES.get(topic):
        text += f"\n```text\n{table()}```\n"
    return text


def topic_summary(topic: str) -> str:
    """The line below the heading of a guide."""
    return (GUIDES / f"{topic}.md").read_text(encoding="utf-8").splitlines()[2]


def _models() -> str:
    from . import model_help

    return model_help.models()


def _accuracy() -> str:
    from . import model_help

    return model_help.accuracy()


TABLES: dict[str, Callable[[], str]] = {"models": _models, "accuracy": _accuracy}
"""The tables that follow the guide of a topic, in 80 columns."""
