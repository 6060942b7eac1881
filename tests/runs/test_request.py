"""One question taken all the way to a service on loopback: its names, its setup, its answer and how that is judged."""

from __future__ import annotations

import asyncio
import json
import struct
import wave
import zlib
from dataclasses import replace

import pytest

from livecli.client.open import Timeouts
from livecli.client.sender import SendOptions
from livecli.errors import (
    CheckError,
    ConnectError,
    DeadlineError,
    FileError,
    Interrupted,
    QuotaError,
    ServerError,
    UsageError,
)
from livecli.media.file_source import SAMPLE
from livecli.protocol import events
from livecli.protocol.codec import setup_json
from livecli.protocol.endpoint import Target, build
from livecli.protocol.platform import Platform
from livecli.protocol.setup import Activity, SetupOptions
from livecli.report.reporter import Reporter
from livecli.runs.request import ENDLESS_FROM_SECONDS, Request, ask, dry_run
from livecli.tools.toolbox import Tool, Toolbox
from tests.cases import in_one_test
from tests.end_to_end.conftest import tone, write_wav
from tests.live_server import live_server

DEVELOPER = build(Target(), {}, Platform.DEVELOPER)
AT_ONCE = SendOptions(speed=0)


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    """Every test runs in a folder of its own, where `q.wav` is half a second of a tone."""
    monkeypatch.chdir(tmp_path)
    write_wav(tmp_path / "q.wav", tone(8000))
    return tmp_path


class Listener(Reporter):
    """Keeps what it is told; `came` is set once audio is received."""

    def __init__(self) -> None:
        self.told: list[str] = []
        self.warnings: list[str] = []
        self.summaries = []
        self.came = asyncio.Event()

    def started(self, summary, description, seconds):
        self.told.append("started")

    def connecting(self, endpoint):
        self.told.append("connecting")

    def connected(self, summary):
        self.told.append("connected")

    def event(self, direction, event, at):
        if direction == "received" and isinstance(event, events.AudioChunk):
            self.came.set()

    def warning(self, text):
        self.warnings.append(text)

    def finished(self, summary):
        self.told.append("finished")
        self.summaries.append(summary)


def answering(pcm: bytes = bytes(9600), *said, until: str = "activityEnd"):
    """A service that hears the question and answers it: it says each of `said`, then the audio."""

    def handle(connection):
        connection.set_up()
        if until == "text":
            connection.receive()
        else:
            connection.hear(until)
        for each in said:
            connection.say(each)
        connection.answer(pcm)
        connection.drain()

    return handle


async def run(question, handler, *, platform=Platform.DEVELOPER, reporter=None, **wanted):
    """The summary of `question`, asked of this service, and what the service was told."""
    with live_server(handler) as server:
        where = Target(platform=platform, base_url=server.url, **wanted)
        summary = await ask(question, where, reporter or Listener())
    return summary, server.frames


class TestNames:
    @in_one_test(
        ("question", "name", "reply"),
        [
            (Request("q.wav"), "q.wav", "q.reply.wav"),
            (Request("far/away/q.take2.flac"), "far/away/q.take2.flac", "q.take2.reply.wav"),
            (Request("/abs/noise"), "/abs/noise", "noise.reply.wav"),
            (Request("-"), "-", "stdin.reply.wav"),
            (Request(text="hello"), "text", "text.reply.wav"),
            (Request(text=""), "text", "text.reply.wav"),
            (Request(), SAMPLE.rpartition("/")[2], "where_is_the_nearest_train_station.reply.wav"),
            (Request("q.wav", raw_output=True), "q.wav", "q.reply.pcm"),
            (Request(text="hello", raw_output=True), "text", "text.reply.pcm"),
            (Request("q.wav", output="other.wav"), "q.wav", "other.wav"),
            (Request("q.wav", output="-"), "q.wav", "-"),
            (Request("q.wav", output="x/y", raw_output=True), "q.wav", "x/y"),
        ],
    )
    def test_of_a_question_and_of_its_reply(self, question, name, reply):
        assert (question.name, question.reply) == (name, reply)


class TestSetup:
    def test_speech_says_who_brackets_it(self):
        question = Request("q.wav", configuration=SetupOptions(activity=Activity.MANUAL))
        detection = setup_json(question.setup(DEVELOPER))["realtimeInputConfig"]["automaticActivityDetection"]
        assert detection == {"disabled": True}
        question = Request("q.wav", configuration=SetupOptions(activity=Activity.AUTO))
        assert "realtimeInputConfig" not in setup_json(question.setup(DEVELOPER))

    def test_text_says_nothing_of_it(self):
        assert "realtimeInputConfig" not in setup_json(Request(text="hello").setup(DEVELOPER))

    def test_pictures_beside_speech_that_is_detected(self):
        question = Request("q.wav", images=("a.png",), configuration=SetupOptions(activity=Activity.AUTO))
        assert setup_json(question.setup(DEVELOPER))["realtimeInputConfig"] == {
            "turnCoverage": "TURN_INCLUDES_ALL_INPUT"
        }

    @pytest.mark.parametrize(
        ("seconds", "endless"),
        [(0.0, False), (ENDLESS_FROM_SECONDS, False), (ENDLESS_FROM_SECONDS + 1, True), (None, True)],
    )
    def test_a_long_input_needs_room_to_forget(self, seconds, endless):
        assert ("contextWindowCompression" in setup_json(Request("q.wav").setup(DEVELOPER, seconds))) is endless

    def test_options_and_functions(self):
        question = Request(
            "q.wav",
            configuration=SetupOptions(voice="Kore", transcripts=False, extra={"labels": {"a": "b"}}),
            toolbox=Toolbox([Tool("find", ("find",))]),
        )
        said = setup_json(question.setup(DEVELOPER))
        assert [each["name"] for each in said["tools"][0]["functionDeclarations"]] == ["find"]
        assert said["generationConfig"]["speechConfig"]["voiceConfig"]["prebuiltVoiceConfig"] == {"voiceName": "Kore"}
        assert said["labels"] == {"a": "b"}
        assert "inputAudioTranscription" not in said

    def test_a_function_that_the_model_does_not_take_is_refused(self):
        question = Request("q.wav", toolbox=Toolbox([Tool("find", ("find",), blocking=False)]))
        endpoint = build(Target(model="gemini-3.1-flash-live-preview"), {}, Platform.DEVELOPER)
        with pytest.raises(UsageError, match="does not support NON_BLOCKING functions"):
            question.setup(endpoint)


class TestAnswer:
    async def test_it_is_saved_and_summed_up(self):
        pcm = tone(4800, 24_000)
        heard = {"serverContent": {"inputTranscription": {"text": "where?"}}}
        said = {"serverContent": {"outputTranscription": {"text": "there"}}}
        listener = Listener()
        summary, frames = await run(Request("q.wav", sending=AT_ONCE), answering(pcm, heard, said), reporter=listener)
        assert (summary.error, summary.output, summary.input) == (None, "q.reply.wav", "q.wav")
        with wave.open("q.reply.wav") as reply:
            assert (reply.getframerate(), reply.readframes(10**6)) == (24_000, pcm)
        assert (summary.stats.heard, summary.stats.said) == ("where?", "there")
        assert summary.stats.usage == {"promptTokenCount": 10}
        assert summary.endpoint.model == "gemini-3.8-live"
        assert (summary.connect_seconds > 0, summary.setup_seconds > 0) == (True, True)
        assert listener.told == ["started", "connecting", "connected", "finished"]
        assert listener.summaries == [summary]
        assert listener.warnings == []
        assert list(frames[0]) == ["setup"]

    async def test_a_written_question(self):
        summary, frames = await run(Request(text="hello", output="r.wav"), answering(until="text"))
        assert (summary.error, summary.output) == (None, "r.wav")
        assert frames[1] == {"realtimeInput": {"text": "hello"}}

    async def test_an_older_reply_is_replaced_by_a_whole_one_only(self, folder):
        (folder / "q.reply.wav").write_bytes(b"older")

        def breaks_off(connection):
            connection.set_up()
            connection.hear()
            connection.audio(bytes(4800))
            connection.close(1008, "no more")

        summary, _ = await run(Request("q.wav", sending=AT_ONCE), breaks_off)
        assert isinstance(summary.error, ServerError)
        assert (folder / "q.reply.wav").read_bytes() == b"older"
        assert summary.output == "q.reply.partial.wav"
        assert f"what came of the reply is in {summary.output}" in summary.error.message
        summary, _ = await run(Request("q.wav", sending=AT_ONCE), answering(bytes(4800)))
        assert (folder / "q.reply.wav").read_bytes().endswith(bytes(4800))

    async def test_bare_samples(self, folder):
        pcm = tone(2400, 24_000)
        summary, _ = await run(Request("q.wav", raw_output=True, sending=AT_ONCE), answering(pcm))
        assert summary.output == "q.reply.pcm"
        assert (folder / "q.reply.pcm").read_bytes() == pcm


class TestChecks:
    async def test_no_audio_from_a_model_that_was_asked_for_it(self, folder):
        listener = Listener()
        summary, _ = await run(Request("q.wav", sending=AT_ONCE), answering(b""), reporter=listener)
        assert isinstance(summary.error, CheckError)
        assert (summary.exit_code, summary.output) == (1, None)
        assert summary.error.message == "the turn ended without any reply audio"
        assert "was there speech in the input?" in summary.error.hint
        assert listener.summaries == [summary]
        assert not list(folder.glob("*reply*"))

    async def test_the_reason_is_named(self):
        def handle(connection):
            connection.set_up()
            connection.hear()
            connection.content(turnComplete=True, turnCompleteReason="RESPONSE_REJECTED")
            connection.drain()

        summary, _ = await run(Request("q.wav", sending=AT_ONCE), handle)
        assert summary.error.message.endswith("without any reply audio (RESPONSE_REJECTED)")

    async def test_what_was_heard_needs_no_hint(self):
        heard = {"serverContent": {"inputTranscription": {"text": "where?"}}}
        summary, _ = await run(Request("q.wav", sending=AT_ONCE), answering(b"", heard))
        assert (type(summary.error), summary.error.hint) == (CheckError, None)

    async def test_silence_that_was_sent_is_seen(self, folder):
        write_wav(folder / "silence.wav", bytes(16_000))
        summary, _ = await run(Request("silence.wav", sending=AT_ONCE), answering(b""))
        assert summary.error.hint == "the audio that was sent is silence (every sample is zero)"

    async def test_text_that_was_asked_for_is_an_answer(self):
        extra = {"generationConfig": {"responseModalities": ["TEXT"]}}
        text = {"serverContent": {"modelTurn": {"parts": [{"text": "there"}]}}}
        question = Request(text="where?", configuration=SetupOptions(extra=extra))
        summary, _ = await run(question, answering(b"", text, until="text"))
        assert (summary.error, summary.output, summary.stats.said) == (None, None, "there")

    async def test_a_reply_that_was_cut_short_is_a_warning(self):
        def handle(connection):
            connection.set_up()
            connection.hear()
            connection.audio(bytes(4800))
            connection.content(turnComplete=True)
            connection.drain()

        listener = Listener()
        summary, _ = await run(Request("q.wav", sending=AT_ONCE), handle, reporter=listener)
        assert summary.error is None
        [warning] = listener.warnings
        assert "the reply may be cut short: the turn ended without generationComplete" in warning


class TestFailures:
    @pytest.mark.parametrize(
        ("code", "reason", "kind"),
        [
            (1008, "no", ServerError),
            (1007, "Invalid argument", ServerError),
            (1011, "You exceeded your current quota", QuotaError),
        ],
    )
    async def test_a_session_that_is_refused(self, code, reason, kind):
        def handle(connection):
            connection.receive()
            connection.close(code, reason)

        listener = Listener()
        question = Request("q.wav", timeouts=Timeouts(retries=0))
        summary, _ = await run(question, handle, reporter=listener)
        assert (type(summary.error), summary.error.close_code) == (kind, code)
        assert (summary.output, summary.setup_seconds) == (None, None)
        assert listener.told == ["started", "connecting", "finished"]

    async def test_nothing_listens(self):
        listener = Listener()
        where = Target(platform=Platform.DEVELOPER, base_url="ws://127.0.0.1:1")
        summary = await ask(Request("q.wav", timeouts=Timeouts(retries=0)), where, listener)
        assert isinstance(summary.error, ConnectError)
        assert listener.told == ["started", "connecting", "finished"]

    async def test_an_input_that_is_not_there(self):
        listener = Listener()
        summary = await ask(Request("nowhere.wav"), Target(base_url="ws://127.0.0.1:1"), listener)
        assert isinstance(summary.error, FileError)
        assert listener.told == ["finished"], "nothing was connected to"

    async def test_a_picture_that_is_not_there(self):
        listener = Listener()
        question = Request("q.wav", images=("nowhere.png",))
        summary = await ask(question, Target(base_url="ws://127.0.0.1:1"), listener)
        assert isinstance(summary.error, FileError)
        assert listener.told == ["finished"]

    @pytest.mark.parametrize("output", ["q.wav", "./q.wav", "../{folder}/q.wav", "link.wav"])
    async def test_a_reply_does_not_replace_its_question(self, folder, output):
        (folder / "link.wav").symlink_to("q.wav")
        before = (folder / "q.wav").read_bytes()
        question = Request("q.wav", output=output.format(folder=folder.name))
        summary = await ask(question, Target(base_url="ws://127.0.0.1:1"), Listener())
        assert isinstance(summary.error, FileError)
        assert "is the input itself" in summary.error.message
        assert (folder / "q.wav").read_bytes() == before

    async def test_a_reply_that_cannot_be_written(self, folder):
        (folder / "taken.wav").mkdir()
        listener = Listener()
        question = Request("q.wav", output="taken.wav")
        summary = await ask(question, Target(base_url="ws://127.0.0.1:1"), listener)
        assert isinstance(summary.error, FileError)
        assert listener.told == ["finished"]

    async def test_options_that_contradict_one_another_are_raised(self):
        question = Request("q.wav", toolbox=Toolbox([Tool("find", ("find",), blocking=False)]))
        listener = Listener()
        where = Target(platform=Platform.DEVELOPER, base_url="ws://127.0.0.1:1", model="gemini-3.1-flash-live-preview")
        with pytest.raises(UsageError):
            await ask(question, where, listener)
        assert "connecting" not in listener.told

    async def test_a_run_that_takes_too_long(self):
        def handle(connection):
            connection.set_up()
            connection.hear()
            connection.audio(bytes(4800))
            connection.drain()

        listener = Listener()
        question = Request("q.wav", sending=AT_ONCE, timeouts=Timeouts(total=0.5))
        summary, _ = await run(question, handle, reporter=listener)
        assert isinstance(summary.error, DeadlineError)
        assert summary.error.message.startswith("the run was not over after 0.5 s; what came of the reply is in ")
        assert "--timeout" in summary.error.hint
        assert summary.stats.received.chunks == 1
        assert listener.summaries == [summary]

    async def test_a_service_that_says_nothing(self):
        def handle(connection):
            connection.set_up()
            connection.hear()
            connection.drain()

        question = Request("q.wav", sending=AT_ONCE, timeouts=Timeouts(idle=0.2))
        summary, _ = await run(question, handle)
        assert isinstance(summary.error, DeadlineError)
        assert "silent for 0.2 s" in summary.error.message

    async def test_when_it_is_cancelled_what_came_is_kept_and_told(self, folder):
        def handle(connection):
            connection.set_up()
            connection.hear()
            connection.audio(bytes(4800))
            connection.drain()

        listener = Listener()
        with live_server(handle) as server:
            where = Target(platform=Platform.DEVELOPER, base_url=server.url)
            task = asyncio.create_task(ask(Request("q.wav", sending=AT_ONCE), where, listener))
            async with asyncio.timeout(20):
                await listener.came.wait()
                while not list(folder.glob("*.partial.wav")):
                    await asyncio.sleep(0.01)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
        [summary] = listener.summaries
        assert isinstance(summary.error, Interrupted)
        assert summary.output == "q.reply.partial.wav"
        assert summary.output in summary.error.message


def first_of(frames: list[dict]) -> list[dict]:
    """What was said up to the first frame of audio, or all of it."""
    audio = [number for number, frame in enumerate(frames) if "audio" in frame.get("realtimeInput", {})]
    return frames[: audio[0] + 1] if audio else frames


def png(width: int) -> bytes:
    """One grey line of pixels."""
    chunks = [
        (b"IHDR", struct.pack(">IIBBBBB", width, 1, 8, 0, 0, 0, 0)),
        (b"IDAT", zlib.compress(bytes(1 + width))),
        (b"IEND", b""),
    ]
    framed = (
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data)) for kind, data in chunks
    )
    return b"\x89PNG\r\n\x1a\n" + b"".join(framed)


SPOKEN = Request("q.wav", sending=AT_ONCE)
AUTO = SetupOptions(activity=Activity.AUTO)
PICTURES = ("a.png", "other.png")
WRITTEN = Request(text="hello", output="r.wav")


class TestRehearsal:
    @pytest.mark.parametrize("platform", Platform)
    @pytest.mark.parametrize("model", ["gemini-3.8-live", "gemini-live-2.5-flash-native-audio"])
    @pytest.mark.parametrize(
        ("question", "until"),
        [
            (SPOKEN, "activityEnd"),
            (replace(SPOKEN, images=PICTURES), "activityEnd"),
            (replace(SPOKEN, configuration=AUTO), "audioStreamEnd"),
            (replace(SPOKEN, configuration=AUTO, images=PICTURES), "audioStreamEnd"),
            (replace(SPOKEN, sending=replace(AT_ONCE, chunk_bytes=640)), "activityEnd"),
            (replace(SPOKEN, sending=replace(AT_ONCE, chunk_bytes=65_536)), "activityEnd"),
            (WRITTEN, "text"),
            (replace(WRITTEN, images=PICTURES), "text"),
            (
                replace(
                    SPOKEN,
                    configuration=SetupOptions(voice="Kore", search=True, extra={"labels": {"a": "b"}}),
                    toolbox=Toolbox([Tool("find", ("find",))]),
                ),
                "activityEnd",
            ),
        ],
        ids=["speech", "pictures", "auto", "auto pictures", "small", "large", "text", "text pictures", "options"],
    )
    async def test_it_says_what_is_sent_in_that_order(self, folder, question, until, platform, model):
        for picture in PICTURES:
            (folder / picture).write_bytes(png(len(picture)))

        def handle(connection):
            connection.set_up()
            if until == "text":
                while True:
                    said = connection.receive()
                    if "clientContent" in said or "text" in said["realtimeInput"]:
                        break
            else:
                connection.hear(until)
            connection.answer()
            connection.drain()

        with live_server(handle) as server:
            where = Target(platform=platform, base_url=server.url, model=model)
            rehearsed = await dry_run(question, where)
            summary = await ask(question, where, Listener())
            assert summary.error is None, summary.error
        head, _, body = rehearsed.partition("\n\n")
        assert head.splitlines()[0] == f"GET {summary.endpoint.url}"
        said = [json.loads(line) for line in body.splitlines()]
        assert said == first_of(server.frames)
        assert len(said) > 1

    async def test_it_connects_nowhere_and_writes_nothing(self, folder):
        before = set(folder.iterdir())
        await dry_run(SPOKEN, Target(base_url="ws://127.0.0.1:1"))
        assert set(folder.iterdir()) == before

    async def test_it_shows_the_headers_and_no_secret(self, monkeypatch):
        monkeypatch.setenv("GEMINI_API_KEY", "AIza-a-secret-key")
        rehearsed = await dry_run(WRITTEN, Target(platform=Platform.DEVELOPER))
        assert "x-goog-api-key: " in rehearsed
        assert "secret" not in rehearsed

    async def test_what_cannot_be_asked_cannot_be_rehearsed(self):
        with pytest.raises(FileError):
            await dry_run(Request("nowhere.wav"), Target(base_url="ws://127.0.0.1:1"))
        with pytest.raises(FileError):
            await dry_run(Request("q.wav", output="q.wav"), Target(base_url="ws://127.0.0.1:1"))
