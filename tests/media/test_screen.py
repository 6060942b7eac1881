"""A picture of the screen: of a virtual one, with a known picture on it."""

from __future__ import annotations

import io
import sys

import pytest

from livecli.errors import FileError
from livecli.media.screen import take_picture
from livecli.process.installer import install_command


@pytest.mark.usefixtures("screen")
def test_the_screen_is_a_jpeg_of_768_pixels_a_side():
    from PIL import Image

    picture = take_picture()
    assert picture.mime_type == "image/jpeg"
    with Image.open(io.BytesIO(picture.data)) as opened:
        assert (opened.format, opened.size) == ("JPEG", (768, 432))
        assert opened.convert("L").getextrema() == (0, 0)


@pytest.mark.skipif(sys.platform != "linux", reason="other systems always have a screen")
def test_without_a_screen_other_ways_are_named(monkeypatch):
    monkeypatch.delenv("DISPLAY", raising=False)
    with pytest.raises(FileError, match="cannot take a picture of the screen") as caught:
        take_picture()
    assert "livecli help pictures" in caught.value.hint


def test_without_the_package_the_command_that_installs_it_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "mss", None)
    with pytest.raises(FileError, match="mss and pillow, which are not installed") as caught:
        take_picture()
    assert caught.value.hint == install_command("mss pillow")
