"""What is yet to be heard: in memory while it is short, then on disk."""

import errno
import tempfile

import pytest

from livecli.media import playback_buffer
from livecli.media.playback_buffer import MEMORY_BYTES, Backlog


def all_of(held):
    taken = []
    while held:
        taken.append(held.take(0.25))
    return taken


def test_first_in_first_out_at_the_rate_it_came_with():
    held = Backlog()
    for pcm, rate in [(b"a" * 8000, 8000), (b"b" * 4000, 8000), (b"c" * 6, 24_000), (b"", 1000), (b"d" * 3, 8000)]:
        held.put(pcm, rate)
    assert held.seconds == pytest.approx(0.75 + 3 / 24_000 + 1.5 / 8000)
    assert all_of(held) == [
        (b"a" * 4000, 8000),
        (b"a" * 4000, 8000),
        (b"b" * 4000, 8000),
        (b"c" * 6, 24_000),
        (b"d" * 3, 8000),
    ]
    assert held.seconds == 0


def test_taking_between_puts_loses_nothing():
    held = Backlog()
    said = [bytes([n]) * 7001 for n in range(20)]
    heard = b""
    for pcm in said:
        held.put(pcm, 24_000)
        heard += held.take(0.1)[0]
    heard += b"".join(pcm for pcm, _ in all_of(held))
    assert heard == b"".join(said)


def test_a_short_reply_never_touches_the_disk_and_a_long_one_does_not_stay_in_memory(monkeypatch):
    files = []
    real = tempfile.SpooledTemporaryFile
    spooled = lambda size: files.append(real(size)) or files[-1]  # noqa: E731
    monkeypatch.setattr(playback_buffer.tempfile, "SpooledTemporaryFile", spooled)
    held = Backlog()
    held.put(bytes(MEMORY_BYTES), 24_000)
    assert not files[0]._rolled
    for _ in range(10):
        held.put(b"x" * MEMORY_BYTES, 24_000)
    assert files[0]._rolled
    assert b"".join(pcm for pcm, _ in all_of(held)) == bytes(MEMORY_BYTES) + b"x" * (10 * MEMORY_BYTES)
    assert files[0].closed  # and the disk is given back
    held.put(b"next", 24_000)
    assert not files[1]._rolled
    held.clear()
    assert files[1].closed and not held and held.seconds == 0


def test_the_last_can_be_taken_back_as_long_as_it_is_there():
    held = Backlog()
    for pcm, rate in [(b"a" * 100, 8000), (b"b" * 100, 16_000), (b"c" * 100, 8000)]:
        held.put(pcm, rate)
    held.take(60 / 16_000)
    assert held.cut(0)
    assert held.cut(150)
    held.put(b"d" * 10, 16_000)
    assert all_of(held) == [(b"a" * 40, 8000), (b"b" * 50 + b"d" * 10, 16_000)]
    held.put(b"e" * 10, 8000)
    assert not held.cut(11)
    assert not held


def test_a_full_disk_is_an_oserror(monkeypatch):
    class Full:
        def __init__(self, size):
            pass

        def seek(self, *_):
            pass

        def write(self, pcm):
            raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(playback_buffer.tempfile, "SpooledTemporaryFile", Full)
    with pytest.raises(OSError, match="No space left"):
        Backlog().put(b"ab", 24_000)
