"""A chat over real sockets: its sessions, and what outlives them."""

from __future__ import annotations

import asyncio
import json
import threading

import pytest

from livecli.chat import conversation_writer
from livecli.chat.commands import parse_command
from livecli.chat.transcript import TranscriptEntry
from livecli.client.open import Timeouts
from livecli.errors import ConnectError, FileError, ServerError
from livecli.process.folders import state_folder
from livecli.protocol import events
from livecli.protocol.setup import Activity, SetupOptions
from tests.chat.conftest import ReportLog, settled
from tests.live_server import live_server

VERTEX = {"model": "gemini-live-2.5-flash-native-audio"}


class Echo:
    """A service that answers each message with its text, over any number of sessions. `setups` and `frames` are theirs.

    The message "leave" ends the session for good.
    """

    def __init__(self):
        self.setups, self.frames = [], []

    def __call__(self, connection):
        self.setups.append(connection.set_up()["setup"])
        return self.answer(connection)

    def answer(self, connection):
        while True:
            frame = connection.receive()
            self.frames.append(frame)
            texts = _texts(frame)
            if texts == ["leave"]:
                return connection.close(1008, "This is a policy violation.")
            if texts and frame.get("clientContent", {"turnComplete": True}).get("turnComplete"):
                connection.content(outputTranscription={"text": f"<{texts[-1]}>"})
                connection.say({"serverContent": {"turnComplete": True}, "usageMetadata": {"totalTokenCount": 1}})


def _texts(frame):
    """The texts of a message of the client, typed or as contents."""
    turns = (frame.get("clientContent") or {}).get("turns", [])
    typed = (frame.get("realtimeInput") or {}).get("text")
    return [typed] if typed else [part["text"] for turn in turns for part in turn["parts"] if "text" in part]


def history(echo):
    """The texts of the histories that sessions were given."""
    contents = [frame["clientContent"] for frame in echo.frames if "clientContent" in frame]
    return [_texts({"clientContent": content}) for content in contents if len(content.get("turns", [])) > 1]


class Ended(ReportLog):
    """Also keeps the errors that ended sessions."""

    def __init__(self):
        super().__init__()
        self.errors = []

    def ended(self, error):
        self.errors.append(error)


async def test_turns_are_kept_with_their_text(chat):
    with live_server(Echo()) as server:
        async with chat(server.url, **VERTEX) as typed:
            for text in ("one", "two"):
                assert (await typed.send_text(text)).stats.said == f"<{text}>"
            assert [*typed.transcript.entries] == [TranscriptEntry("one", "<one>"), TranscriptEntry("two", "<two>")]
            assert [summary.input for _, summary in typed.turns.numbered] == ["one", "two"]


async def test_a_session_that_has_ended_for_good_is_followed_by_one_that_is_given_the_conversation(chat):
    echo = Echo()
    with live_server(echo) as server:
        async with chat(server.url, reports=Ended(), **VERTEX) as typed:
            await typed.send_text("one")
            assert isinstance((await typed.send_text("leave")).error, ServerError)
            await settled(lambda: typed.failure)
            assert [error.close_code for error in typed.reports.errors] == [1008]
            assert (await typed.send_text("two")).ok
            assert typed.failure is None
    assert len(echo.setups) == 2
    assert history(echo) == [["one", "<one>"]], "a turn that failed is not a part of it"


async def test_another_configuration_is_a_session_that_is_given_the_conversation(chat):
    echo = Echo()
    with live_server(echo) as server:
        async with chat(server.url, **VERTEX) as typed:
            await typed.send_text("one")
            await typed.reconfigure(voice="Kore", system="Be brief.")
            await typed.send_text("two")
    speech = echo.setups[1]["generationConfig"]["speechConfig"]
    assert speech["voiceConfig"]["prebuiltVoiceConfig"] == {"voiceName": "Kore"}
    assert echo.setups[1]["systemInstruction"]["parts"] == [{"text": "Be brief."}]
    assert history(echo) == [["one", "<one>"]]


async def test_the_microphone_waits_while_a_configuration_is_changed(chat):
    async def hear(spoken):
        while True:
            await spoken.send_microphone(bytes(1024), 16_000)
            await asyncio.sleep(0)

    echo = Echo()
    with live_server(echo) as server:
        async with chat(server.url) as spoken:
            hearing = asyncio.create_task(hear(spoken))
            await settled(lambda: echo.frames)
            await spoken.reconfigure(system="Be brief.")
            await spoken.reset()
            await spoken.send_text("hello")
            assert not hearing.done()
            hearing.cancel()
    assert len(echo.setups) == 3


class Choosy(Echo):
    """Refuses a session with the instruction "Nobody", at its setup or (where `late`) at the first message."""

    def __init__(self, *, late=False):
        super().__init__()
        self.late = late

    def __call__(self, connection):
        if not self.late:
            setup = connection.receive()["setup"]
            self.setups.append(setup)
            if "Nobody" in str(setup):
                return connection.close(1007, "Request contains an invalid argument.")
            connection.say({"setupComplete": {}})
            return self.answer(connection)
        self.setups.append(connection.set_up()["setup"])
        if "Nobody" in str(self.setups[-1]):
            connection.receive()
            return connection.close(1007, "Request contains an invalid argument.")
        return self.answer(connection)


async def test_a_setting_that_is_refused_is_taken_back(chat):
    echo = Choosy()
    with live_server(echo) as server:
        async with chat(server.url, **VERTEX) as typed:
            await typed.send_text("one")
            with pytest.raises(ServerError):
                await typed.reconfigure(system="Nobody")
            assert typed.has_session
            assert (await typed.send_text("two")).ok
            await typed.reconfigure(system="Be brief.")
            assert (await typed.send_text("three")).ok
    assert ["Nobody" in str(setup) for setup in echo.setups] == [False, True, False, False]
    assert history(echo) == [["one", "<one>"], ["one", "<one>", "two", "<two>"]]


async def test_a_setting_that_is_refused_with_the_first_message_is_taken_back(chat):
    echo = Choosy(late=True)
    with live_server(echo) as server:
        async with chat(server.url, **VERTEX) as typed:
            await typed.reconfigure(system="Nobody")
            assert not (await typed.send_text("one")).ok
            await settled(lambda: typed.failure)
            assert typed.reports.warnings == [
                "the last change of the settings is taken back, with which the session has ended"
            ]
            assert (await typed.send_text("two")).ok


async def test_a_setting_that_is_changed_during_an_answer_keeps_what_came_of_it(chat):
    sessions = []

    def handle(connection):
        sessions.append(connection.set_up()["setup"])
        if len(sessions) == 1:
            connection.receive()
            connection.content(outputTranscription={"text": "half"})
            return connection.drain()
        return Echo.answer(echo, connection)

    echo = Echo()
    with live_server(handle) as server:
        async with chat(server.url, **VERTEX) as typed:
            one = asyncio.create_task(typed.send_text("one"))
            await settled(lambda: typed.answering)
            await typed.reconfigure(voice="Kore")
            summary = await one
            assert (summary.ok, summary.stats.interrupted) == (True, True)
            assert (await typed.send_text("two")).ok
            assert [*typed.transcript.entries] == [TranscriptEntry("one", "half"), TranscriptEntry("two", "<two>")]
    assert history(echo) == [["one", "half"]]


async def test_a_new_conversation_has_no_picture_of_the_one_before(chat, tmp_path):
    from PIL import Image

    Image.new("RGB", (8, 8)).save(tmp_path / "a.png")
    with live_server(Echo()) as server:
        async with chat(server.url, **VERTEX) as typed:
            await typed.send_picture(str(tmp_path / "a.png"))
            await typed.reset()
            assert typed.has_session
            await typed.send_text("one")
            await typed.send_picture(str(tmp_path / "a.png"))
            command, none = parse_command("/image")
            assert await command.run(typed, none) == ["the picture is taken back"]
            assert await command.run(typed, none) == [
                "no picture waits for the next message: /image FILE sends one with it"
            ]
            await typed.send_text("two")
    assert not [frame for frame in server.frames if "png" in str(frame)]


async def test_a_new_conversation_has_no_history_and_nothing_on_disk(chat, tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    echo = Echo()
    with live_server(echo) as server:
        async with chat(server.url, **VERTEX) as typed:
            await typed.send_text("one")
            assert [path.name for path in tmp_path.rglob("*.json*")] == ["1.jsonl"]
            await typed.reset()
            assert list(tmp_path.rglob("*.json*")) == []
            await typed.send_text("two")
            assert [*typed.transcript.entries] == [TranscriptEntry("two", "<two>")]
    assert (len(echo.setups), history(echo)) == (2, [])


async def test_a_conversation_is_resumed(chat):
    echo = Echo()
    with live_server(echo) as server:
        async with chat(server.url, **VERTEX) as typed:
            await typed.send_text("one")
        async with chat(server.url, resume="", **VERTEX) as typed:
            await typed.send_text("two")
            assert [entry.question for entry in typed.transcript.entries] == ["one", "two"]
    assert history(echo) == [["one", "<one>"]]


async def test_interrupting_without_a_turn_does_nothing(chat):
    with live_server(Echo()) as server:
        async with chat(server.url, **VERTEX) as typed:
            assert not await typed.interrupt()
            assert (typed.in_turn, typed.answering) == (False, False)
            await typed.close()
            assert not await typed.interrupt()


async def test_a_picture_is_sent_with_the_next_turn_and_once(chat, tmp_path):
    from PIL import Image

    Image.new("RGB", (8, 8)).save(tmp_path / "a.png")
    with live_server(Echo()) as server:
        async with chat(server.url, **VERTEX) as typed:
            await typed.send_picture(str(tmp_path / "a.png"))
            assert len(typed.pictures) == 1
            assert not [event for event in typed.reports.sent if isinstance(event, events.Image)]
            await typed.send_text("what is it?")
            await typed.send_text("and now?")
            assert typed.pictures == []
    pictures = [frame for frame in server.frames if "png" in str(frame)]
    assert len(pictures) == 1


SPOKEN = SetupOptions(activity=Activity.AUTO)


async def test_a_picture_is_sent_at_once_while_the_microphone_is_in_use_and_with_the_next_line(chat, tmp_path):
    from PIL import Image

    Image.new("RGB", (8, 8)).save(tmp_path / "a.png")
    with live_server(Echo()) as server:
        async with chat(server.url, configuration=SPOKEN, **VERTEX) as spoken:
            await spoken.send_microphone(bytes(1024), 16_000)
            command, path = parse_command(f"/image {tmp_path / 'a.png'}")
            assert await command.run(spoken, path) == [
                f"{path} is sent: speak about it, or type, and it goes with that line as well"
            ]
            sent = [type(event) for event in spoken.reports.sent]
            assert sent == [events.Setup, events.AudioChunk, events.Image]
            await spoken.send_text("what is it?")
            await spoken.send_text("and now?")
    [turn] = [frame["clientContent"]["turns"] for frame in server.frames if "png" in str(frame.get("clientContent"))]
    [content] = turn
    assert [[*part] for part in content["parts"]] == [["inlineData"], ["text"]]
    assert content["parts"][1] == {"text": "what is it?"}


async def test_a_picture_that_was_spoken_about_is_not_sent_with_the_next_line(chat, tmp_path):
    from PIL import Image

    Image.new("RGB", (8, 8)).save(tmp_path / "a.png")

    def answer(connection):
        connection.set_up()
        while "video" not in (connection.receive().get("realtimeInput") or {}):
            pass
        connection.content(inputTranscription={"text": "what is it?"})
        connection.content(outputTranscription={"text": "a picture"})
        connection.content(turnComplete=True)
        connection.receive()
        connection.content(outputTranscription={"text": "yes"})
        connection.content(turnComplete=True)
        connection.drain()

    with live_server(answer) as server:
        async with chat(server.url, configuration=SPOKEN, **VERTEX) as spoken:
            await spoken.send_microphone(bytes(1024), 16_000)
            await spoken.send_picture(str(tmp_path / "a.png"))
            await settled(lambda: spoken.turns.count == 1)
            assert (await spoken.send_text("is it?")).ok
    assert len([frame for frame in server.frames if "png" in str(frame)]) == 1


async def test_a_slow_disk_delays_the_end_of_a_turn_and_nothing_else(chat, monkeypatch):
    """The state is on disk before the turn is reported as over, and the event loop does not wait for it."""
    may_write, write = threading.Event(), conversation_writer.append

    def write_slowly(descriptor, data):
        assert may_write.wait(20)
        write(descriptor, data)

    monkeypatch.setattr(conversation_writer, "append", write_slowly)
    with live_server(Echo()) as server:
        async with chat(server.url, **VERTEX) as typed:
            turn = asyncio.ensure_future(typed.send_text("one"))
            await settled(lambda: typed.turns.count)
            for _ in range(100):
                await asyncio.sleep(0)
            assert not (turn.done() or typed.reports.summaries)
            may_write.set()
            assert (await turn).ok
            *_, line = (state_folder() / "conversations" / "1.jsonl").read_text().splitlines()
            assert json.loads(line) == {"turn": 1, "question": "one", "answer": "<one>"}


@pytest.mark.parametrize("name", ["missing.wav", "missing.png"])
async def test_a_file_that_cannot_be_read_is_no_turn(chat, tmp_path, name):
    with live_server(Echo()) as server:
        async with chat(server.url, **VERTEX) as typed:
            send = typed.send_recording if name.endswith("wav") else typed.send_picture
            with pytest.raises(FileError):
                await send(str(tmp_path / name))
            assert (typed.turns.count, typed.pictures) == (0, [])


async def test_the_text_is_saved_and_a_full_disk_is_a_warning(chat, tmp_path):
    with live_server(Echo()) as server:
        async with chat(server.url, folder=str(tmp_path / "saved"), **VERTEX) as typed:
            await typed.send_text("one")
            path = tmp_path / "saved" / "conversation.md"
            assert path.read_text().partition("\n\n")[2] == "**You:** one\n\n**Model:** <one>\n\n"
            path.unlink()
            path.symlink_to("/dev/full")
            assert (await typed.send_text("two")).ok
            assert typed.reports.warnings == [f"cannot write {path}: No space left on device"]


async def test_a_chat_that_cannot_be_opened_raises_why(chat):
    with pytest.raises(ConnectError, match="connection refused"):
        async with chat("ws://127.0.0.1:1", timeouts=Timeouts(retries=0)):
            raise AssertionError("it is not open")


async def test_a_bug_of_the_task_that_receives_ends_the_chat(chat):
    class Broken(ReportLog):
        def event(self, direction, event, at):
            if isinstance(event, events.OutputTranscript):
                raise ZeroDivisionError

    with live_server(Echo()) as server, pytest.raises(ZeroDivisionError):
        async with chat(server.url, reports=Broken(), **VERTEX) as typed:
            await typed.send_text("one")
            raise AssertionError("it goes on")
