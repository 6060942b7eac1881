"""The slash commands of a chat, such as `/voice Kore`: one row of a table each."""

from __future__ import annotations

import asyncio
import difflib
import os
import re
import shlex
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path

from ..console.formatting import MISSING, missing_prices, usd
from ..errors import UsageError
from ..process.text_files import read_text
from ..protocol.models import MODELS
from ..protocol.names import LANGUAGES, VOICES, language_code, voice_named
from ..report.summary import Summary, latencies
from ..report.usage import billed_tokens
from .chat import Chat


class Quit(Exception):
    """Ends the chat."""


class TerminalCommand(UsageError):
    """A command that the terminal carries out. Without a terminal it is an error of usage."""

    def __init__(self, name: str, argument: str = "") -> None:
        super().__init__(f"/{name} needs a terminal")
        self.name, self.argument = name, argument


@dataclass(frozen=True)
class Command:
    """A command, written `/name argument`.

    An `argument` in brackets is optional, and `choices` are the values to complete. `run` carries the command out: it
    returns the lines to show, or the summary of the turn that the command is (`is_turn`). A turn is interrupted by the
    next line, and other commands are carried out one after another. The lines of a command that `is_report` are shown
    with `--quiet` too.
    """

    name: str
    argument: str
    help: str
    run: Callable[[Chat, str], Awaitable[list[str] | Summary]]
    choices: tuple[str, ...] = ()
    is_turn: bool = False
    is_report: bool = False

    @property
    def usage(self) -> str:
        return f"/{self.name} {self.argument}".rstrip()


def parse_command(text: str) -> tuple[Command, str] | None:
    """The command in a text, and its argument; None for a message.

    A command is a single line that begins with a slash and exactly the name of a command. Raises UsageError where its
    argument is missing.
    """
    name = _slash_word(text)
    command = None if name is None else COMMANDS.get(ALIASES.get(name, name))
    if command is None:
        return None
    argument = text[len(f"/{name}") :].strip()
    if not argument and command.argument and not command.argument.startswith("["):
        raise UsageError(f"/{name} needs {command.argument}", hint=command.usage)
    return command, argument


def check_message(text: str) -> None:
    """Raises UsageError for a typed message that was probably meant as a command, such as `/halp` or `exit`."""
    if text in BARE_WORDS:
        raise UsageError(f'"{text}" alone is not sent to the model', hint=f"{BARE_WORDS[text]}\n{AS_TEXT}")
    name = _slash_word(text)
    if name is None or "/" in name:
        return
    names = [*COMMANDS, *ALIASES]
    similar = [each for each in names if name and each.startswith(name.lower())]
    similar = similar or difflib.get_close_matches(name.lower(), names, 1)
    if similar or not name:
        meant = f"did you mean /{similar[0]}?" if similar else "/help lists the commands"
        raise UsageError(f"there is no command /{name}", hint=f"{meant}\n{AS_TEXT}")


def _slash_word(text: str) -> str | None:
    """The first word of a single line, without its slash. None where it has no slash, or where there are more lines."""
    found = re.fullmatch(r"/(\S*)([^\S\n].*)?", text)
    return found[1] if found else None


async def _send(chat: Chat, path: str) -> Summary:
    return await chat.send_recording(_expand_home(path))


async def _image(chat: Chat, path: str) -> list[str]:
    if not path:
        number = chat.take_pictures_back()
        return (
            [f"{number} pictures are taken back" if number > 1 else "the picture is taken back"]
            if number
            else ["no picture waits for the next message: /image FILE sends one with it"]
        )
    if await chat.send_picture(_expand_home(path)):
        return [f"{path} is sent: speak about it, or type, and it goes with that line as well"]
    return [f"{path} will be sent with the next message"]


async def _screen(chat: Chat, _: str) -> list[str]:
    from ..media.screen import take_picture

    if await chat.show(await asyncio.to_thread(take_picture)):
        return ["a picture of the screen is sent: speak about it, or type, and it goes with that line as well"]
    return ["a picture of the screen will be sent with the next message"]


def _expand_home(path: str) -> str:
    """The path with the user's home folder for `~`, which no shell has replaced."""
    try:
        return str(Path(path).expanduser())
    except RuntimeError:
        return path


async def _say(chat: Chat, argument: str) -> list[str]:
    on = await chat.voice.switch_speaker(_switch(argument, chat.voice.speaker_is_on))
    return [f"the speaker is {'on' if on else 'off'}"]


async def _mic(chat: Chat, argument: str) -> list[str]:
    on = await chat.voice.switch_microphone(_switch(argument, chat.voice.microphone_is_on))
    return [f"the microphone is {'on' if on else 'off'}"]


def _switch(argument: str, is_on: bool) -> bool:
    """The new state of a switch: as the argument says, or the opposite of its state."""
    if argument not in ("", "on", "off"):
        raise UsageError(f"on or off is expected, not {argument[:40]!r}")
    return not is_on if not argument else argument == "on"


async def _system(chat: Chat, text: str) -> list[str]:
    if text.startswith("@"):
        text = await asyncio.to_thread(read_text, _expand_home(text[1:]))
    await chat.reconfigure(system=text)
    return ["the model has new instructions, and was given the text of the conversation so far"]


async def _voice(chat: Chat, name: str) -> list[str]:
    model = (await chat.conversation()).endpoint.model
    voice = voice_named(name, is_complete=model in MODELS)
    await chat.reconfigure(voice=voice)
    return [f"the voice is {voice}"]


async def _language(chat: Chat, name: str) -> list[str]:
    code = language_code(name)
    await chat.reconfigure(language=code)
    return [f"the language is {code}"]


async def _model(chat: Chat, name: str) -> list[str]:
    await chat.change_model(name)
    return [f"the model is {(await chat.conversation()).endpoint.model}"]


async def _again(chat: Chat, _: str) -> Summary:
    if chat.in_turn:
        # The interrupted turn becomes the last entry.
        await chat.interrupt()
    questions = [entry.question for entry in chat.transcript.entries if entry.question]
    # A question that has failed without a part of an answer is not in the transcript.
    last = chat.failed_question or (questions[-1] if questions else "")
    if not last:
        raise UsageError("there is no question to ask again")
    return await chat.send_text(last)


async def _copy(chat: Chat, _: str) -> list[str]:
    answers = [entry.answer for entry in chat.transcript.entries if entry.answer]
    if not answers:
        raise UsageError("there is no answer to copy")
    raise TerminalCommand("copy", answers[-1])


async def _edit(chat: Chat, _: str) -> list[str]:
    raise TerminalCommand("edit")


async def _tools(chat: Chat, _: str) -> list[str]:
    lines = [f"{tool.name:20} {tool.description or ''}".rstrip() for tool in chat.options.toolbox]
    return lines or ["there are no tools: --tool and --tools define them"]


async def _usage(chat: Chat, _: str) -> list[str]:
    total, spending = chat.turns.total
    names = list(total)
    if not names:
        return ["the service has not reported any tokens yet"]
    rows = [(str(number), billed_tokens(turn.stats.usage or {}), turn.cost_usd) for number, turn in chat.turns.numbered]
    table = [["turn", *names, "cost"]]
    for label, tokens, cost in [*rows, ("total", total, spending.usd)]:
        table.append([label, *(f"{tokens.get(name, 0):,}" for name in names), MISSING if cost is None else usd(cost)])
    widths = [max(map(len, column)) for column in zip(*table, strict=True)]
    lines = ["  ".join(cell.rjust(width) for cell, width in zip(row, widths, strict=True)) for row in table]
    return lines + ([missing_prices(spending.unpriced)] if spending.unpriced else [])


async def _latency(chat: Chat, _: str) -> list[str]:
    if not chat.turns.count:
        return ["there are no turns yet"]
    names = ("first_audio", "first_sound", "turn")
    table = ["turn  " + "".join(f"{name.replace('_', ' '):>14}" for name in names)]
    for number, turn in chat.turns.numbered:
        values = latencies(turn)
        cells = ["–" if (value := values[name]) is None else f"{value:,.0f} ms" for name in names]
        table.append(f"{number:<6}" + "".join(f"{cell:>14}" for cell in cells))
    return table


async def _save(chat: Chat, argument: str) -> list[str]:
    if _is_folder(argument):
        is_new = chat.recordings.set_folder(_expand_home(argument))
        for number, entry in chat.transcript.numbered if is_new else ():
            chat.recordings.write_text(number, entry)
    elif argument:
        await chat.store.rename(argument)
        return [
            f"this conversation is named {argument}: livecli chat --resume {shlex.quote(argument)} goes on with it",
            f"/save {argument}/ saves its text and audio in a folder",
        ]
    lines = [] if chat.store.key is None else [f"this is conversation {chat.store.key}: /save NAME names it"]
    if chat.recordings.folder is None:
        return [*lines, "its audio is not saved: /save FOLDER/ saves the text and the audio in a folder"]
    return [*lines, f"the conversation is saved in {chat.recordings.folder}"]


def _is_folder(argument: str) -> bool:
    """Whether the argument of `/save` is a folder, and not a name: it exists, or is written as a path."""
    return bool(argument) and ("/" in argument or os.sep in argument or Path(_expand_home(argument)).is_dir())


async def _history(chat: Chat, _: str) -> list[str]:
    lines: list[str] = []
    current = chat.current_entry
    for entry in [*chat.transcript.entries, *([current] if current else [])]:
        if entry.question:
            first, *others = entry.question.split("\n")
            lines += [f"> {first}", *(f"  {line}" for line in others)]
        lines += entry.answer.splitlines()
    return lines or ["there are no turns yet"]


async def _reset(chat: Chat, _: str) -> list[str]:
    is_deleted = await chat.reset()
    return ["this is a new conversation" if is_deleted else "this is a new conversation, and the named one is kept"]


async def _help(chat: Chat, _: str) -> list[str]:
    width = max(len(command.usage) for command in COMMANDS.values())
    return [f"{command.usage:{width}}  {command.help}" for command in COMMANDS.values()]


async def _quit(chat: Chat, _: str) -> list[str]:
    raise Quit


ALIASES = {"exit": "quit", "bye": "quit", "clear": "reset", "?": "help"}
"""Other names of commands, which are not listed."""

BARE_WORDS = {"exit": "/quit ends the chat", "quit": "/quit ends the chat", "?": "/help lists the commands"}
"""Messages that are probably meant as a command, and the hint that follows."""

AS_TEXT = "a space before it makes it text"
"""How to send such a message all the same."""

ON_OFF = ("on", "off")
COMMANDS = {
    command.name: command
    for command in (
        Command("send", "FILE", "send a recording", _send, is_turn=True),
        Command("image", "[FILE]", "send a picture with the next message, or take those back that wait for it", _image),
        Command("screen", "", "send a picture of the screen with the next message", _screen),
        Command("say", "[on|off]", "turn the speaker on or off", _say, ON_OFF),
        Command("mic", "[on|off]", "turn the microphone on or off", _mic, ON_OFF),
        Command("again", "", "ask the last question again", _again, is_turn=True),
        Command("edit", "", "write the next message in $EDITOR, as Ctrl-X Ctrl-E does", _edit),
        Command("copy", "", "copy the last answer to the clipboard of a terminal that allows it", _copy),
        Command("model", "NAME", "go on with another model", _model, tuple(MODELS)),
        Command("system", "TEXT|@FILE", "change the system instruction", _system),
        Command("voice", "NAME", "change the voice", _voice, tuple(sorted(VOICES))),
        Command("language", "CODE", "change the language of a model that follows it", _language, tuple(LANGUAGES)),
        Command("tools", "", "list the tools that the model may call", _tools, is_report=True),
        Command(
            "usage", "", "show the tokens by modality and their cost, per turn and in total", _usage, is_report=True
        ),
        Command("latency", "", "show the latencies of the last turns", _latency, is_report=True),
        Command("save", "[NAME|FOLDER/]", "name the conversation, or save its text and audio in a folder", _save),
        Command("history", "", "show the conversation so far", _history, is_report=True),
        Command("reset", "", "start a new conversation", _reset),
        Command("help", "", "list the commands", _help, is_report=True),
        Command("quit", "", "end the chat", _quit),
    )
}
