"""Reporter, the interface through which a run reports its progress, and the JSON fields of events.

No I/O: the subclasses that print are in `livecli.console`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import msgspec

from ..errors import LivecliError
from ..protocol import events
from ..protocol.codec import setup_json
from ..protocol.messages import FunctionCall, Json

if TYPE_CHECKING:
    from ..protocol.endpoint import Endpoint
    from .summary import Summary


def event_fields(event: events.Event) -> dict[str, Any]:
    """The fields of an event for JSON output. Audio and pictures are given by their size."""
    match event:
        case events.AudioChunk(pcm, rate):
            return {"bytes": len(pcm), "sample_rate": rate}
        case events.Image(data, mime_type):
            return {"bytes": len(data), "mime_type": mime_type}
        case events.MediaChunks(media):
            return event_fields(media)
        case events.ClientTurns(turns, turn_complete):
            return {
                "turns": [_without_data(msgspec.to_builtins(turn)) for turn in turns],
                "turn_complete": turn_complete,
            }
        case events.Setup():
            return {"setup": _without_handle(setup_json(event))}
        case events.VoiceActivity(activity, offset_seconds):
            # In a line of JSON, `type` is the name of the event.
            return {"activity": activity, "offset_seconds": offset_seconds}
        case events.ResumptionUpdate(_, resumable, last_consumed):
            return {"resumable": resumable, "last_consumed": last_consumed}
    fields: dict[str, Any] = msgspec.to_builtins(event)
    return fields


def _without_data(turn: dict[str, Any]) -> dict[str, Any]:
    """A turn whose audio and pictures are given by their size."""
    for part in turn.get("parts", []):
        if data := part.get("inlineData", {}).pop("data", ""):
            part["inlineData"]["bytes"] = len(data) * 3 // 4 - data.count("=")
    return turn


def _without_handle(setup: dict[str, Any]) -> dict[str, Any]:
    """The setup with its resumption handle hidden, because anyone who holds the handle can resume the session."""
    match setup:
        case {"sessionResumption": {"handle": str(handle), **others}}:
            return {**setup, "sessionResumption": {"handle": f"({len(handle)} characters)", **others}}
    return setup


class Retry(msgspec.Struct, frozen=True):
    """A planned retry: attempt number `attempt` (from 1) of `most` (None: unlimited), `seconds` after `error`."""

    error: LivecliError
    attempt: int
    most: int | None
    seconds: float


class DisplayOptions(msgspec.Struct, frozen=True):
    """How much a display shows.

    `quiet` leaves only warnings and errors. `verbosity` 1 adds the conversation with the service, and 2 a line for
    every event; `debug` adds frames and tracebacks, and `explain` what to do about an error. With `stats` a result has
    every figure. `has_answer` is whether the answer is printed where the display is.
    """

    quiet: bool = False
    verbosity: int = 0
    debug: bool = False
    explain: bool = False
    stats: bool = False
    has_answer: bool = False

    @property
    def has_conversation(self) -> bool:
        """Whether the conversation with the service is shown."""
        return not self.quiet and (self.verbosity > 0 or self.debug)

    @property
    def has_every_event(self) -> bool:
        """Whether every event has a line."""
        return not self.quiet and self.verbosity > 1


NO_OPTIONS = DisplayOptions()


class Reporter:
    """Receives the progress of a run. Every method does nothing, so a subclass overrides only what it shows."""

    wants_frames = False
    """Whether `frame` is called."""
    wants_events = False
    """Whether `event` is called: set where a subclass overrides it."""
    wants_every = True
    """Whether every event of a batch is reported, or the last one of it is enough."""
    wants_timelines = False
    """Whether `started` puts timelines into the summary, to be measured."""

    def __init_subclass__(cls) -> None:
        cls.wants_events = cls.event is not Reporter.event

    def started(self, summary: Summary, description: str | None, seconds: float | None) -> None:
        """The input is open: how it is converted, and its length in `seconds` where that is known."""

    def recognised(self, description: str) -> None:
        """The format of a pipe is known from its first samples: how they are converted."""

    def connecting(self, endpoint: Endpoint) -> None:
        """A connection is about to be opened."""

    def authorised(self, secrets: Sequence[str]) -> None:
        """A connection is about to be opened with these credentials, which nothing that is written may hold."""

    def connected(self, summary: Summary) -> None:
        """The session is set up."""

    def event(self, direction: str, event: events.Event, at: float) -> None:
        """An event passed; `direction` is "sent" or "received", `at` is in seconds since the connection opened."""

    def frame(self, direction: str, frame: bytes | str, at: float, *, is_binary: bool = False) -> None:
        """A frame passed, as it is on the wire; `at` is in seconds since the connection opened."""

    def closed(self, direction: str, code: int | None, reason: str | None, at: float) -> None:
        """The connection closed."""

    def called(self, call: FunctionCall) -> None:
        """The command of a function that the model calls is about to run."""

    def returned(self, call: FunctionCall, response: Json, *, failed: bool, noise: str) -> None:
        """The response to `call`; `noise` is the end of the command's standard error."""

    def interlude(self, begins: bool) -> None:
        """A prompt takes over the terminal, or gives it back."""

    def remark(self, text: str) -> None:
        """A detail of progress, which `--quiet` leaves out."""

    def warning(self, text: str) -> None:
        """A problem that does not end the run."""

    def retrying(self, retry: Retry) -> None:
        """A connection failed, and another attempt follows."""

    def resumed(self, connections: int, error: LivecliError | None, again: int) -> None:
        """The session continues on another connection, on which `again` messages are repeated.

        `error` is the loss of the connection before; None where that was closed on purpose.
        """

    def ended(self, error: LivecliError | None) -> None:
        """The session of a chat is over; the next turn opens another one. No error: the service ended it normally."""

    def turn_event(self, event: events.Event) -> None:
        """An event was received for a turn of a chat that was not interrupted. Called after `event`, if at all."""

    def finished(self, summary: Summary) -> None:
        """The run is over, successfully or not."""

    def stopped(self, error: LivecliError) -> None:
        """The batch is over, and some of its inputs were not sent because of `error`."""


class Reporters(Reporter):
    """Several reporters as one: each is told everything, in order."""

    def __init__(self, *reporters: Reporter) -> None:
        self._reporters = reporters
        # Called once for each message on the wire, so reporters that ignore events are left out beforehand.
        self._event_reporters = [reporter for reporter in reporters if reporter.wants_events]
        self._frame_reporters = [reporter for reporter in reporters if reporter.wants_frames]
        self.wants_frames = bool(self._frame_reporters)
        self.wants_events = bool(self._event_reporters)
        self.wants_timelines = any(reporter.wants_timelines for reporter in reporters)
        self.wants_every = any(
            reporter.wants_every for reporter in reporters if reporter.wants_events or reporter.wants_frames
        )

    def event(self, direction: str, event: events.Event, at: float) -> None:
        for reporter in self._event_reporters:
            reporter.event(direction, event, at)

    def frame(self, direction: str, frame: bytes | str, at: float, *, is_binary: bool = False) -> None:
        for reporter in self._frame_reporters:
            reporter.frame(direction, frame, at, is_binary=is_binary)

    def started(self, summary: Summary, description: str | None, seconds: float | None) -> None:
        for reporter in self._reporters:
            reporter.started(summary, description, seconds)

    def recognised(self, description: str) -> None:
        for reporter in self._reporters:
            reporter.recognised(description)

    def connecting(self, endpoint: Endpoint) -> None:
        for reporter in self._reporters:
            reporter.connecting(endpoint)

    def authorised(self, secrets: Sequence[str]) -> None:
        for reporter in self._reporters:
            reporter.authorised(secrets)

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

    def ended(self, error: LivecliError | None) -> None:
        for reporter in self._reporters:
            reporter.ended(error)

    def turn_event(self, event: events.Event) -> None:
        for reporter in self._reporters:
            reporter.turn_event(event)

    def finished(self, summary: Summary) -> None:
        for reporter in self._reporters:
            reporter.finished(summary)

    def stopped(self, error: LivecliError) -> None:
        for reporter in self._reporters:
            reporter.stopped(error)
