"""Session over a scripted connection: order, setup, deadlines, closes as errors, secrets, leaving and closing."""

from __future__ import annotations

import asyncio
import json
from collections import deque
from collections.abc import Sequence
from typing import Any

import pytest
from websockets.exceptions import ConnectionClosed
from websockets.frames import Close

from livecli.client.connection import CLOSE_SECONDS
from livecli.client.session import Session, handle_in
from livecli.errors import AuthError, DeadlineError, LivecliError, ProtocolError, QuotaError, ServerError
from livecli.protocol import events, messages
from livecli.protocol.endpoint import Endpoint
from livecli.protocol.platform import Platform
from livecli.report.reporter import Reporter
from tests.cases import in_one_test
from tests.virtual_time import idle, in_virtual_time

MODEL = "gemini-3.8-live"
ENDPOINT = Endpoint(Platform.VERTEX, "wss://live.test/ws", MODEL, f"publishers/google/models/{MODEL}")
SETUP = events.Setup(messages.Setup(model=ENDPOINT.resource))
SECRET = "ya29.a-secret-token"
HANDLE = "a-handle-of-this-session"


class ScriptedConnection:
    """Stands in for `Connection` and its outlet: yields scripted frames, keeps what is written.

    `written` has a list of frames for each write; `is_full` is whether the peer takes no more bytes. `answers_close`
    is whether the peer answers our close, after the frames that are scripted before it.
    """

    def __init__(self) -> None:
        self.outlet = self
        self.written: list[list[dict[str, Any]]] = []
        self.is_full = self.aborted = False
        self.has_room = asyncio.Event()
        self.answers_close = True
        self.close_code: int | None = None
        self.close_reason: str | None = None
        self.is_patient = False
        self._incoming: deque[bytes | ConnectionClosed] = deque()
        self._arrived = asyncio.Event()

    def disable_pong_timeout(self) -> None:
        self.is_patient = True

    # --- what a test scripts ---

    def says(self, *frames: Any) -> None:
        self._incoming += [frame if isinstance(frame, bytes) else json.dumps(frame).encode() for frame in frames]
        self._arrived.set()

    def closes(self, code: int, reason: str = "") -> None:
        """The server closes; the library answers with the same code."""
        self.ends(ConnectionClosed(Close(code, reason), Close(code, ""), rcvd_then_sent=True))

    def ends(self, closed: ConnectionClosed) -> None:
        self._incoming.append(closed)
        self._arrived.set()

    @property
    def frames(self) -> list[dict[str, Any]]:
        return [frame for write in self.written for frame in write]

    # --- what a session uses ---

    @property
    def takes(self) -> bool:
        return not self.is_full and self.close_code is None

    def write(self, frames: Sequence[bytes]) -> None:
        assert self.takes
        self.written.append([json.loads(frame) for frame in frames])

    async def send_all(self, frames: Sequence[bytes]) -> None:
        if self.close_code is not None:
            await self.recv(decode=False)
        if self.is_full:
            await self.has_room.wait()
            self.is_full = False
        self.write(frames)

    async def recv(self, *, decode: bool) -> bytes:
        assert not decode
        while not self._incoming:
            self._arrived.clear()
            await self._arrived.wait()
        if isinstance(self._incoming[0], ConnectionClosed):
            self._note(self._incoming[0])
            raise self._incoming[0]
        return self._incoming.popleft()

    async def close(self) -> None:
        if self.close_code is not None:
            return
        if not self.answers_close:
            await asyncio.Event().wait()
        self._end(ConnectionClosed(Close(1000, ""), Close(1000, ""), rcvd_then_sent=False))
        await idle()  # until a reader has what came before

    def abort(self) -> None:
        self.aborted = True
        self._end(ConnectionClosed(None, Close(1000, "")))

    def _end(self, closed: ConnectionClosed) -> None:
        self.ends(closed)
        self._note(closed)

    def _note(self, closed: ConnectionClosed) -> None:
        close = closed.rcvd or Close(1006, "")
        self.close_code, self.close_reason = close.code, close.reason


class Witness(Reporter):
    """Keeps everything that it is told."""

    wants_frames = True

    def __init__(self) -> None:
        self.events: list[tuple[str, events.Event, float]] = []
        self.frames: list[tuple[str, bytes]] = []
        self.closes: list[tuple[str, int | None, str | None, float]] = []

    def event(self, direction: str, event: events.Event, at: float) -> None:
        self.events.append((direction, event, at))

    def frame(self, direction: str, frame: bytes | str, at: float, *, is_binary: bool = False) -> None:
        self.frames.append((direction, frame if isinstance(frame, bytes) else frame.encode()))

    def closed(self, direction: str, code: int | None, reason: str | None, at: float) -> None:
        self.closes.append((direction, code, reason, at))


def opened(*secrets: str, reporter: Reporter | None = None) -> tuple[ScriptedConnection, Session]:
    connection = ScriptedConnection()
    return connection, Session(connection, ENDPOINT, reporter or Reporter(), secrets)  # type: ignore[arg-type]


async def set_up(
    *secrets: str, reporter: Reporter | None = None, setup: events.Setup = SETUP
) -> tuple[ScriptedConnection, Session]:
    """A session that is set up, its SetupComplete received and its setup no longer among what is written."""
    connection, session = opened(*secrets, reporter=reporter)
    connection.says({"setupComplete": {}})
    await session.set_up(setup, 30.0)
    assert await session.receive() == events.SetupComplete()
    connection.written.clear()
    return connection, session


def text(said: str) -> dict[str, Any]:
    return {"realtimeInput": {"text": said}}


def transcript(said: str) -> dict[str, Any]:
    return {"serverContent": {"outputTranscription": {"text": said}}}


def update(handle: str) -> dict[str, Any]:
    return {"sessionResumptionUpdate": {"newHandle": handle, "resumable": True}}


async def raised_by(session: Session) -> LivecliError:
    with pytest.raises(LivecliError) as raised:
        await session.receive()
    return raised.value


class TestSending:
    @in_virtual_time
    async def test_each_event_is_a_frame_in_the_order_of_the_calls(self) -> None:
        connection, session = await set_up()
        for word in ("one", "two"):
            await session.send(events.Text(word))
        await session.send_all([events.Text("three"), events.Text("four")])
        assert connection.written == [[text("one")], [text("two")], [text("three"), text("four")]]

    @in_virtual_time
    async def test_the_setup_is_the_first_message(self) -> None:
        connection, session = opened()
        connection.says({"setupComplete": {}})
        await session.set_up(SETUP, 30.0)
        assert connection.frames == [{"setup": {"model": ENDPOINT.resource}}]

    @pytest.mark.parametrize("count", [1, 2])
    @in_virtual_time
    async def test_a_send_waits_while_the_peer_is_slow(self, count: int) -> None:
        connection, session = await set_up()
        connection.is_full = True
        said = [events.Text(str(number)) for number in range(count)]
        sending = asyncio.create_task(session.send(said[0]) if count == 1 else session.send_all(said))
        await asyncio.sleep(1000)
        assert (sending.done(), connection.written) == (False, [])
        connection.has_room.set()
        await sending
        assert connection.frames == [text(str(number)) for number in range(count)]

    @in_virtual_time
    async def test_write_sends_at_once_while_the_session_takes_more(self) -> None:
        connection, session = await set_up()
        assert session.takes
        session.write(session.encode([events.Text("one")]))
        assert connection.frames == [text("one")]
        connection.is_full = True
        assert not session.takes

    @pytest.mark.parametrize("is_full", [False, True])
    @in_virtual_time
    async def test_an_event_out_of_place_is_refused_and_its_batch_not_sent(self, is_full: bool) -> None:
        connection, session = await set_up()
        connection.is_full = is_full
        connection.has_room.set()
        with pytest.raises(ProtocolError, match="ActivityStart"):
            await session.send(events.ActivityStart())
        with pytest.raises(ProtocolError, match="ActivityEnd"):
            await session.send_all([events.Text("one"), events.ActivityEnd()])
        assert connection.written == []

    @in_virtual_time
    async def test_nothing_but_the_setup_may_be_said_first(self) -> None:
        connection, session = opened()
        with pytest.raises(ProtocolError, match="before the session is set up"):
            await session.send(events.Text("one"))
        assert connection.written == []

    @pytest.mark.parametrize("count", [1, 2])
    @in_virtual_time
    async def test_a_send_after_the_close_raises_the_error_of_the_close(self, count: int) -> None:
        connection, session = await set_up()
        connection.closes(1011, "Resource has been exhausted (e.g. check quota).")
        await raised_by(session)
        with pytest.raises(QuotaError) as raised:
            await session.send_all([events.Text("late")] * count)
        assert raised.value.close_code == 1011
        assert connection.written == []


class TestReceiving:
    @in_virtual_time
    async def test_events_come_in_order_and_frames_are_counted(self) -> None:
        connection, session = await set_up()
        connection.says(
            transcript("one"),
            {"serverContent": {"turnComplete": True}, "usageMetadata": {"promptTokenCount": 1}},
            {},
            transcript("two"),
        )
        assert [await session.receive() for _ in range(4)] == [
            events.OutputTranscript("one"),
            events.Usage({"promptTokenCount": 1}),
            events.TurnComplete(),
            events.OutputTranscript("two"),
        ]
        assert session.messages == 5, "with setupComplete"

    @in_virtual_time
    async def test_a_frame_that_is_not_json_is_a_protocol_error(self) -> None:
        connection, session = await set_up()
        connection.says(b"{")
        error = await raised_by(session)
        assert (type(error), error.exit_status, error.retry) == (ProtocolError, 6, "never")

    @in_virtual_time
    async def test_iterating_ends_at_a_normal_close(self) -> None:
        connection, session = await set_up()
        connection.says(transcript("one"), transcript("two"))
        connection.closes(1000)
        assert [event async for event in session] == [events.OutputTranscript("one"), events.OutputTranscript("two")]
        assert (session.close_code, session.close_reason) == (1000, "")

    @in_virtual_time
    async def test_iterating_raises_where_the_close_is_an_error(self) -> None:
        connection, session = await set_up()
        connection.closes(1001)
        with pytest.raises(ServerError) as raised:
            await anext(session)
        assert raised.value.close_code == 1001

    @in_virtual_time
    async def test_a_patient_session_waits_for_no_pong(self) -> None:
        connection, session = await set_up()
        session.disable_pong_timeout()
        assert connection.is_patient


class TestSetUp:
    @in_virtual_time
    async def test_early_events_are_received_after_setup_complete(self) -> None:
        connection, session = opened()
        connection.says(
            {"goAway": {"timeLeft": "7s"}},
            transcript("early"),
            {"setupComplete": {"sessionId": "s-1"}, **update("h")},
            transcript("late"),
        )
        await session.set_up(SETUP, 30.0)
        assert session.session_id == "s-1"
        assert [await session.receive() for _ in range(5)] == [
            events.SetupComplete("s-1"),
            events.GoAway(7.0),
            events.OutputTranscript("early"),
            events.ResumptionUpdate("h", True),
            events.OutputTranscript("late"),
        ]

    @in_virtual_time
    async def test_it_is_timed(self) -> None:
        connection, session = opened()
        asyncio.get_running_loop().call_later(2.5, connection.says, {"setupComplete": {}})
        await session.set_up(SETUP, 30.0)
        assert session.timings.setup == pytest.approx(2.5)

    @in_virtual_time
    async def test_silence_is_a_deadline(self) -> None:
        _, session = opened()
        began_at = asyncio.get_running_loop().time()
        with pytest.raises(DeadlineError, match=r"within 30 s") as raised:
            await session.set_up(SETUP, 30.0)
        assert (raised.value.exit_status, raised.value.retry) == (7, "never")
        assert asyncio.get_running_loop().time() - began_at == pytest.approx(30.0)
        assert session.timings.setup is None

    @in_virtual_time
    async def test_each_message_restarts_the_deadline(self) -> None:
        connection, session = opened()
        loop = asyncio.get_running_loop()
        began_at = loop.time()
        for at in (20.0, 40.0):
            loop.call_later(at, connection.says, transcript("early"))
        with pytest.raises(DeadlineError):
            await session.set_up(SETUP, 30.0)
        assert loop.time() - began_at == pytest.approx(70.0)

    @in_virtual_time
    async def test_a_refused_setup_raises_the_error_of_the_close(self) -> None:
        connection, session = opened()
        connection.closes(1007, "Request contains an invalid argument.")
        with pytest.raises(ServerError) as raised:
            await session.set_up(SETUP, 30.0)
        assert (raised.value.exit_status, raised.value.close_code) == (6, 1007)
        assert "--bisect-setup" in (raised.value.hint or ""), "nothing but the setup has been said"

    def test_the_handle_of_a_setup(self) -> None:
        wanted = messages.SessionResumptionConfig(handle="h")
        assert handle_in(events.Setup(messages.Setup(model=MODEL, session_resumption=wanted))) == "h"
        assert handle_in(events.Setup(messages.Setup(model=MODEL), {"sessionResumption": {"handle": "x"}})) == "x"
        assert handle_in(SETUP) == ""


CLOSES = [
    (1000, "", ServerError, 6, "resume"),
    (1001, "", ServerError, 6, "resume"),
    (1007, "Request contains an invalid argument.", ServerError, 6, "never"),
    (1008, "API key not valid. Please pass a valid API key.", AuthError, 4, "never"),
    (1008, "Permission 'aiplatform.endpoints.predict' denied", AuthError, 4, "never"),
    (1008, "User location is not supported for the API use.", ServerError, 6, "never"),
    (1011, "Resource has been exhausted (e.g. check quota).", QuotaError, 8, "later"),
    (1011, "The service is currently unavailable.", QuotaError, 8, "later"),
    (1011, "Internal error encountered.", ServerError, 6, "later"),
    (1011, "Deadline expired before operation could complete.", ServerError, 6, "resume"),
    (1013, "", ServerError, 6, "later"),
    (4321, "something new", ServerError, 6, "never"),
]
OURS = [
    (1002, "invalid opcode", ProtocolError, 6, "never", "what WebSocket does not allow: invalid opcode"),
    (1007, "invalid start byte", ProtocolError, 6, "never", "what WebSocket does not allow: invalid start byte"),
    (1009, "over size", ProtocolError, 6, "never", "over 16 MiB"),
    (1011, "keepalive ping timeout", DeadlineError, 7, "resume", "has not answered a ping for 40 s"),
]


class TestCloses:
    @in_one_test(("code", "reason", "kind", "status", "retry"), CLOSES)
    @in_virtual_time
    async def test_the_servers(self, code: int, reason: str, kind: type[LivecliError], status: int, retry: str) -> None:
        witness = Witness()
        connection, session = await set_up(reporter=witness)
        connection.closes(code, reason)
        error = await raised_by(session)
        assert (type(error), error.exit_status, error.retry) == (kind, status, retry)
        assert (error.close_code, error.close_reason or "") == (code, reason)
        assert (session.close_code, session.close_reason) == (code, reason)
        assert [told[:3] for told in witness.closes] == [("received", code, reason)]

    @pytest.mark.parametrize(("code", "reason", "kind", "status", "retry", "message"), OURS)
    @in_virtual_time
    async def test_ours(
        self, code: int, reason: str, kind: type[LivecliError], status: int, retry: str, message: str
    ) -> None:
        witness = Witness()
        connection, session = await set_up(reporter=witness)
        connection.ends(ConnectionClosed(None, Close(code, reason)))
        error = await raised_by(session)
        assert (type(error), error.exit_status, error.retry) == (kind, status, retry)
        assert message in error.message
        assert [told[0] for told in witness.closes] == ["sent"]

    @in_virtual_time
    async def test_an_end_without_a_close(self) -> None:
        witness = Witness()
        connection, session = await set_up(reporter=witness)
        connection.ends(ConnectionClosed(None, None))
        error = await raised_by(session)
        assert (type(error), error.exit_status, error.retry) == (ServerError, 6, "resume")
        assert (error.close_code, session.close_code) == (1006, 1006)
        assert "without a close" in error.message
        assert [told[0] for told in witness.closes] == ["received"]

    @in_virtual_time
    async def test_a_close_is_reported_once_with_seconds_since_the_opening(self) -> None:
        witness = Witness()
        connection, session = await set_up(reporter=witness)
        await asyncio.sleep(4.0)
        connection.closes(1000)
        for _ in range(2):
            await raised_by(session)
        await session.close()
        [(*_, at)] = witness.closes
        assert at == pytest.approx(4.0)


class TestSecrets:
    @in_virtual_time
    async def test_events_and_reported_frames_hold_no_secret(self) -> None:
        witness = Witness()
        connection, session = await set_up(SECRET, reporter=witness)
        connection.says(transcript(f"you are {SECRET}!"))
        assert await session.receive() == events.OutputTranscript("you are …!")
        received = [frame for direction, frame in witness.frames if direction == "received"]
        assert b"you are" in received[-1]
        assert SECRET.encode() not in b"".join(received)

    @in_virtual_time
    async def test_nor_pieces_of_one_that_comes_in_several(self) -> None:
        witness = Witness()
        connection, session = await set_up(SECRET, reporter=witness)
        connection.says(transcript(f"you are {SECRET[:12]}"), transcript(SECRET[12:] + "!"), transcript("Yes."))
        pieces = [await session.receive() for _ in range(3)]
        assert pieces == [events.OutputTranscript(text) for text in ("you are …", "!", "Yes.")]
        received = b"".join(frame for direction, frame in witness.frames if direction == "received").decode()
        assert [text in received for text in ("you are …", SECRET[:8], SECRET[12:], '"!"', "Yes.")] == [
            *(True, False, False, True, True)
        ]

    @in_virtual_time
    async def test_a_frame_is_reported_that_cannot_be_understood(self) -> None:
        witness = Witness()
        connection, session = await set_up(SECRET, reporter=witness)
        connection.says(f'{{"serverContent": {SECRET}'.encode())
        with pytest.raises(ProtocolError):
            await session.receive()
        assert witness.frames[-1] == ("received", '{"serverContent": …'.encode())

    @pytest.mark.parametrize("quoted", [SECRET, SECRET[:10]])
    @in_virtual_time
    async def test_close_reasons_and_errors_hold_no_secret(self, quoted: str) -> None:
        witness = Witness()
        connection, session = await set_up(SECRET, reporter=witness)
        connection.closes(1008, f"no such token: {quoted}")
        error = await raised_by(session)
        told = [error.message, error.close_reason, session.close_reason, witness.closes[0][2]]
        assert [text and text.count("no such token: …") for text in told] == [1, 1, 1, 1]
        assert not any(quoted in (text or "") for text in told)

    @pytest.mark.parametrize("origin", ["setup", "update"])
    @in_virtual_time
    async def test_close_reasons_and_errors_hold_no_resumption_handle(self, origin: str) -> None:
        if origin == "setup":
            wanted = messages.SessionResumptionConfig(handle=HANDLE)
            setup = events.Setup(messages.Setup(model=ENDPOINT.resource, session_resumption=wanted))
            connection, session = await set_up(setup=setup)
        else:
            connection, session = await set_up()
            connection.says(update(HANDLE), {"sessionResumptionUpdate": {}})
            assert await session.receive() == events.ResumptionUpdate(HANDLE, True)
            assert await session.receive() == events.ResumptionUpdate()
        connection.closes(1008, f"{HANDLE} is in use")
        error = await raised_by(session)
        assert (error.close_reason, session.close_reason) == ("… is in use", "… is in use")
        assert HANDLE not in error.message

    @in_virtual_time
    async def test_fewer_than_eight_characters_are_no_secret(self) -> None:
        connection, session = await set_up("seven77")
        connection.says(transcript("seven77"))
        assert await session.receive() == events.OutputTranscript("seven77")


class TestReporting:
    @in_virtual_time
    async def test_both_directions_are_reported_in_order_with_seconds_since_the_opening(self) -> None:
        witness = Witness()
        connection, session = await set_up(reporter=witness)
        await asyncio.sleep(1.5)
        await session.send_all([events.Text("one"), events.Text("two")])
        connection.says(transcript("three"))
        await session.receive()
        assert [(direction, event, round(at, 3)) for direction, event, at in witness.events] == [
            ("sent", SETUP, 0.0),
            ("received", events.SetupComplete(), 0.0),
            ("sent", events.Text("one"), 1.5),
            ("sent", events.Text("two"), 1.5),
            ("received", events.OutputTranscript("three"), 1.5),
        ]
        assert [(direction, json.loads(frame)) for direction, frame in witness.frames][2:] == [
            ("sent", text("one")),
            ("sent", text("two")),
            ("received", transcript("three")),
        ]

    @in_virtual_time
    async def test_a_reporter_that_wants_less_is_told_the_last_event_of_a_batch(self) -> None:
        witness = Witness()
        witness.wants_every = False
        _, session = await set_up(reporter=witness)
        await session.send_all([events.Text("one"), events.Text("two")])
        assert [event for direction, event, _ in witness.events if direction == "sent"] == [SETUP, events.Text("two")]


class TestClosing:
    @in_virtual_time
    async def test_it_is_normal_and_reported_as_sent(self) -> None:
        witness = Witness()
        _, session = await set_up(reporter=witness)
        await session.close()
        assert (session.close_code, session.close_reason) == (1000, "")
        assert [told[:3] for told in witness.closes] == [("sent", 1000, "")]
        with pytest.raises(ServerError) as raised:
            await session.send(events.Text("late"))
        assert raised.value.close_code == 1000

    @in_virtual_time
    async def test_it_is_bounded_where_the_server_takes_no_more_bytes(self) -> None:
        witness = Witness()
        connection, session = await set_up(reporter=witness)
        connection.answers_close = False
        began_at = asyncio.get_running_loop().time()
        await session.close()
        assert asyncio.get_running_loop().time() - began_at == pytest.approx(2 * CLOSE_SECONDS)
        assert (connection.aborted, session.close_code) == (True, 1006)
        assert [told[:2] for told in witness.closes] == [("sent", 1006)]

    @in_virtual_time
    async def test_leaving_takes_the_handles_that_still_come_and_ends(self) -> None:
        connection, session = await set_up()
        connection.says(update("one"), update("two"))
        taken: list[str | None] = []
        await session.leave(lambda update: taken.append(update.handle))
        assert taken == ["one", "two"]
        assert session.close_code == 1000
        assert asyncio.all_tasks() == {asyncio.current_task()}, "the close is over"

    @in_virtual_time
    async def test_a_handle_behind_something_else_is_not_taken(self) -> None:
        connection, session = await set_up()
        connection.says(update("one"), transcript("unheard"), update("two"))
        taken: list[str | None] = []
        await session.leave(lambda update: taken.append(update.handle))
        assert taken == ["one"], "the second includes what the caller has not received"
        assert session.close_code == 1000

    @in_virtual_time
    async def test_leaving_is_bounded_where_the_server_says_no_more(self) -> None:
        connection, session = await set_up()
        connection.answers_close = False
        began_at = asyncio.get_running_loop().time()
        await session.leave(lambda update: None)
        assert asyncio.get_running_loop().time() - began_at == pytest.approx(2 * CLOSE_SECONDS)
        assert (connection.aborted, session.close_code) == (True, 1006)
