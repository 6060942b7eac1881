"""`--shard`: the part of a list of requests that belongs to one of several independent tasks."""

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
    """Shard number `index` of `count`, counted from 0."""

    index: int
    count: int

    def of(self, requests: Sequence[Request], remark: Callable[[str], None]) -> list[Request]:
        """Every `count`-th request.

        They are sorted by name first, by code point, so that the shards fit together in whatever order they are listed.
        """
        part = sorted(requests, key=lambda request: request.name)[self.index :: self.count]
        remark(f"shard {self.index} of {self.count}: {len(part)} of {len(requests)} inputs")
        return part


@dataclass(frozen=True)
class Scheduler:
    """Environment variables in which a scheduler numbers its tasks.

    `first` is the number of the first task, or the variable that holds it; `step` is the variable that holds the
    distance of two numbers, empty where that is 1.
    """

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
    # Kubernetes does not set the number of tasks: the manifest has to.
    Scheduler("Kubernetes", "JOB_COMPLETION_INDEX", "JOB_COMPLETIONS"),
    Scheduler("GitLab", "CI_NODE_INDEX", "CI_NODE_TOTAL", first=1),
    Scheduler("CircleCI", "CIRCLE_NODE_INDEX", "CIRCLE_NODE_TOTAL"),
    Scheduler("Buildkite", "BUILDKITE_PARALLEL_JOB", "BUILDKITE_PARALLEL_JOB_COUNT"),
)


def parse_shard(words: str, environ: Mapping[str, str] = os.environ) -> Shard:
    """Parse the value of `--shard`. Raises UsageError where it is not valid. Only `auto` reads `environ`."""
    if words == "auto":
        return _from_environment(environ)
    index, slash, count = words.partition("/")
    if not (slash and index.isdecimal() and count.isdecimal()):
        raise UsageError(f"--shard takes I/N, such as 0/4, or auto, not {words!r}")
    return _checked(int(index), int(count), f"--shard {words}")


def _checked(index: int, count: int, option: str) -> Shard:
    if not 0 <= index < count:
        hint = f"shards count from 0: 0/{count} to {count - 1}/{count}" if count else HINT
        raise UsageError(f"{option}: there is no such shard", hint=hint)
    return Shard(index, count)


def _from_environment(environ: Mapping[str, str]) -> Shard:
    found = [scheduler for scheduler in SCHEDULERS if scheduler.index in environ]
    if len(found) != 1:
        names = ", ".join(scheduler.index for scheduler in found or SCHEDULERS)
        problem = f"several are set: {names}" if found else f"none is set of {names}"
        raise UsageError(f"--shard auto reads the variables of one scheduler, and {problem}", hint=HINT)
    [scheduler] = found
    number = _number(environ, scheduler.index, scheduler)
    first = scheduler.first if isinstance(scheduler.first, int) else _number(environ, scheduler.first, scheduler)
    step = _number(environ, scheduler.step, scheduler, "1") if scheduler.step else 1
    option = f"--shard auto: {scheduler.index}={number}"
    return _checked((number - first) // max(1, step), _number(environ, scheduler.count, scheduler), option)


def _number(environ: Mapping[str, str], name: str, scheduler: Scheduler, default: str = "") -> int:
    text = environ.get(name, default)
    if not text.isdecimal():
        problem = "is not set" if not text else f"is not a number: {text}"
        hint = f"--shard ${scheduler.index}/N needs no such variable" if scheduler.first == 0 else HINT
        raise UsageError(f"--shard auto: {scheduler.name}'s {name} {problem}", hint=hint)
    return int(text)
