"""Who speaks when: barge-in, pace, and what is dropped."""

from __future__ import annotations

import math

import pytest

from livecli.emulator.core.behaviour import Interrupt, Say, Wait
from livecli.emulator.core.delivery import EARLY_SECONDS, LEAD_SECONDS
from livecli.emulator.core.dialogue import LATENCY_SECONDS
from livecli.emulator.core.turn import MAX_WAITING_TURNS
from livecli.emulator.pace import Pace
from livecli.protocol import events
from livecli.protocol.messages import (
    AutomaticActivityDetection,
    Content,
    FunctionDeclaration,
    Part,
    RealtimeInputConfig,
    Tool,
)
from livecli.protocol.models import Platform

FIVE_SECONDS = 2 * 24_000 * 5


class Talker:
    """Says five seconds of silence to everything."""

    def answer(self, turn):
        yield Say("on and on", [bytes(FIVE_SECONDS)])


def kinds(messages: list) -> list[type]:
    return [type(message[0]) for message in messages]


def run_until(talk, until: float, now: float = 0.0) -> list[tuple[float, list]]:
    """What is said, and when, where somebody wakes up exactly at `wake_at`."""
    said = []
    while now <= until:
        while (message := talk.conversation.next_message(now)) is not None:
            said.append((now, message))
        wake_at = talk.conversation.wake_at
        if wake_at is None or wake_at > until:
            return said
        assert wake_at > now
        now = wake_at
    return said


def interrupting(tools: tuple = (), **fields):
    detection = AutomaticActivityDetection(disabled=fields.pop("manual", True))
    return {
        "realtime_input_config": RealtimeInputConfig(automatic_activity_detection=detection, **fields),
        "tools": list(tools),
    }


def test_speech_over_a_reply_interrupts_it(talk, setup) -> None:
    session = talk(setup(), behaviour=Talker())
    session.say(events.Text("go"))
    for _ in range(5):
        assert kinds([session.conversation.next_message(0.0)]) == [events.AudioChunk]
    session.say(events.ActivityStart())
    interrupted, completed = session.answers()
    assert interrupted == [events.Interrupted()]
    assert completed[0] == events.TurnComplete()
    said_seconds = (9_600 + 4 * 11_520) / 48_000
    assert completed[1].metadata["responseTokenCount"] == math.ceil(said_seconds * 25)
    session.say(events.ActivityEnd())
    assert events.GenerationComplete in kinds(session.answers())  # the next turn is answered as ever


def test_detected_speech_interrupts_when_it_begins(talk, setup, tone, silence) -> None:
    session = talk(setup(manual=False), behaviour=Talker())
    session.say(events.Text("go"))
    session.conversation.next_message(0.0)
    session.say(events.AudioChunk(silence(1.0)))
    assert kinds([session.conversation.next_message(0.0)]) == [events.AudioChunk]
    session.say(events.AudioChunk(tone(0.1)))
    assert kinds(session.answers()) == [events.Interrupted, events.TurnComplete]


def test_a_file_faster_than_real_time_does_not_race_with_its_own_answers(talk, setup, tone, silence) -> None:
    two = [events.AudioChunk(tone(0.4) + silence(0.6)), events.AudioChunk(tone(0.4))]
    quick, slow = (talk(setup(manual=False), behaviour=Talker()) for _ in range(2))
    for session, seconds in ((quick, 0.1), (slow, 0.4)):
        session.say(two[0], now=1.0)
        session.conversation.next_message(1.0)
        session.say(two[1], now=1.0 + seconds)
    assert events.Interrupted not in kinds(quick.answers(now=2.0))
    assert kinds(slow.answers(now=2.0)) == [events.Interrupted, events.TurnComplete]


def test_the_silence_between_turns_is_echoed_where_all_input_counts(talk, setup, tone, silence) -> None:
    session = talk(setup(**interrupting(manual=False, turn_coverage="TURN_INCLUDES_ALL_INPUT")))
    session.say(events.AudioChunk(silence(1.0) + tone(0.4) + silence(0.6)))
    parts = [message[0] for message in session.answers() if isinstance(message[0], events.AudioChunk)]
    assert sum(len(part.pcm) for part in parts) == 48_000 * 15 // 10


def test_no_interruption_lets_the_model_finish(talk, setup) -> None:
    session = talk(setup(**interrupting(activity_handling="NO_INTERRUPTION")), behaviour=Talker())
    session.say(events.Text("go"))
    session.conversation.next_message(0.0)
    session.say(events.ActivityStart(), events.AudioChunk(bytes(3_200)), events.ActivityEnd())
    said = kinds(session.answers())
    assert events.Interrupted not in said
    assert said.count(events.GenerationComplete) == said.count(events.TurnComplete) == 2


@pytest.mark.parametrize("handling", [None, "NO_INTERRUPTION"])
def test_client_content_always_interrupts(talk, setup, handling) -> None:
    session = talk(setup(**interrupting(activity_handling=handling)), behaviour=Talker())
    session.say(events.Text("go"))
    session.conversation.next_message(0.0)
    session.say(events.ClientTurns((Content(role="user", parts=[Part(text="hm")]),), turn_complete=False))
    assert kinds(session.answers()) == [events.Interrupted, events.TurnComplete]


def test_a_typed_line_does_not(talk, setup) -> None:
    session = talk(setup(), behaviour=Talker())
    session.say(events.Text("go"))
    session.conversation.next_message(0.0)
    session.say(events.Text("and go on"))
    assert kinds(session.answers()).count(events.GenerationComplete) == 2


def test_there_is_nothing_to_interrupt_after_the_last_message(talk, setup) -> None:
    session = talk(setup())
    session.say(events.Text("x"))
    while not isinstance((session.conversation.next_message(0.0) or [None])[0], events.TurnComplete):
        pass
    session.say(events.ActivityStart())
    assert session.answers() == []


def test_interrupted_turns_let_go_of_their_files(talk, setup, tone) -> None:
    session = talk(setup())
    session.speak(tone(2.0))
    session.conversation.next_message(0.0)
    session.say(events.ActivityStart())
    session.answers()
    assert [spool.closed for spool in session.spools] == [True, False]


def test_a_model_may_act_as_if_it_were_interrupted(talk, setup) -> None:
    class Startled:
        def answer(self, turn):
            yield Say("So", [bytes(2)])
            yield Interrupt()
            yield Say("never", [bytes(2)])

    session = talk(setup(), behaviour=Startled())
    session.say(events.Text("go"))
    assert kinds(session.answers()) == [events.AudioChunk, events.Interrupted, events.TurnComplete]


class TestRealtime:
    def test_a_reply_takes_as_long_as_its_sound(self, talk, setup) -> None:
        session = talk(setup(), behaviour=Talker(), pace=Pace.REALTIME)
        session.say(events.Text("go"), now=100.0)
        said = run_until(session, 200.0, now=100.0)
        assert said[-1][1][0] == events.TurnComplete()
        assert said[-1][0] == pytest.approx(105.0)
        played = 100.0
        for at, message in said[:-2]:
            assert at == pytest.approx(max(100.0, played - LEAD_SECONDS))
            played += len(message[0].pcm) / 48_000
        assert said[-2][1] == [events.GenerationComplete()]
        assert said[-2][0] == said[-3][0]  # everything is produced: only the player still plays

    def test_who_wakes_up_late_does_not_drift(self, talk, setup) -> None:
        session = talk(setup(), behaviour=Talker(), pace=Pace.REALTIME)
        session.say(events.Text("go"))
        now, last = 0.0, 0.0
        while True:
            while (message := session.conversation.next_message(now)) is not None:
                last = now
                if isinstance(message[0], events.TurnComplete):
                    assert last == pytest.approx(5.013)
                    return
            now = session.conversation.wake_at + 0.013

    def test_nothing_is_due_in_between(self, talk, setup) -> None:
        session = talk(setup(), behaviour=Talker(), pace=Pace.REALTIME)
        session.say(events.Text("go"))
        session.answers(now=0.0)
        wake_at = session.conversation.wake_at
        assert wake_at > 0
        assert session.answers(now=wake_at - 0.001) == []
        assert session.conversation.wake_at == wake_at
        assert len(session.answers(now=wake_at)) == 1

    def test_speech_stops_it_in_the_middle(self, talk, setup, tone, silence) -> None:
        session = talk(setup(manual=False), behaviour=Talker(), pace=Pace.REALTIME)
        session.say(events.Text("go"))
        run_until(session, 2.0)
        session.say(events.AudioChunk(tone(0.1)), now=2.0)
        assert kinds(session.answers(now=2.0)) == [events.Interrupted, events.TurnComplete]
        assert session.conversation.wake_at is None
        session.say(events.AudioChunk(silence(0.6)), now=2.7)
        assert run_until(session, 60.0, now=2.7)[-1][0] == pytest.approx(7.7)

    def test_speech_after_the_last_part_interrupts_the_playback(self, talk, setup) -> None:
        session = talk(setup(), behaviour=Talker(), pace=Pace.REALTIME)
        session.say(events.Text("go"))
        run_until(session, 4.9)
        session.say(events.ActivityStart(), now=4.9)
        assert kinds(session.answers(now=4.9)) == [events.Interrupted, events.TurnComplete]

    def test_without_anything_to_say_there_is_nothing_to_wait_for(self, talk, setup) -> None:
        assert talk(setup(), pace=Pace.REALTIME).conversation.wake_at is None


def test_waiting_takes_its_time_even_where_nothing_else_does(talk, setup) -> None:
    class Slow:
        def answer(self, turn):
            yield Say("One", [bytes(2)])
            yield Wait(1.5)
            yield Say("two", [bytes(2)])

    session = talk(setup(), behaviour=Slow())
    session.say(events.Text("go"), now=10.0)
    assert [at for at, _ in run_until(session, 20.0, now=10.0)] == [10.0, 11.5, 11.5, 11.5]


class TestWhileFunctionsAreAwaited:
    TOOL = Tool(function_declarations=[FunctionDeclaration(name="f", behavior="BLOCKING")])

    def asked(self, talk, setup, **fields):
        session = talk(setup(**interrupting((self.TOOL,), **fields)))
        session.say(events.Text("call f"))
        ((call,),) = session.answers()
        return session, call.calls[0].id

    def test_speech_cancels_them(self, talk, setup) -> None:
        session, id = self.asked(talk, setup)
        session.say(events.ActivityStart())
        cancelled, interrupted, completed = session.answers()
        assert cancelled == [events.ToolCallCancellation((id,))]
        assert interrupted == [events.Interrupted()]
        assert completed[0] == events.TurnComplete()

    def test_typing_cancels_them_too(self, talk, setup) -> None:
        session, id = self.asked(talk, setup, activity_handling="NO_INTERRUPTION")
        session.say(events.Text("never mind"))
        assert session.answers()[0] == [events.ToolCallCancellation((id,))]

    def test_a_cancelled_function_may_still_return(self, talk, setup) -> None:
        from livecli.protocol.messages import FunctionResponse

        session, id = self.asked(talk, setup)
        session.say(events.ActivityStart())
        session.answers()
        session.say(events.ToolResponse((FunctionResponse(id=id, name="f", response={"output": "late"}),)))
        assert session.answers() == []


class TestVoiceActivity:
    def test_it_is_told_with_its_place_in_the_audio(self, talk, setup, tone, silence) -> None:
        session = talk(setup(Platform.VERTEX, manual=False, explicit_vad_signal=True), Platform.VERTEX)
        session.say(events.AudioChunk(silence(1.0) + tone(0.4)), now=77.0)
        assert session.answers(now=77.0) == [[events.VoiceActivity("ACTIVITY_START", 1.0)]]
        session.say(events.AudioChunk(silence(0.6)), now=77.0)
        ended, *_ = session.answers(now=77.0)
        assert ended == [events.VoiceActivity("ACTIVITY_END", 1.4)]

    def test_only_where_it_was_asked_for(self, talk, setup, tone, silence) -> None:
        session = talk(setup(manual=False))
        session.say(events.AudioChunk(tone(0.4)))
        assert session.answers() == []


class TestBurst:
    """At the pace of the service, a clip that is sent at once is worked through at four times real time."""

    def test_speech_events_come_when_the_audio_before_them_is_worked_through(self, talk, setup, tone, silence) -> None:
        session = talk(setup(Platform.VERTEX, manual=False, explicit_vad_signal=True), Platform.VERTEX, pace=Pace.BURST)
        clip = silence(2.0) + tone(2.0) + silence(1.0)
        for start in range(0, len(clip), 3_200):
            session.say(events.AudioChunk(clip[start : start + 3_200]), now=100.0)
        at = {
            message[0].type: now - 100.0
            for now, message in run_until(session, 110.0, now=100.0)
            if isinstance(message[0], events.VoiceActivity)
        }
        assert at["ACTIVITY_START"] == pytest.approx(2.0 / 4, abs=0.03)
        assert at["ACTIVITY_END"] == pytest.approx(4.5 / 4, abs=0.03)

    def test_one_long_chunk_is_worked_through_in_slices(self, talk, setup, tone, silence) -> None:
        session = talk(setup(Platform.VERTEX, manual=False, explicit_vad_signal=True), Platform.VERTEX, pace=Pace.BURST)
        session.say(events.AudioChunk(silence(2.0) + tone(0.4)), now=100.0)
        ((at, message),) = run_until(session, 110.0, now=100.0)
        assert isinstance(message[0], events.VoiceActivity)
        assert at == pytest.approx(100.5, abs=0.03)

    def test_speech_after_the_last_audio_interrupts_the_playback_alone(self, talk, setup) -> None:
        session = talk(setup(), behaviour=Talker(), pace=Pace.BURST)
        session.say(events.Text("go"))
        said = run_until(session, 2.0)
        assert said[-1][1] == [events.GenerationComplete()]
        session.say(events.ActivityStart(), now=2.0)
        interrupted, completed = session.answers(now=2.0)
        assert interrupted == [events.Interrupted()]
        assert completed[1].metadata["responseTokenCount"] == 5 * 25

    def test_the_end_of_a_clip_waits_until_it_is_worked_through(self, talk, setup, tone) -> None:
        session = talk(setup(), pace=Pace.BURST)
        session.speak(tone(2.0))
        said = run_until(session, 10.0)
        assert said[0][0] == pytest.approx(0.5 + LATENCY_SECONDS, abs=0.03)
        assert said[-1][0] == pytest.approx(said[0][0] + 2.0 - EARLY_SECONDS)

    def test_closing_releases_utterances_that_are_not_worked_through(self, talk, setup, tone) -> None:
        session = talk(setup(), pace=Pace.BURST)
        session.speak(tone(2.0))
        session.conversation.close()
        assert [spool.closed for spool in session.spools] == [True]

    def test_a_client_far_ahead_is_not_read(self, talk, setup, tone) -> None:
        session = talk(setup(), pace=Pace.BURST)
        sent = 0
        while session.conversation.accepts_input:
            session.speak(tone(0.1))
            sent += 1
        # Each turn is a start and an end of speech; the first start is handled at once.
        assert sent == MAX_WAITING_TURNS // 2 + 1
