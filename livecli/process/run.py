"""Runner of a command's coroutine: signals cancel it in order, and no blocked thread delays the exit."""

from __future__ import annotations

import asyncio
import signal
import sys
import threading
from collections.abc import Callable, Coroutine
from contextlib import suppress
from functools import partial
from types import FrameType
from typing import Any, TypeVar

from ..errors import Interrupted

T = TypeVar("T")

if sys.platform == "win32":
    from asyncio import ProactorEventLoop as _SystemLoop
else:
    from asyncio import SelectorEventLoop as _SystemLoop


MAX_THREADS = 128
"""Blocking calls that run at once, four times asyncio's limit; further calls wait. Each silent pipe takes one."""
MAX_INTERRUPTS = 8
"""Attempts to end the tasks that a second Ctrl-C has left. Fewer tasks than that wait for one another."""


class _DaemonThreadPool:
    """Daemon threads that run blocking calls in order. A thread is started only when no thread is idle."""

    def __init__(self) -> None:
        from queue import SimpleQueue

        self._calls: SimpleQueue[Callable[[], Callable[[], None]] | None] = SimpleQueue()
        self._lock = threading.Lock()
        self._started = 0
        # Idle threads less queued calls: negative where more calls wait than threads are idle.
        self._idle = 0

    def run(self, call: Callable[[], Callable[[], None]]) -> None:
        """Run `call` in one of the threads, and then the function that it returns. Neither may raise.

        `call` returns a function that delivers its result. The thread counts as idle before that function runs.
        """
        self._calls.put(call)
        with self._lock:
            self._idle -= 1
            is_needed = self._idle < 0 and self._started < MAX_THREADS
            if is_needed:
                self._started += 1
                self._idle += 1
        if is_needed:
            threading.Thread(target=self._work, name="blocking call", daemon=True).start()

    def close(self) -> None:
        """End the idle threads, and each of the others when its call returns, if it ever does."""
        for _ in range(self._started):
            self._calls.put(None)

    def _work(self) -> None:
        while (call := self._calls.get()) is not None:
            deliver = call()
            with self._lock:
                self._idle += 1
            deliver()
            # The objects that they refer to must not stay alive until the next call.
            del call, deliver


class _EventLoop(_SystemLoop):
    """The system's event loop, with blocking calls (name lookups, token refreshes, pipe reads) in daemon threads.

    The threads of the default executor are joined at exit: a lookup that hangs for a minute would delay the end of a
    run whose timeout is ten seconds.
    """

    def __init__(self) -> None:
        super().__init__()
        self._threads = _DaemonThreadPool()

    def close(self) -> None:
        self._end_tasks()
        super().close()
        self._threads.close()

    def _end_tasks(self) -> None:
        """End the tasks that a second Ctrl-C has left, before the interpreter shuts down.

        The KeyboardInterrupt leaves the loop once for each task that waits for the task in which it was raised.
        """
        for _ in range(MAX_INTERRUPTS):
            tasks = asyncio.all_tasks(self)
            if self.is_closed() or not tasks:
                return
            for task in tasks:
                task.cancel()
            with suppress(KeyboardInterrupt):
                self.run_until_complete(asyncio.wait(tasks))
            for task in tasks:
                if task.done() and not task.cancelled():
                    # Retrieving the KeyboardInterrupt keeps asyncio from logging it.
                    task.exception()

    def run_in_executor(  # type: ignore[override]
        self, executor: Any, func: Callable[..., Any], *args: Any
    ) -> asyncio.Future[Any]:
        future = self.create_future()

        def set_outcome(result: Any, error: BaseException | None) -> None:
            if future.cancelled():
                return
            if error is None:
                future.set_result(result)
            else:
                future.set_exception(error)

        def deliver(result: Any, error: BaseException | None) -> None:
            # A RuntimeError says that the loop has closed, so that the future is not awaited any more.
            with suppress(RuntimeError):
                self.call_soon_threadsafe(set_outcome, result, error)

        def work() -> Callable[[], None]:
            try:
                return partial(deliver, func(*args), None)
            except BaseException as error:  # noqa: BLE001 - it is raised where the future is awaited
                return partial(deliver, None, error)

        self._threads.run(work)
        return future


def run(main: Coroutine[Any, Any, T], *, handles_signals: bool = True) -> T:
    """Run `main` to its end.

    With `handles_signals`, Ctrl-C, SIGTERM and SIGHUP cancel it, so that it can close its socket and keep its files;
    Interrupted is raised then, with the exit status for the signal. A second signal does not wait: Ctrl-C raises
    KeyboardInterrupt, and the others end the process, even while a call blocks the event loop.
    """
    with asyncio.Runner(loop_factory=_EventLoop) as runner:
        try:
            return runner.run(_cancelled_by_signals(main) if handles_signals else main)
        except asyncio.CancelledError as cancelled:
            raise interrupted_error(cancelled) from None


def interrupted_error(cancelled: asyncio.CancelledError) -> Interrupted:
    """The error for a cancelled run, with the exit status of the signal for which `run` cancelled it."""
    match cancelled.args:
        case [signal.Signals() as signum, *_] if signum is not signal.SIGINT:
            return Interrupted("terminated", exit_status=128 + signum)
    return Interrupted()


async def _cancelled_by_signals(main: Coroutine[Any, Any, T]) -> T:
    """Await `main`, which signals cancel."""
    loop, task = asyncio.get_running_loop(), asyncio.current_task()
    assert task is not None
    signals = [signal.SIGINT, signal.SIGTERM]
    # Under nohup SIGHUP is ignored, and stays so.
    if sys.platform != "win32" and signal.getsignal(signal.SIGHUP) is signal.SIG_DFL:
        signals.append(signal.SIGHUP)

    def stop(signum: signal.Signals) -> None:
        for number in signals:
            loop.remove_signal_handler(number)
        task.cancel(signum)

    def restore(signum: int, frame: FrameType | None) -> None:
        # This runs at once, `stop` only when no call blocks the loop: the next signal must have its usual effect.
        for number in signals:
            signal.signal(number, signal.default_int_handler if number == signal.SIGINT else signal.SIG_DFL)

    # Windows' loop has no signal handlers, and only the main thread may set them. There the Runner handles Ctrl-C.
    with suppress(NotImplementedError, RuntimeError, ValueError):
        for number in signals:
            loop.add_signal_handler(number, stop, number)
            # The loop still wakes up and calls `stop`: it learns of signals from a file descriptor.
            signal.signal(number, restore)
    return await main
