"""From where a session goes on: what a handle includes, in whatever way the service says so."""

from __future__ import annotations

import errno

import pytest

from livecli.client.resumption import UNCONFIRMED_BYTES, Resumption
from livecli.errors import FileError
from livecli.protocol import events, messages
from livecli.protocol.codec import setup_json

MODEL = "gemini-3.8-live"


@pytest.fixture
def opened():
    made: list[Resumption] = []

    def open_(*, transparent=None, history=None, resumption=True, extra=None) -> Resumption:
        wanted = messages.SessionResumptionConfig(transparent=transparent) if resumption else None
        setup = events.Setup(messages.Setup(model=MODEL, session_resumption=wanted), extra or {})
        made.append(Resumption(setup, MODEL, history))
        made[-1].begin()
        return made[-1]

    yield open_
    for session in made:
        session.close()


def speak(resumption: Resumption, first: int, last: int) -> None:
    for number in range(first, last + 1):
        assert resumption.add((events.Text(str(number)),))


def again(resumption: Resumption) -> list[str]:
    return [event.text for event in resumption.begin()]


def handle(name: str | None = "h", consumed: int | None = None, resumable: bool = True) -> events.ResumptionUpdate:
    return events.ResumptionUpdate(name, resumable, consumed)


class TestTransparent:
    def test_the_index_counts_from_one_and_anew_on_every_connection(self, opened) -> None:
        session = opened(transparent=True)
        speak(session, 1, 5)
        assert session.update(handle(consumed=3))
        assert again(session) == ["4", "5"]
        speak(session, 6, 7)
        assert session.update(handle(consumed=1))  # of this connection's: 4
        assert again(session) == ["5", "6", "7"]
        assert session.update(handle(consumed=3))
        assert again(session) == []
        assert session.unconfirmed == 0

    def test_an_index_of_zero_may_be_left_out(self, opened) -> None:
        session = opened(transparent=True)
        speak(session, 1, 3)
        session.update(handle("one", 2))
        assert again(session) == ["3"]
        assert session.update(handle("two", None))
        assert (session.handle, again(session)) == ("two", ["3"])

    @pytest.mark.parametrize("consumed", [-1, -(10**18)])
    def test_less_than_was_confirmed_ends_the_use_of_indexes(self, opened, consumed) -> None:
        session = opened(transparent=True)
        speak(session, 1, 4)
        session.update(handle("one", 2))
        assert not session.update(handle("two", 2 + consumed))
        assert (session.is_refuted, session.transparent, session.ready) == (True, False, False)
        assert (session.handle, session.possible) == (None, False)

    @pytest.mark.parametrize("consumed", [3, 10**18])
    def test_more_than_was_sent_ends_the_use_of_indexes(self, opened, consumed) -> None:
        session = opened(transparent=True)
        speak(session, 1, 2)
        assert not session.update(handle("one", consumed))
        assert (session.is_refuted, session.handle, session.unconfirmed) == (True, None, 2)

    def test_without_indexes_a_handle_is_used_that_includes_nothing_without_an_answer(self, opened) -> None:
        session = opened(transparent=True)
        speak(session, 1, 2)
        session.update(handle("one", 3))
        session.answer(1)
        assert not session.update(handle("two", 2))
        session.answer(2)
        assert session.update(handle("three", 2))
        speak(session, 3, 4)
        assert not session.update(handle("four", 3))
        assert (session.handle, again(session), session.has_relied) == ("three", ["3", "4"], False)

    def test_without_indexes_nothing_goes_on_until_what_was_confirmed_is_answered(self, opened) -> None:
        session = opened(transparent=True, history=lambda: ())
        speak(session, 1, 3)
        assert session.update(handle("one", 2))
        session.update(handle("two", 1))
        assert not session.update(handle("three", 3))
        assert not session.possible
        session.answer(2)
        assert session.possible
        assert again(session) == ["3"]

    def test_an_index_is_relied_on_where_a_connection_goes_on_in_mid_request(self, opened) -> None:
        session = opened(transparent=True)
        speak(session, 1, 3)
        session.update(handle("one", 3))
        session.answer(3)
        assert again(session) == []
        assert not session.has_relied
        speak(session, 4, 6)
        session.update(handle("two", 2))
        assert again(session) == ["6"]
        assert session.has_relied

    def test_while_it_answers_there_is_no_handle_and_the_last_one_stays(self, opened) -> None:
        session = opened(transparent=True)
        speak(session, 1, 2)
        session.update(handle("one", 1))
        for none in (handle(None), handle("", 2), handle("two", 2, resumable=False), handle(None, None, False)):
            assert not session.update(none)
            assert not session.complete
            assert session.handle == "one"
        assert again(session) == ["2"]

    def test_it_may_be_left_with_messages_on_the_way(self, opened) -> None:
        session = opened(transparent=True)
        speak(session, 1, 2)
        assert not session.complete
        session.update(handle("one", 1))
        assert session.complete


class TestOnTrust:
    """Where the service does not say what a handle includes."""

    def test_a_handle_includes_what_was_answered(self, opened) -> None:
        session = opened()
        speak(session, 1, 3)
        session.answer(2)
        assert session.update(handle())
        assert not session.complete, "3 would be said again"
        assert again(session) == ["3"]
        session.answer(3)
        session.update(handle())
        assert session.complete
        assert again(session) == []

    def test_a_handle_before_any_answer_includes_nothing(self, opened) -> None:
        session = opened()
        session.update(handle())
        speak(session, 1, 3)
        session.update(handle("two"))
        assert again(session) == ["1", "2", "3"]

    def test_answers_do_not_run_backwards(self, opened) -> None:
        session = opened()
        speak(session, 1, 4)
        session.answer(3)
        session.answer(1)
        session.update(handle())
        assert again(session) == ["4"]


def test_what_nobody_confirms_is_kept_up_to_a_bound_while_no_handle_has_come(opened) -> None:
    session = opened(transparent=True)
    for _ in range(UNCONFIRMED_BYTES // 60_000 + 2):
        session.add((events.AudioChunk(bytes(60_000), 16_000),))
    assert not session.possible
    assert session.unconfirmed <= 1
    assert not session.update(handle(consumed=1)), "what came after is gone"
    assert session.update(handle(consumed=session.last))


@pytest.mark.parametrize("answered", [0, 2])
def test_a_handle_that_was_not_asked_for_is_as_good(opened, answered) -> None:
    session = opened(resumption=False)
    speak(session, 1, 3)
    session.answer(answered)
    assert (session.possible, session.expected) == (False, False)
    assert session.update(handle("unasked"))
    assert (session.possible, session.expected, session.handle) == (True, True, "unasked")
    assert setup_json(session.setup())["sessionResumption"] == {"handle": "unasked"}
    assert again(session) == ["1", "2", "3"][answered:]


def test_a_full_disk_gives_up_what_was_kept_and_the_next_handle_begins_anew(opened, monkeypatch) -> None:
    session = opened(transparent=True)
    speak(session, 1, 2)
    session.update(handle("one", 1))

    def full(said: list[events.Event]) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(session._buffer, "extend", full)
        assert not session.add((events.Text("3"),))
    assert not session.possible, "2 and 3 cannot be said again"
    assert not session.update(handle("two", 2))
    speak(session, 4, 5)
    assert session.update(handle("three", 4))
    assert again(session) == ["5"]


class TestSetup:
    def test_the_handle_goes_in_and_nothing_else_changes(self, opened) -> None:
        session = opened(transparent=True, extra={"labels": {"a": "b"}, "session_resumption": {}})
        before = setup_json(session.setup())
        session.update(handle("one", 0))
        after = setup_json(session.setup())
        assert after.pop("sessionResumption") == {"handle": "one", "transparent": True}
        assert after == {key: value for key, value in before.items() if "esumption" not in key}

    def test_not_transparent_where_it_was_not_asked_for(self, opened) -> None:
        session = opened()
        session.update(handle("one"))
        assert setup_json(session.setup())["sessionResumption"] == {"handle": "one"}


class TestHistory:
    TOLD = (messages.Content(role="user", parts=[messages.Part(text="hi")]),)

    def test_without_a_handle_the_conversation_is_told_first(self, opened) -> None:
        session = opened(history=lambda: self.TOLD)
        speak(session, 1, 2)
        session.answer(1)
        assert session.possible
        told, *said = session.begin()
        assert isinstance(told, events.ClientTurns)
        assert [event.text for event in said] == ["2"]

    def test_a_refused_handle_is_forgotten_once(self, opened) -> None:
        session = opened(history=lambda: self.TOLD)
        session.update(handle("one"))
        assert session.forget_handle()
        assert not session.forget_handle()
        assert "handle" not in (setup_json(session.setup()).get("sessionResumption") or {})

    def test_a_refused_handle_without_history_is_the_end(self, opened) -> None:
        session = opened()
        session.update(handle("one"))
        assert not session.forget_handle()

    def test_the_index_counts_what_was_told(self, opened) -> None:
        session = opened(transparent=True, history=lambda: self.TOLD)
        speak(session, 1, 2)
        session.begin()
        session.update(handle("one", 2))  # the history, and 1
        assert again(session) == ["2"]


def test_a_full_disk_that_keeps_a_stale_message_from_being_dropped_is_an_error(opened, monkeypatch) -> None:
    session = opened(transparent=True)
    speak(session, 1, 2)
    session.update(handle("one", 0))

    def full(is_stale: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(session._buffer, "drop", full)
    with pytest.raises(
        FileError, match="cannot keep unconfirmed messages in a temporary file: No space left on device"
    ):
        session.drop(lambda event: True)
    assert again(session) == ["1", "2"]
