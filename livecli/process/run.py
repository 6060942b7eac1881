"""Running a coroutine from a command: signals become an orderly end, and no blocked thread holds up the exit."""

from __future__ import annotations

import asyncio
import signal
import sys
import threading
from collections.abc import Callable, Coroutine
from contextlib import suppress
from typing import Any, TypeVar

from ..errors import Interrupted

T = TypeVar("T")

if sys.platform == "win32":
    from asyncio import ProactorEventLoop as _SystemLoop
else:
    from asyncio import SelectorEventLoop as _SystemLoop


class _Loop(_SystemLoop):
    """Runs what blocks (name lookups, token refreshes, reads of a pipe) in daemon threads.

    The default executor's threads are joined at exit: a lookup that hangs for a minute would hold a timeout of ten
    seconds up for as long.
    """

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

        def work() -> None:
            result, error = None, None
            try:
                result = func(*args)
            except BaseException as caught:  # noqa: BLE001 - it is raised where the future is awaited
                error = caught
            with suppress(RuntimeError):  # the loop has closed: nobody waits any more
                self.call_soon_threadsafe(settle, result, error)

        threading.Thread(target=work, name=getattr(func, "__name__", "blocking call"), daemon=True).start()
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
            raise interruption(cancelled) from None


def interruption(cancelled: asyncio.CancelledError) -> Interrupted:
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
