"""The emulator's log: what passes in each session in a few words, and each error on the emulator's own side.

[1] ● developer v1beta  gemini-3.8-live  tools find_station
[1] → “where is the train station?”
[1] ← call find_station {"near": "me"}  non-blocking
[1] → response {"station": "me Central"}  39 ms
[1] ← “It is around the corner.” 1.6 s  turn 2
[1] ○ closed by the client: 1000
"""

from __future__ import annotations

import json
import logging
import time
import traceback
from collections.abc import Callable, Mapping

from ..media.pcm import SAMPLE_BYTES
from ..process.stdio import one_line
from ..protocol import events
from ..protocol.messages import Json, Setup
from ..protocol.models import CallBehaviour, Model
from .access import Service
from .core.response import Message
from .observer import ClosedBy, SessionObserver, typed_texts

Log = Callable[[str], None]
"""Takes one line, without its line end."""

MAX_LINE_CHARACTERS = 1_000
"""The length at which lines are cut, because a peer may have sent most of one."""


MOST_CHARACTERS = 100
"""The length at which words and arguments are cut."""


def no_log(line: str) -> None:
    """The log that discards its lines."""


def safe_line(text: str) -> str:
    """`text` as one line of limited length that a terminal can show: a peer may have sent any part of it."""
    return one_line(text[:MAX_LINE_CHARACTERS])


def library_logger(log: Log) -> logging.Logger:
    """A logger for websockets that writes errors to `log`, with a traceback where the emulator itself failed."""
    logger = logging.Logger("livecli.emulator", logging.ERROR)
    logger.addHandler(_LogHandler(log))
    return logger


class _LogHandler(logging.Handler):
    def __init__(self, log: Log) -> None:
        super().__init__()
        self._log = log

    def emit(self, record: logging.LogRecord) -> None:
        error = record.exc_info[1] if record.exc_info else None
        self._log(safe_line(f"{record.getMessage()}: {error!r}" if error else record.getMessage()))
        # Only the tasks of a session raise groups, and nothing that a client does leaves them as one: this is a bug.
        if isinstance(error, BaseExceptionGroup):
            for line in "".join(traceback.format_exception(error)).splitlines():
                self._log(safe_line(line))


class SessionLog(SessionObserver):
    """Writes a line to `log` for what either side of a session does. `models` are those that the emulator knows."""

    def __init__(self, log: Log, service: Service, models: Mapping[str, Model]) -> None:
        self._log, self._models = log, models
        self._service = f"{service.platform} {service.version}"
        self._is_set_up = False
        # The behaviour of each declared function, such as "non-blocking".
        self._behaviours: dict[str, str] = {}
        # When each function was called, on the monotonic clock, and its name.
        self._calls: dict[str | None, tuple[float, str]] = {}
        self._pictures = 0
        # The present turn of the model.
        self._words, self._seconds, self._turns = "", 0.0, 0
        self._interrupted = self._generated = False

    def received(self, message: Message) -> None:
        for text in typed_texts(message):
            self._end_generated()
            self._log(f"→ {_quoted(text)}{self._pictures_taken()}")
        for event in message:
            match event:
                case events.Setup(setup):
                    self._set_up(setup)
                case events.Image() | events.MediaChunks(events.Image()):
                    self._pictures += 1
                case events.ToolResponse(responses):
                    for response in responses:
                        self._returned(response.id, response.name, response.response)

    def heard(self, utterance: str) -> None:
        self._end_generated()
        self._log(f"→ {utterance.strip('[]')}{self._pictures_taken()}")

    def sent(self, message: Message) -> None:
        for event in message:
            match event:
                case events.AudioChunk(pcm, rate):
                    self._seconds += len(pcm) / (rate * SAMPLE_BYTES)
                case events.OutputTranscript(text) | events.ModelText(text):
                    self._words = (self._words + text)[: MOST_CHARACTERS + 1]
                case events.ToolCall(calls):
                    for call in calls:
                        self._calls[call.id] = time.monotonic(), call.name
                        words = ["call", call.name, _json(call.args), self._behaviours.get(call.name, "")]
                        self._log(f"← {' '.join(words)}".rstrip())
                case events.ToolCallCancellation(ids):
                    names = [self._calls.pop(id)[1] for id in ids if id in self._calls]
                    self._log(f"← cancelled {', '.join(names)}")
                case events.Interrupted():
                    self._interrupted = True
                case events.GenerationComplete():
                    self._generated = True
                case events.TurnComplete():
                    self._turns += 1
                    self._said(f"turn {self._turns}{', interrupted' if self._interrupted else ''}")
                case events.GoAway(seconds):
                    self._log(f"← goAway, {seconds:g} s left")

    def closed(self, by: ClosedBy, code: int, reason: str) -> None:
        self._said("the turn was not over")
        if not self._is_set_up:
            self._log(f"● {self._service}")
        ending = f"closed by {by}: {code}{reason and f' {reason}'}"
        self._log(f"○ {'the connection was lost' if code == 1006 else ending}")

    def _set_up(self, setup: Setup) -> None:
        self._is_set_up = True
        name = setup.model.rpartition("/")[2]
        model = self._models.get(name)
        functions = [function for tool in setup.tools or [] for function in tool.function_declarations or []]
        for function in functions:
            behaviour = function.behavior or (model.calling[0] if model and model.calling else None)
            self._behaviours[function.name] = " non-blocking" if behaviour == CallBehaviour.NON_BLOCKING else ""
        resumes = setup.session_resumption is not None and setup.session_resumption.handle
        facts = [
            self._service,
            name,
            f"tools {' '.join(function.name for function in functions)}" if functions else "",
            "resumed" if resumes else "",
        ]
        self._log(f"● {'  '.join(filter(None, facts))}")

    def _returned(self, id: str | None, name: str, response: Json | None) -> None:
        called = self._calls.pop(id, None)
        took = f"  {(time.monotonic() - called[0]) * 1000:.0f} ms" if called else ""
        self._log(f"→ response {_json(response or {})}{took}")

    def _end_generated(self) -> None:
        """Log the answer of a model that completes no turn."""
        if self._generated:
            self._said("no turnComplete")

    def _said(self, ending: str) -> None:
        """Log what the model has said since it was called last; nothing where it said nothing."""
        words, seconds, interrupted = self._words, self._seconds, self._interrupted
        self._words, self._seconds = "", 0.0
        self._interrupted = self._generated = False
        if words or seconds or interrupted:
            sound = f"{seconds:.1f} s" if words else f"{seconds:.1f} s of sound"
            self._log(f"← {' '.join(filter(None, [words and _quoted(words), sound]))}  {ending}")

    def _pictures_taken(self) -> str:
        count, self._pictures = self._pictures, 0
        return f"  {count} picture{'s' if count > 1 else ''}" if count else ""


def _quoted(text: str) -> str:
    return f"“{text}”" if len(text) <= MOST_CHARACTERS else f"“{text[: MOST_CHARACTERS - 1]}…”"


def _json(value: Json) -> str:
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= MOST_CHARACTERS else f"{text[: MOST_CHARACTERS - 1]}…"
