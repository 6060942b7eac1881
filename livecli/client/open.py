"""Opening sessions: the endpoint and credential resolved, the connection made, the setup completed."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, replace
from itertools import chain, repeat
from typing import TYPE_CHECKING

from ..credentials import Credential
from ..credentials.decision import resolve
from ..errors import LivecliError, UsageError
from ..process.tasks import collapse_exception_group
from ..protocol import events
from ..protocol.elision import secrets_in
from ..protocol.endpoint import Endpoint, Target
from ..report.reporter import Reporter
from .connect_errors import failures_as_errors
from .connection import dial
from .session import Session

if TYPE_CHECKING:
    from .resumable import ResumableSession
    from .resumption import History
    from .retry import Admit, Pause


@dataclass(frozen=True)
class Timeouts:
    """Time limits in seconds, and retries.

    `connect` covers name lookup to finished upgrade, `idle` the service's silence while an answer is due, and `total`
    the whole run. `retries` is how often a connection is tried again where that may help; None is any number. `pause`
    waits before each retry; None sleeps. `admit` waits until a connection may be opened that replaces another.
    """

    connect: float = 10.0
    idle: float = 30.0
    total: float | None = None
    retries: int | None = 3
    pause: Pause | None = None
    admit: Admit | None = None


Resolve = Callable[[Target], Awaitable[tuple[Endpoint, Credential]]]
"""Resolves a target to an endpoint and a credential. Raises as `credentials.decision.resolve` does."""


async def resolved(target: Target) -> tuple[Endpoint, Credential]:
    """As `credentials.decision.resolve`, in a thread, since a metadata server may have to be asked."""
    return await asyncio.to_thread(resolve, target, os.environ)


async def resolved_once(target: Target, check: Callable[[Endpoint], object]) -> Resolve:
    """Resolve `target` before anything is sent, and return a function that gives each of many requests the result.

    `check` is called with the endpoint. A UsageError is raised here; another error belongs to each request, which gets
    its own copy. The warning of the credential goes to the first request.
    """
    try:
        endpoint, credential = await resolved(target)
        check(endpoint)
    except UsageError:
        raise
    except LivecliError as error:
        failure = error

        async def fail(_: Target) -> tuple[Endpoint, Credential]:
            raise failure.revised()

        return fail
    results = chain([(endpoint, credential)], repeat((endpoint, replace(credential, warning=None))))

    async def give(_: Target) -> tuple[Endpoint, Credential]:
        return next(results)

    return give


@asynccontextmanager
async def open_session(
    endpoint: Endpoint,
    headers: Mapping[str, str],
    setup: events.Setup,
    *,
    connect_timeout: float = 10.0,
    idle_timeout: float = 30.0,
    reporter: Reporter,
    secrets: Sequence[str] = (),
    began_at: float | None = None,
) -> AsyncIterator[Session]:
    """A session that is set up, closed at the end of the block. Timeouts are in seconds; `secrets` are Session's.

    `began_at` is when the session's first connection was opened, if this is a later one: reported times count from
    then. Raises ConnectError, AuthError, QuotaError, DeadlineError or ServerError where no session can be opened.
    """
    started = asyncio.get_running_loop().time()
    with failures_as_errors(endpoint, connect_timeout):
        async with asyncio.timeout(connect_timeout):
            connection = await dial(endpoint, headers)
    session = Session(connection, endpoint, reporter, secrets)
    session.timings.connect = session.opened_at - started
    session.opened_at = session.opened_at if began_at is None else began_at
    try:
        await session.set_up(setup, idle_timeout)
        yield session
    finally:
        await session.close()


@asynccontextmanager
async def open_authorised(
    endpoint: Endpoint,
    credential: Credential,
    setup: events.Setup,
    timeouts: Timeouts,
    reporter: Reporter,
    began_at: float | None = None,
) -> AsyncIterator[Session]:
    """A session opened with a fresh credential, which is removed from errors that quote it."""
    refreshes = credential.tokens is not None
    headers = await asyncio.to_thread(credential.headers) if refreshes else credential.headers()
    shown = credential.elided_headers()
    secrets = tuple(text.rpartition(" ")[2] for name, text in headers.items() if text != shown[name])
    reporter.authorised(secrets)
    try:
        async with open_session(
            endpoint,
            headers,
            setup,
            connect_timeout=timeouts.connect,
            idle_timeout=timeouts.idle,
            reporter=reporter,
            secrets=secrets,
            began_at=began_at,
        ) as session:
            yield session
    except LivecliError as error:
        # A long message is cut, perhaps in the middle of a secret.
        for secret in (*secrets, *secrets_in(error.message, secrets)):
            error.elide(secret)
        raise


@asynccontextmanager
async def open_resumable(
    endpoint: Endpoint,
    credential: Credential,
    setup: events.Setup,
    timeouts: Timeouts,
    reporter: Reporter,
    history: History | None = None,
    handle: str | None = None,
) -> AsyncIterator[ResumableSession]:
    """As `open_authorised`, for a session that outlives its connections. It owns the session's tasks.

    `handle` resumes an earlier session; where the service refuses it, the session begins with `history`.
    """
    from .resumable import ResumableSession
    from .resumption import Resumption

    def opened(setup: events.Setup, began_at: float | None) -> AbstractAsyncContextManager[Session]:
        return open_authorised(endpoint, credential, setup, timeouts, reporter, began_at)

    resumption = Resumption(setup, endpoint.model, history, handle)
    async with collapse_exception_group(), asyncio.TaskGroup() as tasks:
        session = ResumableSession(
            opened,
            resumption,
            reporter,
            timeouts.retries,
            timeouts.pause,
            timeouts.admit,
            start=tasks.create_task,
        )
        try:
            await session.open()
            yield session
        finally:
            await session.close()
