"""ResumableSession over scripted sessions: resuming, repeating, giving up, leaving after goAway, waiting senders."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from typing import Any

import pytest

from livecli.client.resumable import (
    CONNECTION_SECONDS,
    LASTING_SECONDS,
    SHORTEST_SECONDS,
    Checkpoint,
    ConnectionLifetime,
    ResumableSession,
    Rewind,
)
from livecli.client.resumption import History, Resumption
from livecli.client.retransmit import RetransmitBuffer
from livecli.errors import AuthError, ConnectError, LivecliError, ProtocolError, ServerError
from livecli.process.tasks import collapse_exception_group
from livecli.protocol import events, messages
from livecli.protocol.codec import setup_json
from tests.client.scripted import Told, handle, lost
from tests.virtual_time import idle, in_virtual_time, now, takes

pytestmark = pytest.mark.usefixtures("without_pauses")

MODEL = "gemini-3.8-live"
MOST_ATTEMPTS = 50
"""More than any test here needs."""
TOLD = (messages.Content(role="user", parts=[messages.Part(text="before")]),)


def failed() -> ServerError:
    """The service failed; another attempt has to wait."""
    error = ServerError("the service failed", close_code=1011)
    error.retry = "later"
    return error


def refused() -> ConnectError:
    """An attempt to connect failed; another may not."""
    error = ConnectError("connection refused")
    error.retry = "later"
    return error


class ScriptedSession:
    """Stands in for `Session`: yields the scripted events, and records the events that are sent.

    `is_full` is whether the peer takes no more bytes, `has_room` ends that. `handles` still come while it is left,
    which lasts until `may_leave` is set.
    """

    def __init__(self, setup: events.Setup, began_at: float | None) -> None:
        self.setup, self.began_at = setup, began_at
        self.opened_at = asyncio.get_running_loop().time()
        self.said: list[events.Event] = []
        self.handles: list[events.ResumptionUpdate] = []
        self.messages = 0
        self.close_code: int | None = None
        self.is_full = self.is_patient = self.was_left = False
        self.has_room = asyncio.Event()
        self.may_leave = asyncio.Event()
        self.may_leave.set()
        self._incoming: deque[events.Event | LivecliError] = deque()
        self._arrived = asyncio.Event()

    # --- what a test scripts ---

    def says(self, *said: events.Event) -> None:
        self._incoming += said
        self._arrived.set()

    def ends(self, error: LivecliError) -> None:
        """The connection is lost because of `error`, after all that was said before it."""
        self._incoming.append(error)
        self._arrived.set()

    @property
    def words(self) -> list[str]:
        """The texts that were said."""
        return [event.text for event in self.said if isinstance(event, events.Text)]

    @property
    def handle(self) -> str | None:
        """The handle in the setup."""
        wanted = setup_json(self.setup).get("sessionResumption") or {}
        handle: str | None = wanted.get("handle")
        return handle

    # --- what a line uses ---

    async def receive(self) -> events.Event:
        while not self._incoming:
            if self.close_code is not None:
                raise lost()
            self._arrived.clear()
            await self._arrived.wait()
        said = self._incoming[0]
        if isinstance(said, LivecliError):
            self.close_code = said.close_code
            raise said
        self.messages += 1
        return self._incoming.popleft()  # type: ignore[return-value]

    def encode(self, said: Sequence[events.Event]) -> Sequence[events.Event]:
        """The events stand in for their frames."""
        if any(isinstance(event, events.AudioStreamEnd) for event in said):
            raise ProtocolError("AudioStreamEnd cannot be sent with automatic activity detection off")
        return said

    @property
    def takes(self) -> bool:
        return not self.is_full and self.close_code is None

    def write(self, frames: Sequence[events.Event]) -> None:
        self.said += frames

    async def until_room(self) -> None:
        """`push` waits instead."""

    async def push(self, frames: Sequence[events.Event]) -> None:
        await self.send_all(frames)

    def report(self, said: Sequence[events.Event], frames: Sequence[events.Event]) -> None:
        """No reporter listens."""

    async def close(self) -> None:
        self.close_code = 1000

    async def send(self, event: events.Event) -> None:
        await self.send_all((event,))

    async def send_all(self, said: Sequence[events.Event]) -> None:
        self.encode(said)
        if self.is_full:
            await self.has_room.wait()
        ends = [error for error in self._incoming if isinstance(error, LivecliError)]
        if ends:
            self.close_code = ends[0].close_code
            raise ends[0]
        self.said += said

    def disable_pong_timeout(self) -> None:
        self.is_patient = True

    async def leave(self, take: Any) -> None:
        self.was_left = True
        await self.may_leave.wait()
        for update in self.handles:
            take(update)


class Service:
    """An `Open` that gives scripted sessions. `refusals` are raised instead, in order; None among them is none.

    `gate`, where it is closed, holds an attempt up; `on_open` scripts each session as it is opened. `most_open` is how
    many sessions were open at a time.
    """

    def __init__(self) -> None:
        self.sessions: list[ScriptedSession] = []
        self.refusals: deque[LivecliError | None] = deque()
        self.on_open: Callable[[ScriptedSession], None] = lambda session: None
        self.gate = asyncio.Event()
        self.gate.set()
        self.attempts = self.open_sessions = self.most_open = 0
        self.closed: list[ScriptedSession] = []

    @asynccontextmanager
    async def __call__(self, setup: events.Setup, began_at: float | None) -> AsyncIterator[Any]:
        self.attempts += 1
        assert self.attempts < MOST_ATTEMPTS, "it dials in a loop"
        await self.gate.wait()
        refusal = self.refusals.popleft() if self.refusals else None
        if refusal is not None:
            raise refusal
        session = ScriptedSession(setup, began_at)
        self.on_open(session)
        self.sessions.append(session)
        self.open_sessions += 1
        self.most_open = max(self.most_open, self.open_sessions)
        try:
            yield session
        finally:
            self.open_sessions -= 1
            session.close_code = session.close_code or 1000
            self.closed.append(session)

    @property
    def last(self) -> ScriptedSession:
        return self.sessions[-1]


def is_full(session: ScriptedSession) -> None:
    """For `Service.on_open`: the peer takes no bytes."""
    session.is_full = True


MARKS: dict[type, str] = {Checkpoint: "checkpoint", Rewind: "rewind"}


class Run:
    """A line that is open, whose events a task receives: `heard` has them, with "rewind" and "checkpoint" between."""

    def __init__(self, service: Service, line: ResumableSession, witness: Told) -> None:
        self.service, self.line, self.witness = service, line, witness
        self.heard: list[Any] = []
        self.receiving = asyncio.create_task(self._receive())

    async def _receive(self) -> None:
        while True:
            received = await self.line.receive()
            self.heard.append(MARKS.get(type(received), received))

    async def say(self, *words: str) -> None:
        for word in words:
            await self.line.send(events.Text(word))

    async def lose(self, *before: events.Event, error: LivecliError | None = None) -> None:
        """The service says `before`, then the connection is lost: with `error`, or so that the session can go on."""
        self.service.last.says(*before)
        self.service.last.ends(error or lost())
        await idle()

    def saying(self, *words: str) -> asyncio.Task[None]:
        return asyncio.create_task(self.say(*words))

    @property
    def error(self) -> BaseException | None:
        """What `receive` has raised."""
        return self.receiving.exception() if self.receiving.done() else None


@asynccontextmanager
async def opened(
    *,
    transparent: bool = True,
    history: History | None = None,
    handle: str | None = None,
    retries: int | None = 3,
    service: Service | None = None,
) -> AsyncIterator[Run]:
    service, witness = service or Service(), Told()
    wanted = messages.SessionResumptionConfig(transparent=transparent or None)
    setup = events.Setup(messages.Setup(model=MODEL, session_resumption=wanted))
    async with collapse_exception_group(), asyncio.TaskGroup() as tasks:
        resumption = Resumption(setup, MODEL, history, handle)
        line = ResumableSession(service, resumption, witness, retries, start=tasks.create_task)
        try:
            await line.open()
            run = Run(service, line, witness)
            await idle()
            yield run
            run.receiving.cancel()
            with suppress(asyncio.CancelledError, LivecliError):
                await run.receiving
        finally:
            await line.close()
    assert service.open_sessions == 0
    assert asyncio.all_tasks() == {asyncio.current_task()}


class TestResuming:
    @in_virtual_time
    async def test_a_lost_connection_is_resumed_and_the_unconfirmed_is_said_again_in_order(self) -> None:
        error = lost()
        async with opened() as run:
            await run.say("1", "2", "3", "4")
            first = run.service.last
            first.says(handle("h-1", consumed=2), events.OutputTranscript("half of"))
            first.ends(error)
            await idle()
            second = run.service.last
            assert (run.line.connections, len(run.service.sessions)) == (2, 2)
            assert second.handle == "h-1"
            assert second.began_at == first.opened_at
            assert second.words == ["3", "4"]
            await run.say("5")
            second.says(events.OutputTranscript("all of it"))
            await idle()
            assert second.words == ["3", "4", "5"]
            assert run.heard == [
                "checkpoint",
                handle("h-1", 2),
                events.OutputTranscript("half of"),
                "rewind",
                events.OutputTranscript("all of it"),
            ]
            assert run.witness.resumptions == [(2, error, 2)]
            assert run.witness.remarks == []
        assert run.service.most_open == 1, "a handle does not open a second connection"

    @in_virtual_time
    async def test_what_is_said_while_the_rest_is_repeated_comes_after_it(self) -> None:
        service = Service()
        async with opened(service=service) as run:
            await run.say("1", "2")
            service.gate.clear()
            await run.lose(handle(consumed=0))
            saying = [run.saying("3"), run.saying("4")]
            await idle()
            assert not any(task.done() for task in saying)
            service.gate.set()
            await idle()
            assert service.last.words == ["1", "2", "3", "4"]
            assert all(task.done() for task in saying)

    @in_virtual_time
    async def test_a_connection_lost_while_repeating_begins_again_from_the_same_place(self) -> None:
        service = Service()
        async with opened(service=service) as run:
            await run.say("1", "2", "3")
            service.last.says(handle(consumed=1))
            await idle()
            service.on_open = is_full
            await run.lose()
            saying, second = run.saying("4"), service.last
            await idle()
            assert (second.words, saying.done()) == ([], False)
            service.on_open = lambda session: None
            second.ends(lost())
            second.has_room.set()
            await asyncio.wait_for(saying, 10)
            assert service.last.words == ["2", "3", "4"]
            assert [told[0] for told in run.witness.resumptions] == [2, 3]
            assert run.heard.count("rewind") == 2

    @in_virtual_time
    async def test_nothing_overtakes_what_is_repeated(self) -> None:
        service = Service()
        async with opened(service=service) as run:
            await run.say("1", "2")
            service.last.says(handle(consumed=0))
            service.on_open = is_full
            await run.lose()
            service.last.is_full = False
            assert not run.line.write([events.Text("3")])
            service.last.has_room.set()
            await idle()
            assert run.line.write([events.Text("3")])
            assert service.last.words == ["1", "2", "3"]

    @in_virtual_time
    async def test_a_first_connection_lost_while_the_history_is_told_is_replaced(self) -> None:
        service = Service()
        service.on_open = lambda session: session.ends(lost()) if not service.sessions else None
        async with opened(history=lambda: TOLD, service=service) as run:
            assert run.line.connections == 2
            assert [[type(event) for event in session.said] for session in service.sessions] == [
                [],
                [events.ClientTurns],
            ]

    @in_virtual_time
    async def test_frames_are_counted_over_all_connections(self) -> None:
        async with opened() as run:
            await run.lose(handle(consumed=0), events.TurnComplete())
            run.service.last.says(events.TurnComplete())
            await idle()
            assert run.line.messages == 3
            assert run.line.close_code is None
            assert run.line.first is run.service.sessions[0]

    @in_virtual_time
    async def test_patience_goes_over_to_the_next_connection(self) -> None:
        async with opened() as run:
            run.line.disable_pong_timeout()
            await run.lose(handle(consumed=0))
            assert [session.is_patient for session in run.service.sessions] == [True, True]

    @in_virtual_time
    async def test_a_service_that_confirms_nothing_is_told_again_and_the_user_told_so(self) -> None:
        async with opened(transparent=False) as run:
            run.service.last.says(handle())
            await run.say("1")
            await run.lose()
            assert run.service.last.words == ["1"]
            assert ["sent again" in remark for remark in run.witness.remarks] == [True]

    @in_virtual_time
    async def test_nothing_is_remarked_where_nothing_is_told_again(self) -> None:
        error = lost()
        async with opened(transparent=False) as run:
            await run.lose(handle(), error=error)
            assert run.witness.resumptions == [(2, error, 0)]
            assert run.witness.remarks == []

    @in_virtual_time
    async def test_without_a_handle_the_history_is_told_first(self) -> None:
        async with opened(history=lambda: TOLD) as run:
            await run.say("1")
            await run.lose()
            told, said = run.service.last.said
            assert isinstance(told, events.ClientTurns)
            assert (told.turns, said) == (TOLD, events.Text("1"))
            assert run.service.last.handle is None

    @in_virtual_time
    async def test_a_handle_that_is_refused_is_dropped_for_the_history(self) -> None:
        service = Service()
        service.refusals.append(ServerError("no such session", close_code=1008))
        async with opened(history=lambda: TOLD, handle="stale", service=service) as run:
            assert (service.attempts, run.line.connections, service.last.handle) == (2, 1, None)
            [told] = service.last.said
            assert isinstance(told, events.ClientTurns)

    @in_virtual_time
    async def test_it_goes_on_with_a_handle_of_a_run_before(self) -> None:
        async with opened(handle="kept") as run:
            assert (run.service.last.handle, run.service.last.said) == ("kept", [])

    @in_virtual_time
    async def test_an_unannounced_end_because_of_age_teaches_how_long_a_connection_lasts(self) -> None:
        async with opened() as run:
            run.service.last.says(handle(consumed=0))
            await asyncio.sleep(480.0)
            error = ServerError("Deadline expired", close_code=1011)
            error.retry = "resume"
            await run.lose(error=error)
            assert run.line.connections == 2
            assert run.line.lifetime.seconds == pytest.approx(480.0)


class TestRewinds:
    @in_virtual_time
    async def test_each_lost_connection_is_one_however_many_attempts_the_next_takes(self) -> None:
        service = Service()
        async with opened(service=service) as run:
            service.last.says(handle(consumed=0), events.OutputTranscript("one"))
            service.refusals += [refused(), refused()]
            service.last.ends(lost())
            await asyncio.sleep(60.0)
            assert run.line.connections == 2
            assert run.heard[2:] == [events.OutputTranscript("one"), "rewind"]

    @in_virtual_time
    async def test_there_is_none_without_a_next_connection(self) -> None:
        service = Service()
        async with opened(service=service, retries=1) as run:
            service.last.says(handle(consumed=0), events.OutputTranscript("one"))
            service.refusals += [refused(), refused()]
            service.last.ends(lost())
            await asyncio.sleep(60.0)
            assert isinstance(run.error, ConnectError)
            assert "rewind" not in run.heard, "what came is all that there is"

    @in_virtual_time
    async def test_an_update_without_a_handle_is_no_checkpoint(self) -> None:
        async with opened() as run:
            run.service.last.says(events.ResumptionUpdate(), events.ResumptionUpdate("h", False), handle("h", 0))
            await idle()
            assert run.heard.count("checkpoint") == 1
            assert run.heard[2] == "checkpoint"


class TestGivingUp:
    @in_virtual_time
    async def test_an_opening_is_tried_again_as_often_as_allowed(self) -> None:
        service = Service()
        service.refusals += [refused() for _ in range(4)]
        with pytest.raises(ConnectError) as raised:
            async with opened(service=service, retries=3):
                pass
        assert raised.value.message == "connection refused (4 attempts)"
        assert service.attempts == 4

    @in_virtual_time
    async def test_each_attempt_is_told_and_waited_for(self) -> None:
        service = Service()
        service.refusals += [refused(), refused()]
        began_at = now()
        async with opened(service=service) as run:
            retries = run.witness.retries
            assert [(retry.attempt, retry.most) for retry in retries] == [(1, 3), (2, 3)]
            assert now() - began_at == pytest.approx(sum(retry.seconds for retry in retries), abs=0.001)
            assert run.line.first is service.last

    @in_virtual_time
    async def test_one_that_nothing_helps_is_not_tried_again(self) -> None:
        service = Service()
        service.refusals.append(AuthError("no permission"))
        with pytest.raises(AuthError, match=r"^no permission$"):
            async with opened(service=service):
                pass
        assert service.attempts == 1

    @in_virtual_time
    async def test_the_next_connection_is_tried_as_often_as_allowed(self) -> None:
        service = Service()
        async with opened(service=service, retries=2) as run:
            service.last.says(handle(consumed=0))
            service.refusals += [refused() for _ in range(3)]
            service.last.ends(lost())
            await asyncio.sleep(60.0)
            assert isinstance(run.error, ConnectError)
            assert run.error.message == "connection refused (3 attempts)"
            assert service.attempts == 4

    @in_virtual_time
    async def test_a_session_that_gains_nothing_is_lost_only_so_often(self) -> None:
        errors = [lost() for _ in range(4)]
        async with opened(retries=3, handle="kept") as run:
            for error in errors:
                run.service.last.ends(error)
                await asyncio.sleep(20.0)
            assert run.error is errors[-1]
            assert run.line.connections == 4
            assert [retry.attempt for retry in run.witness.retries] == [2, 3], "the first is resumed at once"

    @in_virtual_time
    async def test_what_is_gained_or_lasts_begins_the_count_anew(self) -> None:
        async with opened(retries=1, handle="kept") as run:
            for _ in range(3):
                await run.say("word")
                run.service.last.says(handle(consumed=1))
                run.service.last.ends(lost())
                await idle()
            for _ in range(3):
                await asyncio.sleep(LASTING_SECONDS + 1)
                run.service.last.ends(lost())
                await idle()
            assert (run.error, run.line.connections, run.witness.retries) == (None, 7, [])

    @in_virtual_time
    async def test_after_a_failure_of_the_service_there_is_a_pause(self) -> None:
        async with opened() as run:
            await run.lose(handle(consumed=0), error=failed())
            [retry] = run.witness.retries
            assert run.line.connections == 1
            await asyncio.sleep(retry.seconds)
            assert run.line.connections == 2

    @in_virtual_time
    async def test_a_session_without_a_handle_cannot_be_resumed(self) -> None:
        error = lost()
        async with opened() as run:
            await run.lose(error=error)
            assert run.error is error
            assert run.service.attempts == 1

    @in_virtual_time
    async def test_a_close_that_nothing_helps_ends_it(self) -> None:
        error = ServerError("invalid argument", close_code=1007)
        async with opened() as run:
            await run.lose(handle(consumed=0), error=error)
            assert run.error is error
            assert run.service.attempts == 1

    @in_virtual_time
    async def test_a_full_disk_is_told_once_and_ends_what_could_be_resumed(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def full(tail: RetransmitBuffer, said: Sequence[events.Event]) -> None:
            raise OSError("No space left on device")

        error = lost()
        async with opened() as run:
            run.service.last.says(handle(consumed=0))
            await idle()
            monkeypatch.setattr(RetransmitBuffer, "extend", full)
            await run.say("1", "2")
            assert run.service.last.words == ["1", "2"], "the session itself goes on"
            assert ["no room" in warning for warning in run.witness.warnings] == [True]
            await run.lose(error=error)
            assert run.error is error


class TestGoAway:
    @in_virtual_time
    async def test_it_leaves_at_once_where_all_is_confirmed_by_a_handle_that_comes_then(self) -> None:
        async with opened() as run:
            await run.say("1")
            first = run.service.last
            first.says(events.GoAway(60.0))
            await asyncio.sleep(5.0)
            assert (run.line.connections, first.was_left) == (1, False)
            first.says(handle("h", 1))
            await idle()
            assert (run.line.connections, first.was_left) == (2, True)
            assert run.service.last.handle == "h"
            assert run.service.last.said == []
            assert run.witness.resumptions == [(2, None, 0)]
            assert run.witness.remarks == []
            assert run.heard == [events.GoAway(60.0), "checkpoint", "rewind"]
        assert run.service.most_open == 1

    @in_virtual_time
    async def test_it_waits_half_of_the_time_that_is_left_for_what_is_under_way(self) -> None:
        async with opened() as run:
            await run.say("1", "2")
            first = run.service.last
            first.says(events.GoAway(60.0), handle("h", 1))
            await asyncio.sleep(29.9)
            assert run.line.connections == 1
            await asyncio.sleep(0.2)
            assert run.line.connections == 2
            assert run.service.last.words == ["2"]
            assert run.witness.resumptions == [(2, None, 1)]

    @in_virtual_time
    async def test_it_does_not_leave_while_an_answer_is_under_way(self) -> None:
        async with opened(transparent=False) as run:
            first = run.service.last
            first.says(events.GoAway(10.0), handle("h-1"))
            await run.say("1")
            await asyncio.sleep(6.0)
            first.says(events.OutputTranscript("an answer"))
            await idle()
            assert (run.line.connections, first.was_left) == (1, False)
            run.line.resumption.answer(1)
            first.says(events.TurnComplete(), handle("h-2"))
            await idle()
            assert (run.line.connections, first.was_left) == (2, True)
            assert run.service.last.handle == "h-2"
            assert run.service.last.said == []

    @in_virtual_time
    async def test_a_connection_that_gained_nothing_is_left_only_after_it_has_lasted(self) -> None:
        service = Service()
        service.on_open = lambda session: session.says(events.GoAway(0.0), handle(consumed=0), events.TurnComplete())
        async with opened(service=service) as run:
            await asyncio.sleep(LASTING_SECONDS - 1)
            assert service.attempts == 1, "a server that says goAway at once is not dialled in a loop"
            await asyncio.sleep(2.0)
            service.last.says(events.TurnComplete())
            await idle()
            assert (service.attempts, run.line.connections) == (2, 2)

    @in_virtual_time
    async def test_what_is_said_while_it_leaves_is_not_counted_as_repeated(self) -> None:
        async with opened() as run:
            await run.say("1", "2")
            first = run.service.last
            first.may_leave.clear()
            first.says(events.GoAway(10.0), handle("h", 1))
            await asyncio.sleep(5.1)
            assert first.was_left
            saying = run.saying("3")
            await idle()
            assert not saying.done()
            first.may_leave.set()
            await idle()
            assert run.service.last.words == ["2", "3"]
            assert run.witness.resumptions == [(2, None, 1)]

    @in_virtual_time
    async def test_a_handle_that_comes_while_it_leaves_is_the_one_that_is_used(self) -> None:
        async with opened() as run:
            await run.say("1", "2")
            run.service.last.handles.append(handle("newer", 2))
            run.service.last.says(events.GoAway(10.0), handle("older", 1))
            await asyncio.sleep(5.1)
            assert run.service.last.handle == "newer"
            assert run.service.last.said == []

    @in_virtual_time
    async def test_one_that_is_too_late_is_a_lost_connection(self) -> None:
        async with opened() as run:
            await run.say("1")
            run.service.last.says(events.GoAway(10.0), handle("h", 0))
            error = lost()
            await run.lose(error=error)
            assert run.witness.resumptions == [(2, error, 1)]
            await asyncio.sleep(60.0)
            assert run.line.connections == 2, "the next connection has a life of its own"

    @in_virtual_time
    async def test_the_time_that_is_left_tells_how_long_a_connection_lasts(self) -> None:
        async with opened() as run:
            await asyncio.sleep(100.0)
            run.service.last.says(events.GoAway(20.0))
            await idle()
            assert run.line.lifetime.seconds == pytest.approx(120.0)


class TestSettling:
    @in_virtual_time
    async def test_a_connection_lost_afterwards_is_not_resumed(self) -> None:
        error = lost()
        async with opened() as run:
            run.service.last.says(handle(consumed=0))
            await idle()
            run.line.stop_reconnecting()
            await run.lose(error=error)
            assert run.error is error
            assert run.service.attempts == 1
            assert "rewind" not in run.heard

    @in_virtual_time
    async def test_a_go_away_afterwards_is_no_reason_to_move(self) -> None:
        async with opened() as run:
            await run.say("1")
            run.line.stop_reconnecting()
            run.service.last.says(events.GoAway(2.0), handle(consumed=1), events.TurnComplete())
            await asyncio.sleep(60.0)
            assert run.heard[-1] == events.TurnComplete()
            assert (run.line.connections, run.service.last.was_left) == (1, False)

    @in_virtual_time
    async def test_leaving_takes_the_handles_that_still_come(self) -> None:
        async with opened() as run:
            await run.say("1")
            run.receiving.cancel()
            run.service.last.handles.append(handle("last", 1))
            await run.line.leave()
            assert (run.line.resumption.handle, run.line.resumption.unconfirmed) == ("last", 0)


class TestSending:
    @in_virtual_time
    async def test_a_send_waits_while_the_next_connection_is_opened_and_says_it_once(self) -> None:
        service = Service()
        async with opened(service=service) as run:
            service.gate.clear()
            await run.lose(handle(consumed=0))
            assert run.line.moving
            assert not run.line.write([events.Text("1")])
            saying = run.saying("1")
            await asyncio.sleep(1000.0)
            assert not saying.done()
            service.gate.set()
            await idle()
            assert saying.done()
            assert not run.line.moving
            assert run.line.moved_at == pytest.approx(now(), abs=0.001)
            assert [session.words for session in service.sessions] == [[], ["1"]]

    @in_virtual_time
    async def test_a_send_that_finds_the_connection_lost_waits_for_the_next(self) -> None:
        async with opened() as run:
            run.service.last.says(handle(consumed=0))
            await idle()
            first = run.service.last
            first.is_full = True
            saying = run.saying("1")
            await idle()
            run.service.gate.clear()
            first.has_room.set()
            first.ends(lost())  # the sender runs first
            await idle()
            assert not saying.done()
            run.service.gate.set()
            await asyncio.wait_for(saying, 10)
            assert [session.words for session in run.service.sessions] == [[], ["1"]]

    @in_virtual_time
    async def test_sends_of_several_tasks_keep_the_order_in_which_they_were_counted(self) -> None:
        async with opened() as run:
            run.service.last.is_full = True
            saying = [run.saying(word) for word in ("1", "2", "3")]
            await idle()
            assert not any(task.done() for task in saying)
            run.service.last.is_full = False
            run.service.last.has_room.set()
            await idle()
            assert run.service.last.words == ["1", "2", "3"]
            assert list(run.line.resumption.begin()) == [*map(events.Text, "123")]

    @in_virtual_time
    async def test_writes_give_way_to_a_send_that_waits(self) -> None:
        async with opened() as run:
            run.service.last.is_full = True
            saying = run.saying("1")
            await idle()
            run.service.last.is_full = False
            assert not run.line.write([events.Text("2")])
            run.service.last.has_room.set()
            await idle()
            assert saying.done()
            assert run.line.write([events.Text("2")])
            assert run.service.last.words == ["1", "2"]

    @in_virtual_time
    async def test_what_may_not_be_said_is_refused_and_the_line_stays_open(self) -> None:
        async with opened() as run:
            with pytest.raises(ProtocolError):
                await run.line.send(events.AudioStreamEnd())
            await run.say("1")
            await run.lose(handle(consumed=0))
            assert run.service.last.said == [events.Text("1")]

    @in_virtual_time
    async def test_what_may_not_be_sent_is_not_kept_though_the_peer_is_slow(self) -> None:
        service = Service()
        service.on_open = is_full
        async with opened(service=service) as run:
            with pytest.raises(ProtocolError):
                await run.line.send(events.AudioStreamEnd())
            assert run.line.resumption.last == 0
            service.on_open = lambda session: None
            await run.lose(handle(consumed=0))
            await run.say("1")
            assert service.last.said == [events.Text("1")]

    @in_virtual_time
    async def test_what_may_not_be_sent_is_refused_while_there_is_no_connection(self) -> None:
        service = Service()
        async with opened(service=service) as run:
            service.gate.clear()
            await run.lose(handle(consumed=0))
            with pytest.raises(ProtocolError):
                await run.line.send(events.AudioStreamEnd())
            service.gate.set()
            await run.say("1")
            assert service.last.said == [events.Text("1")]

    @in_virtual_time
    async def test_a_checkpoint_on_leaving_comes_before_the_error_of_the_next_connection(self) -> None:
        service, refusal = Service(), AuthError("the credential was refused")
        async with opened(service=service) as run:
            await run.say("1")
            service.last.handles = [handle("late", consumed=1)]
            service.refusals.append(refusal)
            service.last.says(events.GoAway(60.0), handle(consumed=1))
            service.last.may_leave.set()
            await asyncio.sleep(1)
            assert run.error is refusal
            assert run.heard[-1] == "checkpoint"

    @in_virtual_time
    async def test_an_attempt_that_is_given_up_is_the_error_of_those_who_wait_and_of_those_who_come(self) -> None:
        service, refusal = Service(), AuthError("the credential was refused")
        async with opened(service=service) as run:
            service.gate.clear()
            await run.lose(handle(consumed=0))
            saying = [run.saying("1"), run.saying("2")]
            await idle()
            service.refusals.append(refusal)
            service.gate.set()
            await idle()
            assert [task.exception() for task in saying] == [refusal, refusal]
            assert run.error is refusal
            with pytest.raises(AuthError) as raised:
                await run.say("3")
            assert raised.value is refusal
            assert run.line.resumption.last == 2
            assert not run.line.write([events.Text("3")])
            with pytest.raises(AuthError) as raised:
                await run.line.receive()
            assert raised.value is refusal

    @in_virtual_time
    async def test_where_receiving_is_cancelled_the_loss_is_the_error_of_those_who_wait(self) -> None:
        service, error = Service(), lost()
        async with opened(service=service) as run:
            service.gate.clear()
            await run.lose(handle(consumed=0), error=error)
            saying = run.saying("1")
            await idle()
            run.receiving.cancel()
            await idle()
            assert saying.exception() is error


class TestClosing:
    @in_virtual_time
    async def test_every_session_is_closed_and_nothing_kept(self) -> None:
        async with opened() as run:
            await run.say("1")
            await run.lose(handle(consumed=0))
            assert run.line.resumption.unconfirmed == 1
        assert run.service.closed == run.service.sessions
        assert run.line.resumption.unconfirmed == 0

    @in_virtual_time
    async def test_it_does_not_wait_for_a_peer_that_takes_nothing(self) -> None:
        service = Service()
        with takes(0.0):
            async with opened(service=service) as run:
                await run.say("1")
                service.on_open = is_full
                service.last.says(handle(consumed=0))
                service.last.ends(lost())
                await idle()
                assert service.last.words == [], "it is still to be said again"
        assert len(service.closed) == 2


def test_half_of_what_is_left_is_left_for_what_is_under_way() -> None:
    life = ConnectionLifetime()
    life.begin(100.0)
    assert (life.seconds, life.leave_at) == (CONNECTION_SECONDS, None)
    life.warn(640.0, 60.0)
    assert (life.seconds, life.leave_at, life.leaving) == (600.0, 670.0, False)
    life.leave()
    assert (life.leave_at, life.leaving) == (None, True)
    life.begin(680.0)
    assert (life.seconds, life.leave_at, life.leaving) == (600.0, None, False)


@pytest.mark.parametrize("left", [0.0, -5.0, -1e12])
def test_a_connection_lasts_a_second_whatever_is_said(left) -> None:
    life = ConnectionLifetime()
    life.begin(0.0)
    life.warn(0.1, left)
    assert life.seconds == SHORTEST_SECONDS


def test_one_that_ended_unannounced_tells_its_age() -> None:
    life = ConnectionLifetime()
    life.begin(10.0)
    assert not life.has_lasted(39.0)
    assert life.has_lasted(41.0)
    life.expire(41.0)
    assert life.seconds == 31.0
