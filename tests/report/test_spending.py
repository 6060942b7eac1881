"""The cost of several runs together."""

from __future__ import annotations

import pytest

from livecli.errors import ServerError
from livecli.protocol import events
from livecli.protocol.endpoint import Endpoint
from livecli.protocol.models import Prices
from livecli.protocol.platform import Platform
from livecli.report.spending import Spending
from livecli.report.summary import Summary

ENDPOINT = Endpoint(Platform.VERTEX, "wss://example.test/path", "m", "r", "p", "us")


def run(usage=None, error=None):
    """A run at one dollar per million tokens of text put in. No other price is known."""
    summary = Summary("q.wav", endpoint=ENDPOINT, error=error, prices={"m": Prices(text_in=1.0)})
    if usage is not None:
        summary.stats.note(events.Usage(usage), 1.0)
    return summary


def spent(*runs):
    spending = Spending()
    for each in runs:
        spending.add(each)
    return spending


def test_the_sum_of_the_runs():
    runs = [run({"promptTokenCount": count}) for count in (10, 20, 30)]
    assert spent(*runs).usd == spent(*runs).known_usd == pytest.approx(60e-6)


def test_a_run_that_failed_is_charged_too():
    assert spent(run({"promptTokenCount": 10}, ServerError("lost"))).usd == pytest.approx(10e-6)


def test_a_run_that_failed_without_usage_is_free():
    assert spent(run(None, ServerError("lost")), run({"promptTokenCount": 10})).usd == pytest.approx(10e-6)


def test_a_run_that_succeeded_without_usage_leaves_no_sum():
    spending = spent(run({"promptTokenCount": 10}), run({}))
    assert (spending.usd, spending.known_usd) == (None, pytest.approx(10e-6))
    assert spending.gap == "the service reported no tokens for q.wav"


@pytest.mark.parametrize("runs", [[], [run(None, ServerError("lost"))]])
def test_without_usage_there_is_no_cost(runs):
    assert (spent(*runs).usd, spent(*runs).known_usd, spent(*runs).gap) == (None, 0.0, None)


def test_a_run_without_a_price_leaves_no_sum():
    spending = spent(run({"promptTokenCount": 10}), run({"thoughtsTokenCount": 1}), run({"thoughtsTokenCount": 1}))
    assert (spending.usd, spending.known_usd) == (None, pytest.approx(10e-6))
    assert (spending.unpriced, spending.gap) == (["thoughts of m"], "no price is known for thoughts of m")
