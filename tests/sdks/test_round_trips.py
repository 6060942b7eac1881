"""The official SDKs recorded by `livecli proxy`, and then replayed: the same program ends with the same output."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from livecli.emulator.pace import Pace
from livecli.recording.comparison import compare
from livecli.recording.conversion import recorded_items
from tests.end_to_end.conftest import Ran
from tests.sdks.test_official_sdks import HERE, JavaScript, javascript  # noqa: F401
from tests.serving import Served, serving

RoundTrip = Callable[..., None]


@pytest.fixture(scope="module")
def service() -> Iterator[Served]:
    # At the pace of speech an interruption of an answer never comes after its end.
    with serving(pace=Pace.REALTIME) as served:
        yield served


@pytest.fixture
def round_trip(livecli_and_children: Callable[..., Ran], service: Served) -> RoundTrip:
    """Record a program through the proxy, replay that, and compare what the program prints."""

    def run(*program: str | Path) -> None:
        recorded = livecli_and_children("proxy", service.url, "-q", "--record", "kept", "--", *program)
        assert (recorded.status, recorded.summaries != []) == (0, True), recorded.err
        strict = ("--replay-match", "strict", "--replay-speed", 0)
        replayed = livecli_and_children("serve", "-q", "--replay", "kept", *strict, "--record", "again", "--", *program)
        assert (replayed.status, replayed.out) == (0, recorded.out)
        assert_same_sessions(Path("kept"), Path("again"))
        assert without_times(replayed.err) == without_times(recorded.err)

    return run


def assert_same_sessions(one: Path, other: Path) -> None:
    """Compare the recordings in two folders, in the order in which their sessions began."""
    names = sorted(one.iterdir()), sorted(other.iterdir())
    for first, second in zip(*names, strict=True):
        assert compare(recorded_items(str(first)), recorded_items(str(second))) == []


def without_times(log: str) -> str:
    """A log of Firebase without the times of its lines."""
    return re.sub(r"\[[-0-9T:.]+Z\]", "[]", log)


def test_python(round_trip: RoundTrip, forked_python: str) -> None:
    round_trip(forked_python, HERE / "program.py", "vertex")


def test_an_agent_with_tools_and_several_connections(round_trip: RoundTrip, forked_python: str) -> None:
    round_trip(forked_python, HERE / "agent.py", "developer", "gemini-3.8-live")


@pytest.mark.parametrize("program", ["program.mjs", "firebase.mjs"])
def test_javascript(round_trip: RoundTrip, javascript: JavaScript, program: str) -> None:  # noqa: F811
    round_trip(*javascript(program), "developer")
