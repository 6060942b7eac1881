"""Programs that a test needs from the system."""

import os
import shutil
from typing import NoReturn

import pytest

SKIPS_NOTHING = bool(os.environ.get("LIVECLI_TESTS_SKIP_NOTHING"))


def needs(program: str) -> str:
    """The path of `program`. Without it the test is skipped, naming it; where nothing may be skipped, it fails."""
    return shutil.which(program) or skip(f"needs {program}")


def skip(why: str) -> NoReturn:
    """Skip the test for want of something; where nothing may be skipped, fail it."""
    (pytest.fail if SKIPS_NOTHING else pytest.skip)(why)
