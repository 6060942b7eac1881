"""Images by themselves: format, size, completeness, and what is made of those that are too large."""

from __future__ import annotations

import io
import struct
import sys

import pytest
from PIL import Image

from livecli.errors import FileError
from livecli.media import images
from livecli.media.images import MAX_BYTES, SIDE, kind_of, open_image, size_of
from livecli.process.installer import install_extra_command
from tests.cases import in_one_test

KINDS = {"jpeg": "JPEG", "png": "PNG", "webp": "WEBP"}


def encoded(kind: str, size=(60, 40), mode="RGB", colour="red", **options) -> bytes:
    file = io.BytesIO()
    Image.new(mode, size, colour).save(file, kind, **options)
    return file.getvalue()


@pytest.fixture
def image(tmp_path):
    """The image in a file with this content."""

    def read(content: bytes):
        path = tmp_path / "image"
        path.write_bytes(content)
        return open_image(str(path))

    return read


def uninstall_pillow(monkeypatch):
    monkeypatch.setitem(sys.modules, "PIL", None)
    monkeypatch.setitem(sys.modules, "PIL.Image", None)


@in_one_test("kind", KINDS)
@in_one_test("options", [{}, {"lossless": True}, {"progressive": True}, {"exif": b"Exif\0\0" + bytes(40)}])
def test_format_and_size_are_read_without_pillow(kind, options) -> None:
    data = encoded(KINDS[kind], (61, 43), **options)
    assert kind_of(data) == kind
    assert size_of(data, kind) == (61, 43)


@pytest.mark.parametrize("data", [b"", b"GIF89a", b"RIFF\0\0\0\0WAVE", b"\xff\xd8", b"<svg"])
def test_other_data_has_no_kind(data) -> None:
    assert kind_of(data) is None


@pytest.mark.parametrize("kind", KINDS)
def test_a_size_that_is_cut_off_is_unknown(kind) -> None:
    data = encoded(KINDS[kind])
    assert {size_of(data[:length], kind) for length in range(12, len(data))} <= {None, (60, 40)}
    assert size_of(data[:12], kind) is None


def test_the_size_is_not_that_of_a_thumbnail() -> None:
    thumbnail = encoded("JPEG", (16, 12))
    data = encoded("JPEG", (200, 100), exif=b"Exif\0\0" + thumbnail)
    assert size_of(data, "jpeg") == (200, 100)


def test_a_png_of_no_width_has_no_size() -> None:
    assert size_of(b"\x89PNG\r\n\x1a\n" + struct.pack(">I4sII", 13, b"IHDR", 0, 40), "png") is None


@pytest.mark.parametrize("kind", KINDS)
def test_an_image_that_fits_is_unchanged(image, kind) -> None:
    data = encoded(KINDS[kind], (SIDE, 10))
    assert (image(data).data, image(data).mime_type) == (data, f"image/{kind}")


@pytest.mark.parametrize("kind", KINDS)
def test_without_pillow_too(image, kind, monkeypatch) -> None:
    data = encoded(KINDS[kind])
    uninstall_pillow(monkeypatch)
    assert (image(data).data, image(data).mime_type) == (data, f"image/{kind}")


def test_without_pillow_a_large_one_is_refused(image, monkeypatch) -> None:
    data = encoded("PNG", (SIDE + 1, 10))
    uninstall_pillow(monkeypatch)
    with pytest.raises(FileError, match="has 769 × 10 pixels") as caught:
        image(data)
    assert caught.value.hint == install_extra_command("images")


@pytest.mark.parametrize(
    ("size", "scaled"), [((1536, 768), (768, 384)), ((400, 1600), (192, 768)), ((5000, 10), (768, 2))]
)
def test_a_large_one_keeps_its_shape(image, size, scaled) -> None:
    found = image(encoded("PNG", size))
    assert found.mime_type == "image/jpeg"
    assert Image.open(io.BytesIO(found.data)).size == scaled


def test_a_turned_one_is_made_upright(image) -> None:
    exif = Image.Exif()
    exif[images.ORIENTATION] = 6
    found = image(encoded("JPEG", (60, 40), exif=exif.tobytes()))
    assert Image.open(io.BytesIO(found.data)).size == (40, 60)


def test_transparent_parts_become_white(image) -> None:
    found = image(encoded("PNG", (1000, 10), "RGBA", (255, 0, 0, 0)))
    assert Image.open(io.BytesIO(found.data)).getpixel((5, 2)) == (255, 255, 255)


def test_a_large_file_is_compressed_more(image, monkeypatch) -> None:
    noise = Image.effect_noise((SIDE, SIDE), 200).convert("RGB")
    file = io.BytesIO()
    noise.save(file, "PNG")
    assert len(file.getvalue()) > MAX_BYTES
    best = len(image(file.getvalue()).data)
    assert best <= MAX_BYTES
    monkeypatch.setattr(images, "MAX_BYTES", best - 1)
    assert len(image(file.getvalue()).data) < best


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("left", [0.3, 0.9])
def test_an_incomplete_one_is_refused(image, kind, left) -> None:
    data = encoded(KINDS[kind], (200, 200))
    with pytest.raises(FileError, match="is damaged or incomplete"):
        image(data[: int(len(data) * left)])


def test_too_many_pixels_are_refused_before_they_are_decoded(image) -> None:
    header = struct.pack(">I4sII", 13, b"IHDR", 10_000, 10_000)
    with pytest.raises(FileError, match="has 10000 × 10000 pixels, more than 64 million"):
        image(b"\x89PNG\r\n\x1a\n" + header + b"IEND")


def test_too_large_a_file_is_not_read_whole(image, monkeypatch) -> None:
    monkeypatch.setattr(images, "MAX_FILE_BYTES", 2**20)
    with pytest.raises(FileError, match="has more than 1 MB"):
        image(bytes(2**20 + 1))


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("", "cannot read an image without a name: "),
        ("missing.png", r"cannot read missing\.png: No such file or directory"),
        (".", r"cannot read \.: Is a directory"),
        ("a\0b", "cannot read a\0b: embedded null byte"),
    ],
)
def test_no_file(path, message) -> None:
    with pytest.raises(FileError, match=message):
        open_image(path)
