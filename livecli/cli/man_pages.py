"""Manual pages in roff, for every command and every topic, made from the sources of their help."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from .. import __version__
from ..console.markdown import INLINE, ITEM, blocks, table_rows, without_links
from .command_help import HELP_OPTIONS, ListedOption, listed_options, metavar_of, split_description, summary, usage
from .help import TOPICS, topic_summary, topic_text

ISSUES = "Report bugs to the project's issue tracker."


def pages() -> dict[str, str]:
    """The pages by their file names: `livecli.1`, and `livecli-NAME.1` for each command and topic."""
    from .app import command_for

    root = command_for(["livecli"])
    written = {f"livecli-{topic}.1": _page(_topic_page(topic)) for topic in TOPICS}
    for path, command in commands(root):
        name = "-".join(["livecli", *path])
        guide = topic_text(path[0]) if len(path) == 1 and path[0] in TOPICS else ""
        written[f"{name}.1"] = _page(_command_page(name, path, command, guide))
    return written


def _page(lines: Iterable[str]) -> str:
    """The lines as a page: a heading begins a paragraph by itself, and a page is ASCII."""
    kept: list[str] = []
    for line in lines:
        if line != ".PP" or not kept[-1].startswith((".SH", ".SS")):
            kept.append(line)
    text = "\n".join(kept) + "\n"
    return "".join(c if c.isascii() else f"\\[u{ord(c):04X}]" for c in text)


def commands(command: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Any]]:
    """Each command with the words that lead to it, those of groups included; () for the first."""
    yield path, command
    for name, each in getattr(command, "commands", {}).items():
        yield from commands(each, (*path, name))


def _head(name: str, text: str) -> Iterator[str]:
    # The first line asks man to prepare tables.
    yield "'\\\" t"
    yield f'.TH {name.upper()} 1 "" "livecli {__version__}" "livecli"'
    # Lines are not stretched to the right margin, and words are not broken.
    yield from (".ad l", ".nh")
    yield from (".SH NAME", f"{_escaped(name)} \\- {_escaped(text.rstrip('.'))}")


def _topic_page(topic: str) -> Iterator[str]:
    yield from _head(f"livecli-{topic}", topic_summary(topic))
    yield ".SH DESCRIPTION"
    yield from _from_markdown(topic_text(topic))
    yield from _see_also(["livecli"])


def _command_page(name: str, path: tuple[str, ...], command: Any, guide: str) -> Iterator[str]:
    paragraphs, examples = split_description(command)
    yield from _head(name, summary(command))
    yield from (".SH SYNOPSIS", f"\\fB{_escaped(usage(command, ' '.join(['livecli', *path])))}\\fR", ".SH DESCRIPTION")
    for paragraph in paragraphs:
        yield from (".PP", _inline(paragraph))
    if below := getattr(command, "commands", None):
        yield ".SH COMMANDS"
        for each, inner in below.items():
            yield from (".TP", f"\\fB{_escaped(each)}\\fR", _inline(summary(inner)))
    arguments = [each for each in command.params if each.param_type_name == "argument" and each.help]
    if arguments:
        yield ".SH ARGUMENTS"
        for each in arguments:
            yield from (".TP", f"\\fI{_escaped(metavar_of(each))}\\fR", _inline(each.help))
    yield ".SH OPTIONS"
    yield from _options([*listed_options(command), *HELP_OPTIONS])
    if guide:
        yield from _from_markdown(guide)
    if examples:
        yield from (".SH EXAMPLES", ".nf", *map(_line, examples), ".fi")
    if not path:
        yield ".SH GUIDES"
        for topic in TOPICS:
            yield from (".TP", f"\\fBlivecli\\-{_escaped(topic)}\\fR(1)", _inline(topic_summary(topic)))
        yield from (".SH BUGS", ISSUES)
    yield from _see_also(
        ["-".join(["livecli", *path[:-1]]), "livecli-environment", "livecli-exit-statuses"] if path else []
    )


def _options(options: Iterable[ListedOption]) -> Iterator[str]:
    panel = ""
    for option in options:
        if option.panel != panel:
            panel = option.panel
            yield f'.SS "{_escaped(panel)}"'
        names = ", ".join(f"\\fB{_escaped(name)}\\fR" for name in option.names)
        yield from (
            ".TP",
            f"{names} \\fI{_escaped(option.metavar)}\\fR" if option.metavar else names,
            _inline(option.help),
        )


def _see_also(names: Iterable[str]) -> Iterator[str]:
    if text := ", ".join(f"\\fB{_escaped(name)}\\fR(1)" for name in names):
        yield from (".SH SEE ALSO", text)


def _from_markdown(text: str) -> Iterator[str]:
    """A guide in roff, without its heading."""
    for block in blocks(text.splitlines()[1:]):
        first = block[0]
        if first.startswith("```"):
            yield from (".PP", ".RS 4", ".nf", *map(_line, block[1:-1]), ".fi", ".RE")
        elif first.startswith("|"):
            yield from _table(block)
        elif first.startswith("#"):
            macro = ".SH" if first.startswith("## ") else ".SS"
            yield f'{macro} "{_escaped(first.lstrip("# ").replace("`", ""))}"'
        elif marker := ITEM.match(first):
            bullet = "\\(bu" if marker[0] == "* " else marker[0].strip()
            yield from (f".IP {bullet} 3", _inline(_joined(block)[len(marker[0]) :]))
        elif paragraph := without_links(_joined(block)).strip():
            yield from (".PP", _inline(paragraph))


def _joined(block: list[str]) -> str:
    return " ".join(line.strip() for line in block)


def _table(rows: list[str]) -> Iterator[str]:
    heading, *others = table_rows(rows)
    widths = [max(len(row[column]) for row in [heading, *others]) for column in range(len(heading))]
    wide = widths.index(max(widths))
    # The widest column takes what is left of the line.
    formats = ["lx" if column == wide else "l" for column in range(len(heading))]
    yield from (".TS", " ".join("lb" for _ in heading), f"{' '.join(formats)}.", "\t".join(map(_inline, heading)), "_")
    for row in others:
        yield "\t".join(f"T{{\n{_inline(cell)}\nT}}" for cell in row)
    yield ".TE"


def _inline(text: str) -> str:
    """A line of text with its code and strong words in bold, and its emphasis in italics."""
    parts, at, text = [], 0, without_links(text)
    for found in INLINE.finditer(text):
        font = "I" if found.lastgroup == "emphasis" else "B"
        parts += [_escaped(text[at : found.start()]), f"\\f{font}{_escaped(found[str(found.lastgroup)])}\\fR"]
        at = found.end()
    return _line("".join(parts) + _escaped(text[at:]), escape=False)


def _line(text: str, *, escape: bool = True) -> str:
    """A line that does not begin as a request of roff does."""
    line = _escaped(text) if escape else text
    return f"\\&{line}" if line.startswith((".", "'")) else line


def _escaped(text: str) -> str:
    return text.replace("\\", "\\e").replace("-", "\\-").replace('"', "\\(dq")
