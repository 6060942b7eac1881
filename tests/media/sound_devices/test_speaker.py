"""The speaker, on a real sound server: what is heard there is recorded, and known by its spectrum."""

from __future__ import annotations

import asyncio
import signal
import time
from pathlib import Path

import pytest

from livecli.errors import FileError
from livecli.media.sound_devices import devices
from livecli.media.sound_devices.speaker import Speaker
from tests.sound_server import pitch, power, until

pytestmark = pytest.mark.usefixtures("sound_server")


async def settled(true, seconds=10.0):
    """Wait in the loop until it is true."""
    async with asyncio.timeout(seconds):
        while not true():
            await asyncio.sleep(0.005)


async def test_what_is_written_is_heard(sound_server, tone):
    with sound_server.recorded() as recording:
        async with Speaker() as speaker:
            began = time.monotonic()
            speaker.write(tone(1.5, 24_000, 440), 24_000)
            assert speaker.playing
            assert speaker.queued_seconds == pytest.approx(1.5, abs=0.1)  # it does not wait for its being heard
            await settled(lambda: speaker.level_dbfs > -12)
            await speaker.drained()
            assert time.monotonic() - began > 1.3
            assert (speaker.underruns, speaker.queued_seconds, speaker.playing) == (0, 0, False)
        recording.wait_for_silence()
    heard = recording.samples[recording.samples.nonzero()[0]]
    assert len(heard) > 0.7 * 16_000
    assert pitch(heard) == pytest.approx(440, abs=5)


async def test_a_rate_may_change_in_the_middle(sound_server, tone):
    with sound_server.recorded() as recording:
        async with Speaker() as speaker:
            for rate, hertz in [(24_000, 440), (16_000, 880), (48_000, 1320)]:
                speaker.write(tone(0.8, rate, hertz), rate)
            await speaker.drained()
            assert speaker.underruns == 0
        recording.wait_for_silence()
    heard = recording.samples[recording.samples.nonzero()[0]]
    end = len(heard)
    middles = [heard[end - start : end - start + 6_000] for start in (35_000, 22_000, 9_000)]
    assert [pitch(part) for part in middles] == pytest.approx([440, 880, 1320], abs=8)


async def test_a_flush_is_silence_at_the_devices_very_next_call(tone, device_calls):
    async with Speaker() as speaker:
        for _ in range(5):
            speaker.write(tone(30, 24_000), 24_000)
            await settled(lambda: speaker.level_dbfs > -12)
            speaker.flush()
            assert speaker.queued_seconds == 0
            await settled(device_calls.since_flush)
            await settled(lambda: not speaker.playing)
            assert not any(device_calls.since_flush())
        assert speaker.underruns == 0


async def test_what_is_written_right_after_a_flush_is_all_that_is_heard(sound_server, tone):
    with sound_server.recorded() as recording:
        async with Speaker() as speaker:
            speaker.write(tone(30, 24_000, 440), 24_000)
            await asyncio.to_thread(recording.wait_for_sound)
            speaker.flush()
            began = len(recording.pcm) // 2
            speaker.write(tone(1, 24_000, 880), 24_000)
            await speaker.drained()
            assert speaker.underruns == 0
        recording.wait_for_silence()
    assert pitch(recording.samples[began:]) == pytest.approx(880, abs=8)


async def test_the_flush_is_heard(sound_server, tone):
    with sound_server.recorded() as recording:
        async with Speaker() as speaker:
            speaker.write(tone(30, 24_000), 24_000)
            await asyncio.to_thread(recording.wait_for_sound)
            speaker.flush()
            await asyncio.to_thread(recording.wait_for_silence)


async def test_a_gap_in_the_middle_is_an_underrun_and_the_end_is_none(tone):
    async with Speaker() as speaker:
        speaker.write(tone(0.2, 24_000), 24_000)
        await settled(lambda: not speaker.playing)
        speaker.write(tone(0.2, 24_000), 24_000)  # late: it belongs to the same reply
        await speaker.drained()
        assert speaker.underruns == 1
        speaker.write(tone(0.2, 24_000), 24_000)  # another reply
        await speaker.drained()
        assert speaker.underruns == 1


async def test_chunks_that_come_unevenly_are_no_gap(tone):
    async with Speaker() as speaker:
        pcm = tone(1.2, 24_000)
        step = 24_000 * 2 * 40 // 1000
        started = asyncio.get_running_loop().time()
        for place in range(0, len(pcm), step):
            speaker.write(pcm[place : place + step], 24_000)
            due = started + place / 48_000 + (0.02 if place // step % 2 else 0)
            await asyncio.sleep(max(0, due - asyncio.get_running_loop().time()))
        await speaker.drained()
        assert speaker.underruns == 0


async def test_minutes_wait_on_disk_and_a_busy_loop_is_not_heard(tone):
    async with Speaker() as speaker:
        minutes = tone(60, 24_000) * 5
        speaker.write(minutes, 24_000)
        assert speaker.queued_seconds == pytest.approx(300, abs=1)
        await settled(lambda: speaker.level_dbfs > -12)
        time.sleep(0.4)  # the loop is held up
        before = speaker.queued_seconds
        await settled(lambda: speaker.queued_seconds < before - 1.5)
        assert speaker.underruns == 0


async def test_half_a_sample_waits_for_the_other(tone):
    async with Speaker() as speaker:
        pcm = tone(0.3, 48_000)
        for start, end in [(0, 101), (101, 5000), (5000, len(pcm))]:
            speaker.write(pcm[start:end], 48_000)
        await settled(lambda: speaker.level_dbfs > -20)
        assert speaker.level_dbfs < -8.5  # a tone, and no noise, which halves put together wrongly would be
        await speaker.drained()


async def test_what_will_come_again_is_taken_back_where_it_was_not_heard(sound_server, tone):
    kept, taken_back = tone(3, 24_000, 440), tone(60, 16_000, 880)
    with sound_server.recorded() as recording:
        async with Speaker() as speaker:
            speaker.write(kept, 24_000)
            mark = speaker.mark()
            speaker.write(taken_back, 16_000)
            assert speaker.rewind(mark)
            assert speaker.queued_seconds <= 3
            assert not speaker.rewind(0)
            assert speaker.queued_seconds < 1.5
            await speaker.drained()
        recording.wait_for_silence()
    # A second of the first tone was ready and is heard, and nothing of the second one.
    heard = recording.samples[recording.samples.nonzero()[0]]
    assert 0.5 * 16_000 < len(heard) < 1.5 * 16_000
    assert pitch(heard) == pytest.approx(440, abs=5)
    assert power(heard, 880) < power(heard, 440) / 100


async def test_half_a_sample_at_the_end_of_a_reply_does_not_turn_the_next_into_noise(sound_server, tone):
    with sound_server.recorded() as recording:
        async with Speaker() as speaker:
            speaker.write(bytes(9601), 24_000)
            await speaker.drained()
            speaker.write(tone(1, 24_000), 24_000)
            await speaker.drained()
        recording.wait_for_silence()
    assert 7_000 < abs(recording.samples).max() < 18_000
    assert pitch(recording.samples) == pytest.approx(440, abs=5)


@pytest.mark.parametrize("how", ["kill", "unplug"])
async def test_a_device_that_goes_away_ends_the_waiting(sound_server, tone, monkeypatch, how):
    monkeypatch.setattr(devices, "CHECK_SECONDS", 0.1)
    async with Speaker() as speaker:
        speaker.write(tone(60, 24_000), 24_000)
        await settled(lambda: speaker.level_dbfs > -12)
        getattr(sound_server, how)()
        async with asyncio.timeout(8):
            with pytest.raises(FileError, match="the default speaker is lost"):
                await speaker.drained()
        with pytest.raises(FileError, match="lost"):
            speaker.write(b"ab", 24_000)


async def test_a_sound_server_that_hangs_holds_nothing_up(sound_server, tone, monkeypatch):
    monkeypatch.setattr(devices, "CHECK_SECONDS", 0.1)
    monkeypatch.setattr(devices, "OPEN_SECONDS", 0.7)
    async with asyncio.timeout(8):
        async with Speaker() as speaker:
            speaker.write(tone(1, 24_000), 24_000)
            sound_server.process.send_signal(signal.SIGSTOP)
            with pytest.raises(FileError, match="lost"):
                await speaker.drained()
        with pytest.raises(FileError, match="the sound system has not answered"):
            async with Speaker():
                pass
    sound_server.process.send_signal(signal.SIGCONT)  # lets the threads go that waited for it


async def test_nothing_is_left_of_a_device(tone):
    async def play():
        async with Speaker() as speaker:
            speaker.write(tone(0.1, 24_000), 24_000)
            await speaker.drained()

    def left():
        return len(list(Path("/proc/self/task").iterdir())), len(list(Path("/proc/self/fd").iterdir()))

    await play()  # what stays loaded is loaded
    before = left()
    for _ in range(10):
        await play()
    until(lambda: left()[0] <= before[0] + 2, f"threads were left: {left()}, {before} before")  # asyncio's own may come
    assert left()[1] <= before[1] + 1


async def test_leaving_does_not_wait_for_what_is_queued(tone):
    async with asyncio.timeout(5):
        async with Speaker() as speaker:
            speaker.write(tone(60, 24_000), 24_000)
            await settled(lambda: speaker.playing)
