"""Speaking over an answer, with a real microphone and a real speaker."""

from __future__ import annotations

import asyncio
import time

import pytest

from livecli.emulator.core.behaviour import Say
from livecli.emulator.pace import Pace
from livecli.media.sound_devices.speaker import Speaker
from livecli.protocol import events
from livecli.protocol.setup import Activity, SetupOptions
from tests.chat.conftest import ReportLog, settled
from tests.end_to_end.conftest import tone
from tests.serving import serving

SILENT_SECONDS_AT_MOST = 0.05


class Talker:
    """Says ten seconds of a tone to everything."""

    def answer(self, heard):
        yield Say("on and on", [tone(24_000, 24_000)] * 10)


class TalksOnce(Talker):
    """Says ten seconds of a tone to the first question, and a short one to others."""

    asked = False

    def answer(self, heard):
        if self.asked:
            yield Say("yes", [tone(2_400, 24_000)])
        else:
            self.asked = True
            yield from super().answer(heard)


class Clocked(ReportLog):
    """Notes when it hears of an interruption."""

    interrupted_at = None

    def event(self, direction, event, at):
        super().event(direction, event, at)
        if isinstance(event, events.Interrupted):
            self.interrupted_at = time.perf_counter()


@pytest.fixture
def handed(monkeypatch):
    """What the device was handed in each of its calls: (when, how many bytes of sound)."""
    calls, feed = [], Speaker._feed

    def fed(self, stream, size):
        piece = feed(self, stream, size)
        calls.append((time.perf_counter(), len(piece)))
        return piece

    monkeypatch.setattr(Speaker, "_feed", fed)
    return calls


# The tone of the answer is that of the question, which a canceller would take for an echo.
OPEN = {"half_duplex": False, "cancels_echo": False}

SPOKEN = SetupOptions(activity=Activity.AUTO)


async def test_the_device_is_handed_silence_as_soon_as_the_answer_is_interrupted(chat, sound_server, handed):
    with serving(behaviour=Talker, pace=Pace.REALTIME) as server:
        reports = Clocked()
        async with chat(server.url, reports=reports, voice=OPEN, configuration=SPOKEN) as spoken:
            await spoken.voice.switch_speaker(True)
            await spoken.voice.switch_microphone(True)
            await asyncio.to_thread(sound_server.say, tone(12_000))
            await settled(lambda: spoken.voice.is_playing and any(size for _, size in handed))
            assert spoken.answering
            saying = asyncio.create_task(asyncio.to_thread(sound_server.say, tone(12_000)))
            await settled(lambda: reports.interrupted_at)
            await settled(lambda: spoken.recordings.speaker.last_flush_seconds is not None)
            await settled(lambda: time.perf_counter() > reports.interrupted_at + 2 * SILENT_SECONDS_AT_MOST)
            after = [(at - reports.interrupted_at, size) for at, size in handed if at > reports.interrupted_at]
            assert spoken.recordings.speaker.last_flush_seconds < SILENT_SECONDS_AT_MOST
            assert not [size for late, size in after if late > SILENT_SECONDS_AT_MOST and size]
            assert not spoken.voice.is_playing  # what was queued is dropped
            await saying
            await settled(lambda: reports.summaries)
            assert reports.summaries[0].stats.interrupted
            await settled(lambda: spoken.voice.is_playing)  # and the next answer is heard


async def test_an_answer_that_the_service_has_finished_is_silenced_too(chat, sound_server):
    with serving(behaviour=TalksOnce) as server:
        reports = Clocked()
        async with chat(server.url, reports=reports, voice=OPEN, configuration=SPOKEN) as spoken:
            await spoken.voice.switch_speaker(True)
            await spoken.voice.switch_microphone(True)
            await asyncio.to_thread(sound_server.say, tone(12_000))
            await settled(lambda: reports.summaries and spoken.voice.is_playing)
            await asyncio.to_thread(sound_server.say, tone(12_000))
            await settled(lambda: len(reports.summaries) == 2)
            await settled(lambda: not spoken.voice.is_playing, 2)
            assert not reports.summaries[0].stats.interrupted


async def test_typing_over_an_answer_falls_silent_before_anything_is_heard_of_it(chat, sound_server):
    with serving(behaviour=Talker, pace=Pace.REALTIME) as server:
        async with chat(server.url) as typed:
            await typed.voice.switch_speaker(True)
            first = asyncio.create_task(typed.send_text("go"))
            await settled(lambda: typed.voice.is_playing)
            second = asyncio.create_task(typed.send_text("stop"))
            await settled(lambda: typed.recordings.speaker.last_flush_seconds is not None)
            assert typed.recordings.speaker.last_flush_seconds < SILENT_SECONDS_AT_MOST
            assert (await first).stats.interrupted
            await typed.interrupt()
            assert (await second).stats.interrupted
            await settled(lambda: not typed.voice.is_playing, 0.5)
        assert [entry.question for entry in typed.transcript.entries] == ["go", "stop"]
