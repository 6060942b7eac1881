"""Speaking over an answer, with a real microphone and a real speaker."""

from __future__ import annotations

import asyncio

from livecli.emulator.core.behaviour import Say
from livecli.emulator.pace import Pace
from livecli.protocol import events
from livecli.protocol.setup import Activity, SetupOptions
from tests.chat.conftest import ReportLog, settled
from tests.end_to_end.conftest import tone
from tests.serving import serving


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


class InterruptionLog(ReportLog):
    """Keeps how often the speaker had been flushed when Interrupted came, and when each event after it came."""

    def __init__(self, device_calls):
        super().__init__()
        self.device_calls, self.flushes = device_calls, []

    def event(self, direction, event, at):
        super().event(direction, event, at)
        if isinstance(event, events.Interrupted) or (self.flushes and direction == "received"):
            self.flushes.append(self.device_calls.flushes)


# The tone of the answer is that of the question, which a canceller would take for an echo.
OPEN = {"half_duplex": False, "cancels_echo": False}

SPOKEN = SetupOptions(activity=Activity.AUTO)


async def test_the_device_is_handed_silence_as_soon_as_the_answer_is_interrupted(chat, sound_server, device_calls):
    with serving(behaviour=Talker, pace=Pace.REALTIME) as server:
        reports = InterruptionLog(device_calls)
        async with chat(server.url, reports=reports, voice=OPEN, configuration=SPOKEN) as spoken:
            await spoken.voice.switch_speaker(True)
            await spoken.voice.switch_microphone(True)
            await asyncio.to_thread(sound_server.say, tone(12_000))
            await settled(lambda: spoken.voice.is_playing and any(size for _, size in device_calls.pairs))
            assert spoken.answering
            saying = asyncio.create_task(asyncio.to_thread(sound_server.say, tone(12_000)))
            await settled(lambda: len(reports.flushes) > 1)
            await settled(device_calls.since_flush)
            assert device_calls.since_flush()[0] == 0
            await settled(lambda: not spoken.voice.is_playing)  # what was queued is dropped
            await saying
            await settled(lambda: reports.summaries)
            assert reports.summaries[0].stats.interrupted
            await settled(lambda: spoken.voice.is_playing)  # and the next answer is heard
        at_interruption, at_next_event = reports.flushes[:2]
        assert at_next_event == at_interruption + 1


async def test_an_answer_that_the_service_has_finished_is_silenced_too(chat, sound_server):
    with serving(behaviour=TalksOnce) as server:
        reports = ReportLog()
        async with chat(server.url, reports=reports, voice=OPEN, configuration=SPOKEN) as spoken:
            await spoken.voice.switch_speaker(True)
            await spoken.voice.switch_microphone(True)
            await asyncio.to_thread(sound_server.say, tone(12_000))
            await settled(lambda: reports.summaries and spoken.voice.is_playing)
            await asyncio.to_thread(sound_server.say, tone(12_000))
            await settled(lambda: len(reports.summaries) == 2)
            await settled(lambda: not spoken.voice.is_playing, 5)
            assert not reports.summaries[0].stats.interrupted


async def test_typing_over_an_answer_falls_silent_before_anything_is_heard_of_it(chat, sound_server, device_calls):
    with serving(behaviour=Talker, pace=Pace.REALTIME) as server:
        reports = InterruptionLog(device_calls)
        async with chat(server.url, reports=reports) as typed:
            await typed.voice.switch_speaker(True)
            first = asyncio.create_task(typed.send_text("go"))
            await settled(lambda: typed.voice.is_playing)
            flushes = device_calls.flushes
            second = asyncio.create_task(typed.send_text("stop"))
            assert (await first).stats.interrupted
            assert reports.flushes[0] == flushes + 1  # the question flushed it, before Interrupted came
            await typed.interrupt()
            assert (await second).stats.interrupted
            await settled(lambda: not typed.voice.is_playing)
        assert [entry.question for entry in typed.transcript.entries] == ["go", "stop"]
