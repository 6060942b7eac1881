"""A chat whose session the server ends."""

from livecli.emulator.option_files import emulator_options
from livecli.emulator.pace import Pace
from tests.serving import serving

BYE = '[[turn]]\nmatch = "bye"\nsay = "Goodbye."\nclose = {code = 1000}\n'


def scripted(text):
    options = emulator_options(
        script=text,
        replay=None,
        speed=1.0,
        pace=Pace.INSTANT,
        connection_seconds=600.0,
        goaway_seconds=60.0,
        session_seconds=None,
        model_table=None,
        faults=[],
        require_key=None,
        require_token=None,
    )
    return serving(behaviour=options.behaviour)


def test_a_close_after_an_answer_ends_the_session_and_not_the_chat(converse):
    with scripted(BYE) as server:
        ran = converse("bye\nhello\n", "--base-url", server.url, "-q")
    assert (ran.status, ran.out, ran.err) == (0, "Goodbye.\nhello\n", "")
    assert [line for line in server.log if "script" in line] == ["[1] ○ closed by the script: 1000"]


def test_a_question_whose_answer_is_cut_off_by_a_normal_close_is_asked_once_more(converse):
    with serving("close=1000@turn:1") as server:
        ran = converse("bye\n", "--base-url", server.url, "-q", "--retries", "9")
    assert ran.status == 6
    assert "error: the server closed the session (1000)" in ran.err
    assert sum("→ “bye”" in line for line in server.log) == 2


def test_send_ends_with_the_turn_before_the_close(livecli):
    with scripted(BYE) as server:
        ran = livecli("send", "--text", "bye", "--base-url", server.url, "-q")
    assert (ran.status, ran.out, ran.err) == (0, "Goodbye.\n", "")


def test_a_terminal_keeps_its_prompt(terminal):
    with scripted(BYE) as server:
        chat = terminal("chat", "--base-url", server.url)
        chat.wait("ready")
        chat.enter("bye")
        chat.wait("Goodbye.", "the server ended the session: the next message opens a new one", "no session")
        chat.enter("hello again")
        chat.wait_for_line("hello again")
        chat.press("C-d")
        assert chat.left() == 0
    assert "error" not in chat.screen()
    assert sum("● " in line for line in server.log) == 2


def test_an_empty_turn_of_a_resumed_session_is_no_answer(converse):
    with serving("drop@turn:1#1", "stale-turn@setup") as server:
        ran = converse("one\ntwo\n", "--base-url", server.url, "-q")
    assert (ran.status, ran.out, ran.err) == (0, "oneone\ntwo\n", "")
