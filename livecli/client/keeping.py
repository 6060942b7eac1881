"""What of an exchange is there to stay, and how the rest is taken back where the connection is lost before it is.

What came since the session could last be gone on with will come again: the sound, the figures, the calls of functions.
"""

from __future__ import annotations

from collections.abc import Iterable

from ..media.pcm import AudioSink
from ..protocol import events
from ..protocol.messages import FunctionResponse
from ..report.reporter import Reporter
from ..report.summary import TransferStats
from ..tools.calls import Calls
from .resumable import Line
from .sender import Asking
from .turn_end import Ending

OF_THE_SESSION = (events.SetupComplete, events.ResumptionUpdate, events.GoAway)
"""What a service says that has nothing to say."""


class Keeping:
    """Of one exchange, which tells it what it hears and what its functions return."""

    def __init__(
        self,
        line: Line,
        sink: AudioSink,
        stats: TransferStats,
        reporter: Reporter,
        asking: Asking,
        ending: Ending,
        calls: Calls,
    ) -> None:
        self._line, self._sink, self._stats, self._reporter = line, sink, stats, reporter
        self._asking, self._ending, self._calls = asking, ending, calls
        self._responded: list[FunctionResponse] = []  # since the session could last be gone on with
        self._taking_back = False

    def keep(self) -> None:
        """Everything received so far is there to stay."""
        if not self._taking_back:
            self._kept = (self._sink.mark(), self._stats.copy())
        self._kept_ending, self._kept_calls = self._ending.mark(), self._calls.ids
        self._responded = []
        self._asking.secured.set()

    def take_back(self) -> None:
        """What was received since then will come again; functions that were called since then will be called again."""
        self._taking_back = True
        self._calls.cancel(self._kept_calls)
        self._forget_responses()
        unsaid = self._line.resumption.unsaid > len(self._responded)
        self._ending.begin_again(self._kept_ending, asked=unsaid)
        self._note(self._responded)
        self._asking.silence.restart()

    def hear(self, event: events.Event) -> None:
        """Something is received: if it does come again, and not before, what came the first time is of no use."""
        if not self._taking_back or isinstance(event, OF_THE_SESSION):
            return
        self._taking_back = False
        mark, stats = self._kept
        if not self._sink.rewind(mark):
            self._reporter.warning("the connection was lost in mid-answer: what came of it has been passed on already")
        self._stats.rewind(stats)

    @property
    def has_responded(self) -> bool:
        """Whether functions have returned anything that is not there to stay yet."""
        return bool(self._responded)

    def respond(self, responses: Iterable[FunctionResponse]) -> None:
        """What functions returned is about to be sent."""
        self._responded += responses
        self._note(responses)

    def _note(self, responses: Iterable[FunctionResponse]) -> None:
        for response in responses:
            held = self._calls.toolbox.holds(response.name, self._line.endpoint.model)
            self._ending.respond(held=held, silent=response.scheduling == "SILENT")

    def _forget_responses(self) -> None:
        """Those that nobody will have asked for are not sent again."""
        kept = [response for response in self._responded if response.id in self._kept_calls]
        if len(kept) < len(self._responded):
            self._line.resumption.drop(self._is_unasked)
            self._asking.said = min(self._asking.said, self._line.resumption.said)
        self._responded = kept

    def _is_unasked(self, said: events.Event) -> bool:
        return isinstance(said, events.ToolResponse) and any(
            response.id not in self._kept_calls for response in said.responses
        )
