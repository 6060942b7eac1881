"""Services that count `lastConsumedClientMessageIndex` in another way than livecli assumes: what is noticed.

Noticed: an index above what was sent on the connection, and one below an earlier index of the connection. Before a
connection has gone on from an index, that is a warning; afterwards it is an error, since audio may be lost or doubled.

Not noticeable: an index that is too high or too low, but between these bounds. A service that always counts one too few
has a message sent to it twice after each loss in mid-question, and no message of the protocol shows it.
"""

from __future__ import annotations

from collections.abc import Callable

import pytest

from livecli.client import retry
from tests.end_to_end.conftest import read_wav
from tests.end_to_end.test_send_resumed import REPLY, Talk, hang_up, hear_messages, pcm, resumable, send  # noqa: F401
from tests.live_server import Connection

REFUTED = "which contradicts what was sent to it"


@pytest.fixture(autouse=True)
def short_pauses(monkeypatch) -> None:
    monkeypatch.setattr(retry, "FIRST_PAUSE_SECONDS", 0.02)


Index = Callable[[int, int], int]
"""The index that a service gives: from the messages that it has of this connection, and of those before."""

COUNTS: dict[str, Index] = {
    "from the setup": lambda here, before: here + 1,
    "from 0": lambda here, before: here - 1,
    "over the session": lambda here, before: here + before,
    "beyond all": lambda here, before: 10**15,
}


def answering(index: Index, breaks_after: int | None) -> tuple[Talk, list[list[dict]]]:
    """A service that counts so. It hangs up once in mid-question, after so many messages, if at all."""
    heard: list[list[dict]] = []

    def talk(made: Connection, number: int) -> None:
        made.set_up()
        before = sum(map(len, heard))
        most = breaks_after if number == 1 and breaks_after else 10**9
        heard.append(hear_messages(made, most))
        resumable(made, f"h{number}", index(len(heard[-1]), before))
        if most < 10**9:
            return hang_up(made)
        made.answer(REPLY)
        return made.drain()

    return talk, heard


@pytest.mark.parametrize("count", ["from the setup", "beyond all"])
def test_an_index_above_what_was_sent_is_a_warning_while_nothing_depends_on_it(send, speech, count) -> None:  # noqa: F811
    talk, heard = answering(COUNTS[count], None)
    ran = send(talk)
    assert ran.status == 0, ran.err
    assert [REFUTED in warning for warning in ran.summary["warnings"]] == [True]
    assert pcm(heard[0]) == read_wav(speech)[1]


@pytest.mark.parametrize("count", ["from the setup", "over the session"])
def test_an_index_above_what_was_sent_is_an_error_once_a_connection_has_gone_on_from_one(send, count) -> None:  # noqa: F811
    talk, heard = answering(COUNTS[count], 7)
    ran = send(talk)
    assert (ran.status, len(heard)) == (6, 2), ran.err
    assert REFUTED in ran.summary["error"]["message"]


def test_an_index_beyond_all_is_not_gone_on_from(send) -> None:  # noqa: F811
    talk, heard = answering(COUNTS["beyond all"], 7)
    ran = send(talk)
    assert (ran.status, len(heard)) == (6, 1), ran.err
    assert [REFUTED in warning for warning in ran.summary["warnings"]] == [True]


def test_a_count_from_0_cannot_be_noticed_and_one_message_comes_twice(send, speech) -> None:  # noqa: F811
    talk, heard = answering(COUNTS["from 0"], 7)
    ran = send(talk)
    assert ran.status == 0, ran.err
    assert heard[1][0] == heard[0][-1]
    assert pcm(heard[0][:-1] + heard[1]) == read_wav(speech)[1]


def test_an_index_that_goes_back_is_a_warning_and_its_handle_is_not_used(send, speech) -> None:  # noqa: F811
    heard: list[list[dict]] = []

    def talk(made: Connection, number: int) -> None:
        made.set_up()
        heard.append(hear_messages(made))
        resumable(made, "one", 5)
        resumable(made, "two", 4)
        made.answer(REPLY)
        made.drain()

    ran = send(talk)
    assert ran.status == 0, ran.err
    assert [REFUTED in warning for warning in ran.summary["warnings"]] == [True]
    assert pcm(heard[0]) == read_wav(speech)[1]
