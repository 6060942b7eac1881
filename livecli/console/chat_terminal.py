"""A chat told at a terminal: the answer as it comes, above the prompt, and what else happens in lines of its own."""

from __future__ import annotations

import sys
from dataclasses import dataclass

from prompt_toolkit.formatted_text import StyleAndTextTuples

from ..errors import Interrupted, LivecliError
from ..process.stdio import one_line, print_error
from ..protocol import events
from ..protocol.endpoint import Endpoint
from ..protocol.messages import FunctionCall
from ..report.reporter import Retry
from ..report.summary import Summary, latencies
from . import formatting
from .chat_pipe import PipeChat
from .screen import Screen

# The line below the prompt: what the model does, how fast it answered, and how loud it is at the microphone. Pure.
BAR_CELLS = 12
QUIETEST_DBFS = -60.0


@dataclass(frozen=True)
class ChatState:
    """`doing` is one word or a few; `level_dbfs` None where there is no microphone."""

    doing: str
    level_dbfs: float | None = None
    speaks: bool = False


def toolbar(state: ChatState, model: str, latency_ms: float | None, trouble: str) -> StyleAndTextTuples:
    """Only what there is. `trouble` is what is wrong with the connection."""
    kind = "trouble" if trouble else state.doing.partition(" ")[0]
    others = [
        one_line(model),
        formatting.milliseconds(latency_ms) if latency_ms is not None else "",
        "speaker" if state.speaks else "",
        f"mic {meter(state.level_dbfs)}" if state.level_dbfs is not None else "",
    ]
    shown = "".join(f"  {fact}" for fact in others if fact)
    return [(f"class:state class:state.{kind}", trouble or state.doing), ("", shown)]


def meter(level_dbfs: float) -> str:
    """A bar that is full at 0 dBFS."""
    full = round(BAR_CELLS * (1 - max(min(level_dbfs, 0.0), QUIETEST_DBFS) / QUIETEST_DBFS))
    return "▮" * full + "▯" * (BAR_CELLS - full)


INTERRUPTED = "— interrupted"


class TerminalChat(PipeChat):
    """`silent` as for Answers; at a terminal they are not written to standard output as well."""

    def __init__(
        self, *, silent: bool = False, quiet: bool = False, verbose: bool = False, debug: bool = False
    ) -> None:
        at_terminal = sys.stdout is None or sys.stdout.isatty()
        super().__init__(silent=silent or at_terminal, quiet=quiet, verbose=verbose, debug=debug)
        self.screen = Screen()
        self._model = self._trouble = ""
        self._latency_ms: float | None = None
        self._cut = self._deaf = self._was_connected = False
        self._told: LivecliError | None = None

    def toolbar(self, state: ChatState) -> StyleAndTextTuples:
        """What stands below the prompt."""
        return toolbar(state, self._model, self._latency_ms, self._trouble)

    def write(self, line: str) -> None:
        label, colon, _ = line.partition(": ")
        self.screen.print("class:warning" if colon and label == "warning" else "class:note", line)

    # --- what is said ---

    def event(self, direction: str, event: events.Event, at: float) -> None:
        super().event(direction, event, at)
        if direction == "received" and not isinstance(event, events.AudioChunk):
            self._show(event)

    def _show(self, event: events.Event) -> None:
        match event:
            case events.TurnComplete():
                self._deaf = False
            case events.Interrupted():
                self.cut(deaf=False)
            case events.InputTranscript(text):
                self._grow("heard", text)
            case events.OutputTranscript(text) | events.ModelText(text):
                self._grow("said", text)
            case events.Thought(text):
                self._grow("thought", text)
            case events.ModelCode({"executableCode": {"code": str(code)}}):
                self._grow("tool", code)

    def _grow(self, kind: str, text: str) -> None:
        if text and not self._deaf:
            self.screen.grow(kind, text)

    def cut(self, *, deaf: bool = True) -> None:
        """The answer was interrupted; where `deaf`, what may still come of it is not shown."""
        if not self._cut:
            self.screen.print("class:note", INTERRUPTED)
        self._cut, self._deaf = True, deaf

    def called(self, call: FunctionCall) -> None:
        if not self._quiet:
            self.screen.print("class:tool", f"tool {formatting.call(call.name, call.args)}")

    def show(self, lines: list[str]) -> None:
        """What somebody at the prompt has asked for."""
        self.screen.print("", *map(one_line, lines))

    def finished(self, summary: Summary) -> None:
        self.screen.close()
        self.end_line()
        if lines := formatting.sources(summary.stats.citations):
            self.screen.print("class:source", *lines)
        cut, self._cut = self._cut, False
        error = summary.error
        if error is not None and not (cut or isinstance(error, Interrupted) or error is self._told):
            print_error(error, debug=self._debug)
        if error is None and not summary.stats.interrupted:
            known = latencies(summary)
            self._latency_ms = known["first_audio"] or known["turn"]

    # --- the line ---

    def connecting(self, endpoint: Endpoint) -> None:
        if self._verbose or not self._model:  # where it is opened again, something else says why
            super().connecting(endpoint)
        self._model = endpoint.model

    def connected(self, summary: Summary) -> None:
        if self._verbose or not self._was_connected:
            super().connected(summary)
        elif self._trouble:
            self.write("connected again")
        self._was_connected = True
        self._mend()

    def retrying(self, retry: Retry) -> None:
        if not self._was_connected:
            super().retrying(retry)
        elif not self._trouble:
            why = one_line(retry.error.message)
            self.write(f"connection lost ({why}), trying again in {retry.seconds:.1f} s")
        self._trouble = f"no connection, attempt {retry.attempt}"

    def resumed(self, connections: int, error: LivecliError | None, again: int) -> None:
        super().resumed(connections, error, again)
        if error is not None and not self._trouble:
            self.write(f"connection lost ({one_line(error.message)}), connected again")
        elif self._trouble:
            self.write("connected again")
        self._mend()

    def ended(self, error: LivecliError) -> None:
        self.screen.close()
        print_error(error, debug=self._debug)
        self.write("the session is over: what is said next opens another one, which is told what was said")
        self._told, self._trouble = error, "no session"

    def _mend(self) -> None:
        self._trouble, self._told = "", None
        self._cut = self._deaf = False
