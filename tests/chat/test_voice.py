"""The devices of a chat, without real ones: what happens to the audio of the microphone, and to its errors."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager

import pytest

from livecli.chat import voice as voice_module
from livecli.chat.recordings import Recordings
from livecli.chat.voice import ECHO_SECONDS, QUEUED_CHUNKS, WATCH_SECONDS, EchoGate, PushToTalk, Voice
from livecli.errors import FileError, ServerError
from livecli.media.sound_devices import devices as system_module
from livecli.media.sound_devices import microphone as microphone_module
from livecli.media.sound_devices.devices import Device, DeviceKind
from tests.chat.conftest import ReportLog
from tests.needs import needs_package
from tests.virtual_time import idle, in_virtual_time

CHUNK = bytes(range(256)) * 4
LOUDSPEAKER = Device(0, "Loudspeaker", DeviceKind.PLAYBACK, is_default=True)
HEADSET = Device(1, "Headset", DeviceKind.PLAYBACK)
MICROPHONE = Device(2, "Mic", DeviceKind.CAPTURE, is_default=True)
HEADSET_MICROPHONE = Device(3, "Headset", DeviceKind.CAPTURE)


class Microphone:
    """Yields the blocks that a test puts into `blocks`; an exception is raised, None ends it."""

    rate, level_dbfs, muted, is_lost = 16_000, -20.0, False, False

    def __init__(self, device, echo=None):
        self.echo = echo
        self.name = device.name if device else "the default microphone"
        self.blocks = asyncio.Queue()
        self.is_open = False

    async def __aenter__(self):
        self.is_open = True
        return self

    async def __aexit__(self, *_):
        self.is_open = False

    def lose(self):
        self.is_lost = True
        self.blocks.put_nowait(FileError("it is lost"))

    async def __aiter__(self):
        while (block := await self.blocks.get()) is not None:
            if isinstance(block, Exception):
                raise block
            yield block


class Speaker:
    """The sink of a speaker; `playing` is set by a test."""

    playing, works = False, True

    def __init__(self, device=None, echo=None, on_failure=None):
        self.echo, self.on_failure = echo, on_failure
        self.name = device.name if device else "the default speaker"
        self.flushes, self.moves = 0, []

    def lose(self):
        self.works = False
        self.on_failure("it is lost")

    async def move(self, device):
        self.moves.append(device)
        self.name = device.name if device else "the default speaker"
        self.works = True

    def flush(self):
        self.flushes += 1


class Receiver:
    """Lists what a session is sent. `error` is raised when it is sent audio."""

    def __init__(self):
        self.reports, self.error = [], None

    async def use_voice_detection(self):
        self.reports.append("detection")

    async def send_microphone(self, pcm, rate):
        if self.error is not None:
            raise self.error
        self.reports.append(pcm)

    async def end_microphone(self):
        self.reports.append("end")


@pytest.fixture
def system(monkeypatch):
    """The devices of the system, as a list that a test may change."""
    found = [LOUDSPEAKER, HEADSET, MICROPHONE, HEADSET_MICROPHONE]
    monkeypatch.setattr(system_module, "list_devices", lambda: [*found])
    return found


@pytest.fixture
def devices(monkeypatch, system):
    """The devices that were opened."""
    opened = []

    def made(device, *, echo=None):
        opened.append(Microphone(device, echo))
        return opened[-1]

    @asynccontextmanager
    async def speaker_sink(device, warn, echo=None, on_failure=None):
        opened.append(Speaker(device, echo, on_failure))
        yield opened[-1]

    monkeypatch.setattr(microphone_module, "Microphone", made)
    monkeypatch.setattr(voice_module, "speaker_sink", speaker_sink)
    return opened


@asynccontextmanager
async def voice_on(opened, **options):
    """A voice with a receiver and the microphone on, and the microphone."""
    voice = Voice(Recordings(), ReportLog(), **options)
    voice.receiver = Receiver()
    await voice.switch_microphone(True)
    try:
        yield voice, opened[-1]
    finally:
        await voice.close()


async def put(microphone, *blocks):
    for block in blocks:
        microphone.blocks.put_nowait(block)
    await idle()


# --- parts ---


@in_virtual_time
async def test_push_to_talk_yields_its_audio_and_ends():
    source = PushToTalk(16_000)
    for pcm in (b"a", b"b", None):
        source.put(pcm)
    assert [pcm async for pcm in source] == [b"a", b"b"]


@in_virtual_time
async def test_push_to_talk_drops_the_oldest_audio_for_a_slow_session_and_never_its_end():
    source = PushToTalk(16_000)
    for number in range(QUEUED_CHUNKS + 5):
        source.put(bytes([number]))
    source.put(None)
    received = [pcm async for pcm in source]
    assert received == [bytes([number]) for number in range(6, QUEUED_CHUNKS + 5)]


def test_the_gate_is_closed_while_the_speaker_plays_and_a_moment_longer():
    playing, now = True, 10.0
    gate = EchoGate(lambda: playing, lambda: now)
    assert gate.is_muted
    playing, now = False, 10.0 + ECHO_SECONDS - 0.01
    assert gate.is_muted
    now = 10.0 + ECHO_SECONDS
    assert not gate.is_muted


# --- the microphone ---


@in_virtual_time
async def test_audio_is_sent_in_chunks_of_32_ms(devices):
    async with voice_on(devices) as (voice, microphone):
        assert (voice.microphone_is_on, voice.level_dbfs) == (True, -20.0)
        await put(microphone, CHUNK[:1000], CHUNK[1000:] + CHUNK + b"xx")
        assert voice.receiver.reports == ["detection", CHUNK, CHUNK]


@in_virtual_time
async def test_the_receiver_is_told_when_it_is_turned_off_and_not_when_it_is_closed(devices):
    async with voice_on(devices) as (voice, microphone):
        assert await voice.switch_microphone(True), "it is on already"
        assert not await voice.switch_microphone(False)
        assert (voice.receiver.reports, microphone.is_open) == (["detection", "end"], False)
        assert (voice.microphone_is_on, voice.level_dbfs) == (False, None)
        await voice.switch_microphone(True)
    assert voice.receiver.reports == ["detection", "end", "detection"]
    assert not devices[-1].is_open


@in_virtual_time
async def test_audio_is_dropped_while_it_is_paused_or_there_is_no_receiver(devices):
    async with voice_on(devices) as (voice, microphone):
        with voice.paused():
            await put(microphone, CHUNK)
        receiver, voice.receiver = voice.receiver, None
        await put(microphone, CHUNK)
        assert receiver.reports == ["detection"]


@in_virtual_time
async def test_push_to_talk_takes_the_audio_between_two_presses(devices):
    async with voice_on(devices, push_to_talk=True) as (voice, microphone):
        await put(microphone, CHUNK)
        talking = voice.press_key()
        await put(microphone, CHUNK, CHUNK)
        assert voice.press_key() is None
        await put(microphone, CHUNK)
        assert [pcm async for pcm in talking] == [CHUNK, CHUNK]
        assert voice.receiver.reports == [], "the service detects no speech"


@in_virtual_time
async def test_without_a_microphone_there_is_no_push_to_talk(devices):
    assert Voice(Recordings(), ReportLog(), push_to_talk=True).press_key() is None


@in_virtual_time
async def test_closing_the_microphone_ends_a_turn_that_was_begun(devices):
    async with voice_on(devices, push_to_talk=True) as (voice, _):
        talking = voice.press_key()
        await voice.close_microphone()
        assert [pcm async for pcm in talking] == []


@pytest.mark.parametrize(("half_duplex", "mutes"), [(True, True), (False, False), (None, False)])
@in_virtual_time
async def test_the_microphone_is_muted_while_the_speaker_plays(devices, half_duplex, mutes):
    """Without the option the devices decide: a headset is not heard by the microphone."""
    async with voice_on(devices, devices=["headset"], half_duplex=half_duplex) as (voice, microphone):
        assert await voice.switch_speaker(True)
        devices[-1].playing = True
        assert voice.is_playing
        await put(microphone, CHUNK)
        assert microphone.muted is mutes
        devices[-1].playing = False
        await asyncio.sleep(ECHO_SECONDS)
        await put(microphone, CHUNK)
        assert not microphone.muted


@in_virtual_time
async def test_a_receiver_that_cannot_detect_speech_leaves_no_microphone_open(devices):
    voice = Voice(Recordings(), ReportLog())
    voice.receiver = Receiver()

    async def refuse():
        raise ServerError("gone")

    voice.receiver.use_voice_detection = refuse
    with pytest.raises(ServerError):
        await voice.switch_microphone(True)
    assert not voice.microphone_is_on
    assert devices == []


# --- errors ---


@in_virtual_time
async def test_a_lost_microphone_is_a_warning_and_is_opened_when_it_is_there_again(devices, system):
    async with voice_on(devices) as (voice, microphone):
        found, system[:] = [*system], []
        microphone.lose()
        await asyncio.sleep(3 * WATCH_SECONDS)
        assert voice._reporter.warnings == ["the microphone is off: it is lost, and is looked for every 3 s"]
        assert (voice.microphone_is_on, voice.lost_devices) == (False, ["microphone"])
        assert voice.receiver.reports[-1] == "end", "the service learns where the speech ends"
        with pytest.raises(FileError, match="no microphone"):
            await voice.switch_microphone(True)
        system[:] = found
        await asyncio.sleep(WATCH_SECONDS + 0.1)
        assert (voice.microphone_is_on, voice.lost_devices) == (True, [])
        assert voice._reporter.remarks[1:] == ["listening to the default microphone (Mic), echo cancelled"]
        await put(devices[-1], CHUNK)
        assert voice.receiver.reports[-1] == CHUNK
    assert [each.is_open for each in devices] == [False, False]


@in_virtual_time
async def test_a_lost_microphone_that_is_turned_off_is_not_looked_for(devices, system):
    async with voice_on(devices) as (voice, microphone):
        found, system[:] = [*system], []
        microphone.lose()
        await idle()
        await voice.switch_microphone(False)
        assert voice.lost_devices == []
        system[:] = found
        await asyncio.sleep(3 * WATCH_SECONDS)
        assert len(devices) == 1


@in_virtual_time
async def test_the_default_takes_the_place_of_a_named_microphone_until_that_is_back(devices, system):
    async with voice_on(devices, devices=["headset"], cancels_echo=False) as (voice, microphone):
        waiting = asyncio.create_task(voice.wait_until_off())
        del system[3]
        microphone.lose()
        await idle()
        assert voice._reporter.warnings == ["it is lost"]
        assert voice.microphone_is_on
        # Its index is another one now.
        system.append(Device(7, "Headset", DeviceKind.CAPTURE))
        await asyncio.sleep(WATCH_SECONDS + 0.1)
        assert voice._reporter.remarks == [
            "listening to Headset",
            "listening to the default microphone (Mic)",
            "listening to Headset",
        ]
        assert [each.is_open for each in devices] == [False, False, True]
        assert not waiting.done(), "the chat goes on"
    await waiting


@in_virtual_time
async def test_a_turn_of_push_to_talk_is_recorded_to_its_end_before_the_microphone_changes(devices, system):
    async with voice_on(devices, devices=["headset"], push_to_talk=True) as (voice, microphone):
        gone = system.pop()
        microphone.lose()
        await idle()
        talking = voice.press_key()
        system.append(gone)
        await asyncio.sleep(3 * WATCH_SECONDS)
        await put(devices[-1], CHUNK)
        assert len(devices) == 2
        voice.press_key()
        assert [pcm async for pcm in talking] == [CHUNK]
        await asyncio.sleep(WATCH_SECONDS + 0.1)
        assert devices[-1].name == "Headset"


@in_virtual_time
async def test_a_lost_microphone_is_raised_instead_if_it_is_waited_for(devices, system):
    async with voice_on(devices) as (voice, microphone):
        waiting = asyncio.create_task(voice.wait_until_off())
        await idle()
        system.clear()
        microphone.lose()
        with pytest.raises(FileError, match="it is lost"):
            await waiting
        assert voice._reporter.warnings == []


@in_virtual_time
async def test_waiting_ends_when_the_microphone_is_off(devices):
    await Voice(Recordings(), ReportLog()).wait_until_off()
    async with voice_on(devices) as (voice, _):
        waiting = asyncio.create_task(voice.wait_until_off())
        await idle()
        assert not waiting.done()
        await voice.switch_microphone(False)
        await asyncio.wait_for(waiting, 1)


@in_virtual_time
async def test_the_end_of_the_session_turns_the_microphone_off(devices):
    async with voice_on(devices) as (voice, microphone):
        voice.receiver.error = ServerError("gone")
        await put(microphone, CHUNK)
        assert voice._reporter.warnings == ["the microphone is off: gone"]


@in_virtual_time
async def test_a_bug_is_told_at_once_and_raised_when_the_microphone_is_closed(devices):
    bugs = []
    with pytest.raises(ZeroDivisionError):
        async with voice_on(devices) as (voice, microphone):
            voice.on_bug = lambda: bugs.append(1)
            voice.receiver.error = ZeroDivisionError()
            await put(microphone, CHUNK)
            assert (bugs, voice._reporter.warnings) == ([1], [])


# --- the speaker ---


@in_virtual_time
async def test_a_lost_speaker_is_off_until_it_is_there_again(devices, system):
    voice = Voice(Recordings(), ReportLog(), ["headset"])
    await voice.switch_speaker(True)
    [speaker] = devices
    gone, system[:] = [*system], []
    speaker.lose()
    await asyncio.sleep(3 * WATCH_SECONDS)
    assert voice._reporter.warnings == ["it is lost, and is looked for every 3 s"]
    assert (voice.speaker_is_on, voice.lost_devices) == (False, ["speaker"])
    system[:] = gone[:1]
    await asyncio.sleep(WATCH_SECONDS + 0.1)
    assert (voice.speaker_is_on, voice.lost_devices) == (True, [])
    system[:] = gone
    await asyncio.sleep(WATCH_SECONDS + 0.1)
    assert speaker.moves == [None, HEADSET]
    assert voice._reporter.remarks == ["playing on the default speaker (Loudspeaker)", "playing on Headset"]
    await voice.close()


@in_virtual_time
async def test_a_lost_speaker_that_is_turned_on_is_looked_for_at_once(devices, system):
    voice = Voice(Recordings(), ReportLog())
    await voice.switch_speaker(True)
    found, system[:] = [*system], []
    devices[0].lose()
    await idle()
    with pytest.raises(FileError, match="no speaker"):
        await voice.switch_speaker(True)
    system[:] = found
    assert await voice.switch_speaker(True)
    assert voice.speaker_is_on
    await voice.close()


@in_virtual_time
async def test_muting_is_decided_again_when_a_device_changes(devices, system):
    """The headset needs none; the loudspeaker that takes its place does."""
    async with voice_on(devices, devices=["headset"], cancels_echo=False) as (voice, microphone):
        await voice.switch_speaker(True)
        speaker = devices[-1]
        speaker.playing = True
        await put(microphone, CHUNK)
        assert not microphone.muted
        system[:] = [LOUDSPEAKER, MICROPHONE, HEADSET_MICROPHONE]
        speaker.lose()
        await idle()
        await put(microphone, CHUNK)
        assert microphone.muted
        system[:] = [LOUDSPEAKER, HEADSET, MICROPHONE, HEADSET_MICROPHONE]
        await asyncio.sleep(WATCH_SECONDS + 0.1)
        await put(microphone, CHUNK)
        assert not microphone.muted
        assert [remark for remark in voice._reporter.remarks if "muted" in remark] == [
            "the microphone is muted while an answer plays",
            "the microphone is no longer muted while an answer plays",
        ]


@in_virtual_time
async def test_another_default_is_reported_and_its_stream_is_left_to_the_system(devices, system):
    voice = Voice(Recordings(), ReportLog())
    await voice.switch_speaker(True)
    system[:2] = [Device(1, "Headset", DeviceKind.PLAYBACK, is_default=True)]
    await asyncio.sleep(2 * WATCH_SECONDS + 0.1)
    assert voice._reporter.remarks == ["the default speaker is now Headset"]
    assert devices[0].moves == []
    await voice.close()


@in_virtual_time
async def test_a_bug_while_devices_are_followed_is_raised_when_they_are_closed(devices, monkeypatch):
    voice = Voice(Recordings(), ReportLog())
    await voice.switch_speaker(True)
    bugs = []
    voice.on_bug = lambda: bugs.append(1)
    monkeypatch.setattr(voice_module, "find_again", lambda *_: 1 / 0)
    await asyncio.sleep(WATCH_SECONDS + 0.1)
    assert bugs == [1]
    with pytest.raises(ZeroDivisionError):
        await voice.close()


@in_virtual_time
async def test_a_speaker_that_is_turned_off_falls_silent(devices):
    voice = Voice(Recordings(), ReportLog())
    assert not voice.speaker_is_on
    assert await voice.switch_speaker(True)
    [speaker] = devices
    assert voice.speaker_is_on
    assert not await voice.switch_speaker(False)
    assert (speaker.flushes, voice.speaker_is_on, voice.is_playing) == (1, False, False)


@pytest.mark.parametrize(("play_to_end", "flushes"), [(True, 0), (False, 1)])
@in_virtual_time
async def test_closing_plays_to_the_end_or_not(devices, play_to_end, flushes):
    voice = Voice(Recordings(), ReportLog())
    await voice.switch_speaker(True)
    await voice.close(play_to_end=play_to_end)
    assert (devices[0].flushes, voice.speaker_is_on) == (flushes, False)


async def test_the_speaker_and_the_microphone_have_one_echo_canceller(devices, monkeypatch):
    needs_package("pywebrtc_audio")
    monkeypatch.setattr(voice_module, "needs_half_duplex", lambda speaker, microphone: True)
    async with voice_on(devices) as (voice, microphone):
        await voice.switch_speaker(True)
        speaker = devices[-1]
        assert microphone.echo is speaker.echo is not None
        speaker.playing = True
        await put(microphone, CHUNK)
        assert not microphone.muted
        assert voice._reporter.remarks == ["listening to the default microphone, echo cancelled"]


@in_virtual_time
async def test_without_echo_cancellation_the_microphone_is_muted_where_it_hears_the_speaker(devices, monkeypatch):
    monkeypatch.setattr(voice_module, "needs_half_duplex", lambda speaker, microphone: True)
    async with voice_on(devices, cancels_echo=False) as (voice, microphone):
        await voice.switch_speaker(True)
        devices[-1].playing = True
        await put(microphone, CHUNK)
        assert microphone.muted
        assert voice._reporter.remarks == [
            "listening to the default microphone",
            "the microphone is muted while an answer plays",
        ]
        await voice.switch_microphone(False)
        await voice.switch_microphone(True)
        assert voice._reporter.remarks[-1] == "listening to the default microphone, muted while an answer plays"
