"""The README's picture of a chat: it can be drawn anew, and fetches and gives away nothing."""

from __future__ import annotations

import re
from xml.etree import ElementTree

from tests import pictures


def test_the_picture_is_drawn_from_a_real_run(tmp_path, monkeypatch):
    monkeypatch.setattr(pictures, "TARGET", tmp_path / "chat.svg")
    pictures.main()
    drawn = (tmp_path / "chat.svg").read_text()
    assert words(drawn) >= words(pictures.svg("> In short, please\n— interrupted\nspeaking"))


def test_the_picture_in_the_repository():
    drawn = pictures.TARGET.read_text()
    assert len(drawn.encode()) < 60_000
    assert not re.search(r"@font-face|url\(['\"]?http|/home/|/tmp/|127\.0\.0\.1|localhost", drawn)
    assert {"> In short, please", "— interrupted", "speaking"} <= words(drawn)


def words(drawn: str) -> set[str]:
    """The texts in it."""
    texts = ElementTree.fromstring(drawn).iter("{http://www.w3.org/2000/svg}text")
    return {(text.text or "").replace("\xa0", " ").strip() for text in texts}
