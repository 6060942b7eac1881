"""The speaker as an optional sink, with a speaker that plays nothing: no device is needed."""

from __future__ import annotations

import asyncio

import pytest

from livecli.errors import FileError, UsageError
from livecli.media.sound_devices import speaker_sink as module
from livecli.media.sound_devices.devices import Device, DeviceKind
from livecli.media.sound_devices.speaker_sink import SpeakerSink, play_reply, speaker_sink

LOST = FileError("the default speaker is lost: it takes no more sound")


class FakeSpeaker:
    """Records its calls; `error` is raised by those that can fail."""

    def __init__(self, device: Device | None = None, echo: object = None) -> None:
        self.device = device
        self.calls: list[str] = []
        self.written = b""
        self.error: FileError | None = None
        self.underruns = 0
        self.playing = True

    async def __aenter__(self) -> FakeSpeaker:
        self.calls.append("open")
        return self

    async def __aexit__(self, *_: object) -> None:
        self.calls.append("close")

    def write(self, pcm: bytes, rate: int) -> None:
        if self.error:
            raise self.error
        self.written += pcm

    async def drained(self) -> None:
        self.calls.append("drained")
        if self.error:
            raise self.error

    def flush(self) -> None:
        self.calls.append("flush")

    def finish(self) -> None:
        self.calls.append("finish")

    def mark(self) -> int:
        return len(self.written)

    def rewind(self, mark: int) -> bool:
        self.calls.append(f"rewind {mark}")
        return False


@pytest.fixture
def speakers(monkeypatch):
    """The speakers that were made."""
    made: list[FakeSpeaker] = []
    monkeypatch.setattr(module, "Speaker", lambda device, echo=None: made.append(FakeSpeaker(device)) or made[-1])
    return made


@pytest.fixture
def warnings():
    return []


async def test_a_reply_is_written_and_played_to_its_end(speakers, warnings) -> None:
    async with speaker_sink(None, warnings.append) as sink:
        sink.write(b"abcd", 24_000)
        sink.finish()
        assert (sink.waits, sink.playing, sink.mark()) == (False, True, 4)
    assert speakers[0].written == b"abcd"
    assert speakers[0].calls == ["open", "finish", "drained", "close"]
    sink.write(b"too late", 24_000)
    assert speakers[0].written == b"abcd"
    assert not sink.playing
    assert not warnings


async def test_leaving_with_an_exception_waits_for_nothing(speakers, warnings) -> None:
    with pytest.raises(KeyError):
        async with speaker_sink(None, warnings.append):
            raise KeyError
    assert speakers[0].calls == ["open", "close"]


@pytest.mark.parametrize("in_thread", [False, True])
async def test_a_device_that_fails_is_one_warning(speakers, warnings, in_thread) -> None:
    threads = []

    def warn(message: str) -> None:
        warnings.append(message)
        threads.append(asyncio.get_running_loop())

    async with speaker_sink(None, warn) as sink:
        speakers[0].error = LOST
        for _ in range(3):
            if in_thread:
                await asyncio.to_thread(sink.write, b"ab", 24_000)
            else:
                sink.write(b"ab", 24_000)
        await asyncio.sleep(0)
        assert not sink.playing
    assert warnings == [LOST.message]
    assert threads == [asyncio.get_running_loop()]
    assert speakers[0].calls == ["open", "close"]


async def test_a_device_that_fails_while_it_plays_is_a_warning(speakers, warnings) -> None:
    async with speaker_sink(None, warnings.append) as sink:
        sink.write(b"ab", 24_000)
        speakers[0].error = LOST
    assert warnings == [LOST.message]


@pytest.mark.parametrize(("underruns", "times"), [(1, "once"), (3, "3 times")])
async def test_gaps_are_a_warning(speakers, warnings, underruns, times) -> None:
    async with speaker_sink(None, warnings.append):
        speakers[0].underruns = underruns
    assert warnings == [
        f"playback stopped {times} within the reply: the reply arrived more slowly than it is spoken",
    ]


async def test_what_was_played_already_does_not_end_the_run(speakers, warnings) -> None:
    async with speaker_sink(None, warnings.append) as sink:
        assert sink.rewind(2)
        sink.flush()
    assert speakers[0].calls == ["open", "rewind 2", "flush", "drained", "close"]


async def test_a_device_is_named(speakers, warnings, monkeypatch) -> None:
    headset = Device(1, "Headset", DeviceKind.PLAYBACK)
    default = Device(0, "Speaker", DeviceKind.PLAYBACK, is_default=True)
    monkeypatch.setattr(module, "list_devices", lambda: [default, headset])
    async with play_reply(["head"], warnings.append) as sink:
        assert isinstance(sink, SpeakerSink)
    async with play_reply([], warnings.append):
        pass
    assert [speaker.device for speaker in speakers] == [headset, None]
    with pytest.raises(UsageError, match="there is no such speaker"):
        async with play_reply(["trumpet"], warnings.append):
            pass
