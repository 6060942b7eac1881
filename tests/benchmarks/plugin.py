"""What the pytest plugin costs in CPU time: the first `gemini_live` of a run, each further one, and none."""

from __future__ import annotations

import json
import statistics
from collections.abc import Mapping
from typing import Any

from .measure import PYTHON, Case, Figure, Rounds, Stage, divided, in_milliseconds, interleaved

FIRST_BOUND, FURTHER_BOUND_MS, UNUSED_BOUND = 1.5, 30.0, 1.1
NOTES = "seconds.json"
IMPORT = f"""
import time
from pathlib import Path
import pytest

Path("{NOTES}").write_text(str(time.process_time()))
"""

CONFTEST = f"""
import json
import time
from pathlib import Path

import pytest

SECONDS = {{"setup": [], "teardown": []}}


def note(step):
    before = time.process_time()
    yield
    SECONDS[step].append(time.process_time() - before)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_setup():
    yield from note("setup")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_teardown():
    yield from note("teardown")


def pytest_sessionfinish():
    Path("{NOTES}").write_text(json.dumps({{**SECONDS, "all": time.process_time()}}))
"""
"""Notes the CPU time of the preparation and of the end of each test, with threads, and that of the whole run."""

TEST = """
import pytest


@pytest.mark.parametrize("number", range(50))
def test_it({arguments}):
    pass
"""


def figures(stage: Stage, rounds: int) -> list[Figure]:
    (stage.folder / "conftest.py").write_text(CONFTEST)
    (stage.folder / "test_plain.py").write_text(TEST.format(arguments="number"))
    (stage.folder / "test_used.py").write_text(TEST.format(arguments="number, gemini_live"))

    def run(*words: str) -> dict[str, Any]:
        stage.seconds([PYTHON, "-m", "pytest", "-q", "-p", "no:cacheprovider", *words])
        noted: dict[str, Any] = json.loads((stage.folder / NOTES).read_text())
        return noted

    def used() -> Mapping[str, float]:
        noted = run("test_used.py")
        tests = [sum(each) for each in zip(noted["setup"], noted["teardown"], strict=True)]
        return {"first": noted["setup"][0], "further": statistics.median(tests)}

    def plain(name: str, *options: str) -> Case:
        return lambda: {name: run("test_plain.py", *options)["all"]}

    def importing() -> Mapping[str, float]:
        stage.seconds([PYTHON, "-c", IMPORT])
        return {"import pytest": float((stage.folder / NOTES).read_text())}

    taken = interleaved([used, importing, plain("with"), plain("without", "-p", "no:livecli")], rounds)
    return [
        _ratio(taken, "first", "import pytest", "pytest: the first gemini_live ÷ import pytest", FIRST_BOUND),
        Figure("pytest: each further gemini_live", [1000 * each for each in taken["further"]], "ms", FURTHER_BOUND_MS),
        _ratio(taken, "with", "without", "pytest with the plugin unused ÷ without it", UNUSED_BOUND),
    ]


def _ratio(taken: Rounds, ours: str, theirs: str, name: str, bound: float) -> Figure:
    measured = in_milliseconds(taken, ours, theirs)
    return Figure(name, divided(taken, ours, theirs), at_most=bound, measured=measured)
