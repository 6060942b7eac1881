"""Reader of script files: TOML becomes scripted turns. No I/O: the caller passes the text, and a function that loads
sounds.

    [[turn]]                                        # answers the first turn of the user
    say = "Hello! How can I help?"

    [[turn]]
    match = "weather in (paris|rome)"               # a regular expression, found anywhere, in any case
    think = "I need the forecast."
    call = {name = "get_weather", args = {city = "Paris"}}
    then = [{delay_ms = 200}, "It is sunny."]       # after the function has returned

    [[turn]]
    match = "goodbye"
    say = "Goodbye."
    audio = "goodbye.wav"                           # the sound of the words; without it, each character is a tone
    close = {code = 1000}

The keys of a turn are its steps, in their order. `steps` is a list of tables with the same keys, for a step that is
needed twice; a text in such a list is said. An error names its line.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from typing import Any

from ... import toml_reader
from ...errors import LivecliError
from ...protocol.close_reasons import CLOSE_REASON_BYTES, SENDABLE_CLOSE_CODES
from ...toml_reader import LineError, Path
from .behaviour import Call, Close, Code, Ground, Interrupt, Say, Think, Wait
from .script import Act, FollowUp, Pattern, ScriptedTurn, Tones

LoadAudio = Callable[[str], Iterable[bytes]]
"""Loads the sound file that a script names: blocks of mono PCM16 at OUTPUT_RATE, which can be iterated repeatedly.

Its LivecliError, OSError and ValueError become errors of the script's line.
"""

MAX_DELAY_MS = 3_600_000
"""The longest `delay_ms`: an hour."""


def read_script(text: str, load_audio: LoadAudio) -> tuple[ScriptedTurn, ...]:
    """The turns of a script. Raises LineError, which is a ValueError.

    Each sound is loaded here, once, so that a missing file is an error at the start and not during a session.
    """
    script = toml_reader.load(text)
    return _Reader(text, load_audio).turns(script)


class _Reader(toml_reader.Reader):
    """The reader of one script."""

    def __init__(self, text: str, load_audio: LoadAudio) -> None:
        super().__init__(text, "a step", turn="a turn", call="a call")
        self._load = load_audio
        self._sounds: dict[str, Iterable[bytes]] = {}
        self._steps: dict[str, Callable[[Any, Path], list[Act]]] = {
            "say": lambda value, path: [Say(words := self.text(value, path), Tones(words))],
            "think": lambda value, path: [Think(self.text(value, path))],
            "call": self._calls,
            "delay_ms": lambda value, path: [Wait(self._delay_ms(value, path) / 1000)],
            "interrupt": lambda value, path: [Interrupt()] if self.expect(value, bool, path) else [],
            "close": self._close,
            "ground": lambda value, path: [Ground(self.json(value, path))],
            "code": lambda value, path: [
                Code({"executableCode": {"language": "PYTHON", "code": self.text(value, path)}})
            ],
            "steps": self._sequence,
        }

    def turns(self, script: dict[str, Any]) -> tuple[ScriptedTurn, ...]:
        for key in script:
            if key != "turn":
                self.unknown(key, ["turn"], [key])
        turns = script.get("turn")
        if isinstance(turns, dict):
            self.wrong(["turn"], "a turn is written with two brackets: [[turn]]")
        if not turns:
            raise LineError(1, "the script has no [[turn]]", hint='write [[turn]], and under it say = "Hello"')
        return tuple(self._turn(turn, ["turn", n]) for n, turn in enumerate(self.expect(turns, list, ["turn"])))

    def _turn(self, turn: Any, path: Path) -> ScriptedTurn:
        table = dict(self.expect(turn, dict, path))
        match, on = table.pop("match", None), table.pop("on", None)
        if on not in (None, "response"):
            self.wrong([*path, "on"], 'on can only be "response", for a turn that answers function responses')
        if not table:
            self.wrong(path, "this turn has no steps", hint=f"give it one of {', '.join(self._steps)}")
        pattern = None if match is None else self._pattern(match, [*path, "match"])
        return ScriptedTurn(tuple(self._acts(table, path, "match", "on")), pattern, on == "response")

    def _acts(self, table: dict[str, Any], path: Path, *more_keys: str) -> list[Act]:
        """The acts of a turn or of a step, in the order of the keys."""
        known = [*self._steps, "audio", "then", *more_keys]
        acts: list[Act] = []
        for key, value in table.items():
            if key not in known:
                self.unknown(key, known, [*path, key])
            if acts and isinstance(acts[-1], Interrupt | Close) and key not in ("audio", "then"):
                self.wrong([*path, key], "no step can follow: the turn has ended")
            if key == "audio":
                acts += [] if "say" in table else [Say("", self._sound(value, [*path, key]))]
            elif key in self._steps:
                acts += self._steps[key](value, [*path, key])
                if key == "say" and "audio" in table:
                    acts[-1] = Say(value, self._sound(table["audio"], [*path, "audio"]))
        return self._with_follow_up(acts, table["then"], [*path, "then"]) if "then" in table else acts

    def _with_follow_up(self, acts: list[Act], then: Any, path: Path) -> list[Act]:
        """`acts` with `then` as the follow-up of those calls that have none of their own."""
        names = Counter(act.name for act in acts if isinstance(act, Call))
        names.subtract(name for act in acts if isinstance(act, FollowUp) for name in act.names)
        if not +names:
            self.wrong(path, "`then` follows a function call, and there is none before it")
        return [FollowUp(tuple(names.elements()), tuple(self._sequence(then, path))), *acts]

    def _sequence(self, value: Any, path: Path) -> list[Act]:
        """The acts of a list of tables and texts, or of a single one."""
        if not isinstance(value, list):
            return self._step(value, path)
        acts: list[Act] = []
        for n, step in enumerate(value):
            if acts and isinstance(acts[-1], Interrupt | Close):
                self.wrong([*path, n], "no step can follow: the turn has ended")
            acts += self._step(step, [*path, n])
        return acts

    def _step(self, value: Any, path: Path) -> list[Act]:
        if isinstance(value, str):
            return self._steps["say"](value, path)
        return self._acts(self.expect(value, dict, path), path)

    def _calls(self, value: Any, path: Path) -> list[Act]:
        if isinstance(value, list):
            return [act for n, call in enumerate(value) for act in self._calls(call, [*path, n])]
        call = {"name": value} if isinstance(value, str) else self.expect(value, dict, path)
        for key in call:
            if key not in ("name", "args"):
                self.wrong([*path, key], f"a call has no {key!r}", hint="arguments go into args = {...}")
        if not call.get("name"):
            self.wrong(path, "a call needs the name of a function")
        return [Call(self.text(call["name"], [*path, "name"]), self.json(call.get("args", {}), [*path, "args"]))]

    def _close(self, value: Any, path: Path) -> list[Act]:
        close = value if isinstance(value, dict) else {"code": value}
        for key in close:
            if key not in ("code", "reason"):
                self.unknown(key, ["code", "reason"], [*path, key])
        code = self.expect(close.get("code", 1000), int, [*path, "code"] if close is value else path)
        if code not in SENDABLE_CLOSE_CODES:
            named = code if 0 <= code < 65_536 else "a number that has more than 16 bits"
            self.wrong(path, f"a server cannot close with {named}", hint="1000, 1007, 1008, 1011, 3000 to 4999")
        reason = self.expect(close.get("reason", ""), str, [*path, "reason"])
        if len(reason.encode()) > CLOSE_REASON_BYTES:
            self.wrong([*path, "reason"], f"the reason is longer than {CLOSE_REASON_BYTES} bytes")
        return [Close(code, reason)]

    def _sound(self, value: Any, path: Path) -> Iterable[bytes]:
        name = self.text(value, path)
        if name not in self._sounds:
            try:
                self._sounds[name] = self._load(name)
            except (LivecliError, OSError, ValueError) as error:
                self.wrong(path, str(error), hint=error.hint if isinstance(error, LivecliError) else None)
        return self._sounds[name]

    def _pattern(self, value: Any, path: Path) -> Pattern:
        # Unlike `re`, this library has a time limit, and unlike `re2` it has look-around and back-references.
        import regex

        text = self.expect(value, str, path)
        try:
            compiled: Pattern = regex.compile(text, regex.IGNORECASE | regex.DOTALL)
        except (regex.error, OverflowError, RecursionError) as error:
            self.wrong(path, f"{value!r} is not a regular expression: {error}")
        return compiled

    def _delay_ms(self, value: Any, path: Path) -> float:
        if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= MAX_DELAY_MS:
            self.wrong(path, f"delay_ms must be a number of milliseconds, 0 to {MAX_DELAY_MS}")
        return value
