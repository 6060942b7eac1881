"""Many questions in one process and one loop: so many sessions at once, started at a rate that the service can bear.

Each is `question.ask`'s, and fails alone; what they have in common is here: the turn to start, the credential, and the
end of all of them when the user interrupts.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

from ..client.open import resolved
from ..credentials import Credential
from ..process.run import interrupted_error
from ..protocol.endpoint import Endpoint, Target
from ..report.reporter import Reporter, Reporters
from ..report.summary import Summary
from .rate import AdaptiveRate, RateTicket
from .request import Request, ask

FILES_A_SESSION = 3
"""Its socket, its input and its reply."""
FILES_BESIDES = 64

TellOf = Callable[[Request], Reporter]
"""Who is told of this one."""


@dataclass(frozen=True)
class BatchLimits:
    """`jobs` sessions at once, started at `connect_rate` a second at the most."""

    jobs: int
    connect_rate: float


def files_open(sessions: int) -> int:
    """How many files a process with that many sessions has open at once, at the most."""
    return FILES_A_SESSION * sessions + FILES_BESIDES


async def ask_all(
    questions: Sequence[Request], wanted: Target, told: Reporter, told_of: TellOf, pace: BatchLimits
) -> list[int]:
    """Ask all of them; their exit statuses, in the order in which they ended. `told` hears what concerns them all.

    Raises UsageError where the options contradict one another. When the task is cancelled every question is told as
    finished, those too that were not begun, and CancelledError goes on.
    """
    crowd = _Crowd(questions, wanted, told, told_of, pace)
    members = [asyncio.create_task(crowd.work()) for _ in range(min(pace.jobs, len(questions)))]
    try:
        await asyncio.wait(members, return_when=asyncio.FIRST_EXCEPTION)
    except asyncio.CancelledError as cancelled:
        await _end(members, cancelled.args)
        for unasked in crowd.left:
            told_of(unasked).finished(Summary(unasked.name, error=interrupted_error(cancelled)))
        raise
    await _end(members)
    for member in members:
        if not member.cancelled() and (bug := member.exception()):
            raise bug
    return crowd.statuses


async def _end(members: Sequence[asyncio.Task[None]], why: Sequence[object] = ()) -> None:
    """`why` tells them which signal it was."""
    for member in members:
        member.cancel(*why)
    await asyncio.wait(members)


class _Crowd:
    """`left` are the questions that nobody has taken yet, `statuses` those of the ones that are over."""

    def __init__(
        self, questions: Sequence[Request], wanted: Target, told: Reporter, told_of: TellOf, pace: BatchLimits
    ) -> None:
        self.left: Iterator[Request] = iter(questions)
        self.statuses: list[int] = []
        self._wanted, self._told_of, self._at_once = wanted, told_of, pace.jobs > 1
        self._starts = AdaptiveRate(pace.connect_rate, asyncio.get_running_loop().time, asyncio.sleep, told.remark)
        self._resolved = SharedCredential()

    async def work(self) -> None:
        """One question after another."""
        for question in self.left:
            entry = RateTicket(self._starts)
            reporter = Reporters(_Door(entry), self._told_of(question))
            try:
                await entry.admit()
            except asyncio.CancelledError as cancelled:
                reporter.finished(Summary(question.name, error=interrupted_error(cancelled)))
                raise
            timeouts = replace(question.timeouts, pause=entry.pause)
            paced = replace(question, timeouts=timeouts, at_once=self._at_once)
            summary = await ask(paced, self._wanted, reporter, self._resolved)
            self.statuses.append(summary.exit_code)


class _Door(Reporter):
    """Lets the rate of the starts know how this one went."""

    def __init__(self, entry: RateTicket) -> None:
        self._entry = entry

    def connected(self, summary: Summary) -> None:
        self._entry.opened()

    def finished(self, summary: Summary) -> None:
        if summary.error:
            self._entry.failed(summary.error)


class SharedCredential:
    """Where to connect and with what, found out once for all: a credential's token is then fetched once, too."""

    def __init__(self) -> None:
        self._found: tuple[Endpoint, Credential] | None = None
        self._asking = asyncio.Lock()

    async def __call__(self, wanted: Target) -> tuple[Endpoint, Credential]:
        """Raises as `credentials.resolve` does, each time anew: an error belongs to one question."""
        async with self._asking:
            if self._found is None:
                self._found = await resolved(wanted)
        return self._found
