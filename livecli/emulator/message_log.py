"""The log of messages as JSON lines: one object for each event of each session, in both directions, without audio.

    {"connection": 1, "t": 0.001, "direction": "received", "type": "text", "text": "a station?"}

`connection` counts connections from 1, and `t` is in seconds since that one was opened. `direction` is the emulator's:
what a client sends is received. Types and fields are those of `--events`; `heard` has the emulator's transcript of
speech, and `close` says which side closed.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Callable
from typing import cast

from ..report.reporter import event_fields
from .access import Service
from .core.response import Message
from .observer import ClosedBy, SessionObserver
from .websocket import MAX_UNREAD_BYTES, LentProtocol

Sink = Callable[[str], None]
"""Takes one line of the log, with its line end."""


class MessageLog:
    """Passes each line on to its `sinks`, which may come and go."""

    def __init__(self, *sinks: Sink) -> None:
        self.sinks = [*sinks]

    def observe(self, number: int, service: Service) -> SessionObserver:
        """The observer of one session; see Observe."""
        return _MessageObserver(self.sinks, number)

    def stream(self, head: bytes) -> LogStream:
        """An HTTP response that goes on with each line, from now on, until its client has gone."""
        return LogStream(self.sinks, head)


class _MessageObserver(SessionObserver):
    def __init__(self, sinks: list[Sink], number: int) -> None:
        self._sinks, self._number = sinks, number
        self._opened_at = time.monotonic()

    @property
    def wants_messages(self) -> bool:
        return bool(self._sinks)

    def received(self, message: Message) -> None:
        self._write_all("received", message)

    def heard(self, utterance: str) -> None:
        self._write("received", "heard", {"text": utterance})

    def sent(self, message: Message) -> None:
        self._write_all("sent", message)

    def closed(self, by: ClosedBy, code: int, reason: str) -> None:
        direction = "received" if by is ClosedBy.CLIENT else "sent"
        self._write(direction, "close", {"code": code, "reason": reason or None, "by": by.removeprefix("the ")})

    def _write_all(self, direction: str, message: Message) -> None:
        if self._sinks:
            for event in message:
                self._write(direction, event.log_name, event_fields(event))

    def _write(self, direction: str, kind: str, fields: dict[str, object]) -> None:
        if not self._sinks:
            return
        seconds = round(time.monotonic() - self._opened_at, 6)
        line = {"connection": self._number, "t": seconds, "direction": direction, "type": kind, **fields}
        text = json.dumps(line) + "\n"
        for sink in [*self._sinks]:
            sink(text)


class LogStream(LentProtocol):
    """One client of `GET /log`, whose response begins with `head`.

    A client that does not read is cut off once MAX_UNREAD_BYTES wait for it.
    """

    def __init__(self, sinks: list[Sink], head: bytes) -> None:
        super().__init__()
        self._sinks, self._head = sinks, head
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        self._transport.write(self._head)
        self._sinks.append(self._write)

    def connection_lost(self, error: Exception | None) -> None:
        self._sinks.remove(self._write)
        super().connection_lost(error)

    def close(self) -> None:
        """End the response, and the connection."""
        if self._transport is not None:
            self._transport.close()

    def _write(self, line: str) -> None:
        assert self._transport is not None, "it takes lines from `connection_made` on"
        self._transport.write(line.encode())
        if self._transport.get_write_buffer_size() > MAX_UNREAD_BYTES:
            self._transport.abort()
