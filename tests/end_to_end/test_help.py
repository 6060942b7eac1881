"""`livecli help`: topics that belong to no one verb, as data on standard output."""

import re
from pathlib import Path

import pytest

from livecli.cli.app import COMMANDS, SUMMARIES
from livecli.errors import GRAVEST_FIRST

SOURCES = Path(__file__).parents[2] / "livecli"


def test_the_statuses_are_those_of_the_errors(livecli):
    ran = livecli("help", "exit-statuses")
    assert (ran.status, ran.err) == (0, "")
    rows = dict(re.findall(r"^\| ([\d, ]+) \| (.*) \|$", ran.out, re.MULTILINE))
    assert list(rows) == ["0", "1", "2", "3", "4", "5", "6", "7", "8", "70", "126, 127", "130, 143", "141"]
    assert {str(status) for status in GRAVEST_FIRST} <= set(rows)
    assert all(text.strip().endswith(".") for text in rows.values())


@pytest.mark.parametrize("verb", COMMANDS)
def test_the_list_of_verbs_says_what_each_says_of_itself(livecli, verb):
    assert list(SUMMARIES) == list(COMMANDS)
    assert SUMMARIES[verb] in " ".join(livecli(verb, "--help").out.split())
    listed = dict(line.split(maxsplit=1) for line in livecli("--help").out.partition("Commands:\n")[2].splitlines())
    assert list(listed) == list(COMMANDS)
    assert SUMMARIES[verb].startswith(listed[verb].removesuffix("..."))


def test_no_words_are_a_request_for_help(livecli):
    assert livecli() == livecli("--help")


def test_every_variable_that_is_read_is_listed(livecli):
    source = "".join(path.read_text() for path in SOURCES.rglob("*.py") if path.name != "help.py")
    read = set(re.findall(r'"((?:LIVECLI|GOOGLE|GEMINI|CLOUDSDK)_[A-Z_]+)"', source))
    assert len(read) > 10
    listed = livecli("help", "environment").out
    assert not [name for name in read if name not in listed]


def test_without_a_topic_there_is_a_list_of_them(livecli):
    ran = livecli("help")
    assert ran.status == 0
    assert {"exit-statuses", "environment", "send"} <= {line.split()[0] for line in ran.out.splitlines()}


@pytest.mark.parametrize("verb", ["send", "chat"])
def test_a_command_is_a_topic_too(livecli, verb):
    assert f"Usage: livecli {verb}" in livecli("help", verb).out
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
    listed = {line.split()[0] for line in livecli("help").out.splitlines()}
    assert {path.stem for path in (SOURCES / "help").glob("*.md")} <= listed
