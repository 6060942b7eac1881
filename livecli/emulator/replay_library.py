"""The recorded connections that a server replays: found by setup, each for one client after the other, and a report.

A connection that resumes another one is found by the handle that its client was given here. Handles are those of the
recording, but for one that another client has been given before: two recordings may have the same.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import chain, count, pairwise
from pathlib import Path

from ..errors import FileError
from ..process.folders import natural_key
from ..process.text_files import parse_file
from ..protocol import events
from ..protocol.close_reasons import Refusal
from ..protocol.codec import decode_client
from ..recording.conversion import format_of, parse_recording
from ..recording.match import Match
from .replay import Cue, Play, Replay, arrange, content_of, first_difference, handle_in

NO_RECORDING = "no recording has a session with this setup"
"""The reason of the close where no connection is left for a client."""

REPORTED = 10
"""Sessions that the report names; the others are counted."""


@dataclass(eq=False)
class _Connection:
    """A recorded connection, the one that follows it in its recording, and how often it was replayed."""

    name: str
    play: Play
    next: _Connection | None = None
    uses: int = 0

    @property
    def first(self) -> Cue:
        """The client's setup."""
        assert isinstance(self.play[0], Cue), "as it is arranged"
        return self.play[0]


class ReplayLibrary:
    """The connections of recordings, for the clients of one server. `recordings` are their plays, by name.

    A client is given the first connection with its setup that was not replayed yet. With `repeats`, those that were
    replayed are taken again where none is left, and one with another setup where there is none with the client's.
    """

    def __init__(
        self,
        recordings: Mapping[str, Sequence[Play]],
        *,
        match: Match = Match.KINDS,
        speed: float = 1.0,
        repeats: bool = False,
    ) -> None:
        self.match, self.speed = match, speed
        self._repeats = repeats
        self._connections: list[_Connection] = []
        self._given: dict[str, _Connection | None] = {}  # the connections that follow, by the handles of clients
        self._not_followed: list[str] = []
        for name, plays in recordings.items():
            numbers = [f", connection {number}" for number in range(1, len(plays) + 1)] if len(plays) > 1 else [""]
            added = [_Connection(name + number, play) for number, play in zip(numbers, plays, strict=True)]
            for one, following in pairwise(added):
                one.next = following
            self._connections += added

    def __bool__(self) -> bool:
        return bool(self._connections)

    def has(self, setup: bytes) -> bool:
        """Whether a connection is left for a client with this setup."""
        try:
            message = decode_client(setup)
        except Refusal:
            return False
        return bool(message) and self._find(message[0]) is not None

    def session(self, log: Callable[[str], None]) -> Replay:
        """The replay for a client, whose setup is still to come."""
        return _LibraryReplay(self, log)

    @property
    def unused(self) -> list[str]:
        """The names of the connections that were not replayed."""
        return [each.name for each in self._connections if not each.uses]

    @property
    def is_followed(self) -> bool:
        """Whether the clients did all that was recorded, and nothing else."""
        return not self._not_followed and not self.unused

    def report(self) -> list[str]:
        """The recordings that were not used, and the first deviation of each session: a line for each."""
        more = len(self._not_followed) - REPORTED
        return [
            *self._not_followed[:REPORTED],
            *([f"{more} more sessions did not follow their recording"] if more > 0 else []),
            *(f"{name} was never used" for name in self.unused),
        ]

    def take(self, setup: events.Event) -> _Connection:
        """The connection for a client with this setup. Raises Refusal where there is none."""
        found = self._find(setup)
        if found is None:
            nearest = next((each for each in self._connections if not each.uses), None)
            difference = nearest and first_difference(nearest.first.content, content_of(setup))
            reason = f"{NO_RECORDING}: {difference}" if difference else NO_RECORDING
            self.note(reason)
            raise Refusal(1008, reason)
        found.uses += 1
        return found

    def note(self, line: str) -> None:
        """Keep a line for the report."""
        self._not_followed.append(line)

    def give(self, handle: str, following: _Connection | None) -> str:
        """The handle that a client gets for a recorded one: the same, but for one that another client has."""
        numbered = (f"{handle}-{number}" for number in count(2))
        new = next(name for name in chain([handle], numbered) if name not in self._given)
        self._given[new] = following
        return new

    def _find(self, setup: events.Event) -> _Connection | None:
        handle, content = handle_in(setup), content_of(setup)
        if handle is not None and (following := self._given.get(handle)) is not None:
            return following
        alike = [each for each in self._connections if each.first.content == content]
        usable = self._connections if self._repeats else [each for each in alike if not each.uses]

        def order(each: _Connection) -> tuple[bool, bool, int]:
            return each not in alike, (each.first.handle is None) != (handle is None), each.uses

        return min(usable, key=order, default=None)


class _LibraryReplay(Replay):
    """A replay of the connection that the client's setup is found with."""

    def __init__(self, library: ReplayLibrary, log: Callable[[str], None]) -> None:
        super().__init__(speed=library.speed, match=library.match, log=log)
        self._library = library
        self._connection: _Connection | None = None
        self._handles: dict[str, str] = {}  # by the recorded ones

    def receive(self, event: events.Event, now: float) -> None:
        if self._connection is None:
            self._connection = self._library.take(event)
            self._play = self._connection.play
        super().receive(event, now)

    def next_frame(self, now: float) -> bytes | None:
        frame = super().next_frame(now)
        return self._with_handle(frame) if frame and b'"newHandle"' in frame else frame

    def close(self, now: float | None = None) -> None:
        """Report to the library where the client did not follow the recording."""
        if self._connection is None:
            return
        # A strict replay has ended at the difference, so what did not come after that says nothing.
        is_refused = self._match is Match.STRICT and self.difference is not None
        unmet = [] if is_refused else self.unmet
        if not is_refused and not unmet and not self.skipped:
            return
        parts = [self.difference] if self.difference else []
        if unmet:
            others = f" and {len(unmet) - 1} more" if len(unmet) > 1 else ""
            place = f" ({unmet[0].place})" if unmet[0].line else ""
            parts.append(f"the client did not send {unmet[0].kind}{place}{others}")
        self._library.note(f"{self._connection.name}: {'; '.join(parts)}")

    def _with_handle(self, frame: bytes) -> bytes:
        """The frame with the handle that this client gets."""
        try:
            recorded = json.loads(frame)["sessionResumptionUpdate"]["newHandle"]
        except (ValueError, LookupError, TypeError):
            return frame
        if not isinstance(recorded, str) or not recorded or self._connection is None:
            return frame
        if recorded not in self._handles:
            self._handles[recorded] = self._library.give(recorded, self._connection.next)
        return frame.replace(json.dumps(recorded).encode(), json.dumps(self._handles[recorded]).encode())


def load(path: str) -> dict[str, list[Play]]:
    """The plays of a recording, or of those in a folder, in the order of their names, by name.

    Raises FileError, with the line where a recording is malformed.
    """
    try:
        is_folder = path != "" and Path(path).is_dir()
        names = [str(each) for each in Path(path).iterdir() if format_of(each.name)] if is_folder else [path]
    except OSError as error:
        raise FileError(f"cannot read {path}: {error.strerror}") from error
    return {name: parse_file(name, partial(_arranged, name)) for name in sorted(names, key=natural_key)}


def _arranged(name: str, data: bytes) -> list[Play]:
    """The plays of a recording's connections. Raises LineError where one cannot be replayed."""
    return [arrange(each.frames, each.close) for each in parse_recording(name, data).connections if each.frames]
