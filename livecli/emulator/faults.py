"""Faults that the emulator injects on purpose: the table of their kinds, and the parser of `WHAT@WHEN`. No I/O.

Faults are deterministic: each connection counts its own messages, from 1, and gets the same faults at the same points.
`WHAT@WHEN#N` and `WHAT@WHEN#N-M` name the connections that get it, counted by their upgrade requests, from 1.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Iterable
from typing import Literal

import msgspec

Place = Literal["connect", "setup", "audio", "reply", "turn", "time"]
"""The places of a connection."""

AnyPlace = Place | Literal["answer"]
"""The same, and the beginning of the answer to a scripted turn."""

EVERY_CONNECTION = range(1, sys.maxsize)


class Fault(msgspec.Struct, frozen=True):
    """One fault: `kind` is a key of FAULT_KINDS, and `place` and `at` say when it happens.

    `at` is a count, or seconds since the connection opened where `place` is "time". `amount` is the close code, the
    HTTP status, a number of seconds or of bytes a second; `reason` is the close reason. `connections` are the numbers
    of the connections that get it.
    """

    kind: str
    place: AnyPlace
    at: float = 1
    amount: float = 0
    reason: str = ""
    connections: range = EVERY_CONNECTION


class FaultKind(msgspec.Struct, frozen=True):
    """A row of FAULT_KINDS: how a kind of fault is written and described in the help, and how its argument is read.

    `parse` takes the name of the kind and the text behind its `=`, returns the amount and the reason of the Fault, and
    raises ValueError. `happens` says whether the kind belongs to the upgrade or to the session behind it.
    """

    usage: str
    help: str
    parse: Callable[[str, str], tuple[float, str]]
    happens: Literal["at the upgrade", "in a session", "anywhere"] = "anywhere"


def _close(kind: str, argument: str) -> tuple[float, str]:
    from ..protocol.close_reasons import CLOSE_REASON_BYTES, SENDABLE_CLOSE_CODES

    code, _, reason = argument.partition(":")
    if not code.isdecimal() or int(code) not in SENDABLE_CLOSE_CODES:
        raise ValueError(f"close={argument} needs a close code that can be sent, such as 1011")
    if len(reason.encode()) > CLOSE_REASON_BYTES:
        raise ValueError(f"close={code} has a reason of more than {CLOSE_REASON_BYTES} bytes")
    return int(code), reason


def _status(kind: str, argument: str) -> tuple[float, str]:
    if not re.fullmatch(r"[3-5]\d\d", argument):
        raise ValueError(f"{kind}={argument} needs the status of an error, such as 503")
    return int(argument), ""


def _number(kind: str, argument: str) -> tuple[float, str]:
    if not re.fullmatch(r"\d{1,9}(\.\d{1,6})?", argument):
        raise ValueError(f"{kind}={argument} needs a number, such as {kind}=5")
    return float(argument), ""


def _positive_number(kind: str, argument: str) -> tuple[float, str]:
    amount, reason = _number(kind, argument)
    if amount == 0:
        raise ValueError(f"{kind}={argument} needs a number above zero")
    return amount, reason


def _nothing(kind: str, argument: str) -> tuple[float, str]:
    if argument:
        raise ValueError(f"{kind} takes no argument, and was given {argument!r}")
    return 0, ""


FAULT_KINDS = {
    "close": FaultKind(
        "close=CODE[:REASON]", "close the session with this code (close=1011:Internal error encountered.)", _close
    ),
    "drop": FaultKind("drop", "reset the TCP connection", _nothing),
    "stall": FaultKind("stall=SECONDS", "neither read nor send anything for this time", _number),
    "goaway": FaultKind("goaway=SECONDS", "send goAway, and close after this time", _number, "in a session"),
    "garbage": FaultKind("garbage", "send a message that is not JSON", _nothing, "in a session"),
    "http": FaultKind("http=STATUS", "answer the upgrade with this HTTP status", _status, "at the upgrade"),
    "slow": FaultKind(
        "slow=BYTES", "send at most this many bytes a second from then on", _positive_number, "in a session"
    ),
    "truncate": FaultKind(
        "truncate", "leave out the rest of the answer and its turnComplete", _nothing, "in a session"
    ),
    "no-audio": FaultKind("no-audio", "leave out the rest of the answer's audio", _nothing, "in a session"),
    "phantom-interrupt": FaultKind(
        "phantom-interrupt",
        "send interrupted for no reason (at turn:N: after the turnComplete)",
        _nothing,
        "in a session",
    ),
    "vad-split": FaultKind(
        "vad-split",
        "end an empty, interrupted turn, as for a pause in the question; after an answer that is under way",
        _nothing,
        "in a session",
    ),
    "stale-turn": FaultKind(
        "stale-turn",
        "end an empty turn (at setup: after the first message to a session that is resumed)",
        _nothing,
        "in a session",
    ),
    "idle-close": FaultKind(
        "idle-close=SECONDS", "close with 1008 after this time without a turn", _positive_number, "in a session"
    ),
}
"""Every kind of fault by its name, in the order of the help.

The service has been recorded to answer without audio (gemini-3.1-flash-live-preview, 2026-09), and to end a turn at a
pause in the question (gemini-2.5-flash-native-audio-latest, 2026-09). Users report an `interrupted` for no reason after
a turn (gemini-2.5-flash-native-audio, python-genai#2333), and that sessions without a turn are closed with 1008 after
86 to 198 seconds (through a proxy). By one report a resumed session of gemini-3.8-live ends an empty turn where a call
was lost (pydantic-ai's notes, 2026-10). What each does is in `fault_injector`."""


class Faults:
    """Faults of an emulator or of one of its connections, looked up by the moment at which they happen."""

    def __init__(self, faults: Iterable[Fault] = ()) -> None:
        self._faults = tuple(faults)
        self._by_moment: dict[tuple[AnyPlace, float], list[Fault]] = {}
        self.timed: list[Fault] = []
        for fault in self._faults:
            if fault.place == "time":
                self.timed.append(fault)
            else:
                self._by_moment.setdefault((fault.place, fault.at), []).append(fault)

    def __bool__(self) -> bool:
        return bool(self._faults)

    def on_connection(self, number: int) -> Faults:
        """The faults of the connection with this number, from 1."""
        if all(fault.connections == EVERY_CONNECTION for fault in self._faults):
            return self
        return Faults(fault for fault in self._faults if number in fault.connections)

    def at(self, place: AnyPlace, count: int = 1) -> list[Fault]:
        """The faults of the `count`-th time that a connection reaches `place`."""
        return self._by_moment.get((place, count), [])

    @property
    def stall_at_connect_seconds(self) -> float:
        """The time by which stalls prolong an upgrade."""
        return sum(fault.amount for fault in self.at("connect") if fault.kind == "stall")


NO_FAULTS = Faults()


def parse_fault(text: str) -> Fault:
    """Parse one `WHAT@WHEN`. Raises ValueError with a message of one line."""
    what, at, when = text.rpartition("@")
    if not at:
        raise ValueError(f"{text!r} is not WHAT@WHEN, as in drop@audio:100")
    when, numbered, numbers = when.partition("#")
    place, count = _parse_moment(when)
    return _fault(what, place, count, _parse_connections(numbers) if numbered else EVERY_CONNECTION)


def parse_turn_fault(text: str) -> Fault:
    """Parse the fault of a scripted turn: `WHAT` at the beginning of its answer, `WHAT@reply:N` or `WHAT@turn:1` in it.

    `#N` behind a moment names the connections, as for other faults. Raises ValueError with a message of one line.
    """
    _, at, when = text.rpartition("@")
    if not at:
        return _fault(text, "answer")
    if not re.fullmatch(r"(reply:\d+|turn:1)(#.*)?", when):
        raise ValueError(f"a turn's fault happens at its beginning, at reply:N or at turn:1, and not at {when!r}")
    return parse_fault(text)


def _fault(what: str, place: AnyPlace, count: float = 1, connections: range = EVERY_CONNECTION) -> Fault:
    name, _, argument = what.partition("=")
    kind = FAULT_KINDS.get(name)
    if kind is None:
        raise ValueError(f"unknown fault {name!r}; the faults are {', '.join(FAULT_KINDS)}")
    amount, reason = kind.parse(name, argument)
    if kind.happens == "at the upgrade" and place != "connect":
        raise ValueError(f"{name} answers the upgrade, so it happens at connect: {what}@connect")
    if kind.happens == "in a session" and place == "connect":
        raise ValueError(f"{name} needs a session, and at connect there is none yet")
    return Fault(name, place, count, amount, reason, connections)


def _parse_connections(text: str) -> range:
    """The numbers in `N` or `N-M`, both included."""
    found = re.fullmatch(r"([1-9]\d{0,8})(?:-([1-9]\d{0,8}))?", text)
    if not found or int(found[2] or found[1]) < int(found[1]):
        raise ValueError(f"#{text} is not the number of a connection, such as #1, nor a range of them, such as #2-4")
    return range(int(found[1]), int(found[2] or found[1]) + 1)


def _parse_moment(text: str) -> tuple[Place, float]:
    if text in ("connect", "setup"):
        return text, 1  # type: ignore[return-value]
    if found := re.fullmatch(r"(audio|reply|turn):([1-9]\d{0,8})", text):
        return found[1], int(found[2])  # type: ignore[return-value]
    if found := re.fullmatch(r"(\d{1,6}(?:\.\d{1,6})?)s", text):
        return "time", float(found[1])
    raise ValueError(
        f"unknown moment {text!r}; the moments are connect, setup, audio:N, reply:N, turn:N, and seconds as in 5s"
    )
