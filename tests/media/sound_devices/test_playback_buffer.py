"""Sound that is yet to be played: the queue, the jitter buffer and both together. No device is used."""

import errno
import tempfile

import pytest

from livecli.media.sound_devices import playback_buffer
from livecli.media.sound_devices.playback_buffer import (
    MEMORY_BYTES,
    READY_SECONDS,
    JitterBuffer,
    PlaybackBuffer,
    PlaybackQueue,
)


def all_of(held):
    taken = []
    while held:
        taken.append(held.take(0.25))
    return taken


def test_first_in_first_out_at_the_rate_it_came_with():
    held = PlaybackQueue()
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
    held = PlaybackQueue()
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
    held = PlaybackQueue()
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
    held = PlaybackQueue()
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
        PlaybackQueue().put(b"ab", 24_000)


def test_playing_waits_until_enough_is_there():
    buffer = JitterBuffer(100)
    buffer.put(b"a" * 60)
    assert buffer.take(20) == b""
    buffer.put(b"b" * 60)
    assert buffer.take(80) == b"a" * 60 + b"b" * 20
    assert len(buffer) == 40


def test_what_does_not_grow_is_waited_for_no_longer_than_enough_would_last():
    buffer = JitterBuffer(100)
    buffer.put(b"a" * 60)
    assert [len(buffer.take(25)) for _ in range(7)] == [0, 0, 0, 0, 25, 25, 10]


def test_waiting_counts_from_the_first_byte():
    buffer = JitterBuffer(100)
    assert [buffer.take(50) for _ in range(10)] == [b""] * 10
    buffer.put(b"a" * 60)
    assert buffer.take(50) == b""


def test_a_complete_reply_is_played_however_short():
    buffer = JitterBuffer(100)
    buffer.put(b"a" * 10)
    buffer.complete(b"z" * 2)
    assert buffer.take(20) == b"a" * 10 + b"z" * 2


def test_running_dry_in_the_middle_is_an_underrun_and_buffers_anew():
    buffer = JitterBuffer(40)
    buffer.put(b"a" * 50)
    assert [len(buffer.take(20)) for _ in range(4)] == [20, 20, 10, 0]
    assert buffer.underruns == 0  # it may have been the end
    buffer.put(b"b" * 10)
    assert buffer.underruns == 1
    assert buffer.take(20) == b""
    buffer.put(b"b" * 30)
    assert buffer.take(20) == b"b" * 20
    assert buffer.underruns == 1


def test_running_dry_at_the_end_is_none_though_it_is_told_late():
    buffer = JitterBuffer(20)
    buffer.put(b"a" * 30)
    assert [len(buffer.take(20)) for _ in range(2)] == [20, 10]
    buffer.complete(b"")
    buffer.put(b"b" * 20)
    assert buffer.take(20) == b"b" * 20
    assert buffer.underruns == 0


def test_what_fits_exactly_is_no_gap():
    buffer = JitterBuffer(20)
    buffer.put(b"a" * 20)
    assert buffer.take(20) == b"a" * 20
    buffer.put(b"b" * 20)
    assert buffer.take(20) == b"b" * 20
    assert buffer.underruns == 0


def test_clearing_gives_silence_at_once_and_is_no_underrun():
    buffer = JitterBuffer(20)
    buffer.put(b"a" * 90)
    buffer.take(20)
    buffer.clear()
    assert (buffer.take(20), len(buffer)) == (b"", 0)
    buffer.put(b"b" * 30)
    assert buffer.take(20) == b"b" * 20
    assert buffer.underruns == 0


RATE = 48_000
SECOND = 2 * RATE


def played(buffer, size=1920):
    """All that a device takes from the buffer until it gets nothing more, refilling as a speaker does."""
    taken = bytearray()
    while piece := buffer.take(size):
        taken += piece
        if buffer.is_low:
            buffer.refill()
    return bytes(taken)


def test_a_reply_is_played_as_it_was_written_however_long():
    buffer = PlaybackBuffer(RATE)
    chunks = [bytes([n + 1]) * SECOND for n in range(10)]
    for chunk in chunks:
        buffer.write(chunk, RATE)
    assert buffer.seconds == 10
    buffer.finish()
    assert played(buffer) == b"".join(chunks)
    assert (buffer.seconds, buffer.underruns, buffer.is_low) == (0, 0, False)


def test_replies_of_other_rates_are_played_at_the_devices():
    buffer = PlaybackBuffer(RATE)
    for rate in (24_000, 16_000, 48_000):
        buffer.write(bytes(2 * rate), rate)
    buffer.finish()
    assert len(played(buffer)) == 3 * SECOND


def test_about_a_second_is_kept_ready_and_the_rest_waits():
    buffer = PlaybackBuffer(RATE)
    buffer.write(bytes(10 * SECOND), RATE)
    assert not buffer.is_low
    assert READY_SECONDS * SECOND <= len(buffer._ready) <= (READY_SECONDS + 0.25) * SECOND
    buffer.take(round(0.6 * SECOND))
    assert buffer.is_low
    buffer.refill()
    assert not buffer.is_low
    buffer.flush()  # closes the temporary file


def test_what_was_not_made_ready_can_be_taken_back():
    buffer = PlaybackBuffer(RATE)
    buffer.write(b"a" * (5 * SECOND), RATE)
    mark = buffer.mark()
    buffer.write(b"b" * (60 * SECOND), RATE)
    assert buffer.rewind(mark)
    assert buffer.seconds == 5
    buffer.write(b"c" * SECOND, RATE)
    buffer.finish()
    assert played(buffer) == b"a" * (5 * SECOND) + b"c" * SECOND


def test_what_is_ready_cannot_be_taken_back_and_is_played():
    buffer = PlaybackBuffer(RATE)
    buffer.write(b"a" * (5 * SECOND), RATE)
    assert not buffer.rewind(0)
    assert buffer.mark() == 0
    buffer.finish()
    assert played(buffer) == b"a" * SECOND


def test_a_flush_drops_all_and_the_next_reply_begins_with_whole_samples():
    buffer = PlaybackBuffer(RATE)
    buffer.write(b"a" * (3 * SECOND + 1), RATE)
    buffer.flush()
    assert (buffer.take(100), buffer.seconds, buffer.underruns) == (b"", 0, 0)
    buffer.write(b"b" * SECOND, RATE)
    buffer.finish()
    assert played(buffer) == b"b" * SECOND


def test_half_a_sample_at_the_end_of_a_reply_is_not_joined_to_the_next():
    buffer = PlaybackBuffer(RATE)
    for pcm in (b"a" * 9601, b"b" * 9600):
        buffer.write(pcm, RATE)
        buffer.finish()
        assert played(buffer) == pcm[:9600]


def test_a_reply_that_arrives_late_is_an_underrun():
    buffer = PlaybackBuffer(RATE)
    buffer.write(b"a" * SECOND, RATE)
    assert len(played(buffer, 1900)) == SECOND
    buffer.write(b"a" * SECOND, RATE)
    assert buffer.underruns == 1
