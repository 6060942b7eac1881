"""The display of a chat with a prompt: what becomes a line, and what the toolbar shows."""

from __future__ import annotations

import pytest

from livecli.console.terminal.chat_terminal import INTERRUPTED, ChatState, TerminalChat, meter, toolbar
from livecli.errors import Interrupted, QuotaError, ServerError
from livecli.protocol import events
from livecli.protocol.grounding import Citation
from livecli.protocol.messages import FunctionCall
from livecli.report.reporter import DisplayOptions, Retry
from tests.cases import in_one_test
from tests.console.runs import ENDPOINT, answered_run, failed_run

LOST = ServerError("gone\x07")


@pytest.fixture
def chat(screen_output):
    """A display that is connected."""
    display = TerminalChat()
    display.connecting(ENDPOINT)
    display.connected(answered_run())
    screen_output.take()
    return display


def receive(display, *received):
    for event in received:
        display.turn_event(event)


def text_of(fragments):
    return "".join(text for _, text in fragments)


# --- the toolbar ---


@pytest.mark.parametrize(
    ("level", "bar"),
    [(0.0, "▮" * 12), (12.0, "▮" * 12), (-30.0, "▮" * 6 + "▯" * 6), (-60.0, "▯" * 12), (-96.0, "▯" * 12)],
)
def test_the_meter_is_linear_in_decibels(level, bar):
    assert meter(level) == bar


@in_one_test(
    ("state", "problem", "style", "text"),
    [
        (ChatState("ready"), "", "ready", "ready  m"),
        (ChatState("ready: press space to talk"), "", "ready", "ready: press space to talk  m"),
        (ChatState("hearing you", -30.0), "", "hearing", f"hearing you  m  mic {meter(-30.0)}"),
        (ChatState("speaking", speaker_on=True), "", "speaking", "speaking  m  speaker"),
        (ChatState("waiting"), "no session", "trouble", "no session  m"),
        (ChatState("ready", lost=["speaker"]), "", "ready", "ready  m  no speaker"),
    ],
)
def test_the_toolbar_has_the_state_and_the_devices(state, problem, style, text):
    fragments = toolbar(state, "m", None, problem)
    assert fragments[0][0] == f"class:state class:state.{style}"
    assert text_of(fragments) == text


def test_the_toolbar_has_the_latency_of_the_last_answer(chat):
    assert text_of(chat.toolbar(ChatState("ready"))) == "ready  gemini-live"
    chat.finished(answered_run())
    assert text_of(chat.toolbar(ChatState("ready"))) == "ready  gemini-live  500 ms"
    chat.note_question()
    asked = answered_run()
    asked.stats.audio_at = 9.0
    chat.finished(asked)
    assert text_of(chat.toolbar(ChatState("ready"))) == "ready  gemini-live  500 ms"
    interrupted = answered_run()
    interrupted.stats.interrupted, interrupted.stats.audio_at = True, 9.0
    chat.finished(interrupted)
    assert text_of(chat.toolbar(ChatState("ready"))) == "ready  gemini-live  500 ms"


# --- turns ---


def test_an_answer_grows_and_is_a_line_when_it_is_over(chat, screen_output):
    receive(chat, events.InputTranscript("where"), events.OutputTranscript("over"), events.OutputTranscript(" there"))
    assert screen_output.take() == ["> where"]
    assert text_of(chat.screen.unfinished_rows) == "over there\n"
    chat.finished(answered_run())
    assert screen_output.take() == ["over there"]


def test_the_text_of_a_model_is_shown_as_markdown(chat, screen_output):
    receive(chat, events.ModelText("## A\n* b **c"), events.ModelText("** `d`"))
    chat.finished(answered_run())
    assert screen_output.take() == ["A", "• b c `d`"]


def test_kinds_of_text_have_rows_of_their_own(chat, screen_output):
    code = {"executableCode": {"code": "print(1)\nprint(2)"}}
    receive(chat, events.Thought("hm"), events.ModelCode(code), events.OutputTranscript("1"), events.AudioChunk(b"ab"))
    chat.finished(answered_run())
    assert screen_output.take() == ["hm", "print(1)", "print(2)", "1"]


def test_an_interruption_ends_the_row_and_is_said_once(chat, screen_output):
    receive(chat, events.OutputTranscript("one"))
    chat.show_interruption()
    receive(chat, events.Interrupted())
    assert screen_output.take() == ["one", INTERRUPTED]
    receive(chat, events.OutputTranscript("two"))
    chat.show_interruption()
    assert screen_output.take() == ["two", INTERRUPTED]


def test_the_service_interrupts_once(chat, screen_output):
    receive(chat, events.OutputTranscript("one"), events.Interrupted(), events.Interrupted())
    assert screen_output.take() == ["one", INTERRUPTED]
    chat.finished(answered_run())
    receive(chat, events.Interrupted())
    assert screen_output.take() == [INTERRUPTED]


def test_sources_are_below_the_answer(chat, screen_output):
    summary = answered_run()
    summary.stats.citations = [Citation("A", "https://a.example")]
    receive(chat, events.OutputTranscript("there"))
    chat.finished(summary)
    assert screen_output.take() == ["there", "[1] A https://a.example"]


@pytest.mark.parametrize(("error", "lines"), [(QuotaError("full"), ["error: full"]), (Interrupted(), [])])
def test_an_error_of_a_turn_is_a_line(chat, capsys, error, lines):
    chat.finished(failed_run(error))
    assert capsys.readouterr().err.splitlines() == lines


def test_tools_are_lines_unless_quiet(chat, screen_output):
    call = FunctionCall(name="find", args={"near": "me\x07"})
    chat.called(call)
    TerminalChat(DisplayOptions(quiet=True)).called(call)
    assert screen_output.take() == ['tool find {"near": "me\\u0007"}']


def test_the_output_of_a_command_is_escaped(chat, screen_output):
    chat.show_lines(["one", "two\x1b[2J"])
    assert screen_output.take() == ["one", "two\\x1b[2J"]


def test_an_answer_that_was_not_shown_is_none(chat, screen_output):
    """The next question came before it, so that it was dropped."""
    unseen = answered_run("where?")
    unseen.stats.interrupted = True
    chat.finished(unseen)
    assert screen_output.take() == [f"{INTERRUPTED}, without an answer: where?"]


# --- the connection ---


def test_a_lost_connection_is_a_line_and_then_a_state(chat, screen_output):
    for attempt in (1, 2):
        chat.retrying(Retry(LOST, attempt, None, 0.5))
    assert screen_output.take() == ["connection lost (gone\\x07), trying again in 0.5 s"]
    assert text_of(chat.toolbar(ChatState("waiting"))) == "no connection, attempt 2  gemini-live"
    chat.resumed(2, LOST, 0)
    assert screen_output.take() == ["connected again"]
    assert text_of(chat.toolbar(ChatState("ready"))) == "ready  gemini-live"


def test_a_connection_that_was_replaced_at_once_is_one_line(chat, screen_output):
    chat.resumed(2, LOST, 0)
    chat.resumed(3, None, 0)
    assert screen_output.take() == ["connection lost (gone\\x07), connected again"]


def test_the_first_connection_only_is_described(screen_output):
    display = TerminalChat()
    for _ in range(2):
        display.connecting(ENDPOINT)
        display.connected(answered_run())
    assert [line.partition(" ")[0] for line in screen_output.take()] == ["connecting", "connected"]


def test_the_end_of_a_session_is_an_error_which_its_turn_does_not_repeat(chat, screen_output, capsys):
    receive(chat, events.OutputTranscript("half"))
    chat.ended(LOST)
    chat.finished(failed_run(LOST))
    assert capsys.readouterr().err.splitlines() == ["error: gone\\x07"]
    half, note = screen_output.take()
    assert (half, note.partition(":")[0]) == ("half", "the session has ended")
    assert text_of(chat.toolbar(ChatState("ready"))).startswith("no session")
    chat.connected(answered_run())
    assert screen_output.take() == ["connected again"]


def test_a_session_that_ends_between_two_turns_is_one_error(chat, screen_output, capsys):
    """The next turn is failed by the end of the session, and the one that it has interrupted is over after that."""
    receive(chat, events.OutputTranscript("half"))
    chat.show_interruption()
    chat.finished(failed_run(LOST))
    chat.ended(LOST)
    interrupted = answered_run()
    interrupted.stats.interrupted = True
    chat.finished(interrupted)
    assert capsys.readouterr().err.splitlines() == ["error: gone\\x07"]
    half, interruption, note = screen_output.take()
    assert (half, interruption, note.partition(":")[0]) == ("half", INTERRUPTED, "the session has ended")


# --- standard output ---


@pytest.mark.parametrize(("silent", "output"), [(False, "there\n"), (True, "")])
def test_answers_are_also_written_to_a_standard_output_that_is_no_terminal(screen_output, capsys, silent, output):
    display = TerminalChat(silent=silent)
    receive(display, events.OutputTranscript("there"))
    display.finished(answered_run())
    assert capsys.readouterr().out == output
