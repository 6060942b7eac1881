"""Programs that tests need, and the tests that are skipped without them."""

import os
import shutil
from typing import NoReturn

import pytest

SKIPS_NOTHING = bool(os.environ.get("LIVECLI_TESTS_SKIP_NOTHING"))


def needs(program: str) -> str:
    """The path of `program`. Without it the test is skipped, or fails where skipping is not allowed."""
    return shutil.which(program) or skip(f"needs {program}")


def skip(why: str) -> NoReturn:
    """Skip the test, or fail it where skipping is not allowed."""
    (pytest.fail if SKIPS_NOTHING else pytest.skip)(why)
