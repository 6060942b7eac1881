"""The microphone, on a real sound server: what is said into it reaches who listens."""

from __future__ import annotations

import asyncio
import time

import numpy
import pytest

from livecli import AudioChunk, TurnComplete, connect
from livecli.errors import FileError
from livecli.media.file_source import SAMPLE, read_sound
from livecli.media.sound_devices import devices, microphone
from livecli.media.sound_devices.devices import DEVICE_RATE, PERIOD_SECONDS
from livecli.media.sound_devices.microphone import QUEUE_SECONDS, Microphone
from livecli.media.sound_devices.speaker import Speaker
from tests.likeness import ALIKE, likeness
from tests.sound_server import pitch

pytestmark = pytest.mark.usefixtures("sound_server")


def samples_of(pcm):
    return numpy.frombuffer(bytes(pcm), "<i2").astype(float)


async def listen(source, heard, enough):
    async with asyncio.timeout(15):
        async for block in source:
            heard += block
            if enough():
                await source.close()


async def test_what_is_said_is_heard_in_blocks_of_20_ms(sound_server, tone):
    heard, sizes = b"", []
    async with Microphone() as source:
        assert (source.name, source.rate, source.seconds) == ("the default microphone", 16_000, None)
        said = asyncio.create_task(asyncio.to_thread(sound_server.say, tone(2, 16_000, 660)))
        async with asyncio.timeout(15):
            async for block in source:
                sizes.append(len(block))
                # Half a second of the tone without a gap: it begins late, and has gaps, on a machine that is busy.
                heard = heard + block if source.level_dbfs > -12 else b""
                if len(heard) >= 16_000:
                    break
        await said
    assert pitch(samples_of(heard)) == pytest.approx(660, abs=5)
    assert 500 < sum(sizes) / len(sizes) < 1000


async def test_muted_it_hears_silence_of_the_same_length(sound_server, tone):
    heard = bytearray()
    async with Microphone(muted=True) as source:
        said = asyncio.create_task(asyncio.to_thread(sound_server.say, tone(2, 16_000)))
        began = time.monotonic()
        await listen(source, heard, said.done)
        assert len(heard) / 32_000 == pytest.approx(time.monotonic() - began, abs=1)
        assert not any(heard)
        assert source.level_dbfs == -96


class FakeStream:
    """A device's stream without a device: `take` is the callback that its thread would call."""

    def __init__(self, device, take):
        self.take = take

    def close(self):
        pass


async def test_a_late_reader_loses_the_oldest_sound(monkeypatch):
    opened = []
    monkeypatch.setattr(
        microphone, "start_capture", lambda device, take: opened.append(FakeStream(device, take)) or opened[0]
    )
    kept = round(QUEUE_SECONDS / PERIOD_SECONDS)
    async with Microphone() as source:
        for level in [16_000] * 50 + [1_000] * kept:
            opened[0].take(bytearray(level.to_bytes(2, "little") * round(DEVICE_RATE * PERIOD_SECONDS)))
        heard = bytearray()
        async with asyncio.timeout(5):
            async for block in source:
                heard += block
                if not source._blocks:
                    break
    # The filter looks ahead, so that its last samples are not out yet, and its beginning overshoots.
    assert len(heard) / 32_000 == pytest.approx(QUEUE_SECONDS, abs=0.02)
    assert abs(samples_of(heard)).max() < 1_200


async def test_closing_ends_the_iteration_of_another_task():
    async with Microphone() as source:
        heard = bytearray()
        listening = asyncio.create_task(listen(source, heard, lambda: False))
        async with asyncio.timeout(5):
            while not heard:
                await asyncio.sleep(0.005)
        await source.close()
        async with asyncio.timeout(10):
            await listening


@pytest.mark.parametrize("how", ["kill", "unplug"])
async def test_a_device_that_goes_away_is_an_error(sound_server, monkeypatch, how):
    monkeypatch.setattr(devices, "CHECK_SECONDS", 0.1)
    async with Microphone() as source:
        with pytest.raises(FileError, match="the default microphone is lost"):
            async with asyncio.timeout(8):
                async for _ in source:
                    if sound_server.process.poll() is None and how:
                        getattr(sound_server, how)()
                        how = ""


async def test_a_question_said_into_the_microphone_is_answered_from_the_speaker(sound_server):
    question = b"".join(read_sound(SAMPLE, 16_000))
    said = samples_of(question)
    for _ in range(3):  # a machine that is busy may lose some of the sound of one answer
        heard, underruns = await answer_from_the_speaker(sound_server, question)
        if underruns == 0 and likeness(heard, said) > ALIKE:
            break
    assert underruns == 0
    assert likeness(heard, said) > ALIKE
    assert likeness(heard, said[::-1]) < 0.7  # not just any sound is taken for it


async def answer_from_the_speaker(sound_server, question):
    """The samples that the speaker plays when this is said into the microphone, and its underruns."""

    async def send_all(source, session):
        async for block in source:
            await session.send(AudioChunk(block, source.rate))

    with sound_server.recorded() as recording:
        async with (
            asyncio.timeout(30),
            Microphone() as source,
            Speaker() as speaker,
            connect(local=True, activity="auto") as session,
        ):
            sending = asyncio.create_task(send_all(source, session))
            await asyncio.to_thread(sound_server.say, question)
            async for event in session:
                if isinstance(event, AudioChunk):
                    speaker.write(event.pcm, event.rate)
                elif isinstance(event, TurnComplete):
                    break
            await source.close()
            await sending
            await speaker.drained()
        recording.wait_for_silence()
    return recording.samples, speaker.underruns
