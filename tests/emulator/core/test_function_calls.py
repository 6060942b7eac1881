"""Functions, searching, and what else the model does besides speaking."""

from __future__ import annotations

import json
import re

import pytest

from livecli.emulator.core.behaviour import GREETING, Call, Close, Code, EndTurn, Ground, Say, Think
from livecli.emulator.core.function_calls import MAX_PENDING_CALLS
from livecli.protocol import events
from livecli.protocol.close_reasons import Refusal
from livecli.protocol.messages import (
    AudioTranscriptionConfig,
    Content,
    ContextUpdate,
    FunctionDeclaration,
    FunctionResponse,
    GenerationConfig,
    Part,
    ThinkingConfig,
    Tool,
    ToolList,
)
from livecli.protocol.models import MODELS, Platform

UUID = r"[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}"
NATIVE = "models/gemini-2.5-flash-native-audio-preview-12-2025"
HALF_CASCADE = "projects/p/locations/us-central1/publishers/google/models/gemini-live-2.5-flash"
EXTENDED = "models/gemini-3.8-live-extended-thinking"
LEVEL = GenerationConfig(thinking_config=ThinkingConfig(thinking_level="LOW"))


def functions(*names: str, behavior: str | None = None) -> list[Tool]:
    return [Tool(function_declarations=[FunctionDeclaration(name=name, behavior=behavior) for name in names])]


def transcribed(*names: str, behavior: str | None = None, **fields) -> dict:
    return {
        "tools": functions(*names, behavior=behavior),
        "output_audio_transcription": AudioTranscriptionConfig(),
        **fields,
    }


def kinds(messages: list) -> list[type]:
    return [type(message[0]) for message in messages]


def calls(messages: list) -> list:
    return [
        call for message in messages for event in message if isinstance(event, events.ToolCall) for call in event.calls
    ]


def said(messages: list) -> str:
    return "".join(e.text for message in messages for e in message if isinstance(e, events.OutputTranscript))


def returned(call, value="sunny", **fields) -> events.ToolResponse:
    return events.ToolResponse((FunctionResponse(id=call.id, name=call.name, response={"output": value}, **fields),))


class Acts:
    """Takes these steps in the first turn, and says "well" in the others."""

    def __init__(self, *steps) -> None:
        self.steps = steps

    def answer(self, turn):
        steps, self.steps = self.steps, ()
        yield from steps or (Say("well", [bytes(2)]),)


@pytest.mark.parametrize(
    ("text", "called"),
    [
        ("call get_time", [("get_time", {})]),
        ("please call get_time now", [("get_time", {})]),
        ('call get_weather {"place": "x"}', [("get_weather", {"place": "x"})]),
        (
            'call get_weather {"place": {"a": [1]}} and call get_time.',
            [("get_weather", {"place": {"a": [1]}}), ("get_time", {})],
        ),
        ("call get_weather {oops", [("get_weather", {})]),
        ("call get_weather [1]", [("get_weather", {})]),
        ("call unknown", []),
        ("recall get_time", []),
    ],
)
def test_the_echo_calls_what_a_text_names(talk, setup, text: str, called: list) -> None:
    session = talk(setup(tools=functions("get_time", "get_weather")))
    session.say(events.Text(text))
    answers = session.answers()
    assert [(call.name, call.args) for call in calls(answers)] == called
    assert kinds(answers).count(events.ToolCall) == bool(called)  # one message for all of them


@pytest.mark.parametrize(("platform", "form"), [(Platform.DEVELOPER, r"function-call-\d+"), (Platform.VERTEX, UUID)])
def test_ids_have_the_platforms_form_and_differ(talk, setup, platform, form) -> None:
    session = talk(setup(platform, tools=functions("f")), platform)
    session.say(events.Text("call f call f"), events.Text("call f"))
    ids = [call.id for call in calls(session.answers())]
    assert len(set(ids)) == 3
    assert all(re.fullmatch(form, id) for id in ids)


class TestBlocking:
    def test_the_turn_stays_open_until_the_function_has_returned(self, talk, setup) -> None:
        session = talk(setup(**transcribed("f", behavior="BLOCKING")))
        session.say(events.Text("call f"))
        asked = session.answers()
        assert kinds(asked) == [events.ToolCall]
        session.say(returned(calls(asked)[0]))
        answers = session.answers()
        assert said(answers) == "sunny"
        assert kinds(answers)[-2:] == [events.GenerationComplete, events.TurnComplete]

    def test_it_is_the_default_of_the_models_before(self, talk, setup) -> None:
        session = talk(setup(model=NATIVE, tools=functions("f")))
        session.say(events.Text("call f"))
        assert kinds(session.answers()) == [events.ToolCall]

    def test_all_of_several_have_to_return(self, talk, setup) -> None:
        session = talk(setup(**transcribed("f", "g", behavior="BLOCKING")))
        session.say(events.Text("call f call g"))
        f, g = calls(session.answers())
        session.say(returned(g, "second"))
        assert session.answers() == []
        session.say(returned(f, "first"))
        assert said(session.answers()) == "second first"

    def test_what_was_typed_meanwhile_waits_where_the_model_is_not_asynchronous(self, talk, setup) -> None:
        session = talk(setup(**transcribed("f", model=NATIVE)))
        session.say(events.Text("call f"))
        (f,) = calls(session.answers())
        session.say(events.Text("hello?"))
        assert session.answers() == []
        session.say(returned(f))
        assert said(session.answers()) == "sunnyhello?"

    def test_a_function_that_never_returns_does_not_deafen_the_model(self, talk, setup) -> None:
        session = talk(setup(**transcribed("f", model=NATIVE)))
        session.say(events.Text("call f"))
        session.answers()
        for _ in range(100):
            assert session.conversation.accepts_input
            session.say(events.Text("hello?"))
            session.answers()
        assert session.turns_done

    def test_a_function_that_returns_before_the_last_message_is_taken_does_not_close_the_turn(
        self, talk, setup
    ) -> None:
        session = talk(setup(Platform.VERTEX, **transcribed("f", behavior="BLOCKING")), Platform.VERTEX)
        session.say(events.Text("call f"))
        called = session.conversation.next_message(0.0)
        session.say(returned(calls([called])[0]))
        assert kinds(session.answers()).count(events.TurnComplete) == 1
        assert session.turns_done == 1

    def test_much_that_others_returned_does_not_deafen_it_either(self, talk, setup) -> None:
        session = talk(setup(Platform.VERTEX, **transcribed("f", behavior="BLOCKING")), Platform.VERTEX)
        session.say(events.Text("call f"))
        session.answers()
        for _ in range(40):
            assert session.conversation.accepts_input
            session.say(TestUnasked.RESPONSE)
            session.answers()

    def test_the_same_response_twice_is_one(self, talk, setup) -> None:
        session = talk(setup(**transcribed("f", behavior="BLOCKING")))
        session.say(events.Text("call f"))
        (f,) = calls(session.answers())
        session.say(returned(f), returned(f))
        assert said(session.answers()) == "sunny"


class TestNonBlocking:
    def asked(self, talk, setup, **fields):
        session = talk(setup(**transcribed("f", **fields)))
        session.say(events.Text("call f"))
        answers = session.answers()
        assert kinds(answers) == [events.ToolCall, events.GenerationComplete, events.TurnComplete]
        return session, calls(answers)[0]

    def test_the_conversation_goes_on(self, talk, setup) -> None:
        session, f = self.asked(talk, setup)
        session.say(events.Text("meanwhile"))
        assert said(session.answers()) == "meanwhile"
        session.say(returned(f))
        assert said(session.answers()) == "sunny"

    def test_it_can_be_asked_of_the_models_before(self, talk, setup) -> None:
        session, f = self.asked(talk, setup, model=NATIVE, behavior="NON_BLOCKING")
        session.say(returned(f))
        assert said(session.answers()) == "sunny"

    def test_silent(self, talk, setup) -> None:
        session, f = self.asked(talk, setup)
        session.say(returned(f, scheduling="SILENT"))
        assert session.answers() == []

    @pytest.mark.parametrize("scheduling", [None, "WHEN_IDLE"])
    def test_when_idle(self, talk, setup, scheduling) -> None:
        session, f = self.asked(talk, setup)
        session.say(events.Text("go on"))
        session.conversation.next_message(0.0)
        session.say(returned(f, scheduling=scheduling))
        answers = session.answers()
        assert events.Interrupted not in kinds(answers)
        assert said(answers) == " onsunny"

    def test_interrupt(self, talk, setup) -> None:
        session, f = self.asked(talk, setup)
        session.say(events.Text("go on"))
        session.conversation.next_message(0.0)
        session.say(returned(f, scheduling="INTERRUPT"))
        answers = session.answers()
        assert kinds(answers)[:2] == [events.Interrupted, events.TurnComplete]
        assert said(answers) == "sunny"

    @pytest.mark.parametrize("scheduling", ["INTERRUPT", "WHEN_IDLE"])
    def test_never_while_the_user_is_speaking(self, talk, setup, scheduling) -> None:
        session, f = self.asked(talk, setup)
        session.say(events.ActivityStart(), events.AudioChunk(bytes(3_200)))
        session.say(returned(f, scheduling=scheduling))
        assert session.answers() == []
        session.say(events.ActivityEnd())
        assert said(session.answers()) == "[0.1 s of speech]sunny"

    def test_speech_does_not_cancel_it(self, talk, setup) -> None:
        session, f = self.asked(talk, setup)
        session.speak(bytes(3_200))
        assert events.ToolCallCancellation not in kinds(session.answers())
        session.say(returned(f))
        assert said(session.answers()) == "sunny"

    def test_a_function_that_has_more_to_say(self, talk, setup) -> None:
        session, f = self.asked(talk, setup)
        for more in (True, True, False):
            session.say(returned(f, "part", will_continue=more))
            assert said(session.answers()) == "part"
        session.say(returned(f, "part"))
        assert session.answers() == []

    def test_extended_thinking_never_speaks_about_the_last_response_after_a_part(self, talk, setup) -> None:
        how = transcribed("f", "g")
        session = talk(setup(model=EXTENDED, generation_config=LEVEL, **how), models=MODELS)
        session.answers()
        session.say(events.Text("call f call g"))
        f, g = calls(session.answers())
        session.say(returned(f, "part", will_continue=True))
        assert said(session.answers()) == "part"
        session.say(returned(f, "all of it"))
        assert said(session.answers()) == ""
        session.say(returned(g, "other"))
        answers = session.answers()
        assert said(answers) == "other"
        assert [e.status for message in answers for e in message if isinstance(e, events.InteractionStatus)] == ["IDLE"]

    def test_calls_without_a_response_do_not_pile_up(self, talk, setup) -> None:
        session = talk(setup(tools=functions("f")))
        for _ in range(MAX_PENDING_CALLS + 50):
            session.say(events.Text("call f"))
            session.answers()
        assert len(session.conversation._dialogue.memory.tools.pending) == MAX_PENDING_CALLS


class TestUnasked:
    RESPONSE = events.ToolResponse((FunctionResponse(id="made-up", name="f", response={"output": "so"}),))

    def test_the_developer_api_says_nothing(self, talk, setup) -> None:
        session = talk(setup())
        session.say(self.RESPONSE)
        assert session.answers() == []

    def test_vertex_speaks(self, talk, setup) -> None:
        session = talk(setup(Platform.VERTEX, model=HALF_CASCADE, **transcribed("f")), Platform.VERTEX, models=MODELS)
        session.say(self.RESPONSE)
        assert said(session.answers()) == "so"

    @pytest.mark.parametrize("platform", Platform)
    def test_the_default_model_greets(self, talk, setup, platform: Platform) -> None:
        session = talk(setup(platform, **transcribed("f")), platform, models=MODELS)
        session.answers()
        session.say(self.RESPONSE)
        assert said(session.answers()) == GREETING

    def test_vertex_knows_a_function_without_its_id(self, talk, setup) -> None:
        session = talk(setup(Platform.VERTEX, **transcribed("f", behavior="BLOCKING")), Platform.VERTEX)
        session.say(events.Text("call f"))
        session.answers()
        session.say(events.ToolResponse((FunctionResponse(name="f", response={"a": 1, "b": 2}),)))
        assert json.loads(said(session.answers())) == {"a": 1, "b": 2}


class TestInteractionStatus:
    def statuses(self, messages: list) -> list[str]:
        for message in messages:
            assert [e for e in message if isinstance(e, events.InteractionStatus)] == [] or isinstance(
                message[0], events.TurnComplete
            )
        return [e.status for message in messages for e in message if isinstance(e, events.InteractionStatus)]

    def test_it_stands_beside_turn_complete(self, talk, setup) -> None:
        session = talk(setup(model=EXTENDED, generation_config=LEVEL))
        session.say(events.Text("hi"))
        assert self.statuses(session.answers()) == ["IDLE"]
        other = talk(setup())
        other.say(events.Text("hi"))
        assert self.statuses(other.answers()) == []

    def test_more_follows_while_a_function_runs(self, talk, setup) -> None:
        session = talk(setup(model=EXTENDED, generation_config=LEVEL, tools=functions("f")))
        session.say(events.Text("call f"))
        answers = session.answers()
        assert self.statuses(answers) == ["IN_PROGRESS"]
        session.say(returned(calls(answers)[0]))
        assert self.statuses(session.answers()) == ["IDLE"]

    def test_it_refuses_scheduling(self, talk, setup) -> None:
        session = talk(setup(model=EXTENDED, generation_config=LEVEL, tools=functions("f")))
        session.say(events.Text("call f"))
        (f,) = calls(session.answers())
        reason = "1007 Function response scheduling is not supported for this model."
        with pytest.raises(Refusal, match=reason):
            session.say(returned(f, scheduling="SILENT"))


@pytest.mark.parametrize(("model", "announced"), [(NATIVE, True), ("models/gemini-3.8-live", False)])
def test_native_audio_announces_a_search(talk, setup, model: str, announced: bool) -> None:
    session = talk(setup(model=model, tools=[Tool(google_search={})]), models=MODELS)
    session.answers()
    session.say(events.Text("search kiwis"))
    found = [event for message in session.answers() for event in message]
    output = "Looking up information on Google Search.\n"
    notice = events.ModelCode({"codeExecutionResult": {"outcome": "OUTCOME_OK", "output": output}})
    assert [event for event in found if isinstance(event, events.ModelCode)] == [notice] * announced
    assert any(isinstance(event, events.Grounding) for event in found)


JSON_SCHEMA = {"type": "object", "properties": {"city": {"type": "string"}}}


class TestJsonSchema:
    """`parametersJsonSchema` is ignored: a function that is declared with it alone has no parameters."""

    def declared(self, **fields) -> list[Tool]:
        return [Tool(function_declarations=[FunctionDeclaration(name="f", **fields)])]

    def test_its_arguments_are_lost(self, talk, setup) -> None:
        session = talk(setup(tools=self.declared(parameters_json_schema=JSON_SCHEMA)))
        assert session.log == ["the service ignores parametersJsonSchema: called without arguments: f"]
        session.say(events.Text('call f {"city": "Paris"}'))
        assert calls(session.answers())[0].args == {}

    def test_so_are_those_of_a_script(self, talk, setup) -> None:
        tools = self.declared(parameters_json_schema=JSON_SCHEMA)
        session = talk(setup(tools=tools), behaviour=Acts(Call("f", {"city": "Paris"})))
        session.say(events.Text("go"))
        assert calls(session.answers())[0].args == {}

    @pytest.mark.parametrize("more", [{}, {"parameters_json_schema": JSON_SCHEMA}])
    def test_parameters_count(self, talk, setup, more) -> None:
        session = talk(setup(tools=self.declared(parameters={"type": "OBJECT"}, **more)))
        assert session.log == []
        session.say(events.Text('call f {"city": "Paris"}'))
        assert calls(session.answers())[0].args == {"city": "Paris"}

    def test_it_is_said_once(self, talk, setup) -> None:
        session = talk(setup())
        for _ in range(2):
            tools = ToolList(tools=self.declared(parameters_json_schema=JSON_SCHEMA))
            session.say(events.ContextUpdate(ContextUpdate(tools=tools)))
        assert session.log == ["the service ignores parametersJsonSchema: called without arguments: f"]


class TestContextUpdate:
    def test_tools_come_and_go(self, talk, setup) -> None:
        session = talk(setup(tools=functions("f")))
        session.say(
            events.ContextUpdate(ContextUpdate(tools=ToolList(tools=functions("g")))), events.Text("call f call g")
        )
        assert [call.name for call in calls(session.answers())] == ["g"]
        session.say(events.ContextUpdate(ContextUpdate(tools=ToolList())), events.Text("call g"))
        assert calls(session.answers()) == []

    def test_it_is_in_order_with_what_is_said(self, talk, setup) -> None:
        session = talk(setup(tools=functions("f")))
        session.say(events.Text("call f"), events.ContextUpdate(ContextUpdate(tools=ToolList())))
        assert [call.name for call in calls(session.answers())] == ["f"]

    def test_instructions_leave_the_tools_alone(self, talk, setup) -> None:
        session = talk(setup(tools=functions("f")))
        instruction = Content(parts=[Part(text="Be brief")])
        session.say(events.ContextUpdate(ContextUpdate(system_instruction=instruction)), events.Text("call f"))
        answers = session.answers()
        assert len(calls(answers)) == 1
        assert answers[-1][1].metadata["promptTokenCount"] == 4

    def test_tools_are_admitted_as_in_the_setup(self, talk, setup) -> None:
        session = talk(setup())
        with pytest.raises(Refusal, match="1007 Code Execution tool is not supported for this model"):
            session.say(events.ContextUpdate(ContextUpdate(tools=ToolList(tools=[Tool(code_execution={})]))))


def test_searching_is_grounded(talk, setup) -> None:
    session = talk(setup(tools=[Tool(google_search={})]))
    session.say(events.Text("search the news"))
    (grounding,) = [m[0] for m in session.answers() if isinstance(m[0], events.Grounding)]
    assert grounding.metadata["webSearchQueries"] == ["search the news"]
    session.say(events.Text("hello"))
    assert events.Grounding not in kinds(session.answers())
    other = talk(setup())
    other.say(events.Text("search the news"))
    assert events.Grounding not in kinds(other.answers())


class TestThoughts:
    def config(self, **fields) -> GenerationConfig:
        return GenerationConfig(thinking_config=ThinkingConfig(**fields))

    def test_they_are_shown_where_they_are_asked_for(self, talk, setup) -> None:
        session = talk(setup(model=NATIVE, generation_config=self.config(include_thoughts=True)))
        session.say(events.Text("hi"))
        answers = session.answers()
        assert kinds(answers)[0] is events.Thought
        usage = answers[-1][1].metadata
        assert usage["thoughtsTokenCount"] == 8
        assert usage["totalTokenCount"] == usage["promptTokenCount"] + usage["responseTokenCount"]
        assert list(usage)[-1] == "thoughtsTokenCount"

    def test_else_they_are_only_counted(self, talk, setup) -> None:
        session = talk(setup(model=NATIVE))
        session.say(events.Text("hi"))
        answers = session.answers()
        assert events.Thought not in kinds(answers)
        assert answers[-1][1].metadata["thoughtsTokenCount"]

    @pytest.mark.parametrize("fields", [{}, {"model": NATIVE, "generation_config": 0}])
    def test_who_does_not_think_has_none(self, talk, setup, fields: dict) -> None:
        if fields:
            fields = {**fields, "generation_config": self.config(thinking_budget=0, include_thoughts=True)}
        session = talk(setup(**fields), behaviour=Acts(Think("hm"), Say("well", [bytes(2)])))
        session.say(events.Text("hi"))
        answers = session.answers()
        assert events.Thought not in kinds(answers)
        assert "thoughtsTokenCount" not in answers[-1][1].metadata


class TestSteps:
    def run(self, talk, setup, *steps) -> list:
        session = talk(setup(), behaviour=Acts(*steps))
        session.say(events.Text("go"))
        return session.answers()

    def test_code_before_a_call(self, talk, setup) -> None:
        code = {"executableCode": {"language": "PYTHON", "code": "print()"}}
        code_message, call_message, *_ = self.run(talk, setup, Code(code), Call("f", {"a": 1}), Call("g"))
        assert code_message == [events.ModelCode(code)]
        assert [call.name for call in call_message[0].calls] == ["f", "g"]

    def test_calls_apart_are_messages_apart(self, talk, setup) -> None:
        said = self.run(talk, setup, Call("f"), Say("and", [bytes(2)]), Call("g"))
        assert kinds(said)[:3] == [events.ToolCall, events.AudioChunk, events.ToolCall]

    def test_grounding(self, talk, setup) -> None:
        assert self.run(talk, setup, Ground({"a": 1}))[0] == [events.Grounding({"a": 1})]

    def test_a_turn_may_end_for_a_reason(self, talk, setup) -> None:
        generated, completed = self.run(talk, setup, EndTurn("MALFORMED_FUNCTION_CALL"), Say("never", []))
        assert generated == [events.GenerationComplete()]
        assert completed[0] == events.TurnComplete("MALFORMED_FUNCTION_CALL")

    def test_a_turn_may_break_off(self, talk, setup) -> None:
        session = talk(setup(), behaviour=Acts(Say("And", [bytes(2)]), EndTurn(complete=False)))
        session.say(events.Text("go"))
        assert kinds(session.answers()) == [events.AudioChunk]
        session.say(events.Text("go on"))
        assert kinds(session.answers())[-1] is events.TurnComplete

    def test_the_session_may_be_closed(self, talk, setup) -> None:
        session = talk(setup(), behaviour=Acts(Say("Bye", [bytes(2)]), Close(1011, "enough")))
        session.say(events.Text("go"))
        assert kinds([session.conversation.next_message(0.0)]) == [events.AudioChunk]
        with pytest.raises(Refusal) as closed:
            session.answers()
        assert (closed.value.code, closed.value.reason) == (1011, "enough")


class TestCallTurns:
    """What a function call does to its turn, model by model."""

    def asked(self, talk, setup, model: str, platform: Platform = Platform.DEVELOPER, **declared):
        session = talk(setup(platform, model=model, **transcribed("f", **declared)), platform, models=MODELS)
        session.answers()
        session.say(events.Text("call f"))
        return session, session.answers()

    def test_half_cascade_closes_the_turn_of_the_call(self, talk, setup) -> None:
        session, asked = self.asked(talk, setup, HALF_CASCADE, Platform.VERTEX)
        (f,) = calls(asked)
        assert kinds(asked) == [
            events.OutputTranscript,
            events.ToolCall,
            events.OutputTranscript,
            events.GenerationComplete,
            events.TurnComplete,
        ]
        assert asked[2] == [events.OutputTranscript("", finished=True)]
        complete, grounding, usage = asked[-1]
        assert (complete, grounding) == (events.TurnComplete(), events.Grounding({}))
        assert usage.metadata["responseTokensDetails"] == [
            {"modality": "TEXT", "tokenCount": 1},
            {"modality": "AUDIO"},
        ]
        session.say(returned(f), now=9.0)
        answers = session.answers(now=9.0)
        assert said(answers) == "sunny"
        assert kinds(answers)[-1] is events.TurnComplete
        assert session.conversation.wake_at is None

    def test_a_turn_that_has_ended_is_not_interrupted(self, talk, setup) -> None:
        session, _ = self.asked(talk, setup, HALF_CASCADE, Platform.VERTEX)
        session.say(events.ActivityStart(), now=2.0)
        assert kinds(session.answers(now=2.0)) == [events.ToolCallCancellation]

    @pytest.mark.parametrize("platform", Platform)
    def test_the_default_model_ends_the_turn_of_the_call_with_an_empty_message(
        self, talk, setup, platform: Platform
    ) -> None:
        model = f"{'publishers/google/' if platform is Platform.VERTEX else ''}models/gemini-3.8-live"
        session, asked = self.asked(talk, setup, model, platform)
        (f,) = calls(asked)
        assert [message for message in asked if message][-1] == [events.ToolCall((f,))]
        session.say(returned(f), now=1.0)
        complete, *answer = session.answers(now=1.0)
        assert complete[0] == events.TurnComplete()
        assert complete[1].metadata["responseTokenCount"] == 1
        assert said(answer) == "sunny"
        assert answer[-1][0] == events.TurnComplete()

    def test_the_default_model_answers_several_calls_once(self, talk, setup) -> None:
        session = talk(setup(**transcribed("f", "g")), models=MODELS)
        session.answers()
        session.say(events.Text("call f call g"))
        f, g = calls(session.answers())
        session.say(returned(f, "first"))
        assert [type(event) for message in session.answers() for event in message] == [
            events.TurnComplete,
            events.Usage,
        ]
        session.say(returned(g, "second"))
        answers = session.answers()
        assert said(answers) == "first second"
        assert sum(isinstance(message[0], events.TurnComplete) for message in answers if message) == 1

    @pytest.mark.parametrize("scheduling", ["SILENT", None])
    def test_a_call_of_another_message_is_not_waited_for(self, talk, setup, scheduling) -> None:
        session = talk(setup(**transcribed("f", "g")), models=MODELS)
        session.answers()
        session.say(events.Text("call f"))
        session.answers()
        session.say(events.Text("call f call g"))
        f, g = calls(session.answers())
        session.say(returned(f, "first"))
        assert said(session.answers()) == ""
        session.say(returned(g, "second", scheduling=scheduling))
        assert said(session.answers()) == ("first second" if scheduling is None else "first")

    def test_text_during_a_call_of_the_default_model_is_answered_in_its_turn(self, talk, setup) -> None:
        session, asked = self.asked(talk, setup, "models/gemini-3.8-live")
        session.say(events.Text("meanwhile"))
        answers = session.answers()
        assert said(answers) == "meanwhile"
        session.say(returned(calls(asked)[0]))
        later = session.answers()
        assert said(later) == "sunny"
        assert [type(message[0]) for message in answers + later if message].count(events.TurnComplete) == 2

    @pytest.mark.parametrize("scheduling", ["INTERRUPT", "WHEN_IDLE"])
    def test_native_audio_holds_the_turn_open(self, talk, setup, scheduling: str) -> None:
        session = talk(
            setup(model=NATIVE, **transcribed("f", behavior="NON_BLOCKING")),
            behaviour=Acts(Call("f"), Say("one moment", [bytes(2)])),
            models=MODELS,
        )
        session.say(events.Text("go"))
        asked = session.answers()
        assert kinds(asked)[-1] is events.GenerationComplete
        (f,) = calls(asked)
        session.say(events.ToolResponse((FunctionResponse(id=f.id, name="f", scheduling=scheduling),)), now=5.0)
        ended = kinds(session.answers(now=5.0))
        assert (ended[0] is events.Interrupted) == (scheduling == "INTERRUPT")
        assert events.TurnComplete in ended[:2]

    def test_extended_thinking_ends_its_turn_before_the_call(self, talk, setup) -> None:
        level = GenerationConfig(thinking_config=ThinkingConfig(thinking_level="LOW"))
        session = talk(
            setup(model=EXTENDED, generation_config=level, **transcribed("f")),
            behaviour=Acts(Say("one moment", [bytes(2)]), Call("f")),
            models=MODELS,
        )
        session.answers()
        session.say(events.Text("go"))
        *_, generated, complete, called = session.answers()
        assert generated == [events.GenerationComplete()]
        assert complete[1] == events.InteractionStatus("IN_PROGRESS")
        assert re.fullmatch(r"call_\d+_fc_\d+_0", called[0].calls[0].id)
        session.say(returned(called[0].calls[0]))
        assert session.answers()[-1][1] == events.InteractionStatus("IDLE")

    @pytest.mark.parametrize("model", [NATIVE, "models/gemini-3.1-flash-live-preview"])
    def test_a_blocking_call_is_one_turn_on_the_other_models(self, talk, setup, model: str) -> None:
        session, asked = self.asked(talk, setup, model)
        (f,) = calls(asked)
        assert session.answers(now=60.0) == []
        session.say(returned(f), now=60.0)
        answers = session.answers(now=60.0)
        assert said(answers) == "sunny"
        assert kinds(answers).count(events.TurnComplete) == 1

    def test_speaking_over_it_ends_it_once(self, talk, setup) -> None:
        session, _ = self.asked(talk, setup, NATIVE)
        session.say(events.ActivityStart(), now=0.5)
        assert kinds(session.answers(now=0.5)) == [events.ToolCallCancellation, events.Interrupted, events.TurnComplete]
        assert session.answers(now=5.0) == []

    @pytest.mark.parametrize(
        ("model", "form"),
        [
            (NATIVE, r"function-call-\d{1,20}"),
            ("models/gemini-3.1-flash-live-preview", r"fc_\d{1,19}"),
            ("models/gemini-3.8-live", r"fc_\d{1,19}"),
        ],
    )
    def test_ids_have_the_form_of_the_model(self, talk, setup, model: str, form: str) -> None:
        _, asked = self.asked(talk, setup, model)
        assert re.fullmatch(form, str(calls(asked)[0].id))
