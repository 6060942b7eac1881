"""A model that follows a script: `Scripted` is the behaviour, `ScriptedTurn` what `script_file` reads from TOML. Pure.

What the user says is answered by the first of these that there is:

1. the first turn whose `match` is found in the user's text. Speech has no words here: it is an empty text, which `.*`
   matches. Turns with the same `match` take turns, and the last of them goes on answering;
2. the next turn without `match`: each is used once, in the order of the file;
3. the echo.

What functions returned is answered by the `then` of their calls; where there is none, by the turns with
`on = "response"` in the same way, their text being the function's name and its response as JSON; then by the echo.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from ...protocol.messages import FunctionResponse
from .behaviour import Behaviour, Echo, Step, UserTurn, tones

MAX_ASKED = 64
"""How many calls with a `then` are remembered: a client that never answers them must not make this grow."""


@dataclass(frozen=True)
class TurnPattern:
    """Calls of these names come next; once all of them have returned, `then` is what follows."""

    names: tuple[str, ...]
    then: tuple[Act, ...]


Act = Step | TurnPattern


@dataclass(frozen=True)
class ScriptedTurn:
    """One `[[turn]]`. Without `match` it is used once, in its place."""

    acts: tuple[Act, ...]
    match: re.Pattern[str] | None = None
    on_response: bool = False


@dataclass(frozen=True)
class Tones:
    """The sound of a text that nobody recorded. Unlike the generator it can be taken any number of times."""

    words: str

    def __iter__(self) -> Iterator[bytes]:
        return tones(self.words)


class ScriptedBehaviour:
    """Follows `turns` in one session; whatever they say nothing about is left to `otherwise`.

    What it remembers is replaced, never changed: a shallow copy of it goes on by itself.
    """

    def __init__(self, turns: Iterable[ScriptedTurn], otherwise: Behaviour | None = None) -> None:
        self._turns = tuple(turns)
        self._otherwise = otherwise or Echo()
        self._used: dict[tuple[bool, str | None], int] = {}  # how often, of those with the same match
        self._asked: tuple[TurnPattern, ...] = ()  # the names that have not returned yet

    def answer(self, heard: UserTurn) -> Iterator[Step]:
        acts = self._after(heard.responses) if heard.responses else self._next(heard.text)
        if acts is None:
            yield from self._otherwise.answer(heard)
            return
        for act in acts:
            if isinstance(act, TurnPattern):
                self._asked = (*self._asked, act)[-MAX_ASKED:]
            else:
                yield act

    def _next(self, text: str, *, on_response: bool = False) -> tuple[Act, ...] | None:
        """What the turn says whose turn it is; None where none is."""
        turns = [turn for turn in self._turns if turn.on_response is on_response]
        pattern = next((turn.match.pattern for turn in turns if turn.match and turn.match.search(text)), None)
        alike = [turn for turn in turns if (turn.match and turn.match.pattern) == pattern]
        used = self._used.get((on_response, pattern), 0)
        if pattern is not None:
            used = min(used, len(alike) - 1)
        if used >= len(alike):
            return None
        self._used = {**self._used, (on_response, pattern): used + 1}
        return alike[used].acts

    def _after(self, responses: tuple[FunctionResponse, ...]) -> tuple[Act, ...] | None:
        """What follows upon these; nothing while others of the same `then` are awaited."""
        acts: list[Act] = []
        unasked = []
        for response in responses:
            awaiting = next((asking for asking in reversed(self._asked) if _awaits(asking, response)), None)
            if awaiting is None:
                unasked.append(response)
            elif not response.will_continue:
                acts += self._returned(awaiting, response)
        if not unasked:
            return tuple(acts)
        followed = self._next("\n".join(map(_text_of, unasked)), on_response=True)
        return (*acts, *followed) if followed is not None else tuple(acts) or None

    def _returned(self, awaiting: TurnPattern, response: FunctionResponse) -> tuple[Act, ...]:
        """One of the calls has: what follows, if it was the last."""
        left = list(awaiting.names)
        left.remove(response.name or left[0])
        place = self._asked.index(awaiting)
        still = (TurnPattern(tuple(left), awaiting.then),) if left else ()
        self._asked = (*self._asked[:place], *still, *self._asked[place + 1 :])
        return () if left else awaiting.then


def _awaits(asking: TurnPattern, response: FunctionResponse) -> bool:
    """Vertex lets a client leave out the name."""
    return not response.name or response.name in asking.names


def _text_of(response: FunctionResponse) -> str:
    return f"{response.name} {json.dumps(response.response or {}, ensure_ascii=False)}"
