"""Lines of the log are harmless, and the library's errors become lines."""

from __future__ import annotations

from livecli.emulator.access import service_at
from livecli.emulator.log import MAX_LINE_CHARACTERS, SessionLog, library_logger, safe_line
from livecli.emulator.observer import ClosedBy
from livecli.protocol import events, messages
from livecli.protocol.messages import FunctionCall
from livecli.protocol.models import MODELS
from tests.cases import in_one_test

SERVICE = service_at("/ws/google.ai.generativelanguage.v1beta.GenerativeService.BidiGenerateContent")


@in_one_test(
    ("text", "line"),
    [
        ("plain words", "plain words"),
        ("Grüße, 世界", "Grüße, 世界"),
        ("a\x9b\u202eb", r"a\x9b\u202eb"),
        ("\x1b[31mred", r"\x1b[31mred"),
        ("one\ntwo\r\nthree", "one two three"),
        ("\ud800", r"\ud800"),
        ("x" * 2_000, "x" * MAX_LINE_CHARACTERS),
    ],
)
def test_a_line_is_printable_and_short(text: str, line: str) -> None:
    assert safe_line(text) == line


def test_an_error_of_the_library_is_one_line() -> None:
    lines: list[str] = []
    logger = library_logger(lines.append)
    try:
        raise ConnectionResetError(104, "Connection reset\nby peer")
    except ConnectionResetError:
        logger.error("opening handshake failed", exc_info=True)
    assert lines == [r"opening handshake failed: ConnectionResetError(104, 'Connection reset\nby peer')"]


def test_less_than_an_error_is_not_logged() -> None:
    lines: list[str] = []
    library_logger(lines.append).warning("connection %s", "open")
    library_logger(lines.append).error("%s failed", "parser")
    assert lines == ["parser failed"]


def test_a_bug_in_a_session_is_logged_with_its_traceback() -> None:
    lines: list[str] = []
    try:
        try:
            raise ZeroDivisionError("division by \x1bzero")
        except ZeroDivisionError as bug:
            raise BaseExceptionGroup("unhandled errors in a TaskGroup", [bug]) from None
    except BaseExceptionGroup:
        library_logger(lines.append).error("connection handler failed", exc_info=True)
    assert lines[0].startswith("connection handler failed: ExceptionGroup('unhandled errors in a TaskGroup'")
    assert any(line.strip(" |") == r"ZeroDivisionError: division by \x1bzero" for line in lines)
    assert any("test_log.py" in line for line in lines)
    assert all(line.isprintable() for line in lines)


def session_lines(*messages, by=ClosedBy.CLIENT, code=1000, reason=""):
    """The log of a session: messages of the client are tuples, those of the emulator lists."""
    lines = []
    session = SessionLog(lines.append, SERVICE, MODELS)
    for message in messages:
        if isinstance(message, tuple):
            session.received([*message])
        else:
            session.sent(message)
    session.closed(by, code, reason)
    return lines


def set_up(**fields):
    return (events.Setup(messages.Setup(model="models/gemini-3.8-live", **fields)),)


DECLARED = [messages.Tool(function_declarations=[messages.FunctionDeclaration(name="find_station")])]
CALL = FunctionCall("find_station", {"near": "me"}, "7")


def test_a_session_is_logged_as_it_is_told(monkeypatch):
    monkeypatch.setattr("livecli.emulator.log.time.monotonic", iter([1.0, 1.039]).__next__)
    assert session_lines(
        set_up(tools=DECLARED),
        (events.Text("where is the station?"),),
        [events.ToolCall((CALL,))],
        (events.ToolResponse((messages.FunctionResponse("7", "find_station", {"station": "Central"}),)),),
        [events.OutputTranscript("Around "), events.AudioChunk(bytes(48_000), 24_000)],
        [events.OutputTranscript("the corner."), events.AudioChunk(bytes(28_800), 24_000)],
        [events.TurnComplete()],
    ) == [
        "● developer v1beta  gemini-3.8-live  tools find_station",
        "→ “where is the station?”",
        '← call find_station {"near": "me"}  non-blocking',
        '→ response {"station": "Central"}  39 ms',
        "← “Around the corner.” 1.6 s  turn 1",
        "○ closed by the client: 1000",
    ]


def test_interruptions_pictures_and_warnings_of_the_end_have_their_words():
    assert session_lines(
        set_up(session_resumption=messages.SessionResumptionConfig(handle="h")),
        (events.Image(b"", "image/png"), events.Image(b"", "image/png")),
        (events.Text("what is this?"),),
        [events.AudioChunk(bytes(24_000), 24_000)],
        [events.Interrupted()],
        [events.TurnComplete()],
        [events.ToolCall((CALL,))],
        [events.ToolCallCancellation(("7",))],
        [events.GoAway(50.0)],
        [events.AudioChunk(bytes(24_000), 24_000)],
        by=ClosedBy.SERVER,
        code=1011,
        reason="no more",
    ) == [
        "● developer v1beta  gemini-3.8-live  resumed",
        "→ “what is this?”  2 pictures",
        "← 0.5 s of sound  turn 1, interrupted",
        '← call find_station {"near": "me"}',
        "← cancelled find_station",
        "← goAway, 50 s left",
        "← 0.5 s of sound  the turn was not over",
        "○ closed by the server: 1011 no more",
    ]


def test_a_session_without_a_setup_and_one_that_was_lost_are_logged():
    assert session_lines(by=ClosedBy.SCRIPT, code=1000) == ["● developer v1beta", "○ closed by the script: 1000"]
    assert session_lines(code=1006)[-1] == "○ the connection was lost"


def test_the_answer_of_a_model_that_completes_no_turn_is_logged_before_the_next_question():
    said = [events.OutputTranscript("hm"), events.GenerationComplete()]
    assert session_lines(set_up(), said, (events.Text("go on"),))[1:3] == ["← “hm” 0.0 s  no turnComplete", "→ “go on”"]


def test_long_words_and_arguments_are_cut():
    call = FunctionCall("f", {"text": "x" * 1000}, "1")
    lines = session_lines(set_up(), (events.Text("y" * 1000),), [events.ToolCall((call,))])
    assert max(map(len, lines)) < 130
    assert all("…" in line for line in lines[1:3])
