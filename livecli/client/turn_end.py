"""The end of a turn: a table of states, and what leads from one to the next. No I/O, and time is an argument.

    SENDING --PART_SENT--> PART_SENT --answered--> SENDING --ALL_SENT--> ALL_SENT --answered--> OVER

A request is answered once the model owes no more turns, every function that it called has returned, and the service
reports no interaction in progress.

A function that the model does not wait for is called in one turn and spoken of in another, and its response may be sent
while the first turn still ends, so the turns that the model owes are counted. The responses to the calls of one message
are one turn on models of which that is known. Elsewhere one turn may speak of several responses: after it, the turns
that are still owed are doubtful, and are waited for no longer than SETTLE_SECONDS.

An empty turn answers nothing, and its TurnComplete is not counted: gemini-2.5 sends one, interrupted, for a pause in
the question (recorded), gemini-3.8-live one 10 ms after a response (probed 2026-10-02), and gemini-live-2.5-flash ends
the turn of each call so (recorded). The answer is a turn of its own, which may take any time to begin. gemini-3.8-live
also ends the turn of a call so that a resumed session does not know any more, before it answers (one report, 2026-10).
The first turn of a resumed session is doubtful where it is empty without such a call.

A turn is completed by the event of its `TurnCompletion`. For most models that is TurnComplete, which comes when the
answer would have been played.
"""

from __future__ import annotations

from collections.abc import Callable
from enum import Enum, auto
from typing import Any

import msgspec
from msgspec.structs import replace

from ..protocol import events
from ..protocol.models import AnswerEnd, TurnFacts
from ..protocol.setup import Until

# How long a turn may take to begin of which it is doubtful whether it will come at all. Also how long a model is silent
# that has said all that it will, where the service does not say so.
SETTLE_SECONDS = 5.0

# Interaction statuses after which the model adds nothing by itself. REQUIRES_ACTION is the deprecated name of IDLE.
IDLE_STATUSES = ("IDLE", "REQUIRES_ACTION")


class TurnCompletion(Enum):
    """The event that completes a turn of the model.

    TURN: TurnComplete. GENERATED: GenerationComplete, or the TurnComplete of a turn without it. ACTIVITY: what ends the
    answer to one activity of a transcribing model, GenerationComplete or, where nothing was heard, ACTIVITY_END. QUIET:
    nothing, so it is over after SETTLE_SECONDS without an event. A TurnComplete counts in each case.
    """

    TURN = auto()
    GENERATED = auto()
    ACTIVITY = auto()
    QUIET = auto()


def completion_of(turns: TurnFacts, until: Until = Until.TURN) -> TurnCompletion:
    """The event that completes the turns of a model.

    An answer with interaction statuses is in several turns, and the status comes with TurnComplete: that is waited for.
    """
    if turns.ends_at is not AnswerEnd.TURN:
        return TurnCompletion.QUIET if turns.ends_at is AnswerEnd.NEVER else TurnCompletion.ACTIVITY
    return (
        TurnCompletion.GENERATED if until is Until.GENERATED and not turns.interaction_status else TurnCompletion.TURN
    )


class Phase(Enum):
    """How far a request has come. In PART_SENT an answer to what has been sent is due before the rest is sent."""

    SENDING = auto()
    PART_SENT = auto()
    ALL_SENT = auto()
    OVER = auto()


class Step(Enum):
    """A step of a turn that is not an event of the session.

    ASK: more of the request is about to be sent, which no turn that has ended answers. GIVE_UP: neither function calls
    nor doubtful turns are waited for any more. ABANDON: nothing is. CLOSED: the session has ended. TIME: some time has
    passed.
    """

    ASK = auto()
    PART_SENT = auto()
    ALL_SENT = auto()
    GIVE_UP = auto()
    ABANDON = auto()
    CLOSED = auto()
    TIME = auto()


class ResponseStep(msgspec.Struct, frozen=True):
    """A function's response is about to be sent.

    `held` is whether the model keeps its turn open for it, if that has not ended. A `silent` response is not spoken of.
    `one_turn` is whether the model speaks of it in the turn of the call, so that an empty TurnComplete may be the last.
    `id` is the call's, and `together` has the ids of the calls whose responses one turn speaks of, with this one.
    """

    held: bool
    silent: bool
    one_turn: bool = False
    id: str | None = None
    together: frozenset[str | None] = frozenset()


class PendingCallCount(msgspec.Struct, frozen=True):
    """The number of function calls without a response has changed to `count`."""

    count: int


class TurnState(msgspec.Struct, frozen=True):
    """The model's present turn: what it has done since its last TurnComplete.

    `is_open` is whether a TurnComplete is certain to follow. `said` is whether it has said, written or called anything
    since the last response, and `transcribed` whether a transcript has come without that. Thoughts are not said.
    `one_turn` is that of the last response. `counted` is whether it counts as complete before its TurnComplete, or
    ACTIVITY_END.
    """

    is_open: bool = False
    said: bool = False
    transcribed: bool = False
    interrupted: bool = False
    one_turn: bool = False
    counted: bool = False


class TurnEnd(msgspec.Struct, frozen=True):
    """State of one turn of the user, and of the model's turns that answer it.

    `owed` is the number of turns that are still to be completed; while it is `doubtful`, there may be none. The
    responses to the calls `counted` add none, because their turn was counted with another response.
    `responded` is whether a response was sent that no turn has spoken of yet. `given_up` is whether the rest of the
    answer is unwanted. `status` is the interaction status that the service reported last. At `settles_at` (seconds)
    doubtful turns are no longer waited for. `calls` counts the messages with function calls. `call_lost` is whether the
    session was resumed from before one of these, so that the turn of the call may still end. `resumed` is whether it
    was resumed in this turn, or just before it, and no turn has ended since. With `waits_for_others` the service may be
    at work for functions of an earlier turn, which never return: its status proves nothing.
    """

    phase: Phase = Phase.SENDING
    owed: int = 1
    doubtful: bool = False
    turn: TurnState = TurnState()
    responded: bool = False
    given_up: bool = False
    status: str = "IDLE"
    pending: int = 0
    counted: frozenset[str | None] = frozenset()
    calls: int = 0
    call_lost: bool = False
    resumed: bool = False
    waits_for_others: bool = False
    settles_at: float | None = None
    completion: TurnCompletion = TurnCompletion.TURN

    @property
    def is_unspoken(self) -> bool:
        """Whether a response was sent of which the model has said nothing yet."""
        return self.responded and not self.turn.said

    @property
    def answers_nothing(self) -> bool:
        """Whether the model's present turn, if it ended now, would leave its answer due."""
        ends_another = self.responded or self.turn.interrupted or self.call_lost or self.resumed
        return not self.given_up and not self.turn.said and ends_another

    def restored(self, then: TurnEnd, *, asked: bool) -> TurnEnd:
        """This turn after everything received since `then` was taken back.

        `asked` is whether any of the request is sent again.
        """
        owed = max(then.owed, 1) if asked else then.owed
        kept = replace(then, phase=self.phase, pending=self.pending, given_up=self.given_up)
        call_lost = then.call_lost or self.calls > then.calls
        return replace(kept, owed=owed, settles_at=None, call_lost=call_lost, resumed=then.resumed or asked)


def advance(state: TurnEnd, event: events.Event | Step | ResponseStep | PendingCallCount, now: float) -> TurnEnd:
    """The state after `event`, which was received, sent or otherwise happened at `now` (seconds).

    Returns `state` itself where nothing changes, as for most events.
    """
    # First and alone, since nearly every event is the next piece of an answer that has begun.
    if state.turn.is_open and state.turn.said and type(event) is events.AudioChunk:
        return state
    if state.phase is Phase.OVER:
        return state
    if event is Step.TIME:
        return state if state.settles_at is None or now < state.settles_at else _answered(state)
    transition = TRANSITIONS.get(event if isinstance(event, Step) else type(event))
    if transition is not None:
        state = transition(state, event)
    elif isinstance(event, events.Event) and event.begins_answer:
        state = _begin(state, event)
    return _judged(state, now)


def _ask(state: TurnEnd, step: Step) -> TurnEnd:
    return state if state.owed or state.phase is not Phase.SENDING else replace(state, owed=1)


def _give_up(state: TurnEnd, step: Step) -> TurnEnd:
    is_certain = state.turn.is_open or (state.owed and not state.doubtful)
    is_over = state.phase is Phase.ALL_SENT and not is_certain
    return replace(state, phase=Phase.OVER if is_over else state.phase, given_up=True)


def _close(state: TurnEnd, step: Step) -> TurnEnd:
    # The answer is whole if the turns that were still waited for are doubtful, and the last response was spoken of.
    is_whole = state.doubtful and not state.responded and not state.turn.is_open
    return replace(state, owed=0, doubtful=False) if is_whole else state


def _respond(state: TurnEnd, response: ResponseStep) -> TurnEnd:
    is_held = response.held and state.owed > 0
    if response.silent and not is_held:
        return replace(state, doubtful=False)
    turn = replace(state.turn, said=False, transcribed=False, one_turn=response.one_turn)
    owed = max(1, state.owed) if response.id in state.counted else state.owed + (not is_held)
    counted = (state.counted | response.together) - {response.id}
    return replace(state, owed=owed, doubtful=False, responded=True, turn=turn, counted=counted)


def _begin(state: TurnEnd, event: events.Event) -> TurnEnd:
    """The model says something or calls a function, and the end of that turn will come."""
    # A call may follow the end of a turn and have no end of its own (extended thinking).
    is_open = state.turn.is_open or not (state.completion is TurnCompletion.QUIET or isinstance(event, events.ToolCall))
    said = state.turn.said or not isinstance(event, events.Thought)
    if (is_open, said) == (state.turn.is_open, state.turn.said) and not state.doubtful:
        return state
    return replace(state, turn=replace(state.turn, is_open=is_open, said=said), doubtful=False)


def _call(state: TurnEnd, event: events.ToolCall) -> TurnEnd:
    return replace(_begin(state, event), calls=state.calls + 1)


def _transcribe(state: TurnEnd, event: events.OutputTranscript) -> TurnEnd:
    # It may come after the end of the turn whose sound it belongs to, so it proves no new turn.
    if state.turn.said or not event.text:
        return state
    return replace(state, turn=replace(state.turn, transcribed=True))


def _report(state: TurnEnd, event: events.InteractionStatus) -> TurnEnd:
    # The service says that it adds nothing by itself: of the response it may have nothing to say.
    is_done = state.is_unspoken and event.status in IDLE_STATUSES
    return replace(state, status=event.status, doubtful=state.doubtful or is_done)


def _complete(state: TurnEnd, event: events.TurnComplete) -> TurnEnd:
    if state.turn.counted and not state.given_up:
        return replace(state, turn=TurnState())
    return replace(_counted(state), turn=TurnState())


def _generated(state: TurnEnd, event: events.GenerationComplete) -> TurnEnd:
    is_counted = state.completion is TurnCompletion.ACTIVITY or (
        state.completion is TurnCompletion.GENERATED and state.turn.said
    )
    return replace(_counted(state), turn=TurnState(counted=True)) if is_counted else state


def _activity(state: TurnEnd, event: events.VoiceActivity) -> TurnEnd:
    is_end = state.completion is TurnCompletion.ACTIVITY and event.type == "ACTIVITY_END"
    return _complete(state, events.TurnComplete()) if is_end else state


def _counted(state: TurnEnd) -> TurnEnd:
    """The model's present turn is complete, whatever completes it."""
    if state.given_up:
        return replace(state, owed=0, doubtful=False, responded=False)
    if state.answers_nothing and state.owed:
        # The words may be those of the answer, without its sound, or late ones of what was said before the call.
        doubtful = state.doubtful or (state.responded and (state.turn.transcribed or state.turn.one_turn))
        doubtful |= state.resumed and not state.call_lost
        return replace(state, owed=max(1, state.owed - 1), doubtful=doubtful, call_lost=False, resumed=False)
    owed = max(0, state.owed - 1)
    return replace(state, owed=owed, doubtful=owed > 0, responded=False, call_lost=False, resumed=False)


TRANSITIONS: dict[Any, Callable[[TurnEnd, Any], TurnEnd]] = {
    Step.ASK: _ask,
    Step.PART_SENT: lambda state, step: replace(state, phase=Phase.PART_SENT),
    Step.ALL_SENT: lambda state, step: replace(state, phase=Phase.ALL_SENT),
    Step.GIVE_UP: _give_up,
    Step.ABANDON: lambda state, step: replace(state, phase=Phase.OVER, given_up=True),
    Step.CLOSED: _close,
    ResponseStep: _respond,
    PendingCallCount: lambda state, calls: replace(state, pending=calls.count),
    events.ToolCall: _call,
    events.OutputTranscript: _transcribe,
    events.Interrupted: lambda state, event: replace(state, turn=replace(state.turn, interrupted=True)),
    events.GenerationComplete: _generated,
    events.TurnComplete: _complete,
    events.VoiceActivity: _activity,
    events.InteractionStatus: _report,
}
"""The transitions, by step or type of event. Other events change nothing, but for those that begin an answer."""


def _judged(state: TurnEnd, now: float) -> TurnEnd:
    """`state`, moved on if the request is answered, else with the time at which doubt ends."""
    if state.phase not in (Phase.PART_SENT, Phase.ALL_SENT):
        return state
    # A call that was given up may take a while to stop, and the service says nothing more about it.
    has_returned = state.given_up or not state.pending
    is_idle = has_returned and state.status in IDLE_STATUSES
    is_complete = not state.owed and not state.turn.is_open
    if is_idle and is_complete:
        return _answered(state)
    is_quiet = state.completion is TurnCompletion.QUIET and state.turn.said
    is_settling = is_idle and (state.doubtful or is_quiet)
    is_settling |= state.waits_for_others and has_returned and is_complete
    settles_at = now + SETTLE_SECONDS if is_settling else None
    return state if settles_at == state.settles_at else replace(state, settles_at=settles_at)


def _answered(state: TurnEnd) -> TurnEnd:
    phase = Phase.OVER if state.phase is Phase.ALL_SENT else Phase.SENDING
    return replace(state, phase=phase, settles_at=None)
