"""Display of a run in plain lines on standard error: for files, pipes, CI and simple terminals."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence

from ..errors import BudgetError, LivecliError, OutputClosed
from ..process.stdio import Span, one_line, print_error, write_spans, write_stderr
from ..protocol import events
from ..protocol.endpoint import Endpoint
from ..protocol.messages import FunctionCall, Json
from ..report.reporter import NO_OPTIONS, DisplayOptions, Reporter, Retry, event_fields
from ..report.summary import Summary
from ..report.timeline import Timeline
from . import formatting

PROGRESS_SECONDS = 10.0
"""The time between two progress lines, in seconds."""


# Events with the words of the answer, which only a line for every event includes.
WORDS = (events.InputTranscript, events.OutputTranscript, events.InterimTranscript, events.ModelText, events.Thought)


class PlainLines(Reporter):
    """A reporter that writes plain lines."""

    def __init__(self, options: DisplayOptions = NO_OPTIONS) -> None:
        self.options = options
        self.wants_frames = options.debug
        self.wants_every = options.has_every_event or options.debug
        self.wants_timelines = not options.quiet
        self._summary: Summary | None = None
        self._seconds: float | None = None
        self._chunks = {"sent": 0, "received": 0}
        self._next_progress = PROGRESS_SECONDS
        self._unpriced: set[str] = set()  # reported already

    @property
    def columns(self) -> int | None:
        """The width of the terminal, None where lines may be of any length."""
        return None

    def write(self, line: str) -> None:
        """Write one line."""
        write_stderr(line + "\n")

    def write_spans(self, spans: Sequence[Span]) -> None:
        """Write one line, in colours where there are any."""
        write_spans(spans)

    def info(self, line: str) -> None:
        """Write a line that `quiet` leaves out."""
        if not self.options.quiet:
            self.write(line)

    def detail(self, line: str) -> None:
        """Write a line of the conversation with the service."""
        if self.options.has_conversation:
            self.write(line)

    def started(self, summary: Summary, description: str | None, seconds: float | None) -> None:
        self._summary, self._seconds = summary, seconds
        if self.wants_timelines:
            summary.stats.sent.timeline, summary.stats.received.timeline = Timeline(), Timeline()
        self._chunks = {"sent": 0, "received": 0}
        self._next_progress = PROGRESS_SECONDS
        length = [formatting.seconds(seconds)] if seconds is not None else []
        facts = ", ".join([*length, *([description] if description else [])])
        self.detail(f"{formatting.input_name(summary)}{': ' if facts else ''}{facts}")

    def recognised(self, description: str) -> None:
        self.detail(f"converting {description}")

    def connecting(self, endpoint: Endpoint) -> None:
        facts = endpoint.platform, endpoint.model, *([endpoint.location] if endpoint.location else [])
        self.detail(f"connecting to {endpoint.url} ({', '.join(map(one_line, facts))})")

    def connected(self, summary: Summary) -> None:
        session = f", session {one_line(summary.session_id)}" if summary.session_id else ""
        self.detail(formatting.connection(summary) + session)

    def event(self, direction: str, event: events.Event, at: float) -> None:
        if self._has_line(event):
            self._print_event(direction, event, at)
        if at >= self._next_progress and self._summary:
            self._next_progress = at + PROGRESS_SECONDS
            self.info(formatting.progress_line(self._summary, self._seconds))

    def _has_line(self, event: events.Event) -> bool:
        if isinstance(event, (events.AudioChunk, *WORDS)):
            return self.options.has_every_event
        return self.options.has_conversation

    def _print_event(self, direction: str, event: events.Event, at: float) -> None:
        fields = event_fields(event)
        if isinstance(event, events.AudioChunk):
            self._chunks[direction] += 1
            description = f"chunk {self._chunks[direction]}: {len(event.pcm)} bytes"
        elif isinstance(event, events.Setup):
            description = f"setup {one_line(json.dumps(fields['setup'], ensure_ascii=False))}"
        else:
            stated = {name: value for name, value in fields.items() if value}
            text = f" {one_line(json.dumps(stated, ensure_ascii=False))}" if stated else ""
            description = f"{event.log_name}{text}"
        self.write(f"{at:8.3f} s  {direction} {description}")

    def frame(self, direction: str, frame: bytes | str, at: float, *, is_binary: bool = False) -> None:
        arrow = ">" if direction == "sent" else "<"
        self.write(f"{arrow} {abbreviated_frame(frame)}")

    def closed(self, direction: str, code: int | None, reason: str | None, at: float) -> None:
        self.detail(f"{at:8.3f} s  {direction} close: {code} {one_line(reason or '')}".rstrip())

    def called(self, call: FunctionCall) -> None:
        self.info(f"tool {formatting.function_call(call.name, call.args)}")

    def returned(self, call: FunctionCall, response: Json, *, failed: bool, noise: str) -> None:
        name = one_line(call.name)
        if failed:
            self.write(f"warning: {name}: {formatting.shortened(str(response['error']))}")
        else:
            self.info(f"{name}: {formatting.function_result(response)}")
        for line in noise.splitlines():
            self.detail(f"{name}: {one_line(line)}")

    def remark(self, text: str) -> None:
        self.info(one_line(text))

    def warning(self, text: str) -> None:
        self.write(f"warning: {one_line(text)}")

    def retrying(self, retry: Retry) -> None:
        of = f" of {retry.most}" if retry.most else ""
        pause = f"trying again in {retry.seconds:.1f} s ({retry.attempt}{of})"
        self.info(f"{one_line(retry.error.message)}; {pause}")

    def resumed(self, connections: int, error: LivecliError | None, again: int) -> None:
        reason = one_line(error.message) if error else "the previous one was at its end"
        repeated = f", {again} messages are sent again" if again else ""
        self.detail(f"connection {connections}: the session goes on ({reason}{repeated})")

    def finished(self, summary: Summary) -> None:
        # The reader of the reply has closed it early, as `head` does: that is not reported as an error.
        if isinstance(summary.error, OutputClosed | BudgetError):
            return
        if summary.ok or summary.stats.sent.chunks or summary.stats.received.chunks:
            self.print_summary(summary)
        if missing := [tokens for tokens in summary.unpriced if tokens not in self._unpriced]:
            self._unpriced.update(missing)
            self.info(formatting.missing_prices(missing))
        if summary.error:
            print_error(summary.error, debug=self.options.debug)

    def stopped(self, error: LivecliError) -> None:
        print_error(error, debug=self.options.debug)

    def restore_terminal(self) -> None:
        """Leave the terminal as it was found. Called at the end of the command, also after an error."""

    def print_summary(self, summary: Summary) -> None:
        """Write the result of the run."""
        if not self.options.quiet:
            lines = formatting.stats_lines if self.options.stats else formatting.result_lines
            for line in lines(summary, self.columns, has_answer=self.options.has_answer):
                self.write_spans(line)


_LONG_OR_SECRET_STRING = rb'("(?:data|handle|newHandle|access_?token)": ?")([^"]+)'


def abbreviated_frame(frame: bytes | str) -> str:
    """A frame on one line, in which audio, pictures, handles and access tokens are replaced by their length."""
    data = frame.encode() if isinstance(frame, str) else frame
    short = re.sub(_LONG_OR_SECRET_STRING, lambda match: b"%b(%d characters)" % (match[1], len(match[2])), data)
    return one_line(re.sub(r"\s*\n\s*", "", short.decode(errors="replace")))
