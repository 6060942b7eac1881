"""Statistics of a run, and the summary at its end.

No I/O: times are arguments, in seconds on one monotonic clock.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from ..errors import LivecliError
from ..protocol import events
from ..protocol.elision import text_without_secrets
from ..protocol.endpoint import Endpoint
from ..protocol.models import Prices
from .prices import PRICES, cost_usd, unpriced
from .stats import FlowStats

if TYPE_CHECKING:
    from ..protocol.grounding import Citation

SUMMARY_SCHEMA = "livecli/summary@1"

MAX_CHARACTERS = 1_000_000
"""The text of either side that is kept for the summary: 18 hours of speech. A server may send any amount."""


@dataclass(eq=False, repr=False)
class TransferStats:
    """Statistics of a run, updated while it lasts. Times are in seconds."""

    sent: FlowStats = field(default_factory=FlowStats)
    received: FlowStats = field(default_factory=FlowStats)
    messages: int = 0
    asked_at: float | None = None
    """When the chunk with the input's last sample, or the text, was sent."""
    audio_at: float | None = None
    sound_at: float | None = None
    turn_at: float | None = None
    turn_complete: bool = False
    turn_reason: str | None = None
    interrupted: bool = False
    heard_pieces: list[str] = field(default_factory=list)
    said_pieces: list[str] = field(default_factory=list)
    turn_starts: list[int] = field(default_factory=list)
    """Where in `said_pieces` the text of each turn begins."""
    text_is_cut: bool = False
    """Whether more than MAX_CHARACTERS came, of which the rest is not kept."""
    usage: dict[str, Any] | None = None
    """The sum over the turns so far. A turn that is taken back by `rewind`, and then repeated, counts once."""
    citations: list[Citation] = field(default_factory=list)
    wrote: bool = False
    """Whether the model sent text of its own, not only the transcript of its audio."""
    user_waits: list[tuple[float, float]] = field(default_factory=list)
    """When the user was asked whether a function may run, and when they answered: infinity until then."""
    known_secrets: Sequence[str] = ()
    """The secrets that are removed from the transcripts; a server can quote one in several pieces."""
    cut_turns: int = 0
    """Number of turns with audio that ended without being complete or interrupted."""
    _heard_room: int = MAX_CHARACTERS
    _said_room: int = MAX_CHARACTERS
    _closed_bytes: int = 0
    _turn_ended_well: bool = False
    _turn_is_over: bool = True
    _has_final_piece: bool = False
    """Whether a piece of the present turn's transcript was marked as its last."""
    _marks_final_pieces: bool = False

    def note(self, event: events.Event, at: float) -> None:
        """Count an event from the server. An AudioChunk goes to `received.add` instead."""
        match event:
            case events.InputTranscript(text):
                self._heard_room = self._keep(self.heard_pieces, text, self._heard_room)
            case events.OutputTranscript(text) | events.ModelText(text):
                self._note_turn_start(event)
                self._said_room = self._keep(self.said_pieces, text, self._said_room)
                self.wrote = self.wrote or isinstance(event, events.ModelText)
            case events.Interrupted():
                self.interrupted = self._turn_ended_well = True
            case events.GenerationComplete():
                self._turn_ended_well = True
            case events.TurnComplete(reason):
                self.turn_complete, self.turn_reason, self.turn_at = True, reason, at
                self.cut_turns += self.open_turn_bytes > 0 and not self._turn_ended_well
                self._closed_bytes, self._turn_ended_well, self._turn_is_over = self.received.bytes, False, True
            case events.Usage(metadata):
                from .usage import added

                self.usage = added(self.usage or {}, metadata)
            case events.Grounding(metadata):
                from ..protocol.grounding import citations, merged

                self.citations = merged(self.citations, citations(metadata))

    def _keep(self, pieces: list[str], text: str, room: int) -> int:
        """Append as much of `text` as there is room for. Returns the room that is left."""
        kept = text[:room]
        if kept:
            pieces.append(kept)
        self.text_is_cut = self.text_is_cut or len(kept) < len(text)
        return room - len(kept)

    def _note_turn_start(self, event: events.OutputTranscript | events.ModelText) -> None:
        """Note that a turn begins with this text, unless it is the late end of the transcript of the turn before."""
        is_late = bool(self.turn_starts) and self._marks_final_pieces and not self._has_final_piece
        if (
            event.text
            and self._said_room
            and self._turn_is_over
            and (isinstance(event, events.ModelText) or not is_late)
        ):
            self.turn_starts.append(len(self.said_pieces))
            self._turn_is_over = self._has_final_piece = False
        if isinstance(event, events.OutputTranscript) and event.finished:
            self._has_final_piece = self._marks_final_pieces = True

    def copy(self) -> TransferStats:
        """A snapshot of the present state, for `rewind`."""
        return replace(
            self,
            received=self.received.copy(),
            heard_pieces=[*self.heard_pieces],
            said_pieces=[*self.said_pieces],
            turn_starts=[*self.turn_starts],
        )

    def rewind(self, snapshot: TransferStats) -> None:
        """Forget the events received since `snapshot`, which the server will repeat. Figures of sending stay."""
        for name, value in vars(snapshot.copy()).items():
            if name not in ("sent", "messages", "asked_at", "user_waits"):
                setattr(self, name, value)

    @property
    def open_turn_bytes(self) -> int:
        """Bytes of reply audio since the end of the last complete turn."""
        return self.received.bytes - self._closed_bytes

    @property
    def heard(self) -> str:
        """Transcript of the user's speech."""
        return self._joined(self.heard_pieces)

    @property
    def said(self) -> str:
        """Text or transcript of the model's reply."""
        return self._joined(self.said_pieces)

    @property
    def said_turns(self) -> list[str]:
        """The text or transcript of each turn of the reply that has one."""
        ends = [*self.turn_starts[1:], len(self.said_pieces)]
        return [self._joined(self.said_pieces[start:end]) for start, end in zip(self.turn_starts, ends, strict=False)]

    def _joined(self, pieces: Sequence[str]) -> str:
        return text_without_secrets("".join(pieces), self.known_secrets)

    def latency(self, at: float | None) -> float | None:
        """Milliseconds from the end of the question to `at`; None where either is missing or `at` is earlier.

        The time that the user took to allow function calls does not count.
        """
        if at is None or self.asked_at is None or at < self.asked_at:
            return None
        waited = sum(min(ended_at, at) - began_at for began_at, ended_at in self.user_waits if began_at < at)
        return milliseconds(at - self.asked_at - waited)


@dataclass(eq=False, repr=False)
class Summary:
    """Summary of a run, as `--json` and the table show it. Times are in seconds; `prices` are those of each model.

    `input_file` and `output_bytes` tell whether the files have changed since, for `--resume-from`.
    """

    input: str
    output: str | None = None
    input_file: Mapping[str, float] | None = None
    """The size in `bytes` of an input that is a regular file, and when it was `modified`, in seconds since 1970."""
    output_bytes: int | None = None
    """The size of the output; None for a stream."""
    endpoint: Endpoint | None = None
    session_id: str | None = None
    connections: int | None = None
    """The number of connections of the session, None if there was none."""
    connect_seconds: float | None = None
    setup_seconds: float | None = None
    stats: TransferStats = field(default_factory=TransferStats)
    error: LivecliError | None = None
    prices: Mapping[str, Prices] = field(default_factory=lambda: PRICES)
    expectations: Sequence[Mapping[str, Any]] = ()
    """The objects of `--json`: each expectation, whether it held, and what was found."""

    def note_opened(self, session_id: str | None, connect_seconds: float | None, setup_seconds: float | None) -> None:
        """Record that the session is open, and how long connecting and setup took."""
        self.session_id, self.connect_seconds, self.setup_seconds = session_id, connect_seconds, setup_seconds
        self.connections = 1

    @property
    def ok(self) -> bool:
        """Whether the run succeeded."""
        return self.error is None

    @property
    def exit_code(self) -> int:
        """The exit status that this run alone would have."""
        return self.error.exit_status if self.error else 0

    @property
    def model_prices(self) -> Prices:
        """The prices of the run's model; none of them is known for an unknown model."""
        return self.prices.get(self.endpoint.model, Prices()) if self.endpoint else Prices()

    @property
    def cost_usd(self) -> float | None:
        """US dollars for the tokens of the run; None where none were reported, or one of their prices is not known."""
        return cost_usd(self.stats.usage or {}, self.model_prices)

    @property
    def unpriced(self) -> list[str]:
        """The tokens of the run whose price is not known, such as "audio out of gemini-3.1-flash-live-preview"."""
        model = self.endpoint.model if self.endpoint else "an unknown model"
        return [f"{kind} of {model}" for kind in unpriced(self.stats.usage or {}, self.model_prices)]

    def as_json(self) -> dict[str, Any]:
        """The object of `--json`. Its keys and units are public interface; a missing figure is None."""
        stats, endpoint = self.stats, self.endpoint
        return {
            "schema": SUMMARY_SCHEMA,
            "ok": self.ok,
            "exit_code": self.exit_code,
            "error": error_json(self.error) if self.error else None,
            "input": self.input,
            "output": self.output,
            "input_file": self.input_file,
            "output_bytes": self.output_bytes,
            "platform": str(endpoint.platform) if endpoint else None,
            "model": endpoint.model if endpoint else None,
            "url": endpoint.url if endpoint else None,
            "session_id": self.session_id,
            "connections": self.connections,
            "sent": {**_flow_json(stats.sent), "seconds": rounded(_span(stats.sent), 3)},
            "received": {
                "messages": stats.messages,
                **_flow_json(stats.received),
                "sample_rate": stats.received.rate,
            },
            "latency_ms": {name: rounded(value, 3) for name, value in latencies(self).items()},
            "turn": {
                "complete": stats.turn_complete,
                "interrupted": stats.interrupted,
                "reason": stats.turn_reason,
            },
            "transcript": {"input": stats.heard or None, "output": stats.said or None},
            "usage": stats.usage,
            "cost_usd": rounded(self.cost_usd, 9),
            "expectations": list(self.expectations),
            "citations": [citation.as_json() for citation in stats.citations] or None,
        }


def latencies(summary: Summary) -> dict[str, float | None]:
    """Latencies of the run in milliseconds, by their names in `--json`."""
    stats = summary.stats
    return {
        "connect": milliseconds(summary.connect_seconds),
        "setup": milliseconds(summary.setup_seconds),
        "first_audio": stats.latency(stats.audio_at),
        "first_sound": stats.latency(stats.sound_at),
        "turn": stats.latency(stats.turn_at),
    }


def error_json(error: LivecliError) -> dict[str, Any]:
    """The object of an error in `--json`."""
    return {
        "kind": error.kind,
        "message": error.message,
        "hint": error.hint,
        "close_code": error.close_code,
        "close_reason": error.close_reason,
        "blamed": list(error.blamed) or None,
    }


def _flow_json(flow: FlowStats) -> dict[str, Any]:
    return {"chunks": flow.chunks, "bytes": flow.bytes, "audio_seconds": round(flow.audio_seconds, 4)}


def _span(flow: FlowStats) -> float | None:
    return None if flow.first_at is None or flow.last_at is None else flow.last_at - flow.first_at


def milliseconds(seconds: float | None) -> float | None:
    """Milliseconds of `seconds`; None for None."""
    return None if seconds is None else seconds * 1000


def rounded(value: float | None, digits: int) -> float | None:
    """`value` to so many digits after the point; None for None."""
    return None if value is None else round(value, digits)
