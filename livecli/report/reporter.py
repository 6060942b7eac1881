"""Reporter, the shape of whoever tells a run while it lasts, and what events are called when they are told.

Pure: nothing here prints.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import msgspec

from ..errors import LivecliError
from ..protocol import events
from ..protocol.codec import setup_json
from ..protocol.endpoint import Endpoint
from ..protocol.messages import FunctionCall, Json
from .summary import Summary


def event_fields(event: events.Event) -> dict[str, Any]:
    """An event's own fields as JSON has them; of audio and pictures the size only."""
    match event:
        case events.AudioChunk(pcm, rate):
            return {"bytes": len(pcm), "sample_rate": rate}
        case events.Image(data, mime_type):
            return {"bytes": len(data), "mime_type": mime_type}
        case events.MediaChunks(media):
            return event_fields(media)
        case events.Setup():
            return {"setup": _without_handle(setup_json(event))}
        case events.ResumptionUpdate(_, resumable, last_consumed):
            return {"resumable": resumable, "last_consumed": last_consumed}
    fields: dict[str, Any] = msgspec.to_builtins(event)
    return fields


def _without_handle(setup: dict[str, Any]) -> dict[str, Any]:
    """A handle opens the session to whoever has it."""
    match setup:
        case {"sessionResumption": {"handle": str(handle), **others}}:
            return {**setup, "sessionResumption": {"handle": f"({len(handle)} characters)", **others}}
    return setup


@dataclass(frozen=True)
class Retry:
    """One more attempt is due: number `attempt` (from 1) of `most` (None: any), after `seconds`, because of `error`."""

    error: LivecliError
    attempt: int
    most: int | None
    seconds: float


class Reporter:
    """Whoever watches a run. Every method here does nothing, so nobody asks whether anybody watches."""

    wants_frames = False
    """Whether `frame` is to be called at all."""
    wants_events = False
    """The same of `event`: whether this class does anything in it."""
    wants_every = True
    """Whether of what is said at once each is told, or the last is enough."""

    def __init_subclass__(cls) -> None:
        cls.wants_events = cls.event is not Reporter.event

    def started(self, summary: Summary, description: str | None, seconds: float | None) -> None:
        """The input is open: how it is converted, and its length where that is known."""

    def recognised(self, description: str) -> None:
        """What a pipe holds, told when its first samples are there: how they are converted."""

    def connecting(self, endpoint: Endpoint) -> None:
        """The network is about to be touched."""

    def connected(self, summary: Summary) -> None:
        """The session is set up."""

    def event(self, direction: str, event: events.Event, at: float) -> None:
        """Something was "sent" or "received", `at` seconds after the connection opened."""

    def frame(self, direction: str, frame: bytes | str) -> None:
        """A frame as it is on the wire."""

    def closed(self, direction: str, code: int | None, reason: str | None, at: float) -> None:
        """The connection closed."""

    def called(self, call: FunctionCall) -> None:
        """The command of a function that the model calls is about to run."""

    def returned(self, call: FunctionCall, response: Json, *, failed: bool, noise: str) -> None:
        """What the model is told of `call`; `noise` is the last of what the command said on standard error."""

    def interlude(self, begins: bool) -> None:
        """Somebody else has the terminal, to ask a question; or no longer."""

    def remark(self, text: str) -> None:
        """What goes on, for whoever likes to know."""

    def warning(self, text: str) -> None:
        """Something the user should know, though the run goes on."""

    def retrying(self, retry: Retry) -> None:
        """A connection failed, and another attempt follows."""

    def resumed(self, connections: int, error: LivecliError | None, again: int) -> None:
        """The session goes on over another connection, which is told `again` so many messages.

        `error` is how the one before was lost, None if it was left in time.
        """

    def ended(self, error: LivecliError) -> None:
        """The session of a chat is over for good; the next thing that is said opens another one."""

    def finished(self, summary: Summary) -> None:
        """The run is over, well or not."""


class Reporters(Reporter):
    """Several reporters as one: each is told everything, in order."""

    def __init__(self, *reporters: Reporter) -> None:
        self._reporters = reporters
        # Called once for each message on the wire, so reporters that ignore events are left out beforehand.
        self._event_reporters = [reporter for reporter in reporters if reporter.wants_events]
        self.wants_frames = any(reporter.wants_frames for reporter in reporters)
        self.wants_events = bool(self._event_reporters)
        self.wants_every = any(
            reporter.wants_every for reporter in reporters if reporter.wants_events or reporter.wants_frames
        )

    def event(self, direction: str, event: events.Event, at: float) -> None:
        for reporter in self._event_reporters:
            reporter.event(direction, event, at)

    def frame(self, direction: str, frame: bytes | str) -> None:
        for reporter in self._reporters:
            reporter.frame(direction, frame)

    def started(self, summary: Summary, description: str | None, seconds: float | None) -> None:
        for reporter in self._reporters:
            reporter.started(summary, description, seconds)

    def recognised(self, description: str) -> None:
        for reporter in self._reporters:
            reporter.recognised(description)

    def connecting(self, endpoint: Endpoint) -> None:
        for reporter in self._reporters:
            reporter.connecting(endpoint)

    def connected(self, summary: Summary) -> None:
        for reporter in self._reporters:
            reporter.connected(summary)

    def closed(self, direction: str, code: int | None, reason: str | None, at: float) -> None:
        for reporter in self._reporters:
            reporter.closed(direction, code, reason, at)

    def called(self, call: FunctionCall) -> None:
        for reporter in self._reporters:
            reporter.called(call)

    def returned(self, call: FunctionCall, response: Json, *, failed: bool, noise: str) -> None:
        for reporter in self._reporters:
            reporter.returned(call, response, failed=failed, noise=noise)

    def interlude(self, begins: bool) -> None:
        for reporter in self._reporters:
            reporter.interlude(begins)

    def remark(self, text: str) -> None:
        for reporter in self._reporters:
            reporter.remark(text)

    def warning(self, text: str) -> None:
        for reporter in self._reporters:
            reporter.warning(text)

    def retrying(self, retry: Retry) -> None:
        for reporter in self._reporters:
            reporter.retrying(retry)

    def resumed(self, connections: int, error: LivecliError | None, again: int) -> None:
        for reporter in self._reporters:
            reporter.resumed(connections, error, again)

    def ended(self, error: LivecliError) -> None:
        for reporter in self._reporters:
            reporter.ended(error)

    def finished(self, summary: Summary) -> None:
        for reporter in self._reporters:
            reporter.finished(summary)
