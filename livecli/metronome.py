"""One timer for everybody who does something at its moment, however many they are.

The loop keeps its timers in a heap that compares them in Python, and makes two handles for each: for a thousand
sessions that sleep thirty times a second that is a third of what they do.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from heapq import heappop, heappush
from itertools import count
from math import inf
from weakref import WeakKeyDictionary

FEW = 32
"""Players that are called at their moment each. More wait for one another:"""
TICK_SECONDS = 0.002
"""as long at the most. To be woken costs a process more than to send a chunk, and here it is woken once for many."""


Beat = Callable[[], float | None]
"""Does what is due, and says on the loop's clock when it is to be called next: None where that was all."""


class Metronome:
    """Of one loop. It calls whoever plays: to wake a task for that would cost as much again."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._clock, self._call_at, self._future = loop.time, loop.call_at, loop.create_future
        self._players: list[tuple[float, int, Beat, asyncio.Future[None]]] = []
        self._numbers = count()  # no two are equal: beats cannot be compared
        self._timer: asyncio.TimerHandle | None = None
        self._rings_at = inf
        self._rang_at = -inf

    async def play(self, at: float, beat: Beat) -> None:
        """Call `beat`, no earlier than `at`, then at each moment it says, until it says None. Raises as it does."""
        over = self._future()
        heappush(self._players, (at, next(self._numbers), beat, over))
        if at < self._rings_at:
            self._wind(at)
        await over

    def _wind(self, at: float) -> None:
        if len(self._players) > FEW:
            at = max(at, self._rang_at + TICK_SECONDS)
            if at >= self._rings_at:
                return
        if self._timer is not None:
            self._timer.cancel()
        self._rings_at, self._timer = at, self._call_at(at, self._ring)

    def _ring(self) -> None:
        self._rings_at, self._timer = inf, None
        players, self._rang_at = self._players, self._clock()
        due = []
        while players and players[0][0] <= self._rang_at:
            due.append(heappop(players))
        for _, number, beat, over in due:
            if over.done():  # whoever played was cancelled
                continue
            try:
                at = beat()
            except Exception as error:  # noqa: BLE001 - it is whoever plays who hears of it
                over.set_exception(error)
                continue
            if at is None:
                over.set_result(None)
            else:
                heappush(players, (at, number, beat, over))
        if players:
            self._wind(players[0][0])


_OF: WeakKeyDictionary[asyncio.AbstractEventLoop, Metronome] = WeakKeyDictionary()


def metronome() -> Metronome:
    """The one of the running loop."""
    loop = asyncio.get_running_loop()
    found = _OF.get(loop)
    if found is None:
        found = _OF[loop] = Metronome(loop)
    return found
