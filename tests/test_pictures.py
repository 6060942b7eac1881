"""The pictures of a chat and of `send`: they can be drawn from real runs, and fetch and give away nothing."""

from __future__ import annotations

import re
from xml.etree import ElementTree

import pytest

from tests import pictures
from tests.cases import in_one_test

SIGNS = {
    "chat": {"> In short, please", "— interrupted", "speaking"},
    "result": {"Alexanderplatz, four minutes on foot.", "you", "gemini", "sent", "received", "complete"},
    "live": {"question.wav", "gemini", "sent"},
    "stats": {"connect", "setup", "speech", "waiting", "reply", "latency"},
    "many": {"✗", "✓"},
    "serve": {"livecli", "find_station", "non-blocking", "1000"},
    "auth": {"✓", "!"},
}
"""Words that are in each picture."""


# The others are drawn in the same way, and take half a minute.
@pytest.mark.timeout(120)
@pytest.mark.parametrize("name", ["chat", "result", "serve", "auth"])
def test_a_picture_is_drawn_from_a_real_run(name, tmux, tmp_path):
    pictures.prepare(tmp_path)
    drawn = pictures.draw(pictures.PICTURES[name], name, tmux, tmp_path)
    assert SIGNS[name] <= words(drawn)


@in_one_test("name", pictures.PICTURES)
def test_the_picture_in_the_repository(name):
    drawn = (pictures.IMAGES / f"{name}.svg").read_text()
    assert len(drawn.encode()) < 60_000
    assert not re.search(r"@font-face|url\(['\"]?http|/home/|/tmp/", drawn)
    # The addresses of the server are what its picture is about.
    assert name == "serve" or not re.search(r"127\.0\.0\.1|localhost", drawn)
    assert SIGNS[name] <= words(drawn)


def words(drawn: str) -> set[str]:
    """The texts in it, and their first and last words."""
    texts = ElementTree.fromstring(drawn).iter("{http://www.w3.org/2000/svg}text")
    found = [(text.text or "").replace("\xa0", " ").strip() for text in texts]
    return {*found, *(word for text in found if text for word in (text.split()[0], text.split()[-1]))}
