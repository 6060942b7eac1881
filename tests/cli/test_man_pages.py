"""Manual pages: one for each command and topic, which have all of their options and words, and no mistake in roff."""

import re
import subprocess

import pytest

from livecli.cli.app import command_for
from livecli.cli.command_help import listed_options
from livecli.cli.help import TOPICS, topic_text
from livecli.cli.man_pages import commands, pages
from tests.needs import needs

COMMANDS = {"-".join(["livecli", *path]): command for path, command in commands(command_for(["livecli"]))}
NAMES = [f"{name}.1" for name in [*COMMANDS, *(f"livecli-{topic}" for topic in TOPICS)]]


@pytest.fixture(scope="module", name="written")
def written_pages():
    return pages()


def plain(page):
    """The text of a page without its fonts and escapes."""
    text = re.sub(r"\\f[BIR]|\\&", "", page).replace("\\-", "-").replace("\\e", "\\").replace("\\(dq", '"')
    return re.sub(r"\\\[u([0-9A-F]+)\]", lambda found: chr(int(found[1], 16)), text)


def test_every_command_and_topic_has_its_page(written):
    assert set(written) == set(NAMES)
    assert {"livecli-send", "livecli-auth-status", "livecli-serve"} <= set(COMMANDS)


@pytest.mark.parametrize("name", COMMANDS)
def test_a_page_of_a_command_has_every_option(name, written):
    text = plain(written[f"{name}.1"])
    for option in listed_options(COMMANDS[name]):
        assert f".TP\n{', '.join(option.names)} {option.metavar}".rstrip() + "\n" in text
        assert option.help.replace("`", "") in text
    assert "\n-h, --help\n" in text


@pytest.mark.parametrize("topic", TOPICS)
def test_a_page_of_a_topic_has_its_code_and_its_headings(topic, written):
    text, source = plain(written[f"livecli-{topic}.1"]), topic_text(topic)
    for block in re.findall(r"^```\w*\n(.*?)^```", source, re.DOTALL | re.MULTILINE):
        assert block in text
    for heading in re.findall(r"^## (.*)$", re.sub(r"^```.*?^```", "", source, flags=re.DOTALL | re.MULTILINE), re.M):
        assert f'.SH "{heading.replace("`", "")}"' in text


def test_no_line_of_text_is_a_request_to_roff(written):
    requests = {"TH", "SH", "SS", "PP", "TP", "IP", "RS", "RE", "nf", "fi", "TS", "TE", "ad", "nh"}
    for page in written.values():
        assert page.isascii()
        assert {line[1:].split()[0] for line in page.splitlines() if re.match(r"[.']\w", line)} <= requests


@pytest.mark.parametrize("name", NAMES)
def test_mandoc_finds_no_mistake(name, tmp_path, written):
    path = tmp_path / name
    path.write_text(written[name])
    ran = subprocess.run(
        [needs("mandoc"), "-T", "lint", "-W", "warning", path], capture_output=True, text=True, timeout=50
    )
    # The same version has the same page whenever it is built, so a page has no date.
    assert [line for line in ran.stdout.splitlines() if "missing date" not in line] == []


def test_man_shows_a_page(tmp_path, written):
    path = tmp_path / "livecli-send.1"
    path.write_text(written["livecli-send.1"])
    words = [needs("mandoc"), "-T", "utf8", "-O", "width=80", path]
    shown = re.sub(r".\x08", "", subprocess.run(words, capture_output=True, text=True, timeout=50, check=True).stdout)
    assert re.search(r"^ +-o, --output PATH\n +The reply: ", shown, re.MULTILINE)
