"""What is too long for `make test`: `make soak` runs it, without the time limit of a test, and reports what was tried.

An attack is tried many times, and goes on after it was lost once. `--share 0.2` takes a fifth of an hour.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests.end_to_end.conftest import fork, livecli, spawn, speech  # noqa: F401 - fixtures for every test

REPORT = Path(__file__).parents[2] / ".soak" / "report.md"
LABEL_CHARACTERS = 300


@dataclass
class Attack:
    """The attempts of one attack, and those that were lost, with the error of each."""

    name: str
    share: float
    tried: int = 0
    lost: dict[str, str] = field(default_factory=dict)

    def times(self, in_an_hour: int) -> int:
        """How often to try what is tried so often in a run of an hour."""
        return max(1, round(self.share * in_an_hour))

    @contextmanager
    def attempt(self, label: object) -> Iterator[None]:
        """An attempt. Its error is noted, and the attack goes on."""
        self.tried += 1
        try:
            yield
        except (Exception, pytest.fail.Exception) as error:  # noqa: BLE001 - each kind of error is reported
            self.lost[str(label)[:LABEL_CHARACTERS]] = f"{type(error).__name__}: {error}"[:LABEL_CHARACTERS]

    @property
    def row(self) -> str:
        return f"| {self.name} | {self.tried:,} | {self.tried - len(self.lost):,} | {len(self.lost):,} |"


attacks = pytest.StashKey[list[Attack]]()


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--share", type=float, default=1.0, help="the share of an hour that `make soak` takes")
    parser.addoption("--seed", type=int, default=14, help="the seed of the long chat")


def pytest_configure(config: pytest.Config) -> None:
    config.stash[attacks] = []


@pytest.fixture
def attack(request: pytest.FixtureRequest) -> Iterator[Attack]:
    """The attack of a test, which fails if any attempt was lost."""
    name = request.node.name.removeprefix("test_").replace("_", " ")
    made = Attack(name, request.config.getoption("--share"))
    request.config.stash[attacks].append(made)
    yield made
    assert made.tried
    assert not made.lost


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    made = config.stash[attacks]
    lines = ["| attack | tried | survived | lost |", "|---|---|---|---|", *(attack.row for attack in made)]
    lines += ["", *(f"* {attack.name}, {label}: {error}" for attack in made for label, error in attack.lost.items())]
    REPORT.parent.mkdir(exist_ok=True)
    REPORT.write_text("\n".join(lines).rstrip() + "\n")
    terminalreporter.section("tried, survived, lost")
    terminalreporter.write_line("\n".join(lines))
