"""`livecli help`: topics that belong to no one verb, as data on standard output."""

import re
from pathlib import Path

import pytest

from livecli.cli.app import COMMANDS, SUMMARIES
from livecli.cli.groups import PANELS
from livecli.errors import GRAVEST_FIRST

AUTH = ("status", "token", "login", "logout")
RECORDING = ("validate", "show", "convert")
GROUPS = {"auth": AUTH, "recording": RECORDING}
SOURCES = Path(__file__).parents[2] / "livecli"


def options_of(page):
    """The lines of a help page that begin with an option."""
    return [line.split("  ")[0] for line in re.findall(r"^ +(-.*)$", page, re.MULTILINE)]


def topics_of(listing):
    """The first word of each line below a heading."""
    return set(re.findall(r"^  (\S+)", listing, re.MULTILINE))


def test_the_statuses_are_those_of_the_errors(livecli):
    ran = livecli("help", "exit-statuses")
    assert (ran.status, ran.err) == (0, "")
    rows = dict(re.findall(r"^\| ([\d, ]+) \| (.*) \|$", ran.out, re.MULTILINE))
    assert list(rows) == ["0", "1", "2", "3", "4", "5", "6", "7", "8", "70", "126, 127", "130, 143", "137", "141"]
    assert {str(status) for status in GRAVEST_FIRST} <= set(rows)
    assert all(text.strip().endswith(".") for text in rows.values())


@pytest.mark.parametrize("verb", COMMANDS)
def test_the_list_of_verbs_says_what_each_says_of_itself(livecli, verb):
    assert list(SUMMARIES) == list(COMMANDS)
    assert livecli(verb, "--help").out.startswith(f"{SUMMARIES[verb]}\n")
    listed = re.findall(r"^  ([a-z]+) +(.*)$", livecli("--help").out.partition("Commands:\n")[2], re.MULTILINE)
    assert dict(listed) == SUMMARIES


@pytest.mark.parametrize("group", GROUPS)
def test_a_group_without_a_command_shows_its_help(livecli, group):
    assert livecli() == livecli("--help")
    assert livecli(group) == livecli(group, "--help")
    assert livecli(group).status == 0
    for name in GROUPS[group]:
        assert f"\n  {name}" in livecli(group).out


LEVELS = [[], ["send"], ["chat"], ["serve"], ["help"]]
LEVELS += [[group, *verb] for group, verbs in GROUPS.items() for verb in ([], *([each] for each in verbs))]


@pytest.mark.parametrize("words", LEVELS, ids=" ".join)
def test_the_short_help_has_at_most_14_options(livecli, words):
    short, full = livecli(*words, "-h"), livecli(*words, "--help")
    assert (short.status, short.err, full.status, full.err) == (0, "", 0, "")
    assert len(options_of(short.out)) <= 14
    assert set(options_of(short.out)) <= set(options_of(full.out))
    assert "-h, --help" in short.out


@pytest.mark.parametrize("verb", [words for words in LEVELS if " ".join(words) not in ("", *GROUPS)], ids=" ".join)
def test_every_verb_has_examples(livecli, verb):
    examples = livecli(*verb, "--help").out.partition("Examples:\n")[2].partition("\n\n")[0].splitlines()
    assert examples
    assert all(f"livecli {' '.join(verb)}" in example for example in examples)


def test_the_full_help_lists_the_options_by_panel(livecli):
    headings = re.findall(r"^(\w.*):$", livecli("send", "--help").out, re.MULTILINE)
    assert headings == ["Arguments", *PANELS, "Options", "Examples"]


def test_an_option_that_takes_a_value_says_which_kind(livecli):
    text = "\n".join(livecli(*words, "--help").out for words in LEVELS)
    assert not re.search(r"<(str|int|float)|range>|<=x|x>=| TEXT {2}", text)
    assert re.search(r"--timeout SECONDS +Limit for the whole run\. \[default: none\]$", text, re.MULTILINE)
    assert re.search(r"--chunk-bytes N .*\[default:\s+1024\]$", text, re.MULTILINE | re.DOTALL)


@pytest.mark.parametrize(("columns", "widest"), [("60", 60), ("80", 80), ("100", 100), ("200", 120)])
def test_help_has_the_width_of_the_terminal_up_to_120(livecli, monkeypatch, columns, widest):
    monkeypatch.setenv("COLUMNS", columns)
    described = livecli("send", "--help").out.partition("Examples:")[0].splitlines()
    assert widest - 12 < max(map(len, described)) <= widest


def test_help_has_colours_in_a_terminal_only(livecli, monkeypatch):
    plain = livecli("send", "-h").out
    assert "\x1b" not in plain
    monkeypatch.setenv("FORCE_COLOR", "1")
    coloured = livecli("send", "-h").out
    assert "\x1b[" in coloured
    assert re.sub(r"\x1b\[[\d;]*m", "", coloured) == plain
    monkeypatch.setenv("NO_COLOR", "1")
    assert livecli("send", "-h").out == plain


@pytest.mark.parametrize(
    ("words", "hint"),
    [
        (["question.wav"], "did you mean: livecli send question.wav"),
        (["login"], "did you mean: livecli auth login"),
    ],
)
def test_a_word_that_is_no_command_has_a_hint(livecli, words, hint):
    ran = livecli(*words)
    assert (ran.status, ran.out) == (2, "")
    assert f"hint: {hint}\n" in ran.err


def test_every_variable_that_is_read_is_listed(livecli):
    source = "".join(path.read_text() for path in SOURCES.rglob("*.py") if path.name != "help.py")
    read = set(re.findall(r'"((?:LIVECLI|GOOGLE|GEMINI|CLOUDSDK)_[A-Z_]+)"', source))
    assert len(read) > 10
    listed = livecli("help", "environment").out
    assert not [name for name in read if name not in listed]


def test_without_a_topic_there_is_a_list_of_them(livecli):
    ran = livecli("help")
    assert ran.status == 0
    assert re.findall(r"^\S.*", ran.out, re.MULTILINE) == ["Guides:", "Commands:"]
    assert max(map(len, ran.out.splitlines())) <= 80
    assert {"exit-statuses", "environment", "send"} <= topics_of(ran.out)


@pytest.mark.parametrize("verb", ["send", "chat"])
def test_a_command_is_a_topic_too(livecli, verb):
    assert f"Usage: livecli {verb} " in livecli("help", verb).out
    assert livecli("help", verb).out == livecli(verb, "--help").out


@pytest.mark.parametrize(
    ("topic", "hint"),
    [("exit", "mean exit-statuses"), ("enviroment", "mean environment"), ("x\x1b", "there are auth")],
)
def test_an_unknown_topic_is_a_usage_error_with_the_nearest(livecli, topic, hint):
    ran = livecli("help", topic)
    assert (ran.status, ran.out) == (2, "")
    assert hint in ran.err
    assert "\x1b" not in ran.err


@pytest.mark.parametrize("verb", ["serve", "auth"])
def test_a_topic_that_is_a_command_too_has_both(livecli, verb):
    printed = livecli("help", verb).out
    assert printed.startswith((SOURCES / "help" / f"{verb}.md").read_text())
    assert printed.endswith(f"```text\n{livecli(verb, '--help').out}```\n")


def test_a_command_of_a_group_has_its_help(livecli):
    assert livecli("help", "auth", "status").out == livecli("auth", "status", "--help").out


@pytest.mark.parametrize("topic", ["architecture", "clients"])
def test_a_guide_is_printed_as_it_is_written(livecli, topic):
    ran = livecli("help", topic)
    assert (ran.status, ran.err) == (0, "")
    assert ran.out == (SOURCES / "help" / f"{topic}.md").read_text()


def test_every_guide_is_a_topic(livecli):
    assert {path.stem for path in (SOURCES / "help").glob("*.md")} <= topics_of(livecli("help").out)


def test_a_topic_is_rendered_in_a_terminal(in_terminal):
    status, seen = in_terminal("help", "voices", PAGER="no-such-pager")
    assert status == 0
    assert seen.startswith("\x1b[1mVoices\x1b[0m\r\n")
    assert "```" not in seen
    assert "Zephyr" in seen


def test_a_long_topic_goes_through_the_pager_and_a_short_one_does_not(in_terminal):
    pager = "sed s/^/paged:/"
    status, seen = in_terminal("help", "batch", PAGER=pager, LINES="24")
    assert status == 0
    assert seen.startswith("paged:\x1b[1mMany files")
    assert in_terminal("help", "config", PAGER=pager, LINES="200")[1].startswith("\x1b[1mConfiguration")


def test_help_of_a_command_has_the_colours_and_the_width_of_the_terminal(in_terminal):
    status, seen = in_terminal("send", "-h", COLUMNS="100")
    lines = re.sub(r"\x1b\[[\d;]*m", "", seen).splitlines()
    assert status == 0
    assert "\x1b[1;32mOptions:\x1b[0m" in seen
    assert 88 < max(map(len, lines)) <= 100


EVERY_COMMAND = [" ".join(words) for words in LEVELS if " ".join(words) not in ("", *GROUPS)]


@pytest.mark.parametrize("command", EVERY_COMMAND)
def test_every_command_takes_color(livecli, command):
    plain = livecli(*command.split(), "--color", "never", "--help").out
    coloured = livecli(*command.split(), "--color", "always", "--help").out
    assert "--color auto|always|never" in plain
    assert "\x1b[" not in plain
    assert re.sub(r"\x1b\[[\d;]*m", "", coloured) == plain
    assert livecli(*command.split(), "--help").out == plain, "the option holds for one command line"


def test_color_is_one_of_three(livecli):
    ran = livecli("send", "--color", "sometimes")
    assert (ran.status, ran.err) == (2, "error: --color is auto, always or never, not 'sometimes'\n")


def test_colours_can_be_forced_into_a_pipe(livecli):
    ran = livecli("send", "--text", "hi", "--local", "--color", "always")
    assert (ran.status, ran.out) == (0, "hi\n")
    assert "\x1b[32mcomplete\x1b[0m" in ran.err
    assert "\x1b[" not in livecli("send", "--text", "hi", "--local", "--color", "never").err
