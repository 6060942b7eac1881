"""HTTP responses that refuse a request, as errors."""

import pytest

from livecli.errors import AuthError, ConnectError, QuotaError
from livecli.protocol.http_errors import STATUSES, http_error, phrase
from tests.cases import in_one_test

FAILED = "the server failed: try again"


@in_one_test(
    ("status", "kind", "retry", "hint"),
    [
        (401, AuthError, "never", STATUSES[401][1]),
        (429, QuotaError, "later", "wait, then try again"),
        (503, QuotaError, "later", "wait, then try again"),
        (502, ConnectError, "later", FAILED),
        (599, ConnectError, "later", FAILED),
        (418, ConnectError, "never", None),
    ],
)
def test_each_status_has_its_error(status, kind, retry, hint):
    error = http_error("host refused", status, b'{"error": {"message": "because"}}')
    assert (type(error), error.retry, error.hint) == (kind, retry, hint)
    assert error.message == f"host refused: {status} {phrase(status)}: because"


def test_a_redirect_is_not_followed():
    assert "--base-url" in http_error("host refused", 308, b"").hint


def test_a_caller_may_have_a_table_of_its_own():
    error = http_error("no token", 400, b"", statuses=STATUSES | {400: (AuthError, "is it right?")})
    assert (type(error), error.hint, error.message) == (AuthError, "is it right?", "no token: 400 Bad Request")


def test_the_pause_that_a_server_asks_for():
    assert http_error("x", 429, b"", retry_after_seconds=17.0).retry_after_seconds == 17.0


@pytest.mark.parametrize(("status", "words"), [(404, "Not Found"), (599, "unknown status"), (0, "unknown status")])
def test_the_phrase_of_a_status(status, words):
    assert phrase(status) == words
