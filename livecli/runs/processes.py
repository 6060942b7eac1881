"""Sessions in further processes: `send --processes`.

The first process has the list of requests, the rate of starts, the credential and the reporters. A worker process has
sessions: it is given one request for each, asks the first process before each connection, and sends back what a session
reports and its summary.
"""

from __future__ import annotations

import asyncio
import itertools
import signal
import sys
import traceback
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Iterable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import partial
from socket import socket
from typing import Any, NamedTuple

from ..client.open import Resolve
from ..credentials import Credential
from ..errors import FileError, Interrupted, LivecliError, ProcessKilled
from ..process.channel import Channel
from ..process.folders import is_file
from ..process.run import run
from ..process.tasks import collapse_exception_group
from ..process.worker import Worker, ending, start
from ..protocol.endpoint import Endpoint, Target
from ..report.reporter import Reporter
from ..report.summary import Summary
from ..report.timeline import Timeline
from .request import Request, exchange

PROGRESS_SECONDS = 0.25
"""The time between two reports of how far the sessions of a worker are: that of a live display."""

END_SECONDS = 10.0
"""The time that a worker has to end a session that is cancelled, and itself after that. Then it is killed."""

StartTask = Callable[[Coroutine[Any, Any, None]], asyncio.Task[None]]
"""Starts a task of the pool."""

Ask = Callable[..., Coroutine[Any, Any, Any]]
"""Calls a function of the first process, by its name."""

FORWARDED = (
    *("recognised", "connecting", "authorised", "connected", "event", "frame", "closed", "called", "returned"),
    *("interlude", "remark", "warning", "retrying", "resumed"),
)
"""The methods of a reporter that a session calls, besides `started`."""


class Wants(NamedTuple):
    """The reports that the reporter of a run wants, as the attributes of `Reporter`."""

    frames: bool
    events: bool
    every: bool
    timelines: bool


class Progress(NamedTuple):
    """How far the session of a run is, as far as a display of several shows it."""

    number: int
    sent_chunks: int
    sent_seconds: float
    received_seconds: float
    asked_at: float | None


# In the first process.


@asynccontextmanager
async def worker_pool(count: int) -> AsyncIterator[WorkerPool]:
    """A pool of `count` worker processes, which end with the block."""
    async with collapse_exception_group(), asyncio.TaskGroup() as tasks:
        pool = WorkerPool(count, tasks.create_task)
        try:
            yield pool
        finally:
            await pool.close()


class WorkerPool:
    """Worker processes. One that has ended is replaced when the next request is sent."""

    def __init__(self, count: int, start_task: StartTask) -> None:
        self._count, self._start_task = count, start_task
        self._workers: list[_SessionWorker] = []

    async def exchange(
        self, request: Request, target: Target, summary: Summary, reporter: Reporter, resolve: Resolve
    ) -> None:
        """As `request.exchange`, in the worker that has the fewest sessions of those that are ready.

        An input that is no regular file, such as standard input, is open in this process only. Raises ProcessKilled
        where the worker ends before the session does.
        """
        if request.input is not None and not is_file(request.input):
            await exchange(request, target, summary, reporter, resolve)
        else:
            await self._next_worker().exchange(_Run(request, target, summary, reporter, resolve))

    async def start(self) -> None:
        """Start the workers, and wait until they are ready: no time limit of a session includes that.

        Raises FileError where one cannot be started.
        """
        for _ in range(self._count):
            self._start_worker()
        for worker in self._workers:
            await worker.ready.wait()

    async def close(self) -> None:
        """End the workers."""
        await asyncio.gather(*(worker.close() for worker in self._workers))

    def _start_worker(self) -> None:
        self._workers.append(_SessionWorker(start(f"{__name__}:work"), self._start_task))

    def _next_worker(self) -> _SessionWorker:
        self._workers = [worker for worker in self._workers if worker.is_running]
        if len(self._workers) < self._count:
            try:
                self._start_worker()
            except FileError:
                if not self._workers:
                    raise
        ready = [worker for worker in self._workers if worker.ready.is_set()]
        return min(ready or self._workers, key=lambda worker: len(worker.runs))


@dataclass(eq=False)
class _Run:
    """A request that a worker sends. `error` is an error of the reporter, and `ended` is set at the end."""

    request: Request
    target: Target
    summary: Summary
    reporter: Reporter
    resolve: Resolve
    error: BaseException | None = None
    credential: Credential | None = None
    ended: asyncio.Event = field(default_factory=asyncio.Event)

    def update(self, summary: Summary) -> Summary:
        """Bring the summary of this process up to date, and return it."""
        vars(self.summary).update({**vars(summary), "prices": self.summary.prices, "error": None})
        return self.summary

    def end(self, error: BaseException | None) -> None:
        """The run is over; the first error counts."""
        self.error = self.error or error
        self.ended.set()

    async def resolved(self) -> tuple[Endpoint, Credential, bool]:
        """The endpoint, the credential without the source of its tokens, and whether it has one."""
        endpoint, self.credential = await self.resolve(self.target)
        return endpoint, replace(self.credential, tokens=None), self.credential.tokens is not None

    async def token(self) -> str:
        """A valid access token."""
        assert self.credential is not None
        assert self.credential.tokens is not None
        return await asyncio.to_thread(self.credential.tokens.token)


class _SessionWorker:
    """A worker process, as the first process sees it. `runs` are those under way, by number.

    `ready` is set once it takes requests, or has ended.
    """

    def __init__(self, worker: Worker, start_task: StartTask) -> None:
        self.runs: dict[int, _Run] = {}
        self.is_running = True
        self.ready = asyncio.Event()
        self._process = worker.process
        self._start_task = start_task
        self._numbers = itertools.count()
        self._channel: asyncio.Future[Channel] = asyncio.get_running_loop().create_future()
        start_task(self._serve(worker.end))

    async def exchange(self, run: _Run) -> None:
        """Send the request of `run`."""
        number = next(self._numbers)
        self.runs[number] = run
        try:
            await self.ready.wait()
            channel, reporter = self._channel.result(), run.reporter
            wants = Wants(reporter.wants_frames, reporter.wants_events, reporter.wants_every, reporter.wants_timelines)
            channel.tell("start", number, _portable(run.request), wants)
            try:
                await run.ended.wait()
            except asyncio.CancelledError:
                channel.tell("cancel", number)
                try:
                    async with asyncio.timeout(END_SECONDS):
                        await run.ended.wait()
                except TimeoutError:
                    # It was stopped, or hangs.
                    self._process.kill()
                    await run.ended.wait()
                raise
        finally:
            del self.runs[number]
        if run.error:
            raise run.error

    async def close(self) -> None:
        """End the process. Without its channel it does so by itself, unless it is still starting."""
        if not self.ready.is_set():
            self._process.kill()
        if self.is_running:
            try:
                async with asyncio.timeout(END_SECONDS):
                    channel = await asyncio.shield(self._channel)
                    await channel.close()
                    await asyncio.to_thread(self._process.wait)
            except TimeoutError:
                self._process.kill()

    async def _serve(self, end: socket) -> None:
        """Do what the worker asks for, until it ends."""
        handlers: Mapping[str, Callable[..., Any]]
        handlers = {
            "ready": self.ready.set,
            "report": self._report,
            "progress": self._progress,
            "ended": self._ended,
            "ask": self._ask,
        }
        channel = await Channel.on(end, handlers)
        self._channel.set_result(channel)
        serving = self._start_task(channel.run())
        await channel.closed.wait()
        # It may be waiting for the start of a session that has ended with its process.
        serving.cancel()
        self.is_running = False
        self.ready.set()
        await channel.close()
        status = await asyncio.to_thread(self._process.wait)
        for each in self.runs.values():
            each.end(
                ProcessKilled(
                    f"the process with this session {ending(status)}",
                    hint="--resume-from sends what is left, given the --json output of this run",
                )
            )

    def _report(self, number: int, name: str, arguments: Iterable[Any], named: Mapping[str, Any]) -> None:
        if each := self.runs.get(number):
            updated = [each.update(value) if isinstance(value, Summary) else value for value in arguments]
            try:
                getattr(each.reporter, name)(*updated, **named)
            except LivecliError as error:
                # A file of the reporter cannot be written. In one process, that ends the session too.
                each.error = each.error or error
                self._channel.result().tell("cancel", number)

    def _progress(self, reports: list[Progress]) -> None:
        for report in reports:
            if each := self.runs.get(report.number):
                stats = each.summary.stats
                stats.sent.chunks, stats.sent.audio_seconds = report.sent_chunks, report.sent_seconds
                stats.received.audio_seconds, stats.asked_at = report.received_seconds, report.asked_at

    def _ended(self, number: int, summary: Summary, error: BaseException | None) -> None:
        if each := self.runs.get(number):
            each.update(summary)
            each.end(error)

    async def _ask(self, number: int, name: str, arguments: tuple[Any, ...]) -> tuple[Any, BaseException | None]:
        """The result of a function of this process that a session needs, or its error."""
        each = self.runs.get(number)
        if each is None:
            return None, Interrupted()
        timeouts = each.request.timeouts
        functions = {"admit": timeouts.admit, "pause": timeouts.pause, "resolve": each.resolved, "token": each.token}
        function: Callable[..., Awaitable[Any]] | None = functions[name]
        assert function is not None
        try:
            return await function(*arguments), None
        except LivecliError as error:
            return None, _with_traceback(error)


def _portable(request: Request) -> Request:
    """The part of a request that another process needs."""
    timeouts = replace(request.timeouts, pause=None, admit=None)
    return replace(request, timeouts=timeouts, check=None, confirm=None, prices={})


def _with_traceback(error: Exception) -> Exception:
    """An error that keeps its traceback as a note when it goes to another process."""
    lines = "".join(traceback.format_exception(error))
    if not isinstance(error, LivecliError):
        # It may be of a class that only this process can make.
        error = RuntimeError(f"{type(error).__name__} in another process")
    else:
        lines = error.without_secrets(lines)
    error.add_note(lines)
    return error


# In a worker process.


def work(end: socket) -> None:
    """The worker process, given its end of the channel: it has sessions until the first process closes the other end.

    The signals that end all processes of a terminal, of a service or of a job are left to the first process.
    """
    if sys.platform != "win32":
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            # Programs that are started do not inherit a handler.
            signal.signal(number, lambda *_: None)
        signal.pthread_sigmask(signal.SIG_SETMASK, ())
    run(_work(end), handles_signals=False)


async def _work(end: socket) -> None:
    sessions = _Sessions()
    async with asyncio.TaskGroup() as tasks:
        start = partial(sessions.start, tasks.create_task)
        channel = sessions.channel = await Channel.on(end, {"start": start, "cancel": sessions.cancel})
        channel.tell("ready")
        progress = tasks.create_task(sessions.report_progress())
        await channel.run()
        progress.cancel()
        for number in sessions.running:
            sessions.cancel(number)
    await channel.close()


class _Sessions:
    """The sessions of a worker process. `running` are their tasks, by number."""

    channel: Channel

    def __init__(self) -> None:
        self.running: dict[int, asyncio.Task[None]] = {}
        self._summaries: dict[int, Summary] = {}

    def start(self, start_task: StartTask, number: int, request: Request, wants: Wants) -> None:
        """Begin to send a request."""
        self.running[number] = start_task(self._send(number, request, wants))

    def cancel(self, number: int) -> None:
        """End a session; its end is reported."""
        if number in self.running:
            self.running[number].cancel()

    async def report_progress(self) -> None:
        """Report how far the sessions are, again and again."""
        while True:
            await asyncio.sleep(PROGRESS_SECONDS)
            if self._summaries:
                self.channel.tell("progress", [_progress(*each) for each in self._summaries.items()])

    async def _send(self, number: int, request: Request, wants: Wants) -> None:
        ask = partial(self._ask, number)
        timeouts = replace(request.timeouts, admit=partial(ask, "admit"), pause=partial(ask, "pause"))
        summary = self._summaries[number] = Summary(request.name, prices={})
        reporter = _ChannelReporter(partial(self.channel.tell, "report", number), wants)
        error: Exception | None = None
        try:
            await exchange(replace(request, timeouts=timeouts), Target(), summary, reporter, partial(_resolve, ask))
        except asyncio.CancelledError:
            # The first process knows why.
            error = Interrupted()
        except Exception as failed:  # noqa: BLE001 - it is raised in the first process
            error = _with_traceback(failed)
        finally:
            del self.running[number], self._summaries[number]
        self.channel.tell("ended", number, summary, error)

    async def _ask(self, number: int, name: str, *arguments: object) -> Any:
        """Call a function of the first process. Raises its error."""
        value, error = await self.channel.call("ask", number, name, arguments)
        if error:
            raise error
        return value


def _progress(number: int, summary: Summary) -> Progress:
    sent, received = summary.stats.sent, summary.stats.received
    return Progress(number, sent.chunks, sent.audio_seconds, received.audio_seconds, summary.stats.asked_at)


async def _resolve(ask: Ask, target: Target) -> tuple[Endpoint, Credential]:
    endpoint, credential, has_tokens = await ask("resolve")
    if has_tokens:
        credential = replace(credential, tokens=_FirstProcessTokens(ask, asyncio.get_running_loop()))
    return endpoint, credential


@dataclass(frozen=True)
class _FirstProcessTokens:
    """The access tokens of the first process, which refreshes them for all."""

    ask: Ask
    loop: asyncio.AbstractEventLoop
    expires_at: datetime | None = None

    def token(self) -> str:
        """A valid token. Called in a thread, and blocks while it is refreshed."""
        return str(asyncio.run_coroutine_threadsafe(self.ask("token"), self.loop).result())


class _ChannelReporter(Reporter):
    """Reports to the first process. `tell` takes the name of a method and its arguments."""

    def __init__(self, tell: Callable[..., None], wants: Wants) -> None:
        self._tell = tell
        self.wants_frames, self.wants_events, self.wants_every, self.wants_timelines = wants

    def started(self, summary: Summary, description: str | None, seconds: float | None) -> None:
        if self.wants_timelines:
            summary.stats.sent.timeline, summary.stats.received.timeline = Timeline(), Timeline()
        self._tell("started", (summary, description, seconds), {})


def _forwarding(name: str) -> Callable[..., None]:
    def report(self: _ChannelReporter, *arguments: object, **named: object) -> None:
        self._tell(name, arguments, named)

    return report


for _name in FORWARDED:
    setattr(_ChannelReporter, _name, _forwarding(_name))
