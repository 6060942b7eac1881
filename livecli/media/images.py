"""Image files, scaled and encoded as the Live API takes them.

The only module that imports Pillow, which is an extra. Without it an image that is small enough is sent unchanged, and
a larger one is refused.
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
"""Pixels of either side at most: the API makes no use of more."""
MAX_BYTES = 700_000
"""Bytes of an image that is sent at most: the message with it in base64 stays below 1 MB."""
MAX_FILE_BYTES = 64 * 2**20
"""Bytes of a file that is read at most."""
MAX_PIXELS = 64_000_000
"""Pixels of an image that is decoded at most: each takes 8 bytes of memory."""
QUALITIES = (90, 75, 50)
"""JPEG qualities to try, until one gives at most MAX_BYTES."""
SCALABLE_MODES = ("RGB", "RGBA", "L", "LA", "CMYK")
"""Pillow's modes of images that can be scaled without conversion."""
ORIENTATION = 0x0112
"""EXIF tag of the orientation."""
JPEG_MARKER = re.compile(rb"\xff([^\x00\x01\xd0-\xd7\xff])")
"""A JPEG marker that begins a segment, or the end marker: no stuffed byte, restart marker or fill byte."""
KINDS = "JPEG, PNG or WebP"
"""The supported formats, for messages."""


def open_image(path: str) -> Image:
    """The image in the file `path`: JPEG, PNG or WebP by its content, upright, and scaled down to 768 pixels a side.

    Raises FileError if the file holds no such image, or one that is damaged or too large, and if the image has
    to be scaled and Pillow is not installed.
    """
    return fit_image(_read(path), path)


def fit_image(data: bytes, path: str) -> Image:
    """As `open_image`, of the contents of a file; `path` is its name in errors."""
    kind = kind_of(data)
    if kind is None:
        raise FileError(f"{path} is not an image that the API takes", hint=f"it takes {KINDS}")
    size = size_of(data, kind)
    if size is None or not _is_whole(data, kind):
        raise FileError(f"{path} is damaged or incomplete")
    if size[0] * size[1] > MAX_PIXELS:
        raise FileError(f"{path} has {size[0]} × {size[1]} pixels, more than {MAX_PIXELS // 10**6} million")
    fits = max(size) <= SIDE and len(data) <= MAX_BYTES
    try:
        import PIL.Image  # noqa: F401
    except ImportError as error:
        if fits:
            return Image(data, f"image/{kind}")
        from ..process.installer import install_extra_command

        raise FileError(
            f"{path} has {size[0]} × {size[1]} pixels and {len(data):,} bytes: the API takes {SIDE} × {SIDE}, and"
            f" {MAX_BYTES:,} bytes; the package pillow, which scales pictures, is not installed",
            hint=install_extra_command("images"),
        ) from error
    with _damage_as_errors(path):
        return _fitted(data, kind, fits=fits)


def from_pixels(size: tuple[int, int], rgb: bytes) -> Image:
    """An image of `size` pixels with three bytes each, scaled down to 768 pixels a side. Needs Pillow."""
    import PIL.Image

    picture = PIL.Image.frombytes("RGB", size, rgb)
    picture.thumbnail((SIDE, SIDE), PIL.Image.Resampling.LANCZOS)
    return Image(_jpeg(picture), "image/jpeg")


def _read(path: str) -> bytes:
    try:
        with Path(path).open("rb") as file:
            data = file.read(MAX_FILE_BYTES + 1)
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else str(error)
        raise FileError(f"cannot read {path or 'an image without a name'}: {reason}") from error
    if len(data) > MAX_FILE_BYTES:
        raise FileError(f"{path} has more than {MAX_FILE_BYTES // 2**20} MB")
    return data


def kind_of(data: bytes) -> str | None:
    """`jpeg`, `png` or `webp`, by the first bytes of the file; None for another format."""
    if data.startswith(b"\xff\xd8\xff"):
        return "jpeg"
    if data.startswith(b"\x89PNG\r\n\x1a\n"):
        return "png"
    return "webp" if data[:4] == b"RIFF" and data[8:12] == b"WEBP" else None


def size_of(data: bytes, kind: str) -> tuple[int, int] | None:
    """Width and height in pixels, without Pillow; None if the file does not state them."""
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
        # Start of frame. The other three markers of this range begin tables.
        if 0xC0 <= marker <= 0xCF and marker not in (0xC4, 0xC8, 0xCC):
            height, width = struct.unpack_from(">HH", data, at + 3)
            return width, height
    raise ValueError("no frame")


def _jpeg_segments(data: bytes) -> Iterator[tuple[int, int]]:
    """The markers of a JPEG in order, each with the offset after it; the last is 0xD9 if the file is complete.

    A segment is skipped by the length that it states, because a thumbnail within it has markers of its own. The data
    of a scan follows its segment without a length; it contains no markers but restarts (ITU T.81, B.1.1).
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
    """Whether the end of the image is in the file."""
    if kind == "webp":
        return len(data) >= 8 + int.from_bytes(data[4:8], "little")
    if kind == "jpeg":
        return any(marker == 0xD9 for marker, _ in _jpeg_segments(data))
    return b"IEND" in data


@contextmanager
def _damage_as_errors(path: str) -> Iterator[None]:
    try:
        yield
    except Exception as error:
        # Pillow raises errors of nearly every class for damaged files.
        raise FileError(f"{path} is damaged or incomplete: {error}") from error


def _fitted(data: bytes, kind: str, *, fits: bool) -> Image:
    import PIL.Image
    from PIL import ImageOps

    with PIL.Image.open(io.BytesIO(data), formats=("JPEG", "PNG", "WEBP")) as opened:
        if fits and opened.getexif().get(ORIENTATION, 1) == 1:
            # This raises an error for an incomplete file.
            opened.load()
            return Image(data, f"image/{kind}")
        mode = "RGBA" if opened.has_transparency_data else "RGB"
        small = opened if opened.mode in SCALABLE_MODES else opened.convert(mode)
        # The image is scaled before anything else, so that no other step copies the large one.
        small.thumbnail((SIDE, SIDE), PIL.Image.Resampling.LANCZOS)
        return Image(_jpeg(_opaque(ImageOps.exif_transpose(small))), "image/jpeg")


def _opaque(picture: Opened) -> Opened:
    """The image in RGB; transparent parts become white."""
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
