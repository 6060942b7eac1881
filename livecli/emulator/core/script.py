"""A behaviour that follows a script. `script_file` reads its turns from TOML. No I/O.

A turn of the user is answered by the first of these that exists:

1. the first scripted turn whose `match` is found in the user's text. The text of speech is empty, which `.*` matches.
   Turns with the same `match` are used one after another, and the last of them again and again. A search in a text
   that takes too long closes the session with 1011;
2. the next scripted turn without `match`. Each is used once, in the order of the file;
3. the echo.

Function responses are answered by the `then` of their calls. Without one, the turns with `on = "response"` answer in
the same way, where the text is the function's name and its response as JSON; then the echo.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Protocol

from ...protocol.close_reasons import Refusal
from ...protocol.messages import FunctionResponse
from .behaviour import Behaviour, Echo, Step, UserTurn, tones

MAX_FOLLOW_UPS = 64
"""Most steps with a `then` that are remembered, so that a client that returns nothing takes no more memory."""

MAX_SEARCHED_CHARACTERS = 10_000
"""The length of text in which a `match` is searched for; the rest is ignored."""

MAX_SEARCH_SECONDS = 0.1
"""The processor time that one search may take: other sessions wait for it, and some expressions never end."""


class Pattern(Protocol):
    """A compiled regular expression whose searches have a time limit, as those of the library `regex`."""

    @property
    def pattern(self) -> str: ...

    def search(self, string: str, *, timeout: float) -> object | None:
        """The match, None where there is none. Raises TimeoutError after `timeout` seconds of processor time."""


@dataclass(frozen=True)
class FollowUp:
    """Acts that follow once the functions of these names have returned. It stands before their calls."""

    names: tuple[str, ...]
    then: tuple[Act, ...]


Act = Step | FollowUp
"""One thing that a scripted turn does."""


@dataclass(frozen=True)
class ScriptedTurn:
    """One `[[turn]]` of a script. Without `match` it is used once."""

    acts: tuple[Act, ...]
    match: Pattern | None = None
    on_response: bool = False


@dataclass(frozen=True)
class Tones:
    """The tones of a text, as an iterable that can be used any number of times."""

    words: str

    def __iter__(self) -> Iterator[bytes]:
        return tones(self.words)


class ScriptedBehaviour:
    """Follows `turns` in one session, and leaves every other turn to `otherwise`.

    Its attributes are replaced, never changed, so that a shallow copy goes on by itself.
    """

    def __init__(self, turns: Iterable[ScriptedTurn], otherwise: Behaviour | None = None) -> None:
        self._turns = tuple(turns)
        self._otherwise = otherwise or Echo()
        # The number of turns that were used, by `on_response` and `match`.
        self._used: dict[tuple[bool, str | None], int] = {}
        # The follow-ups whose functions have not all returned.
        self._follow_ups: tuple[FollowUp, ...] = ()

    def answer(self, turn: UserTurn) -> Iterator[Step]:
        acts = None if turn.greeting else self._acts(turn)
        if acts is None:
            yield from self._otherwise.answer(turn)
            return
        for act in acts:
            if isinstance(act, FollowUp):
                self._follow_ups = (*self._follow_ups, act)[-MAX_FOLLOW_UPS:]
            else:
                yield act

    def _acts(self, turn: UserTurn) -> tuple[Act, ...] | None:
        return self._answer_responses(turn.responses) if turn.responses else self._next(turn.text)

    def _next(self, text: str, *, on_response: bool = False) -> tuple[Act, ...] | None:
        """The acts of the next turn that matches `text`, None if there is none."""
        turns = [turn for turn in self._turns if turn.on_response is on_response]
        pattern = next((turn.match.pattern for turn in turns if turn.match and _is_found(turn.match, text)), None)
        same_match = [turn for turn in turns if (turn.match and turn.match.pattern) == pattern]
        used = self._used.get((on_response, pattern), 0)
        if pattern is not None:
            used = min(used, len(same_match) - 1)
        if used >= len(same_match):
            return None
        self._used = {**self._used, (on_response, pattern): used + 1}
        return same_match[used].acts

    def _answer_responses(self, responses: tuple[FunctionResponse, ...]) -> tuple[Act, ...] | None:
        """The acts that follow these responses: none while other functions of the same follow-up are running."""
        acts: list[Act] = []
        others = []
        for response in responses:
            follow_up = next((each for each in reversed(self._follow_ups) if _awaits(each, response)), None)
            if follow_up is None:
                others.append(response)
            elif not response.will_continue:
                acts += self._note_return(follow_up, response)
        if not others:
            return tuple(acts)
        answer = self._next("\n".join(map(_text_of, others)), on_response=True)
        return (*acts, *answer) if answer is not None else tuple(acts) or None

    def _note_return(self, follow_up: FollowUp, response: FunctionResponse) -> tuple[Act, ...]:
        """Note that one function has returned. Returns the acts that follow if it was the last."""
        names = list(follow_up.names)
        names.remove(response.name or names[0])
        place = self._follow_ups.index(follow_up)
        rest = (FollowUp(tuple(names), follow_up.then),) if names else ()
        self._follow_ups = (*self._follow_ups[:place], *rest, *self._follow_ups[place + 1 :])
        return () if names else follow_up.then


def _is_found(pattern: Pattern, text: str) -> bool:
    """Whether the expression is found in `text`. Raises Refusal, which closes the session, where that takes too long.

    Without the close, a turn would get another answer than its script says, and a test would fail without a reason.
    """
    try:
        return pattern.search(text[:MAX_SEARCHED_CHARACTERS], timeout=MAX_SEARCH_SECONDS) is not None
    except TimeoutError:
        message = f"the script's match takes more than {MAX_SEARCH_SECONDS} s on this text: {pattern.pattern!r}"
        raise Refusal(1011, message) from None


def _awaits(follow_up: FollowUp, response: FunctionResponse) -> bool:
    """Whether the response may be one that the follow-up waits for. On Vertex AI a client may leave out the name."""
    return not response.name or response.name in follow_up.names


def _text_of(response: FunctionResponse) -> str:
    return f"{response.name} {json.dumps(response.response or {}, ensure_ascii=False)}"
