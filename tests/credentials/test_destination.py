"""The rules by which a credential goes to a host: the table of what is sent, with and without a warning, or refused."""

from __future__ import annotations

import pytest

from livecli.credentials import stored_key
from livecli.credentials.credential import Credential, CredentialKind
from livecli.credentials.destination import check_home, destination_warning
from livecli.errors import AuthError, UsageError
from tests.cases import in_one_test

NONE = Credential("none", CredentialKind.NONE)
KEY = Credential("GEMINI_API_KEY", CredentialKind.KEY, place="GEMINI_API_KEY", secret="k")
ADC = Credential("application default credentials", CredentialKind.ADC)
STORED = Credential("the stored key", CredentialKind.KEY, place=stored_key.PLACE, secret="k")
ELSEWHERE = Credential("the stored key", CredentialKind.KEY, place=stored_key.PLACE, stored_for="live.test:8443")

GOOGLE = "wss://generativelanguage.googleapis.com/ws/x"
OTHER, NEAR, CLEAR = "wss://other.test/ws/x", "ws://127.0.0.1:1/ws/x", "ws://other.test/ws/x"
FLAG, VARIABLE = "--base-url", "LIVECLI_BASE_URL"


@in_one_test(
    ("credential", "url", "named_by", "is_warned"),
    [
        (NONE, CLEAR, VARIABLE, False),
        (KEY, OTHER, VARIABLE, False),
        (KEY, NEAR, VARIABLE, False),
        (ADC, GOOGLE, None, False),
        (ADC, GOOGLE, VARIABLE, False),
        (ADC, OTHER, FLAG, False),
        (ADC, OTHER, VARIABLE, True),
        (STORED, GOOGLE, None, False),
        (STORED, NEAR, FLAG, False),
        (STORED, NEAR, VARIABLE, True),
        (STORED, "wss://googleapis.com.other.test/ws/x", VARIABLE, True),
        (STORED, "wss://evilgoogleapis.com/ws/x", VARIABLE, True),
        (ELSEWHERE, "wss://LIVE.test:8443/ws/x", VARIABLE, False),
        (ELSEWHERE, "wss://live.test/ws/x", VARIABLE, True),
        (ELSEWHERE, GOOGLE, VARIABLE, True),
        (ELSEWHERE, OTHER, FLAG, False),
    ],
)
def test_a_warning(credential: Credential, url: str, named_by: str | None, is_warned: bool) -> None:
    check_home(credential, url, named_by)
    warning = destination_warning(credential, url, named_by, insecure=False)
    assert (warning is not None) is is_warned
    assert not warning or f"which only {VARIABLE} names: --base-url would confirm it" in warning


@in_one_test("credential", [KEY, ADC, STORED, ELSEWHERE])
@in_one_test(
    "url", [CLEAR, CLEAR.replace("ws:", "http:"), "ws://192.0.2.2/", "ws://generativelanguage.googleapis.com/"]
)
def test_in_the_clear(credential: Credential, url: str) -> None:
    with pytest.raises(UsageError, match="in the clear"):
        destination_warning(credential, url, FLAG, insecure=False)
    warning = destination_warning(credential, url, FLAG, insecure=True)
    assert warning and warning.endswith(" in the clear: wss:// would protect it")


def test_both_at_once_are_one_warning() -> None:
    assert destination_warning(STORED, CLEAR, VARIABLE, insecure=True) == (
        "the credential goes to other.test in the clear, which only LIVECLI_BASE_URL names: wss:// would protect it"
    )


def test_a_key_for_another_host_is_not_google_s() -> None:
    with pytest.raises(AuthError, match=r"for live\.test:8443, and not for generativelanguage"):
        check_home(ELSEWHERE, GOOGLE, None)
    check_home(STORED, GOOGLE, None)
