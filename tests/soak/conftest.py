"""What is too long for `make test`: `make soak` runs it, without the time limit of a test."""

from tests.end_to_end.conftest import livecli  # noqa: F401 - a fixture for every test
