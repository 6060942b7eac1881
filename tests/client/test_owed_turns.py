"""Which turns are still to come, in every order in which a call, its response and the ends of turns can pass."""

from __future__ import annotations

import pytest

from livecli.client.turn_end import OwedTurns

STEPS = {
    "asked": OwedTurns.ask,
    "says": OwedTurns.begin,
    "over": OwedTurns.complete,
    "responds": lambda due: due.respond(held=False, silent=False),
    "responds silently": lambda due: due.respond(held=False, silent=True),
    "resumes": lambda due: due.respond(held=True, silent=False),
}


@pytest.mark.parametrize(
    ("steps", "turns", "doubtful"),
    [
        ("asked", 1, False),
        ("asked, says, over", 0, False),
        ("asked, over, asked, over", 0, False),
        ("over, over, asked", 1, False),
        # The model does not wait: one turn to call, one to speak of it.
        ("asked, says, over, responds", 1, False),
        ("asked, says, over, responds, says, over", 0, False),
        ("asked, says, responds, over", 1, True),
        ("asked, says, responds, over, says", 1, False),
        ("asked, says, responds, over, says, over", 0, False),
        ("asked, says, responds, responds, over, says, over", 1, True),
        ("asked, says, responds, over, responds", 2, False),
        ("asked, says, responds silently, over", 0, False),
        ("asked, says, over, responds silently", 0, False),
        # The model waits: one turn in all, unless it has lost its patience.
        ("asked, says, resumes", 1, False),
        ("asked, says, resumes, says, over", 0, False),
        ("asked, says, resumes, over", 1, True),
        ("asked, says, resumes, over, says, over", 0, False),
        ("asked, says, over, resumes", 1, False),
        ("asked, says, over, resumes, says, over", 0, False),
    ],
)
def test_what_is_due(steps, turns, doubtful):
    due = OwedTurns()
    for step in steps.split(", "):
        STEPS[step](due)
    assert (due.turns, due.doubtful) == (turns, doubtful)
