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

# Up to so many players are each called at their own time. More are called at whole ticks, many at a time.
FEW = 32

# Length of a tick. To be woken costs a process more than to send a chunk.
TICK_SECONDS = 0.002

# The timer is late when many players are called LATE_SECONDS after their time, and overloaded when it is late for
# PERSISTENT_SECONDS without a break.
LATE_SECONDS, PERSISTENT_SECONDS = 0.008, 0.1

# For DELAYING_SECONDS after an overload, each player is called DELAY_SECONDS late. By then a chunk of 1 KB at real time
# has another one to go with, and to send two together takes two thirds of the time.
DELAY_SECONDS, DELAYING_SECONDS = 0.032, 30.0

Beat = Callable[[], float | None]
"""Does what is due, and returns when to call it next, on the loop's clock; None where that was all."""

Player = tuple[Beat, "asyncio.Future[None]"]


class TimerWheel:
    """One timer of an event loop for many players. It calls their functions, which costs half of waking their tasks.

    Players are kept by the time at which they are called. Where they are many, that is a whole number of ticks, so that
    few times have to be sorted.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._clock, self._call_at, self._future = loop.time, loop.call_at, loop.create_future
        self._players: dict[float, list[Player]] = {}
        self._times: list[float] = []  # a heap
        self._count = 0
        self._timer: asyncio.TimerHandle | None = None
        self._rings_at = inf
        self._delay, self._delay_until = 0.0, -inf
        self._late_since = inf

    async def play(self, at: float, beat: Beat) -> None:
        """Call `beat`, no earlier than `at`, then at each time it returns, until that is None. Raises as it does."""
        over = self._future()
        self._count += 1
        try:
            self._expect((beat, over), at, self._clock())
            self._wind()
            await over
        finally:
            self._count -= 1

    def _expect(self, player: Player, at: float, now: float) -> None:
        if self._count <= FEW:
            called_at = max(at, now)
        else:
            called_at = ceil(max(at + self._delay, now) / TICK_SECONDS) * TICK_SECONDS
        together = self._players.get(called_at)
        if together is None:
            self._players[called_at] = [player]
            heappush(self._times, called_at)
        else:
            together.append(player)

    def _wind(self) -> None:
        if self._times and self._times[0] < self._rings_at:
            if self._timer is not None:
                self._timer.cancel()
            self._rings_at = self._times[0]
            self._timer = self._call_at(self._rings_at, self._ring)

    def _ring(self) -> None:
        now = self._clock()
        late = now > self._rings_at + LATE_SECONDS and self._count > FEW
        self._late_since = min(self._late_since, now) if late else inf
        if now - self._late_since > PERSISTENT_SECONDS:
            self._delay_until = now + DELAYING_SECONDS
        self._delay = DELAY_SECONDS if now < self._delay_until else 0.0
        self._rings_at, self._timer = inf, None
        due: list[Player] = []
        while self._times and self._times[0] <= now:
            due += self._players.pop(heappop(self._times))
        for player in due:
            beat, over = player
            if over.done():  # its task was cancelled
                continue
            try:
                at = beat()
            except Exception as error:  # noqa: BLE001 - `play` raises it
                over.set_exception(error)
                continue
            if at is None:
                over.set_result(None)
            else:
                self._expect(player, at, now)
        self._wind()


_OF: WeakKeyDictionary[asyncio.AbstractEventLoop, ReferenceType[TimerWheel]] = WeakKeyDictionary()
"""The wheel of each loop. Weak both ways: a wheel refers to its loop, and would keep it alive from here."""


def timer_wheel() -> TimerWheel:
    """The wheel of the running loop, which lasts as long as it is used."""
    loop = asyncio.get_running_loop()
    reference = _OF.get(loop)
    found = reference() if reference is not None else None
    if found is None:
        found = TimerWheel(loop)
        _OF[loop] = ref(found)
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
