"""`send --jobs`: many inputs in one process, each with its own session, told together."""

import json
import os
import re
import signal
import subprocess
import sys
import threading
import time

import pytest

from livecli.media import file_source
from tests.end_to_end.conftest import Ran, finished, read_wav, tone, wait_until, write_wav
from tests.live_server import Connection, Refusals, live_server

REPLY = tone(2400, 24_000)
FAST = ("--speed", 0, "--connect-rate", 500)


@pytest.fixture
def inputs(tmp_path):
    """Eight files, each of another length."""
    for number in range(8):
        write_wav(tmp_path / f"q{number}.wav", tone(800 * (number + 1)))
    return [f"q{number}.wav" for number in range(8)]


def answering(connection: Connection) -> None:
    connection.take_spoken_turn(REPLY)


def replies(folder):
    return {path.name: read_wav(path) for path in folder.iterdir()}


def comparable(summary):
    """What two runs of the same input have in common."""
    return {name: summary[name] for name in ("ok", "exit_code", "input", "transcript", "turn")} | {
        "sent": {name: summary["sent"][name] for name in ("chunks", "bytes")},
        "received": summary["received"]["bytes"],
    }


def test_eight_at_once_do_what_one_after_another_does(livecli, inputs, tmp_path):
    one = livecli("send", *inputs, "--local", *FAST, "--jobs", 1, "--json", "-o", "one")
    eight = livecli("send", *inputs, "--local", *FAST, "--jobs", 8, "--json", "-o", "eight")
    assert (one.status, eight.status) == (0, 0), eight.err
    assert [summary["input"] for summary in one.summaries] == inputs
    by_input = sorted(eight.summaries, key=lambda summary: summary["input"])
    assert [*map(comparable, by_input)] == [*map(comparable, one.summaries)]
    assert replies(tmp_path / "eight") == replies(tmp_path / "one")
    assert len({summary["session_id"] for summary in eight.summaries}) == 8


def test_a_low_limit_of_open_files_is_raised_to_what_so_many_sessions_need(inputs, tmp_path):
    """A session has three files open, and the process 64 more at the most."""
    limited = "\n".join(
        [
            "import resource, sys",
            "resource.setrlimit(resource.RLIMIT_NOFILE, (50, int(sys.argv[1])))",
            "from livecli.__main__ import main",
            "status = main(sys.argv[2:])",
            "print(resource.getrlimit(resource.RLIMIT_NOFILE)[0])",
            "sys.exit(status)",
        ]
    )
    words = [
        "send",
        *[str(tmp_path / name) for name in inputs],
        "-o",
        str(tmp_path / "replies"),
        "--local",
        *map(str, FAST),
        "--jobs",
        "8",
    ]

    def run(hard):
        command = [sys.executable, "-c", limited, str(hard), *words]
        return subprocess.run(command, capture_output=True, text=True, timeout=50)

    enough, short = run(100), run(87)
    assert (enough.returncode, short.returncode) == (0, 0), enough.stderr + short.stderr
    assert (enough.stdout.split()[-1], short.stdout.split()[-1]) == ("88", "87")
    assert "ulimit" not in enough.stderr
    warning = "up to 88 files may be open at once, but the system allows 87 (ulimit -n): use fewer --jobs"
    assert short.stderr.count(warning) == 1


def test_a_file_that_is_slow_to_read_holds_up_no_other(livecli, tmp_path, monkeypatch):
    for number in range(4):
        write_wav(tmp_path / f"slow{number}.wav", tone(40_000))
    together, samples = threading.Barrier(4, timeout=20), file_source._samples

    def slow(stream, limit, block_bytes):
        """Gives a block once it is read from all four."""
        for block in samples(stream, limit, block_bytes):
            together.wait()
            yield block

    monkeypatch.setattr(file_source, "_samples", slow)
    names = [f"slow{number}.wav" for number in range(4)]
    ran = livecli("send", *names, "--local", *FAST, "--jobs", 4, "--json", "-o", "out")
    assert ran.status == 0, ran.err
    assert [summary["sent"]["bytes"] for summary in ran.summaries] == [80_000] * 4


def test_so_many_sessions_are_open_at_once(livecli, inputs):
    together = threading.Barrier(4, timeout=20)

    def handle(connection: Connection) -> None:
        connection.set_up()
        together.wait()
        connection.hear()
        connection.answer(REPLY)
        connection.drain()

    with live_server(handle) as server:
        ran = livecli("send", *inputs, "--base-url", server.url, *FAST, "--jobs", 4)
    assert ran.status == 0, ran.err


def test_a_failed_file_stops_nobody_and_the_gravest_status_wins(livecli, inputs, tmp_path):
    (tmp_path / "q1.wav").write_text("this is no audio")
    (tmp_path / "q2.wav").unlink()

    def handle(connection: Connection) -> None:
        connection.set_up()
        if len(connection.hear()) == 1600 * 4:  # of q3
            return connection.close(1011, "Internal error encountered.")
        connection.answer(REPLY)
        return connection.drain()

    with live_server(handle) as server:
        ran = livecli("send", *inputs, "--base-url", server.url, *FAST, "--jobs", 8, "--json", "--retries", 0)
    assert ran.status == 6
    assert {summary["input"]: summary["exit_code"] for summary in ran.summaries} == dict.fromkeys(inputs, 0) | {
        "q1.wav": 3,
        "q2.wav": 3,
        "q3.wav": 6,
    }
    assert "error: q3.wav: " in ran.err
    assert "\n5/8 · 3 failed (2 with status 3, 1 with status 6) · " in ran.err


def test_the_same_advice_is_given_once(livecli, inputs):
    with live_server(answering, status=403) as server:
        ran = livecli("send", *inputs, "--base-url", server.url, *FAST, "--jobs", 4)
    assert ran.status == 4
    assert ran.err.count("error: ") == 8
    assert ran.err.count("hint: ") == 1


def test_quota_slows_the_starts_down_and_what_was_refused_is_tried_again(livecli, inputs):
    refusals = Refusals(2, 3)
    with live_server(answering, status=refusals) as server:
        ran = livecli("send", *inputs, "--base-url", server.url, "--speed", 0, "--connect-rate", 40, "--jobs", 8)
    assert ran.status == 0, ran.err
    assert len(refusals.times) == 10, "the two that were refused were asked again"
    assert "the service is at its limit: sessions start at 20 a second" in ran.err
    assert "\n8/8 · 2 retried · " in ran.err


def test_a_quota_that_does_not_pass_is_status_8_within_the_retries(livecli, inputs):
    with live_server(answering, status=429) as server:
        ran = livecli("send", *inputs[:2], "--base-url", server.url, *FAST, "--jobs", 2, "--retries", 1, "--json")
    assert ran.status == 8
    assert [summary["exit_code"] for summary in ran.summaries] == [8, 8]
    assert len(server.requests) == 4


def test_sessions_start_no_faster_than_the_rate(livecli, inputs):
    with live_server(answering) as server:
        started = []
        server.requests = type("Noted", (list,), {"append": lambda self, request: started.append(time.monotonic())})()
        began = time.monotonic()
        ran = livecli("send", *inputs[:5], "--base-url", server.url, "--speed", 0, "--connect-rate", 20, "--jobs", 5)
    assert ran.status == 0, ran.err
    assert started[-1] - began > 4 / 20 - 0.05


def test_a_pipe_is_told_where_they_stand_in_plain_lines(livecli, inputs, monkeypatch):
    monkeypatch.setattr("livecli.console.batch.BatchLines.progress_seconds", 0.02)
    ran = livecli("send", *inputs, "--local", "--connect-rate", 500, "--jobs", 8, "--speed", 0.2)
    assert ran.status == 0
    progress = [line for line in ran.err.splitlines() if " running" in line]
    assert any(line.startswith("0/8 · 8 running · ") for line in progress)
    assert any("× · 0:0" in line and line.endswith(" left") for line in progress)
    assert "\x1b" not in ran.err
    assert re.search(r"^✓ q0\.wav +0\.\d s → +0\.\d s +[\d.,]+ ms$", ran.err, re.M)
    *_, sent, received, latency, total = ran.err.splitlines()
    assert re.fullmatch(r"sent      \d+ chunks · 57,600 bytes · 1\.80 s", sent)
    assert re.fullmatch(r"received  \d+ chunks · 86,400 bytes · 1\.80 s", received)
    assert latency.split()[:2] == ["latency", "p50"]
    assert re.fullmatch(r"8/8 · [\d.]+ s · [\d.]+× · \$[\d.]+ → \./", total)


def test_the_percentiles_of_each_latency_are_a_table_on_demand(livecli, inputs):
    err = livecli("send", *inputs[:2], "--local", *FAST, "--stats").err
    header = next(line for line in err.splitlines() if "p99" in line)
    table = [line.split() for line in err.partition(header + "\n")[2].splitlines()[:5]]
    assert [row[0] for row in table] == ["connect", "setup", "first", "first", "turn"]
    assert "q0.wav: connect " in err, "the waterfall of each run"


def test_several_one_after_another_have_the_same_display(livecli, inputs):
    lines = livecli("send", *inputs[:2], "--local", *FAST).err.splitlines()
    assert [line[:8] for line in lines] == ["✓ q0.wav", "✓ q1.wav", "sent    ", "received", "latency ", lines[-1][:8]]


def test_quiet_leaves_errors_only(livecli, inputs, tmp_path):
    (tmp_path / "q1.wav").unlink()
    ran = livecli("send", *inputs[:3], "--local", *FAST, "--jobs", 3, "-q")
    assert ran.status == 3
    assert ran.err.splitlines()[0] == "error: there is no file q1.wav"
    assert [line.partition(" ")[0] for line in ran.err.splitlines()] == ["error:", "hint:"]


def test_verbose_lines_say_whose_they_are(livecli, inputs):
    ran = livecli("send", *inputs[:2], "--local", *FAST, "--jobs", 2, "-vv")
    assert ran.status == 0
    assert "q0.wav: " in ran.err
    assert any(line.startswith("q1.wav: ") and "sent chunk 1: 1024 bytes" in line for line in ran.err.splitlines())


def test_events_of_several_at_once_say_whose_they_are(livecli, inputs):
    ran = livecli("send", *inputs[:3], "--local", *FAST, "--jobs", 3, "--events", "-")
    assert ran.status == 0
    seen = ran.summaries
    for number, name in enumerate(inputs[:3], 1):
        own = [event for event in seen if event["input"] == name and event["direction"] == "sent"]
        assert [event["type"] for event in own if event["type"] != "audio"][:2] == ["setup", "activity_start"]
        assert sum(event["bytes"] for event in own if event["type"] == "audio") == 1600 * number


@pytest.mark.parametrize(("signum", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_an_interruption_is_told_of_every_input_and_keeps_what_came(fork, inputs, tmp_path, signum, status):
    answered = threading.Semaphore(0)

    def handle(connection: Connection) -> None:
        connection.set_up()
        if len(server.frames) > 1:
            connection.receive()
        connection.audio(REPLY)
        answered.release()
        connection.drain()

    for name in inputs:
        write_wav(tmp_path / name, tone(16_000 * 20))
    with live_server(handle) as server:
        words = ["--base-url", server.url, "--speed", 1, "--jobs", 3, "--json", "-o", "out"]
        process = fork("send", *inputs, *words)
        for _ in range(3):
            assert answered.acquire(timeout=20)
        partial = tmp_path / "out"
        wait_until(lambda: sum(path.stat().st_size > 44 for path in partial.glob("*.partial.wav")) == 3)
        process.send_signal(signum)
        ran = finished(process, 10)
    assert ran.status == status, ran.err
    assert "Traceback" not in ran.err
    assert sorted(summary["input"] for summary in ran.summaries) == inputs
    assert {summary["exit_code"] for summary in ran.summaries} == {status}
    kept = [summary["output"] for summary in ran.summaries if summary["output"]]
    assert sorted(kept) == [f"out/q{number}.reply.partial.wav" for number in range(3)]
    assert "\n0/8 · 8 interrupted · " in f"\n{ran.err}"
    assert "error" not in ran.err


def test_an_interrupted_run_goes_on(livecli, inputs, tmp_path):
    first = livecli("send", *inputs[:5], "--local", *FAST, "--jobs", 5, "--json", "-o", "out")
    (tmp_path / "done.jsonl").write_text(first.out + '{"schema": "livecli/summ')
    (tmp_path / "out" / "q1.reply.wav").unlink()
    ran = livecli("send", *inputs, "--local", *FAST, "--jobs", 4, "--json", "-o", "out", "--resume-from", "done.jsonl")
    assert ran.status == 0, ran.err
    assert sorted(summary["input"] for summary in ran.summaries) == ["q1.wav", "q5.wav", "q6.wav", "q7.wav"]
    assert "4 of 8 are done already, as done.jsonl says" in ran.err
    (tmp_path / "done.jsonl").write_text(first.out + ran.out)
    again = livecli("send", *inputs, "--local", "--jobs", 4, "--json", "-o", "out", "--resume-from", "done.jsonl")
    assert (again.status, again.out) == (0, "")
    elsewhere = livecli("send", "q0.wav", "--local", *FAST, "--json", "-o", "new", "--resume-from", "done.jsonl")
    assert len(elsewhere.summaries) == 1, "its reply is wanted in another folder"


@pytest.fixture
def went_on(livecli, inputs, tmp_path):
    """The inputs that a second run sends after `change()`, and what it prints about those of the first run."""
    words = ["send", *inputs[:3], "--local", *FAST, "--jobs", 3, "--json", "-o", "out"]

    def run(change):
        first = livecli(*words)
        assert first.status == 0
        (tmp_path / "done.jsonl").write_text(first.out)
        change(tmp_path)
        ran = livecli(*words, "--resume-from", "done.jsonl")
        assert ran.status == 0, ran.err
        sent = sorted(summary["input"] for summary in ran.summaries)
        for name in ("q0", "q1", "q2"):
            assert read_wav(tmp_path / "out" / f"{name}.reply.wav")[0] == 24_000
        return sent, ran.err

    return run


def rewrite(name, change):
    return lambda folder: (folder / name).write_bytes(change((folder / name).read_bytes()))


@pytest.mark.parametrize(
    "change",
    [
        rewrite("out/q1.reply.wav", lambda data: b""),
        rewrite("out/q1.reply.wav", lambda data: data[:-2]),
        rewrite("out/q1.reply.wav", lambda data: data + bytes(2)),
        rewrite("q1.wav", lambda data: data[:-2]),
        rewrite("q1.wav", lambda data: data),  # only the time differs
        lambda folder: (folder / "out/q1.reply.wav").unlink(),
        lambda folder: os.utime(folder / "q1.wav", (0, 1_000_000_000)),
    ],
)
def test_an_input_or_a_reply_that_has_changed_since_is_asked_again(went_on, change):
    sent, err = went_on(change)
    assert sent == ["q1.wav"]
    assert "2 of 3 are done already, as done.jsonl says" in err
    assert "1 is sent again: the input or the reply has changed since" in err


def without_new_keys(folder, size=None):
    """The lines of a version that did not report the files, with another size of the reply's audio."""
    lines = [json.loads(line) for line in (folder / "done.jsonl").read_text().splitlines()]
    for line in lines:
        del line["input_file"], line["output_bytes"]
        line["received"]["bytes"] += 0 if size is None or line["input"] != "q1.wav" else size
    (folder / "done.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))


@pytest.mark.parametrize(("more", "sent"), [(0, []), (100, ["q1.wav"])])
def test_the_lines_of_an_earlier_version_are_compared_with_the_audio_received(went_on, more, sent):
    """Such a file has a header, too, so that it is longer than its audio."""
    assert went_on(lambda folder: without_new_keys(folder, more))[0] == sent


@pytest.mark.parametrize("line", ['{"schema": "livecli/summ', "[" * 100_000, "[]", '{"ok": true, "input": 7}', "\x00"])
def test_the_half_line_of_a_killed_run_swallows_no_other(fork, inputs, tmp_path, line):
    (tmp_path / "done.jsonl").write_text(line)
    words = ["send", *inputs[:2], "--local", *FAST, "--json", "-q", "--resume-from", "done.jsonl"]
    for _ in range(2):
        with (tmp_path / "done.jsonl").open("ab") as log:
            assert fork(*words, stdout=log, stderr=subprocess.DEVNULL).wait(30) == 0
    broken, *lines = (tmp_path / "done.jsonl").read_text().splitlines()
    assert broken == line
    assert [json.loads(each)["input"] for each in lines] == inputs[:2], "each once"


@pytest.mark.parametrize("half", ['{"sch', '{"schema": "livecli/summary@1", "ok": tr'])
def test_the_half_line_of_a_run_that_was_killed_in_its_first_line_may_have_been_ended(livecli, inputs, tmp_path, half):
    (tmp_path / "done.jsonl").write_text(half + "\n")
    ran = livecli("send", inputs[0], "--local", *FAST, "--resume-from", "done.jsonl", "--json")
    assert ran.status == 0, ran.err


def test_a_list_that_standard_output_does_not_go_to_is_only_read(fork, inputs, tmp_path):
    (tmp_path / "done.jsonl").write_text('{"schema": "livecli/summ')
    ran = finished(fork("send", "q0.wav", "--local", *FAST, "--json", "--resume-from", "done.jsonl"))
    assert ran.summary["ok"]
    assert (tmp_path / "done.jsonl").read_text() == '{"schema": "livecli/summ'


@pytest.mark.parametrize(
    "content", ["garbage {\n", '{"a": 1}\n[]\n', "q0.wav\nq1.wav\nhalf a li", '{\n "ok": true\n}\n']
)
def test_a_file_that_is_no_list_of_results_is_refused(livecli, inputs, tmp_path, content):
    (tmp_path / "list").write_text(content)
    ran = livecli("send", *inputs[:2], "--local", *FAST, "--resume-from", "list")
    assert ran == Ran(3, "", "error: list has no line of --json\nhint: livecli send ... --json > list\n")


def test_lines_that_are_no_results_are_told(livecli, inputs, tmp_path):
    done = livecli("send", inputs[0], "--local", *FAST, "--json", "--jobs", 1)
    (tmp_path / "done.jsonl").write_text(f"a word\n{done.out}\n")
    ran = livecli("send", *inputs[:2], "--local", *FAST, "--json", "--resume-from", "done.jsonl")
    assert [summary["input"] for summary in ran.summaries] == [inputs[1]]
    assert "1 of 2 lines skipped in done.jsonl that are not of --json\n" in ran.err


def test_what_failed_before_is_asked_again(livecli, inputs, tmp_path):
    with live_server(answering, status=503) as server:
        failed = livecli("send", "q0.wav", "--base-url", server.url, "--retries", 0, "--jobs", 1, "--json")
    (tmp_path / "run.jsonl").write_text(failed.out)
    ran = livecli("send", "q0.wav", "--local", "--json", "--resume-from", "run.jsonl")
    assert [summary["ok"] for summary in failed.summaries + ran.summaries] == [False, True]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--jobs", "0"], "--jobs"),
        (["--connect-rate", "0"], "--connect-rate"),
        (["--connect-rate", "nan"], "--connect-rate"),
        (["--jobs", "2", "-o", "-"], "standard output"),
        (["--jobs", "2", "--play"], "--play"),
        (["--jobs", "2", "--tool", "f=true", "--confirm"], "--confirm"),
    ],
)
def test_what_cannot_be_with_several_at_once(livecli, inputs, words, said):
    ran = livecli("send", *inputs[:2], "--local", *words)
    assert ran.status == 2
    assert said in ran.err


def test_text_is_one_question(livecli):
    assert livecli("send", "--text", "hello", "--local", "--jobs", 2).status == 2


def test_a_terminal_sees_one_display_for_all(at_a_display, inputs):
    words = ["--jobs", "4", "--speed", "0.05", "--connect-rate", "500"]
    status, screen = at_a_display("send", *inputs[:4], "missing.wav", "--local", *words)
    assert status == 3
    text = re.sub(r"\x1b\[[\d;?]*[A-Za-z]", "", screen)
    assert "running · " in text
    assert re.search(r"[⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏] q\d\.wav +━*╸?─+  0\.\d / 0\.\d s", text), "a run under way"
    assert "✗ missing.wav  there is no file missing.wav" in text
    assert re.search(r"✓ q0\.wav +0\.\d s → +0\.\d s", text)
    assert re.search(r"4/5 · 1 failed \(1 with status 3\) · .*→ \./", text)
    assert screen.count("\x1b[?25l") == screen.count("\x1b[?25h"), "the cursor is shown again"
