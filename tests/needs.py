"""Programs that a test needs from the system."""

import os
import shutil

import pytest


def needs(program: str) -> str:
    """The path of `program`. Without it the test is skipped, naming it; where nothing may be skipped, it fails."""
    found = shutil.which(program)
    if found is None:
        message = f"needs {program}"
        (pytest.fail if os.environ.get("LIVECLI_TESTS_SKIP_NOTHING") else pytest.skip)(message)
    return found
