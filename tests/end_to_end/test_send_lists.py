"""Which inputs are meant: folders, patterns, lists, shards. Nothing is sent where --dry-run will do."""

import json
import subprocess
import sys
import time
from pathlib import Path

import pytest

from livecli.runs.inputs import check_replies
from livecli.runs.request import Request
from tests.end_to_end.conftest import tone, write_wav


@pytest.fixture
def files(tmp_path):
    """A folder with what folders hold."""
    folder = tmp_path / "calls"
    (folder / "more").mkdir(parents=True)
    for name in ("b.wav", "a.flac", "c.WAV", "a.reply.wav", "b.partial.wav", ".hidden.wav", "more/d.wav"):
        write_wav(folder / name, tone(800))
    (folder / "notes.txt").write_text("no audio")
    return folder


@pytest.fixture
def asked(livecli):
    """The inputs that a command line stands for, in order, and what was said on standard error."""

    def ask(*words):
        ran = livecli(
            "send", *words, "--local", "--jobs", 1, "--speed", 0, "--connect-rate", 500, "--json", "-o", "out"
        )
        assert ran.status == 0, ran.err
        return [summary["input"] for summary in ran.summaries], ran.err

    return ask


def test_a_folder_is_its_audio_files(asked, files):
    inputs, err = asked("calls")
    assert inputs == ["calls/a.flac", "calls/b.wav", "calls/c.WAV"]
    assert "calls: skipped non-audio files: 1" in err
    assert "calls: skipped replies: 2" in err


def test_a_quoted_pattern_is_what_it_matches(asked, files):
    assert asked("calls/*.wav", "calls/[a]*.flac")[0] == [
        "calls/a.reply.wav",
        *asked_for("b.partial", "b"),
        "calls/a.flac",
    ]
    assert asked("calls/**/d.wav")[0] == ["calls/more/d.wav"]


def asked_for(*stems):
    return [f"calls/{stem}.wav" for stem in stems]


def test_a_file_that_is_called_like_a_pattern_is_that_file(asked, files, tmp_path):
    write_wav(tmp_path / "[a].wav", tone(800))
    assert asked("[a].wav")[0] == ["[a].wav"]


def test_a_list_in_a_file(asked, files, tmp_path):
    (tmp_path / "list").write_bytes(b"# today's\ncalls/b.wav\r\n\n  \ncalls/more/d.wav\n./#1.wav")
    write_wav(tmp_path / "#1.wav", tone(800))
    inputs, _ = asked("calls/a.flac", "--from", "list")
    assert inputs == ["calls/a.flac", "calls/b.wav", "calls/more/d.wav", "./#1.wav"]


def test_a_list_on_standard_input(fork, files):
    process = fork("send", "--from", "-", "--local", "--speed", 0, "--json", "-q", "-o", "out")
    out, err = process.communicate(b"calls/b.wav\ncalls/a.flac\n", timeout=30)
    assert process.returncode == 0, err
    assert [json.loads(line)["input"] for line in out.splitlines()] == ["calls/b.wav", "calls/a.flac"]


@pytest.mark.parametrize(
    ("words", "status", "said"),
    [
        (["calls/*.mp3"], 3, "no file matches calls/*.mp3"),
        (["calls/more/none"], 3, "there is no file"),
        (["--from", "missing"], 3, "cannot read the list missing"),
        (["--from", "empty"], 3, "names no input"),
        (["-", "--from", "-"], 2, "both want standard input"),
        (["--from", "list", "--raw", "16000"], 2, "--raw"),
        (["--resume-from", "missing"], 3, "cannot read missing"),
        (["calls", "--shard", "4/4"], 2, "shards count from 0: 0/4 to 3/4"),
        (["calls", "--shard", "1"], 2, "--shard takes I/N, such as 0/4, or auto, not '1'"),
        (["calls", "--shard", "-1/4"], 2, "not '-1/4'"),
        (["calls", "--shard", "0/0"], 2, "no such shard"),
        (["calls", "--shard", "auto"], 2, "none is set of SLURM_ARRAY_TASK_ID"),
        (["calls/a.flac", "calls/a.wav"], 2, "share the reply"),
    ],
)
def test_what_is_no_list(livecli, files, tmp_path, words, status, said):
    (tmp_path / "empty").write_text("# nothing\n\n")
    (tmp_path / "list").write_text("calls/b.wav\n")
    ran = livecli("send", *words, "--local", "--jobs", 2)
    assert (ran.status, ran.out) == (status, "")
    assert said in ran.err


def test_thousands_of_inputs_are_checked_in_no_time():
    questions = [Request(f"folder/{number}.wav", output=f"out/{number}.reply.wav") for number in range(5000)]
    began = time.process_time()
    check_replies(questions)
    assert time.process_time() - began < 5, "it is not quadratic"


# --- shards ---

AUTO = {
    "Slurm, from 1": ("SLURM_ARRAY_TASK_ID", 1, {"SLURM_ARRAY_TASK_COUNT": "3", "SLURM_ARRAY_TASK_MIN": "1"}),
    "Slurm, in twos": (
        "SLURM_ARRAY_TASK_ID",
        0,
        {"SLURM_ARRAY_TASK_COUNT": "3", "SLURM_ARRAY_TASK_MIN": "0", "SLURM_ARRAY_TASK_STEP": "2"},
    ),
    "Kubernetes": ("JOB_COMPLETION_INDEX", 0, {"JOB_COMPLETIONS": "3"}),
    "Cloud Run": ("CLOUD_RUN_TASK_INDEX", 0, {"CLOUD_RUN_TASK_COUNT": "3"}),
    "GitLab": ("CI_NODE_INDEX", 1, {"CI_NODE_TOTAL": "3"}),
    "CircleCI": ("CIRCLE_NODE_INDEX", 0, {"CIRCLE_NODE_TOTAL": "3"}),
}


@pytest.fixture
def eleven(tmp_path):
    (tmp_path / "in").mkdir()
    for number in range(11):
        write_wav(tmp_path / "in" / f"{number}.wav", tone(160))


def lines_of(livecli, *words):
    ran = livecli(
        "send", "in", *words, "--local", "--jobs", 4, "--speed", 0, "--connect-rate", 500, "--json", "-o", "out"
    )
    assert ran.status == 0, ran.err
    return ran.summaries


def test_shards_are_disjoint_and_complete_and_their_lines_join(livecli, eleven, tmp_path):
    shards = [lines_of(livecli, "--shard", f"{index}/3") for index in range(3)]
    assert [len(shard) for shard in shards] == [4, 4, 3]
    joined = [summary for shard in shards for summary in shard]
    assert sorted(summary["input"] for summary in joined) == sorted(f"in/{number}.wav" for number in range(11))
    assert {summary["output"] for summary in joined} == {f"out/{number}.reply.wav" for number in range(11)}
    (tmp_path / "all.jsonl").write_text("\n".join(json.dumps(summary) for summary in joined))
    assert lines_of(livecli, "--resume-from", "all.jsonl") == [], "together they are the whole run"


def test_the_order_of_the_list_does_not_matter(livecli, eleven, tmp_path):
    names = [f"in/{number}.wav" for number in range(11)]
    for index in range(2):
        taken = []
        for order in (names, names[::-1]):
            (tmp_path / "list").write_text("\n".join(order))
            words = ["--shard", f"{index}/2", "--local", "--dry-run"]
            taken.append(livecli("send", "--from", "list", *words).err)
        assert taken[0] == taken[1] == f"shard {index} of 2: {6 - index} of 11 inputs\n"


@pytest.mark.parametrize("scheduler", AUTO)
def test_a_scheduler_numbers_its_tasks(livecli, eleven, monkeypatch, scheduler):
    name, first, others = AUTO[scheduler]
    step = int(others.get("SLURM_ARRAY_TASK_STEP", "1"))
    for variable, value in others.items():
        monkeypatch.setenv(variable, value)
    for index in range(3):
        monkeypatch.setenv(name, str(first + step * index))
        ran = livecli("send", "in", "--shard", "auto", "--local", "--dry-run")
        assert f"shard {index} of 3: " in ran.err


def test_without_the_option_no_scheduler_is_asked(livecli, eleven, monkeypatch):
    monkeypatch.setenv("CLOUD_RUN_TASK_INDEX", "1")
    monkeypatch.setenv("CLOUD_RUN_TASK_COUNT", "3")
    assert len(lines_of(livecli)) == 11


def test_a_scheduler_that_does_not_say_how_many(livecli, eleven, monkeypatch):
    monkeypatch.setenv("JOB_COMPLETION_INDEX", "1")
    ran = livecli("send", "in", "--shard", "auto", "--local")
    assert ran.status == 2
    assert "JOB_COMPLETIONS is not set" in ran.err
    assert "--shard $JOB_COMPLETION_INDEX/N" in ran.err


def test_two_schedulers_are_one_too_many(livecli, eleven, monkeypatch):
    monkeypatch.setenv("CI_NODE_INDEX", "1")
    monkeypatch.setenv("SLURM_ARRAY_TASK_ID", "1")
    ran = livecli("send", "in", "--shard", "auto", "--local")
    assert ran.status == 2
    assert "several are set: SLURM_ARRAY_TASK_ID, CI_NODE_INDEX" in ran.err


def test_a_shard_that_is_empty_is_done(livecli, eleven):
    ran = livecli("send", "in", "--shard", "11/12", "--local", "--json", "-o", "out")
    assert (ran.status, ran.out) == (0, "")
    assert "shard 11 of 12: 0 of 11 inputs" in ran.err


@pytest.mark.parametrize("command", ["send --local --from - <&-", "send --local --from - --dry-run <&-"])
def test_a_list_on_a_closed_standard_input(tmp_path, command):
    shell = ["sh", "-c", f'"$0" -m livecli {command}', sys.executable]
    ran = subprocess.run(shell, cwd=tmp_path, capture_output=True, text=True, timeout=30)
    assert (ran.returncode, ran.stdout, ran.stderr) == (3, "", "error: standard input is closed\n")


def test_a_folder_and_a_pattern_are_in_natural_order(livecli, tmp_path):
    (tmp_path / "many").mkdir()
    for name in ("q10", "q2", "q1", "Q1", "a", "q2b"):
        write_wav(tmp_path / "many" / f"{name}.wav", tone(160))
    for words in ("many", "many/*.wav"):
        ran = livecli("send", words, "--local", "--speed", 0, "--json", "-q")
        assert [Path(summary["input"]).stem for summary in ran.summaries] == ["Q1", "a", "q1", "q2", "q2b", "q10"]
