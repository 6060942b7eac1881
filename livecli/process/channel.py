"""Channel between two processes of livecli: each end calls functions of the other by name, over a pair of sockets.

Messages are pickled: both ends run the same program, for the same user, and nothing else can reach the sockets. They
arrive in the order in which they were sent.
"""

from __future__ import annotations

import asyncio
import inspect
import itertools
import pickle
import socket
import struct
from collections.abc import Callable, Mapping
from typing import Any, Self

LENGTH = struct.Struct("!Q")
"""The length of a message, which stands before it."""


class ChannelClosed(Exception):
    """The other process has ended, or has closed its end."""


class Channel:
    """One end of a channel. `handlers` are the functions that the other end may call, by their names.

    A function runs at once and in the order of the calls; a coroutine function runs beside later ones. `closed` is set
    when one of the ends is.
    """

    def __init__(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, handlers: Mapping[str, Callable[..., Any]]
    ) -> None:
        self._reader, self._writer = reader, writer
        self._handlers = handlers
        self._numbers = itertools.count(1)
        self._waiting: dict[int, asyncio.Future[Any]] = {}
        self.closed = asyncio.Event()

    @classmethod
    async def on(cls, end: socket.socket, handlers: Mapping[str, Callable[..., Any]]) -> Self:
        """The channel on one end of `socket.socketpair()`."""
        return cls(*await asyncio.open_connection(sock=end), handlers)

    @property
    def unsent_bytes(self) -> int:
        """The bytes that the other end has not taken yet."""
        return self._writer.transport.get_write_buffer_size()

    def tell(self, name: str, *arguments: Any, **named: Any) -> None:
        """Call a function of the other end, without its result. What is told to a process that has ended is lost."""
        self._send(("call", None, name, arguments, named))

    async def call(self, name: str, *arguments: Any, **named: Any) -> Any:
        """The result of a function of the other end. Raises ChannelClosed."""
        if self.closed.is_set():
            raise ChannelClosed
        number = next(self._numbers)
        self._waiting[number] = asyncio.get_running_loop().create_future()
        self._send(("call", number, name, arguments, named))
        try:
            return await self._waiting[number]
        finally:
            del self._waiting[number]

    async def run(self) -> None:
        """Run what the other end calls, until it closes. Raises the error of a function that has failed."""
        try:
            async with asyncio.TaskGroup() as tasks:
                while (message := await self._receive()) is not None:
                    match message:
                        case ("result", number, result):
                            if number in self._waiting and not self._waiting[number].done():
                                self._waiting[number].set_result(result)
                        case ("call", number, name, arguments, named):
                            result = self._handlers[name](*arguments, **named)
                            if inspect.isawaitable(result):
                                tasks.create_task(self._answer(number, result))
                            elif number is not None:
                                self._send(("result", number, result))
                # Calls that still run may wait for this end.
                self._end_calls()
        finally:
            self._end_calls()

    async def close(self) -> None:
        """Close this end once the other one has taken everything, or has ended."""
        self._end_calls()
        self._writer.close()
        try:
            await self._writer.wait_closed()
        except OSError:
            # The other process has ended.
            return

    def abort(self) -> None:
        """Close this end at once."""
        self._end_calls()
        self._writer.transport.abort()

    async def _answer(self, number: int | None, result: Any) -> None:
        value = await result
        if number is not None:
            self._send(("result", number, value))

    async def _receive(self) -> Any:
        """The next message, None at the end."""
        try:
            [length] = LENGTH.unpack(await self._reader.readexactly(LENGTH.size))
            return pickle.loads(await self._reader.readexactly(length))
        except (asyncio.IncompleteReadError, OSError):
            return None

    def _send(self, message: Any) -> None:
        if not self.closed.is_set() and not self._writer.is_closing():
            data = pickle.dumps(message, pickle.HIGHEST_PROTOCOL)
            self._writer.write(LENGTH.pack(len(data)) + data)

    def _end_calls(self) -> None:
        """End the calls that are waited for. Nothing can be told from now on."""
        self.closed.set()
        for waiting in self._waiting.values():
            if not waiting.done():
                waiting.set_exception(ChannelClosed())
