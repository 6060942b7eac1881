"""Fixtures of end-to-end tests that tests of the SDKs use too."""

from tests.end_to_end.conftest import livecli_and_children  # noqa: F401
