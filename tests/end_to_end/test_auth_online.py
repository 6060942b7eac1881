"""`livecli auth status --online`: whether the service agrees, in every way in which it does not."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any

import pytest

from livecli.emulator.access import RequiredCredentials
from tests.serving import serving

KEY = "AIza-not-to-be-seen"
Livecli = Callable[..., Any]
GOOD = {"reachable": True, "accepted": True, "model_available": True}


def asked(livecli: Livecli, *words: str) -> tuple[int, dict[str, Any]]:
    ran = livecli("auth", "status", "--online", "--json", *words)
    assert KEY not in ran.out + ran.err
    assert ran.summary["exit_code"] == ran.status
    assert ran.summary["ok"] is (ran.status == 0)
    return ran.status, ran.summary["online"]


@pytest.mark.parametrize("words", [["--local"], ["--local", "--platform", "developer"]])
def test_all_is_well(livecli: Livecli, words: list[str]) -> None:
    status, online = asked(livecli, *words)
    latencies = online.pop("latency_ms")
    assert (status, online) == (0, GOOD)
    assert set(latencies) == {"connect", "setup"}
    assert all(0 < value < 60_000 for value in latencies.values())


def test_in_plain_lines(livecli: Livecli) -> None:
    ran = livecli("auth", "status", "--online", "--local", "-v")
    assert ran.status == 0
    assert re.fullmatch(r"✓ reachable \d+ ms · credential accepted · model served", ran.out.splitlines()[1])
    lines = [line.split() for line in ran.out.splitlines()]
    for line in (["reachable", "yes"], ["accepted", "yes"], ["model", "served", "yes"]):
        assert line in lines
    assert {line[0] for line in lines if line and line[-1] == "ms"} == {"connect", "setup"}


@pytest.mark.parametrize(
    ("faults", "words", "status", "online"),
    [
        ((), ["--platform", "developer"], 4, (True, False, None)),
        ((), ["--platform", "vertex"], 4, (True, False, None)),
        (("http=503@connect",), [], 8, (True, None, None)),
        (("http=429@connect",), [], 8, (True, None, None)),
        (("http=500@connect",), [], 5, (False, None, None)),
        (("stall=30@setup",), ["--idle-timeout", "0.2"], 7, (True, None, None)),
        (("stall=30@connect",), ["--connect-timeout", "0.2"], 7, (False, None, None)),
        (("close=1011:The service is currently unavailable.@setup",), [], 8, (True, None, None)),
        (("garbage@setup",), [], 6, (True, True, None)),
        (("close=1007:gemini-3.8-live is not supported in the live api.@setup",), [], 6, (True, True, False)),
    ],
)
def test_what_goes_wrong(
    livecli: Livecli,
    monkeypatch: pytest.MonkeyPatch,
    faults: tuple[str, ...],
    words: list[str],
    status: int,
    online: tuple[bool, bool | None, bool | None],
) -> None:
    monkeypatch.setenv("GEMINI_API_KEY", KEY)
    required = RequiredCredentials() if faults else RequiredCredentials(key="another")
    with serving(*faults, required=required) as emulator:
        found, said = asked(livecli, "--base-url", emulator.url, *words)
    assert found == status
    assert (said["reachable"], said["accepted"], said["model_available"]) == online


@pytest.mark.parametrize("platform", ["vertex", "developer"])
def test_an_unknown_model(livecli: Livecli, platform: str) -> None:
    status, online = asked(livecli, "--local", "--platform", platform, "--model", "gemini-9-live")
    assert status == 6
    assert (online["reachable"], online["accepted"], online["model_available"]) == (True, True, False)


def test_nothing_listens(livecli: Livecli) -> None:
    status, online = asked(livecli, "--base-url", "ws://127.0.0.1:1")
    assert (status, online["reachable"]) == (5, False)


def test_without_a_credential_nobody_is_asked(livecli: Livecli) -> None:
    status, online = asked(livecli)
    assert (status, online) == (4, None)


@pytest.mark.parametrize("words", [["--connect-timeout", "nan"], ["--local", "--base-url", "ws://127.0.0.1:1"]])
def test_usage(livecli: Livecli, words: list[str]) -> None:
    ran = livecli("auth", "status", "--online", "--json", *words)
    assert (ran.status, ran.out) == (2, "")


def test_offline_says_so_in_json(livecli: Livecli, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GEMINI_API_KEY", KEY)
    assert json.loads(livecli("auth", "status", "--json").out)["online"] is None
