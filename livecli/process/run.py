"""Running a coroutine from a command: signals become an orderly end, and no blocked thread holds up the exit."""

from __future__ import annotations

import asyncio
import signal
import sys
import threading
from collections.abc import Callable, Coroutine
from contextlib import suppress
from functools import partial
from typing import Any, TypeVar

from ..errors import Interrupted

T = TypeVar("T")

if sys.platform == "win32":
    from asyncio import ProactorEventLoop as _SystemLoop
else:
    from asyncio import SelectorEventLoop as _SystemLoop


MOST_THREADS = 128
"""Calls that block at once; more wait for one of them to return. Where so many inputs are pipes that say nothing, those
beyond wait too: asyncio's own limit is 32."""


MOST_INTERRUPTS = 8
"""How often it is tried to end what a second Ctrl-C has left: there are fewer tasks that wait for one another."""


class _Threads:
    """Daemon threads that run calls in order, each thread one after another, and none more than needed."""

    def __init__(self) -> None:
        from queue import SimpleQueue

        self._calls: SimpleQueue[Callable[[], Callable[[], None]] | None] = SimpleQueue()
        self._lock = threading.Lock()
        self._started = 0
        self._idle = 0  # without the calls that are in the queue: below 0 where there are more of these

    def run(self, call: Callable[[], Callable[[], None]]) -> None:
        """Run `call` in one of the threads, and then what it returns, which tells the result. Neither may raise.

        The thread is free for the next call before the result is told.
        """
        self._calls.put(call)
        with self._lock:
            self._idle -= 1
            is_needed = self._idle < 0 and self._started < MOST_THREADS
            if is_needed:
                self._started += 1
                self._idle += 1
        if is_needed:
            threading.Thread(target=self._work, name="blocking call", daemon=True).start()

    def close(self) -> None:
        """Threads that are idle end; each of the others does when its call returns, if it ever does."""
        for _ in range(self._started):
            self._calls.put(None)

    def _work(self) -> None:
        while (call := self._calls.get()) is not None:
            tell = call()
            with self._lock:
                self._idle += 1
            tell()
            del call, tell  # what they hold


class _Loop(_SystemLoop):
    """Runs what blocks (name lookups, token refreshes, reads of a pipe) in daemon threads.

    The default executor's threads are joined at exit: a lookup that hangs for a minute would hold a timeout of ten
    seconds up for as long.
    """

    def __init__(self) -> None:
        super().__init__()
        self._threads = _Threads()

    def close(self) -> None:
        self._end_tasks()
        super().close()
        self._threads.close()

    def _end_tasks(self) -> None:
        """A second Ctrl-C leaves the loop, and does so again from each task that waits for the one it was raised in.

        What would be left then is ended here, not by the interpreter while it shuts down.
        """
        for _ in range(MOST_INTERRUPTS):
            tasks = asyncio.all_tasks(self)
            if self.is_closed() or not tasks:
                return
            for task in tasks:
                task.cancel()
            with suppress(KeyboardInterrupt):
                self.run_until_complete(asyncio.wait(tasks))
            for task in tasks:
                if task.done() and not task.cancelled():
                    task.exception()  # the KeyboardInterrupt, which need not be told

    def run_in_executor(  # type: ignore[override]
        self, executor: Any, func: Callable[..., Any], *args: Any
    ) -> asyncio.Future[Any]:
        future = self.create_future()

        def settle(result: Any, error: BaseException | None) -> None:
            if future.cancelled():
                return
            if error is None:
                future.set_result(result)
            else:
                future.set_exception(error)

        def tell(result: Any, error: BaseException | None) -> None:
            with suppress(RuntimeError):  # the loop has closed: nobody waits any more
                self.call_soon_threadsafe(settle, result, error)

        def work() -> Callable[[], None]:
            try:
                return partial(tell, func(*args), None)
            except BaseException as error:  # noqa: BLE001 - it is raised where the future is awaited
                return partial(tell, None, error)

        self._threads.run(work)
        return future


def run(main: Coroutine[Any, Any, T]) -> T:
    """Run `main` to its end.

    Ctrl-C, SIGTERM and SIGHUP cancel it, so that it can close its socket and keep its files; Interrupted is raised
    then, with the exit status for the signal. A second Ctrl-C does not wait.
    """
    with asyncio.Runner(loop_factory=_Loop) as runner:
        try:
            return runner.run(_cancelled_by_signals(main))
        except asyncio.CancelledError as cancelled:
            raise interrupted_error(cancelled) from None


def interrupted_error(cancelled: asyncio.CancelledError) -> Interrupted:
    """The error for a cancelled run: the signal's, if `run` cancelled it for one."""
    match cancelled.args:
        case [signal.Signals() as signum, *_] if signum is not signal.SIGINT:
            return Interrupted("terminated", exit_status=128 + signum)
    return Interrupted()


async def _cancelled_by_signals(main: Coroutine[Any, Any, T]) -> T:
    loop, task = asyncio.get_running_loop(), asyncio.current_task()
    assert task is not None
    signals = [signal.SIGINT, signal.SIGTERM]
    if sys.platform != "win32" and signal.getsignal(signal.SIGHUP) is signal.SIG_DFL:  # under nohup it is ignored
        signals.append(signal.SIGHUP)

    def stop(signum: signal.Signals) -> None:
        for number in signals:
            loop.remove_signal_handler(number)
        task.cancel(signum)

    # Windows' loop has no signal handlers, and only the main thread may set them; the Runner's own Ctrl-C stays there.
    with suppress(NotImplementedError, RuntimeError, ValueError):
        for number in signals:
            loop.add_signal_handler(number, stop, number)
    return await main
