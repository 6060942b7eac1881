"""Sessions that outlive their connection, and connections that end."""

from __future__ import annotations

import pytest

from livecli.emulator.core.behaviour import Say
from livecli.emulator.core.handles import MAX_HANDLES_OF_A_SESSION, HandleStore
from livecli.emulator.core.lifetime import Limits
from livecli.protocol import events
from livecli.protocol.close_reasons import Refusal
from livecli.protocol.messages import (
    AudioTranscriptionConfig,
    Content,
    ContextWindowCompressionConfig,
    FunctionDeclaration,
    FunctionResponse,
    HistoryConfig,
    Part,
    SessionResumptionConfig,
    SlidingWindow,
    Tool,
)
from livecli.protocol.models import Platform
from tests.emulator.plain_models import PLAIN_MODELS

TOOLS = [Tool(function_declarations=[FunctionDeclaration(name="f", behavior="NON_BLOCKING")])]
HOUR = 3_600.0


def kinds(messages: list) -> list[type]:
    return [type(message[0]) for message in messages]


def updates(messages: list) -> list[events.ResumptionUpdate]:
    return [message[0] for message in messages if isinstance(message[0], events.ResumptionUpdate)]


def said(messages: list) -> str:
    return "".join(e.text for message in messages for e in message if isinstance(e, events.OutputTranscript))


def wanted(handle: str | None = None, **fields) -> dict:
    transparent = fields.pop("transparent", None)
    return {
        "session_resumption": SessionResumptionConfig(handle=handle, transparent=transparent),
        "output_audio_transcription": AudioTranscriptionConfig(),
        **fields,
    }


class Counting:
    """Says which turn it is."""

    turns = 0

    def answer(self, turn):
        self.turns += 1
        yield Say(f"turn {self.turns}", [bytes(2)])


def test_handles_come_after_the_setup_and_after_every_turn(talk, setup) -> None:
    session = talk(setup(**wanted()))
    (first,) = updates(session.answers())
    assert first.resumable
    assert first.handle
    session.say(events.Text("hi"))
    answers = session.answers()
    during, after = updates(answers)
    assert kinds(answers)[0] is events.ResumptionUpdate  # the model is about to speak
    assert during == events.ResumptionUpdate()
    assert answers[-1] == [after]
    assert kinds(answers)[-2] is events.TurnComplete
    assert after.resumable
    assert after.handle not in (None, first.handle)


def test_none_where_nobody_asked(talk, setup) -> None:
    session = talk(setup())
    session.say(events.Text("hi"))
    assert updates(session.answers()) == []


def test_no_handle_while_a_function_is_awaited(talk, setup) -> None:
    tools = [Tool(function_declarations=[FunctionDeclaration(name="f", behavior="BLOCKING")])]
    session = talk(setup(**wanted(tools=tools)))
    session.answers()
    session.say(events.Text("call f"))
    assert updates(session.answers()) == [events.ResumptionUpdate()]


class Line:
    """Connections, one after the other, to a server that keeps sessions."""

    def __init__(self, talk, setup, platform: Platform = Platform.DEVELOPER, **options) -> None:
        self.sessions = options.pop("sessions", HandleStore())
        self._talk, self._setup, self._platform, self._options = talk, setup, platform, options

    def open(self, handle: str | None = None, now: float = 0.0, behaviour=None, **fields):
        """A connection, and its first handle."""
        made = self._talk(None, self._platform, behaviour, sessions=self.sessions, **self._options)
        made.say(events.Setup(self._setup(self._platform, **wanted(handle, **fields))), now=now)
        made.opening = made.answers(now=now)
        return made

    def handle(self, made) -> str:
        return updates(made.opening)[-1].handle


@pytest.fixture
def line(talk, setup):
    servers = []

    def begin(*args, **options):
        servers.append(Line(talk, setup, *args, **options))
        return servers[-1]

    yield begin
    for server in servers:
        server.sessions.close()


def last_handle(messages: list) -> str:
    return updates(messages)[-1].handle


def test_tools_usage_and_what_was_asked_come_back(line) -> None:
    server = line()
    first = server.open(tools=TOOLS)
    first.say(events.Text("call f"))
    answers = first.answers()
    (call,) = next(m[0].calls for m in answers if isinstance(m[0], events.ToolCall))
    handle = last_handle(answers)
    usage = next(e for m in answers for e in m if isinstance(e, events.Usage)).metadata
    first.conversation.close(10.0)
    second = server.open(handle, now=20.0)
    second.say(events.ToolResponse((FunctionResponse(id=call.id, name="f", response={"output": "sunny"}),)))
    assert said(second.answers()) == "sunny"
    second.say(events.Text("call f"))
    answers = second.answers()
    (again,) = next(m[0].calls for m in answers if isinstance(m[0], events.ToolCall))
    assert again.id != call.id
    assert (
        next(e for m in answers for e in m if isinstance(e, events.Usage)).metadata["totalTokenCount"]
        > usage["totalTokenCount"]
    )
    assert second.turns_done == 3


def test_unanswered_content_comes_back(line) -> None:
    server = line()
    first = server.open()
    first.say(events.ClientTurns((Content(role="user", parts=[Part(text="Remember")]),), turn_complete=False))
    first.say(events.Image(b"\xff"))
    first.say(events.Text("hi"))
    handle = last_handle(first.answers())
    first.conversation.close(1.0)
    second = server.open(handle, now=2.0)
    second.say(events.ClientTurns((Content(role="user", parts=[Part(text="this")]),)))
    assert said(second.answers()) == "Remember this"


def test_the_behaviour_goes_on_where_it_was_when_the_handle_was_given(line) -> None:
    server = line()
    first = server.open(behaviour=Counting())
    first.say(events.Text("a"))
    handle = last_handle(first.answers())
    first.say(events.Text("b"))
    assert said(first.answers()) == "turn 2"
    first.conversation.close(1.0)
    for _ in range(2):  # any number of times
        second = server.open(handle, now=2.0, behaviour=Counting())
        second.say(events.Text("c"))
        assert said(second.answers()) == "turn 2"
        second.conversation.close(3.0)


def test_new_tools_replace_the_old(line) -> None:
    server = line()
    first = server.open(tools=TOOLS)
    first.conversation.close(0.0)
    other = [Tool(function_declarations=[FunctionDeclaration(name="g")])]
    second = server.open(server.handle(first), tools=other)
    second.say(events.Text("call f call g"))
    (call,) = next(m[0].calls for m in second.answers() if isinstance(m[0], events.ToolCall))
    assert call.name == "g"


class TestRefusals:
    def refused(self, server, handle: str, now: float = 0.0) -> tuple[int, str]:
        with pytest.raises(Refusal) as refused:
            server.open(handle, now=now)
        return refused.value.code, refused.value.reason

    def test_unknown(self, line) -> None:
        gone = (1008, "BidiGenerateContent session not found")
        assert self.refused(line(), "1b4e28ba-2fa1-4d20-883f-0016d3cca427") == gone
        assert self.refused(line(), 64 * "x") == gone

    def test_a_text_that_never_was_a_handle(self, line) -> None:
        assert self.refused(line(), "h1") == (1007, "Invalid session handle")

    @pytest.mark.parametrize(("platform", "hours"), [(Platform.DEVELOPER, 2), (Platform.VERTEX, 24)])
    def test_expired_so_long_after_the_end(self, line, platform, hours) -> None:
        server = line(platform)
        first = server.open()
        handle = server.handle(first)
        first.conversation.close(100 * HOUR)  # a session of four days: that does not count
        server.open(handle, now=(100 + hours) * HOUR).conversation.close((100 + hours) * HOUR)
        assert self.refused(server, handle, now=(100 + 2 * hours) * HOUR + 1)[0] == 1008

    def test_the_expiry_can_be_chosen(self, line) -> None:
        server = line(sessions=HandleStore(5.0))
        first = server.open()
        first.conversation.close(0.0)
        assert self.refused(server, server.handle(first), now=5.1)[0] == 1008

    def test_while_the_old_connection_is_open(self, line) -> None:
        server = line()
        first = server.open()
        handle = server.handle(first)
        assert self.refused(server, handle)[0] == 1011
        first.conversation.close(0.0)
        server.open(handle)

    def test_of_the_other_platform(self, line) -> None:
        server = line()
        first = server.open()
        first.conversation.close(0.0)
        assert self.refused(line(Platform.VERTEX, sessions=server.sessions), server.handle(first))[0] == 1008

    def test_a_refused_connection_leaves_the_session_alone(self, line) -> None:
        server = line()
        first = server.open()
        handle = server.handle(first)
        with pytest.raises(Refusal):
            server.open(handle)
        first.say(events.Text("hi"))
        assert said(first.answers()) == "hi"

    def test_transparent_on_the_developer_api(self, talk, setup) -> None:
        with pytest.raises(Refusal, match=r'1007 .*Unknown name "transparent"'):
            talk().say(events.Setup(setup(**wanted(transparent=True))))


def test_handles_are_bounded(line) -> None:
    server = line()
    first = server.open()
    handle = server.handle(first)
    for _ in range(MAX_HANDLES_OF_A_SESSION):
        first.say(events.Text("hi"))
        first.answers()
    assert len(server.sessions._entries) == MAX_HANDLES_OF_A_SESSION
    assert handle not in server.sessions._entries


class TestTransparent:
    def test_the_index_counts_messages_from_one(self, line) -> None:
        server = line(Platform.VERTEX)
        session = server.open(transparent=True)
        assert updates(session.opening)[0].last_consumed == 0  # the setup
        session.conversation.receive_message([events.ActivityStart(), events.AudioChunk(bytes(3_200))], 0.0)
        session.conversation.receive_message([], 0.0)
        session.say(events.ActivityEnd())
        assert updates(session.answers())[-1].last_consumed == 3
        session.say(events.Image(b"\xff"), events.Text("hi"))
        assert updates(session.answers())[-1].last_consumed == 5

    def test_it_begins_again_with_every_connection(self, line) -> None:
        server = line(Platform.VERTEX)
        first = server.open(transparent=True)
        first.say(events.Text("hi"))
        handle = last_handle(first.answers())
        first.conversation.close(0.0)
        assert updates(server.open(handle, transparent=True).opening)[0].last_consumed == 0

    def test_what_is_still_being_said_goes_on(self, line, tone) -> None:
        server = line(Platform.VERTEX)
        first = server.open(transparent=True)
        first.speak(bytes(3_200))  # 1, 2, 3
        first.say(events.ActivityStart(), events.AudioChunk(tone(0.1)))
        update = updates(first.answers())[-1]
        assert update.last_consumed == 5
        first.say(events.AudioChunk(bytes(32_000)), events.ActivityEnd())  # after the handle: to be said again
        first.conversation.close(0.0)
        second = server.open(update.handle, transparent=True)
        second.say(events.AudioChunk(tone(0.2)), events.ActivityEnd())
        assert said(second.answers()) == "[0.3 s of speech]"

    @pytest.mark.parametrize("manual", [True, False])
    def test_handles_come_while_the_user_speaks_on(self, line, tone, manual) -> None:
        server, pcm = line(Platform.VERTEX), tone(4.0)
        chunks = [pcm[at : at + 1024] for at in range(0, len(pcm), 1024)]
        made, before, kept = server.open(transparent=True, manual=manual), 0, 0
        if manual:
            made.say(events.ActivityStart())
        before = -int(manual)  # chunks before this connection's first message
        number = losses = 0
        while number < len(chunks):
            made.say(events.AudioChunk(chunks[number]))
            number += 1
            for update in updates(made.answers()):
                handle, kept = update.handle, before + update.last_consumed
            if number % 100 == 0 and number > kept > before:  # the connection is lost behind the handle
                made.conversation.close(0.0)
                made = server.open(handle, transparent=True, manual=manual)
                before = number = kept
                losses += 1
        made.say(events.ActivityEnd() if manual else events.AudioStreamEnd())
        assert losses
        assert said(made.answers()) == "[4.0 s of speech]"

    def test_the_handle_of_an_interrupted_turn_does_not_include_what_interrupts_it(self, line) -> None:
        server = line(Platform.VERTEX)
        first = server.open(transparent=True)
        first.say(events.Text("one"))
        while not said([first.conversation.next_message(0.0)]):
            pass
        first.say(events.ClientTurns((Content(role="user", parts=[Part(text="two")]),), turn_complete=True))
        interrupted, answered = [update for update in updates(first.answers()) if update.handle]
        assert (interrupted.last_consumed, answered.last_consumed) == (1, 2)
        first.conversation.close(0.0)
        second = server.open(interrupted.handle, transparent=True)
        assert not second.answers()

    def test_a_handle_can_be_used_twice(self, line, tone) -> None:
        server = line(Platform.VERTEX)
        first = server.open(transparent=True)
        first.say(events.ActivityStart(), *[events.AudioChunk(tone(0.01))] * 63)
        handle = last_handle(first.answers())
        first.conversation.close(0.0)
        for more in (0.5, 0.2):
            again = server.open(handle, transparent=True)
            again.say(events.AudioChunk(tone(more)), events.ActivityEnd())
            assert said(again.answers()) == f"[{0.63 + more:.1f} s of speech]"
            again.conversation.close(0.0)

    def test_it_is_said_only_where_it_was_asked_for(self, line) -> None:
        session = line(Platform.VERTEX).open()
        assert updates(session.opening)[0].last_consumed is None


def test_a_resumed_session_keeps_its_system_instruction(line) -> None:
    server = line()
    first = server.open()
    first.conversation.close(1.0)
    resumed = server.open(server.handle(first), system_instruction=Content(parts=[Part(text="Be brief")]))
    assert resumed.log == ["a resumed session keeps its system instruction, and ignores the one of this setup"]
    resumed.say(events.Text("hi"))
    (usage,) = [event for message in resumed.answers() for event in message if isinstance(event, events.Usage)]
    assert usage.metadata["promptTokenCount"] == 1


class TestLifetime:
    LIMITS = Limits(connection_seconds=600.0, goaway_seconds=60.0)

    def test_a_connection_is_warned_and_then_closed(self, talk, setup) -> None:
        session = talk(setup(), limits=self.LIMITS)
        assert session.answers(now=539.9) == []
        assert session.conversation.wake_at == 540.0
        assert session.answers(now=540.0) == [[events.GoAway(60.0)]]
        assert session.conversation.wake_at == 600.0
        session.say(events.Text("hi"), now=541.0)
        assert events.TurnComplete in kinds(session.answers(now=541.0))
        with pytest.raises(Refusal, match="1008 Connection aborted because the client failed to close the connection"):
            session.answers(now=600.0)

    def test_a_warning_earlier_than_the_connection_comes_at_once(self, talk, setup) -> None:
        session = talk(setup(), limits=Limits(connection_seconds=5.0))
        assert session.answers() == [[events.GoAway(5.0)]]

    def test_none_may_be_wanted(self, talk, setup) -> None:
        session = talk(setup(), limits=Limits(connection_seconds=5.0, goaway_seconds=0.0))
        with pytest.raises(Refusal, match="1011 Deadline expired before operation could complete"):
            session.answers(now=5.0)

    def test_a_session_lasts_over_its_connections(self, line) -> None:
        server = line(limits=Limits(session_seconds=900.0))
        first = server.open()
        first.say(events.Text("hi"), now=500.0)
        handle = last_handle(first.answers(now=500.0))
        first.conversation.close(500.0)
        second = server.open(handle, now=1_000.0)
        assert second.conversation.wake_at == 1_400.0
        with pytest.raises(Refusal, match="1000"):
            second.answers(now=1_400.0)

    def test_compression_has_no_end(self, talk, setup) -> None:
        compression = ContextWindowCompressionConfig(sliding_window=SlidingWindow())
        session = talk(setup(context_window_compression=compression), limits=Limits(session_seconds=900.0))
        assert session.answers(now=1e6) == []

    def test_unlimited(self, talk, setup) -> None:
        session = talk(setup())
        assert session.conversation.wake_at is None
        assert session.answers(now=1e9) == []


class TestContext:
    def small(self) -> dict:
        import msgspec

        model = PLAIN_MODELS["gemini-3.8-live"]
        return {**PLAIN_MODELS, "gemini-3.8-live": msgspec.structs.replace(model, context_tokens=1_000)}

    def fill(self, session) -> None:
        session.say(events.Text("x" * 2_000))  # 500 tokens, and their sound
        while (message := session.conversation.next_message(0.0)) is not None and not isinstance(
            message[0], events.TurnComplete
        ):
            if isinstance(message[0], events.AudioChunk):
                session.say(events.ClientTurns((), turn_complete=False))

    def test_a_full_context_ends_the_session(self, talk, setup) -> None:
        session = talk(setup(), models=self.small())
        self.fill(session)
        with pytest.raises(Refusal, match="1000"):
            for _ in range(3):
                self.fill(session)
        assert "full" in session.log[-1]

    def test_compression_makes_room(self, talk, setup) -> None:
        compression = ContextWindowCompressionConfig(
            trigger_tokens=900, sliding_window=SlidingWindow(target_tokens=100)
        )
        session = talk(setup(context_window_compression=compression), models=self.small())
        for _ in range(20):
            self.fill(session)
        assert session.turns_done == 20


class TestHistory:
    def test_what_comes_first_is_history_where_it_is_said_to_be(self, talk, setup) -> None:
        config = HistoryConfig(initial_history_in_client_content=True)
        session = talk(setup(history_config=config, output_audio_transcription=AudioTranscriptionConfig()))
        turns = (Content(role="user", parts=[Part(text="Hi")]), Content(role="model", parts=[Part(text="Hello")]))
        session.say(events.ClientTurns(turns, turn_complete=False))
        session.say(events.ClientTurns((Content(role="user", parts=[Part(text="Still history")]),)))
        assert session.answers() == []
        session.say(events.ClientTurns((Content(role="user", parts=[Part(text="Now")]),)))
        answers = session.answers()
        assert said(answers) == "Now"
        assert answers[-1][1].metadata["promptTokenCount"] == 6  # Hello, Still history, Now

    def test_a_blank_text_asks_for_the_answer_to_what_the_history_ended_with(self, talk, setup) -> None:
        config = HistoryConfig(initial_history_in_client_content=True)
        session = talk(setup(history_config=config, output_audio_transcription=AudioTranscriptionConfig()))
        session.say(events.ClientTurns((Content(role="user", parts=[Part(text="Hello")]),)))
        session.say(events.Text(" "))
        assert said(session.answers()) == "Hello"
        session.say(events.Text(" "))
        assert said(session.answers()) == " "

    def test_a_model_of_before_answers_it(self, talk, setup) -> None:
        config = HistoryConfig(initial_history_in_client_content=True)
        native = "models/gemini-2.5-flash-native-audio-preview-12-2025"
        transcript = AudioTranscriptionConfig()
        session = talk(setup(model=native, history_config=config, output_audio_transcription=transcript))
        session.say(events.ClientTurns((Content(role="user", parts=[Part(text="Hello")]),)))
        assert said(session.answers()) == "Hello"
