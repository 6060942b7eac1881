"""Turn after turn: what belongs to which, what interrupts what, and what is spoken into a microphone."""

from __future__ import annotations

import asyncio
import base64
import sys
import threading
import time

import pytest

from livecli.chat import turns
from livecli.chat.commands import parse_command
from livecli.chat.transcript import TranscriptEntry
from livecli.client import turn_end
from livecli.client.open import Timeouts
from livecli.emulator.core.behaviour import Say
from livecli.emulator.pace import Pace
from livecli.errors import ServerError
from livecli.protocol import events
from livecli.protocol.setup import Activity, SetupOptions
from livecli.report.summary import latencies
from livecli.tools.toolbox import Tool, Toolbox
from tests.chat.conftest import ReportLog, settled
from tests.end_to_end.conftest import tone
from tests.live_server import live_server
from tests.serving import serving

SPOKEN = SetupOptions(activity=Activity.AUTO)
SILENCE = bytes(32_000)
"""A second."""


class Talker:
    """Says ten seconds of a tone to everything."""

    def answer(self, heard):
        yield Say("on and on", [tone(24_000, 24_000)] * 10)


async def speak(chat, *seconds, quiet=1.5, speed=20):
    """Say a tone of so many seconds, then nothing, at so many times real time."""
    for pcm in [*(tone(round(16_000 * length)) for length in seconds), bytes(round(32_000 * quiet))]:
        for at in range(0, len(pcm), 1024):
            await chat.send_microphone(pcm[at : at + 1024], 16_000)
            await asyncio.sleep(0.032 / speed)


# --- what comes late ---


def says_late(*late):
    def handler(connection):
        connection.set_up()
        while True:
            connection.receive()
            connection.content(outputTranscription={"text": "<said>"})
            connection.audio(bytes(480))
            connection.content(turnComplete=True)
            for message in late:
                connection.say(message)

    return handler


async def test_what_comes_after_a_turn_belongs_to_it(chat, tmp_path):
    late = {"serverContent": {"outputTranscription": {"text": " and more"}}}, {"usageMetadata": {"totalTokenCount": 7}}
    with live_server(says_late(*late)) as server:
        async with chat(server.url, folder=str(tmp_path), timeouts=Timeouts(idle=1)) as typed:
            assert (await typed.send_text("one")).stats.usage == {"totalTokenCount": 7}
            assert [*typed.transcript.entries] == [TranscriptEntry("one", "<said> and more")]
            await typed.send_text("two")
            assert [entry.question for entry in typed.transcript.entries] == ["one", "two"]
            assert len(typed.reports.summaries) == 2  # nothing that came late was taken for a turn
    assert (tmp_path / "conversation.md").read_text().count("<said> and more") == 2


class Order(ReportLog):
    """Lists the texts of answers and the ends of turns, in order."""

    def __init__(self):
        super().__init__()
        self.order = []

    def event(self, direction, event, at):
        super().event(direction, event, at)
        if isinstance(event, events.OutputTranscript):
            self.order.append(event.text)

    def finished(self, summary):
        super().finished(summary)
        self.order.append(f"end of {summary.input}")


async def test_a_turn_is_reported_before_anything_of_the_next(chat):
    with live_server(says_late()) as server:
        async with chat(server.url, reports=Order()) as typed:
            first = asyncio.create_task(typed.send_text("one"))
            await settled(lambda: typed.transcript.entries)
            await typed.send_text("two")
            assert typed.reports.order == ["<said>", "end of one", "<said>", "end of two"]
            await first


async def test_an_interrupted_turn_is_reported_before_anything_of_the_next(chat):
    def handler(connection):
        connection.set_up()
        connection.receive()
        connection.content(outputTranscription={"text": "first"})
        connection.receive()
        for content in (
            {"interrupted": True},
            {"turnComplete": True},
            {"outputTranscription": {"text": "sec"}},
            {"outputTranscription": {"text": "ond"}},
            {"turnComplete": True},
        ):
            connection.content(**content)
        connection.drain()

    with live_server(handler) as server:
        async with chat(server.url, reports=Order()) as typed:
            first = asyncio.create_task(typed.send_text("one"))
            await settled(lambda: typed.answering)
            await typed.send_text("two")
            assert typed.reports.order == ["first", "end of one", "sec", "ond", "end of two"]
            await first


async def test_a_spoken_turn_that_arrives_in_one_message_is_reported(chat):
    def handler(connection):
        connection.set_up()
        connection.receive()
        connection.content(inputTranscription={"text": "hi"}, outputTranscription={"text": "there"}, turnComplete=True)
        connection.drain()

    with live_server(handler) as server:
        async with chat(server.url, configuration=SPOKEN, reports=Order()) as spoken:
            await spoken.send_microphone(SILENCE, 16_000)
            await settled(lambda: spoken.reports.summaries)
            assert spoken.reports.order == ["there", "end of microphone"]


async def test_what_was_heard_may_be_told_after_the_answer(chat):
    def handler(connection):
        connection.set_up()
        connection.receive()
        connection.answer(bytes(480))
        connection.content(inputTranscription={"text": "what I "})
        connection.content(inputTranscription={"text": "said"})
        connection.drain()

    with live_server(handler) as server:
        async with chat(server.url, configuration=SPOKEN, timeouts=Timeouts(idle=0.5)) as spoken:
            await spoken.send_microphone(SILENCE, 16_000)
            await settled(lambda: spoken.transcript.entries and spoken.transcript.entries[0].question == "what I said")
            await settled(lambda: spoken.reports.summaries)
            [summary] = spoken.reports.summaries
            assert (summary.input, summary.stats.heard, summary.ok) == ("microphone", "what I said", True)


@pytest.mark.parametrize("last", [bytes(480), None], ids=["a turn that says something", "an empty turn"])
async def test_the_end_that_comes_with_the_last_status_belongs_to_its_turn(chat, last):
    def handle(connection):
        connection.set_up()
        while True:
            connection.receive()
            connection.audio(bytes(480))
            connection.content(turnComplete=True, interactionStatus="IN_PROGRESS")
            if last is not None:
                connection.audio(last)
            connection.content(turnComplete=True, turnCompleteReason="MAX_TOKENS", interactionStatus="IDLE")

    with live_server(handle) as server:
        async with chat(server.url, timeouts=Timeouts(idle=5)) as typed:
            assert (await typed.send_text("one")).stats.turn_reason == "MAX_TOKENS"
            assert (await typed.send_text("two")).stats.turn_reason == "MAX_TOKENS"
            assert [entry.question for entry in typed.transcript.entries] == ["one", "two"]


# --- turns whose end does not come ---


class Answers(ReportLog):
    """Also keeps the text of the turns that were not interrupted."""

    def __init__(self):
        super().__init__()
        self.text = []

    def turn_event(self, event):
        if isinstance(event, events.OutputTranscript | events.ModelText):
            self.text.append(event.text)


def says_in_turn(*messages):
    """A server that sends each list of contents after the next message of the client."""

    def handle(connection):
        connection.set_up()
        for contents in messages:
            connection.receive()
            for content in contents:
                connection.content(**content)
        connection.drain()

    return handle


def said(text):
    return {"outputTranscription": {"text": text}}


END, INTERRUPTED = {"turnComplete": True}, {"interrupted": True}


@pytest.mark.parametrize(
    ("after_two", "first"),
    [
        ([said("second"), END], "first"),
        ([INTERRUPTED, {"modelTurn": {"parts": [{"text": "second"}]}}, END], "first"),
        ([said(" in flight"), INTERRUPTED, END, said("second"), END], "first in flight"),
        ([said(" in flight"), END, said("second"), END], "first in flight"),
        ([END, said("second"), END], "first"),
    ],
    ids=["no end", "no end but interrupted", "in flight", "in flight with the end", "the end in flight"],
)
async def test_an_interrupted_turn_takes_nothing_of_the_next(chat, after_two, first):
    with live_server(says_in_turn([said("first")], after_two, [said("third"), END])) as server:
        async with chat(server.url, reports=Answers(), timeouts=Timeouts(idle=5)) as typed:
            one = asyncio.create_task(typed.send_text("one"))
            await settled(lambda: typed.answering)
            assert (await typed.send_text("two")).ok
            assert (await one).stats.interrupted
            assert (await typed.send_text("three")).ok
            assert [*typed.transcript.entries] == [
                TranscriptEntry("one", first),
                TranscriptEntry("two", "second"),
                TranscriptEntry("three", "third"),
            ]
            assert typed.reports.text == ["first", "second", "third"]


STALL_SECONDS = 1.3 * turns.IN_FLIGHT_SECONDS
SLOW_SECONDS = 0.7
"""Base64 of 0.4 s of audio takes 0.64 s at 40 kB/s."""


@pytest.mark.parametrize(
    ("after_two", "first"),
    [
        ([STALL_SECONDS, said(" in flight"), INTERRUPTED, END, said("second"), END], "first in flight"),
        ([STALL_SECONDS, said("second"), END], "first"),
        ([STALL_SECONDS, *({"modelTurn": {"parts": [{"text": each}]}} for each in ("sec", "ond")), END], "first"),
        ([said(" in flight"), SLOW_SECONDS, INTERRUPTED, END, said("second"), END], "first in flight"),
    ],
    ids=["stalled", "stalled, no end", "stalled, no end, in pieces", "slow"],
)
async def test_a_bad_connection_does_not_move_the_rest_of_an_answer_to_the_next_turn(chat, after_two, first):
    """`after_two` has what follows the second question, and the seconds until then."""

    def handle(connection):
        connection.set_up()
        connection.receive()
        connection.content(**said("first"))
        connection.receive()
        for each in after_two:
            if isinstance(each, float):
                time.sleep(each)
            else:
                connection.content(**each)
        connection.drain()

    with live_server(handle) as server:
        async with chat(server.url, reports=Answers(), timeouts=Timeouts(idle=5)) as typed:
            one = asyncio.create_task(typed.send_text("one"))
            await settled(lambda: typed.answering)
            assert (await typed.send_text("two")).ok
            assert (await one).stats.interrupted
            assert [*typed.transcript.entries] == [TranscriptEntry("one", first), TranscriptEntry("two", "second")]


async def test_an_interrupted_turn_that_receives_nothing_is_given_up(chat, monkeypatch):
    monkeypatch.setattr(turns, "GIVE_UP_SECONDS", 0.1)
    with live_server(says_in_turn([said("first")], [], [said("third"), END])) as server:
        async with chat(server.url, timeouts=Timeouts(idle=20)) as typed:
            one = asyncio.create_task(typed.send_text("one"))
            await settled(lambda: typed.answering)
            two = asyncio.create_task(typed.send_text("two"))
            summary = await asyncio.wait_for(one, 5)
            assert (summary.ok, summary.stats.interrupted, two.done()) == (True, True, False)
            assert (await typed.send_text("three")).stats.said == "third"
            assert ((await two).ok, two.result().stats.said) == (True, "")


async def test_what_is_said_of_a_function_belongs_to_the_turn_that_called_it(chat):
    """The function returns, and a line is typed before the model speaks of it."""

    def handle(connection):
        connection.set_up()
        connection.receive()
        connection.say({"toolCall": {"functionCalls": [{"name": "find", "id": "1", "args": {}}]}})
        connection.receive()
        connection.receive()
        for content in (said("found"), END, said("second"), END):
            connection.content(**content)
        connection.drain()

    box = Toolbox([Tool("find", (sys.executable, "-c", "print(1)"))])
    with live_server(handle) as server:
        async with chat(server.url, toolbox=box, reports=Answers(), timeouts=Timeouts(idle=5)) as typed:
            one = asyncio.create_task(typed.send_text("one"))
            await settled(lambda: any(isinstance(event, events.ToolResponse) for event in typed.reports.sent))
            assert (await typed.send_text("two")).stats.said == "second"
            assert (await one).ok
            assert typed.reports.text == ["second"]


async def test_a_turn_does_not_wait_for_the_functions_of_an_interrupted_one(chat, monkeypatch):
    """The service reports IN_PROGRESS as long as they have not returned."""
    monkeypatch.setattr(turn_end, "SETTLE_SECONDS", 0.1)
    monkeypatch.setenv("GEMINI_API_KEY", "AIzaTest")
    box = Toolbox([Tool("wait", (sys.executable, "-c", "import time; time.sleep(30)"))])
    with serving() as server:
        model = "gemini-3.8-live-extended-thinking"
        async with chat(server.url, toolbox=box, model=model, timeouts=Timeouts(idle=5)) as typed:
            one = asyncio.create_task(typed.send_text("call wait"))
            await settled(lambda: any(isinstance(event, events.ToolCall) for event in typed.reports.received))
            summary = await typed.send_text("two")
            assert (summary.error, summary.stats.said) == (None, "two")
            assert (await one).ok


async def test_the_time_until_the_user_allows_a_call_is_no_latency(chat):
    async def confirm(call):
        assert asking == [False]
        asking.append(typed.is_asking_user)
        await asyncio.sleep(0.5)
        return True

    asking, box = [False], Toolbox([Tool("wait", (sys.executable, "-c", "print(1)"))])
    with serving() as server:
        async with chat(server.url, toolbox=box, confirm=confirm) as typed:
            summary = await typed.send_text("call wait")
            assert (asking, typed.is_asking_user) == ([False, True], False)
            [(began_at, ended_at)] = summary.stats.user_waits
            assert ended_at - began_at >= 0.5
            stats = summary.stats
            assert latencies(summary)["turn"] == pytest.approx(
                1000 * (stats.turn_at - stats.asked_at - (ended_at - began_at))
            )


# --- turns and lost connections ---


def live_texts(frames):
    """The texts that were asked, and not told as history, in order."""
    asked = []
    for frame in frames:
        content = frame.get("clientContent", {})
        if text := frame.get("realtimeInput", {}).get("text"):
            asked.append(text)
        if len(content.get("turns", [])) == 1:
            asked += [part["text"] for part in content["turns"][0]["parts"]]
    return asked


@pytest.mark.parametrize("model", [None, "gemini-2.5-flash-native-audio-latest"])
async def test_a_turn_that_is_interrupted_while_there_is_no_connection_is_history(chat, monkeypatch, model):
    monkeypatch.setenv("GEMINI_API_KEY", "AIzaTest")
    connections, is_back = [], threading.Event()

    def handle(connection):
        connections.append(connection.set_up()["setup"])
        if len(connections) == 1:
            connection.receive()
            connection.content(**said("half"))
            connection.close(1011, "Internal error encountered.")
            return
        history = connection.receive()["clientContent"]
        assert [part["text"] for turn in history["turns"] for part in turn["parts"]] == ["one", "half"]
        connection.receive()
        connection.content(**said("second"))
        connection.content(**END)
        connection.drain()

    def status():
        return None if not connections or is_back.is_set() else 503

    with live_server(handle, status) as server:
        async with chat(server.url, model=model, reports=Answers(), timeouts=Timeouts(idle=5, retries=None)) as typed:
            one = asyncio.create_task(typed.send_text("one"))
            await settled(lambda: typed.reports.losses)
            two = asyncio.create_task(typed.send_text("two"))
            assert (await asyncio.wait_for(one, 5)).ok
            is_back.set()
            assert (await two).stats.said == "second"
            assert typed.reports.text == ["half", "second"]
            both = [TranscriptEntry("one", "half"), TranscriptEntry("two", "second")]
            await settled(lambda: [*typed.transcript.entries] == both)
    assert live_texts(server.frames) == ["one", "two"]


async def test_a_question_that_breaks_each_connection_is_asked_three_times(chat):
    histories = []

    def handle(connection):
        connection.set_up()
        while True:
            frame = connection.receive()
            if "clientContent" in frame:
                contents = frame["clientContent"]["turns"]
                histories.append([part["text"] for content in contents for part in content["parts"]])
                continue
            text = frame["realtimeInput"]["text"]
            connection.content(**said(f"<{text}>"))
            if text == "break":
                return connection.close(1011, "Internal error encountered.")
            connection.content(**END)

    with live_server(handle) as server:
        async with chat(server.url, timeouts=Timeouts(idle=5, retries=None)) as typed:
            summary = await typed.send_text("break")
            assert isinstance(summary.error, ServerError)
            assert summary.error.message == "the connection was lost 3 times before the answer was complete"
            command, argument = parse_command("/again")
            assert isinstance((await command.run(typed, argument)).error, ServerError)
            assert (await typed.send_text("go on")).stats.said == "<go on>"
            # What came of the answers is a part of the conversation, as it is of the file.
            broken = TranscriptEntry("break", "<break>")
            assert typed.transcript.entries == [broken, broken, TranscriptEntry("go on", "<go on>")]
    assert live_texts(server.frames) == ["break"] * 6 + ["go on"]
    assert histories[-1] == ["break", "<break>"]


# --- who interrupts whom ---


async def test_what_is_typed_over_an_answer_interrupts_it(chat):
    with serving(behaviour=Talker, pace=Pace.REALTIME) as server:
        async with chat(server.url) as typed:
            first = asyncio.create_task(typed.send_text("one"))
            await settled(lambda: typed.answering)
            second = asyncio.create_task(typed.send_text("two"))
            before = await first
            assert (before.stats.interrupted, before.ok) == (True, True)
            assert before.stats.received.audio_seconds < 9
            await settled(lambda: typed.answering)
            assert await typed.interrupt()
            assert (await second).stats.interrupted
            assert not await typed.interrupt()
            assert [entry.question for entry in typed.transcript.entries] == ["one", "two"]


async def test_interrupting_at_every_moment_leaves_no_turn_behind(chat):
    with serving(behaviour=Talker, pace=Pace.REALTIME) as server:
        async with chat(server.url, timeouts=Timeouts(idle=5)) as typed:
            for number in range(1, 12):
                asking = asyncio.create_task(typed.send_text(f"turn {number}"))
                await asyncio.sleep(0.004 * number)
                await typed.interrupt()
                if not asking.done():
                    await typed.interrupt() if number % 2 else None
                summary = await asyncio.wait_for(asyncio.shield(asking), 20)
                assert summary.error is None, (number, summary.error)
        assert [entry.question for entry in typed.transcript.entries] == [f"turn {number}" for number in range(1, 12)]


def speaks_until_interrupted(begins):
    """A server that, once `begins` is set, speaks until it is sent a clientContent, and ends the turn then."""

    def handle(connection):
        connection.set_up()
        connection.receive()
        begins.wait(20)
        connection.audio(tone(2400, 24_000))
        connection.receive()
        connection.content(interrupted=True)
        connection.content(turnComplete=True)
        connection.drain()

    return handle


@pytest.mark.parametrize(
    ("model", "content"),
    [
        ("gemini-3.8-live", {"turnComplete": True}),
        ("gemini-3.8-live-extended-thinking", {"turnComplete": True}),
        ("gemini-2.5-flash-native-audio-latest", {}),
    ],
)
async def test_what_stops_an_answer_depends_on_the_model(chat, monkeypatch, model, content):
    monkeypatch.setenv("GEMINI_API_KEY", "AIzaTest")
    begins = threading.Event()
    begins.set()
    with live_server(speaks_until_interrupted(begins)) as server:
        async with chat(server.url, model=model, timeouts=Timeouts(idle=5)) as typed:
            asking = asyncio.create_task(typed.send_text("one"))
            await settled(lambda: typed.answering)
            assert await typed.interrupt()
            assert (await asking).ok
    assert server.frames[-1] == {"clientContent": content}


async def test_a_model_that_says_nothing_yet_is_sent_nothing(chat):
    begins = threading.Event()
    with live_server(speaks_until_interrupted(begins)) as server:
        async with chat(server.url, timeouts=Timeouts(idle=5)) as typed:
            asking = asyncio.create_task(typed.send_text("one"))
            await settled(lambda: len(server.frames) == 2)
            assert await typed.interrupt()
            begins.set()
            await settled(lambda: any(isinstance(event, events.AudioChunk) for event in typed.reports.received))
            assert len(server.frames) == 2
            assert await typed.interrupt()
            summary = await asking
    assert (summary.ok, summary.stats.received.chunks) == (True, 0)
    assert server.frames[2] == {"clientContent": {"turnComplete": True}}


@pytest.mark.parametrize("model", [None, "gemini-live-2.5-flash-native-audio"], ids=["default", "waits for functions"])
async def test_an_interrupted_tool_is_stopped(chat, tmp_path, model):
    code = f"import time, pathlib; pathlib.Path({str(tmp_path / 'ran')!r}).touch(); time.sleep(30)"
    box = Toolbox([Tool("wait", (sys.executable, "-c", code))])
    with serving() as server:
        async with chat(server.url, toolbox=box, model=model) as typed:
            first = asyncio.create_task(typed.send_text("call wait"))
            await settled((tmp_path / "ran").exists)
            second = await typed.send_text("never mind")
            assert second.stats.said == "never mind"
            assert (await first).ok


# --- what is spoken ---


async def test_each_thing_that_is_spoken_is_a_turn(chat):
    with serving() as server:
        async with chat(server.url, configuration=SPOKEN) as spoken:
            for number in (1, 2, 3):
                await speak(spoken, 0.6)
                await settled(lambda number=number: len(spoken.reports.summaries) == number)
            typed = await spoken.send_text("and in writing")
            assert typed.stats.said == "and in writing"
            assert [summary.input for summary in spoken.reports.summaries] == ["microphone"] * 3 + ["and in writing"]
            assert all("s of speech" in entry.question for entry in list(spoken.transcript.entries)[:3])


@pytest.mark.parametrize("platform", ["vertex", "developer"])
@pytest.mark.parametrize("fault", ["drop@turn:2", "drop@reply:20", "close=1011@turn:3", "drop@0.4s"])
async def test_a_lost_connection_answers_nothing_twice(chat, monkeypatch, platform, fault):
    monkeypatch.setenv("GEMINI_API_KEY", "AIzaTest")
    monkeypatch.setenv("GOOGLE_GENAI_USE_VERTEXAI", str(platform == "vertex"))
    with serving(fault) as server:
        async with chat(server.url, configuration=SPOKEN) as spoken:
            for number in range(1, 6):
                await speak(spoken, 0.3 * number)
                await settled(lambda number=number: len(spoken.reports.summaries) >= number)
            await speak(spoken, quiet=3)
            await spoken.send_text("done")
            assert spoken.reports.connections > 1
            assert [summary.ok for summary in spoken.reports.summaries] == [True] * 6
            assert len(spoken.transcript.entries) == 6


async def test_a_spoken_turn_is_kept_whose_end_alone_was_lost(chat):
    histories = []

    def handler(connection):
        setup = connection.set_up()["setup"]
        connection.say({"sessionResumptionUpdate": {"newHandle": "h", "resumable": True}})
        histories.append(setup["sessionResumption"].get("handle"))
        if len(histories) > 1:
            histories.append(connection.receive()["clientContent"]["turns"])
            return connection.drain()
        connection.receive()
        connection.content(inputTranscription={"text": "what was that"})
        connection.content(outputTranscription={"text": "a train"})
        connection.audio(bytes(9600))
        connection.content(generationComplete=True)
        return connection.close(1011, "Internal error encountered.")

    with live_server(handler) as server:
        async with chat(server.url, configuration=SPOKEN) as spoken:
            await spoken.send_microphone(tone(512, 16_000), 16_000)
            await settled(lambda: spoken.reports.summaries)
            await settled(lambda: len(histories) == 3)
            [summary] = spoken.reports.summaries
            assert (summary.ok, summary.stats.heard, summary.stats.said) == (True, "what was that", "a train")
            assert len(spoken.transcript.entries) == 1
    texts = [part["text"] for content in histories[2] for part in content["parts"]]
    assert (histories[:2], texts) == ([None, None], ["what was that", "a train"])


@pytest.mark.parametrize("first", ["typed", "spoken"])
async def test_speech_after_an_answer_without_an_end_is_a_turn_of_its_own(chat, first):
    with serving("truncate@turn:1" if first == "typed" else "truncate@reply:2") as server:
        async with chat(server.url, configuration=SPOKEN) as spoken:
            if first == "typed":
                typed = asyncio.create_task(spoken.send_text("an answer that does not end"))
            else:
                await speak(spoken, 1)
            await settled(lambda: any(isinstance(e, events.OutputTranscript) for e in spoken.reports.received))
            await asyncio.sleep(2.5)
            await speak(spoken, 0.6)
            await settled(lambda: len(spoken.reports.summaries) == 2)
            if first == "typed":
                assert (await typed).stats.interrupted
            one, two = spoken.transcript.entries
            assert "s of speech" in two.question and two.answer == two.question
            assert two.question not in one.question + one.answer


@pytest.mark.parametrize("model", ["gemini-3.8-live", "gemini-2.5-flash-native-audio-latest"])
async def test_a_session_that_was_idle_for_too_long_goes_on_unnoticed(chat, monkeypatch, model):
    monkeypatch.setenv("GEMINI_API_KEY", "AIzaTest")
    with serving("idle-close=1@setup") as server:
        async with chat(server.url, model=model) as typed:
            assert (await typed.send_text("one")).stats.said == "one"
            await settled(lambda: typed.reports.connections == 2)
            assert (await typed.send_text("two")).stats.said == "two"
            assert (typed.reports.remarks, typed.reports.warnings, typed.reports.losses) == ([], [], [])
            assert [entry.question for entry in typed.transcript.entries] == ["one", "two"]


async def test_at_most_a_quarter_of_a_minute_is_said_again(chat):
    heard = []

    def handler(connection):
        setup = connection.set_up()["setup"]
        heard.append(0)
        if len(heard) == 1:
            connection.say({"sessionResumptionUpdate": {"newHandle": "h", "resumable": True}})
        assert len(heard) == 1 or setup["sessionResumption"]["handle"] == "h"
        while True:
            said = connection.receive()["realtimeInput"]
            if "text" in said:
                return connection.answer()
            heard[-1] += len(base64.b64decode(said["audio"]["data"]))
            if len(heard) == 1 and heard[0] >= 20 * 32_000:
                return connection.close(1011, "Internal error encountered.")

    with live_server(handler) as server:
        async with chat(server.url, configuration=SPOKEN) as spoken:
            await settled(lambda: any(isinstance(event, events.ResumptionUpdate) for event in spoken.reports.received))
            await speak(spoken, 20, quiet=0, speed=200)
            await settled(lambda: spoken.reports.connections == 2)
            await spoken.send_text("and?")
    assert 14 * 32_000 < heard[1] <= 16 * 32_000


async def test_audio_for_a_session_that_has_ended_for_good_raises_its_error(chat):
    def handler(connection):
        connection.set_up()
        connection.receive()
        connection.close(1008, "This is a policy violation.")

    with live_server(handler) as server:
        async with chat(server.url, configuration=SPOKEN) as spoken:
            await spoken.send_microphone(SILENCE, 16_000)
            await settled(lambda: spoken.failure)
            with pytest.raises(ServerError, match="policy"):
                await spoken.send_microphone(SILENCE, 16_000)


async def test_a_microphone_that_is_turned_on_again_opens_a_session_after_one_that_has_ended_for_good(chat):
    heard = []

    def handler(connection):
        connection.set_up()
        connection.receive()
        heard.append(connection)
        if len(heard) == 1:
            connection.close(1008, "This is a policy violation.")
        else:
            connection.drain()

    with live_server(handler) as server:
        async with chat(server.url, configuration=SPOKEN) as spoken:
            await spoken.send_microphone(SILENCE, 16_000)
            await settled(lambda: spoken.failure)
            await spoken.use_voice_detection()
            await spoken.send_microphone(SILENCE, 16_000)
            await settled(lambda: len(heard) == 2)
            assert spoken.failure is None


async def test_speech_that_interrupts_a_typed_turn_before_its_answer_is_a_turn_of_its_own(chat):
    def handler(connection):
        connection.set_up()
        connection.receive()
        connection.receive()
        connection.say({"serverContent": {"interrupted": True}})
        connection.say({"serverContent": {"turnComplete": True}})
        connection.say({"serverContent": {"inputTranscription": {"text": "and what is that"}}})
        connection.content(outputTranscription={"text": "it is this"})
        connection.say({"serverContent": {"turnComplete": True}})
        connection.drain()

    with live_server(handler) as server:
        async with chat(server.url, configuration=SPOKEN) as spoken:
            await spoken.send_microphone(SILENCE, 16_000)
            summary = await spoken.send_text("what is this")
            assert summary.stats.interrupted
            await settled(lambda: len(spoken.transcript.entries) == 2)
            entries = [(entry.question, entry.answer) for entry in spoken.transcript.entries]
    assert entries == [("what is this", ""), ("and what is that", "it is this")]


async def test_a_microphone_that_is_turned_off_is_told(chat):
    with live_server(says_late()) as server:
        async with chat(server.url, configuration=SPOKEN) as spoken:
            await spoken.end_microphone()  # nothing was said, so nothing is sent
            await spoken.send_microphone(SILENCE, 16_000)
            await spoken.end_microphone()
            assert [type(event) for event in spoken.reports.sent] == [
                events.Setup,
                events.AudioChunk,
                events.AudioStreamEnd,
            ]


async def test_two_hundred_turns_over_connections_that_last_a_moment(chat):
    from livecli.emulator.core.lifetime import Limits

    with serving(limits=Limits(connection_seconds=0.06, goaway_seconds=0.03)) as server:
        async with chat(server.url) as typed:
            for number in range(200):
                assert (await typed.send_text(f"{number}")).stats.said == f"{number}"
            assert typed.reports.connections > 2
            assert [entry.answer for entry in typed.transcript.entries] == [f"{number}" for number in range(200)]
