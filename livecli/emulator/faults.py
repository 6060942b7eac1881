"""What goes wrong on purpose: `WHAT@WHEN`, read strictly, and looked up when its moment comes. Pure.

Deterministic: every connection counts for itself, from 1, and meets the same faults at the same moments.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal, get_args

Kind = Literal["close", "drop", "stall", "goaway", "garbage", "http", "slow", "truncate"]
Place = Literal["connect", "setup", "audio", "reply", "turn", "time"]

WHATS = """\
close=CODE[:REASON]  close the session so (close=1011:Internal error encountered.)
drop                 reset the TCP connection
stall=SECONDS        neither read nor say anything for so long
goaway=SECONDS       say goAway, and close so many seconds later
garbage              say something that is not JSON
http=STATUS          answer the upgrade with this HTTP status
slow=BYTES           say no more than so many bytes a second from then on
truncate             cut the answer off without turnComplete"""

WHENS = """\
connect              at the upgrade
setup                when the setup has come, before it is completed
audio:N              when the N-th chunk of audio has come from the client
reply:N              before the N-th part of audio to it
turn:N               before the N-th turn is completed
5s                   so long after the connection was opened"""

EXAMPLES = """\
livecli serve --fault close=1011:overloaded@audio:100
livecli serve --fault http=503@connect
livecli serve --fault slow=4000@setup --fault drop@5s"""

_CLOSE_CODES = {1000, 1001, 1002, 1003, *range(1007, 1015), *range(3000, 5000)}


@dataclass(frozen=True)
class Fault:
    """`amount` is the close code, the status, seconds or bytes a second; `at` a count, or seconds for "time"."""

    kind: Kind
    place: Place
    at: float = 1
    amount: float = 0
    reason: str = ""


class Faults:
    """All faults of an emulator, by their moment."""

    def __init__(self, faults: Iterable[Fault] = ()) -> None:
        self._by_moment: dict[tuple[Place, float], list[Fault]] = {}
        self.timed: list[Fault] = []
        for fault in faults:
            if fault.place == "time":
                self.timed.append(fault)
            else:
                self._by_moment.setdefault((fault.place, fault.at), []).append(fault)

    def __bool__(self) -> bool:
        return bool(self._by_moment or self.timed)

    def at(self, place: Place, count: int = 1) -> list[Fault]:
        """The faults of the `count`-th time that `place` is reached."""
        return self._by_moment.get((place, count), [])

    @property
    def stall_at_connect_seconds(self) -> float:
        """How much longer an upgrade takes."""
        return sum(fault.amount for fault in self.at("connect") if fault.kind == "stall")


def parse_fault(text: str) -> Fault:
    """One `WHAT@WHEN`. Raises ValueError saying what is wrong with it, in one line."""
    what, at, when = text.rpartition("@")
    if not at:
        raise ValueError(f"{text!r} is not WHAT@WHEN, as in drop@audio:100")
    place, count = _when(when)
    kind, _, argument = what.partition("=")
    if kind not in get_args(Kind):
        raise ValueError(f"{kind!r} is no fault; there are {', '.join(get_args(Kind))}")
    fault = _FAULTS[kind](argument, place, count)
    if fault.kind == "http" and place != "connect":
        raise ValueError(f"http is an answer to the upgrade: http={argument}@connect")
    if fault.kind in ("slow", "truncate", "garbage", "goaway") and place == "connect":
        raise ValueError(f"{kind} says something in a session, and at connect there is none yet")
    return fault


def _when(text: str) -> tuple[Place, float]:
    if text in ("connect", "setup"):
        return text, 1  # type: ignore[return-value]
    if found := re.fullmatch(r"(audio|reply|turn):([1-9]\d{0,8})", text):
        return found[1], int(found[2])  # type: ignore[return-value]
    if found := re.fullmatch(r"(\d{1,6}(?:\.\d{1,6})?)s", text):
        return "time", float(found[1])
    raise ValueError(f"{text!r} is no moment; there are connect, setup, audio:N, reply:N, turn:N and seconds as 5s")


def _close(argument: str, place: Place, at: float) -> Fault:
    code, _, reason = argument.partition(":")
    if not code.isdecimal() or int(code) not in _CLOSE_CODES:
        raise ValueError(f"close={argument} has no close code that may be sent, as 1011 is")
    from ..protocol.close_reasons import CLOSE_REASON_BYTES

    if len(reason.encode()) > CLOSE_REASON_BYTES:
        raise ValueError(f"close={code} has a reason of more than {CLOSE_REASON_BYTES} bytes")
    return Fault("close", place, at, int(code), reason)


def _http(argument: str, place: Place, at: float) -> Fault:
    if not re.fullmatch(r"[3-5]\d\d", argument):
        raise ValueError(f"http={argument} has no status of an error, as 503 is")
    return Fault("http", place, at, int(argument))


def _measured(kind: Kind, argument: str, place: Place, at: float) -> Fault:
    if not re.fullmatch(r"\d{1,9}(\.\d{1,6})?", argument) or (kind == "slow" and float(argument) == 0):
        raise ValueError(f"{kind}={argument} has no number, as in {kind}=5")
    return Fault(kind, place, at, float(argument))


def _bare(kind: Kind, argument: str, place: Place, at: float) -> Fault:
    if argument:
        raise ValueError(f"{kind} takes nothing after it, not {argument!r}")
    return Fault(kind, place, at)


_FAULTS = {
    "close": _close,
    "http": _http,
    "stall": lambda *words: _measured("stall", *words),
    "goaway": lambda *words: _measured("goaway", *words),
    "slow": lambda *words: _measured("slow", *words),
    "drop": lambda *words: _bare("drop", *words),
    "garbage": lambda *words: _bare("garbage", *words),
    "truncate": lambda *words: _bare("truncate", *words),
}
