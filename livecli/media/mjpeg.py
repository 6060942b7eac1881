"""Splits a stream of MJPEG, which is JPEG images one after another, into its images. No I/O."""

from __future__ import annotations

from .images import JPEG_MARKER

MAX_FRAME_BYTES = 8 * 2**20
"""The length of an image. A longer one is skipped, so that a stream that is none is not kept in memory."""

START, END = b"\xd8", b"\xd9"
"""The markers of the start and of the end of an image (ITU T.81, B.1.1)."""


class JpegSplitter:
    """Takes a stream in pieces of any size, and returns its images. Bytes between the images are dropped.

    A segment is skipped by the length that it states, because a thumbnail within it has markers of its own. An image
    that is cut off by the start of another one is dropped.
    """

    def __init__(self) -> None:
        self._data = bytearray()
        # Where the next marker of the image is looked for; 0 where none has started.
        self._at = 0

    def push(self, data: bytes) -> list[bytes]:
        """The images that are complete with `data`."""
        self._data += data
        images = []
        while (image := self._next()) is not None:
            images.append(image)
        return images

    def _next(self) -> bytes | None:
        while self._at or self._find_start():
            found = JPEG_MARKER.search(self._data, self._at)
            if found is None:
                # The last byte may be the first half of a marker.
                self._at = max(self._at, len(self._data) - 1)
            elif found[1] == END:
                image = bytes(self._data[: found.end()])
                del self._data[: found.end()]
                self._at = 0
                return image
            elif found[1] == START:
                del self._data[: found.start()]
                self._at = 2
                continue
            elif len(self._data) >= found.end() + 2:
                self._at = found.end() + int.from_bytes(self._data[found.end() : found.end() + 2])
                continue
            if len(self._data) <= MAX_FRAME_BYTES:
                return None
            del self._data[:2]
            self._at = 0
        return None

    def _find_start(self) -> bool:
        """Drop what is before the start of an image. Returns whether there is one."""
        at = self._data.find(b"\xff\xd8\xff")
        del self._data[: at if at >= 0 else max(0, len(self._data) - 2)]
        self._at = 2 if at >= 0 else 0
        return at >= 0
