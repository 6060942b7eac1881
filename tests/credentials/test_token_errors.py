"""Messages for failed token requests: short, on one line and without secrets."""

from __future__ import annotations

import json

import pytest

from livecli.credentials.token_errors import connection_error, error_description
from tests.cases import in_one_test

TOKEN = "1//0gSecretRefreshToken_with-forty-characters"
NESTED = {"error": {"code": 403, "message": "Permission 'iam.getAccessToken' denied"}}


@in_one_test(
    ("arguments", "description"),
    [
        (("invalid_grant: Token has been expired or revoked.",), "invalid_grant: Token has been expired or revoked."),
        (("Unable to acquire", json.dumps(NESTED)), "Permission 'iam.getAccessToken' denied"),
        (("Unable to acquire", NESTED), "Permission 'iam.getAccessToken' denied"),
        (("invalid_grant", {"error": "invalid_grant"}), "invalid_grant"),
        (("Bad Request", "<html>"), "Bad Request"),
        (("invalid_grant: None", None), "invalid_grant"),
        (("two\nlines\tand\x1b[31m red",), "two lines and [31m red"),
        (('{"error": "invalid_grant"}',), "no reason given"),
        (("[1, 2]",), "no reason given"),
        (("<html>nginx</html>",), "no reason given"),
        (("",), "no reason given"),
        ((), "no reason given"),
        ((f"bad token {TOKEN}, sorry",), "bad token …, sorry"),
        (("Unable", {"error": {"message": f"{TOKEN} is unknown"}}), "… is unknown"),
        (("service-account@a-project-name.iam.gserviceaccount.com is gone",), None),
    ],
)
def test_the_description_of_an_error(arguments: tuple[object, ...], description: str | None) -> None:
    assert error_description(Exception(*arguments)) == (arguments[0] if description is None else description)


def test_a_description_is_short() -> None:
    assert error_description(Exception("word " * 100)) == ("word " * 100)[:160]


@pytest.mark.parametrize(
    ("name", "reason", "hint"),
    [
        ("SSLError", "its TLS certificate was not accepted", "SSL_CERT_FILE"),
        ("ProxyError", "the proxy did not let it through", "HTTPS_PROXY"),
        ("ConnectTimeout", "it did not answer in time", "check the network"),
        ("ReadTimeout", "it did not answer in time", "try again later"),
        ("ConnectionError", "no connection", "check the network"),
    ],
)
def test_an_unreachable_server_is_told_by_the_cause(name: str, reason: str, hint: str) -> None:
    error = connection_error("oauth2.example.com", type(name, (Exception,), {})(f"with {TOKEN} in it"))
    assert error.message == f"no token from oauth2.example.com: {reason}"
    assert hint in (error.hint or "")
    assert TOKEN not in str(error)
