"""Display of a run in plain lines on standard error: for files, pipes, CI and simple terminals."""

from __future__ import annotations

import re

from ..errors import BudgetError, LivecliError, OutputClosed
from ..process.stdio import one_line, print_error, write_stderr
from ..protocol import events
from ..protocol.endpoint import Endpoint
from ..protocol.messages import FunctionCall, Json
from ..report.reporter import Reporter, Retry, event_fields
from ..report.summary import Summary
from . import formatting

PROGRESS_SECONDS = 10.0
"""The time between two progress lines, in seconds."""


class PlainLines(Reporter):
    """A reporter that writes plain lines.

    `quiet` leaves only warnings and errors, `verbose` adds a line per event, and `debug` adds frames and tracebacks.
    With `several` inputs an error names its input.
    """

    def __init__(
        self, *, quiet: bool = False, verbose: bool = False, debug: bool = False, several: bool = False
    ) -> None:
        self.wants_frames = self._debug = debug
        self._quiet = quiet
        self._several = several
        self._verbose = self.wants_every = verbose or debug
        self._summary: Summary | None = None
        self._seconds: float | None = None
        self._chunks = {"sent": 0, "received": 0}
        self._next_progress = PROGRESS_SECONDS
        self._unpriced: set[str] = set()  # reported already

    def write(self, line: str) -> None:
        """Write one line."""
        write_stderr(line + "\n")

    def info(self, line: str) -> None:
        """Write a line that `quiet` leaves out."""
        if not self._quiet:
            self.write(line)

    def started(self, summary: Summary, description: str | None, seconds: float | None) -> None:
        self._summary, self._seconds = summary, seconds
        self._chunks = {"sent": 0, "received": 0}
        self._next_progress = PROGRESS_SECONDS
        length = [formatting.seconds(seconds)] if seconds is not None else []
        facts = ", ".join([*length, *([description] if description else [])])
        name = "standard input" if summary.input == "-" else one_line(summary.input)
        self.info(f"{name}{': ' if facts else ''}{facts}")

    def recognised(self, description: str) -> None:
        self.info(f"converting {description}")

    def connecting(self, endpoint: Endpoint) -> None:
        self.info(f"connecting to {endpoint.host} ({endpoint.platform}, {one_line(endpoint.model)})")

    def connected(self, summary: Summary) -> None:
        steps = summary.connect_seconds, summary.setup_seconds
        connect, setup = (formatting.milliseconds(1000 * (seconds or 0)) for seconds in steps)
        self.info(f"connected in {connect}, set up in {setup}")

    def event(self, direction: str, event: events.Event, at: float) -> None:
        if self._verbose and not self._quiet:
            self._print_event(direction, event, at)
        if at >= self._next_progress and self._summary:
            self._next_progress = at + PROGRESS_SECONDS
            sent, received = formatting.transfer_progress(self._summary, self._seconds)
            self.info(f"sent {sent}; received {received}")

    def _print_event(self, direction: str, event: events.Event, at: float) -> None:
        if isinstance(event, events.AudioChunk):
            self._chunks[direction] += 1
            description = f"chunk {self._chunks[direction]}: {len(event.pcm)} bytes"
        elif isinstance(event, events.Setup):
            description = "setup"
        else:
            fields = ", ".join(f"{name}={value!r}" for name, value in event_fields(event).items() if value)
            description = f"{event.log_name}{': ' if fields else ''}{one_line(fields)}"
        self.write(f"{at:8.3f} s  {direction} {description}")

    def frame(self, direction: str, frame: bytes | str, at: float) -> None:
        arrow = ">" if direction == "sent" else "<"
        self.write(f"{arrow} {abbreviated_frame(frame)}")

    def closed(self, direction: str, code: int | None, reason: str | None, at: float) -> None:
        if self._verbose and not self._quiet:
            self.write(f"{at:8.3f} s  {direction} close: {code} {one_line(reason or '')}".rstrip())

    def called(self, call: FunctionCall) -> None:
        self.info(f"tool {formatting.function_call(call.name, call.args)}")

    def returned(self, call: FunctionCall, response: Json, *, failed: bool, noise: str) -> None:
        name = one_line(call.name)
        if failed:
            self.write(f"warning: {name}: {formatting.shortened(str(response['error']))}")
        else:
            self.info(f"{name}: {formatting.function_result(response)}")
        if self._verbose and not self._quiet:
            for line in noise.splitlines():
                self.write(f"{name}: {one_line(line)}")

    def remark(self, text: str) -> None:
        self.info(one_line(text))

    def warning(self, text: str) -> None:
        self.write(f"warning: {one_line(text)}")

    def retrying(self, retry: Retry) -> None:
        of = f" of {retry.most}" if retry.most else ""
        pause = f"trying again in {retry.seconds:.1f} s ({retry.attempt}{of})"
        self.info(f"{one_line(retry.error.message)}; {pause}")

    def resumed(self, connections: int, error: LivecliError | None, again: int) -> None:
        if self._verbose and not self._quiet:
            reason = one_line(error.message) if error else "the previous one was at its end"
            repeated = f", {again} messages are sent again" if again else ""
            self.write(f"connection {connections}: the session goes on ({reason}{repeated})")

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
            print_error(summary.error, about=summary.input if self._several else None, debug=self._debug)

    def stopped(self, error: LivecliError) -> None:
        print_error(error, debug=self._debug)

    def restore_terminal(self) -> None:
        """Leave the terminal as it was found. Called at the end of the command, also after an error."""

    def print_summary(self, summary: Summary) -> None:
        """Write the figures of the run."""
        self.info(f"{'':28}  {'sent':>22}  {'received':>22}")
        for name, sent, received in formatting.transfer_rows(summary):
            self.info(f"{name:28}  {sent:>22}  {received:>22}")
        for name, value in formatting.summary_rows(summary):
            self.info(f"{name:10}{value}")


_LONG_OR_SECRET_STRING = rb'("(?:data|handle|newHandle|access_?token)": ?")([^"]+)'


def abbreviated_frame(frame: bytes | str) -> str:
    """A frame on one line, in which audio, pictures, handles and access tokens are replaced by their length."""
    data = frame.encode() if isinstance(frame, str) else frame
    short = re.sub(_LONG_OR_SECRET_STRING, lambda match: b"%b(%d characters)" % (match[1], len(match[2])), data)
    return one_line(re.sub(r"\s*\n\s*", "", short.decode(errors="replace")))
