"""A script as its author writes it: what each key means, and what is said about a mistake."""

from __future__ import annotations

import re
import textwrap

import pytest

from livecli.emulator.core import script_file
from livecli.emulator.core.behaviour import Call, Close, Code, Ground, Interrupt, Say, Step, Think, UserTurn, Wait
from livecli.emulator.core.script import ScriptedBehaviour
from livecli.emulator.core.script_file import read_script
from livecli.errors import FileError
from livecli.toml_reader import LineError
from tests.cases import in_one_test

SOUND = (b"ab", b"cd")


def load(name: str) -> tuple[bytes, ...]:
    if name == "missing.wav":
        raise FileError("cannot read missing.wav: no such file")
    return SOUND


def steps(turn: str, text: str = "hello") -> list[Step]:
    return list(ScriptedBehaviour(read_script("[[turn]]\n" + turn, load)).answer(UserTurn(text=text)))


@in_one_test(
    ("written", "meant"),
    [
        ('say = "a"', [Say("a")]),
        ('say = "a"\naudio = "a.wav"', [Say("a", SOUND)]),
        ('audio = "a.wav"\nsay = "a"', [Say("a", SOUND)]),
        ('audio = "a.wav"', [Say("", SOUND)]),
        ('think = "hm"', [Think("hm")]),
        ('call = "f"', [Call("f")]),
        ('call = {name = "f", args = {x = [1, {y = true}]}}', [Call("f", {"x": [1, {"y": True}]})]),
        ('call = ["f", {name = "g"}]', [Call("f"), Call("g")]),
        ("delay_ms = 250", [Wait(0.25)]),
        ("delay_ms = 0.5", [Wait(0.0005)]),
        ("interrupt = true", [Interrupt()]),
        ("interrupt = false", []),
        ('close = {code = 1011, reason = "overloaded"}', [Close(1011, "overloaded")]),
        ("close = 1008", [Close(1008)]),
        ("close = {}", [Close(1000)]),
        ('ground = {webSearchQueries = ["a"]}', [Ground({"webSearchQueries": ["a"]})]),
        ('code = "print(1)"', [Code({"executableCode": {"language": "PYTHON", "code": "print(1)"}})]),
        ("steps = []", []),
        ('steps = ["a", {delay_ms = 1}, {say = "b", close = 1000}]', [Say("a"), Wait(0.001), Say("b"), Close(1000)]),
        ('steps = "a"', [Say("a")]),
        ('delay_ms = 1\nsay = "a"\nthink = "b"', [Wait(0.001), Say("a"), Think("b")]),
        ('think = "b"\nsay = "a"\ndelay_ms = 1', [Think("b"), Say("a"), Wait(0.001)]),
        ('[turn.call]\nname = "f"\n[turn.call.args]\nx = 1', [Call("f", {"x": 1})]),
    ],
)
def test_what_is_written(written: str, meant: list[Step]) -> None:
    assert steps(written) == meant


def test_a_sound_is_loaded_once_whoever_says_it() -> None:
    asked = []

    def count(name: str) -> tuple[bytes, ...]:
        asked.append(name)
        return SOUND

    read_script('[[turn]]\naudio = "a.wav"\n[[turn]]\nsteps = [{say = "a", audio = "a.wav"}, {audio = "b.wav"}]', count)
    assert asked == ["a.wav", "b.wav"]


def test_the_example_is_a_script() -> None:
    """The one that stands at the top of the file."""
    assert script_file.__doc__ is not None
    example = textwrap.dedent(script_file.__doc__.split("\n\n", 1)[1].split("\n\nThe keys", 1)[0])
    scripted = ScriptedBehaviour(read_script(example, load))
    first, weather, goodbye = (
        list(scripted.answer(UserTurn(text=text))) for text in ("hi", "Weather in Rome?", "goodbye")
    )
    assert first == [Say("Hello! How can I help?")]
    assert weather == [Think("I need the forecast."), Call("get_weather", {"city": "Paris"})]
    assert goodbye == [Say("Goodbye.", SOUND), Close(1000)]


MISTAKES = [
    # what is written, the line that is named, what is said of it
    ("", 1, "the script has no [[turn]]"),
    ("# nothing yet\n", 1, "the script has no [[turn]]"),
    ('[turn]\nsay = "a"', 1, "two brackets"),
    ('\n[[turns]]\nsay = "a"', 2, "there is no 'turns' here; did you mean turn?"),
    ("turn = 5", 1, "turn must be a list, and is a number"),
    ("turn = [5]", 1, "a turn must be a table, and is a number"),
    ('[[turn]]\nsay = "a', 2, "this is not TOML"),
    ('[[turn]]\nsay = "a"\nsay = "b"', 3, "this is not TOML"),
    ("[[turn]]\nsay = [", 2, "this is not TOML"),
    ('[[turn]]\nsay = "a"\n\n[[turn]]\nmatch = "b"', 4, "this turn has no steps"),
    ('[[turn]]\nsay = "a"\n[[turn]]\n# first\nmatch = "("\nsay = "b"', 5, "not a regular expression: missing )"),
    ('[[turn]]\nmatch = 5\nsay = "b"', 2, "match must be a text, and is a number"),
    ('[[turn]]\nsay = "a"\non = "reply"', 3, 'on can only be "response"'),
    ("[[turn]]\nsay = 5", 2, "say must be a text, and is a number"),
    ('[[turn]]\nsay = ""', 2, "say is empty"),
    ('[[turn]]\nsay = ["a"]', 2, "say must be a text, and is a list"),
    ('[[turn]]\nthink = "a"\ndeley_ms = 5', 3, "there is no 'deley_ms' here; did you mean delay_ms?"),
    ('[[turn]]\nsay = "a"\nxyz = 5', 3, "there is no 'xyz' here; there are say, think, call"),
    ('[[turn]]\nsteps = [\n  {say = "a"},\n  {deley_ms = 5},\n]', 4, "did you mean delay_ms?"),
    ('[[turn]]\nsteps = [\n  "a", {on = "response"}]', 3, "there is no 'on' here"),
    ('[[turn]]\nsteps = [\n  "a",\n  5,\n  "b"]', 4, "a step must be a table, and is a number"),
    ('[[turn]]\nsteps = [\n  {call = "x", then = [\n    "a",\n    {say = ""}]},\n  "b"]', 5, "say is empty"),
    ('[[turn]]\nsay = """\na\n"""\nthen = "b"', 5, "there is none before it"),
    ('[[turn]]\ncall = "f"\nthen = ""', 3, "then is empty"),
    ("[[turn]]\ncall = {args = {a = 1}}", 2, "a call needs the name of a function"),
    ('[[turn]]\ncall = {name = "f", city = "Paris"}', 2, "a call has no 'city'; arguments go into args = {...}"),
    ('[[turn]]\ncall = [\n  "f",\n  5]', 4, "a call must be a table, and is a number"),
    ('[[turn]]\ncall = {name = "f", args = "x"}', 2, "args must be a table, and is a text"),
    ('[[turn]]\n[turn.call]\nname = "f"\n[turn.call.args]\nday = 2026-11-22', 4, "JSON cannot represent"),
    ('[[turn]]\ncall = {name = "f", args = {x = nan}}', 2, "JSON cannot represent"),
    ("[[turn]]\ndelay_ms = -1", 2, "delay_ms must be a number of milliseconds, 0 to 3600000"),
    ("[[turn]]\ndelay_ms = inf", 2, "delay_ms must be a number of milliseconds"),
    ("[[turn]]\ndelay_ms = true", 2, "delay_ms must be a number of milliseconds"),
    ("[[turn]]\ninterrupt = 1", 2, "interrupt must be true or false, and is a number"),
    ('[[turn]]\nclose = 1011\nsay = "bye"', 3, "no step can follow: the turn has ended"),
    ('[[turn]]\nsteps = [\n  {interrupt = true},\n  "a"]', 4, "no step can follow: the turn has ended"),
    ("[[turn]]\nclose = 1006", 2, "a server cannot close with 1006"),
    ('[[turn]]\nclose = "now"', 2, "close must be a number, and is a text"),
    ("[[turn]]\nclose = {code = true}", 2, "code must be a number, and is true or false"),
    ("[[turn]]\nclose = {resaon = 'x'}", 2, "there is no 'resaon' here; did you mean reason?"),
    (f"[[turn]]\nclose = {{code = 1011, reason = '{'é' * 62}'}}", 2, "the reason is longer than 123 bytes"),
    ('[[turn]]\nsay = "a"\naudio = "missing.wav"', 3, "cannot read missing.wav: no such file"),
    ('[[turn]]\nsay = """\n[[turn]]\n"""\n[[turn]]\nsay = 1', 6, "say must be a text"),
    ('turn = [\n  {say = "a"},\n  {say = 1},\n]', 3, "say must be a text"),
    ('[[turn]]\r\nsay = "a"\r\nclose = 1\r\n', 3, "a server cannot close with 1"),
    ('[[turn]]\nheard = 5\nsay = "a"', 2, "heard must be a text, and is a number"),
    ('[[turn]]\nheard = "a bus"\nmatch = "train"\nsay = "a"', 3, "match is not found in heard"),
    ('[[turn]]\nheard = "aaaaaaaaaaaaaaaaaaaaaaaaaaaab"\nmatch = "(a|aa)+$"\nsay = "a"', 3, "takes more than 0.1 s"),
    ('[[turn]]\non = "response"\nheard = "a"\nsay = "a"', 3, "heard is for speech"),
    ('[[turn]]\nexpect_text = "("\nsay = "a"', 2, "not a regular expression"),
    ('[[turn]]\nsay = "a"\nexpect_audio_seconds = "3..1"', 3, 'a number or a range, such as 2 or "1..3"'),
    ('[[turn]]\nsay = "a"\nexpect_audio_seconds = ".."', 3, 'a number or a range, such as 2 or "1..3"'),
    ('[[turn]]\nsay = "a"\nexpect_audio_seconds = true', 3, 'a number or a range, such as 2 or "1..3"'),
    ('[[turn]]\nsay = "a"\nexpect = {response = {a = 1}}', 3, "and there is none before it"),
    ('[[turn]]\ncall = ["f", "g"]\nexpect = {response = {a = 1}}', 3, "and there are 2 before it; `steps` has one"),
    ('[[turn]]\ncall = "f"\nexpect = {respones = {a = 1}}', 3, "did you mean response?"),
    ('[[turn]]\ncall = "f"\nexpect = {}', 3, "expect has no response"),
    ('[[turn]]\ncall = "f"\nexpect = {response = "a"}', 3, "response must be a table"),
    ('[[turn]]\nsay = "a"\nunused = "eror"', 3, 'unused can only be "error" or "ignore"'),
    ('unused = true\n[[turn]]\nsay = "a"', 1, 'unused can only be "error" or "ignore"'),
    ('[[turn]]\nsay = "a"\nfault = "dorp"', 3, "unknown fault 'dorp'"),
    ('[[turn]]\nsay = "a"\nfault = "drop@audio:3"', 3, "not at 'audio:3'"),
    ('[[turn]]\nsay = "a"\nfault = "http=503"', 3, "http answers the upgrade"),
    ('[[turn]]\nsay = "a"\n[expect]\nconections = 1', 4, "did you mean connections?"),
    ('[[turn]]\nsay = "a"\n[expect]\nturns = "many"', 4, 'turns must be a number or a range, such as 2 or "1..3"'),
]


@in_one_test(("written", "line", "reason"), MISTAKES)
def test_a_mistake_is_told_with_its_line(written: str, line: int, reason: str) -> None:
    with pytest.raises(LineError) as raised:
        read_script(written, load)
    assert reason in f"{raised.value.reason}; {raised.value.hint}"
    assert raised.value.line == line
    assert isinstance(raised.value, ValueError) and str(raised.value).startswith(f"line {line}: ")


def test_phrases_are_read_in_small_letters_and_once() -> None:
    read = read_script('hear = ["Where is it?", "where IS it", "Yes!"]\n[[turn]]\nsay = "a"\n', load)
    assert read.phrases == ("where is it", "yes")


@pytest.mark.parametrize(
    ("hear", "message"),
    [
        ('"yes"', "1: hear must be a list"),
        ("[1]", "1: 1 has no words"),
        ('["?"]', "1: '?' has no words"),
    ],
)
def test_a_mistake_in_the_phrases_names_its_line(hear: str, message: str) -> None:
    with pytest.raises(ValueError, match=re.escape(message)):
        read_script(f'hear = {hear}\n[[turn]]\nsay = "a"\n', load)


def test_words_that_cannot_be_spotted_are_named_with_the_line_of_their_phrase() -> None:
    script = 'hear = [\n  "Hello!",\n  "Call livecli 7.",\n]\n[[turn]]\nsay = "a"\n'
    with pytest.raises(LineError) as raised:
        read_script(script, load, lambda phrases: {"7", "livecli"})
    assert raised.value.line == 3
    assert raised.value.reason == "`hear` has words that PocketSphinx does not know: livecli, 7"
    assert read_script(script, load).phrases == ("hello", "call livecli 7")
