"""From what is wanted to an open session: resolving, the emulator for `local`, timeouts, credentials, retries."""

from __future__ import annotations

import asyncio
import json
import socket
import threading
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlsplit

import pytest

from livecli.client.open import Timeouts, open_authorised, open_resumable, open_session, resolved
from livecli.client.resumable import Checkpoint, Rewind
from livecli.credentials import Credential, CredentialKind
from livecli.embedded import reachable
from livecli.errors import AuthError, ConnectError, DeadlineError, QuotaError, ServerError, UsageError
from livecli.protocol import events, messages
from livecli.protocol.endpoint import Endpoint, Target
from livecli.protocol.platform import Platform
from livecli.report.reporter import Reporter, Retry
from tests.live_server import Connection, live_server

MODEL = "gemini-3.8-live"
SETUP = events.Setup(messages.Setup(model=f"publishers/google/models/{MODEL}"))
RESUMABLE = events.Setup(
    messages.Setup(model=SETUP.body.model, session_resumption=messages.SessionResumptionConfig(transparent=True))
)
SECRET = "ya29.a-secret-token"
TOKEN = Credential("a test", CredentialKind.TOKEN, secret=SECRET)
NO_CREDENTIAL = Credential("none", CredentialKind.NONE)
TOLD = (messages.Content(role="user", parts=[messages.Part(text="before")]),)
WAIT_SECONDS = 10.0
"""The bound of each wait that is expected to be short."""


class Tokens:
    """Gives a new token each time it is asked, and keeps the threads that asked."""

    expires_at: datetime | None = datetime(2100, 1, 1, tzinfo=UTC)

    def __init__(self) -> None:
        self.threads: list[threading.Thread] = []

    def token(self) -> str:
        self.threads.append(threading.current_thread())
        return f"{SECRET}-{len(self.threads)}"


class Witness(Reporter):
    """Keeps the attempts that are announced, and the seconds at which events come."""

    def __init__(self) -> None:
        self.announced: list[Retry] = []
        self.times: list[float] = []

    def event(self, direction: str, event: events.Event, at: float) -> None:
        self.times.append(at)

    def retrying(self, retry: Retry) -> None:
        self.announced.append(retry)


async def no_pause(retry: Retry) -> None:
    """Goes on at once."""


def endpoint(url: str) -> Endpoint:
    return Endpoint(Platform.VERTEX, f"{url}/ws", MODEL, SETUP.body.model or "")


def is_listening(url: str) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", urlsplit(url).port)) == 0


def set_up(connection: Connection) -> None:
    connection.set_up()
    connection.drain()


def once(number: list[int], first: Callable[[Connection], None], later: Callable[[Connection], None] = set_up) -> Any:
    """A handler that treats the first connection in one way, later ones in another; `number` counts them."""

    def handle(connection: Connection) -> None:
        number.append(len(number))
        (first if len(number) == 1 else later)(connection)

    return handle


class TestTimeouts:
    def test_the_defaults(self) -> None:
        timeouts = Timeouts()
        assert (timeouts.connect, timeouts.idle, timeouts.total, timeouts.retries) == (10.0, 30.0, None, 3)
        assert timeouts.pause is None

    @pytest.mark.parametrize("opening", [open_authorised, open_resumable])
    async def test_connect_bounds_the_way_to_the_upgrade(self, opening: Any) -> None:
        timeouts = Timeouts(connect=0.2, idle=WAIT_SECONDS, retries=0)
        with socket.create_server(("127.0.0.1", 0)) as silent:
            where = endpoint(f"ws://127.0.0.1:{silent.getsockname()[1]}")
            with pytest.raises(DeadlineError, match=r"no connection to 127\.0\.0\.1 within 0\.2 s") as raised:
                async with opening(where, NO_CREDENTIAL, SETUP, timeouts, Reporter()):
                    pass
        assert raised.value.exit_status == 7

    @pytest.mark.parametrize("opening", [open_authorised, open_resumable])
    async def test_idle_bounds_the_setup(self, opening: Any) -> None:
        timeouts = Timeouts(connect=WAIT_SECONDS, idle=0.2, retries=0)
        with live_server(Connection.drain) as server, pytest.raises(DeadlineError) as raised:
            async with opening(endpoint(server.url), NO_CREDENTIAL, SETUP, timeouts, Reporter()):
                pass
        assert raised.value.message == "the server did not complete the setup within 0.2 s"
        assert raised.value.exit_status == 7
        assert server.close_codes == [1000], "the connection is closed all the same"


class TestResolved:
    async def test_a_url_on_loopback_needs_no_credential(self) -> None:
        where, credential = await resolved(Target(base_url="http://127.0.0.1:8765"))
        assert where.url.startswith("ws://127.0.0.1:8765/ws/google.cloud.aiplatform.v1.")
        assert (where.platform, where.model, credential.headers()) == (Platform.VERTEX, MODEL, {})

    async def test_the_environment_is_the_process_own(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("LIVECLI_ACCESS_TOKEN", SECRET)
        monkeypatch.setenv("GOOGLE_CLOUD_PROJECT", "a-project")
        where, credential = await resolved(Target())
        assert where.project == "a-project"
        assert credential.headers() == {"Authorization": f"Bearer {SECRET}"}

    async def test_its_errors_are_raised(self) -> None:
        with pytest.raises(AuthError) as no_credential:
            await resolved(Target(platform=Platform.DEVELOPER))
        assert no_credential.value.exit_status == 4
        with pytest.raises(UsageError) as no_url:
            await resolved(Target(base_url="gopher://127.0.0.1"))
        assert no_url.value.exit_status == 2

    async def test_the_loop_runs_on_while_it_asks(self, monkeypatch: pytest.MonkeyPatch) -> None:
        has_run = threading.Event()

        def asks(wanted: Target, environ: Any) -> tuple[Endpoint, Credential]:
            assert has_run.wait(WAIT_SECONDS), "the loop is blocked"
            return endpoint("ws://127.0.0.1:1"), NO_CREDENTIAL

        monkeypatch.setattr("livecli.client.open.resolve", asks)
        resolving = asyncio.create_task(resolved(Target()))
        asyncio.get_running_loop().call_soon(has_run.set)
        assert await resolving == (endpoint("ws://127.0.0.1:1"), NO_CREDENTIAL)


class TestReachable:
    async def test_what_is_not_local_is_left_as_it_is(self) -> None:
        wanted = Target(base_url="wss://live.test", model="m")
        async with reachable(wanted) as found:
            assert found is wanted

    async def test_local_is_an_emulator_that_runs_as_long_as_the_block(self) -> None:
        wanted = Target(local=True, model=MODEL, project="p")
        async with reachable(wanted) as found:
            assert found == Target(local=True, model=MODEL, project="p", base_url=found.base_url)
            assert is_listening(found.base_url or "")
            where, credential = await resolved(found)
            async with open_authorised(where, credential, SETUP, Timeouts(), Reporter()) as session:
                assert isinstance(await session.receive(), events.SetupComplete)
        assert not is_listening(found.base_url or "")

    async def test_it_is_stopped_where_the_block_fails(self) -> None:
        with pytest.raises(ZeroDivisionError):
            async with reachable(Target(local=True)) as found:
                raise ZeroDivisionError
        assert not is_listening(found.base_url or "")


class TestOpenSession:
    async def test_it_is_set_up_timed_and_closed_normally(self) -> None:
        with live_server(set_up) as server:
            async with open_session(endpoint(server.url), {"X-Test": "1"}, SETUP, reporter=Reporter()) as session:
                assert await session.receive() == events.SetupComplete()
                assert session.close_code is None
                assert 0 < (session.timings.connect or 0) < WAIT_SECONDS
                assert 0 < (session.timings.setup or 0) < WAIT_SECONDS
                assert abs(asyncio.get_running_loop().time() - session.opened_at) < WAIT_SECONDS
        assert session.close_code == 1000
        assert server.frames == [{"setup": {"model": SETUP.body.model}}]
        assert [request.headers["X-Test"] for request in server.requests] == ["1"]
        assert server.close_codes == [1000]

    async def test_a_later_connection_is_timed_from_the_first(self) -> None:
        with live_server(set_up) as server:
            where = endpoint(server.url)
            async with open_session(where, {}, SETUP, reporter=Reporter(), began_at=-5.0) as session:
                assert session.opened_at == -5.0
                assert 0 < (session.timings.connect or 0) < WAIT_SECONDS
            async with open_authorised(where, TOKEN, SETUP, Timeouts(), Reporter(), -5.0) as session:
                assert session.opened_at == -5.0

    async def test_it_is_closed_where_the_block_fails(self) -> None:
        with live_server(set_up) as server, pytest.raises(ZeroDivisionError):
            async with open_session(endpoint(server.url), {}, SETUP, reporter=Reporter()):
                raise ZeroDivisionError
        assert server.close_codes == [1000]

    async def test_a_setup_that_is_refused_raises_the_error_of_the_close(self) -> None:
        def refuse(connection: Connection) -> None:
            connection.close(1007, "Request contains an invalid argument.")

        with live_server(refuse) as server, pytest.raises(ServerError) as raised:
            async with open_session(endpoint(server.url), {}, SETUP, reporter=Reporter()):
                pass
        assert (raised.value.exit_status, raised.value.close_code) == (6, 1007)

    async def test_an_error_of_the_block_is_not_taken_for_one_of_the_connection(self) -> None:
        with live_server(set_up) as server, pytest.raises(TimeoutError):
            async with open_session(endpoint(server.url), {}, SETUP, reporter=Reporter()):
                raise TimeoutError


class TestOpenAuthorised:
    async def test_the_credential_is_sent(self) -> None:
        with live_server(set_up) as server:
            async with open_authorised(endpoint(server.url), TOKEN, SETUP, Timeouts(), Reporter()):
                pass
        assert [request.headers["Authorization"] for request in server.requests] == [f"Bearer {SECRET}"]

    async def test_a_token_is_fresh_for_each_session_and_fetched_in_a_thread(self) -> None:
        tokens = Tokens()
        credential = Credential("a test", CredentialKind.ADC, tokens=tokens)
        with live_server(set_up) as server:
            for _ in range(2):
                async with open_authorised(endpoint(server.url), credential, SETUP, Timeouts(), Reporter()):
                    pass
        assert [request.headers["Authorization"] for request in server.requests] == [
            f"Bearer {SECRET}-1",
            f"Bearer {SECRET}-2",
        ]
        assert threading.current_thread() not in tokens.threads

    @pytest.mark.parametrize("padding", [0, 185], ids=["whole", "cut"])
    async def test_a_refusal_that_quotes_the_credential_is_told_without_it(self, padding: int) -> None:
        body = json.dumps({"error": {"message": "x" * padding + SECRET}})
        with live_server(set_up, status=403, body=body) as server, pytest.raises(AuthError) as raised:
            async with open_authorised(endpoint(server.url), TOKEN, SETUP, Timeouts(), Reporter()):
                pass
        assert raised.value.exit_status == 4
        assert raised.value.message.endswith("x" * padding + "…")
        assert SECRET[:8] not in raised.value.message

    async def test_neither_a_frame_nor_a_close_shows_the_credential(self) -> None:
        def quote(connection: Connection) -> None:
            connection.set_up()
            connection.content(outputTranscription={"text": f"you sent {SECRET}"})
            connection.close(1008, f"Invalid authentication credential {SECRET}")

        with live_server(quote) as server, pytest.raises(AuthError) as raised:
            async with open_authorised(endpoint(server.url), TOKEN, SETUP, Timeouts(), Reporter()) as session:
                assert await session.receive() == events.SetupComplete()
                assert await session.receive() == events.OutputTranscript("you sent …")
                await session.receive()
        assert raised.value.close_reason == "Invalid authentication credential …"
        assert SECRET not in raised.value.message

    async def test_what_is_no_secret_among_the_headers_is_not_elided(self) -> None:
        credential = Credential("a test", CredentialKind.TOKEN, secret=SECRET, quota_project="billed-project")

        def mention(connection: Connection) -> None:
            connection.set_up()
            connection.close(1011, "billed-project has failed")

        with live_server(mention) as server, pytest.raises(ServerError) as raised:
            async with open_authorised(endpoint(server.url), credential, SETUP, Timeouts(), Reporter()) as session:
                await session.receive()
                await session.receive()
        assert raised.value.close_reason == "billed-project has failed"


class TestOpenLine:
    async def test_it_is_open_and_closed_normally(self) -> None:
        with live_server(set_up) as server:
            async with open_resumable(endpoint(server.url), TOKEN, RESUMABLE, Timeouts(), Reporter()) as line:
                assert await line.receive() == events.SetupComplete()
                assert (line.connections, line.close_code) == (1, None)
                assert line.endpoint == endpoint(server.url)
            assert line.close_code == 1000
        assert server.close_codes == [1000]

    async def test_an_attempt_is_repeated_after_the_given_pause_with_a_fresh_token(self) -> None:
        statuses, paused, witness = [503, 429, None], list[Retry](), Witness()

        async def pause(retry: Retry) -> None:
            paused.append(retry)

        timeouts = Timeouts(retries=2, pause=pause)
        credential = Credential("a test", CredentialKind.ADC, tokens=Tokens())
        with live_server(set_up, status=lambda: statuses.pop(0)) as server:
            async with open_resumable(endpoint(server.url), credential, SETUP, timeouts, witness) as line:
                assert line.connections == 1
        assert [retry.attempt for retry in paused] == [1, 2]
        assert witness.announced == paused
        sent = [request.headers["Authorization"] for request in server.requests]
        assert sent == [f"Bearer {SECRET}-{number}" for number in (1, 2, 3)]

    async def test_the_retries_are_bounded(self) -> None:
        with live_server(set_up, status=503) as server, pytest.raises(QuotaError, match="503") as raised:
            timeouts = Timeouts(retries=1, pause=no_pause)
            async with open_resumable(endpoint(server.url), TOKEN, SETUP, timeouts, Reporter()):
                pass
        assert (raised.value.exit_status, len(server.requests)) == (8, 2)

    async def test_a_lost_connection_is_resumed_with_the_handle(self) -> None:
        def lose(connection: Connection) -> None:
            connection.set_up()
            connection.receive()
            connection.say({"sessionResumptionUpdate": {"newHandle": "h-1", "resumable": True}})
            connection.socket.socket.shutdown(socket.SHUT_RDWR)

        timeouts, witness = Timeouts(pause=no_pause), Witness()
        with live_server(once([], lose)) as server:
            async with open_resumable(endpoint(server.url), TOKEN, RESUMABLE, timeouts, witness) as line:
                line.first.opened_at -= 1000
                assert await line.receive() == events.SetupComplete()
                await line.send(events.Text("one"))
                assert await line.receive() == Checkpoint()
                assert await line.receive() == events.ResumptionUpdate("h-1", True)
                async with asyncio.timeout(WAIT_SECONDS):
                    assert await line.receive() == Rewind()
                    assert await line.receive() == events.SetupComplete()
                assert line.connections == 2
                assert witness.times[-1] > 1000, "counted from the first connection on"
                await line.send(events.Text("two"))
        setups = [frame["setup"] for frame in server.frames if "setup" in frame]
        assert [setup["sessionResumption"].get("handle") for setup in setups] == [None, "h-1"]
        said = [frame["realtimeInput"]["text"] for frame in server.frames if "realtimeInput" in frame]
        assert said == ["one", "one", "two"], "the first is not confirmed"

    async def test_a_given_handle_is_resumed(self) -> None:
        with live_server(set_up) as server:
            where = endpoint(server.url)
            async with open_resumable(where, TOKEN, RESUMABLE, Timeouts(), Reporter(), handle="kept") as line:
                assert line.connections == 1
        assert server.frames[0]["setup"]["sessionResumption"]["handle"] == "kept"

    async def test_a_handle_that_is_refused_is_replaced_by_the_history(self) -> None:
        def refuse(connection: Connection) -> None:
            connection.receive()
            connection.close(1008, "Requested entity was not found.")

        with live_server(once([], refuse)) as server:
            where = endpoint(server.url)
            async with open_resumable(where, TOKEN, RESUMABLE, Timeouts(), Reporter(), lambda: TOLD, "stale") as line:
                assert await line.receive() == events.SetupComplete()
                assert line.connections == 1
        first, second, told = server.frames
        assert first["setup"]["sessionResumption"]["handle"] == "stale"
        assert "handle" not in second["setup"]["sessionResumption"]
        assert told["clientContent"]["turns"] == [{"role": "user", "parts": [{"text": "before"}]}]

    async def test_one_that_is_not_opened_leaves_nothing_open(self) -> None:
        with socket.socket() as taken:
            taken.bind(("127.0.0.1", 0))
            where = endpoint(f"ws://127.0.0.1:{taken.getsockname()[1]}")
            with pytest.raises(ConnectError) as raised:
                async with open_resumable(where, TOKEN, SETUP, Timeouts(retries=0), Reporter()):
                    pass
        assert raised.value.exit_status == 5
        assert asyncio.all_tasks() == {asyncio.current_task()}
