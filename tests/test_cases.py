"""Several cases in one test: all are run, and the one that fails is named."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cases import in_one_test

SEEN: list[tuple[str, int]] = []


@in_one_test("letter", ["a", "b"])
@in_one_test(("number", "square"), [(1, 1), (2, 4)])
def test_every_combination_is_run(tmp_path: Path, letter: str, number: int, square: int) -> None:
    assert tmp_path.is_dir()
    assert number**2 == square
    SEEN.append((letter, number))


def test_all_were_seen() -> None:
    test_every_combination_is_run(Path())
    assert SEEN[-4:] == [("a", 1), ("a", 2), ("b", 1), ("b", 2)]


def test_a_failure_names_its_case() -> None:
    @in_one_test(("number", "is_even"), [(2, True), (3, True), (4, True)])
    def check(number: int, is_even: bool) -> None:
        SEEN.append(("even", number))
        assert (number % 2 == 0) == is_even

    with pytest.raises(AssertionError) as failure:
        check()
    assert failure.value.__notes__ == ["with {'number': 3, 'is_even': True}"]
    assert SEEN[-1] == ("even", 3)


def test_no_case_is_a_mistake() -> None:
    with pytest.raises(AssertionError):
        in_one_test("number", [])
