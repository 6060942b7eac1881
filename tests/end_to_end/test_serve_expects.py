"""A script that says what clients are to do: what did not hold is listed, and decides the status."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from junitparser import JUnitXml

import livecli as library
from tests.end_to_end.conftest import Ran
from tests.end_to_end.test_serve import FREE, exports, finish

SEND = ("--", "livecli", "send", "-q", "--json", "--speed", "0")
STATION = """
unused = "error"

[[turn]]
heard = "where is the nearest train station"
match = "station"
expect_text = "bus"
expect_audio_seconds = "2..3"
call = "find_station"
expect = {response = {output = "Main Street"}}
then = "It is around the corner."

[[turn]]
say = "Goodbye."

[expect]
connections = 2
turns = 1
close = 1000
"""
FAILURES = """\
s.toml:7: expect_text: expected "bus", actual "where is the nearest train station"
s.toml:10: response of find_station: expected {"output": "Main Street"}, actual {"output": "North"}
s.toml:13: turn: expected a turn of the user, actual none
s.toml:17: connections: expected 2, actual 1
error: 4 expectations of s.toml did not hold
"""

pytestmark = pytest.mark.usefixtures("livecli_on_path")


@pytest.fixture
def script(tmp_path: Path) -> Path:
    path = tmp_path / "s.toml"
    path.write_text(STATION)
    return path


def test_what_a_command_does_not_hold_is_listed_and_is_status_1(
    livecli_and_children: Callable[..., Any], script: Path
) -> None:
    asks = (*SEND, "--sample", "--tool", "find_station=echo North")
    ran = livecli_and_children("serve", "-q", "--script", script.name, "--junit", "r.xml", *asks)
    assert (ran.status, ran.err) == (1, FAILURES)
    report = JUnitXml.fromfile(script.with_name("r.xml"))
    assert (report.tests, report.failures, report.errors) == (8, 4, 0)
    [suite] = report
    assert suite.name == "s.toml"
    assert [(case.name, case.result[0].message) for case in suite if case.result][2:] == [
        ("turn (line 13)", "expected a turn of the user, actual none"),
        ("connections (line 17)", "expected 2, actual 1"),
    ]
    assert ran.summary["transcript"] == {
        "input": "where is the nearest train station",
        "output": "It is around the corner.",
    }


@pytest.mark.parametrize(("command", "status"), [(["true"], 1), (["sh", "-c", "exit 3"], 3)])
def test_a_command_that_fails_keeps_its_status(
    livecli_and_children: Callable[..., Any], script: Path, command: list[str], status: int
) -> None:
    ran = livecli_and_children("serve", "-q", "--script", script.name, "--", *command)
    assert ran.status == status
    assert ran.err.splitlines()[-1] == "error: 5 expectations of s.toml did not hold"


def test_what_holds_is_not_worth_a_word(livecli_and_children: Callable[..., Any], script: Path) -> None:
    script.write_text('[[turn]]\nsay = "a"\nexpect_text = "^hi$"\nunused = "error"\n[expect]\nclose = 1000')
    ran = livecli_and_children("serve", "-q", "--script", script.name, *SEND, "--text", "hi")
    assert (ran.status, ran.err) == (0, "")


def test_a_report_that_cannot_be_written(livecli_and_children: Callable[..., Any], script: Path) -> None:
    script.write_text('[[turn]]\nsay = "a"')
    ran = livecli_and_children("serve", "-q", "--script", script.name, "--junit", "no/r.xml", "--", "true")
    assert (ran.status, ran.err) == (3, "error: cannot write no/r.xml: No such file or directory\n")


def test_a_report_needs_a_script(livecli: Callable[..., Any]) -> None:
    ran = livecli("serve", "--junit", "r.xml")
    assert (ran.status, ran.err.splitlines()) == (
        2,
        ["error: --junit is for what a script expects", "hint: add --script FILE.toml"],
    )


async def test_it_is_listed_when_the_server_is_stopped(fork: Callable[..., Any], script: Path) -> None:
    process = fork("serve", *FREE, "-q", "--script", script)
    url = (await asyncio.to_thread(exports, process))["LIVECLI_BASE_URL"]
    await library.send(base_url=url, tool=["find_station=echo North"], speed=0)
    process.send_signal(signal.SIGTERM)
    status, _, stderr = await asyncio.to_thread(finish, process)
    assert (status, stderr.replace(f"{script}", "s.toml")) == (143, FAILURES)


def test_send_and_chat_with_a_local_script_judge_it_too(
    livecli: Callable[..., Ran], converse: Callable[..., Ran], tmp_path: Path
) -> None:
    script = tmp_path / "s.toml"
    script.write_text('[[turn]]\nmatch = "station"\nsay = "Central."\nunused = "error"\n')
    local = ("--local", "--script", script, "-q")
    missing = (
        f"{script}:1: turn: expected a turn of the user, actual none\nerror: 1 expectation of {script} did not hold\n"
    )
    assert livecli("send", "--text", "hello", *local) == Ran(1, "hello\n", missing)
    assert livecli("send", "--text", "a station", *local) == Ran(0, "Central.\n", "")
    assert converse("hello\n", *local) == Ran(1, "hello\n", missing)
