"""A function that a model may call, in virtual time."""

from __future__ import annotations

import asyncio
from itertools import repeat
from typing import Any

import pytest

from livecli.tools.command import Outcome
from livecli.tools.toolbox import Tool, Toolbox


class Find:
    """Makes toolboxes with the function `find`, which takes so many seconds. `ended` is how each call went.

    A call that is cancelled takes `stop_seconds` to stop.
    """

    def __init__(self) -> None:
        self.ended: list[str] = []
        self.stop_seconds = 0.0
        self._seconds = 0.0

    def __call__(self, seconds: float = 0.0, **tool: Any) -> Toolbox:
        self._seconds = seconds
        return Toolbox([Tool("find", ("find",), **tool)])

    async def run(self, tool: Tool, args: dict[str, Any]) -> Outcome:
        try:
            await asyncio.sleep(self._seconds)
        except asyncio.CancelledError:
            await asyncio.sleep(self.stop_seconds)
            self.ended.append("stopped")
            raise
        self.ended.append("done")
        return Outcome({"result": args["city"]})


@pytest.fixture
def find(monkeypatch: pytest.MonkeyPatch) -> Find:
    find = Find()
    monkeypatch.setattr("livecli.tools.command.run", find.run)
    return find


@pytest.fixture
def without_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    """A connection that is lost after progress is replaced at once."""
    monkeypatch.setattr("livecli.client.resumable.pauses", lambda: repeat(0.0))
