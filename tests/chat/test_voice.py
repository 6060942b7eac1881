"""The devices of a chat, without real ones: what happens to the audio of the microphone, and to its errors."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager

import pytest

from livecli.chat import voice as voice_module
from livecli.chat.recordings import Recordings
from livecli.chat.voice import ECHO_SECONDS, QUEUED_CHUNKS, EchoGate, PushToTalk, Voice
from livecli.errors import FileError, ServerError
from livecli.media import microphone as microphone_module
from livecli.media.devices import Device, DeviceKind
from livecli.media.echo import can_cancel_echo
from tests.chat.conftest import ReportLog
from tests.virtual_time import idle, in_virtual_time

CHUNK = bytes(range(256)) * 4
MICROPHONE = Device(0, "Mic", DeviceKind.CAPTURE, is_default=True)
HEADSET = Device(1, "Headset", DeviceKind.PLAYBACK)


class Microphone:
    """Yields the blocks that a test puts into `blocks`; an exception is raised, None ends it."""

    rate, level_dbfs, muted = 16_000, -20.0, False

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

    async def __aiter__(self):
        while (block := await self.blocks.get()) is not None:
            if isinstance(block, Exception):
                raise block
            yield block


class Speaker:
    """The sink of a speaker; `playing` is set by a test."""

    playing = False

    def __init__(self, echo=None):
        self.echo = echo
        self.flushes = 0

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
def devices(monkeypatch):
    """The devices that were opened. The microphone and a headset are found whatever the words say."""
    opened = []

    def made(device, *, echo=None):
        opened.append(Microphone(device, echo))
        return opened[-1]

    async def find_device(kind, words, *, strict=True):
        return (None, MICROPHONE) if kind is DeviceKind.CAPTURE else (HEADSET, None)

    @asynccontextmanager
    async def speaker_sink(device, warn, echo=None):
        opened.append(Speaker(echo))
        yield opened[-1]

    monkeypatch.setattr(microphone_module, "Microphone", made)
    monkeypatch.setattr(voice_module, "find_device", find_device)
    monkeypatch.setattr(voice_module, "speaker_sink", speaker_sink)
    return opened


@asynccontextmanager
async def voice_on(devices, **options):
    """A voice with a receiver and the microphone on, and the microphone."""
    voice = Voice(Recordings(), ReportLog(), **options)
    voice.receiver = Receiver()
    await voice.switch_microphone(True)
    try:
        yield voice, devices[-1]
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
    async with voice_on(devices, half_duplex=half_duplex) as (voice, microphone):
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
async def test_a_lost_microphone_is_a_warning(devices):
    async with voice_on(devices) as (voice, microphone):
        await put(microphone, FileError("it is lost"))
        assert voice._reporter.warnings == ["the microphone is off: it is lost"]
        assert not voice.microphone_is_on
        await voice.switch_microphone(True)
        assert [each.is_open for each in devices] == [False, True]


@in_virtual_time
async def test_a_lost_microphone_is_raised_instead_if_it_is_waited_for(devices):
    async with voice_on(devices) as (voice, microphone):
        waiting = asyncio.create_task(voice.wait_until_off())
        await put(microphone, FileError("it is lost"))
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


@pytest.mark.skipif(not can_cancel_echo(), reason="pywebrtc-audio is missing")
async def test_the_speaker_and_the_microphone_have_one_echo_canceller(devices, monkeypatch):
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
        assert voice._reporter.remarks == ["listening to the default microphone, muted while an answer plays"]
