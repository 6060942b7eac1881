"""One timer for everybody who does something at its moment, however many they are.

The loop keeps its timers in a heap that compares them in Python, and makes two handles for each: for a thousand
sessions that sleep thirty times a second that is a third of what they do.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from heapq import heappop, heappush
from math import ceil, inf
from weakref import ReferenceType, WeakKeyDictionary, ref

FEW = 32
"""Players that are called at their moment each. More wait for one another:"""
TICK_SECONDS = 0.002
"""as long at the most. To be woken costs a process more than to send a chunk, and here it is woken once for many."""
LATE_SECONDS, PERSISTENT_SECONDS = 0.008, 0.1
"""A crowd that is called so late, again and again for so long, is more than there is time for; once is a hitch. Then it
does with half the calls, for a while:"""
PATIENCE_SECONDS, PATIENT_SECONDS = 0.032, 30.0
"""everybody is called so long after its moment, when a chunk of 1 KB at real time has another one to go with. What two
of them take together is two thirds of what they take one by one.
"""
Beat = Callable[[], float | None]
"""Does what is due, and says on the loop's clock when it is to be called next: None where that was all."""
Player = tuple[Beat, "asyncio.Future[None]"]


class TimerWheel:
    """Of one loop. It calls whoever plays: to wake a task for that would cost as much again.

    Players are kept by the moment at which they are called; in a crowd that is a whole number of ticks, of which there
    are few, so that nothing has to be sorted.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._clock, self._call_at, self._future = loop.time, loop.call_at, loop.create_future
        self._players: dict[float, list[Player]] = {}
        self._moments: list[float] = []  # a heap
        self._count = 0
        self._timer: asyncio.TimerHandle | None = None
        self._rings_at = inf
        self._patience, self._patient_until = 0.0, -inf
        self._late_since = inf

    async def play(self, at: float, beat: Beat) -> None:
        """Call `beat`, no earlier than `at`, then at each moment it says, until it says None. Raises as it does."""
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
            moment = max(at, now)
        else:
            moment = ceil(max(at + self._patience, now) / TICK_SECONDS) * TICK_SECONDS
        together = self._players.get(moment)
        if together is None:
            self._players[moment] = [player]
            heappush(self._moments, moment)
        else:
            together.append(player)

    def _wind(self) -> None:
        if self._moments and self._moments[0] < self._rings_at:
            if self._timer is not None:
                self._timer.cancel()
            self._rings_at = self._moments[0]
            self._timer = self._call_at(self._rings_at, self._ring)

    def _ring(self) -> None:
        now = self._clock()
        late = now > self._rings_at + LATE_SECONDS and self._count > FEW
        self._late_since = min(self._late_since, now) if late else inf
        if now - self._late_since > PERSISTENT_SECONDS:
            self._patient_until = now + PATIENT_SECONDS
        self._patience = PATIENCE_SECONDS if now < self._patient_until else 0.0
        self._rings_at, self._timer = inf, None
        due: list[Player] = []
        while self._moments and self._moments[0] <= now:
            due += self._players.pop(heappop(self._moments))
        for player in due:
            beat, over = player
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
                self._expect(player, at, now)
        self._wind()


_OF: WeakKeyDictionary[asyncio.AbstractEventLoop, ReferenceType[TimerWheel]] = WeakKeyDictionary()
"""Weak both ways: a metronome refers to its loop, and would keep that for ever if it were kept here."""


def timer_wheel() -> TimerWheel:
    """The one of the running loop, for as long as it is used."""
    loop = asyncio.get_running_loop()
    reference = _OF.get(loop)
    found = reference() if reference is not None else None
    if found is None:
        found = TimerWheel(loop)
        _OF[loop] = ref(found)
    return found


class Pacer:
    """Chunks in order, each no earlier than its deadline, counted from the first: lateness does not add up.

    `at` is the deadline of the next, on the caller's clock: the distant past where everything is due at once
    (`bytes_per_second` of 0) or nothing has been yet, None where there is nothing left.
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
        """The next ones, all of one size but for the last, once those before are gone."""
        self._chunks, self._next = chunks, 0
        self._set()

    def due(self, now: float) -> list[bytes]:
        """Those that are due, one unless somebody was late, and `most` at the most. It is not asked too early."""
        first, due = self._chunks[self._next], self._most
        if self._bytes_per_second:
            if self._started is None:
                self._started = now
            overdue = (now - self._started) * self._bytes_per_second - self._passed
            due = min(due, 1 + int(overdue / len(first))) if overdue > 0 else 1
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
