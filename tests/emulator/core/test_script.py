"""A model that follows a script: which turn answers what, and what follows upon a function's response."""

from __future__ import annotations

import copy
import io
from collections.abc import Callable
from typing import Any

import pytest

from livecli.emulator.core.behaviour import Call, InjectFaults, Say, Step, UserTurn, Wait
from livecli.emulator.core.script import ScriptedBehaviour
from livecli.emulator.core.script_file import read_script
from livecli.emulator.core.utterance import Utterance
from livecli.protocol import events, messages
from livecli.protocol.close_reasons import Refusal
from livecli.protocol.messages import FunctionResponse


def play(script: str) -> ScriptedBehaviour:
    return ScriptedBehaviour(read_script(script, lambda name: [name.encode()]))


def said(scripted: ScriptedBehaviour, text: str = "") -> list[str]:
    return [step.words for step in scripted.answer(UserTurn(text=text)) if isinstance(step, Say)]


def returned(scripted: ScriptedBehaviour, *names: str, **fields: Any) -> list[Step]:
    responses = tuple(FunctionResponse(name=name, response={"output": "sunny"}, **fields) for name in names)
    return list(scripted.answer(UserTurn(responses=responses)))


def words(steps: list[Step]) -> list[str]:
    return [step.words for step in steps if isinstance(step, Say)]


class TestWhoseTurnItIs:
    def test_turns_without_a_match_are_taken_in_order_and_then_there_is_the_echo(self) -> None:
        scripted = play('[[turn]]\nsay = "one"\n[[turn]]\nsay = "two"')
        assert [said(scripted, "a"), said(scripted, "b"), said(scripted, "c")] == [["one"], ["two"], ["c"]]

    def test_a_match_comes_before_the_order_and_answers_every_time(self) -> None:
        scripted = play('[[turn]]\nsay = "first"\n[[turn]]\nmatch = "weather"\nsay = "sunny"')
        asked = ["How is the Weather today?", "hello", "weather\nagain"]
        assert [said(scripted, text) for text in asked] == [["sunny"], ["first"], ["sunny"]]

    def test_the_first_of_several_matches_answers(self) -> None:
        scripted = play('[[turn]]\nmatch = "rain"\nsay = "rain"\n[[turn]]\nmatch = ".*"\nsay = "anything"')
        assert [said(scripted, text) for text in ("rain", "rain", "snow")] == [["rain"], ["rain"], ["anything"]]

    def test_turns_with_the_same_match_take_turns_and_the_last_goes_on(self) -> None:
        scripted = play('[[turn]]\nmatch = "hi"\nsay = "one"\n[[turn]]\nmatch = "hi"\nsay = "two"')
        assert [said(scripted, "hi") for _ in range(3)] == [["one"], ["two"], ["two"]]

    def test_speech_is_an_empty_text(self) -> None:
        scripted = play('[[turn]]\nmatch = "."\nsay = "text"\n[[turn]]\nmatch = ".*"\nsay = "speech"')
        assert [said(scripted, ""), said(scripted, "x")] == [["speech"], ["text"]]

    def test_each_session_begins_anew(self) -> None:
        turns = read_script('[[turn]]\nsay = "one"', lambda name: [])
        assert [said(ScriptedBehaviour(turns), "a") for _ in range(2)] == [["one"], ["one"]]

    def test_a_copy_goes_on_by_itself(self) -> None:
        """A handle for resumption keeps one."""
        scripted = play('[[turn]]\ncall = "f"\nthen = "done"\n[[turn]]\nsay = "two"')
        list(scripted.answer(UserTurn(text="a")))
        kept = copy.copy(scripted)
        assert (words(returned(scripted, "f")), said(scripted, "x")) == (["done"], ["two"])
        assert (words(returned(kept, "f")), said(kept, "x")) == (["done"], ["two"])

    def test_a_sound_can_be_said_again(self) -> None:
        scripted = play('[[turn]]\nmatch = "a"\nsay = "hi"\n[[turn]]\nmatch = "b"\nsay = "hi"\naudio = "b.wav"')
        for text, sound in (("a", None), ("b", [b"b.wav"])):
            for _ in range(2):
                (say,) = scripted.answer(UserTurn(text=text))
                assert isinstance(say, Say) and say.speech == sound


class TestWhatFollowsUponAResponse:
    def test_then(self) -> None:
        scripted = play('[[turn]]\ncall = {name = "f", args = {a = 1}}\nthen = [{delay_ms = 50}, "done"]')
        assert list(scripted.answer(UserTurn(text="go"))) == [Call("f", {"a": 1})]
        wait, say = returned(scripted, "f")
        assert wait == Wait(0.05)
        assert words([say]) == ["done"]

    def test_then_waits_for_all_calls_of_its_turn(self) -> None:
        scripted = play('[[turn]]\ncall = ["f", "g", "f"]\nthen = "done"')
        assert list(scripted.answer(UserTurn())) == [Call("f"), Call("g"), Call("f")]
        assert [returned(scripted, "f"), returned(scripted, "g")] == [[], []]
        assert words(returned(scripted, "f")) == ["done"]

    def test_all_of_them_at_once(self) -> None:
        scripted = play('[[turn]]\ncall = ["f", "g"]\nthen = "done"')
        list(scripted.answer(UserTurn()))
        assert words(returned(scripted, "g", "f")) == ["done"]

    def test_a_call_of_its_own_then(self) -> None:
        scripted = play(
            '[[turn]]\nsteps = [{call = "f", then = "f is done"}, "and", {call = "g"}]\nthen = "all the others are"'
        )
        assert [type(step) for step in scripted.answer(UserTurn())] == [Call, Say, Call]
        assert words(returned(scripted, "g")) == ["all the others are"]
        assert words(returned(scripted, "f")) == ["f is done"]

    def test_calls_one_after_another(self) -> None:
        scripted = play('[[turn]]\ncall = "f"\nthen = {call = "g", then = "done"}')
        list(scripted.answer(UserTurn()))
        assert returned(scripted, "f") == [Call("g")]
        assert words(returned(scripted, "g")) == ["done"]

    def test_a_response_without_a_name_answers_the_last_call(self) -> None:
        scripted = play('[[turn]]\ncall = "f"\nthen = "f"\n[[turn]]\ncall = "g"\nthen = "g"')
        for _ in range(2):
            list(scripted.answer(UserTurn()))
        assert [words(returned(scripted, "")) for _ in range(2)] == [["g"], ["f"]]

    def test_a_response_of_several_parts(self) -> None:
        scripted = play('[[turn]]\ncall = "f"\nthen = "done"')
        list(scripted.answer(UserTurn()))
        assert returned(scripted, "f", will_continue=True) == []
        assert words(returned(scripted, "f")) == ["done"]

    def test_a_call_that_was_given_up_does_not_stand_in_the_way(self) -> None:
        """The user has interrupted, and later the function is called again."""
        scripted = play('[[turn]]\nmatch = "f"\ncall = "f"\nthen = "done"')
        for _ in range(2):
            list(scripted.answer(UserTurn(text="f")))
            assert words(returned(scripted, "f")) == ["done"]
            list(scripted.answer(UserTurn(text="f")))

    @pytest.mark.parametrize("match", ["f", "sunny", r'^f \{"output": "sunny"\}$'])
    def test_a_turn_on_response(self, match: str) -> None:
        scripted = play(f"[[turn]]\non = 'response'\nmatch = '{match}'\nsay = 'fine'\n[[turn]]\nsay = 'in order'")
        assert words(returned(scripted, "f")) == ["fine"]
        assert said(scripted, "f") == ["in order"], "what the user says is another matter"

    def test_turns_on_response_in_order(self) -> None:
        scripted = play("[[turn]]\non = 'response'\nsay = 'one'\n[[turn]]\non = 'response'\nsay = 'two'")
        assert [words(returned(scripted, "f")) for _ in range(3)] == [["one"], ["two"], ["sunny"]]

    def test_then_comes_before_a_turn_on_response(self) -> None:
        scripted = play("[[turn]]\ncall = ['f', 'g']\nthen = 'then'\n[[turn]]\non = 'response'\nsay = 'on'")
        list(scripted.answer(UserTurn()))
        assert returned(scripted, "g") == []
        assert words(returned(scripted, "f", "h")) == ["then", "on"]


def test_a_script_in_a_conversation(talk: Callable[..., Any], setup: Callable[..., Any]) -> None:
    """Call, response, and the close that comes with the last word."""
    script = play(
        """
        [[turn]]
        match = "weather"
        say = "Let me see."
        call = {name = "look", args = {city = "Lucerne"}}
        then = "It is sunny."

        [[turn]]
        match = "bye"
        close = {code = 4000, reason = "as scripted"}
        """
    )
    declared = messages.Tool(function_declarations=[messages.FunctionDeclaration(name="look", behavior="BLOCKING")])
    transcripts = messages.AudioTranscriptionConfig()
    made = talk(setup(tools=[declared], output_audio_transcription=transcripts), behaviour=script)
    made.say(events.Text("How is the weather?"))
    said = [event for message in made.answers() for event in message]
    (call,) = next(event.calls for event in said if isinstance(event, events.ToolCall))
    assert (call.name, call.args) == ("look", {"city": "Lucerne"})
    assert transcript(said) == "Let me see."
    made.say(events.ToolResponse((FunctionResponse(id=call.id, name="look", response={"output": 1}),)))
    assert transcript([event for message in made.answers() for event in message]) == "It is sunny."
    made.say(events.Text("bye"))
    with pytest.raises(Refusal) as closed:
        made.answers()
    assert (closed.value.code, closed.value.reason) == (4000, "as scripted")


def transcript(said: list[events.Event]) -> str:
    return "".join(event.text for event in said if isinstance(event, events.OutputTranscript))


STATIONS = """
[[turn]]
heard = "where is the station"
match = "station"
say = "one"

[[turn]]
match = "station"
say = "two"

[[turn]]
say = "three"

[[turn]]
heard = "goodbye"
say = "four"
"""


class TestSpeech:
    def speak(self, scripted: ScriptedBehaviour) -> tuple[str | None, list[str]]:
        """What the emulator does with an utterance: its transcript, and the answer."""
        utterance = Utterance(io.BytesIO())
        utterance.write(bytes(320))
        utterance.words = scripted.transcribe()
        return utterance.words, words(list(scripted.answer(UserTurn(utterance))))

    def test_it_is_transcribed_as_the_next_turn_says(self) -> None:
        scripted = play(STATIONS)
        spoken = [self.speak(scripted) for _ in range(4)]
        assert spoken[:3] == [("where is the station", ["one"]), (None, ["three"]), ("goodbye", ["four"])]
        assert spoken[3][0] is None

    def test_what_was_typed_counts_as_used(self) -> None:
        scripted = play(STATIONS)
        assert [said(scripted, "station"), said(scripted, "hi")] == [["one"], ["three"]]
        assert self.speak(scripted) == ("goodbye", ["four"])
        assert said(scripted, "station") == ["two"]

    def test_a_session_that_is_resumed_knows_what_was_said(self) -> None:
        scripted = play(STATIONS)
        before = copy.copy(scripted)
        assert self.speak(scripted) == self.speak(before) == ("where is the station", ["one"])


def test_the_faults_of_a_turn_are_its_first_step() -> None:
    scripted = play(
        '[[turn]]\ncall = "f"\nthen = "done"\n[[turn]]\nsay = "a"\nfault = "drop@reply:3"\n'
        '[[turn]]\non = "response"\nsay = "b"\nfault = "truncate"'
    )
    list(scripted.answer(UserTurn(text="call")))
    faulty = list(scripted.answer(UserTurn(text="a")))
    assert [type(step) for step in faulty] == [InjectFaults, Say]
    assert isinstance(faulty[0], InjectFaults)
    assert [fault.kind for fault in faulty[0].faults.at("reply", 3)] == ["drop"]
    answer = returned(scripted, "f", "g")
    assert [type(step) for step in answer] == [InjectFaults, Say, Say]
    assert words(answer) == ["done", "b"]
