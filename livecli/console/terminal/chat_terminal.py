"""Display of a chat at a terminal: answers grow above the prompt, other messages are lines of their own."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from prompt_toolkit.formatted_text import StyleAndTextTuples

from ...errors import Interrupted, LivecliError
from ...process.stdio import one_line, print_error
from ...protocol import events
from ...protocol.endpoint import Endpoint
from ...protocol.messages import FunctionCall
from ...report.reporter import NO_OPTIONS, DisplayOptions, Retry
from ...report.summary import Summary, latencies
from .. import formatting
from ..chat_pipe import PipeChat
from .screen import MARKDOWN, Screen, escaped

METER_CELLS = 12
METER_MIN_DBFS = -60.0
"""The level at which the meter is empty."""

INTERRUPTED = "— interrupted"

NO_SESSION = "no session"
"""The connection's problem after the end of a session."""


@dataclass(frozen=True)
class ChatState:
    """The state that the toolbar shows.

    `activity` is a short text such as "thinking". `level_dbfs` is the level at the microphone, None when it is off.
    `lost` has the devices that are turned on and lost, such as "speaker".
    """

    activity: str
    level_dbfs: float | None = None
    speaker_on: bool = False
    lost: Sequence[str] = ()


def toolbar(state: ChatState, model: str, latency_ms: float | None, problem: str) -> StyleAndTextTuples:
    """The line below the prompt. `problem` is the connection's, and replaces the activity."""
    kind = "trouble" if problem else state.activity.partition(" ")[0].removesuffix(":")
    details = [
        one_line(model),
        formatting.milliseconds(latency_ms) if latency_ms is not None else "",
        "speaker" if state.speaker_on else "",
        f"mic {meter(state.level_dbfs)}" if state.level_dbfs is not None else "",
        *(f"no {device}" for device in state.lost),
    ]
    text = "".join(f"  {detail}" for detail in details if detail)
    return [(f"class:state class:state.{kind}", problem or state.activity), ("", text)]


def meter(level_dbfs: float) -> str:
    """A bar for a level in dBFS: empty at METER_MIN_DBFS, full at 0."""
    full = round(METER_CELLS * (1 - max(min(level_dbfs, 0.0), METER_MIN_DBFS) / METER_MIN_DBFS))
    return "▮" * full + "▯" * (METER_CELLS - full)


class TerminalChat(PipeChat):
    """The reporter of a chat with a prompt.

    Answers are written to standard output only when that is a file or a pipe and `silent` is not set.
    """

    # With the attributes of PlainLines and PipeChat these are more than twelve: a reporter is told everything in one
    # object, and each attribute here belongs to the toolbar or to an interruption.
    def __init__(self, options: DisplayOptions = NO_OPTIONS, *, silent: bool = False) -> None:
        stdout_is_terminal = sys.stdout is None or sys.stdout.isatty()
        super().__init__(options, silent=silent or stdout_is_terminal)
        self.screen = Screen()
        self._is_typed = True
        self._model = self._connection_problem = ""
        self._latency_ms: float | None = None
        # Whether the current turn has waited for the user's answer to a question.
        self._has_asked = False
        # Whether a part of the current turn's answer is shown.
        self._has_answer = False
        # Whether the last line says that the answer was interrupted.
        self._says_interrupted = self._was_connected = False
        self._shown_error: LivecliError | None = None

    def toolbar(self, state: ChatState) -> StyleAndTextTuples:
        """The line below the prompt."""
        return toolbar(state, self._model, self._latency_ms, self._connection_problem)

    def write(self, line: str) -> None:
        label, colon, _ = line.partition(": ")
        self.screen.print("class:warning" if colon and label == "warning" else "class:note", line)

    # --- turns ---

    def turn_event(self, event: events.Event) -> None:
        super().turn_event(event)
        match event:
            case events.Interrupted():
                self.show_interruption()
            case events.InputTranscript(text):
                self._append("heard", text)
            case events.OutputTranscript(text):
                self._append("said", text)
            case events.ModelText(text):
                self._append(MARKDOWN, text)
            case events.Thought(text):
                self._append("thought", text)
            case events.ModelCode({"executableCode": {"code": str(code)}}):
                self._append("tool", code)

    def _append(self, kind: str, text: str) -> None:
        if text:
            self._says_interrupted = False
            self._has_answer |= kind in ("said", MARKDOWN)
            self.screen.append(kind, text)

    def show_interruption(self) -> None:
        """Show that the answer was interrupted, once."""
        if not self._says_interrupted:
            self.screen.print("class:note", INTERRUPTED)
        self._says_interrupted = True

    def called(self, call: FunctionCall) -> None:
        if not self.options.quiet:
            self.screen.print("class:tool", f"tool {formatting.function_call(call.name, call.args)}")

    def note_question(self) -> None:
        """The user is asked whether a function may run. The toolbar does not have the latency of this turn."""
        self._has_asked = True

    def copy(self, text: str) -> None:
        """Copy text to the clipboard, where the terminal allows it."""
        self.screen.copy(text)
        self.screen.print("class:note", f"{len(text):,} characters for the terminal's clipboard (OSC 52)")

    def show_lines(self, lines: Iterable[str]) -> None:
        """Show the output of a slash command."""
        self.screen.print("", *map(escaped, lines))

    def finished(self, summary: Summary) -> None:
        self.screen.finish_row()
        self.end_line()
        if lines := formatting.source_lines(summary.stats.citations):
            self.screen.print("class:source", *lines)
        error = summary.error
        # The end of a session ends an interrupted turn after the next one, which has failed.
        has_answer = self._has_answer or (self._connection_problem == NO_SESSION and bool(summary.stats.said_pieces))
        if error is None and summary.stats.interrupted and not (has_answer or self._says_interrupted):
            # The next question came at once, so its line is shown by now.
            self.screen.print("class:note", f"{INTERRUPTED}, without an answer: {one_line(summary.input)}")
        self._has_answer = self._says_interrupted = False
        if error is not None and not (isinstance(error, Interrupted) or error is self._shown_error):
            self._show_error(error)
        has_asked, self._has_asked = self._has_asked, False
        if error is None and not (summary.stats.interrupted or has_asked):
            known = latencies(summary)
            self._latency_ms = known["first_audio"] or known["turn"]

    # --- the connection ---

    def connecting(self, endpoint: Endpoint) -> None:
        # A later session is opened by a command or after an error, which has been shown.
        if self.options.has_conversation or not self._model:
            super().connecting(endpoint)
        self._model = endpoint.model

    def connected(self, summary: Summary) -> None:
        if self.options.has_conversation or not self._was_connected:
            super().connected(summary)
        elif self._connection_problem:
            self.write("connected again")
        self._was_connected = True
        self._clear_problem()

    def retrying(self, retry: Retry) -> None:
        if not self._was_connected:
            super().retrying(retry)
        elif not self._connection_problem:
            reason = one_line(retry.error.message)
            self.write(f"connection lost ({reason}), trying again in {retry.seconds:.1f} s")
        self._connection_problem = f"no connection, attempt {retry.attempt}"

    def resumed(self, connections: int, error: LivecliError | None, again: int) -> None:
        super().resumed(connections, error, again)
        if error is not None and not self._connection_problem:
            self.write(f"connection lost ({one_line(error.message)}), connected again")
        elif self._connection_problem:
            self.write("connected again")
        self._clear_problem()

    def ended(self, error: LivecliError | None) -> None:
        self.screen.finish_row()
        if error is not None and error is not self._shown_error:
            self._show_error(error)
        how = "the session has ended" if error else "the server ended the session"
        self.write(f"{how}: the next message opens a new one, which is given the conversation so far")
        self._connection_problem = NO_SESSION

    def _show_error(self, error: LivecliError) -> None:
        print_error(error, debug=self.options.debug)
        self._shown_error = error

    def _clear_problem(self) -> None:
        self._connection_problem, self._shown_error = "", None
