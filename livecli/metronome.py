"""One timer for everybody who waits for a moment, however many they are.

The loop keeps its timers in a heap that compares them in Python, and makes two handles for each: for a thousand
sessions that sleep thirty times a second that is a third of what they do.
"""

from __future__ import annotations

import asyncio
from heapq import heappop, heappush
from itertools import count
from math import inf
from weakref import WeakKeyDictionary

FEW = 32
"""Sleepers that are woken at their moment each. More wait for one another:"""
TICK_SECONDS = 0.002
"""as long at the most. To be woken costs a process more than to send a chunk, and here it is woken once for many."""


class Metronome:
    """Of one loop. `sleep` ends no earlier than its moment, and those whose moment has come wake together."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._clock, self._call_at, self._future = loop.time, loop.call_at, loop.create_future
        self._sleepers: list[tuple[float, int, asyncio.Future[None]]] = []
        self._numbers = count()  # no two are equal: futures cannot be compared
        self._timer: asyncio.TimerHandle | None = None
        self._rings_at = inf
        self._rang_at = -inf

    async def sleep(self, seconds: float) -> None:
        """No less than `seconds`."""
        at = self._clock() + seconds
        woken = self._future()
        heappush(self._sleepers, (at, next(self._numbers), woken))
        if at < self._rings_at:
            self._wind(at)
        await woken

    def _wind(self, at: float) -> None:
        if len(self._sleepers) > FEW:
            at = max(at, self._rang_at + TICK_SECONDS)
            if at >= self._rings_at:
                return
        if self._timer is not None:
            self._timer.cancel()
        self._rings_at, self._timer = at, self._call_at(at, self._ring)

    def _ring(self) -> None:
        self._rings_at, self._timer = inf, None
        sleepers, now = self._sleepers, self._clock()
        self._rang_at = now
        while sleepers and (sleepers[0][0] <= now or sleepers[0][2].done()):  # done: whoever slept was cancelled
            woken = heappop(sleepers)[2]
            if not woken.done():
                woken.set_result(None)
        if sleepers:
            self._wind(sleepers[0][0])


_OF: WeakKeyDictionary[asyncio.AbstractEventLoop, Metronome] = WeakKeyDictionary()


def metronome() -> Metronome:
    """The one of the running loop."""
    loop = asyncio.get_running_loop()
    found = _OF.get(loop)
    if found is None:
        found = _OF[loop] = Metronome(loop)
    return found
