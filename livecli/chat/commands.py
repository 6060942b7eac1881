"""What can be said to a chat itself, as `/voice Kore`: one table. A command does its work and returns what to show."""

from __future__ import annotations

import difflib
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path

from ..errors import UsageError
from ..protocol.models import VOICES, voice_named
from ..report.summary import Summary, latencies
from .chat import Chat

Shown = list[str]
"""Lines to be shown."""


class Quit(Exception):
    """`/quit`."""


@dataclass(frozen=True)
class Command:
    """`takes` is what follows the name, in brackets where it need not; `words` are those that can be completed."""

    name: str
    argument: str
    help: str
    run: Callable[[Chat, str], Awaitable[Shown | None]]
    choices: tuple[str, ...] = ()

    @property
    def usage(self) -> str:
        return f"/{self.name} {self.argument}".rstrip()


def parse(line: str) -> tuple[Command, str] | None:
    """A line that is a command, and what follows its name; None for one that is to be said. `//` says a slash.

    Raises UsageError for a command that there is not, or that lacks what it takes.
    """
    if not line.startswith("/") or line.startswith("//"):
        return None
    name, _, argument = line[1:].partition(" ")
    command = COMMANDS.get(name)
    if command is None:
        near = difflib.get_close_matches(name, COMMANDS, 1)
        raise UsageError(
            f"there is no command /{name[:40]}",
            hint=f"did you mean /{near[0]}?" if near else "/help lists what there is",
        )
    argument = argument.strip()
    if not argument and command.argument and not command.argument.startswith("["):
        raise UsageError(f"/{name} takes {command.argument}", hint=command.usage)
    return command, argument


def said(line: str) -> str:
    """What a line that is no command says."""
    return line.removeprefix("/") if line.startswith("//") else line


async def _send(chat: Chat, path: str) -> Shown | None:
    await chat.send(_at_home(path))
    return None


async def _image(chat: Chat, path: str) -> Shown | None:
    await chat.show(_at_home(path))
    return [f"{path} goes with what is said next"] if chat.shown else None


def _at_home(path: str) -> str:
    """`~` is the user's home, as no shell has said."""
    try:
        return str(Path(path).expanduser())
    except RuntimeError:
        return path


async def _say(chat: Chat, wanted: str) -> Shown | None:
    on = await chat.sounding.speaker(_switch(wanted, chat.sounding.speaks))
    return [f"the speaker is {'on' if on else 'off'}"]


async def _mic(chat: Chat, wanted: str) -> Shown | None:
    on = await chat.sounding.microphone(_switch(wanted, chat.sounding.hears))
    return [f"the microphone is {'on' if on else 'off'}"]


def _switch(wanted: str, now: bool) -> bool:
    if wanted not in ("", "on", "off"):
        raise UsageError(f"it is on or off, not {wanted[:40]!r}")
    return not now if not wanted else wanted == "on"


async def _system(chat: Chat, text: str) -> Shown | None:
    await chat.reconfigure(system=text)
    return ["the model has new instructions, and was told what was said so far"]


async def _voice(chat: Chat, name: str) -> Shown | None:
    await chat.reconfigure(voice=name)
    return [f"the voice is {voice_named(name)}"]


async def _tools(chat: Chat, _: str) -> Shown | None:
    lines = [f"{tool.name:20} {tool.description or ''}".rstrip() for tool in chat.toolbox]
    return lines or ["there are no tools: --tool and --tools name them"]


async def _usage(chat: Chat, _: str) -> Shown | None:
    rows = [(str(number), _tokens(turn)) for number, turn in enumerate(chat.turns, 1)]
    names = list(dict.fromkeys(name for _, tokens in rows for name in tokens))
    total = {name: sum(tokens.get(name, 0) for _, tokens in rows) for name in names}
    header = "".join(f"{name:>18}" for name in names)
    table = [f"{'turn':6}{header}"] if names else ["the service has counted no tokens yet"]
    for label, tokens in [*rows[-20:], *([("sum", total)] if names else [])]:
        table.append(f"{label:6}" + "".join(f"{tokens.get(name, 0):>18,}" for name in names))
    return table if names else table[:1]


def _tokens(turn: Summary) -> dict[str, int]:
    """By direction and modality, as far as the service tells."""
    usage = turn.stats.usage or {}
    counted: dict[str, int] = {}
    for key, direction in (
        ("promptTokensDetails", "in"),
        ("responseTokensDetails", "out"),
        ("candidatesTokensDetails", "out"),
    ):
        details = usage.get(key)
        for detail in details if isinstance(details, list) else []:
            match detail:
                case {"modality": str(modality), "tokenCount": int(count)}:
                    name = f"{modality.lower()[:10]} {direction}"
                    counted[name] = counted.get(name, 0) + count
    return counted


async def _latency(chat: Chat, _: str) -> Shown | None:
    names = ("first_audio", "first_sound", "turn")
    table = ["turn  " + "".join(f"{name.replace('_', ' '):>14}" for name in names)]
    for number, turn in list(enumerate(chat.turns, 1))[-20:]:
        known = latencies(turn)
        cells = ["–" if (value := known[name]) is None else f"{value:,.0f} ms" for name in names]
        table.append(f"{number:<6}" + "".join(f"{cell:>14}" for cell in cells))
    return table if chat.turns else ["nothing was said yet"]


async def _save(chat: Chat, folder: str) -> Shown | None:
    if folder:
        chat.takes.keep_in(_at_home(folder))
        for entry in chat.record.entries:
            chat.takes.write(entry)
    return [f"the conversation is kept in {chat.takes.folder}" if chat.takes.folder else "/save FOLDER keeps it there"]


async def _history(chat: Chat, _: str) -> Shown | None:
    lines: Shown = []
    for entry in chat.record.entries:
        lines += [f"> {entry.asked}"] if entry.asked else []
        lines += [entry.said] if entry.said else []
    return lines or ["nothing was said yet"]


async def _reset(chat: Chat, _: str) -> Shown | None:
    await chat.reset()
    return ["everything is forgotten"]


async def _help(chat: Chat, _: str) -> Shown | None:
    return [f"{command.usage:16} {command.help}" for command in COMMANDS.values()]


async def _quit(chat: Chat, _: str) -> Shown | None:
    raise Quit


ON_OFF = ("on", "off")
COMMANDS = {
    command.name: command
    for command in (
        Command("send", "FILE", "ask with a recording", _send),
        Command("image", "FILE", "show a picture: JPEG, PNG or WebP", _image),
        Command("say", "[on|off]", "hear the answers", _say, ON_OFF),
        Command("mic", "[on|off]", "speak into the microphone", _mic, ON_OFF),
        Command("system", "TEXT", "instruct the model anew", _system),
        Command("voice", "NAME", "another voice", _voice, tuple(sorted(VOICES))),
        Command("tools", "", "what the model may call", _tools),
        Command("usage", "", "tokens by modality, for each turn and in all", _usage),
        Command("latency", "", "how long the answers took to begin and to end", _latency),
        Command("save", "[FOLDER]", "keep the conversation: its text, and each answer's sound", _save),
        Command("history", "", "what was said so far", _history),
        Command("reset", "", "forget what was said", _reset),
        Command("help", "", "this list", _help),
        Command("quit", "", "leave", _quit),
    )
}
