"""Programs and packages that tests need, and the tests that are skipped without them."""

import importlib.util
import os
import shutil
from typing import NoReturn

import pytest

SKIPS_NOTHING = bool(os.environ.get("LIVECLI_TESTS_SKIP_NOTHING"))


def needs(program: str) -> str:
    """The path of `program`. Without it the test is skipped, or fails where skipping is not allowed."""
    return shutil.which(program) or skip(f"needs {program}")


def needs_package(name: str) -> None:
    """The same for a package of Python, by the name that it is imported by."""
    if importlib.util.find_spec(name) is None:
        skip(f"needs {name}")


def skip(why: str) -> NoReturn:
    """Skip the test, or fail it where skipping is not allowed."""
    (pytest.fail if SKIPS_NOTHING else pytest.skip)(why)
