"""`send --processes`: sessions in several processes, with one list, one rate, one display and one output."""

import json
import os
import signal
import sys
import threading
from collections import Counter
from pathlib import Path

import pytest

from livecli.runs import processes
from tests.end_to_end.conftest import Ran, finished, tone, wait_until, write_wav
from tests.live_server import Connection, Refusals, live_server

REPLY = tone(2400, 24_000)
TWO = ("--processes", 2, "--speed", 0, "--connect-rate", 500)

needs_proc = pytest.mark.skipif(sys.platform != "linux", reason="the processes of a process are read in /proc")


def answering(connection: Connection) -> None:
    connection.take_spoken_turn(REPLY)


def make_inputs(folder, count):
    names = [f"q{number}.wav" for number in range(count)]
    for number, name in enumerate(names):
        write_wav(folder / name, tone(160 * (number + 1)))
    return names


@pytest.fixture
def inputs(tmp_path):
    """Eight files, each of another length."""
    return make_inputs(tmp_path, 8)


@pytest.fixture
def workers(monkeypatch):
    """The worker processes that a command line in this process has started, in order."""
    started, start = [], processes.start

    def noting(entry):
        worker = start(entry)
        started.append(worker.process)
        return worker

    monkeypatch.setattr(processes, "start", noting)
    return started


def by_input(summaries):
    return {summary["input"]: summary for summary in summaries}


def comparable(summary):
    """What two runs of the same input have in common."""
    return {name: summary[name] for name in ("ok", "input", "output", "transcript", "turn", "cost_usd")} | {
        "sent": {name: summary["sent"][name] for name in ("chunks", "bytes")},
        "received": summary["received"]["bytes"],
    }


def test_two_processes_send_each_input_once_and_report_what_one_process_does(livecli, workers, tmp_path):
    inputs = make_inputs(tmp_path, 40)
    one = livecli("send", *inputs, "--local", "--speed", 0, "--connect-rate", 500, "--json", "-o", "replies", "-q")
    before = {path.name: path.read_bytes() for path in (tmp_path / "replies").iterdir()}
    two = livecli("send", *inputs, "--local", *TWO, "--jobs", 8, "--json", "-o", "replies")
    assert (one.status, two.status) == (0, 0), two.err
    assert len(workers) == 2
    assert [process.wait(10) for process in workers] == [0, 0]
    assert sorted(summary["input"] for summary in two.summaries) == sorted(inputs), "each once"
    assert len({summary["session_id"] for summary in two.summaries}) == 40
    mine = by_input(one.summaries)
    assert {name: comparable(each) for name, each in by_input(two.summaries).items()} == {
        name: comparable(each) for name, each in mine.items()
    }
    assert {path.name: path.read_bytes() for path in (tmp_path / "replies").iterdir()} == before
    *_, sent, _, latency, total = two.err.splitlines()
    bytes_sent = sum(summary["sent"]["bytes"] for summary in mine.values())
    assert f" · {bytes_sent:,} bytes · " in sent
    assert sorted(summary["latency_ms"]["first_sound"] for summary in two.summaries)[-1] == pytest.approx(
        float(latency.rpartition("max ")[2].removesuffix(" ms")), rel=0.1
    )
    assert total.startswith("40/40 · ")


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no SIGKILL")
def test_a_process_that_is_killed_costs_its_sessions_only(livecli, workers, inputs, tmp_path):
    lock, open_sessions, killed = threading.Lock(), [], threading.Event()

    def handle(connection: Connection) -> None:
        connection.set_up()
        with lock:
            open_sessions.append(connection)
            if len(open_sessions) == 4:
                workers[0].kill()
                workers[0].wait(10)
                killed.set()
        assert killed.wait(20)
        connection.hear()
        connection.answer(REPLY)
        connection.drain()

    with live_server(handle) as server:
        words = ["send", *inputs, "--base-url", server.url, *TWO, "--jobs", 4, "--json", "-o", "out"]
        ran = livecli(*words)
        assert ran.status == 137, ran.err
        assert len(workers) == 3, "the one that was killed was replaced"
        assert sorted(summary["input"] for summary in ran.summaries) == inputs, "each once"
        assert Counter(summary["exit_code"] for summary in ran.summaries) == {0: 6, 137: 2}
        lost = [summary for summary in ran.summaries if not summary["ok"]]
        for summary in lost:
            assert summary["error"]["kind"] == "interrupted"
            assert summary["error"]["message"] == "the process with this session was ended by SIGKILL"
            assert f"error: {summary['input']}: the process with this session was ended by SIGKILL\n" in ran.err
        assert "\n6/8 · 2 failed (2 with status 137) · " in ran.err
        (tmp_path / "done.jsonl").write_text(ran.out)
        rest = livecli(*words, "--resume-from", "done.jsonl")
    assert rest.status == 0, rest.err
    assert sorted(summary["input"] for summary in rest.summaries) == sorted(summary["input"] for summary in lost)


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has other signals")
def test_a_signal_to_all_processes_ends_all_sessions_in_order(spawn, inputs, tmp_path):
    for name in inputs:
        write_wav(tmp_path / name, tone(16_000 * 20))
    closed = threading.Semaphore(0)

    def handle(connection: Connection) -> None:
        connection.set_up()
        connection.receive()
        connection.audio(REPLY)
        connection.drain()
        closed.release()

    with live_server(handle) as server:
        words = ["--base-url", server.url, "--speed", 1, "--processes", 2, "--jobs", 4, "--json", "-o", "out"]
        process = spawn("send", *inputs, *words, start_new_session=True)
        out = tmp_path / "out"
        wait_until(lambda: sum(path.stat().st_size > 44 for path in out.glob("*.partial.wav")) == 4, 20)
        os.killpg(process.pid, signal.SIGTERM)
        ran = finished(process, 15)
        assert [closed.acquire(timeout=10) for _ in range(4)] == [True] * 4
        assert server.close_codes == [1000] * 4
    assert ran.status == 143, ran.err
    assert "Traceback" not in ran.err
    assert sorted(summary["input"] for summary in ran.summaries) == inputs, "each once"
    assert {summary["exit_code"] for summary in ran.summaries} == {143}
    kept = sorted(summary["output"] for summary in ran.summaries if summary["output"])
    assert kept == [f"out/q{number}.reply.partial.wav" for number in range(4)]
    assert "\n0/8 · 8 interrupted · " in f"\n{ran.err}"


def children(process):
    return [int(pid) for pid in Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()]


@needs_proc
def test_processes_have_no_secret_on_their_command_line_and_end_with_the_first(spawn, inputs, tmp_path):
    """Also where the first process is killed, and they are left alone."""
    held = threading.Semaphore(0)

    def handle(connection: Connection) -> None:
        connection.set_up()
        held.release()
        connection.drain()

    with live_server(handle) as server:
        words = ["--base-url", server.url, "--speed", 0, "--processes", 2, "--system", "a-private-instruction"]
        environment = {**os.environ, "GEMINI_API_KEY": "a-secret-key-of-mine"}
        process = spawn("send", *inputs, *words, "--platform", "developer", env=environment)
        assert [held.acquire(timeout=20) for _ in range(2)] == [True, True]
        workers = children(process)
        assert len(workers) == 2
        for pid in workers:
            command = Path(f"/proc/{pid}/cmdline").read_text()
            assert "a-secret" not in command
            assert "a-private" not in command
        assert [request.headers["x-goog-api-key"] for request in server.requests] == ["a-secret-key-of-mine"] * 2
        process.kill()
        wait_until(lambda: not any(is_running(pid) for pid in workers))


@needs_proc
def test_a_signal_while_the_processes_start_is_told_of_every_input(spawn, inputs):
    process = spawn("send", *inputs, "--local", *TWO, "--json", "-q", start_new_session=True)
    wait_until(lambda: len(children(process)) == 2, 30)
    os.killpg(process.pid, signal.SIGINT)
    ran = finished(process, 15)
    assert (ran.status, ran.err) == (130, "")
    assert [summary["input"] for summary in ran.summaries] == inputs


def is_running(pid):
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except FileNotFoundError:
        return False


def test_all_processes_have_one_rate_slow_down_together_and_share_a_token(livecli, inputs, service_account, stand_in):
    service_account()
    refusals = Refusals(2, 3)
    with live_server(answering, status=refusals) as server:
        words = ["--speed", 0, "--connect-rate", 40, "--processes", 2, "--jobs", 8, "--platform", "vertex"]
        ran = livecli("send", *inputs, "--base-url", server.url, *words)
    assert ran.status == 0, ran.err
    assert len(refusals.times) == 10, "the two that were refused were asked again"
    assert ran.err.count("the service is at its limit: sessions start at 20 a second") == 1
    assert "\n8/8 · 2 retried · " in ran.err
    assert refusals.times[-1] - refusals.times[0] > 9 / 40 - 0.05
    assert len(stand_in.asked) == 1
    assert {request.headers["Authorization"] for request in server.requests} == {"Bearer ya29.fresh-1"}


def test_what_a_session_reports_comes_from_the_other_processes(livecli, inputs, tmp_path):
    shown = ["--events", "events", "--record", "recorded/", "--report", "report.html", "--expect", "reply 0..1s"]
    ran = livecli("send", *inputs[:4], "--local", *TWO, *shown, "--stats", "--json", "--tool", "f=cat")
    assert ran.status == 0, ran.err
    events = [json.loads(line) for line in (tmp_path / "events").read_text().splitlines()]
    for number, name in enumerate(inputs[:4], 1):
        own = [event for event in events if event["input"] == name and event["direction"] == "sent"]
        assert own[0]["type"] == "setup"
        assert own[0]["setup"]["tools"][0]["functionDeclarations"][0]["name"] == "f"
        assert sum(event["bytes"] for event in own if event["type"] == "audio") == 320 * number
        assert livecli("recording", "validate", f"recorded/q{number - 1}.live").status == 0
        assert ran.err.count(f"{name}: connect ") == 1, "the waterfall of each run"
    assert all(summary["expectations"][0]["ok"] for summary in ran.summaries)
    assert (tmp_path / "report.html").stat().st_size > 10_000


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no FIFO")
def test_an_input_that_is_open_in_the_first_process_only_is_sent_by_it(livecli, inputs, tmp_path):
    sound = (tmp_path / inputs[0]).read_bytes()
    read_end, write_end = os.pipe()
    with os.fdopen(write_end, "wb") as pipe:
        pipe.write(sound)
    ran = livecli("send", f"/dev/fd/{read_end}", *inputs[1:3], "--local", *TWO, "--json", "-o", "out")
    os.close(read_end)
    assert ran.status == 0, ran.err
    assert sorted(summary["sent"]["bytes"] for summary in ran.summaries) == [320, 640, 960]


def test_the_processes_of_a_shard_send_its_part(livecli, inputs):
    ran = livecli("send", *inputs, "--local", *TWO, "--jobs", 4, "--json", "--shard", "1/2")
    assert ran.status == 0, ran.err
    assert sorted(summary["input"] for summary in ran.summaries) == ["q1.wav", "q3.wav", "q5.wav", "q7.wav"]


def test_an_error_of_a_session_is_that_of_one_process(livecli, inputs, tmp_path):
    (tmp_path / "q1.wav").write_text("this is no audio")

    def handle(connection: Connection) -> None:
        connection.set_up()
        if len(connection.hear()) == 320 * 3:  # of q2
            return connection.drain()
        return connection.answer(REPLY)

    with live_server(handle) as server:
        words = ["--base-url", server.url, *TWO, "--jobs", 4, "--json", "--timeout", 3, "--debug"]
        ran = livecli("send", *inputs[:4], *words)
    assert ran.status == 7
    assert {name: each["exit_code"] for name, each in by_input(ran.summaries).items()} == {
        "q0.wav": 0,
        "q1.wav": 3,
        "q2.wav": 7,
        "q3.wav": 0,
    }
    assert "decoding.py" in ran.err, "the traceback from the other process"


def test_a_reporter_that_cannot_write_ends_the_session(livecli, inputs):
    if not Path("/dev/full").exists():
        pytest.skip("there is no /dev/full")
    ran = livecli("send", *inputs[:2], "--local", *TWO, "--events", "/dev/full", "--json")
    assert ran.status == 3
    assert [summary["exit_code"] for summary in ran.summaries] == [3, 3]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--processes", "0"], "--processes 0 is not a number of processes"),
        (["--processes", "x"], "--processes x is not a number of processes"),
        (["--processes", "2", "--play"], "--play works with one session at a time"),
        (["--processes", "2", "-o", "-"], "several replies cannot be written to standard output"),
    ],
)
def test_what_cannot_be_with_several_processes(livecli, inputs, words, message):
    ran = livecli("send", *inputs[:2], "--local", *words)
    assert ran.status == 2
    assert f"error: {message}" in ran.err


def test_a_system_without_room_for_a_process_says_so(livecli, inputs, monkeypatch):
    def refuse(*_, **__):
        raise BlockingIOError(11, "Resource temporarily unavailable")

    monkeypatch.setattr("livecli.process.worker.subprocess.Popen", refuse)
    ran = livecli("send", *inputs[:2], "--local", *TWO, "-q")
    message = "error: cannot start a process: Resource temporarily unavailable\nhint: use fewer --processes\n"
    assert ran == Ran(3, "", message)


def test_no_more_processes_are_started_than_sessions(livecli, inputs, workers):
    assert livecli("send", *inputs, "--local", *TWO, "--jobs", 1).status == 0
    assert livecli("send", *inputs[:1], "--local", "--speed", 0, "--processes", "auto").status == 0
    assert workers == []
