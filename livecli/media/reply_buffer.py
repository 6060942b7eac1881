"""A reply in memory, written while it arrives."""

from __future__ import annotations


class ReplyBuffer:
    """The samples of a reply: PCM16 mono at `rate`, which is None before the first of them.

    A `media.reply.ReplyWriter` writes it, as it writes a file.
    """

    file_bytes = None

    def __init__(self) -> None:
        self.pcm = bytearray()
        self.rate: int | None = None

    @property
    def written(self) -> int:
        """Bytes of sound."""
        return len(self.pcm)

    def append(self, pcm: bytes, rate: int) -> None:
        """Add samples at the end."""
        self.pcm += pcm
        self.rate = rate

    def cut(self, length: int) -> bool:
        """Take back the bytes after the first `length`."""
        del self.pcm[length:]
        return True

    def commit(self) -> None:
        """Nothing is left to do at the end."""

    def abandon(self) -> None:
        """The samples stay, and there is no file of them."""

    def give_up_conversion(self) -> None:
        """There is no conversion."""
