"""A credential: its headers, what is shown of it, and what the environment holds."""

from __future__ import annotations

import base64
import json
from datetime import UTC, datetime

import pytest

from livecli.credentials.credential import (
    Credential,
    CredentialKind,
    api_key,
    cleaned,
    jwt_expiry,
    pasted_key,
    quota_project,
    ready_token,
)
from livecli.errors import AuthError
from tests.cases import in_one_test

SECRET = "not-to-be-seen"


def credential(kind: CredentialKind, secret: str = SECRET, quota: str | None = None) -> Credential:
    return Credential("a test", kind, secret=secret, quota_project=quota)


@pytest.mark.parametrize(
    ("made", "headers"),
    [
        (credential(CredentialKind.KEY), {"x-goog-api-key": "*"}),
        (credential(CredentialKind.KEY, quota="q"), {"x-goog-api-key": "*"}),
        (credential(CredentialKind.TOKEN), {"Authorization": "Bearer *"}),
        (credential(CredentialKind.TOKEN, quota="q"), {"Authorization": "Bearer *", "x-goog-user-project": "q"}),
        (credential(CredentialKind.NONE, secret=""), {}),
    ],
)
def test_the_headers_with_and_without_the_secret(made: Credential, headers: dict[str, str]) -> None:
    assert made.headers() == {name: value.replace("*", SECRET) for name, value in headers.items()}
    assert made.elided_headers() == {name: value.replace("*", "…") for name, value in headers.items()}
    assert SECRET not in repr(made)


@pytest.mark.parametrize("kind", [CredentialKind.KEY, CredentialKind.TOKEN])
def test_an_ephemeral_token_has_a_scheme_of_its_own(kind: CredentialKind) -> None:
    made = credential(kind, "auth_tokens/x")
    assert made.is_ephemeral
    assert made.headers() == {"Authorization": "Token auth_tokens/x"}


class Tokens:
    """Another token for each request."""

    expires_at = datetime(2030, 1, 1, tzinfo=UTC)

    def __init__(self, *tokens: str) -> None:
        self.tokens = list(tokens)

    def token(self) -> str:
        return self.tokens.pop(0)


def test_a_token_is_taken_afresh_for_each_connection() -> None:
    made = Credential("a test", CredentialKind.ADC, tokens=Tokens("one", "two", "three"))
    assert made.headers() == {"Authorization": "Bearer one"}
    assert made.bearer() == "two"
    assert made.expires_at == Tokens.expires_at
    assert made.elided_headers() == {"Authorization": "Bearer …"}
    assert made.headers() == {"Authorization": "Bearer three"}


def test_a_token_that_cannot_be_a_header_is_refused() -> None:
    made = Credential("a test", CredentialKind.ADC, tokens=Tokens("two\r\nlines"))
    with pytest.raises(AuthError, match="a test contains a quotation mark, a blank, a line break"):
        made.headers()


@pytest.mark.parametrize("text", ['"AIzaKey"', "'AIzaKey'", "AIza Key"])
def test_a_key_that_was_copied_with_its_quotes_is_refused(text: str) -> None:
    with pytest.raises(AuthError, match="GEMINI_API_KEY contains a quotation mark") as refused:
        api_key({"GEMINI_API_KEY": text})
    assert "AIza" not in f"{refused.value}{refused.value.hint}"


def test_a_key_in_the_place_of_a_token_is_refused() -> None:
    with pytest.raises(AuthError, match="LIVECLI_ACCESS_TOKEN holds an API key") as refused:
        ready_token({"LIVECLI_ACCESS_TOKEN": "AIzaSECRET"})
    assert refused.value.hint == "set GEMINI_API_KEY to it instead"


def test_a_key_is_no_bearer_token() -> None:
    with pytest.raises(AuthError, match="a key is no bearer token"):
        credential(CredentialKind.KEY).bearer()


def jwt(claims: object) -> str:
    body = base64.urlsafe_b64encode(json.dumps(claims).encode()).decode().rstrip("=")
    return f"header.{body}.signature"


@in_one_test(
    ("token", "expiry"),
    [
        (jwt({"exp": 1_900_000_000}), datetime(2030, 3, 17, 17, 46, 40, tzinfo=UTC)),
        (jwt({"exp": "soon"}), None),
        (jwt({"exp": 1e300}), None),
        (jwt({}), None),
        (jwt([]), None),
        ("header.%%%.signature", None),
        ("ya29.opaque", None),
        ("", None),
    ],
)
def test_a_jwt_states_its_expiry(token: str, expiry: datetime | None) -> None:
    assert jwt_expiry(token) == expiry
    assert credential(CredentialKind.TOKEN, token).expires_at == expiry


@pytest.mark.parametrize(
    ("environ", "source"),
    [
        ({"GOOGLE_API_KEY": "a", "GEMINI_API_KEY": "b"}, "GOOGLE_API_KEY"),
        ({"GOOGLE_API_KEY": "", "GEMINI_API_KEY": "a"}, "GEMINI_API_KEY"),
        ({"GEMINI_API_KEY": " a\n"}, "GEMINI_API_KEY"),
    ],
)
def test_a_key_of_the_environment(environ: dict[str, str], source: str) -> None:
    found = api_key(environ)
    assert found is not None
    assert (found.source, found.place, found.kind, found.secret) == (source, source, CredentialKind.KEY, "a")


def test_a_token_of_the_environment_and_its_quota_project() -> None:
    found = ready_token({"LIVECLI_ACCESS_TOKEN": " t ", "GOOGLE_CLOUD_QUOTA_PROJECT": "q"})
    assert found is not None
    assert (found.kind, found.secret, found.quota_project) == (CredentialKind.TOKEN, "t", "q")


def test_an_empty_environment_holds_nothing() -> None:
    empty = {"GEMINI_API_KEY": " ", "LIVECLI_ACCESS_TOKEN": "", "GOOGLE_CLOUD_QUOTA_PROJECT": ""}
    for environ in ({}, empty):
        assert (api_key(environ), ready_token(environ), quota_project(environ)) == (None, None, None)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (" \n", "no key was given"),
        ("auth_tokens/x", "this is an ephemeral token, no API key"),
        ("ya29.x", "this is a bearer token, no API key"),
        ("AIza not-to-be-seen", "the key contains a quotation mark, a blank"),
    ],
)
def test_what_is_pasted_in_place_of_a_key_is_refused_unquoted(text: str, message: str) -> None:
    with pytest.raises(AuthError, match=message) as caught:
        pasted_key(text)
    assert SECRET not in f"{caught.value.message} {caught.value.hint}"


def test_a_pasted_key() -> None:
    assert pasted_key("  AIza-x\n").headers() == {"x-goog-api-key": "AIza-x"}


@in_one_test("text", ["", "a b", "a\tb", "a\nb", "a\x00b", "ä", "a\x7f"])
def test_a_text_that_is_no_header_value_is_refused(text: str) -> None:
    with pytest.raises(AuthError, match="the name contains"):
        cleaned("the name", text)


def test_blanks_around_a_header_value_are_removed() -> None:
    assert cleaned("the name", " \ta-Z~!\r\n") == "a-Z~!"
