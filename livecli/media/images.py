"""A picture in a file, as the API takes it. Owns Pillow, which is an extra: without it a picture that fits is sent as
it is, and one that does not is refused.
"""

from __future__ import annotations

import io
import re
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from ..errors import FileError
from ..protocol.events import Image

if TYPE_CHECKING:
    from PIL.Image import Image as Opened

SIDE = 768
"""Pixels: the API makes no use of more, on either side."""
MAX_BYTES = 700_000
"""Of a picture as it is sent: in base64, with what is around it, it stays below 1 MB."""
MAX_FILE_BYTES = 64 * 2**20
MAX_PIXELS = 64_000_000
"""What is unpacked at all: it takes 8 bytes of memory for each."""
QUALITIES = (90, 75, 50)
SCALED = ("RGB", "RGBA", "L", "LA", "CMYK")
"""The ways to say a pixel that can be scaled as they are."""
ORIENTATION = 0x0112  # the EXIF tag
JPEG_MARKER = re.compile(rb"\xff([^\x00\x01\xd0-\xd7\xff])")
"""A marker with a segment behind it, or the end: neither a stuffed byte of a scan, a restart, nor a byte that fills."""

KINDS = "JPEG, PNG or WebP"


def open_image(path: str) -> Image:
    """The picture in the file `path`: JPEG, PNG or WebP, whatever its name; upright, and sized down to 768 pixels.

    Raises FileError where there is none, where it is damaged or too large, and where it does not fit and Pillow, which
    would make it, is not installed.
    """
    data = _read(path)
    kind = kind_of(data)
    if kind is None:
        raise FileError(f"{path} is not a picture that the API takes", hint=f"it takes {KINDS}")
    size = size_of(data, kind)
    if size is None or not _is_whole(data, kind):
        raise FileError(f"{path} is damaged, or not all of it is there")
    if size[0] * size[1] > MAX_PIXELS:
        raise FileError(f"{path} has {size[0]} × {size[1]} pixels, more than {MAX_PIXELS // 10**6} million")
    fits = max(size) <= SIDE and len(data) <= MAX_BYTES
    try:
        import PIL.Image  # noqa: F401
    except ImportError as error:
        if fits:
            return Image(data, f"image/{kind}")
        raise FileError(
            f"{path} has {size[0]} × {size[1]} pixels and {len(data):,} bytes: the API takes {SIDE} × {SIDE}, and"
            f" {MAX_BYTES:,} bytes",
            hint="pip install 'livecli[images]' sizes it down",
        ) from error
    with _damage_as_errors(path):
        return _fitted(data, kind, fits=fits)


def _read(path: str) -> bytes:
    try:
        with Path(path).open("rb") as file:
            data = file.read(MAX_FILE_BYTES + 1)
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else str(error)
        raise FileError(f"cannot read {path or 'a picture without a name'}: {reason}") from error
    if len(data) > MAX_FILE_BYTES:
        raise FileError(f"{path} has more than {MAX_FILE_BYTES // 2**20} MB")
    return data


# --- what a file is, from its first bytes: of what these say Pillow need not be asked ---


def kind_of(data: bytes) -> str | None:
    """`jpeg`, `png` or `webp`, if it is one of these."""
    if data.startswith(b"\xff\xd8\xff"):
        return "jpeg"
    if data.startswith(b"\x89PNG\r\n\x1a\n"):
        return "png"
    return "webp" if data[:4] == b"RIFF" and data[8:12] == b"WEBP" else None


def size_of(data: bytes, kind: str) -> tuple[int, int] | None:
    """Width and height in pixels; None where the file does not say."""
    try:
        width, height = {"jpeg": _jpeg_size, "png": _png_size, "webp": _webp_size}[kind](data)
    except (struct.error, IndexError, ValueError):
        return None
    return (width, height) if width and height else None


def _png_size(data: bytes) -> tuple[int, int]:
    width, height = struct.unpack_from(">II", data, 16)
    return width, height


def _jpeg_size(data: bytes) -> tuple[int, int]:
    for marker, at in _jpeg_segments(data):
        if 0xC0 <= marker <= 0xCF and marker not in (0xC4, 0xC8, 0xCC):  # a frame, and not a table
            height, width = struct.unpack_from(">HH", data, at + 3)
            return width, height
    raise ValueError("no frame")


def _jpeg_segments(data: bytes) -> Iterator[tuple[int, int]]:
    """The markers of a JPEG in order, the last of them 0xD9 where its end is there, each with the place behind it.

    A segment is passed over whole by the length that it states: a thumbnail within one has markers of its own. What a
    scan encodes follows its segment without a length; no marker but restarts can occur in it (ITU T.81, B.1.1).
    """
    at = 2
    while found := JPEG_MARKER.search(data, at):
        marker, at = found[1][0], found.end()
        yield marker, at
        if marker == 0xD9:
            return
        at += int.from_bytes(data[at : at + 2])


def _webp_size(data: bytes) -> tuple[int, int]:
    chunk = data[12:16]
    if chunk == b"VP8X":
        return 1 + int.from_bytes(data[24:27], "little"), 1 + int.from_bytes(data[27:30], "little")
    if chunk == b"VP8L":
        (bits,) = struct.unpack_from("<I", data, 21)
        return 1 + (bits & 0x3FFF), 1 + (bits >> 14 & 0x3FFF)
    if chunk == b"VP8 ":
        width, height = struct.unpack_from("<HH", data, 26)
        return width & 0x3FFF, height & 0x3FFF
    raise ValueError(chunk)


def _is_whole(data: bytes, kind: str) -> bool:
    """Whether its end is there."""
    if kind == "webp":
        return len(data) >= 8 + int.from_bytes(data[4:8], "little")
    if kind == "jpeg":
        return any(marker == 0xD9 for marker, _ in _jpeg_segments(data))
    return b"IEND" in data


# --- what Pillow is needed for ---


@contextmanager
def _damage_as_errors(path: str) -> Iterator[None]:
    try:
        yield
    except Exception as error:  # there is nothing that Pillow does not raise for some file
        raise FileError(f"{path} is damaged, or not all of it is there: {error}") from error


def _fitted(data: bytes, kind: str, *, fits: bool) -> Image:
    import PIL.Image
    from PIL import ImageOps

    with PIL.Image.open(io.BytesIO(data), formats=("JPEG", "PNG", "WEBP")) as opened:
        if fits and opened.getexif().get(ORIENTATION, 1) == 1:
            opened.load()  # whether all of it is there
            return Image(data, f"image/{kind}")
        small = opened if opened.mode in SCALED else opened.convert("RGBA" if opened.has_transparency_data else "RGB")
        small.thumbnail((SIDE, SIDE), PIL.Image.Resampling.LANCZOS)  # first: what is large is copied no further
        return Image(_jpeg(_opaque(ImageOps.exif_transpose(small))), "image/jpeg")


def _opaque(picture: Opened) -> Opened:
    """In red, green and blue, on white where it can be seen through."""
    import PIL.Image

    if not picture.has_transparency_data:
        return picture.convert("RGB")
    coloured = picture.convert("RGBA")
    white = PIL.Image.new("RGBA", coloured.size, "white")
    return PIL.Image.alpha_composite(white, coloured).convert("RGB")


def _jpeg(picture: Opened) -> bytes:
    for quality in QUALITIES:
        file = io.BytesIO()
        picture.save(file, "JPEG", quality=quality)
        if file.tell() <= MAX_BYTES:
            break
    return file.getvalue()
