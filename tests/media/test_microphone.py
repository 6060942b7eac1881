"""The microphone, on a real sound server: what is said into it reaches who listens."""

from __future__ import annotations

import asyncio
import time

import numpy
import pytest

from livecli import AudioChunk, TurnComplete, connect
from livecli.errors import FileError
from livecli.media import devices
from livecli.media.file_source import SAMPLE, read_sound
from livecli.media.microphone import Microphone
from livecli.media.speaker import Speaker
from tests.likeness import ALIKE, likeness
from tests.sound_server import pitch

pytestmark = pytest.mark.usefixtures("sound_server")


def samples_of(pcm):
    return numpy.frombuffer(bytes(pcm), "<i2").astype(float)


async def listen(microphone, heard, enough):
    async with asyncio.timeout(15):
        async for block in microphone:
            heard += block
            if enough():
                await microphone.close()


async def test_what_is_said_is_heard_in_blocks_of_20_ms(sound_server, tone):
    heard, sizes = bytearray(), []
    async with Microphone() as microphone:
        assert (microphone.name, microphone.rate, microphone.seconds) == ("the default microphone", 16_000, None)
        said = asyncio.create_task(asyncio.to_thread(sound_server.say, tone(2, 16_000, 660)))
        async with asyncio.timeout(15):
            async for block in microphone:
                sizes.append(len(block))
                heard += block
                if microphone.level_dbfs > -12 and len(heard) > 3.2e4:
                    break
        await said
        assert microphone.overruns == 0
    assert pitch(samples_of(heard[-16_000:])) == pytest.approx(660, abs=5)
    assert 500 < sum(sizes) / len(sizes) < 1000


async def test_muted_it_hears_silence_of_the_same_length(sound_server, tone):
    heard = bytearray()
    async with Microphone(muted=True) as microphone:
        said = asyncio.create_task(asyncio.to_thread(sound_server.say, tone(1, 16_000)))
        began = time.monotonic()
        await listen(microphone, heard, said.done)
        assert len(heard) / 32_000 == pytest.approx(time.monotonic() - began, abs=0.3)
        assert not any(heard)
        assert microphone.level_dbfs == -96


async def test_who_listens_late_loses_the_oldest_and_it_is_counted(tone):
    async with Microphone() as microphone:
        await asyncio.sleep(0)
        time.sleep(3)  # the loop is held up for longer than is kept
        blocks = 0
        async with asyncio.timeout(5):
            async for _ in microphone:
                blocks += 1
                if blocks == 120:
                    break
        assert 20 <= microphone.overruns <= 80


async def test_closing_ends_the_iteration_of_another_task():
    async with Microphone() as microphone:
        heard = bytearray()
        listening = asyncio.create_task(listen(microphone, heard, lambda: False))
        async with asyncio.timeout(5):
            while not heard:
                await asyncio.sleep(0.005)
        await microphone.close()
        async with asyncio.timeout(2):
            await listening


@pytest.mark.parametrize("how", ["kill", "unplug"])
async def test_a_device_that_goes_away_is_an_error(sound_server, monkeypatch, how):
    monkeypatch.setattr(devices, "LOOK_SECONDS", 0.1)
    async with Microphone() as microphone:
        with pytest.raises(FileError, match="the default microphone is lost"):
            async with asyncio.timeout(8):
                async for _ in microphone:
                    if sound_server.process.poll() is None and how:
                        getattr(sound_server, how)()
                        how = ""


async def test_a_question_said_into_the_microphone_is_answered_from_the_speaker(sound_server):
    question = b"".join(read_sound(SAMPLE, 16_000))

    async def send_all(microphone, session):
        async for block in microphone:
            await session.send(AudioChunk(block, microphone.rate))

    with sound_server.recorded() as recording:
        async with (
            asyncio.timeout(30),
            Microphone() as microphone,
            Speaker() as speaker,
            connect(local=True, activity="auto") as session,
        ):
            sending = asyncio.create_task(send_all(microphone, session))
            await asyncio.to_thread(sound_server.say, question)
            async for event in session:
                if isinstance(event, AudioChunk):
                    speaker.write(event.pcm, event.rate)
                elif isinstance(event, TurnComplete):
                    break
            await microphone.close()
            await sending
            await speaker.drained()
            assert speaker.underruns == 0
        recording.wait_for_silence()
    said = samples_of(question)
    assert likeness(recording.samples, said) > ALIKE
    assert likeness(recording.samples, said[::-1]) < 0.7  # not just any sound is taken for it
