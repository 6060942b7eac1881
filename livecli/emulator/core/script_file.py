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
    audio = "goodbye.wav"                           # the sound of the words; without it, they are spoken
    close = {code = 1000}

    [[turn]]
    heard = "where is the station"                  # what speech is transcribed as
    expect_text = "station"                         # the user's text or words
    expect_audio_seconds = "1..3"                   # a number, or a range of them
    call = "find_station"
    expect = {response = {station = "Main Street"}} # what the function returns has at least these values
    then = "It is at Main Street."                  # a text, or a list of steps
    fault = "drop@reply:3"                          # counted within this answer; without a moment, at its beginning
    unused = "error"                                # it is a failure if no client gets to this turn

    [expect]                                        # of all sessions together
    connections = 2                                 # sessions opened
    turns = "3.."                                   # turns of users that were answered
    close = 1000                                    # how the last session ended

The keys of a turn are its steps, in their order, but for those in TURN_KEYS. `steps` is a list of tables with the same
keys, for a step that is needed twice; a text in such a list is said. `unused` before the first turn holds for all turns
that have none of their own. `hear = ["where is the station"]` before the first turn lists phrases that `--hear` spots
in speech, which `match` sees. An error names its line.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from typing import Any

from ... import toml_reader
from ...errors import LivecliError
from ...media.speech.recognizer import normalized
from ...protocol.close_reasons import CLOSE_REASON_BYTES, SENDABLE_CLOSE_CODES
from ...toml_reader import LineError, Path
from ..expectations import MAX_SEARCH_SECONDS, ExpectedCall, Key, Pattern, Range, ScriptExpectations, TurnExpectations
from ..faults import Fault, Faults, parse_turn_fault
from .behaviour import Call, Close, Code, Ground, InjectFaults, Interrupt, Say, Think, Wait
from .script import Act, FollowUp, Script, ScriptedTurn

LoadAudio = Callable[[str], Iterable[bytes]]
"""Loads the sound file that a script names: blocks of mono PCM16 at OUTPUT_RATE, which can be iterated repeatedly.

Its LivecliError, OSError and ValueError become errors of the script's line.
"""

UnknownWords = Callable[[Sequence[str]], set[str]]
"""The words of phrases, in small letters and without punctuation, that cannot be spotted in speech."""

MAX_DELAY_MS = 3_600_000
"""The longest `delay_ms`: an hour."""

MAX_EXPECTED = 1_000_000_000
"""The greatest number that is expected of anything."""


TURN_KEYS = ("match", "on", "heard", "fault", "unused", "expect_text", "expect_audio_seconds")
"""The keys of a turn that are no steps."""

SCRIPT_KEYS = ("turn", "unused", "hear", "expect")
"""The keys of a script."""

WHOLE_KEYS = ("connections", "turns", "close")
"""The keys of `[expect]`."""


def no_unknown_words(phrases: Sequence[str]) -> set[str]:
    """None of the words: they are not looked up where no speech is recognized."""
    return set()


def read_script(text: str, load_audio: LoadAudio, unknown_words: UnknownWords = no_unknown_words) -> Script:
    """The script of a TOML text. Raises LineError, which is a ValueError.

    Each sound is loaded here, once, so that a missing file is an error at the start and not during a session. So are
    words of `hear` that are among `unknown_words`.
    """
    script = toml_reader.load(text)
    return _Reader(text, load_audio, unknown_words).script(script)


class _Reader(toml_reader.Reader):
    """The reader of one script."""

    def __init__(self, text: str, load_audio: LoadAudio, unknown_words: UnknownWords) -> None:
        super().__init__(text, "a step", turn="a turn", call="a call")
        self._load, self._unknown_words = load_audio, unknown_words
        self._sounds: dict[str, Iterable[bytes]] = {}
        self._steps: dict[str, Callable[[Any, Path], list[Act]]] = {
            "say": lambda value, path: [Say(self.text(value, path))],
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

    def script(self, script: dict[str, Any]) -> Script:
        for key in script:
            if key not in SCRIPT_KEYS:
                self.unknown(key, SCRIPT_KEYS, [key])
        turns = script.get("turn")
        if isinstance(turns, dict):
            self.wrong(["turn"], "a turn is written with two brackets: [[turn]]")
        if not turns:
            raise LineError(1, "the script has no [[turn]]", hint='write [[turn]], and under it say = "Hello"')
        tables = [self.expect(each, dict, ["turn", n]) for n, each in enumerate(self.expect(turns, list, ["turn"]))]
        read = tuple(self._turn(table, ("turn", n)) for n, table in enumerate(tables))
        usual = self._is_error(script.get("unused", "ignore"), ["unused"])
        required = tuple(
            ("turn", n)
            for n, table in enumerate(tables)
            if (self._is_error(table["unused"], ["turn", n, "unused"]) if "unused" in table else usual)
        )
        expected = self.expect(script.get("expect", {}), dict, ["expect"])
        return Script(
            read,
            ScriptExpectations(self._whole(expected), required, partial(toml_reader.line_of, self._text)),
            self._phrases(script.get("hear", [])),
        )

    def _phrases(self, value: Any) -> tuple[str, ...]:
        """The phrases of `hear`, in small letters and without punctuation."""
        written = self.expect(value, list, ["hear"])
        phrases = [normalized(phrase) if isinstance(phrase, str) else "" for phrase in written]
        unknown = self._unknown_words(phrases)
        for place, phrase in enumerate(phrases):
            if not phrase:
                self.wrong(["hear", place], f"{written[place]!r} has no words")
            if missing := [word for word in phrase.split() if word in unknown]:
                self.wrong(
                    ["hear", place],
                    f"`hear` has words that PocketSphinx does not know: {', '.join(missing)}",
                    hint="write numbers and names as common English words: it knows those of US English",
                )
        return tuple(dict.fromkeys(phrases))

    def _whole(self, expected: dict[str, Any]) -> dict[str, Range]:
        for key in expected:
            if key not in WHOLE_KEYS:
                self.unknown(key, WHOLE_KEYS, ["expect", key])
        return {key: self._range(value, ["expect", key]) for key, value in expected.items()}

    def _is_error(self, value: Any, path: Path) -> bool:
        if value not in ("error", "ignore"):
            self.wrong(path, 'unused can only be "error" or "ignore"')
        return bool(value == "error")

    def _turn(self, turn: dict[str, Any], key: Key) -> ScriptedTurn:
        table = {name: value for name, value in turn.items() if name not in TURN_KEYS}
        on, fault = turn.get("on"), turn.get("fault")
        if on not in (None, "response"):
            self.wrong([*key, "on"], 'on can only be "response", for a turn that answers function responses')
        for name in ("heard", "expect_audio_seconds"):
            if on is not None and name in turn:
                self.wrong([*key, name], f'{name} is for speech, and on = "response" answers functions')
        if not table and fault is None:
            self.wrong(key, "this turn has no steps", hint=f"give it one of {', '.join(self._steps)}")
        acts = self._acts(table, key, *TURN_KEYS)
        if fault is not None:
            acts.insert(0, InjectFaults(Faults([self._fault(fault, [*key, "fault"])])))
        pattern = self._pattern(turn["match"], [*key, "match"]) if "match" in turn else None
        heard = self.text(turn["heard"], [*key, "heard"]) if "heard" in turn else None
        if heard and pattern and not self._is_found(pattern, heard, [*key, "match"]):
            self.wrong([*key, "match"], "match is not found in heard, so this turn would answer no speech")
        expected = TurnExpectations(
            key,
            self._pattern(turn["expect_text"], [*key, "expect_text"]) if "expect_text" in turn else None,
            self._range(turn["expect_audio_seconds"], [*key, "expect_audio_seconds"])
            if "expect_audio_seconds" in turn
            else None,
        )
        return ScriptedTurn(tuple(acts), expected, pattern, heard, on == "response")

    def _fault(self, value: Any, path: Path) -> Fault:
        try:
            return parse_turn_fault(self.text(value, path))
        except ValueError as error:
            if isinstance(error, LineError):
                raise
            self.wrong(path, str(error), hint="`livecli help faults` has them all")

    def _is_found(self, pattern: Pattern, text: str, path: Path) -> bool:
        try:
            return pattern.search(text, timeout=MAX_SEARCH_SECONDS) is not None
        except TimeoutError:
            self.wrong(path, f"a search for it takes more than {MAX_SEARCH_SECONDS} s")

    def _range(self, value: Any, path: Path) -> Range:
        """A number, which others are rounded to, or a range as in "1..3", one of whose ends may be left out."""
        found = re.fullmatch(r"(\d+(?:\.\d+)?)?\.\.(\d+(?:\.\d+)?)?", value) if isinstance(value, str) else None
        if found and (found[1] or found[2]):
            low, high = float(found[1] or 0), float(found[2] or "inf")
        elif isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value <= MAX_EXPECTED:
            half = 0.5 * 10.0 ** -len(str(value).partition(".")[2])
            low, high = value - half, value + half
        else:
            low, high = 1, 0
        if low > high:
            self.wrong(path, f'{path[-1]} must be a number or a range, such as 2 or "1..3"')
        return Range(low, high, str(value))

    def _acts(self, table: dict[str, Any], path: Path, *more_keys: str) -> list[Act]:
        """The acts of a turn or of a step, in the order of the keys."""
        known = [*self._steps, "audio", "then", "expect", *more_keys]
        acts: list[Act] = []
        for key, value in table.items():
            if key not in known:
                self.unknown(key, known, [*path, key])
            if acts and isinstance(acts[-1], Interrupt | Close) and key not in ("audio", "then", "expect"):
                self.wrong([*path, key], "no step can follow: the turn has ended")
            if key == "audio":
                acts += [] if "say" in table else [Say("", self._sound(value, [*path, key]))]
            elif key in self._steps:
                acts += self._steps[key](value, [*path, key])
                if key == "say" and "audio" in table:
                    acts[-1] = Say(value, self._sound(table["audio"], [*path, "audio"]))
        if "expect" in table:
            acts = self._with_expectation(acts, table["expect"], (*path, "expect"))
        return self._with_follow_up(acts, table["then"], [*path, "then"]) if "then" in table else acts

    def _with_expectation(self, acts: list[Act], expect: Any, key: Key) -> list[Act]:
        """`acts`, where the one call that has no expectation of its own has this one."""
        expected = self.expect(expect, dict, key)
        for name in expected:
            if name != "response":
                self.unknown(name, ["response"], [*key, name])
        if "response" not in expected:
            self.wrong(key, "expect has no response", hint='write expect = {response = {station = "Main Street"}}')
        response = self.json(expected["response"], [*key, "response"])
        calls = [act for act in acts if isinstance(act, Call)]
        if len(calls) != 1:
            problem, hint = f"there are {len(calls)} before it", "`steps` has one call a table"
            if not calls:
                problem, hint = "there is none before it", 'call = {name = "find_station"} calls a function'
            self.wrong(key, f"`expect` is for one function call, and {problem}", hint=hint)
        return [ExpectedCall(act, response, key) if isinstance(act, Call) else act for act in acts]

    def _with_follow_up(self, acts: list[Act], then: Any, path: Path) -> list[Act]:
        """`acts` with `then` as the follow-up of those calls that have none of their own."""
        names = Counter(call.name for call in map(_call_of, acts) if call is not None)
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


def _call_of(act: Act) -> Call | None:
    return act.call if isinstance(act, ExpectedCall) else act if isinstance(act, Call) else None
