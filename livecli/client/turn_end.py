"""The end of a turn: a table of states, and what leads from one to the next. No I/O, and time is an argument.

    SENDING --PART_SENT--> PART_SENT --answered--> SENDING --ALL_SENT--> ALL_SENT --answered--> OVER

A request is answered once the model owes no more turns, every function that it called has returned, and the service
reports no interaction in progress.

A function that the model does not wait for is called in one turn and spoken of in another, and its response may be sent
while the first turn still ends, so the turns that the model owes are counted. One turn may speak of several responses:
after it, the turns that are still owed are doubtful, and are waited for no longer than SETTLE_SECONDS.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from enum import Enum, auto
from typing import Any

from ..protocol import events

# How long a turn may take to begin of which it is doubtful whether it will come at all.
SETTLE_SECONDS = 5.0

# Interaction statuses after which the model adds nothing by itself. REQUIRES_ACTION is the deprecated name of IDLE.
IDLE_STATUSES = ("IDLE", "REQUIRES_ACTION")


class Phase(Enum):
    """How far a request has come. In PART_SENT an answer to what has been sent is due before the rest is sent."""

    SENDING = auto()
    PART_SENT = auto()
    ALL_SENT = auto()
    OVER = auto()


class Step(Enum):
    """What happens to a turn without an event of the session.

    ASK: more of the request is about to be sent, which no turn that has ended answers. GIVE_UP: neither function calls
    nor doubtful turns are waited for any more. TIME: some has passed.
    """

    ASK = auto()
    PART_SENT = auto()
    ALL_SENT = auto()
    GIVE_UP = auto()
    TIME = auto()


@dataclass(frozen=True)
class Responding:
    """A function's response is about to be sent.

    `held` is whether the model keeps its turn open for it, if that has not ended. A `silent` response is not spoken of.
    """

    held: bool
    silent: bool


@dataclass(frozen=True)
class CallsPending:
    """The number of function calls without a response has changed to `count`."""

    count: int


@dataclass(frozen=True)
class TurnEnd:
    """State of one turn.

    `owed` is the number of TurnComplete events that are still to come; while it is `doubtful`, there may be none.
    `is_open` is whether the model has said something since the last of them, so that another is certain.
    `resumed` is whether the model has said nothing since it was sent the response that it waited for. `status` is the
    interaction status that the service reported last. At `settles_at` (seconds) doubtful turns are no longer waited
    for.
    """

    phase: Phase = Phase.SENDING
    owed: int = 1
    doubtful: bool = False
    is_open: bool = False
    resumed: bool = False
    status: str = "IDLE"
    pending: int = 0
    settles_at: float | None = None

    def restored(self, then: TurnEnd, *, asked: bool) -> TurnEnd:
        """This turn after everything received since `then` was taken back.

        `asked` is whether any of the request is sent again.
        """
        owed = max(then.owed, 1) if asked else then.owed
        return replace(then, owed=owed, phase=self.phase, pending=self.pending, settles_at=None)


def advance(state: TurnEnd, event: events.Event | Step | Responding | CallsPending, now: float) -> TurnEnd:
    """The state after `event`, which was received, sent or otherwise happened at `now` (seconds).

    Returns `state` itself where nothing changes, as for most events.
    """
    # First and alone, since nearly every event is the next piece of an answer that has begun.
    if state.is_open and not state.resumed and type(event) is events.AudioChunk:
        return state
    if state.phase is Phase.OVER:
        return state
    if event is Step.TIME:
        return state if state.settles_at is None or now < state.settles_at else _answered(state)
    transition = TRANSITIONS.get(event if isinstance(event, Step) else type(event))
    if transition is not None:
        state = transition(state, event)
    # A transcript may come after the end of the turn whose sound it belongs to, so it proves no new turn.
    elif isinstance(event, events.Event) and event.begins_answer and not isinstance(event, events.OutputTranscript):
        # A call may follow the end of a turn and have no end of its own (extended thinking).
        state = _begin(state, is_open=state.is_open or not isinstance(event, events.ToolCall))
    return _judged(state, now)


def _ask(state: TurnEnd, step: Step) -> TurnEnd:
    return state if state.owed or state.phase is not Phase.SENDING else replace(state, owed=1)


def _give_up(state: TurnEnd, step: Step) -> TurnEnd:
    is_over = state.phase is Phase.ALL_SENT and not state.is_open and (not state.owed or state.doubtful)
    return replace(state, phase=Phase.OVER) if is_over else state


def _respond(state: TurnEnd, response: Responding) -> TurnEnd:
    if response.held and state.owed:
        return replace(state, resumed=True, doubtful=False)
    return replace(state, owed=state.owed + (not response.silent), doubtful=False)


def _begin(state: TurnEnd, is_open: bool) -> TurnEnd:
    """The model says something or calls a function, and the end of that turn will come."""
    if is_open == state.is_open and not (state.doubtful or state.resumed):
        return state
    return replace(state, is_open=is_open, doubtful=False, resumed=False)


def _complete(state: TurnEnd, event: events.TurnComplete) -> TurnEnd:
    # The turn may have ended before the response arrived, which then has a turn of its own.
    owed = state.owed if state.resumed else max(0, state.owed - 1)
    return replace(state, owed=owed, doubtful=owed > 0, is_open=False, resumed=False)


TRANSITIONS: dict[Any, Callable[[TurnEnd, Any], TurnEnd]] = {
    Step.ASK: _ask,
    Step.PART_SENT: lambda state, step: replace(state, phase=Phase.PART_SENT),
    Step.ALL_SENT: lambda state, step: replace(state, phase=Phase.ALL_SENT),
    Step.GIVE_UP: _give_up,
    Responding: _respond,
    CallsPending: lambda state, calls: replace(state, pending=calls.count),
    events.TurnComplete: _complete,
    events.InteractionStatus: lambda state, event: replace(state, status=event.status),
}
"""What changes, by step or type of event. Other events change nothing, but for those that begin an answer."""


def _judged(state: TurnEnd, now: float) -> TurnEnd:
    """`state`, moved on if the request is answered, else with the time at which doubt ends."""
    if state.phase not in (Phase.PART_SENT, Phase.ALL_SENT):
        return state
    is_idle = not state.pending and state.status in IDLE_STATUSES
    if is_idle and not state.owed and not state.is_open:
        return _answered(state)
    settles_at = now + SETTLE_SECONDS if is_idle and state.doubtful else None
    return state if settles_at == state.settles_at else replace(state, settles_at=settles_at)


def _answered(state: TurnEnd) -> TurnEnd:
    phase = Phase.OVER if state.phase is Phase.ALL_SENT else Phase.SENDING
    return replace(state, phase=phase, settles_at=None)
