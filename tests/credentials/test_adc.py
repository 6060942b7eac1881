"""google-auth for real: files of every kind, a service account's key made here, tokens from a server on loopback."""

from __future__ import annotations

import base64
import json
import os
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from livecli.credentials import adc
from livecli.credentials.decision import resolve
from livecli.errors import AuthError, ConnectError, UsageError
from livecli.protocol.endpoint import Target
from livecli.protocol.models import Platform
from tests.cases import in_one_test

ServiceAccount = Callable[..., Path]
USER_FILE = {"type": "authorized_user", "client_id": "c", "client_secret": "s", "refresh_token": "r"}


def write_gcloud_file(info: object) -> Path:
    path = Path(os.environ["CLOUDSDK_CONFIG"]) / "application_default_credentials.json"
    path.parent.mkdir(exist_ok=True)
    path.write_text(info if isinstance(info, str) else json.dumps(info))
    return path


# --- a service account's key, and a token endpoint that answers


def test_a_service_account_gets_its_token_and_brings_its_project(
    stand_in: Any, service_account: ServiceAccount
) -> None:
    service_account()
    endpoint, credential = resolve(Target(), os.environ)
    assert not stand_in.asked, "nothing is asked before the token is needed"
    assert credential.elided_headers() == {"Authorization": "Bearer …"}
    assert credential.expires_at is None
    assert credential.headers() == {"Authorization": "Bearer ya29.fresh-1"}
    assert (endpoint.platform, endpoint.project) == (Platform.VERTEX, "key-project")
    assert stand_in.asked[0].form["grant_type"] == ["urn:ietf:params:oauth:grant-type:jwt-bearer"]
    assert credential.expires_at is not None
    assert "fresh" not in repr(credential)


def test_the_assertion_asks_for_the_cloud_platform(stand_in: Any, service_account: ServiceAccount) -> None:
    service_account()
    resolve(Target(), os.environ)[1].headers()
    payload = stand_in.asked[0].form["assertion"][0].split(".")[1]
    claims = json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
    assert claims["scope"] == "https://www.googleapis.com/auth/cloud-platform"


def test_a_token_is_kept_while_it_is_good_and_renewed_after(stand_in: Any, service_account: ServiceAccount) -> None:
    service_account()
    credential = resolve(Target(), os.environ)[1]
    assert credential.headers() == credential.headers()
    assert len(stand_in.asked) == 1
    stand_in.expires_in = 60  # less than the minutes google-auth wants to be left
    renewed = resolve(Target(), os.environ)[1]
    assert renewed.headers() != renewed.headers()
    assert len(stand_in.asked) == 3


def test_the_quota_project_of_the_environment_is_a_header(
    service_account: ServiceAccount, monkeypatch: pytest.MonkeyPatch
) -> None:
    service_account()
    monkeypatch.setenv("GOOGLE_CLOUD_QUOTA_PROJECT", "q")
    credential = resolve(Target(), os.environ)[1]
    assert credential.headers()["x-goog-user-project"] == credential.quota_project == "q"


@pytest.mark.parametrize(("environ", "header"), [({}, "q1"), ({"GOOGLE_CLOUD_QUOTA_PROJECT": "q2"}, "q2")])
def test_the_quota_project_of_a_user_s_file_is_a_header(environ: dict[str, str], header: str) -> None:
    write_gcloud_file({**USER_FILE, "quota_project_id": "q1"})
    credential = resolve(Target(project="p"), {**os.environ, **environ})[1]
    assert credential.elided_headers() == {"Authorization": "Bearer …", "x-goog-user-project": header}


def test_a_deleted_account_is_an_auth_error(stand_in: Any, service_account: ServiceAccount) -> None:
    service_account()
    secret = "A" * 80
    stand_in.script = [(400, {"error": "invalid_grant", "error_description": f"Invalid JWT\r\n\x1b[31m {secret}"})]
    with pytest.raises(AuthError) as caught:
        resolve(Target(), os.environ)[1].headers()
    assert "invalid_grant: Invalid JWT" in caught.value.message
    assert secret not in caught.value.message
    assert caught.value.message.isprintable()
    assert "service account" in (caught.value.hint or "")


@pytest.mark.parametrize(
    ("status", "answer", "said"),
    [
        (403, {"error": {"message": "The caller may not"}}, "The caller may not"),
        (401, {"access_token": "ya29.leak"}, "no reason given"),
        (400, "<html>ya29.leak</html>", "no reason given"),
        (400, {"error": "unauthorized_client"}, "unauthorized_client"),
        (200, {"no": "ya29.leak"}, "No access token in response."),
        (200, {"access_token": "ya29.leak\r\nX-Evil: 1"}, "cannot be part of it"),
        (200, {"access_token": "ya29.leak", "expires_in": "soon"}, "cannot be used"),
        (200, "ya29.leak", "cannot be used"),
    ],
)
def test_odd_answers_are_auth_errors_without_their_body(
    stand_in: Any, service_account: ServiceAccount, status: int, answer: object, said: str
) -> None:
    service_account()
    stand_in.script = [(status, answer)]
    with pytest.raises(AuthError) as caught:
        resolve(Target(), os.environ)[1].headers()
    assert said in caught.value.message
    assert "leak" not in caught.value.message


def test_an_endpoint_that_stays_unavailable_is_a_connect_error(
    stand_in: Any, service_account: ServiceAccount, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("time.sleep", lambda _: None)  # google-auth's pauses between its attempts
    service_account()
    stand_in.script = [(503, "busy")] * 3
    with pytest.raises(ConnectError, match="busy"):
        resolve(Target(), os.environ)[1].headers()
    assert len(stand_in.asked) == 3


def test_an_unreachable_endpoint_is_a_connect_error(service_account: ServiceAccount) -> None:
    service_account(token_uri="http://127.0.0.1:1/token")
    with pytest.raises(ConnectError, match=r"no token from 127\.0\.0\.1: no connection"):
        resolve(Target(), os.environ)[1].headers()


def test_an_endpoint_that_never_answers_is_given_up(
    stand_in: Any, service_account: ServiceAccount, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(adc, "REFRESH_SECONDS", 0.2)
    stand_in.hold = threading.Event()
    service_account()
    with pytest.raises(ConnectError, match="did not answer"):
        resolve(Target(), os.environ)[1].headers()


# --- files


def test_gcloud_s_file_and_gcloud_s_project() -> None:
    folder = write_gcloud_file({**USER_FILE, "quota_project_id": "q"}).parent
    assert resolve(Target(), os.environ)[0].project == "q"
    (folder / "active_config").write_text("work\n")
    (folder / "configurations").mkdir()
    (folder / "configurations" / "config_work").write_text("[core]\nproject = from-gcloud\n")
    endpoint, credential = resolve(Target(), os.environ)
    assert (endpoint.project, credential.project, credential.quota_project) == ("from-gcloud", "from-gcloud", "q")
    assert resolve(Target(), {**os.environ, "CLOUDSDK_CORE_PROJECT": "c"})[0].project == "c"


def test_a_broken_gcloud_configuration_is_no_error() -> None:
    folder = write_gcloud_file(USER_FILE).parent
    (folder / "active_config").write_text("x")
    (folder / "configurations").mkdir()
    (folder / "configurations" / "config_x").write_text("no section\n")
    with pytest.raises(UsageError):
        resolve(Target(), os.environ)


@in_one_test(
    "content",
    [
        "",
        "not json",
        "[]",
        "{}",
        '{"type": "nobody"}',
        '{"type": "authorized_user"}',
        '{"type": "service_account"}',
        '{"type": "service_account", "client_email": 5, "private_key": 7, "token_uri": []}',
        '{"type": "impersonated_service_account"}',
        '{"type": "external_account"}',
        '{"type": "gdch_service_account"}',
        '{"type": ["x"]}',
        "\ufeff\x00",
    ],
)
def test_a_file_that_holds_no_credential_is_named(content: str) -> None:
    path = write_gcloud_file(content)
    with pytest.raises(AuthError) as caught:
        resolve(Target(), os.environ)
    assert str(path) in caught.value.message


def test_a_quota_project_that_would_bend_a_header_is_refused() -> None:
    write_gcloud_file({**USER_FILE, "quota_project_id": "q\r\nX-Evil: 1"})
    with pytest.raises(AuthError, match="quota project"):
        resolve(Target(project="p"), os.environ)


@pytest.mark.parametrize("name", ["missing.json", "."])
def test_a_named_file_that_cannot_be_read_is_named(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    with pytest.raises(AuthError) as caught:
        resolve(Target(), {"GOOGLE_APPLICATION_CREDENTIALS": str(path)})
    assert str(path) in caught.value.message
