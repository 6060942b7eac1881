"""The injection of faults into one connection: does to the socket what `faults` describes."""

from __future__ import annotations

import asyncio
import contextlib
from collections import Counter
from collections.abc import Coroutine, Iterable

from ..protocol import events
from ..protocol.close_reasons import DEADLINE_EXPIRED, OPERATION_ABORTED, Refusal
from ..protocol.machine import LiveProtocol
from .core.response import Message
from .faults import NO_FAULTS, AnyPlace, Fault, Faults
from .log import Log
from .websocket import EmulatorConnection

GARBAGE = b'{"serverContent": {"modelTurn": {"parts": ['
EMPTY_TURN_USAGE = {
    "promptTokenCount": 511,
    "totalTokenCount": 511,
    "promptTokensDetails": [{"modality": "TEXT", "tokenCount": 510}, {"modality": "AUDIO", "tokenCount": 1}],
}
"""The usage of an empty turn, as recorded where a pause in the question ended one: there is no response in it."""
RESET_FAILED = "The connection cannot be reset."
"""The reason of the close that replaces a reset where websockets has changed: see EmulatorConnection."""


class FaultInjector:
    """Counts the messages of a connection, and injects the faults that are due at them.

    `received` and `before` raise Refusal where a fault closes the session.
    """

    def __init__(self, faults: Faults, socket: EmulatorConnection, protocol: LiveProtocol, log: Log) -> None:
        self._faults = faults
        # The faults of the scripted turn that is being answered, and the counts of its answer.
        self._answer_faults, self._answer_counts = NO_FAULTS, Counter[AnyPlace]()
        self._is_active = bool(faults)
        self._socket = socket
        self._protocol = protocol
        self._log = log
        self._counts: Counter[AnyPlace] = Counter()
        self._stalled_until = 0.0
        self._bytes_per_second: float | None = None
        self._truncating = False
        self._muting = False
        self._interrupting = False
        self._is_answering = self._splits_next = False
        self._resumed = self._has_stale_turn = False
        self._active_at = 0.0
        self._tasks: asyncio.TaskGroup | None = None

    def begin(self, tasks: asyncio.TaskGroup) -> None:
        """Start the faults that are due at the beginning of the session, or after a time."""
        self._tasks = tasks
        for fault in self._faults.timed:
            tasks.create_task(self._later(fault))
        for fault in self._faults.at("connect"):
            if fault.kind == "close":  # the other kinds happened at the upgrade
                tasks.create_task(self._inject(fault))

    def begin_answer(self, faults: Faults) -> None:
        """Begin an answer with these faults of its own, which are counted within it."""
        self._answer_faults, self._answer_counts = faults.on_connection(self._socket.number), Counter()
        self._is_active = self._is_active or bool(faults)

    async def received(self, message: Iterable[events.Event]) -> None:
        """Inject the faults that are due after this message of the client."""
        if not self._is_active:
            return
        for event in message:
            if isinstance(event.media if isinstance(event, events.MediaChunks) else event, events.AudioChunk):
                if self._splits_next and not self._is_answering:
                    await self._split_question()
                await self._reach("audio")
                continue
            self._active_at = asyncio.get_running_loop().time()
            if isinstance(event, events.Setup):
                resumption = event.body.session_resumption
                self._resumed = resumption is not None and bool(resumption.handle)
                await self._reach("setup")
            elif self._has_stale_turn:
                self._has_stale_turn = False
                await self._end_empty_turn()
        await self._stall()

    async def before(self, message: Message) -> Message | None:
        """Inject the faults that are due before this message is sent. Returns what to send of it, None for nothing."""
        if not self._is_active:
            return message
        if any(event.of_session for event in message):
            await self._stall()
            return message
        self._active_at = asyncio.get_running_loop().time()
        self._has_stale_turn = False
        await self._reach("answer")
        ends = any(isinstance(event, events.TurnComplete) for event in message)
        if any(isinstance(event, events.AudioChunk) for event in message):
            await self._reach("reply")
        if ends or any(isinstance(event, events.Interrupted) for event in message):
            self._is_answering = False
        elif any(event.begins_answer for event in message):
            self._is_answering = True
        if ends:
            await self._reach("turn")
        await self._stall()
        truncating, muting = self._truncating, self._muting
        if ends:
            self._truncating = self._muting = False
        if truncating:
            return None
        if not muting:
            return message
        # A frame that had nothing but audio is not sent at all.
        return [event for event in message if not isinstance(event, events.AudioChunk)] or (
            None if message else message
        )

    async def after(self, frame: bytes) -> None:
        """Send the `interrupted` that a fault put behind this frame, and wait as long as the bandwidth demands."""
        if self._interrupting:
            self._interrupting = False
            await self._socket.send(self._protocol.send(events.Interrupted()))
        if self._bytes_per_second:
            await asyncio.sleep(len(frame) / self._bytes_per_second)

    async def _reach(self, place: AnyPlace) -> None:
        self._counts[place] += 1
        self._answer_counts[place] += 1
        of_answer = self._answer_faults.at(place, self._answer_counts[place])
        for fault in [*self._faults.at(place, self._counts[place]), *of_answer]:
            await self._inject(fault)
            await self._stall()  # a stall also delays the faults after it

    async def _later(self, fault: Fault) -> None:
        await asyncio.sleep(fault.at)
        await self._inject(fault)

    async def _inject(self, fault: Fault) -> None:
        self._log(f"fault: {fault.kind} at {fault.place}")
        match fault.kind:
            case "close":
                raise Refusal(int(fault.amount), fault.reason)
            case "drop":
                if not self._socket.reset():
                    raise Refusal(1011, RESET_FAILED)
            case "stall":
                self._stalled_until = asyncio.get_running_loop().time() + fault.amount
            case "goaway":
                await self._go_away(fault.amount)
            case "garbage":
                await self._socket.send(GARBAGE)
            case "slow":
                self._bytes_per_second = fault.amount
            case "truncate":
                self._truncating = True
            case "no-audio":
                self._muting = True
            case "phantom-interrupt" if fault.place == "turn":
                self._interrupting = True
            case "phantom-interrupt":
                await self._socket.send(self._protocol.send(events.Interrupted()))
            case "vad-split" if self._is_answering:
                self._splits_next = True
            case "vad-split":
                await self._split_question()
            case "stale-turn" if fault.place == "setup":
                self._has_stale_turn = self._resumed
            case "stale-turn":
                await self._end_empty_turn()
            case "idle-close":
                self._start(self._close_when_idle(fault.amount))

    async def _split_question(self) -> None:
        self._splits_next = False
        await self._socket.send(self._protocol.send(events.Interrupted()))
        await self._end_empty_turn()

    async def _end_empty_turn(self) -> None:
        await self._socket.send(self._protocol.send(events.TurnComplete(), events.Usage(EMPTY_TURN_USAGE)))

    async def _close_when_idle(self, seconds: float) -> None:
        """Close the session once neither side has sent anything but the user's audio for this long."""
        clock = asyncio.get_running_loop().time
        self._active_at = clock()
        while True:
            rest = self._active_at + seconds - clock()
            if rest <= 0:
                raise Refusal(1008, OPERATION_ABORTED)
            await asyncio.sleep(rest)

    def _start(self, task: Coroutine[None, None, None]) -> None:
        assert self._tasks is not None, "`begin` was called"
        self._tasks.create_task(task)

    async def _go_away(self, seconds: float) -> None:
        await self._socket.send(self._protocol.send(events.GoAway(seconds)))
        self._start(_refuse_after(seconds))

    async def _stall(self) -> None:
        await _stall(self._socket, self._stalled_until - asyncio.get_running_loop().time())


async def _refuse_after(seconds: float) -> None:
    await asyncio.sleep(seconds)
    raise Refusal(1011, DEADLINE_EXPIRED)


async def at_upgrade(faults: Faults, connection: EmulatorConnection, log: Log) -> int | None:
    """Inject the faults that are due at the upgrade. Returns the HTTP status of the response, None for the upgrade."""
    for fault in faults.at("connect"):
        if fault.kind != "close":  # a close happens in the session after the upgrade
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
    """Wait, but no longer than the connection is open."""
    if seconds > 0:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await connection.wait_closed()
