"""`send --image`: what goes over the wire, and which pictures are refused before it is touched."""

from __future__ import annotations

import base64
import io
import json
import os
import random
import struct
import sys
import zlib
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from livecli.media import images
from livecli.process.installer import install_extra_command
from livecli.protocol.models import MODELS
from tests.live_server import Connection, live_server

RED, GREEN, BLUE = (255, 0, 0), (0, 255, 0), (0, 0, 255)


def picture(size: tuple[int, int] = (60, 40), kind: str = "PNG", mode: str = "RGB", **options: Any) -> bytes:
    """Red on the left, blue on the right."""
    drawn = Image.new("RGB", size, RED)
    drawn.paste(BLUE, (size[0] // 2, 0, *size))
    file = io.BytesIO()
    drawn.convert(mode).save(file, kind, **options)
    return file.getvalue()


def photo() -> bytes:
    """A JPEG with a thumbnail in its EXIF segment, as cameras write it."""
    return picture((500, 500), "JPEG", exif=b"Exif\0\0" + Image.Exif().tobytes() + picture(kind="JPEG"))


def opened(blob: dict[str, Any]) -> Image.Image:
    found = Image.open(io.BytesIO(base64.b64decode(blob["data"])))
    assert blob["mimeType"] == Image.MIME[found.format or ""]
    return found


def beside_the_text(frames: list[dict[str, Any]]) -> dict[str, Any]:
    """The one picture of a text turn."""
    [_, frame] = frames
    [turn] = frame["clientContent"]["turns"]
    [shown, _] = turn["parts"]
    blob: dict[str, Any] = shown["inlineData"]
    return blob


def looks(found: Image.Image, place: tuple[int, int], colour: tuple[int, int, int]) -> bool:
    pixel: Any = found.convert("RGB").getpixel(place)
    return all(abs(one - other) < 40 for one, other in zip(pixel, colour, strict=True))


@pytest.fixture
def sent(livecli, tmp_path):
    """The frames after the setup of a run that is shown files of these contents."""

    def run(*contents: bytes, words: tuple[Any, ...] = ("--text", "What is it?")) -> list[dict[str, Any]]:
        def handle(connection: Connection) -> None:
            connection.set_up()
            last = {"text", "activityEnd", "audioStreamEnd"}
            while not last & connection.receive().get("realtimeInput", {"text": 0}).keys():
                pass
            connection.answer()
            connection.drain()

        options = []
        for n, content in enumerate(contents):
            (tmp_path / f"{n}.jpg").write_bytes(content)  # whatever it is
            options += ["--image", f"{n}.jpg"]
        with live_server(handle) as server:
            ran = livecli("send", *words, "--base-url", server.url, "--speed", 0, *options)
        assert ran.status == 0, ran.err
        return server.frames

    return run


@pytest.mark.parametrize(
    "content",
    [
        picture(kind="JPEG"),
        picture(kind="JPEG", progressive=True),
        photo(),
        picture((500, 500), "JPEG", restart_marker_rows=1),
        picture(kind="PNG"),
        picture(kind="PNG", mode="P"),
        picture(kind="WEBP"),
        picture(kind="WEBP", lossless=True),
        picture(kind="WEBP", mode="RGBA", exif=Image.Exif()),
        picture((768, 768)),
    ],
    ids=range(10),
)
@pytest.mark.parametrize("pillow", [True, False])
def test_a_picture_that_fits_is_sent_as_it_is(sent, monkeypatch, content, pillow):
    if not pillow:
        monkeypatch.setitem(sys.modules, "PIL", None)
    shown = beside_the_text(sent(content))
    assert base64.b64decode(shown["data"]) == content
    monkeypatch.undo()
    opened(shown)


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
def test_a_large_one_is_sized_down_and_keeps_its_shape(sent, kind):
    found = opened(beside_the_text(sent(picture((3000, 1500), kind))))
    assert (found.format, found.size) == ("JPEG", (768, 384))
    assert looks(found, (100, 100), RED)
    assert looks(found, (700, 100), BLUE)


@pytest.mark.parametrize("size", [(60, 40), (3000, 2000)])
def test_a_rotated_one_is_sent_upright(sent, size):
    exif = Image.Exif()
    exif[0x0112] = 6  # to be turned by 90° to the right
    found = opened(beside_the_text(sent(picture(size, "JPEG", exif=exif))))
    width, height = found.size
    assert width / height == pytest.approx(2 / 3, abs=0.01)
    assert looks(found, (width // 2, height // 8), RED)
    assert looks(found, (width // 2, height - height // 8), BLUE)


@pytest.mark.parametrize(
    ("mode", "kind"),
    [("L", "PNG"), ("LA", "PNG"), ("RGBA", "PNG"), ("1", "PNG"), ("P", "PNG"), ("CMYK", "JPEG"), ("RGBA", "WEBP")],
)
def test_colours_of_every_kind_become_a_jpeg(sent, mode, kind):
    found = opened(beside_the_text(sent(picture((1000, 1000), kind, mode))))
    assert (found.format, found.mode, found.size) == ("JPEG", "RGB", (768, 768))


def test_what_can_be_seen_through_is_on_white(sent):
    file = io.BytesIO()
    Image.new("RGBA", (1000, 1000), (0, 0, 0, 0)).save(file, "PNG")
    assert looks(opened(beside_the_text(sent(file.getvalue()))), (5, 5), (255, 255, 255))


def test_a_message_stays_below_a_megabyte(sent):
    noise = Image.frombytes("RGB", (768, 768), random.Random(1).randbytes(3 * 768 * 768))
    file = io.BytesIO()
    noise.save(file, "PNG")
    assert len(file.getvalue()) > images.MAX_BYTES
    shown = beside_the_text(sent(file.getvalue()))
    assert len(shown["data"]) < 950_000
    assert opened(shown).size == (768, 768)


def test_pictures_go_into_the_activity_before_the_speech(sent, speech):
    setup, *frames = sent(picture(), picture((10, 10)), words=(speech,))
    kinds = [next(iter(frame["realtimeInput"])) for frame in frames]
    assert kinds[:4] == ["activityStart", "video", "video", "audio"]
    assert kinds[-1] == "activityEnd"
    assert opened(frames[2]["realtimeInput"]["video"]).size == (10, 10)
    assert setup["setup"]["realtimeInputConfig"]["turnCoverage"] == "TURN_INCLUDES_ONLY_ACTIVITY"


def test_with_automatic_detection_the_turn_covers_them(sent, speech):
    setup, first, *_ = sent(picture(), words=(speech, "--activity", "auto"))
    assert "video" in first["realtimeInput"]
    assert setup["setup"]["realtimeInputConfig"] == {"turnCoverage": "TURN_INCLUDES_ALL_INPUT"}


@pytest.mark.parametrize("model", MODELS)
def test_a_text_and_its_pictures_are_one_turn_on_every_model(sent, model):
    first, second = picture(), picture((10, 10), "JPEG")
    [_, frame] = sent(first, second, words=("--text", "What is it?", "--model", model))
    shown = [
        {"inlineData": {"mimeType": mime_type, "data": base64.b64encode(content).decode()}}
        for mime_type, content in (("image/png", first), ("image/jpeg", second))
    ]
    turn = {"role": "user", "parts": [*shown, {"text": "What is it?"}]}
    assert frame == {"clientContent": {"turns": [turn], "turnComplete": True}}


def test_a_line_of_a_chat_and_its_picture_are_one_turn(converse, tmp_path):
    (tmp_path / "p.png").write_bytes(picture())

    def handle(connection: Connection) -> None:
        connection.set_up()
        for _ in range(2):
            connection.receive()
            connection.answer()
        connection.drain()

    with live_server(handle) as server:
        ran = converse("/image p.png\nWhat is it?\nAnd now?\n", "--base-url", server.url)
    assert ran.status == 0, ran.err
    assert opened(beside_the_text(server.frames[:2])).size == (60, 40)
    assert server.frames[2] == {"realtimeInput": {"text": "And now?"}}


def test_events_say_how_large_a_picture_is_and_do_not_hold_it(livecli, tmp_path):
    content = picture()
    (tmp_path / "a.png").write_bytes(content)
    ran = livecli("send", "--text", "What?", "--local", "--image", "a.png", "--events", "-", "-q")
    assert ran.status == 0, ran.err
    [turn] = [json.loads(line)["turns"] for line in ran.out.splitlines() if '"client_content"' in line]
    shown = {"inlineData": {"mimeType": "image/png", "bytes": len(content)}}
    assert turn == [{"role": "user", "parts": [shown, {"text": "What?"}]}]


def test_the_emulator_sees_them(livecli, tmp_path, speech):
    (tmp_path / "a.png").write_bytes(picture())
    for words in (["--text", "What?"], [speech], ["--text", "What?", "--model", "gemini-live-2.5-flash-native-audio"]):
        ran = livecli("send", *words, "--local", "--image", "a.png", "--image", "a.png", "--json", "--speed", 0)
        assert ran.status == 0, ran.err
        assert "2 images" in ran.summary["transcript"]["output"]


def test_a_dry_run_shows_them(livecli, tmp_path, speech):
    (tmp_path / "a.png").write_bytes(picture())
    for words in (["--text", "What?"], [speech]):
        ran = livecli("send", *words, "--local", "--image", "a.png", "--dry-run")
        assert '"mimeType":"image/png"' in ran.out


# --- refused ---


def png(width: int, height: int) -> bytes:
    """A picture that says it has so many pixels."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    pixels = chunk(b"IDAT", zlib.compress(bytes(1000)))
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + pixels + chunk(b"IEND", b"")


WRONG = {
    "nothing in it": (b"", "is not an image that the API takes"),
    "text": (b"hello", "is not an image that the API takes"),
    "GIF": (picture(kind="GIF"), "is not an image that the API takes"),
    "a bomb": (png(50_000, 50_000), "has 50000 × 50000 pixels, more than 64 million"),
    "the largest bomb": (png(2**31 - 1, 2**31 - 1), "has 2147483647 × 2147483647 pixels, more than 64 million"),
    "no size": (png(0, 5), "is damaged"),
    "half a PNG": (picture((500, 500))[:200], "is damaged"),
    "half a photo with a whole thumbnail": (photo()[:2500], "is damaged"),
    "half a JPEG": (picture((500, 500), "JPEG")[:2000], "is damaged"),
    "half a WebP": (picture((500, 500), "WEBP")[:300], "is damaged"),
    "the beginning of a JPEG": (b"\xff\xd8\xff\xe0", "is damaged"),
    "the beginning of a PNG": (b"\x89PNG\r\n\x1a\n\0\0", "is damaged"),
    "the beginning of a WebP": (b"RIFF\x04\0\0\0WEBP", "is damaged"),
    "a chunk of a WebP that nobody knows": (b"RIFF\x0c\0\0\0WEBPabcd\0\0\0\0", "is damaged"),
}


@pytest.mark.parametrize("what", WRONG)
@pytest.mark.parametrize("pillow", [True, False])
def test_what_cannot_be_shown_is_refused_before_connecting(livecli, tmp_path, monkeypatch, what, pillow):
    content, said = WRONG[what]
    if not pillow:
        monkeypatch.setitem(sys.modules, "PIL", None)
    (tmp_path / "a.png").write_bytes(content)
    ran = livecli("send", "--text", "a", "--base-url", "ws://127.0.0.1:1", "--image", "a.png", "--json")
    assert ran.status == 3, ran.err
    assert f"error: a.png {said}" in ran.err
    assert ran.summary["error"]["kind"] == "file"


def test_a_picture_whose_middle_is_missing(livecli, tmp_path):
    content = picture((500, 500), compress_level=0)
    (tmp_path / "a.png").write_bytes(content[:1000] + content[300_000:])
    ran = livecli("send", "--text", "a", "--base-url", "ws://127.0.0.1:1", "--image", "a.png")
    assert ran.status == 3
    assert ran.err.splitlines()[-1].startswith("error: a.png is damaged or incomplete")


@pytest.mark.parametrize(("path", "reason"), [("no.png", "No such file"), (".", "Is a directory"), ("", "name")])
def test_what_is_no_file(livecli, path, reason):
    ran = livecli("send", "--text", "a", "--base-url", "ws://127.0.0.1:1", "--image", path)
    assert ran.status == 3
    assert "cannot read" in ran.err
    assert reason in ran.err


def test_a_file_that_never_ends(livecli):
    ran = livecli("send", "--text", "a", "--base-url", "ws://127.0.0.1:1", "--image", "/dev/zero")
    assert (ran.status, "/dev/zero has more than 64 MB" in ran.err) == (3, True)


@pytest.mark.parametrize("content", [picture((769, 10)), png(700, 700) + os.urandom(images.MAX_BYTES)])
def test_without_pillow_what_does_not_fit_is_refused_with_the_limit(livecli, tmp_path, monkeypatch, content):
    monkeypatch.setitem(sys.modules, "PIL", None)
    (tmp_path / "a.png").write_bytes(content)
    ran = livecli("send", "--text", "a", "--base-url", "ws://127.0.0.1:1", "--image", "a.png")
    assert ran.status == 3
    assert "the API takes 768 × 768, and 700,000 bytes" in ran.err
    assert f"hint: {install_extra_command('images')}\n" in ran.err


def test_damage_of_every_kind_is_told_and_not_raised(tmp_path, monkeypatch):
    random_bytes = random.Random(2)
    path = tmp_path / "a"
    for content in (picture((900, 20), "JPEG"), picture((900, 20)), picture((900, 20), "WEBP", lossless=True)):
        for _ in range(60):
            damaged = bytearray(content)
            for _ in range(random_bytes.randint(1, 6)):
                damaged[random_bytes.randrange(12, len(damaged))] = random_bytes.randrange(256)
            path.write_bytes(damaged)
            try:
                found = images.open_image(str(path))
            except images.FileError as error:
                assert str(path) in error.message
            else:
                assert max(Image.open(io.BytesIO(found.data)).size) <= images.SIDE


def test_the_name_says_nothing(tmp_path):
    Path(tmp_path / "a.txt").write_bytes(picture(kind="WEBP"))
    assert images.open_image(str(tmp_path / "a.txt")).mime_type == "image/webp"
