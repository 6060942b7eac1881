"""Usage errors of the command line: what Typer refuses, in livecli's words.

A message of Typer's that is not known here is told as it is.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterable, Sequence
from difflib import get_close_matches
from pathlib import PurePath
from typing import Any

import typer

from ..errors import UsageError

SIMILARITY = 0.7
"""Below this ratio of `difflib` no other name is suggested: at its default of 0.6, --bogus brings up --jobs."""

KEY_HINT = "set GOOGLE_API_KEY, or run: livecli auth login"
ELSEWHERE = {
    **dict.fromkeys(["--api-key", "--api_key", "--apikey", "--key"], KEY_HINT),
    **dict.fromkeys(["--token", "--access-token"], "set LIVECLI_ACCESS_TOKEN"),
}
"""Options of other programs that livecli does not have, and what takes their place."""

EXAMPLES = {
    "-o": "-o reply.wav",
    "--output": "--output reply.wav",
    "--text": '--text "Where is the station?"',
    "--voice": "--voice Kore",
}
"""Options with a value that is often forgotten, and how each is written."""


def usage_error(error: typer.TyperException, words: Sequence[str] = ()) -> UsageError:
    """The error to tell instead of `error`, with the nearest thing that would have been right as its hint.

    `words` are those of the command line.
    """
    context: Any = getattr(error, "ctx", None)
    message = error.format_message()
    hint = f"`{context.command_path} --help` lists what there is" if context else None
    if isinstance(error, typer.BadParameter):
        message = _of_number(error) or message
    elif without_value := re.match(r"Option '(.*?)' requires an argument\.", message):
        message = f"{without_value[1]} needs a value"
        hint = EXAMPLES.get(without_value[1])
    elif option := getattr(error, "option_name", None):
        if context:
            message = f"there is no option {option}"
            names = (name for each in context.command.params for name in each.opts)
            hint = (
                _after_the_command(option, context, words)
                or _file_with_a_dash(option, words)
                or ELSEWHERE.get(option)
                or _nearest(option, names)
                or hint
            )
    elif context and context.command_path.endswith(" auth login") and "unexpected extra argument" in message:
        # Typer's message has the argument in it, which is a key.
        message = "a key is not given on the command line, where other processes and the shell's history see it"
        hint = "livecli auth login, which asks for it; or: livecli auth login < key.txt"
    elif unknown := re.match(r"No such command '(.*?)'\.", message):
        message = f"there is no command {unknown[1]}"
        hint = _right_command(unknown[1], context.command_path, context.command.commands) or hint
    return UsageError(message, hint=hint)


def _after_the_command(option: str, context: Any, words: Sequence[str]) -> str | None:
    """For an option that stands before the command that it is of."""
    for place, word in enumerate(words):
        command = getattr(context.command, "commands", {}).get(word)
        if command is not None and any(option in param.opts for param in command.params):
            return f"did you mean: {shlex.join([context.command_path, word, *words[:place], *words[place + 1 :]])}"
    return None


def _file_with_a_dash(option: str, words: Sequence[str]) -> str | None:
    """For a file whose name begins with a dash: Typer takes each letter after the dash for an option."""
    for word in words:
        if word.startswith("-") and option.strip("-") in word and PurePath(word).suffix:
            return f"the file of that name is ./{word}"
    return None


def _of_number(error: typer.BadParameter) -> str | None:
    """About the value of an option that takes a number: it is none, or it is out of range."""
    option: Any = error.param
    value, is_not, problem = error.message.partition(" is not ")
    if not (option and is_not):
        return None
    name, lowest, highest = option.opts[0], getattr(option.type, "min", None), getattr(option.type, "max", None)
    if problem.startswith("in the range"):
        bounds = f"{lowest} or more" if highest is None else f"from {lowest} to {highest}"
        return f"{name} must be {bounds}, not {value.removesuffix('.0')}"
    if problem.startswith("a valid int"):
        return f"{name} takes a whole number, not {value}"
    if problem.startswith("a valid float"):
        usual = f" or {option.default:g}" if option.default and option.default != 1 else ""
        return f"{name} takes a number, such as 1{usual}, not {value}"
    return None


def _right_command(name: str, path: str, commands: dict[str, Any]) -> str | None:
    """The command that was probably meant by `name`: one nearby, one of a group, or the `send` of a file."""
    if near := _nearest(name, commands, before=f"{path} "):
        return near
    for group, command in commands.items():
        if name in getattr(command, "commands", ()):
            return f"did you mean: {path} {group} {name}"
    if "send" in commands and PurePath(name).suffix:
        return f"did you mean: {path} send {name}"
    return None


def _nearest(name: str, names: Iterable[str], before: str = "") -> str | None:
    by_letters = {each.strip("-"): each for each in names}
    near = get_close_matches(name.strip("-"), by_letters, n=1, cutoff=SIMILARITY)
    return f"did you mean: {before}{by_letters[near[0]]}" if near else None
