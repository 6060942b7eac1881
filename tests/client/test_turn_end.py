"""When a turn is over: everything that is sent, received and waited for, in every order that matters.

A case is a line of steps; `is_over` says whether the turn is answered after the last of them.
"""

from __future__ import annotations

import re
from typing import Any, ClassVar

import pytest

from livecli.client.turn_end import (
    SETTLE_SECONDS,
    PendingCallCount,
    Phase,
    ResponseStep,
    Step,
    TurnCompletion,
    TurnEnd,
    advance,
    completion_of,
)
from livecli.protocol import events
from livecli.protocol.messages import FunctionCall
from livecli.protocol.models import MODELS
from livecli.protocol.setup import Until
from tests.cases import in_one_test

RECEIVED = {
    "audio": events.AudioChunk(b"\0\0", 24_000),
    "text": events.ModelText("a"),
    "thought": events.Thought("hm"),
    "call": events.ToolCall((FunctionCall(name="f", id="c"),)),
    "cancellation": events.ToolCallCancellation(("c",)),
    "heard": events.InputTranscript("a"),
    "said": events.OutputTranscript("a", finished=True),
    "generated": events.GenerationComplete(),
    "interrupted": events.Interrupted(),
    "complete": events.TurnComplete(),
    "usage": events.Usage({}),
    "handle": events.ResumptionUpdate("h", resumable=True),
    "going": events.GoAway(50.0),
    "waiting": events.WaitingForInput(),
    "IN_PROGRESS": events.InteractionStatus("IN_PROGRESS"),
    "IDLE": events.InteractionStatus("IDLE"),
    "REQUIRES_ACTION": events.InteractionStatus("REQUIRES_ACTION"),
    "UNHEARD_OF": events.InteractionStatus("UNHEARD_OF"),
    "START": events.VoiceActivity("ACTIVITY_START", 0.2),
    "END": events.VoiceActivity("ACTIVITY_END", 4.88),
}
SECONDS = re.compile(r"\d+(\.\d+)?s")


class Played:
    """One turn to which steps happen: `asks` more is sent, `asked` all of it, functions run and respond."""

    def __init__(self, completion: TurnCompletion = TurnCompletion.TURN) -> None:
        self.state = self._mark = TurnEnd(completion=completion)
        self.now = 1000.0

    @property
    def is_over(self) -> bool:
        return self.state.phase is Phase.OVER

    def play(self, steps: str) -> Played:
        for step in steps.split(", "):
            if SECONDS.fullmatch(step):
                self._wait(float(step[:-1]))
            elif step in RECEIVED:
                if step == "call":
                    self._advance(PendingCallCount(self.state.pending + 1))
                self._advance(RECEIVED[step])
            else:
                self._act(step)
        return self

    def _advance(self, event: events.Event | Step | ResponseStep | PendingCallCount) -> None:
        self.state = advance(self.state, event, self.now)

    def _wait(self, seconds: float) -> None:
        """As Turn waits: it looks at the state when that asks for it, and not before."""
        ends_at = self.now + seconds
        if self.state.settles_at is not None and self.state.settles_at <= ends_at:
            self.now = self.state.settles_at
            self._advance(Step.TIME)
        self.now = ends_at

    def _act(self, step: str) -> None:
        match step:
            case "asks":
                self._advance(Step.ASK)
            case "part":
                self._advance(Step.PART_SENT)
            case "asked":
                self._advance(Step.ALL_SENT)
            case "responds":
                self._respond(held=False)
            case "responds silently":
                self._respond(held=False, silent=True)
            case "responds to a model that waits":
                self._respond(held=True)
            case "responds to one of two":
                self._respond(held=False, id="a", together=frozenset("ab"))
            case "responds to the other":
                self._respond(held=False, id="b", together=frozenset("ab"))
            case "responds in the turn of the call":
                self._respond(held=True, one_turn=True)
            case "stopped":  # a call is over without a response
                self._advance(PendingCallCount(self.state.pending - 1))
            case "gives up":
                self._advance(Step.GIVE_UP)
            case "keeps":
                self._mark = self.state
            case "begins again":
                self.state = self.state.restored(self._mark, asked=False)
            case "begins again and asks again":
                self.state = self.state.restored(self._mark, asked=True)
            case _:
                raise AssertionError(f"no such step: {step}")

    def _respond(self, *, held: bool, silent: bool = False, **further: Any) -> None:
        self._advance(ResponseStep(held, silent, **further))
        self._advance(PendingCallCount(self.state.pending - 1))


OVER = [
    "asked, audio, complete",
    "asked, audio, generated, complete",
    "asks, asks, asked, audio, generated, usage, complete",
    "asked, text, complete",
    "asked, said, complete",
    "asked, audio, interrupted, complete",
    "asked, audio, generated, interrupted, complete",
    # A turn that ended after the last of the question was sent, and before that was known to be the last.
    "asks, audio, complete, asked",
    "asks, complete, asks, audio, complete, asked",
    "asks, audio, complete, asks, asked, audio, complete",
]
NOT_OVER = [
    "asks",
    "asked",
    "asked, 1000s",
    "asked, audio",
    "asked, audio, generated",
    "asked, audio, interrupted",
    "asked, audio, generated, usage, said, heard, 1000s",
    "asked, heard, handle, going, waiting",
    # More of the question was sent after that turn had ended.
    "asks, audio, complete, asks, asked",
    "asks, audio, complete, asks, asked, audio",
    "asks, audio, complete, audio, complete, asks, asked, audio, generated",
    # Not all of it was sent.
    "asks, audio, complete",
    "asks, audio, complete, 1000s",
    "asks, IDLE, complete",
]

EMPTY_TURNS_OVER = [
    "asked, complete",
    "asked, heard, complete",
    "asked, thought, complete",
]
"""A turn in which the model says nothing ends it, too."""

INTERRUPTED_OVER = [
    # A pause inside the question: the answer is to all of it.
    "asked, heard, interrupted, complete, usage, heard, audio, complete",
    "asked, interrupted, complete, interrupted, complete, 1000s, thought, text, complete",
    "asked, interrupted, complete, complete",
    "asked, interrupted, complete, thought, call, responds to a model that waits, audio, complete",
    "asks, heard, interrupted, complete, asked, 20s, audio, complete",
    # The one before it was answered.
    "asks, audio, complete, interrupted, complete, asked",
]
INTERRUPTED_NOT_OVER = [
    "asked, interrupted, complete",
    "asked, interrupted, complete, 1000s",
    "asked, thought, interrupted, complete, 1000s",
    "asked, said, interrupted, complete, 1000s",
    "asks, interrupted, complete, asked, 1000s",
]

CALLS_OVER = [
    # The model does not wait for its functions: it speaks of what they return in a turn of its own.
    "asked, call, responds, complete, audio, complete",
    "asked, call, complete, responds, audio, complete",
    "asked, audio, call, complete, 60s, responds, 1s, audio, generated, complete",
    "asked, call, responds, complete, call, responds, complete, audio, complete",
    "asked, call, call, responds, complete, responds, audio, complete, audio, complete",
    # It speaks once of what two calls of one message return.
    "asked, call, call, responds to one of two, responds to the other, complete, 29s, audio, complete",
    "asked, call, call, responds to one of two, complete, responds to the other, 29s, audio, complete",
    "asked, call, call, complete, responds to one of two, responds to the other, audio, complete",
    "asked, call, call, responds to one of two, audio, complete, responds to the other, complete, audio, complete",
    "asked, call, call, complete, responds to one of two, audio, complete, responds to the other, audio, complete",
    # Not of what is silent.
    "asked, audio, call, responds silently, complete",
    "asked, audio, call, complete, responds silently",
    # The model waits for its functions: all of it is one turn.
    "asked, call, responds to a model that waits, audio, complete",
    "asked, call, responds to a model that waits, call, responds to a model that waits, audio, complete",
    # Its patience was over before the response was there: that has a turn of its own.
    "asked, call, responds to a model that waits, complete, audio, complete",
    "asked, call, complete, responds to a model that waits, audio, complete",
    # The turn of the call ends empty after the response, and that of the answer takes its time.
    "asked, call, responds, complete, 29s, audio, complete",
    "asked, call, complete, responds, complete, 29s, audio, complete",
    "asked, call, responds to a model that waits, complete, usage, 29s, said, audio, complete",
    "asked, audio, call, responds, generated, complete, 29s, audio, complete",
    "asked, audio, call, responds, interrupted, complete, 29s, audio, complete",
    "asked, call, responds, thought, complete, 29s, call, responds, complete, 29s, audio, complete",
    "asked, call, responds in the turn of the call, audio, complete",
    # A call that is cancelled has no response, and no turn.
    "asked, call, cancellation, stopped, audio, complete",
    "asked, audio, call, complete, stopped",
]
CALLS_NOT_OVER = [
    "asked, call, complete",
    "asked, audio, call, complete, 1000s",
    "asked, call, call, complete, stopped",
    "asked, call, complete, responds",
    "asked, call, complete, responds, 1000s",
    "asked, call, responds, complete",
    "asked, call, responds, complete, 1000s",
    "asked, call, responds, complete, complete, 1000s",
    "asked, call, responds, complete, said, usage, 1000s",
    "asked, call, responds, complete, audio, 1000s",
    "asked, call, responds, complete, call, responds, complete, audio",
    "asked, call, call, responds to one of two, complete, audio, complete, 1000s",
    "asked, call, call, responds to one of two, complete, responds to the other, complete, 1000s",
    "asked, call, responds to a model that waits",
    "asked, call, responds to a model that waits, complete, 1000s",
    "asked, call, responds to a model that waits, audio, 1000s",
    "asked, call, complete, responds to a model that waits, 1000s",
    "asks, call, responds silently, complete",
]

STATUS_OVER = [
    "asked, IN_PROGRESS, audio, complete, IDLE",
    "asked, IN_PROGRESS, audio, IDLE, complete",
    "asked, IN_PROGRESS, audio, REQUIRES_ACTION, complete",
    "asked, IN_PROGRESS, audio, complete, audio, complete, IDLE",
    "asked, audio, IN_PROGRESS, complete, call, responds to a model that waits, audio, IDLE, complete",
    "asks, IN_PROGRESS, audio, complete, IDLE, asked",
]
STATUS_NOT_OVER = [
    "asked, IN_PROGRESS, audio, complete",
    "asked, IN_PROGRESS, audio, complete, 1000s",
    "asked, IN_PROGRESS, audio, complete, audio, complete",
    "asked, IN_PROGRESS, IDLE",
    "asked, IN_PROGRESS, audio, IDLE",
    "asked, UNHEARD_OF, audio, complete",
    "asked, IN_PROGRESS, audio, complete, call, IDLE",
    # What is doubtful is not settled by time while the service is at work.
    "asked, call, responds, IN_PROGRESS, complete, 1000s",
]


@in_one_test("steps", [*OVER, *EMPTY_TURNS_OVER, *INTERRUPTED_OVER, *CALLS_OVER, *STATUS_OVER])
def test_it_is_over(steps):
    *before, last = steps.split(", ")
    played = Played().play(", ".join(before))
    assert not played.is_over, "it was over before"
    assert played.play(last).is_over


@in_one_test("steps", [*NOT_OVER, *INTERRUPTED_NOT_OVER, *CALLS_NOT_OVER, *STATUS_NOT_OVER])
def test_it_is_not_over(steps):
    assert not Played().play(steps).is_over


def test_a_status_may_come_in_the_message_that_ends_the_last_turn():
    played = Played().play("asked, audio, IN_PROGRESS, complete, 300s, audio, IDLE")
    assert not played.is_over, "that turn has not ended"
    assert played.play("complete").is_over


DOUBTFUL = [
    "asked, call, responds, audio, complete",
    "asked, call, responds, said, complete",
    "asked, audio, call, responds in the turn of the call, complete",
    "asked, call, responds to a model that waits, said, complete",
    "asked, call, call, responds, responds, complete, audio, complete",
    "asked, call, responds, IN_PROGRESS, complete, IDLE",
    "asked, call, responds, IN_PROGRESS, IDLE, complete",
]
"""A turn may still come, or have been spoken with the one before: time tells."""


class TestDoubt:
    def test_it_settles_within_seconds(self):
        assert SETTLE_SECONDS == 5

    @in_one_test("steps", DOUBTFUL)
    def test_it_is_over_once_nothing_has_come_for_a_while(self, steps):
        played = Played().play(f"{steps}, 4.9s")
        assert not played.is_over
        assert played.play("0.2s").is_over

    @in_one_test("steps", DOUBTFUL)
    @in_one_test("sign", ["heard", "said", "usage", "handle", "going"])
    def test_whatever_comes_starts_that_time_anew(self, steps, sign):
        played = Played().play(f"{steps}, 4s, {sign}, 4.9s")
        assert not played.is_over
        assert played.play("0.2s").is_over

    @in_one_test("steps", DOUBTFUL)
    @in_one_test("sign", ["audio", "text", "thought", "call"])
    def test_a_turn_that_begins_is_waited_for(self, steps, sign):
        played = Played().play(f"{steps}, 4s, {sign}, 1000s")
        assert not played.is_over

    @in_one_test("steps", DOUBTFUL)
    def test_a_turn_that_begins_ends_it(self, steps):
        assert Played().play(f"{steps}, 4s, audio, 60s, complete").is_over

    @in_one_test("steps", DOUBTFUL)
    def test_a_session_that_is_gone_on_with_does_not_settle_meanwhile(self, steps):
        played = Played().play(f"{steps}, 4s, begins again, 1000s")
        assert not played.is_over


class TestGivingUp:
    @in_one_test(
        "steps",
        [
            "asked, audio, call, complete",
            "asked, audio, IN_PROGRESS, complete",
            *DOUBTFUL,
        ],
    )
    def test_it_is_over_where_no_turn_is_certain_to_end(self, steps):
        played = Played().play(steps)
        assert not played.is_over
        assert played.play("gives up").is_over

    @in_one_test(
        "steps",
        [
            "asks",
            "asks, audio, complete",
            "asked",
            "asked, audio",
            "asked, audio, interrupted",
            # The model may be about to speak of what the function returned.
            "asked, call, responds, complete",
            "asked, call, responds, complete, audio",
        ],
    )
    def test_it_is_not_where_one_is(self, steps):
        assert not Played().play(f"{steps}, gives up").is_over

    @in_one_test(
        "steps",
        [
            "asked, audio, gives up, interrupted, complete",
            "asked, gives up, interrupted, complete",
            "asked, interrupted, complete, gives up, interrupted, complete",
            "asked, call, call, responds, stopped, audio, gives up, complete",
            # The command of the call has not stopped yet.
            "asked, call, gives up, complete",
            "asked, call, responds, complete, gives up, audio, complete",
            "keeps, asked, gives up, begins again, interrupted, complete",
        ],
    )
    def test_that_turns_end_is_its_end_then(self, steps):
        assert Played().play(steps).is_over


class TestBeginningAgain:
    """The session goes on from a place that it had come to before."""

    @in_one_test(
        ("steps", "rest"),
        [
            ("keeps, asks, audio, complete, asks, begins again, asked", "audio, complete"),
            ("asks, keeps, audio, complete, begins again, asked, audio", "complete"),
            ("asked, IN_PROGRESS, keeps, IDLE, begins again, audio, complete", "IDLE"),
            ("asked, call, complete, responds, keeps, audio, begins again, audio", "complete"),
            # The turn of a call that the session does not know any more may end first.
            ("keeps, asked, call, stopped, begins again and asks again, complete, 20s", "audio, complete"),
            ("keeps, asked, call, stopped, begins again, complete, 20s, thought", "complete"),
            ("keeps, asked, call, responds, begins again and asks again, complete, 20s, audio", "complete"),
            ("asked, call, complete, keeps, responds, begins again and asks again, audio", "complete"),
            ("asks, audio, complete, keeps, begins again and asks again, asked, audio", "complete"),
        ],
    )
    def test_what_was_taken_back_is_waited_for_again(self, steps, rest):
        played = Played().play(steps)
        assert not played.is_over
        assert played.play(rest).is_over

    def test_an_empty_turn_may_end_it_where_no_call_was_lost(self):
        played = Played().play("keeps, asked, audio, begins again and asks again, complete")
        assert not played.is_over
        assert played.play("20s").is_over

    def test_an_empty_rest_of_a_call_that_was_kept_ends_it(self):
        assert Played().play("asked, call, keeps, stopped, begins again and asks again, complete").is_over

    def test_an_empty_turn_may_stand_before_the_answer(self):
        played = Played().play("keeps, asked, begins again and asks again, complete, 4s, audio, 20s")
        assert not played.is_over
        assert played.play("complete").is_over

    def test_what_was_answered_and_kept_is_not(self):
        assert Played().play("asks, audio, complete, keeps, begins again, asked").is_over

    def test_it_may_begin_again_more_than_once(self):
        steps = "asks, keeps, audio, complete, begins again, audio, complete, begins again, asked"
        played = Played().play(steps)
        assert not played.is_over
        assert played.play("audio, complete").is_over


COMPLETIONS_OVER = {
    TurnCompletion.GENERATED: [
        "asked, audio, generated",
        "asked, text, generated",
        "asks, audio, generated, asked",
        # The other models' end, of a turn without it or without sound.
        "asked, audio, complete",
        "asked, said, generated, complete",
        "asked, audio, interrupted, complete",
        # The calls' turns end as elsewhere.
        "asked, call, responds to a model that waits, audio, generated",
        "asked, call, responds, complete, audio, generated",
        "asked, call, said, generated, responds, interrupted, complete, said, audio, generated",
        "asked, audio, call, generated, responds, complete, audio, generated",
        "asked, call, generated, complete, responds to a model that waits, audio, generated",
        "asked, call, responds to a model that waits, said, generated, complete, audio, generated",
    ],
    TurnCompletion.ACTIVITY: [
        "asked, START, heard, generated",
        "asked, START, END",
        "asks, START, heard, generated, END, asks, START, asked, heard, generated",
        "asks, START, asked, END",
        # Nothing was heard in an activity without audio.
        "asked, complete",
    ],
    TurnCompletion.QUIET: [
        "asked, audio, complete",
        "asked, audio, generated, 3s, heard, 3s, said, audio, 4.9s, audio, 4.9s, 0.2s",
        "asks, audio, asked, 4.9s, 0.2s",
        "asked, 20s, thought, 20s, said, 20s, audio, usage, 4.9s, 0.2s",
    ],
}
COMPLETIONS_NOT_OVER = {
    TurnCompletion.GENERATED: [
        "asked, audio",
        "asked, generated",
        "asked, said, generated",
        "asked, call, generated",
        "asks, audio, generated, asks, complete, asked",
        "asked, call, responds to a model that waits, generated, complete, 1000s",
    ],
    TurnCompletion.ACTIVITY: [
        "asked, START, heard, 1000s",
        "asks, heard, generated, asks, END, asked, START, 1000s",
    ],
    TurnCompletion.QUIET: [
        "asked, 1000s",
        "asked, heard, said, thought, 1000s",
        "asks, audio, 1000s",
    ],
}


def cases(of):
    return [(completion, steps) for completion, some in of.items() for steps in some]


class TestEndings:
    """Models and options that do not wait for TurnComplete."""

    @in_one_test(("completion", "steps"), cases(COMPLETIONS_OVER))
    def test_it_is_over(self, completion, steps):
        *before, last = steps.split(", ")
        played = Played(completion).play(", ".join(before))
        assert not played.is_over, "it was over before"
        assert played.play(last).is_over

    @in_one_test(("completion", "steps"), cases(COMPLETIONS_NOT_OVER))
    def test_it_is_not_over(self, completion, steps):
        assert not Played(completion).play(steps).is_over

    @in_one_test(
        ("model", "until", "completion"),
        [
            ("gemini-3.8-live", Until.TURN, TurnCompletion.TURN),
            ("gemini-3.8-live", Until.GENERATED, TurnCompletion.GENERATED),
            # The status that ends its answer comes with TurnComplete.
            ("gemini-3.8-live-extended-thinking", Until.GENERATED, TurnCompletion.TURN),
            ("gemini-3.5-transcribe-live", Until.TURN, TurnCompletion.ACTIVITY),
            ("gemini-3.5-transcribe-live", Until.GENERATED, TurnCompletion.ACTIVITY),
            ("gemini-3.5-live-translate-preview", Until.TURN, TurnCompletion.QUIET),
            ("gemini-3.5-live-translate-preview", Until.GENERATED, TurnCompletion.QUIET),
        ],
    )
    def test_what_ends_an_answer_depends_on_the_model(self, model, until, completion):
        assert completion_of(MODELS[model].turns, until) is completion


class TestPartsOfAQuestion:
    """A long question is asked in parts: each is answered before the next."""

    @in_one_test(
        ("steps", "rest"),
        [
            ("asks", "audio, complete"),
            ("asks, audio", "complete"),
            ("asks, audio, complete, asks", "audio, complete"),
            ("asks, call", "responds to a model that waits, audio, complete"),
            ("asks, IN_PROGRESS, audio", "complete, IDLE"),
            ("asks, call, responds, complete", "audio, complete"),
            ("asks, call, responds, audio, complete", "5.1s"),
        ],
    )
    def test_a_part_is_answered_like_the_whole(self, steps, rest):
        played = Played().play(f"{steps}, part")
        *before, last = rest.split(", ")
        if before:
            played.play(", ".join(before))
        assert played.state.phase is Phase.PART_SENT
        played.play(last)
        assert played.state.phase is Phase.SENDING, "more of the question is to come"

    def test_a_part_that_is_answered_already(self):
        assert Played().play("asks, audio, complete, part").state.phase is Phase.SENDING

    def test_the_last_part_ends_it(self):
        played = Played().play("asks, part, audio, complete, asks, asked, audio")
        assert not played.is_over
        assert played.play("complete").is_over


class TestOwedTurns:
    """Which turns are still to come, in every order in which a call, its response and the ends of turns can pass."""

    STEPS: ClassVar = {
        "asked": Step.ASK,
        "says": events.ToolCall(()),
        "over": events.TurnComplete(),
        "responds": ResponseStep(held=False, silent=False),
        "responds silently": ResponseStep(held=False, silent=True),
        "resumes": ResponseStep(held=True, silent=False),
    }

    @in_one_test(
        ("steps", "owed", "doubtful"),
        [
            ("asked", 1, False),
            ("asked, says, over", 0, False),
            ("asked, over, asked, over", 0, False),
            ("over, over, asked", 1, False),
            # The model does not wait: one turn to call, one to speak of it.
            ("asked, says, over, responds", 1, False),
            ("asked, says, over, responds, says, over", 0, False),
            ("asked, says, responds, over", 1, False),
            ("asked, says, responds, says, over", 1, True),
            ("asked, says, responds, says, over, says", 1, False),
            ("asked, says, responds, over, says, over", 0, False),
            ("asked, says, responds, responds, over, says, over", 1, True),
            ("asked, says, responds, over, responds", 2, False),
            ("asked, says, responds silently, over", 0, False),
            ("asked, says, over, responds silently", 0, False),
            # The model waits: one turn in all, unless it has lost its patience.
            ("asked, says, resumes", 1, False),
            ("asked, says, resumes, says, over", 0, False),
            ("asked, says, resumes, over", 1, False),
            ("asked, says, resumes, over, says, over", 0, False),
            ("asked, says, over, resumes", 1, False),
            ("asked, says, over, resumes, says, over", 0, False),
        ],
    )
    def test_what_is_owed(self, steps, owed, doubtful):
        state = TurnEnd(owed=0)
        for step in steps.split(", "):
            state = advance(state, self.STEPS[step], 0.0)
        assert (state.owed, state.doubtful) == (owed, doubtful)


class TestEveryKindOfEvent:
    """All was asked, a function was called, its response sent, and that spoken of perhaps; a turn has ended since."""

    DOUBTFUL = "asked, call, responds, audio, complete"

    @pytest.mark.parametrize(
        "first",
        [
            events.AudioChunk(b""),
            events.ModelText("a"),
            events.Thought("a"),
            events.ModelCode({"executableCode": {}}),
            events.ToolCall(()),
        ],
    )
    def test_a_turn_that_begins_is_waited_for(self, first):
        state = advance(Played().play(self.DOUBTFUL).state, first, 1001.0)
        assert state.settles_at is None
        assert advance(state, Step.TIME, 2000.0) is state
        assert advance(state, events.TurnComplete(), 2000.0).phase is Phase.OVER

    @pytest.mark.parametrize(
        "other",
        [
            events.OutputTranscript("a"),
            events.OutputTranscript("", finished=True),
            events.InputTranscript("a"),
            events.Usage({}),
            events.Grounding({}),
        ],
    )
    def test_what_comes_late_of_the_turn_before_begins_none(self, other):
        state = advance(Played().play(self.DOUBTFUL).state, other, 1001.0)
        assert state.settles_at == 1001.0 + SETTLE_SECONDS
        assert advance(state, Step.TIME, 1001.0 + SETTLE_SECONDS).phase is Phase.OVER

    def test_an_event_that_changes_nothing_leaves_the_same_state(self):
        state = Played().play("asked, audio").state
        for event in RECEIVED.values():
            # Calls are counted.
            if (event.begins_answer or event.of_session) and not isinstance(event, events.ToolCall):
                assert advance(state, event, 1001.0) is state
