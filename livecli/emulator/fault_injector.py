"""The faults of one connection, as they happen: what `faults` describes is done to the socket here."""

from __future__ import annotations

import asyncio
import contextlib
from collections import Counter
from collections.abc import Iterable

from ..protocol import events
from ..protocol.close_reasons import DEADLINE_EXPIRED, Refusal
from ..protocol.machine import LiveProtocol
from .core.response import Message
from .faults import Fault, Faults, Place
from .log import Log
from .websocket import EmulatorConnection

GARBAGE = b'{"serverContent": {"modelTurn": {"parts": ['
RESET_FAILED = "The connection cannot be reset."
"""The reason of the close instead, where the library has changed: see EmulatorConnection."""


class FaultInjector:
    """Counts what passes, and does what is to go wrong at that moment. Without faults it does nothing at all.

    `heard` and `before` raise Refusal where a fault closes the session.
    """

    def __init__(self, faults: Faults, socket: EmulatorConnection, protocol: LiveProtocol, log: Log) -> None:
        self._faults = faults
        self._socket = socket
        self._protocol = protocol
        self._log = log
        self._counts: Counter[Place] = Counter()
        self._still_until = 0.0
        self._bytes_per_second: float | None = None
        self._cutting = False
        self._tasks: asyncio.TaskGroup | None = None

    def begin(self, tasks: asyncio.TaskGroup) -> None:
        """The connection is open: from now on time counts."""
        self._tasks = tasks
        for fault in self._faults.timed:
            tasks.create_task(self._later(fault))
        for fault in self._faults.at("connect"):
            if fault.kind == "close":  # the others have happened on the upgrade
                tasks.create_task(self._happen(fault))

    async def heard(self, said: Iterable[events.Event]) -> None:
        """The client has said this."""
        if not self._faults:
            return
        for event in said:
            if isinstance(event.media if isinstance(event, events.MediaChunks) else event, events.AudioChunk):
                await self._reach("audio")
            elif isinstance(event, events.Setup):
                await self._reach("setup")
        await self._keep_still()

    async def before(self, message: Message) -> bool:
        """This is about to be said: whether it still is to be."""
        if not self._faults:
            return True
        if any(event.of_session for event in message):
            await self._keep_still()
            return True
        ends = any(isinstance(event, events.TurnComplete) for event in message)
        if any(isinstance(event, events.AudioChunk) for event in message):
            await self._reach("reply")
        if ends:
            await self._reach("turn")
        await self._keep_still()
        cut, self._cutting = self._cutting, self._cutting and not ends
        return not cut

    async def after(self, frame: bytes) -> None:
        """This was said."""
        if self._bytes_per_second:
            await asyncio.sleep(len(frame) / self._bytes_per_second)

    async def _reach(self, place: Place) -> None:
        self._counts[place] += 1
        for fault in self._faults.at(place, self._counts[place]):
            await self._happen(fault)
            await self._keep_still()  # before what else goes wrong at this moment

    async def _later(self, fault: Fault) -> None:
        await asyncio.sleep(fault.at)
        await self._happen(fault)

    async def _happen(self, fault: Fault) -> None:
        self._log(f"fault: {fault.kind} at {fault.place}")
        match fault.kind:
            case "close":
                raise Refusal(int(fault.amount), fault.reason)
            case "drop":
                if not self._socket.reset():
                    raise Refusal(1011, RESET_FAILED)
            case "stall":
                self._still_until = asyncio.get_running_loop().time() + fault.amount
            case "goaway":
                await self._go_away(fault.amount)
            case "garbage":
                await self._socket.send(GARBAGE)
            case "slow":
                self._bytes_per_second = fault.amount
            case "truncate":
                self._cutting = True

    async def _go_away(self, seconds: float) -> None:
        await self._socket.send(self._protocol.send(events.GoAway(seconds)))
        assert self._tasks is not None, "a session has begun before anything is said in it"
        self._tasks.create_task(_refuse_after(seconds))

    async def _keep_still(self) -> None:
        await _stall(self._socket, self._still_until - asyncio.get_running_loop().time())


async def _refuse_after(seconds: float) -> None:
    await asyncio.sleep(seconds)
    raise Refusal(1011, DEADLINE_EXPIRED)


async def at_upgrade(faults: Faults, connection: EmulatorConnection, log: Log) -> int | None:
    """What goes wrong at the upgrade goes wrong now: the HTTP status to answer with instead, if there is one."""
    for fault in faults.at("connect"):
        if fault.kind != "close":  # that is for the session that follows
            log(f"fault: {fault.kind} at {fault.place}")
        match fault.kind:
            case "stall":
                await _stall(connection, fault.amount)
            case "drop":
                if not connection.reset():
                    return 500
                await connection.wait_closed()
            case "http":
                return int(fault.amount)
    return None


async def _stall(connection: EmulatorConnection, seconds: float) -> None:
    """Whoever is seen to have gone is not waited for."""
    if seconds > 0:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await connection.wait_closed()
