"""One question and its answer, over a scripted session and on a virtual clock."""

from __future__ import annotations

import asyncio
import math
from contextlib import suppress

import pytest

from livecli.client.sender import SendOptions
from livecli.client.turn import LINGER_SECONDS, PIECE_SECONDS, Turn
from livecli.client.turn_end import SETTLE_SECONDS
from livecli.errors import CheckError, DeadlineError, FileError, ServerError
from livecli.protocol import events
from livecli.protocol.setup import Activity, Until
from livecli.report.summary import TransferStats
from livecli.tools.calls import MAX_ROUNDS
from tests.cases import in_one_test
from tests.client.scripted import (
    ANSWER,
    COMPLETE,
    GENERATED,
    Sink,
    Source,
    Told,
    Unwritable,
    answered,
    call,
    closed,
    developer,
    failed,
    handle,
    lost,
    scripted_line,
    sound,
    spoken,
    talking,
    typed,
    vertex,
)
from tests.virtual_time import VirtualLoop, idle, in_virtual_time, takes

LOUD = bytes([7, 64]) * 512

WAITS_FOR_FUNCTIONS = "gemini-live-2.5-flash-native-audio"


def responses(said) -> list[tuple[str | None, object]]:
    return [
        (each.id, each.response) for event in said if isinstance(event, events.ToolResponse) for each in event.responses
    ]


class TestAnAnswer:
    @in_virtual_time
    async def test_its_audio_goes_to_the_sink_in_order(self):
        ran = await answered(typed(), [events.Text, sound(1), sound(2), sound(3), GENERATED, COMPLETE])
        assert ran.sink.pcm == sound(1).pcm + sound(2).pcm + sound(3).pcm
        assert ran.sink.rates == [24_000] * 3
        assert (ran.stats.received.chunks, ran.stats.received.bytes) == (3, 3 * 4800)
        assert ran.stats.turn_complete

    @pytest.mark.parametrize("waits", [False, True])
    @in_virtual_time
    async def test_a_message_that_lasts_hours_is_written_in_pieces(self, waits):
        hour = events.AudioChunk(bytes(range(250)) * 28_800 + b"x", 1_000)
        ran = await answered(typed(), [events.Text, hour, GENERATED, COMPLETE], sink=Sink(waits=waits))
        assert ran.sink.pcm == hour.pcm
        assert len(ran.sink.rates) == 3600 / PIECE_SECONDS + 1
        assert ran.stats.received.chunks == 1

    @in_virtual_time
    async def test_a_spoken_question_is_sent_whole_before_its_answer(self):
        ran = await answered(spoken(LOUD * 5), [events.ActivityEnd, *ANSWER])
        assert [type(event) for event in ran.said] == [
            events.ActivityStart,
            *[events.AudioChunk] * 5,
            events.ActivityEnd,
        ]
        assert ran.sessions[0].heard == LOUD * 5
        assert ran.sink.pcm == sound(1).pcm

    @in_virtual_time
    async def test_transcripts_are_joined_from_their_pieces(self):
        steps = [
            events.ActivityEnd,
            events.InputTranscript("where is"),
            events.OutputTranscript("at the "),
            sound(1),
            events.InputTranscript(" the station?", finished=True),
            events.OutputTranscript("square.", finished=True),
            GENERATED,
            COMPLETE,
        ]
        ran = await answered(spoken(LOUD), steps)
        assert ran.stats.heard == "where is the station?"
        assert ran.stats.said == "at the square."

    @in_virtual_time
    async def test_what_is_told_beside_it_is_kept(self):
        page = {"web": {"uri": "https://example.test/", "title": "page"}}
        grounding = events.Grounding({"groundingChunks": [page]})
        usage = events.Usage({"promptTokenCount": 3})
        reason = events.TurnComplete("MAX_TOKENS")
        ran = await answered(typed(), [events.Text, sound(1), grounding, GENERATED, usage, reason])
        assert ran.stats.usage == {"promptTokenCount": 3}
        assert [citation.uri for citation in ran.stats.citations] == ["https://example.test/"]
        assert ran.stats.turn_reason == "MAX_TOKENS"
        assert ran.stats.messages == 5

    @in_virtual_time
    async def test_latencies_count_from_the_end_of_the_question(self):
        quiet = events.AudioChunk(bytes(4800), 24_000)
        steps = [events.ActivityEnd, 1.0, quiet, 0.5, sound(1), 0.25, GENERATED, COMPLETE]
        ran = await answered(spoken(LOUD * 3, speed=1), steps)
        assert ran.stats.latency(ran.stats.audio_at) == pytest.approx(1000)
        assert ran.stats.latency(ran.stats.sound_at) == pytest.approx(1500)
        assert ran.stats.latency(ran.stats.turn_at) == pytest.approx(1750)

    @in_virtual_time
    async def test_a_first_frame_of_one_sample_is_not_the_first_sound(self):
        """gemini-3.8-live opens some answers with such a frame, of the value 0 (recorded on 2026-09-29)."""
        sample = events.AudioChunk(bytes(2), 24_000)
        steps = [events.ActivityEnd, 1.0, sample, 0.5, sound(1), GENERATED, COMPLETE]
        ran = await answered(spoken(LOUD), steps)
        assert ran.stats.latency(ran.stats.audio_at) == pytest.approx(1000)
        assert ran.stats.latency(ran.stats.sound_at) == pytest.approx(1500)
        assert ran.sink.pcm == sample.pcm + sound(1).pcm

    @in_virtual_time
    async def test_a_turn_that_ends_before_everything_was_asked_does_not_answer_it(self):
        steps = [events.AudioChunk, sound(1), COMPLETE, events.ActivityEnd, sound(2), GENERATED, COMPLETE]
        ran = await answered(spoken(LOUD * 9, speed=1), steps)
        assert ran.sink.pcm == sound(1).pcm + sound(2).pcm, "both turns are in the reply"

    @in_virtual_time
    async def test_generation_complete_does_not_end_it(self):
        ran = await answered(typed(), [events.Text, sound(1), GENERATED, 7.0, COMPLETE])
        assert ran.seconds == pytest.approx(7.0 + LINGER_SECONDS)
        assert ran.stats.cut_turns == 0

    @in_virtual_time
    async def test_unless_that_is_all_that_was_asked_for(self):
        steps = [events.Text, sound(1), events.OutputTranscript("a"), GENERATED, 7.0, events.Usage({}), COMPLETE]
        ran = await answered(typed(), steps, until=Until.GENERATED)
        assert ran.seconds == 0
        assert (ran.stats.turn_complete, ran.stats.usage) == (False, None)

    @in_virtual_time
    async def test_a_pause_inside_the_question_does_not_end_it(self):
        pause = [events.InputTranscript("where"), events.Interrupted(), COMPLETE]
        steps = [events.AudioStreamEnd, *pause, 20.0, events.InputTranscript(" is it"), *ANSWER]
        ran = await answered(spoken(LOUD, activity=Activity.AUTO), steps, idle=30)
        assert ran.sink.pcm == sound(1).pcm
        assert ran.stats.heard == "where is it"
        ran = await failed(spoken(LOUD, activity=Activity.AUTO), [events.AudioStreamEnd, *pause], idle=30)
        assert "interrupted before it said anything" in ran.error.message

    @in_virtual_time
    async def test_an_empty_turn_answers_nothing_that_was_sent(self):
        """Without an answer, a new session gets the history and then everything that was sent."""
        async with talking([events.Text, call(), events.ToolResponse, COMPLETE]) as talk:
            with suppress(TimeoutError):
                async with asyncio.timeout(1.0):
                    await talk.ask(typed())
            assert talk.line.resumption.gained[1] == 0

    @in_virtual_time
    async def test_an_interrupted_turn_ends_at_its_turn_complete(self):
        ran = await answered(typed(), [events.Text, sound(1), events.Interrupted(), 2.0, COMPLETE])
        assert ran.seconds == pytest.approx(2.0 + LINGER_SECONDS)
        assert ran.stats.interrupted
        assert ran.stats.turn_complete
        assert ran.sink.pcm == sound(1).pcm

    @in_virtual_time
    async def test_an_answer_in_several_turns_is_over_when_the_service_is_idle(self):
        at_work, idle = events.InteractionStatus("IN_PROGRESS"), events.InteractionStatus("IDLE")
        steps = [events.Text, sound(1), at_work, COMPLETE, 60.0, sound(2), GENERATED, idle, COMPLETE]
        ran = await answered(typed(), steps, idle=90)
        assert ran.sink.pcm == sound(1).pcm + sound(2).pcm
        assert ran.seconds == pytest.approx(60.0 + LINGER_SECONDS)
        assert ran.stats.latency(ran.stats.turn_at) == pytest.approx(60_000)

    @in_virtual_time
    async def test_what_is_left_to_send_is_not_sent_once_it_is_over(self):
        ask = spoken(LOUD, activity=Activity.AUTO, trailing_silence_seconds=1.0, speed=1)
        ran = await answered(ask, [events.AudioChunk, 0.1, *ANSWER])
        assert ran.seconds == pytest.approx(0.1 + LINGER_SECONDS)
        assert len(ran.sessions[0].heard) == pytest.approx(len(LOUD) + 3200, abs=2 * 1024)
        assert not any(isinstance(event, events.AudioStreamEnd) for event in ran.said)

    @in_virtual_time
    async def test_warnings_of_the_service_are_passed_on(self):
        fault = events.Fault(429, "slow down", "RESOURCE_EXHAUSTED")
        ran = await answered(typed(), [events.Text, fault, events.GoAway(50.0), *ANSWER], resumes=False)
        assert len(ran.told.warnings) == 2
        assert "429 RESOURCE_EXHAUSTED slow down" in ran.told.warnings[0]
        assert "will close the connection in 50 s" in ran.told.warnings[1]

    @in_virtual_time
    async def test_the_end_of_a_connection_is_no_warning_where_the_session_goes_on(self):
        ran = await answered(typed(), [events.Text, events.GoAway(50.0), *ANSWER])
        assert ran.told.warnings == []


class TestWhatComesLate:
    @in_virtual_time
    async def test_it_is_waited_for_a_little(self):
        late = events.OutputTranscript("late", finished=True)
        ran = await answered(typed(), [events.Text, *ANSWER, LINGER_SECONDS - 0.01, late])
        assert ran.stats.said == "late"
        assert ran.seconds == pytest.approx(LINGER_SECONDS - 0.01)

    @in_virtual_time
    async def test_and_no_longer(self):
        late = events.OutputTranscript("too late", finished=True)
        ran = await answered(typed(), [events.Text, *ANSWER, LINGER_SECONDS + 0.01, late])
        assert ran.stats.said == ""
        assert ran.seconds == pytest.approx(LINGER_SECONDS)

    HEARD, SAID = events.InputTranscript("a"), events.OutputTranscript("b")
    HEARD_ALL, SAID_ALL = events.InputTranscript("a", finished=True), events.OutputTranscript("", finished=True)

    @pytest.mark.parametrize(
        "beside",
        [
            [HEARD, sound(1), SAID],
            [HEARD, sound(1), SAID, events.Usage({})],
            [HEARD_ALL, SAID, SAID_ALL, sound(1)],
            [HEARD, events.ModelText("b")],
        ],
    )
    @in_virtual_time
    async def test_nothing_is_waited_for_where_both_transcripts_are_there(self, beside):
        ran = await answered(spoken(LOUD), [events.ActivityEnd, *beside, GENERATED, COMPLETE, 0.1, events.Usage({})])
        assert ran.seconds == 0

    @in_one_test(
        ("beside", "late"),
        [
            ([sound(1), SAID], HEARD),
            ([HEARD, sound(1)], SAID),
            ([HEARD, sound(1), events.OutputTranscript("")], SAID),
            ([HEARD_ALL, sound(1), SAID], SAID_ALL),
            ([HEARD, sound(1), SAID, SAID_ALL], HEARD_ALL),
            # That of an earlier turn has ended.
            ([HEARD_ALL, sound(1), SAID, SAID_ALL, sound(1), SAID], SAID_ALL),
        ],
    )
    @in_virtual_time
    async def test_a_transcript_that_has_not_come_or_not_ended_is_waited_for(self, beside, late):
        steps = [events.ActivityEnd, *beside, COMPLETE, 0.1, late]
        ran = await answered(spoken(LOUD), steps)
        assert ran.seconds == pytest.approx(0.1)

    @pytest.mark.parametrize("beside", [[sound(1), SAID], [events.ModelText("b")]])
    @in_virtual_time
    async def test_of_what_was_typed_there_is_no_transcript(self, beside):
        assert (await answered(typed(), [events.Text, *beside, COMPLETE])).seconds == 0

    @pytest.mark.parametrize("ask", [typed(), spoken(LOUD)])
    @in_virtual_time
    async def test_without_transcripts_nothing_is_waited_for(self, ask):
        ran = await answered(ask, [events.Event, *ANSWER, 0.1, events.OutputTranscript("b")], transcripts=False)
        assert (ran.seconds, ran.stats.said) == (0, "")

    @in_one_test("end", [closed(1000), closed(1011), lost()])
    @in_one_test("after", [[], [0.1]])
    @in_virtual_time
    async def test_a_connection_that_ends_meanwhile_is_not_missed(self, end, after):
        ran = await answered(typed(), [handle(consumed=0), events.Text, *ANSWER, *after, end], [events.Text, *ANSWER])
        assert ran.seconds == pytest.approx(sum(after))
        assert len(ran.sessions) == 1

    @in_virtual_time
    async def test_functions_are_not_called_any_more(self, find):
        ran = await answered(typed(), [events.Text, *ANSWER, 0.1, call()], toolbox=find())
        assert ran.told.called_functions == []


class TestFunctions:
    @in_virtual_time
    async def test_a_call_is_answered_with_what_the_function_returns(self, find):
        steps = [events.ClientTurns, call(), events.ToolResponse, *ANSWER]
        ran = await answered(typed(), steps, toolbox=find(3.0), endpoint=vertex(WAITS_FOR_FUNCTIONS))
        assert responses(ran.said) == [("c1", {"result": "Berlin"})]
        assert ran.said_at[-1] == pytest.approx(3.0)
        assert ran.sink.pcm == sound(1).pcm

    @in_virtual_time
    async def test_a_model_that_does_not_wait_speaks_of_it_in_a_turn_of_its_own(self, find):
        steps = [events.Text, call(), COMPLETE, events.ToolResponse, 4.0, *ANSWER]
        ran = await answered(typed(), steps, toolbox=find(2.0))
        assert ran.sink.pcm == sound(1).pcm
        assert ran.seconds == pytest.approx(6.0 + LINGER_SECONDS)

    @pytest.mark.parametrize("model", ["gemini-3.8-live", "gemini-live-2.5-flash"])
    @in_virtual_time
    async def test_an_empty_turn_after_the_response_is_not_the_answer(self, find, model):
        asked = typed(interrupts=True)
        steps = [events.ClientTurns, call(), events.ToolResponse, 0.01, COMPLETE, 7.0, *ANSWER]
        ran = await answered(asked, steps, toolbox=find(), endpoint=vertex(model), idle=30)
        assert ran.sink.pcm == sound(1).pcm
        assert ran.seconds == pytest.approx(7.01 + LINGER_SECONDS)

    @pytest.mark.parametrize("model", ["gemini-3.1-flash-live-preview", "gemini-2.5-flash-native-audio-latest"])
    @in_virtual_time
    async def test_unless_the_model_answers_in_the_turn_of_the_call(self, find, model):
        steps = [events.Event, sound(1), call(), events.ToolResponse, COMPLETE]
        ran = await answered(typed(), steps, toolbox=find(), endpoint=developer(model), idle=30)
        assert ran.sink.pcm == sound(1).pcm
        assert ran.seconds == pytest.approx(SETTLE_SECONDS + LINGER_SECONDS)

    @in_virtual_time
    async def test_that_answer_is_waited_for_as_long_as_any_other(self, find):
        steps = [events.Text, call(), events.ToolResponse, 0.01, COMPLETE, 29.0, *ANSWER]
        ran = await answered(typed(), steps, toolbox=find(), idle=30)
        assert ran.sink.pcm == sound(1).pcm
        ran = await failed(typed(), [*steps[:5], 31.0, *ANSWER], toolbox=find(), idle=30)
        assert isinstance(ran.error, DeadlineError)
        assert "told what find returned" in ran.error.message

    @in_virtual_time
    async def test_what_a_silent_function_returns_is_not_waited_for(self, find):
        steps = [events.Text, sound(1), call(), COMPLETE]
        ran = await answered(typed(), steps, toolbox=find(2.0, scheduling="SILENT"))
        assert responses(ran.said) == [("c1", {"result": "Berlin"})]
        assert ran.said[-1].responses[0].scheduling == "SILENT"
        assert ran.seconds == pytest.approx(2.0 + LINGER_SECONDS)

    @in_virtual_time
    async def test_several_calls_run_together(self, find):
        calls = events.ToolCall((*call("c1").calls, *call("c2").calls))
        steps = [events.ClientTurns, calls, events.ToolResponse, events.ToolResponse, *ANSWER]
        ran = await answered(typed(), steps, toolbox=find(5.0), endpoint=vertex(WAITS_FOR_FUNCTIONS))
        assert sorted(id for id, _ in responses(ran.said)) == ["c1", "c2"]
        assert ran.seconds == pytest.approx(5.0 + LINGER_SECONDS)

    @pytest.mark.parametrize(
        ("model", "doubt_seconds"),
        [("gemini-3.8-live", 0), ("gemini-live-2.5-flash", SETTLE_SECONDS)],
    )
    @in_virtual_time
    async def test_one_answer_to_several_calls_ends_it_where_the_model_is_known_to_answer_once(
        self, find, model, doubt_seconds
    ):
        calls = events.ToolCall((*call("c1").calls, *call("c2").calls))
        steps = [events.Event, calls, events.ToolResponse, COMPLETE, events.ToolResponse, 7.0, *ANSWER]
        ran = await answered(typed(), steps, toolbox=find(blocking=False), endpoint=vertex(model))
        assert ran.sink.pcm == sound(1).pcm
        assert ran.seconds == pytest.approx(7.0 + doubt_seconds + LINGER_SECONDS)

    @in_virtual_time
    async def test_a_function_that_there_is_not_is_answered_with_an_error(self, find):
        steps = [events.ClientTurns, call(name="fly"), events.ToolResponse, *ANSWER]
        ran = await answered(typed(), steps, toolbox=find(), endpoint=vertex(WAITS_FOR_FUNCTIONS))
        assert responses(ran.said) == [("c1", {"error": "there is no function 'fly'"})]
        assert len(ran.told.warnings) == 1
        assert "fly" in ran.told.warnings[0]

    @in_virtual_time
    async def test_a_call_that_the_user_does_not_allow_does_not_run(self, find):
        asked = []

        async def confirm(called):
            asked.append(called.name)
            return False

        steps = [events.ClientTurns, call(), events.ToolResponse, *ANSWER]
        ran = await answered(typed(), steps, toolbox=find(), confirm=confirm, endpoint=vertex(WAITS_FOR_FUNCTIONS))
        assert responses(ran.said) == [("c1", {"error": "the user did not allow this call"})]
        assert (asked, find.ended) == (["find"], [])

    @in_virtual_time
    async def test_a_call_that_is_cancelled_is_stopped_and_not_answered(self, find):
        steps = [events.Text, call(), 1.0, events.ToolCallCancellation(("c1",)), sound(1), COMPLETE]
        ran = await answered(typed(), steps, toolbox=find(60.0))
        assert responses(ran.said) == []
        assert find.ended == ["stopped"]
        assert ran.seconds == pytest.approx(1.0 + LINGER_SECONDS)

    @in_virtual_time
    async def test_a_turn_that_ends_while_a_cancelled_call_was_the_last_thing_open_is_over_then(self, find):
        steps = [events.Text, sound(1), call(), COMPLETE, 3.0, events.ToolCallCancellation(("c1",))]
        ran = await answered(typed(), steps, toolbox=find(60.0))
        assert ran.seconds == pytest.approx(3.0 + LINGER_SECONDS)

    @in_virtual_time
    async def test_a_model_that_never_stops_calling_is_an_error(self, find):
        rounds = [step for number in range(MAX_ROUNDS + 1) for step in (call(f"c{number}"), events.ToolResponse)]
        ran = await failed(typed(), [events.Text, *rounds], toolbox=find())
        assert isinstance(ran.error, CheckError)
        assert len(ran.told.called_functions) == MAX_ROUNDS

    @in_virtual_time
    async def test_what_still_runs_when_it_fails_is_stopped(self, find):
        ran = await failed(typed(), [events.Text, call(), 1.0, closed(1011)], toolbox=find(60.0))
        assert ran.error.close_code == 1011
        assert find.ended == ["stopped"]


@pytest.mark.usefixtures("without_pauses")
class TestLostConnections:
    """Of a session that Vertex AI lets resume from each handle: what came after the handle comes again."""

    @in_virtual_time
    async def test_exactly_what_came_since_the_handle_is_taken_back(self):
        first = [
            events.Text,
            sound(1),
            events.OutputTranscript("kept "),
            handle(consumed=1),
            sound(2),
            events.OutputTranscript("taken back"),
            events.Usage({"promptTokenCount": 1}),
            lost(),
        ]
        second = [sound(3), events.OutputTranscript("said again", finished=True), GENERATED, COMPLETE]
        ran = await answered(typed(), first, second)
        assert ran.sink.pcm == sound(1).pcm + sound(3).pcm
        assert ran.stats.said == "kept said again"
        assert (ran.stats.received.chunks, ran.stats.received.bytes) == (2, 2 * 4800)
        assert ran.stats.received.audio_seconds == pytest.approx(0.2)
        assert ran.stats.usage is None
        assert ran.sessions[1].said == [], "the handle includes the question"
        assert ran.told.warnings == []

    @in_virtual_time
    async def test_the_last_handle_counts(self):
        first = [events.Text, sound(1), handle("a", 1), sound(2), handle("b", 1), sound(3), lost()]
        ran = await answered(typed(), first, [sound(4), GENERATED, COMPLETE])
        assert ran.sink.pcm == sound(1).pcm + sound(2).pcm + sound(4).pcm
        assert ran.sessions[1].setup.body.session_resumption.handle == "b"

    @in_virtual_time
    async def test_a_question_that_the_handle_does_not_include_is_asked_again(self):
        first = [handle(consumed=0), events.Text, sound(1), lost()]
        ran = await answered(typed("hello"), first, [events.Text, sound(2), GENERATED, COMPLETE])
        assert ran.sessions[1].said == [events.Text("hello")]
        assert ran.sink.pcm == sound(2).pcm
        assert [again for _, _, again in ran.told.resumptions] == [1]

    @in_virtual_time
    async def test_audio_that_the_handle_does_not_include_is_sent_again(self):
        chunks = [bytes([number, 64]) * 512 for number in range(4)]
        first = [events.ActivityEnd, handle(consumed=3), sound(1), lost()]
        ran = await answered(spoken(*chunks), first, [events.ActivityEnd, sound(2), GENERATED, COMPLETE])
        assert ran.sessions[1].heard == b"".join(chunks[2:]), "the start of the activity and two chunks were confirmed"
        assert ran.sink.pcm == sound(2).pcm
        assert ran.stats.sent.bytes == 4 * 1024, "what was sent counts once"

    @in_virtual_time
    async def test_the_rest_of_a_question_goes_over_the_next_connection(self):
        chunks = [bytes([number, 64]) * 512 for number in range(100)]
        first = [handle(consumed=0), 1.0, lost()]
        second = [events.ActivityEnd, *ANSWER]
        ran = await answered(spoken(*chunks, speed=1), first, second)
        assert ran.sessions[1].heard == b"".join(chunks)
        assert len(ran.sessions[0].heard) == pytest.approx(32_000, abs=2 * 1024)
        assert ran.sink.pcm == sound(1).pcm

    @in_virtual_time
    async def test_all_that_came_stays_until_any_of_it_comes_again(self):
        first = [events.Text, sound(1), handle(consumed=1), sound(2), events.OutputTranscript("heard"), lost()]
        ran = await failed(typed(), first)
        assert ran.sink.pcm == sound(1).pcm + sound(2).pcm
        assert ran.stats.said == "heard"

    @in_virtual_time
    async def test_what_the_session_says_of_itself_takes_nothing_back(self):
        first = [events.Text, sound(1), handle("a", 1), sound(2), lost()]
        second = [handle("b", 0), events.GoAway(60.0), lost()]
        ran = await failed(typed(), first, second)
        assert ran.sink.pcm == sound(1).pcm + sound(2).pcm
        ran = await answered(typed(), first, second, [sound(3), GENERATED, COMPLETE])
        assert ran.sink.pcm == sound(1).pcm + sound(3).pcm, "nothing was kept that a later handle does not include"

    @in_virtual_time
    async def test_what_has_left_already_cannot_be_taken_back(self):
        first = [events.Text, sound(1), handle(consumed=1), sound(2), lost()]
        ran = await answered(typed(), first, [sound(3), GENERATED, COMPLETE], sink=Sink(leaves=True))
        assert ran.sink.pcm == sound(1).pcm + sound(2).pcm + sound(3).pcm
        assert len(ran.told.warnings) == 1
        assert "already written: it may be repeated" in ran.told.warnings[0]

    @in_virtual_time
    async def test_nothing_is_said_of_a_reply_that_had_not_begun_to_leave(self):
        first = [events.Text, sound(1), handle(consumed=1), lost()]
        ran = await answered(typed(), first, [sound(2), GENERATED, COMPLETE], sink=Sink(leaves=True))
        assert ran.told.warnings == []

    @in_virtual_time
    async def test_the_end_of_a_turn_that_is_taken_back_is_waited_for_again(self):
        first = [handle(consumed=0), events.AudioChunk, sound(1), COMPLETE, events.ActivityEnd, lost()]
        second = [events.ActivityEnd, sound(2), COMPLETE]
        ran = await answered(spoken(LOUD * 4, speed=1), first, second)
        assert ran.sink.pcm == sound(2).pcm

    @in_virtual_time
    async def test_finished_transcripts_that_are_taken_back_are_waited_for_again(self):
        heard, said = events.InputTranscript("a", finished=True), events.OutputTranscript("b", finished=True)
        first = [events.Text, handle(consumed=1), heard, said, lost()]
        second = [sound(1), events.Usage({}), COMPLETE, 0.1, heard, said]
        ran = await answered(typed(), first, second)
        assert (ran.stats.heard, ran.stats.said) == ("a", "b")
        assert ran.seconds == pytest.approx(0.1)

    @in_virtual_time
    async def test_without_a_handle_the_turn_is_lost(self):
        ran = await failed(typed(), [events.Text, sound(1), lost()], [*ANSWER])
        assert isinstance(ran.error, ServerError)
        assert ran.sink.pcm == sound(1).pcm
        assert len(ran.sessions) == 1

    @in_virtual_time
    async def test_a_function_that_ran_since_the_handle_is_stopped_and_called_again(self, find):
        first = [events.ClientTurns, handle(consumed=1), call("c1"), 1.0, lost()]
        second = [call("c2"), events.ToolResponse, *ANSWER]
        ran = await answered(typed(), first, second, toolbox=find(10.0), endpoint=vertex(WAITS_FOR_FUNCTIONS))
        assert find.ended == ["stopped", "done"]
        assert responses(ran.sessions[0].said) == []
        assert responses(ran.sessions[1].said) == [("c2", {"result": "Berlin"})]

    @in_virtual_time
    async def test_the_end_of_a_lost_calls_turn_is_not_the_answer(self, find):
        first = [handle(), events.Text, call("c1"), 1.0, lost()]
        ran = await answered(typed(), first, [events.Text, COMPLETE, 7.0, *ANSWER], toolbox=find(10.0))
        assert find.ended == ["stopped"]
        assert ran.sink.pcm == sound(1).pcm
        assert ran.stats.turn_complete

    @in_virtual_time
    async def test_a_function_that_ran_at_the_handle_goes_on(self, find):
        first = [events.ClientTurns, call("c1"), handle(consumed=1), 1.0, lost()]
        second = [events.ToolResponse, *ANSWER]
        ran = await answered(typed(), first, second, toolbox=find(10.0), endpoint=vertex(WAITS_FOR_FUNCTIONS))
        assert find.ended == ["done"]
        assert responses(ran.sessions[1].said) == [("c1", {"result": "Berlin"})]
        assert ran.seconds == pytest.approx(10.0 + LINGER_SECONDS)

    @in_virtual_time
    async def test_a_response_to_a_call_that_comes_again_is_not_sent_again(self, find):
        first = [events.ClientTurns, handle(consumed=1), call("c1"), events.ToolResponse, lost()]
        second = [call("c2"), events.ToolResponse, *ANSWER]
        ran = await answered(typed(), first, second, toolbox=find(), endpoint=vertex(WAITS_FOR_FUNCTIONS))
        assert responses(ran.sessions[1].said) == [("c2", {"result": "Berlin"})]

    @in_virtual_time
    async def test_a_response_that_the_handle_does_not_include_is_sent_again(self, find):
        first = [events.ClientTurns, call("c1"), handle(consumed=1), events.ToolResponse, lost()]
        second = [events.ToolResponse, *ANSWER]
        ran = await answered(typed(), first, second, toolbox=find(2.0), endpoint=vertex(WAITS_FOR_FUNCTIONS))
        assert responses(ran.sessions[1].said) == [("c1", {"result": "Berlin"})]
        assert find.ended == ["done"]

    @in_virtual_time
    async def test_a_turn_that_a_response_brings_is_waited_for_again(self, find):
        """Of a model that does not wait: the response, and the turn that speaks of it, were taken back."""
        first = [events.Text, call("c1"), handle(consumed=1), COMPLETE, events.ToolResponse, sound(1), lost()]
        second = [events.ToolResponse, COMPLETE, 1.0, sound(2), COMPLETE]
        ran = await answered(typed(), first, second, toolbox=find(2.0))
        assert ran.sink.pcm == sound(2).pcm
        assert ran.seconds == pytest.approx(3.0 + LINGER_SECONDS)


def stop_the_process(at: float, seconds: float) -> None:
    """In `at` seconds the clock goes on by `seconds` in which nothing runs."""
    loop = asyncio.get_running_loop()
    assert isinstance(loop, VirtualLoop)
    loop.call_later(at, loop.stand_still, seconds)


@pytest.mark.usefixtures("without_pauses")
class TestSilence:
    @in_virtual_time
    async def test_an_answer_that_does_not_come(self):
        ran = await failed(typed(), [events.Text], idle=30)
        assert isinstance(ran.error, DeadlineError)
        assert ran.seconds == pytest.approx(30)
        assert "silent for 30 s while an answer was due" in ran.error.message

    @in_virtual_time
    async def test_whatever_comes_starts_it_anew(self):
        voice = events.VoiceActivity("ACTIVITY_END")
        ran = await failed(typed(), [events.Text, 29.0, voice, 29.0, sound(1), 29.0, GENERATED, 40.0], idle=30)
        assert ran.seconds == pytest.approx(3 * 29 + 30)
        assert ran.sink.pcm == sound(1).pcm

    @in_virtual_time
    async def test_handles_and_go_aways_are_no_part_of_an_answer(self):
        script = [events.Text, sound(1), 12.0, handle(consumed=1), 12.0, events.GoAway(60), 12.0, handle(consumed=1)]
        ran = await failed(typed(), script, idle=30)
        assert ran.seconds == pytest.approx(30)

    @in_virtual_time
    async def test_a_slow_answer_is_no_silence(self):
        slow = [step for number in range(1, 50) for step in (29.0, sound(number))]
        ran = await answered(typed(), [events.Text, *slow, COMPLETE], idle=30)
        assert ran.seconds == pytest.approx(49 * 29 + LINGER_SECONDS)

    @in_virtual_time
    async def test_no_bound_waits_as_long_as_it_takes(self):
        ran = await answered(typed(), [events.Text, 20_000.0, *ANSWER], idle=math.inf)
        assert ran.sink.pcm == sound(1).pcm

    @in_virtual_time
    async def test_nothing_is_due_while_a_long_question_is_sent(self):
        second = bytes([1, 64]) * 16_000
        steps = [events.ActivityEnd, *ANSWER]
        ran = await answered(spoken(*[second] * 100, speed=1), steps, idle=5)
        assert ran.seconds == pytest.approx(100, abs=1)

    @in_virtual_time
    async def test_it_counts_from_the_end_of_the_question(self):
        ran = await failed(spoken(*[bytes([1, 64]) * 16_000] * 10, speed=1), [events.ActivityEnd], idle=5)
        assert ran.seconds == pytest.approx(ran.said_at[-1] + 5)

    @in_virtual_time
    async def test_a_service_that_takes_nothing(self):
        ran = await failed(spoken(LOUD), [], idle=30, send_seconds=math.inf)
        assert isinstance(ran.error, DeadlineError)
        assert ran.seconds == pytest.approx(30)
        assert "did not take what was sent" in ran.error.message

    @in_virtual_time
    async def test_a_service_that_takes_it_slowly(self):
        ran = await answered(spoken(LOUD * 4), [events.ActivityEnd, *ANSWER], idle=30, send_seconds=29)
        assert ran.sessions[0].heard == LOUD * 4

    @in_virtual_time
    async def test_nothing_is_due_while_a_function_runs(self, find):
        steps = [events.ClientTurns, call(), events.ToolResponse, 29.0, *ANSWER]
        endpoint = vertex(WAITS_FOR_FUNCTIONS)
        ran = await answered(typed(), steps, idle=30, toolbox=find(100.0), endpoint=endpoint)
        assert ran.seconds == pytest.approx(129 + LINGER_SECONDS)

    @in_virtual_time
    async def test_an_answer_is_due_from_the_functions_response_on(self, find):
        steps = [events.ClientTurns, call(), events.ToolResponse]
        endpoint = vertex(WAITS_FOR_FUNCTIONS)
        ran = await failed(typed(), steps, idle=30, toolbox=find(100.0), endpoint=endpoint)
        assert ran.seconds == pytest.approx(130)
        assert "told what find returned" in ran.error.message

    @in_virtual_time
    async def test_it_is_not_blamed_on_a_function_after_which_something_was_said(self, find):
        steps = [events.ClientTurns, call(), events.ToolResponse, 1.0, events.OutputTranscript("well")]
        ran = await failed(typed(), steps, idle=30, toolbox=find(), endpoint=vertex(WAITS_FOR_FUNCTIONS))
        assert ran.seconds == pytest.approx(31)
        assert "find" not in ran.error.message

    @in_virtual_time
    async def test_nothing_is_due_between_two_chunks_of_a_slow_question(self):
        ask = spoken(*[bytes([1, 64]) * 16_000] * 5, speed=0.1, chunk_bytes=32_000)
        ran = await answered(ask, [events.ActivityEnd, *ANSWER], idle=5, send_seconds=1)
        assert ran.seconds > 40

    @in_virtual_time
    async def test_a_slow_reader_of_the_reply_is_not_the_services_silence(self):
        asyncio.get_running_loop().blocking_seconds = 100.0
        steps = [events.Text, sound(1), sound(2), GENERATED, COMPLETE]
        ran = await answered(typed(), steps, idle=30, sink=Sink(waits=True))
        assert ran.sink.pcm == sound(1).pcm + sound(2).pcm
        assert ran.seconds == pytest.approx(200, abs=1)

    @in_virtual_time
    async def test_silence_after_a_slow_reader_counts_from_its_end(self):
        asyncio.get_running_loop().blocking_seconds = 100.0
        ran = await failed(typed(), [events.Text, sound(1)], idle=30, sink=Sink(waits=True))
        assert ran.seconds == pytest.approx(130)

    @in_virtual_time
    async def test_the_time_in_which_the_process_was_stopped_does_not_count(self):
        stop_the_process(at=10, seconds=100)
        ran = await answered(typed(), [events.Text, 110.5, *ANSWER], idle=30)
        assert ran.seconds == pytest.approx(110.5 + LINGER_SECONDS)

    @in_virtual_time
    async def test_silence_after_a_stop_counts_from_its_end(self):
        stop_the_process(at=10, seconds=100)
        ran = await failed(typed(), [events.Text], idle=30)
        assert ran.seconds == pytest.approx(110 + 30)

    @in_virtual_time
    async def test_nothing_is_due_while_the_next_connection_is_opened(self):
        first = [events.Text, handle(consumed=1), 5.0, lost()]
        ran = await answered(typed(), first, [25.0, *ANSWER], idle=30, open_seconds=100)
        assert ran.seconds == pytest.approx(5 + 100 + 25 + LINGER_SECONDS)

    @in_virtual_time
    async def test_it_counts_from_the_next_connection_on(self):
        ran = await failed(typed(), [events.Text, handle(consumed=1), 5.0, lost()], [], idle=30, open_seconds=100)
        assert ran.seconds == pytest.approx(5 + 100 + 30)


class TestFailures:
    @pytest.mark.parametrize("resumes", [True, False])
    @in_virtual_time
    async def test_a_session_that_ends_before_the_answer_does(self, resumes):
        ran = await failed(typed(), [events.Text, sound(1), closed(1011)], resumes=resumes)
        assert ran.error.close_code == 1011
        assert ran.sink.pcm == sound(1).pcm
        assert ran.stats.received.chunks == 1

    @in_virtual_time
    async def test_a_session_that_ends_while_the_question_is_sent(self):
        steps = [events.AudioChunk, Unwritable(closed(1006)), 1.0, sound(1), closed(1008)]
        ran = await failed(spoken(LOUD * 50, speed=1), steps)
        assert ran.error.close_code == 1008, "why it ended is what was read last"
        assert ran.sink.pcm == sound(1).pcm, "what was received is kept, though sending failed first"

    @in_virtual_time
    async def test_a_sink_that_cannot_be_written(self):
        class Full(Sink):
            def write(self, pcm, rate):
                raise FileError("the disk is full")

        ran = await failed(typed(), [events.Text, sound(1)], sink=Full())
        assert isinstance(ran.error, FileError)

    @in_virtual_time
    async def test_an_input_that_cannot_be_read(self):
        class Broken(Source):
            async def __aiter__(self):
                yield LOUD
                raise FileError("cannot read the input")

        ran = await failed(lambda exchange: exchange.speak(Broken(), SendOptions(speed=0)), [])
        assert isinstance(ran.error, FileError)
        assert ran.sessions[0].heard == LOUD

    @in_virtual_time
    async def test_when_it_is_cancelled_what_came_is_kept_and_nothing_goes_on(self, find):
        told, sink, stats = Told(), Sink(), TransferStats()
        steps = [events.Text, sound(1), events.OutputTranscript("a"), call(), 1.0, sound(2)]
        async with scripted_line(steps, reporter=told, endpoint=vertex()) as (line, _):
            exchange = Turn(line, sink, stats, told, toolbox=find(60.0))
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(5.0):
                    await exchange.run(exchange.type("hi"), math.inf)
        assert sink.pcm == sound(1).pcm + sound(2).pcm
        assert stats.said == "a"
        assert find.ended == ["stopped"]
        assert asyncio.all_tasks() == {asyncio.current_task()}


class TestOneTurnOfMany:
    @in_virtual_time
    async def test_each_turn_has_its_own_answer(self):
        steps = [events.Text, sound(1), COMPLETE, events.Text, sound(2), sound(3), COMPLETE]
        async with talking(steps) as talk:
            one, first = await talk.ask(typed("one"))
            two, second = await talk.ask(typed("two"))
        assert (one.pcm, two.pcm) == (sound(1).pcm, sound(2).pcm + sound(3).pcm)
        assert (first.messages, second.messages) == (2, 3)

    @in_virtual_time
    async def test_the_end_of_the_session_is_the_end_of_the_turn(self):
        async with talking([events.Text, sound(1), closed(1011)]) as talk:
            with pytest.raises(ServerError, match="ended before the answer"):
                await talk.ask(typed())

    @in_virtual_time
    async def test_a_silent_service_is_an_error_of_the_turn(self):
        async with talking([events.Text]) as talk:
            with takes(30.0), pytest.raises(DeadlineError):
                await talk.ask(typed(), idle=30)

    @in_virtual_time
    async def test_the_rest_of_an_answer_that_is_cut_is_not_kept(self, find):
        steps = [events.Text, sound(1), call(), 1.0, sound(2), 1.0, events.Interrupted(), COMPLETE]
        async with talking(steps, toolbox=find(60.0)) as talk:
            sink, stats = await talk.ask_and_cut(typed(), 0.5)
        assert sink.pcm == sound(1).pcm
        assert stats.received.chunks == 1
        assert stats.interrupted
        assert find.ended == ["stopped"]

    @in_virtual_time
    async def test_the_turn_of_a_call_that_is_cut_is_over_before_its_command_has_stopped(self, find):
        find.stop_seconds = 1.0
        steps = [events.Text, call(), events.Text, COMPLETE, *ANSWER]
        async with talking(steps, toolbox=find(60.0)) as talk:
            first = asyncio.create_task(talk.ask(typed()))
            await asyncio.sleep(0.5)
            talk.turns[0].cut()
            await talk.line.send(events.Text("never mind"))
            await idle()
            assert talk.turns[0].is_over, "what comes now belongs to the next turn"
            assert find.ended == []
            await first
        assert find.ended == ["stopped"]

    @in_virtual_time
    async def test_an_answer_that_is_cut_calls_no_functions(self, find):
        async with talking([events.Text, sound(1), 1.0, call(), COMPLETE], toolbox=find()) as talk:
            await talk.ask_and_cut(typed(), 0.5)
            assert responses(talk.said[0]) == []

    @in_virtual_time
    async def test_what_would_follow_an_answer_that_is_cut_is_not_waited_for(self):
        async with talking([events.Text, sound(1), events.InteractionStatus("IN_PROGRESS"), COMPLETE]) as talk:
            with takes(0.5):
                await talk.ask_and_cut(typed(), 0.5)

    @in_virtual_time
    async def test_a_turn_in_which_nothing_is_asked_here_is_an_answer_to_what_was_spoken(self):
        async def listen(exchange):
            exchange.listen()

        steps = [events.AudioChunk, events.InputTranscript("hello"), 1.0, sound(1), COMPLETE]
        async with talking(steps, endpoint=developer()) as talk:
            asking = asyncio.create_task(talk.ask(listen))
            await asyncio.sleep(0)
            await talk.line.send(events.AudioChunk(LOUD))
            sink, stats = await asking
        assert sink.pcm == sound(1).pcm
        assert stats.heard == "hello"

    @pytest.mark.parametrize(
        ("beside", "seconds"),
        [
            ([events.OutputTranscript("a"), events.Usage({})], 0.0),
            ([events.OutputTranscript("a")], LINGER_SECONDS),
            ([events.Usage({})], LINGER_SECONDS),
        ],
    )
    @in_virtual_time
    async def test_after_it_what_is_missing_is_waited_for(self, beside, seconds):
        async with talking([events.Text, sound(1), *beside, COMPLETE]) as talk:
            await talk.ask(typed())
            with takes(seconds):
                await talk.turns[0].wait_for_late_events()
