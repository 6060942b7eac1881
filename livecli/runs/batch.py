"""Batch: many requests in one event loop, several at once, started at a rate that the service accepts.

Each request is sent by `request.ask`, and fails alone. They share the rate of starts, the credential, and the end of
all of them when the user interrupts.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractAsyncContextManager, nullcontext, suppress
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from ..client.open import Resolve, resolved_once
from ..errors import BudgetError, FileError, UsageError
from ..media.file_source import standard_input
from ..process.run import interrupted_error
from ..protocol.endpoint import Endpoint, Target
from ..protocol.models import Prices
from ..report.reporter import Reporter, Reporters
from ..report.spending import Spending
from ..report.summary import Summary
from .rate import AdaptiveRate, RateTicket
from .request import Exchange, Request, ask, exchange

if TYPE_CHECKING:
    from .processes import WorkerPool

# A session has its socket, its input and its reply open.
FILES_PER_SESSION = 3

# Files that the process has open beside those of its sessions.
OTHER_FILES = 64

ReporterOf = Callable[[Request], Reporter]
"""The reporter of one request."""


@dataclass(frozen=True)
class BatchLimits:
    """Limits of a batch: `jobs` is the most sessions at once, `connect_rate` the most starts a second.

    Once the runs that are over cost `max_cost` US dollars, no more are started. Where `processes` is more than one, so
    many further processes have the sessions, at most one for each of them.
    """

    jobs: int
    connect_rate: float
    max_cost: float | None = None
    processes: int = 1


def files_open(sessions: int) -> int:
    """The most files that a process with so many sessions has open at once."""
    return FILES_PER_SESSION * sessions + OTHER_FILES


async def ask_all(
    requests: Sequence[Request], target: Target, reporter: Reporter, reporter_of: ReporterOf, limits: BatchLimits
) -> list[int]:
    """Send all requests. Returns their exit statuses, in the order in which they ended.

    `reporter` is told what concerns all of them. Raises UsageError before the first is begun, where the options
    contradict one another, or where there is a `max_cost` and the model has no price. When the task is cancelled, every
    request is reported as finished, those too that were not begun, and CancelledError goes on.
    """
    await _check_streams(requests)

    def check(endpoint: Endpoint) -> None:
        # The requests differ in their inputs only.
        requests[0].setup(endpoint)
        if limits.max_cost is not None:
            _check_prices(requests[0], endpoint.model)

    resolve = await resolved_once(target, check)
    sessions = min(limits.jobs, len(requests))
    async with _pool(min(limits.processes, sessions)) as pool:
        batch = _Batch(requests, target, resolve, reporter, reporter_of, limits, pool.exchange if pool else exchange)
        workers: list[asyncio.Task[None]] = []
        try:
            if pool is not None:
                await pool.start()
            workers += [asyncio.create_task(batch.work()) for _ in range(sessions)]
            await asyncio.wait(workers, return_when=asyncio.FIRST_EXCEPTION)
        except asyncio.CancelledError as cancelled:
            await _end(workers, cancelled.args)
            for request in batch.left:
                reporter_of(request).finished(Summary(request.name, error=interrupted_error(cancelled)))
            raise
        await _end(workers)
    for worker in workers:
        if not worker.cancelled() and (bug := worker.exception()):
            raise bug
    if batch.unsent:
        reporter.stopped(batch.budget_error(f"{batch.unsent} of {len(requests)} inputs were not sent"))
    return batch.statuses


def _pool(processes: int) -> AbstractAsyncContextManager[WorkerPool | None]:
    """So many worker processes; None for a single process, which is this one."""
    if processes == 1:
        return nullcontext()
    from .processes import worker_pool

    return worker_pool(processes)


async def _end(workers: Sequence[asyncio.Task[None]], cause: Sequence[object] = ()) -> None:
    """Cancel `workers` and wait for them. `cause` holds the signal that ends them, if one does."""
    for worker in workers:
        worker.cancel(*cause)
    if workers:
        await asyncio.wait(workers)


class _Batch:
    """Requests that several workers send. `left` are those not begun, `statuses` the exit statuses of the others.

    `unsent` is the number of those that were not sent because of the budget.
    """

    def __init__(
        self,
        requests: Sequence[Request],
        target: Target,
        resolve: Resolve,
        reporter: Reporter,
        reporter_of: ReporterOf,
        limits: BatchLimits,
        exchange: Exchange,
    ) -> None:
        self.left: Iterator[Request] = iter(requests)
        self.statuses: list[int] = []
        self.unsent = 0
        self._target, self._resolve, self._reporter_of, self._limits = target, resolve, reporter_of, limits
        self._exchange = exchange
        self._spending = Spending()
        clock = asyncio.get_running_loop().time
        self._rate = AdaptiveRate(limits.connect_rate, clock, asyncio.sleep, reporter.remark)

    async def work(self) -> None:
        """Send one request after another."""
        for request in self.left:
            ticket, reporter = RateTicket(self._rate), self._reporter_of(request)
            try:
                if not self._is_spent:
                    await ticket.admit()
            except asyncio.CancelledError as cancelled:
                reporter.finished(Summary(request.name, error=interrupted_error(cancelled)))
                raise
            # Runs may have ended while this one waited to be admitted.
            if self._is_spent:
                summary = Summary(request.name, error=self.budget_error("the input was not sent"))
                reporter.finished(summary)
                self.unsent += 1
            else:
                timeouts = replace(request.timeouts, pause=ticket.pause, admit=ticket.admit)
                paced = replace(request, timeouts=timeouts, at_once=self._limits.jobs > 1)
                reporters = Reporters(_TicketReporter(ticket), reporter)
                summary = await ask(paced, self._target, reporters, self._resolve, self._exchange)
                self._spending.add(summary)
            self.statuses.append(summary.exit_code)

    @property
    def _is_spent(self) -> bool:
        """Whether the budget is reached, or it is not known how much of it is left."""
        budget, spending = self._limits.max_cost, self._spending
        return budget is not None and (spending.known_usd >= budget or spending.gap is not None)

    def budget_error(self, result: str) -> BudgetError:
        """The reason why nothing more is sent, with its `result`."""
        spending = self._spending
        if spending.gap is not None:
            cause, hint = f"{spending.gap}, so --max-cost cannot be kept", None
        else:
            cause = f"${spending.known_usd:.6g} are spent, and --max-cost is {self._limits.max_cost:g}"
            hint = "--resume-from sends what is left, given the --json output of this run"
        return BudgetError(f"{cause}: {result}", hint=hint)


async def _check_streams(requests: Sequence[Request]) -> None:
    """Raises UsageError where no request could use standard input or the speaker that is named.

    A stream or a device that fails is the error of the request that uses it.
    """
    with suppress(FileError):
        if any(request.input == "-" for request in requests):
            standard_input()
        if requests[0].play:
            from ..media.sound_devices.speaker_sink import find_speaker

            await find_speaker(requests[0].devices)


def _check_prices(request: Request, model: str) -> None:
    needed = ["text_in", "audio_in", "text_out", "audio_out", *(["image_in"] if request.images else [])]
    prices = request.prices.get(model, Prices())
    if missing := [kind for kind in needed if getattr(prices, kind) is None]:
        raise UsageError(
            f"--max-cost needs all prices of {model}, and {', '.join(missing)} is not known",
            hint="--prices FILE.toml names prices",
        )


class _TicketReporter(Reporter):
    """Tells the rate of starts whether a session was opened."""

    def __init__(self, ticket: RateTicket) -> None:
        self._ticket = ticket

    def connected(self, summary: Summary) -> None:
        self._ticket.opened()

    def finished(self, summary: Summary) -> None:
        if summary.error:
            self._ticket.failed(summary.error)
