"""Help of a command, as text: `-h` has the options that people use, `--help` all of them, by panel.

Typer's own help has the width of 80 columns and its types as metavars. `listed_options` is also what the man pages and
the completion are made from.
"""

from __future__ import annotations

import shutil
import sys
from collections.abc import Iterator, Mapping
from itertools import pairwise
from textwrap import wrap
from typing import Any, NamedTuple

import typer
from typer.core import TyperCommand, TyperGroup, TyperOption

from ..errors import UsageError
from ..process.stdio import COLOUR, has_colour, write_stdout
from .groups import PANELS

WIDEST = 120
"""Columns of the help in a wide terminal: longer lines are hard to read."""

NARROWEST = 40

TERM = 30
"""The longest term beside its description. A longer one has a line of its own."""

FEW = 13
"""With this many options or fewer, the short help has all of them."""

OTHER = "Options"
"""The panel of options that name none."""


class ListedOption(NamedTuple):
    """An option or an argument as help shows it: `names` in the order of their lengths, and a sentence."""

    names: tuple[str, ...]
    metavar: str
    help: str
    panel: str
    is_common: bool

    @property
    def term(self) -> str:
        """Its names and its metavar. A name of one letter comes first, and without one there is room for it."""
        names = ", ".join(self.names)
        indent = "    " if self.names and len(self.names[0]) > 2 else ""
        return f"{indent}{names} {self.metavar}".rstrip() if names else self.metavar


def listed_options(command: Any) -> list[ListedOption]:
    """The options of a command, by panel, in the order in which they are declared."""
    options = [_listed(option) for option in command.params if isinstance(option, TyperOption) and not option.hidden]
    panels = [*PANELS, *dict.fromkeys(option.panel for option in options)]
    return sorted(options, key=lambda option: panels.index(option.panel))


def _listed(option: TyperOption) -> ListedOption:
    heading: Any = option.rich_help_panel
    names = tuple(sorted([*option.opts, *option.secondary_opts], key=lambda name: (len(name) > 2, name)))
    if option.secondary_opts:
        names = (*option.opts, *option.secondary_opts)
    takes_value = not (option.is_flag or option.count)
    return ListedOption(
        names,
        metavar_of(option) if takes_value else "",
        (option.help or "") + _default(option, takes_value=takes_value),
        str(heading or OTHER),
        getattr(heading, "is_common", True),
    )


def metavar_of(parameter: Any) -> str:
    """The value that a parameter takes, in capitals or as the choices."""
    if parameter.metavar:
        return str(parameter.metavar)
    if choices := getattr(parameter.type, "choices", None):
        return "|".join(str(getattr(each, "value", each)) for each in choices)
    return "N" if hasattr(parameter.type, "min") else "TEXT"


def _default(option: TyperOption, *, takes_value: bool) -> str:
    value = getattr(option.default, "value", option.default)
    if not takes_value or value is None or not option.show_default:
        return ""
    return f" [default: {value:g}]" if isinstance(value, float) else f" [default: {value}]"


def split_description(command: Any) -> tuple[list[str], list[str]]:
    """The paragraphs of a command's description, and its examples."""
    paragraphs = [" ".join(paragraph.split()) for paragraph in (command.help or "").split("\n\n")]
    if "Examples:" not in paragraphs:
        return paragraphs, []
    at = paragraphs.index("Examples:")
    return paragraphs[:at], paragraphs[at + 1 :]


def usage(command: Any, path: str) -> str:
    """The line that shows the order of a command's words."""
    if commands := getattr(command, "commands", None):
        return f"{path} COMMAND [OPTIONS]" if commands else path
    arguments = [metavar_of(each) for each in command.params if not (isinstance(each, TyperOption) or each.hidden)]
    return " ".join([path, "[OPTIONS]", *arguments])


def page(command: Any, path: str, *, is_full: bool, width: int, in_colour: bool) -> str:
    """The help of a command: all options where it `is_full`, and else those that are common."""
    return "\n".join(_lines(command, path, is_full=is_full, width=width, style=_style if in_colour else _plain)) + "\n"


def _plain(kind: str, text: str) -> str:
    return text


def _style(kind: str, text: str) -> str:
    return f"\x1b[{STYLES[kind]}m{text}\x1b[0m"


STYLES = {"heading": "1;32", "term": "36", "example": "2"}
"""The colours of a heading, of an option or command, and of an example, as SGR codes."""


def _lines(command: Any, path: str, *, is_full: bool, width: int, style: Any) -> Iterator[str]:
    paragraphs, examples = split_description(command)
    for paragraph in paragraphs if is_full else paragraphs[:1]:
        yield from wrap(paragraph, width, break_on_hyphens=False)
        yield ""
    yield f"{style('heading', 'Usage:')} {usage(command, path)}"
    commands = {name: each for name, each in getattr(command, "commands", {}).items() if not each.hidden}
    if commands:
        yield from _section("Commands", [(name, summary(each)) for name, each in commands.items()], width, style)
    arguments = [each for each in command.params if not isinstance(each, TyperOption) and each.help]
    if arguments:
        yield from _section("Arguments", [(metavar_of(each), each.help or "") for each in arguments], width, style)
    options = [*listed_options(command), *HELP_OPTIONS]
    if not is_full and len(options) > FEW + len(HELP_OPTIONS):
        options = [option for option in options if option.is_common]
    panels = dict.fromkeys(option.panel if is_full else OTHER for option in options)
    for panel in panels:
        rows = [(option.term, option.help) for option in options if not is_full or option.panel == panel]
        yield from _section(panel, rows, width, style)
    if examples:
        yield ""
        yield style("heading", "Examples:")
        yield from (f"  {style('example', example)}" for example in (examples if is_full else examples[:3]))
    yield ""
    if is_full:
        yield "Guides: livecli help"
    else:
        yield f"All options: {path} --help    Guides: livecli help"


def summary(command: Any) -> str:
    """The first paragraph of a command's description."""
    return split_description(command)[0][0]


def _section(heading: str, rows: list[tuple[str, str]], width: int, style: Any) -> Iterator[str]:
    yield ""
    yield style("heading", f"{heading}:")
    column = min(max(len(term) for term, _ in rows), TERM) + 4
    for term, text in rows:
        described = wrap(text, max(width - column, 20), break_on_hyphens=False, break_long_words=False) or [""]
        if len(term) > column - 4:
            yield f"  {style('term', term)}"
        else:
            yield f"  {style('term', term)}{' ' * (column - 2 - len(term))}{described.pop(0)}".rstrip()
        yield from (f"{' ' * column}{line}" for line in described)


COLOURS = ("auto", "always", "never")

HELP_OPTIONS = [
    ListedOption(("--color",), "|".join(COLOURS), "Use colours: by default in a terminal.", OTHER, False),
    ListedOption(("-h", "--help"), "", "Show the common options; --help: all of them.", OTHER, True),
]
"""The options that every command has."""


def terminal_width() -> int:
    """The columns of the help: those of the terminal on standard output, up to WIDEST."""
    return max(NARROWEST, min(WIDEST, shutil.get_terminal_size().columns))


def command_page(command: Any, path: str, *, is_full: bool = True, in_colour: bool | None = None) -> str:
    """The help of a command for standard output; in its colours, unless `in_colour` says otherwise."""
    colours = has_colour(sys.stdout) if in_colour is None else in_colour
    return page(command, path, is_full=is_full, width=terminal_width(), in_colour=colours)


def listing(sections: Mapping[str, Mapping[str, str]]) -> str:
    """Terms with their descriptions below headings, for standard output."""
    style = _style if has_colour(sys.stdout) else _plain
    lines = [
        line
        for heading, rows in sections.items()
        for line in _section(heading, list(rows.items()), terminal_width(), style)
    ]
    return "\n".join(lines[1:]) + "\n"


def _show(context: Any, option: Any, value: bool) -> None:
    if not value or context.resilient_parsing:
        return
    write_stdout(command_page(context.command, context.command_path, is_full=option.opts == ["--help"]))
    raise typer.Exit


def _set_colour(context: Any, option: Any, value: str | None) -> None:
    if value is None:
        return
    if value not in COLOURS:
        raise UsageError(f"--color is {', '.join(COLOURS[:-1])} or {COLOURS[-1]}, not {value!r}")
    COLOUR.set(value)


def has_optional_value(option: Any) -> bool:
    """Whether an option may stand without its value, which is empty then: its metavar is in brackets."""
    return (option.metavar or "").startswith("[")


def _with_empty_values(command: Any, words: list[str]) -> list[str]:
    """`words` with `--resume=` for a `--resume` without a value, for which Typer has no notation."""
    names = {name for option in command.params if has_optional_value(option) for name in option.opts}
    names = {name for name in names if name.startswith("-")}
    end = words.index("--") if "--" in words else len(words)
    pairs = pairwise([*words[:end], "--"])
    return [f"{word}=" if word in names and after.startswith("-") else word for word, after in pairs] + words[end:]


class HelpCommand(TyperCommand):
    """A command with `-h`, `--help` and `--color`."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs | {"add_help_option": False})
        self.help_options = _help_options()

    def get_params(self, ctx: Any) -> list[Any]:
        return [*self.params, *self.help_options]

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        return list(super().parse_args(ctx, _with_empty_values(self, args)))


class HelpGroup(TyperGroup):
    """A group of commands with `-h`, `--help` and `--color`. Without a command it shows its help."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs | {"add_help_option": False})
        self.help_options = _help_options()

    def get_params(self, ctx: Any) -> list[Any]:
        return [*self.params, *self.help_options]

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        return super().parse_args(ctx, args or ["--help"])


def _help_options() -> list[TyperOption]:
    shows = [
        TyperOption(param_decls=[name], is_flag=True, is_eager=True, expose_value=False, callback=_show)
        for name in ("-h", "--help")
    ]
    colour = TyperOption(param_decls=["--color"], is_eager=True, expose_value=False, callback=_set_colour)
    return [*shows, colour]
