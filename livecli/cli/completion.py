"""The command `livecli completion`: prints a script for a shell, which asks this command for the words to offer."""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable, Iterable, Sequence
from enum import StrEnum
from typing import Annotated, Any

import typer

from ..process.stdio import write_stdout
from .command_help import COLOURS, HELP_OPTIONS, has_optional_value, listed_options, summary


class Shell(StrEnum):
    """The shells that have a script."""

    BASH = "bash"
    ZSH = "zsh"
    FISH = "fish"


# Readline completes $2, which may begin after a `=` or `:` within the word, so what is before it is cut off.
# Nothing is added after these signs.
BASH = r"""
_livecli() {
    local line=${COMP_LINE:0:COMP_POINT} word before reply
    word=${line##*[[:space:]]}
    before=${word%"$2"}
    COMPREPLY=()
    while IFS=$'\t' read -r reply _; do
        COMPREPLY+=("$(printf %q "${reply#"$before"}")")
    done < <(livecli completion bash -- "$line" 2>/dev/null)
    if [[ ${#COMPREPLY[@]} == 1 && ${COMPREPLY[0]} == *[=:@] ]]; then compopt -o nospace; fi
}
complete -o default -F _livecli livecli
"""

ZSH = r"""
#compdef livecli
_livecli() {
    local -a rows open
    rows=("${(@f)$(livecli completion zsh -- "${(@Q)words[2,CURRENT]}" 2>/dev/null)}")
    if [[ -z $rows ]]; then
        _files
        return
    fi
    open=(${(M)rows:#(*[=@]|*\\:|*[=@]:*|*\\::*)})
    rows=(${rows:|open})
    _describe livecli rows -M 'm:{a-zA-Z}={A-Za-z}' -- open -M 'm:{a-zA-Z}={A-Za-z}' -S ''
}
if [[ $funcstack[1] == _livecli ]]; then
    _livecli "$@"
else
    compdef _livecli livecli
fi
"""

FISH = r"""
function __livecli_candidates
    set -l words (commandline -opc)
    set -l current (commandline -ct)
    set -l rows (livecli completion fish -- $words[2..] "$current" 2>/dev/null)
    if test (count $rows) -gt 0
        string join \n -- $rows
    else
        __fish_complete_path "$current"
    end
end
complete -c livecli -f -a '(__livecli_candidates)'
"""

SCRIPTS = {Shell.BASH: BASH, Shell.ZSH: ZSH, Shell.FISH: FISH}


def completion(
    shell: Annotated[Shell, typer.Argument(metavar="bash|zsh|fish", help="The shell.")],
    words: Annotated[list[str] | None, typer.Argument(hidden=True)] = None,
) -> None:
    """Print the completion script of a shell.

    Nothing is installed: put the output where your shell looks for it, or evaluate it in its start file.

    Examples:

    eval "$(livecli completion bash)"

    livecli completion zsh > ~/.zfunc/_livecli

    livecli completion fish > ~/.config/fish/completions/livecli.fish
    """
    if not words:
        write_stdout(SCRIPTS[shell].lstrip())
        return
    found = candidates(_split(words[0]) if shell is Shell.BASH else words)
    write_stdout("".join(f"{_row(shell, value, text)}\n" for value, text in found))


def _split(line: str) -> list[str]:
    """The words of a line after the first. The last one is being typed, and is empty after a space."""
    lexer = shlex.shlex(line, posix=True, punctuation_chars=False)
    lexer.whitespace_split = True
    lexer.commenters = ""
    words: list[str] = []
    try:
        words.extend(lexer)
    except ValueError:
        # A quotation mark is open.
        words.append(lexer.token)
    return [*words[1:], *([""] if line[-1:].isspace() else [])]


def _row(shell: Shell, value: str, text: str) -> str:
    if shell is Shell.ZSH:
        return (
            "{}:{}".format(value.replace("\\", "\\\\").replace(":", "\\:"), text) if text else value.replace(":", "\\:")
        )
    return f"{value}\t{text}" if text else value


def candidates(words: Sequence[str]) -> list[tuple[str, str]]:
    """The completions of the last of `words`, each with a description; none where a file or any text is possible.

    `words` are those of the command line after `livecli`, and the last one is being typed.
    """
    from .app import command_for

    *before, current = words or [""]
    command = command_for(before or ["--help"])
    option: str | None = None
    for number, word in enumerate(before):
        if option and not (word.startswith("-") and has_optional_value(_option_named(command, option))):
            option = None
        elif word == "--":
            return []
        elif word.startswith("-"):
            option = word if _takes_value(command, word) else None
        elif deeper := getattr(command, "commands", {}).get(word):
            command = deeper
        elif command.name == "help":
            return _beginning(current, _of_help(before[number:]))
    name, equals, value = current.partition("=")
    if option and not (current.startswith("-") and has_optional_value(_option_named(command, option))):
        return _beginning(current, _values(command, option, current))
    if equals and _takes_value(command, name):
        return [(f"{name}={each}", text) for each, text in _beginning(value, _values(command, name, value))]
    if current.startswith("-"):
        options = [*listed_options(command), *HELP_OPTIONS]
        return _beginning(current, [(name, option.help) for option in options for name in option.names])
    return _beginning(current, _arguments(command))


def _beginning(current: str, rows: Iterable[tuple[str, str]]) -> list[tuple[str, str]]:
    """The rows whose value begins as what was typed, in any case, with descriptions of one line."""
    start = current.casefold()
    found = {value: " ".join(text.split()) for value, text in rows if value.casefold().startswith(start)}
    return list(found.items())


def _option_named(command: Any, name: str) -> Any:
    return next((each for each in command.get_params(None) if name in (*each.opts, *each.secondary_opts)), None)


def _takes_value(command: Any, name: str) -> bool:
    option = _option_named(command, name)
    return bool(option) and not (option.is_flag or option.count)


def _arguments(command: Any) -> list[tuple[str, str]]:
    if commands := getattr(command, "commands", None):
        return [(name, summary(each)) for name, each in commands.items()]
    if command.name == "help":
        return _of_help([])
    if command.name == "completion":
        return [(shell.value, "") for shell in Shell]
    return []


def _of_help(words: Sequence[str]) -> list[tuple[str, str]]:
    from .app import COMMANDS, SUMMARIES, command_for
    from .help import TOPICS, topic_summary

    if not words:
        topics = [(topic, topic_summary(topic)) for topic in TOPICS]
        return [*topics, *((name, SUMMARIES[name]) for name in COMMANDS if name not in TOPICS)]
    command = command_for(words)
    for word in words:
        command = getattr(command, "commands", {}).get(word)
    return _arguments(command) if hasattr(command, "commands") else []


def _values(command: Any, name: str, current: str) -> list[tuple[str, str]]:
    option = _option_named(command, name)
    if choices := getattr(option.type, "choices", None):
        return [(str(getattr(each, "value", each)), "") for each in choices]
    values = VALUES.get(max(option.opts, key=len))
    return values(current) if values else []


def _voices(current: str) -> list[tuple[str, str]]:
    from ..protocol.names import VOICES

    return list(VOICES.items())


def _languages(current: str) -> list[tuple[str, str]]:
    from ..protocol.names import LANGUAGES

    return list(LANGUAGES.items())


def _models(current: str) -> list[tuple[str, str]]:
    from ..protocol.models import MODELS

    return [(model.name, ", ".join(sorted(model.platforms))) for model in MODELS.values() if not model.retired]


def _locations(current: str) -> list[tuple[str, str]]:
    from ..protocol.models import MODELS

    places = {place for model in MODELS.values() if model.locations for place in model.locations.names}
    return [(place, "") for place in sorted(places | {"global", "us", "eu"})]


def _devices(current: str) -> list[tuple[str, str]]:
    from ..errors import FileError
    from ..media.sound_devices.devices import list_devices

    try:
        return [(device.name, "") for device in list_devices()]
    except FileError:
        # There is no sound system, so there is nothing to offer.
        return []


def _faults(current: str) -> list[tuple[str, str]]:
    """The faults up to `=` or `@`; after that the moments."""
    from ..emulator.faults import FAULT_KINDS
    from .help import topic_text

    what, at, _ = current.rpartition("@")
    if at:
        moments = re.findall(r"\| `(\w+:?)N?` \| ([^|]+?) (?=\|)", topic_text("faults").partition("| moment |")[2])
        return [(f"{what}@{moment}", text) for moment, text in moments]
    return [(f"{name}{'=' if '=' in kind.usage else '@'}", kind.help) for name, kind in FAULT_KINDS.items()]


def _profiles(current: str) -> list[tuple[str, str]]:
    from ..credentials.profiles import profile_names

    return [(name, "") for name in profile_names()]


def _conversations(current: str) -> list[tuple[str, str]]:
    from ..chat.conversation_file import list_conversations
    from ..errors import FileError

    try:
        saved = list_conversations().conversations
    except FileError:
        # There is no home folder.
        return []
    return [(each.key, f"{each.when}, {each.length}: {each.title}") for each in saved]


VALUES: dict[str, Callable[[str], list[tuple[str, str]]]] = {
    "--voice": _voices,
    "--language": _languages,
    "--model": _models,
    "--location": _locations,
    "--device": _devices,
    "--fault": _faults,
    "--profile": _profiles,
    "--resume": _conversations,
    "--color": lambda current: [(when, "") for when in COLOURS],
}
"""The values of options that are no choice, with their descriptions, given what was typed."""
