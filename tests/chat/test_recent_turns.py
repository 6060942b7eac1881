"""The summaries of the last turns, and what all turns cost."""

from __future__ import annotations

import pytest

from livecli.chat.recent_turns import RECENT_TURNS, RecentTurns
from livecli.protocol import events
from livecli.protocol.endpoint import Endpoint
from livecli.protocol.models import Prices
from livecli.protocol.platform import Platform
from livecli.report.summary import Summary

ENDPOINT = Endpoint(Platform.VERTEX, "wss://example.test/path", "m", "r", "p", "us")
TURNS = 3 * RECENT_TURNS


@pytest.fixture
def turns():
    """A chat of many turns: the first has one token put in, the second two, and so on."""
    recent = RecentTurns()
    for number in range(1, TURNS + 1):
        summary = Summary(f"turn {number}", endpoint=ENDPOINT, prices={"m": Prices(text_in=1.0)})
        recent.add(summary)
        # The service reports the tokens after the end of the turn.
        summary.stats.note(events.Usage({"promptTokenCount": number}), 1.0)
    return recent


def test_the_last_turns_are_kept_with_their_numbers(turns):
    assert turns.count == TURNS
    kept = range(TURNS - RECENT_TURNS + 1, TURNS + 1)
    assert [(number, summary.input) for number, summary in turns.numbered] == [(n, f"turn {n}") for n in kept]


def test_tokens_and_cost_are_those_of_all_turns(turns):
    tokens = TURNS * (TURNS + 1) // 2
    for _ in range(2):
        total, spending = turns.total
        assert list(total.values()) == [tokens]
        assert spending.usd == pytest.approx(tokens / 1e6)


def test_a_chat_without_turns_has_no_cost():
    total, spending = RecentTurns().total
    assert (total, spending.usd, RecentTurns().numbered) == ({}, None, [])
