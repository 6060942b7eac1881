"""`--shard`: which part of one list is this task's, with nobody to hand them out."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ..errors import UsageError

if TYPE_CHECKING:
    from .request import Request

HINT = "I/N, I from 0 to N-1; or auto"


@dataclass(frozen=True)
class Shard:
    """Number `index` of `count`, from 0."""

    index: int
    count: int

    def of(self, questions: Sequence[Request], remark: Callable[[str], None]) -> list[Request]:
        """Every `count`-th of them. They are sorted by name first, by code point: whatever lists them, and in which
        order, the shards fit together.
        """
        part = sorted(questions, key=lambda question: question.name)[self.index :: self.count]
        remark(f"shard {self.index} of {self.count}: {len(part)} of {len(questions)} inputs")
        return part


@dataclass(frozen=True)
class Scheduler:
    """The variables in which one numbers its tasks. `first` is the number of the first, or the variable with it."""

    name: str
    index: str
    count: str
    first: int | str = 0
    step: str = ""


SCHEDULERS = (
    Scheduler(
        "Slurm",
        "SLURM_ARRAY_TASK_ID",
        "SLURM_ARRAY_TASK_COUNT",
        first="SLURM_ARRAY_TASK_MIN",
        step="SLURM_ARRAY_TASK_STEP",
    ),
    Scheduler("Cloud Run", "CLOUD_RUN_TASK_INDEX", "CLOUD_RUN_TASK_COUNT"),
    # Kubernetes says which, not of how many: that is for the manifest to repeat.
    Scheduler("Kubernetes", "JOB_COMPLETION_INDEX", "JOB_COMPLETIONS"),
    Scheduler("GitLab", "CI_NODE_INDEX", "CI_NODE_TOTAL", first=1),
    Scheduler("CircleCI", "CIRCLE_NODE_INDEX", "CIRCLE_NODE_TOTAL"),
    Scheduler("Buildkite", "BUILDKITE_PARALLEL_JOB", "BUILDKITE_PARALLEL_JOB_COUNT"),
)


def parse_shard(words: str, environ: Mapping[str, str] = os.environ) -> Shard:
    """Raises UsageError for what cannot be meant. Only `auto` looks into the environment."""
    if words == "auto":
        return _from_environment(environ)
    index, slash, count = words.partition("/")
    if not (slash and index.isdecimal() and count.isdecimal()):
        raise UsageError(f"--shard {words} is none", hint=HINT)
    return _checked(int(index), int(count), f"--shard {words}")


def _checked(index: int, count: int, said: str) -> Shard:
    if not 0 <= index < count:
        hint = f"shards count from 0: 0/{count} to {count - 1}/{count}" if count else HINT
        raise UsageError(f"{said}: there is no such shard", hint=hint)
    return Shard(index, count)


def _from_environment(environ: Mapping[str, str]) -> Shard:
    there = [scheduler for scheduler in SCHEDULERS if scheduler.index in environ]
    if len(there) != 1:
        names = ", ".join(scheduler.index for scheduler in there or SCHEDULERS)
        problem = f"several are set: {names}" if there else f"none is set of {names}"
        raise UsageError(f"--shard auto reads what a scheduler says, and {problem}", hint=HINT)
    [scheduler] = there
    number = _number(environ, scheduler.index, scheduler)
    first = scheduler.first if isinstance(scheduler.first, int) else _number(environ, scheduler.first, scheduler)
    step = _number(environ, scheduler.step, scheduler, "1") if scheduler.step else 1
    said = f"--shard auto: {scheduler.index}={number}"
    return _checked((number - first) // max(1, step), _number(environ, scheduler.count, scheduler), said)


def _number(environ: Mapping[str, str], name: str, scheduler: Scheduler, default: str = "") -> int:
    text = environ.get(name, default)
    if not text.isdecimal():
        wrong = "is not set" if not text else f"is no number: {text}"
        hint = f"--shard ${scheduler.index}/N says it without" if scheduler.first == 0 else HINT
        raise UsageError(f"--shard auto: {scheduler.name}'s {name} {wrong}", hint=hint)
    return int(text)
