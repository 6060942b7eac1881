"""The buffer between bursts and a steady device, without a device."""

from livecli.media.playback_buffer import JitterBuffer


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
