"""The expectations of a script, as the emulator reports to them."""

from __future__ import annotations

from typing import Any

import pytest

from livecli.emulator.core.behaviour import Call, UserTurn
from livecli.emulator.core.script import ScriptedBehaviour
from livecli.emulator.core.script_file import read_script
from livecli.emulator.expectations import ScriptCheck
from livecli.protocol.messages import FunctionResponse
from tests.cases import in_one_test


class Bench:
    """Sessions that follow one script, and its check."""

    def __init__(self, script: str) -> None:
        self._script = read_script(script, lambda name: [])
        self.check = ScriptCheck(self._script.expectations, "s.toml")

    def session(self) -> ScriptedBehaviour:
        return ScriptedBehaviour(self._script, self.check)

    @property
    def failures(self) -> list[str]:
        return [str(each) for each in self.check.failures()]


def calls(session: ScriptedBehaviour, text: str = "") -> list[Call]:
    return [step for step in session.answer(UserTurn(text=text)) if isinstance(step, Call)]


def give_back(call: Call, response: dict[str, Any], **fields: Any) -> None:
    assert call.on_return is not None
    call.on_return(FunctionResponse(name=call.name, response=response, **fields))


def test_a_text_that_is_expected() -> None:
    bench = Bench('[[turn]]\nsay = "a"\nexpect_text = "^train"')
    assert bench.failures == []
    calls(bench.session(), "Train to Rome")
    assert [each.held for each in bench.check.results()] == [True]
    calls(bench.session(), "bus\nto Rome" + 300 * "!")
    calls(bench.session(), "plane")
    assert bench.failures == [f's.toml:3: expect_text: expected "^train", actual "bus\\nto Rome{187 * "!"}…']


def test_a_text_that_takes_too_long_to_search() -> None:
    bench = Bench("[[turn]]\nsay = 'a'\nexpect_text = '(a|aa)+$'")
    calls(bench.session(), 40 * "a" + "b")
    [failure] = bench.failures
    assert failure.endswith("actual a text on which the search takes more than 0.1 s")


@in_one_test(
    ("expected", "seconds", "held"),
    [
        ("2", 2.4, True),
        ("2", 2.6, False),
        ("2.2", 2.24, True),
        ("2.2", 2.3, False),
        ('"1..3"', 3.0, True),
        ('"1..3"', 3.01, False),
        ('"1.."', 100.0, True),
        ('"..0.5"', 0.6, False),
    ],
)
def test_seconds_of_audio(expected: str, seconds: float, held: bool) -> None:
    script = read_script(f'[[turn]]\nsay = "a"\nexpect_audio_seconds = {expected}', lambda name: [])
    check = ScriptCheck(script.expectations)
    check.note_use(script.turns[0].expected, "", seconds)
    assert [(each.held, each.line) for each in check.results()] == [(held, 3)]


FUNCTION = '[[turn]]\ncall = "f"\nexpect = {response = {station = "Main"}}'


def test_a_response_has_at_least_what_is_expected() -> None:
    bench = Bench(FUNCTION)
    [call] = calls(bench.session())
    assert bench.failures == ['s.toml:3: response of f: expected {"station": "Main"}, actual no response']
    give_back(call, {"station": "Main", "line": 2})
    assert bench.failures == []
    [call] = calls(bench.session())
    give_back(call, {"station": "North"})
    # The same response again, on another connection.
    give_back(call, {"station": "Main"})
    assert bench.failures == ['s.toml:3: response of f: expected {"station": "Main"}, actual {"station": "North"}']


def test_of_a_response_in_parts_one_is_as_expected() -> None:
    bench = Bench(FUNCTION)
    [call] = calls(bench.session())
    give_back(call, {"progress": 1}, will_continue=True)
    assert bench.failures != []
    give_back(call, {"station": "Main"}, will_continue=True)
    assert bench.failures == []
    give_back(call, {})
    assert bench.failures == []


def test_each_call_of_several_has_its_own_expectation() -> None:
    steps = '{call = "f", expect = {response = {a = 1}}}, {call = "g", expect = {response = {b = 1}}}'
    bench = Bench(f'[[turn]]\nsteps = [{steps}]\nthen = "done"')
    first, second = calls(session := bench.session())
    for call in (first, second):
        give_back(call, {"b": 1})
    assert [(each.subject, each.held) for each in bench.check.results()] == [
        ("response of f", False),
        ("response of g", True),
    ]
    # The follow-up waits for these calls, too.
    responses = tuple(FunctionResponse(name=name, response={}) for name in ("f", "g"))
    assert len(list(session.answer(UserTurn(responses=responses)))) == 1


@pytest.mark.parametrize(
    ("script", "lines"),
    [
        ('unused = "error"\n[[turn]]\nsay = "a"\n[[turn]]\nsay = "b"\n[[turn]]\nsay = "c"\nunused = "ignore"', [4]),
        ('[[turn]]\nsay = "a"\n[[turn]]\nsay = "b"\nunused = "error"\n[[turn]]\nsay = "c"', [3]),
        ('[[turn]]\nsay = "a"\nunused = "error"', []),
    ],
)
def test_a_turn_that_no_session_uses(script: str, lines: list[int]) -> None:
    bench = Bench(script)
    for _ in range(2):
        calls(bench.session())
    assert bench.failures == [f"s.toml:{line}: turn: expected a turn of the user, actual none" for line in lines]


def test_the_whole() -> None:
    bench = Bench('[[turn]]\nsay = "a"\n\n[expect]\nconnections = "1..2"\nclose = 1000\nturns = 2')
    assert bench.failures == [
        "s.toml:5: connections: expected 1..2, actual 0",
        "s.toml:6: close: expected 1000, actual none",
        "s.toml:7: turns: expected 2, actual 0",
    ]
    bench.check.connections, bench.check.last_close = 2, 1000
    session = bench.session()
    for text in ("answered by the script", "and by the echo"):
        calls(session, text)
    assert bench.failures == []
    assert [each.line for each in bench.check.results()] == [5, 6, 7]
