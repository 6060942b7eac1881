"""A behaviour that follows a script. `script_file` reads its turns from TOML. No I/O.

A turn of the user is answered by the first of these that exists:

1. for speech, the turn whose `heard` it is transcribed as. That is the first turn that was not used yet and has
   `heard`, unless an earlier one without `heard` and `match` comes next;
2. the first scripted turn whose `match` is found in the user's text, or in the words that were recognized in speech.
   Speech without words has an empty text, which `.*` matches. Turns with the same `match` are used one after another,
   and the last of them again and again. A search in a text that takes too long closes the session with 1011;
3. the next scripted turn without `match`. Each is used once, in the order of the file;
4. the echo.

Function responses are answered by the `then` of their calls. Without one, the turns with `on = "response"` answer in
the same way, where the text is the function's name and its response as JSON; then the echo.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field

from ...protocol.close_reasons import Refusal
from ...protocol.messages import FunctionResponse
from ..expectations import (
    MAX_SEARCH_SECONDS,
    MAX_SEARCHED_CHARACTERS,
    ExpectedCall,
    Key,
    Pattern,
    ScriptCheck,
    ScriptExpectations,
    TurnExpectations,
)
from .behaviour import Behaviour, Echo, InjectFaults, Step, UserTurn

MAX_FOLLOW_UPS = 64
"""Most steps with a `then` that are remembered, so that a client that returns nothing takes no more memory."""


@dataclass(frozen=True)
class FollowUp:
    """Acts that follow once the functions of these names have returned. It stands before their calls."""

    names: tuple[str, ...]
    then: tuple[Act, ...]


Act = Step | FollowUp | ExpectedCall
"""One thing that a scripted turn does."""


@dataclass(frozen=True)
class ScriptedTurn:
    """One `[[turn]]` of a script. Without `match` it is used once. `heard` are the words of speech that it answers."""

    acts: tuple[Act, ...]
    expected: TurnExpectations
    match: Pattern | None = None
    heard: str | None = None
    on_response: bool = False


@dataclass(frozen=True)
class Script:
    """A script: its turns, what it expects of all sessions together, and phrases that are to be spotted in speech."""

    turns: tuple[ScriptedTurn, ...]
    expectations: ScriptExpectations = field(default_factory=ScriptExpectations)
    phrases: tuple[str, ...] = ()


class ScriptedBehaviour:
    """Follows `script` in one session, and leaves every other turn to `otherwise`. `check` is that of all sessions.

    Its attributes are replaced, never changed, so that a shallow copy goes on by itself.
    """

    def __init__(self, script: Script, check: ScriptCheck | None = None, otherwise: Behaviour | None = None) -> None:
        self._script = script
        self._check = check or ScriptCheck()
        self._otherwise = otherwise or Echo()
        self._used: frozenset[Key] = frozenset()
        # The follow-ups whose functions have not all returned.
        self._follow_ups: tuple[FollowUp, ...] = ()

    def transcribe(self) -> str | None:
        return next((turn.heard for turn in self._script.turns if self._is_next_for_speech(turn)), None)

    def answer(self, turn: UserTurn) -> Iterator[Step]:
        acts = None if turn.greeting else self._acts(turn)
        if acts is None:
            yield from self._otherwise.answer(turn)
            return
        # Faults come first, also where a `then` stands before the turn that they belong to.
        for act in sorted(acts, key=lambda act: not isinstance(act, InjectFaults)):
            if isinstance(act, FollowUp):
                self._follow_ups = (*self._follow_ups, act)[-MAX_FOLLOW_UPS:]
            elif isinstance(act, ExpectedCall):
                yield self._check.call(act)
            else:
                yield act

    def _acts(self, turn: UserTurn) -> tuple[Act, ...] | None:
        if turn.responses:
            return self._answer_responses(turn.responses)
        self._check.note_turn()
        return self._answer_user(turn)

    def _answer_user(self, user: UserTurn) -> tuple[Act, ...] | None:
        utterance = user.utterance
        seconds, words = (0.0, None) if utterance is None else (utterance.seconds, utterance.known_words)
        text = " ".join(filter(None, [words, user.text]))
        is_scripted = utterance is not None and utterance.words
        turn = next((turn for turn in self._script.turns if is_scripted and self._is_next_for_speech(turn)), None)
        return self._use(turn or self._next(text), text, seconds)

    def _is_next_for_speech(self, turn: ScriptedTurn) -> bool:
        may_be = turn.heard is not None or turn.match is None
        return may_be and not turn.on_response and turn.expected.key not in self._used

    def _next(self, text: str, *, on_response: bool = False) -> ScriptedTurn | None:
        """The next turn that matches `text`, None if there is none."""
        turns = [turn for turn in self._script.turns if turn.on_response is on_response]
        pattern = next((turn.match.pattern for turn in turns if turn.match and _is_found(turn.match, text)), None)
        same_match = [turn for turn in turns if (turn.match and turn.match.pattern) == pattern]
        unused = next((turn for turn in same_match if turn.expected.key not in self._used), None)
        return same_match[-1] if unused is None and pattern is not None else unused

    def _use(self, turn: ScriptedTurn | None, text: str, audio_seconds: float = 0.0) -> tuple[Act, ...] | None:
        """The acts of the turn, which is used now."""
        if turn is None:
            return None
        self._used |= {turn.expected.key}
        self._check.note_use(turn.expected, text, audio_seconds)
        return turn.acts

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
        text = "\n".join(map(_text_of, others))
        answer = self._use(self._next(text, on_response=True), text)
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
