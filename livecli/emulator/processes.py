"""The emulator in several processes: the first one binds the ports, and keeps what the others, its workers, share.

Each worker accepts connections and runs their sessions. Where the system spreads connections over sockets of one port
(SO_REUSEPORT of Linux), each has a socket of its own, else all have the same. The first process keeps all of them open,
so that connections wait for the worker that takes the place of one that was killed.
"""

from __future__ import annotations

import asyncio
import os
import socket
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import Any, cast

from ..errors import ConnectError
from ..process import worker
from ..process.channel import Channel, ChannelClosed
from ..process.tasks import collapse_exception_group
from .log import Log
from .options import EmulatorOptions
from .server import PORT_OPTION, TLS_PORT_OPTION, EmulatorAddress, listen_error, url_of
from .shared_state import SharedState
from .worker import CHECKED, MAX_UNSENT_BYTES

BALANCES = sys.platform == "linux"
"""Whether the system spreads connections over the sockets of a port."""

STOP_SECONDS = 3.0
"""The time that workers have to end: closing their sessions takes less than a second."""

ASK_SECONDS = 2.0
"""The time that a worker has to answer a question of another one: it may be stopped, and clients wait for that."""

RESTART_SECONDS = 1.0
"""The least time between two starts of one worker, so that one that cannot run does not take a core."""


@dataclass(frozen=True)
class WorkerSettings:
    """Settings of a worker at its start: its sockets, as file descriptors, and the options of the command line."""

    sockets: Sequence[int]
    encrypted: Sequence[int]
    first_pid: int
    wants_lines: bool
    command_line: Any


@dataclass
class _Worker:
    """A worker that runs. Once it `is_ready`, it accepts connections and can be asked."""

    process: subprocess.Popen[bytes]
    channel: Channel
    is_ready: bool = False
    takes_lines: bool = False


@dataclass
class _Ports:
    """The sockets of each worker, in the clear and for TLS."""

    clear: Sequence[Sequence[socket.socket]]
    encrypted: Sequence[Sequence[socket.socket]]

    def close(self) -> None:
        for each in [each for sockets in (*self.clear, *self.encrypted) for each in sockets]:
            each.close()


@dataclass
class EmulatorProcesses:
    """An emulator in `count` worker processes, and what these share.

    `entry` is the function that a worker runs, as `process.worker` takes it, and `command_line` what it is told. `log`
    takes the lines of all sessions, and `warn` one on each worker that was lost.
    """

    count: int
    entry: str
    command_line: Any
    options: EmulatorOptions
    log: Log
    warn: Callable[[str], None]
    _workers: dict[int, _Worker] = field(default_factory=dict)
    _moving: set[str] = field(default_factory=set)
    _streams_lines: bool = False

    def __post_init__(self) -> None:
        self._shared = SharedState(self.options.required, self.options.message_sinks)
        self._stopping = asyncio.Event()

    @asynccontextmanager
    async def run(self, host: str, port: int, tls_port: int) -> AsyncIterator[EmulatorAddress]:
        """Run the workers; at the end of the context, every session is closed with 1001.

        Raises ConnectError where it cannot listen, and where a worker cannot start.
        """
        encrypted = await _bind(host, {TLS_PORT_OPTION: tls_port, PORT_OPTION: port}, self.count)
        try:
            clear = await _bind(host, {PORT_OPTION: port}, self.count)
        except BaseException:
            _Ports([], encrypted).close()
            raise
        ports = _Ports(clear, encrypted)
        try:
            async with collapse_exception_group(), asyncio.TaskGroup() as tasks:
                started = [asyncio.Event() for _ in range(self.count)]
                kept = [tasks.create_task(self._keep(place, ports, is_ready)) for place, is_ready in enumerate(started)]
                try:
                    for is_ready in started:
                        await is_ready.wait()
                    name = clear[0][0].getsockname()
                    yield EmulatorAddress(url_of(clear[0][0]), name[1], encrypted[0][0].getsockname()[1])
                finally:
                    ports.close()
                    await self._stop(kept)
        finally:
            # Some are left where one could not start, or where a second signal did not wait for their end.
            for each in self._workers.values():
                each.process.kill()
                each.process.wait()

    async def _keep(self, place: int, ports: _Ports, is_ready: asyncio.Event) -> None:
        """Run a worker, and another one in its place where it ends."""
        while not self._stopping.is_set():
            began = time.monotonic()
            each = await self._start(place, ports, is_ready)
            try:
                await each.channel.run()
                status = await asyncio.get_running_loop().run_in_executor(None, each.process.wait)
            finally:
                each.channel.abort()
            del self._workers[place]
            if self._stopping.is_set():
                return
            how = f"worker {each.process.pid} {worker.ending(status)}"
            if not is_ready.is_set():
                raise ConnectError(
                    f"{how} while it started",
                    hint="each process reads the files that the options name, which cannot be pipes",
                )
            self.warn(f"{how}: its sessions are lost, and another worker takes its place")
            with suppress(TimeoutError):
                async with asyncio.timeout(began + RESTART_SECONDS - time.monotonic()):
                    await self._stopping.wait()

    async def _start(self, place: int, ports: _Ports, is_ready: asyncio.Event) -> _Worker:
        clear, encrypted = ([each.fileno() for each in of[place]] for of in (ports.clear, ports.encrypted))
        started = worker.start(self.entry, [*clear, *encrypted])
        wants_lines = bool(self.options.message_sinks) or self._streams_lines
        settings = WorkerSettings(clear, encrypted, os.getpid(), wants_lines, self.command_line)
        channel = await Channel.on(started.end, self._handlers(place, settings, is_ready))
        self._workers[place] = _Worker(started.process, channel)
        if self._stopping.is_set():
            channel.tell("stop")
        return self._workers[place]

    def _handlers(
        self, place: int, settings: WorkerSettings, is_ready: asyncio.Event
    ) -> Mapping[str, Callable[..., Any]]:
        """The functions that a worker may call, by name."""
        shared = self._shared

        def note(name: str) -> Callable[..., None]:
            return cast(Callable[..., None], getattr(self.options.check, name))

        return {
            "settings": lambda: settings,
            "ready": lambda: self._note_ready(place, is_ready),
            "next_number": shared.next_number,
            "create_token": shared.create_token,
            "token_in": shared.token_in,
            "use_token": shared.use_token,
            "find_session": lambda handle: self._find_session(place, handle),
            "log": self.log,
            "warn": self.warn,
            "lines": self._write_lines,
            "stream_lines": lambda: self._stream_lines(place),
            **({name: note(name) for name in CHECKED} if self.options.check else {}),
        }

    def _note_ready(self, place: int, is_ready: asyncio.Event) -> None:
        self._workers[place].is_ready = True
        if self._streams_lines:
            # A stream may have begun since it was started.
            self._workers[place].channel.tell("want_lines")
        is_ready.set()

    async def _find_session(self, place: int, handle: str) -> bytes | bool:
        """The session of a handle, from the worker that has it; True where it is in use, False where there is none."""
        if handle in self._moving:
            return True
        self._moving.add(handle)
        try:
            others = [each for at, each in self._workers.items() if at != place]
            found = await asyncio.gather(*(_ask(each, "hand_over", handle) for each in others))
        finally:
            self._moving.discard(handle)
        return next(filter(None, found), False)

    def _write_lines(self, lines: list[str]) -> None:
        for line in lines:
            for sink in self.options.message_sinks:
                sink(line)
        for each in self._workers.values():
            if each.takes_lines and each.channel.unsent_bytes <= MAX_UNSENT_BYTES:
                each.channel.tell("write_lines", lines)

    async def _stream_lines(self, place: int) -> None:
        """Have the lines of all workers sent to this one, from now on."""
        self._workers[place].takes_lines = self._streams_lines = True
        await asyncio.gather(*(_ask(each, "want_lines") for each in self._workers.values()))

    async def _stop(self, kept: Sequence[asyncio.Task[None]]) -> None:
        """Tell the workers to end, and kill those that do not."""
        self._stopping.set()
        for each in self._workers.values():
            each.channel.tell("stop")
        if (await asyncio.wait(kept, timeout=STOP_SECONDS))[1]:
            for each in self._workers.values():
                each.process.kill()


async def _ask(each: _Worker, name: str, *arguments: Any) -> Any:
    """The result of a function of a worker; False where that has ended, is not ready, or does not answer."""
    if not each.is_ready:
        return False
    try:
        async with asyncio.timeout(ASK_SECONDS):
            return await each.channel.call(name, *arguments)
    except (ChannelClosed, TimeoutError):
        return False


async def _bind(host: str, ports: Mapping[str, int], count: int) -> Sequence[Sequence[socket.socket]]:
    """The sockets of each of `count` workers for the first of `ports`, as `listen_error` has them."""
    port = next(iter(ports.values()))
    loop = asyncio.get_running_loop()
    first: list[socket.socket] = []
    try:
        if port and BALANCES:
            # With SO_REUSEPORT a port could be bound on which another emulator of the user listens.
            (await loop.create_server(asyncio.Protocol, host, port)).close()
        server = await loop.create_server(
            asyncio.Protocol, host, port, start_serving=False, reuse_port=BALANCES or None
        )
        first = [each.dup() for each in server.sockets]
        server.close()
        return [first, *([_bind_again(each) if BALANCES else each for each in first] for _ in range(count - 1))]
    except OSError as error:
        for each in first:
            each.close()
        raise await listen_error(host, ports, error) from error


def _bind_again(bound: socket.socket) -> socket.socket:
    """Another socket of the same address and port, on which the system spreads connections."""
    again = socket.socket(bound.family, bound.type)
    try:
        again.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        again.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        if bound.family == socket.AF_INET6:
            again.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        again.bind(bound.getsockname())
    except OSError:
        again.close()
        raise
    return again
