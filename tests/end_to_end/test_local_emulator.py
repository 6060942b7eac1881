"""The emulator of `--local` takes a script, a recording, faults and a pace, as `serve` does."""

from pathlib import Path

import pytest

from tests.end_to_end.conftest import Ran

SCRIPT = '[[turn]]\nsay = "Two streets from here."\n'
RECORDING = Path(__file__).parents[1] / "emulator" / "recordings"


@pytest.fixture
def script(tmp_path: Path) -> Path:
    path = tmp_path / "station.toml"
    path.write_text(SCRIPT)
    return path


def test_send_is_answered_by_the_script(livecli, script):
    ran = livecli("send", "--local", "-q", "--text", "a station?", "--script", script)
    assert (ran.status, ran.out) == (0, "Two streets from here.\n")


def test_a_chat_is_answered_by_the_script(converse, script):
    ran: Ran = converse("a station?\n", "--local", "-q", "--script", script)
    assert (ran.status, ran.out) == (0, "Two streets from here.\n")


@pytest.mark.parametrize(("fault", "status"), [("close=4000:no@setup#1", 6), ("close=4000:no@setup#2", 0)])
def test_a_fault_is_injected_on_the_connection_that_it_names(livecli, fault, status):
    assert livecli("send", "--local", "-q", "--text", "hi", "--fault", fault).status == status


def test_the_pace_is_the_given_one(livecli):
    figures = {
        pace: livecli("send", "--local", "-q", "--sample", "--json", "--pace", pace).summary["latency_ms"]
        for pace in ("instant", "realtime")
    }
    # The sample is 2.2 s long; it is sent in 0.7 s, and its reply is as long as it is.
    assert figures["realtime"]["turn"] - figures["instant"]["turn"] > 2_000


def test_a_recording_is_replayed(livecli, tmp_path):
    recording = tmp_path / "r.log"
    recording.write_text(
        '>1 {"setup": {"model": "models/gemini-3.8-live"}}\n<1 {"setupComplete": {}}\n'
        '>1 {"realtimeInput": {"text": "hi"}}\n'
        '<1 {"serverContent": {"outputTranscription": {"text": "Recorded."}}}\n'
        '<1 {"serverContent": {"turnComplete": true}}\n'
    )
    ran = livecli("send", "--local", "-q", "--text", "hi", "--replay", recording)
    assert ran.out == "Recorded.\n"


@pytest.mark.parametrize(
    "option", [("--script", "s.toml"), ("--replay", "r"), ("--fault", "drop@setup"), ("--pace", "burst")]
)
@pytest.mark.parametrize("command", ["send", "chat"])
def test_without_local_there_is_no_emulator_to_apply_to(livecli, command, option):
    ran = livecli(command, *option)
    assert ran.status == 2
    assert ran.err.splitlines()[0] == f"error: {option[0]} is for the emulator"
