"""`WHAT@WHEN`, read strictly."""

import re

import pytest

from livecli.emulator.faults import FAULT_KINDS, Fault, Faults, parse_fault
from tests.cases import in_one_test

GOOD = {
    "close=1011@setup": Fault("close", "setup", 1, 1011),
    "close=1011:Internal error: a@b@audio:3": Fault("close", "audio", 3, 1011, "Internal error: a@b"),
    "drop@reply:12": Fault("drop", "reply", 12),
    "stall=2.5@turn:1": Fault("stall", "turn", 1, 2.5),
    "goaway=1@5s": Fault("goaway", "time", 5, 1),
    "garbage@0.25s": Fault("garbage", "time", 0.25),
    "http=503@connect": Fault("http", "connect", 1, 503),
    "slow=4000@setup": Fault("slow", "setup", 1, 4000),
    "truncate@reply:2": Fault("truncate", "reply", 2),
    "stall=1@connect": Fault("stall", "connect", 1, 1),
    "drop@turn:1#1": Fault("drop", "turn", 1, connections=range(1, 2)),
    "http=503@connect#2-4": Fault("http", "connect", 1, 503, connections=range(2, 5)),
    "close=1011:busy #3@5s#7": Fault("close", "time", 5, 1011, "busy #3", range(7, 8)),
    f"close=1011:{123 * 'x'}@setup": Fault("close", "setup", 1, 1011, 123 * "x"),
}


@in_one_test("text", GOOD)
def test_what_is_meant_is_read(text):
    assert parse_fault(text) == GOOD[text]


BAD = [
    "drop",
    "@setup",
    "explode@setup",
    "drop@later",
    "drop@audio:0",
    "drop@audio:",
    "drop@audio:x",
    "drop@-1s",
    "close@setup",
    "close=1006@setup",
    "close=abc@setup",
    f"close=1011:{62 * 'é'}@setup",
    "http=200@connect",
    "http=503@setup",
    "stall@setup",
    "stall=x@setup",
    "slow=0@setup",
    "slow=9@connect",
    "truncate@connect",
    "drop=1@setup",
    "goaway=nan@setup",
    "drop@setup#",
    "drop@setup#0",
    "drop@setup#3-2",
    "drop@setup#1,3",
]


@in_one_test("text", BAD)
def test_what_is_not_is_refused_in_one_line(text):
    with pytest.raises(ValueError, match=r"\S") as refused:
        parse_fault(text)
    assert "\n" not in str(refused.value)


def test_each_moment_has_its_faults():
    faults = Faults(parse_fault(text) for text in ("drop@audio:2", "stall=1@audio:2", "garbage@1s"))
    assert faults
    assert not Faults()
    assert [fault.kind for fault in faults.at("audio", 2)] == ["drop", "stall"]
    assert faults.at("audio", 1) == faults.at("setup") == []
    assert [fault.kind for fault in faults.timed] == ["garbage"]


def test_every_kind_has_the_usage_that_is_parsed():
    for name, kind in FAULT_KINDS.items():
        assert re.match(rf"{name}(=|$)", kind.usage)
        assert kind.help


@in_one_test("name", FAULT_KINDS)
@in_one_test("moment", ["connect", "setup"])
def test_each_kind_happens_at_the_upgrade_or_in_a_session(name, moment):
    example = {"close": "close=1011", "http": "http=503"}.get(
        name, f"{name}=1" if "=" in FAULT_KINDS[name].usage else name
    )
    excluded = "in a session" if moment == "connect" else "at the upgrade"
    if FAULT_KINDS[name].happens == excluded:
        with pytest.raises(ValueError, match=name):
            parse_fault(f"{example}@{moment}")
    else:
        assert parse_fault(f"{example}@{moment}").kind == name


def test_a_connection_has_the_faults_that_name_it_and_those_that_name_none():
    faults = Faults(parse_fault(text) for text in ("drop@setup#1", "stall=1@setup#2-3", "garbage@setup"))
    kinds = [[fault.kind for fault in faults.on_connection(number).at("setup")] for number in (1, 2, 3, 4)]
    assert kinds == [["drop", "garbage"], ["stall", "garbage"], ["stall", "garbage"], ["garbage"]]
