"""`--shard`: the parts of a list, and the variables of schedulers."""

from __future__ import annotations

import pytest

from livecli.errors import UsageError
from livecli.runs.request import Request
from livecli.runs.shards import Shard, parse_shard
from tests.cases import in_one_test


def test_shards_are_parts_of_the_sorted_list() -> None:
    requests = [Request(input=name) for name in ("d", "B", "a", "é", "c")]
    remarks: list[str] = []
    parts = [[each.input for each in Shard(index, 2).of(requests, remarks.append)] for index in range(2)]
    assert parts == [["B", "c", "é"], ["a", "d"]]
    assert remarks == ["shard 0 of 2: 3 of 5 inputs", "shard 1 of 2: 2 of 5 inputs"]


@in_one_test(
    ("environ", "shard"),
    [
        ({"SLURM_ARRAY_TASK_ID": "7", "SLURM_ARRAY_TASK_COUNT": "4", "SLURM_ARRAY_TASK_MIN": "4"}, Shard(3, 4)),
        (
            {
                "SLURM_ARRAY_TASK_ID": "16",
                "SLURM_ARRAY_TASK_COUNT": "3",
                "SLURM_ARRAY_TASK_MIN": "10",
                "SLURM_ARRAY_TASK_STEP": "3",
            },
            Shard(2, 3),
        ),
        ({"CLOUD_RUN_TASK_INDEX": "0", "CLOUD_RUN_TASK_COUNT": "5"}, Shard(0, 5)),
        ({"JOB_COMPLETION_INDEX": "1", "JOB_COMPLETIONS": "2"}, Shard(1, 2)),
        ({"CI_NODE_INDEX": "1", "CI_NODE_TOTAL": "2"}, Shard(0, 2)),
        ({"CIRCLE_NODE_INDEX": "1", "CIRCLE_NODE_TOTAL": "2"}, Shard(1, 2)),
        ({"BUILDKITE_PARALLEL_JOB": "0", "BUILDKITE_PARALLEL_JOB_COUNT": "1"}, Shard(0, 1)),
    ],
)
def test_schedulers_number_their_tasks(environ: dict[str, str], shard: Shard) -> None:
    assert parse_shard("auto", environ) == shard
    assert parse_shard("1/3", environ) == Shard(1, 3)


@in_one_test(
    ("words", "environ", "message", "hint"),
    [
        ("3", {}, "--shard takes I/N, such as 0/4, or auto, not '3'", None),
        ("1/-4", {}, "--shard takes I/N, such as 0/4, or auto, not '1/-4'", None),
        ("4/4", {}, "--shard 4/4: there is no such shard", "shards count from 0: 0/4 to 3/4"),
        ("0/0", {}, "--shard 0/0: there is no such shard", "I/N, I from 0 to N-1; or auto"),
        (
            "auto",
            {"CI_NODE_INDEX": "1", "JOB_COMPLETION_INDEX": "1"},
            "--shard auto reads the variables of one scheduler, and several are set: "
            "JOB_COMPLETION_INDEX, CI_NODE_INDEX",
            "I/N, I from 0 to N-1; or auto",
        ),
        (
            "auto",
            {"JOB_COMPLETION_INDEX": "1"},
            "--shard auto: Kubernetes's JOB_COMPLETIONS is not set",
            "--shard $JOB_COMPLETION_INDEX/N needs no such variable",
        ),
        (
            "auto",
            {"CI_NODE_INDEX": "one", "CI_NODE_TOTAL": "2"},
            "--shard auto: GitLab's CI_NODE_INDEX is not a number: one",
            "I/N, I from 0 to N-1; or auto",
        ),
        (
            "auto",
            {"CI_NODE_INDEX": "0", "CI_NODE_TOTAL": "2"},
            "--shard auto: CI_NODE_INDEX=0: there is no such shard",
            "shards count from 0: 0/2 to 1/2",
        ),
    ],
)
def test_what_is_no_shard_is_refused(words: str, environ: dict[str, str], message: str, hint: str | None) -> None:
    with pytest.raises(UsageError) as refused:
        parse_shard(words, environ)
    assert (refused.value.message, refused.value.hint) == (message, hint)
