"""Pacing: when each chunk of audio is due, and one timer for all sessions that send.

The event loop keeps its timers in a heap that compares them in Python, and makes two handles for each. For a thousand
sessions that sleep thirty times a second that is a third of their work.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from heapq import heappop, heappush
from math import ceil, inf
from weakref import ReferenceType, WeakKeyDictionary, ref

# Up to so many callbacks are each called at their own time. More are called at whole ticks, many at a time.
FEW_CALLBACKS = 32

# Length of a tick. To be woken costs a process more than to send a chunk.
TICK_SECONDS = 0.002

# The timer is late when many callbacks are called LATE_SECONDS after their time, and overloaded when it is late for
# PERSISTENT_SECONDS without a break.
LATE_SECONDS, PERSISTENT_SECONDS = 0.008, 0.1

# For DELAYING_SECONDS after an overload, each callback is called DELAY_SECONDS late. By then a second chunk of 1 KB at
# real time is due, and to send two together takes two thirds of the time.
DELAY_SECONDS, DELAYING_SECONDS = 0.032, 30.0

Callback = Callable[[], float | None]
"""Does what is due, and returns when to call it next, on the loop's clock; None where that was all."""

Entry = tuple[Callback, "asyncio.Future[None]"]
"""A callback, and the future that is done when it is called no more."""


class TimerWheel:
    """One timer of an event loop for many callbacks. It calls them itself, which costs half of waking a task for each.

    Entries are kept by the time at which they are called. Where they are many, that is a whole number of ticks, so that
    few times have to be sorted.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._clock, self._call_at, self._future = loop.time, loop.call_at, loop.create_future
        self._entries: dict[float, list[Entry]] = {}
        self._times: list[float] = []  # a heap
        self._count = 0
        self._timer: asyncio.TimerHandle | None = None
        self._timer_at = inf
        self._delay, self._delay_until = 0.0, -inf
        self._late_since = inf

    async def call_repeatedly(self, at: float, callback: Callback) -> None:
        """Call `callback` at `at` or later, then at each time it returns, until that is None. Raises as it does."""
        over = self._future()
        self._count += 1
        try:
            self._schedule((callback, over), at, self._clock())
            self._set_timer()
            await over
        finally:
            self._count -= 1

    def _schedule(self, entry: Entry, at: float, now: float) -> None:
        if self._count <= FEW_CALLBACKS:
            called_at = max(at, now)
        else:
            called_at = ceil(max(at + self._delay, now) / TICK_SECONDS) * TICK_SECONDS
        together = self._entries.get(called_at)
        if together is None:
            self._entries[called_at] = [entry]
            heappush(self._times, called_at)
        else:
            together.append(entry)

    def _set_timer(self) -> None:
        if self._times and self._times[0] < self._timer_at:
            if self._timer is not None:
                self._timer.cancel()
            self._timer_at = self._times[0]
            self._timer = self._call_at(self._timer_at, self._on_timer)

    def _on_timer(self) -> None:
        now = self._clock()
        late = now > self._timer_at + LATE_SECONDS and self._count > FEW_CALLBACKS
        self._late_since = min(self._late_since, now) if late else inf
        if now - self._late_since > PERSISTENT_SECONDS:
            self._delay_until = now + DELAYING_SECONDS
        self._delay = DELAY_SECONDS if now < self._delay_until else 0.0
        self._timer_at, self._timer = inf, None
        due: list[Entry] = []
        while self._times and self._times[0] <= now:
            due += self._entries.pop(heappop(self._times))
        for entry in due:
            callback, over = entry
            if over.done():  # its task was cancelled
                continue
            try:
                at = callback()
            except Exception as error:  # noqa: BLE001 - `call_repeatedly` raises it
                over.set_exception(error)
                continue
            if at is None:
                over.set_result(None)
            else:
                self._schedule(entry, at, now)
        self._set_timer()


_WHEELS: WeakKeyDictionary[asyncio.AbstractEventLoop, ReferenceType[TimerWheel]] = WeakKeyDictionary()
"""The wheel of each loop. Weak both ways: a wheel refers to its loop, and would keep it alive from here."""


def timer_wheel() -> TimerWheel:
    """The wheel of the running loop, which lasts as long as it is used."""
    loop = asyncio.get_running_loop()
    reference = _WHEELS.get(loop)
    found = reference() if reference is not None else None
    if found is None:
        found = TimerWheel(loop)
        _WHEELS[loop] = ref(found)
    return found


class Pacer:
    """Gives chunks in order, each no earlier than its time, which counts from the first: delays do not add up.

    `at` is the time of the next one, on the caller's clock: -inf where everything is due at once (`bytes_per_second` of
    0) or none was given yet, None where none is left. `most` is how many `due` gives at once.
    """

    __slots__ = ("_bytes_per_second", "_chunks", "_most", "_next", "_passed", "_started", "at")

    def __init__(self, bytes_per_second: float, most: int) -> None:
        self.at: float | None = None
        self._bytes_per_second, self._most = bytes_per_second, most
        self._started: float | None = None
        self._passed = 0
        self._chunks: list[bytes] = []
        self._next = 0

    def load(self, chunks: list[bytes]) -> None:
        """Add chunks, all of one size but for the last, once those before are gone."""
        self._chunks, self._next = chunks, 0
        self._set()

    def due(self, now: float) -> list[bytes]:
        """The chunks that are due: one, or several where the call is late. To be called no earlier than `at`."""
        first, due = self._chunks[self._next], self._most
        if self._bytes_per_second:
            if self._started is None:
                self._started = now
            overdue = (now - self._started) * self._bytes_per_second - self._passed
            # The rate may be infinite.
            due = int(min(due, 1 + overdue / len(first))) if overdue > 0 else 1
        taken = [first] if due == 1 else self._chunks[self._next : self._next + due]
        self._next += len(taken)
        self._passed += len(first) if due == 1 else sum(map(len, taken))
        self._set()
        return taken

    def _set(self) -> None:
        if self._next == len(self._chunks):
            self.at = None
        elif self._started is None:
            self.at = -inf
        else:
            self.at = self._started + self._passed / self._bytes_per_second
