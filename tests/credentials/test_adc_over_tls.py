"""Credentials whose token endpoints cannot be moved (a user's, an impersonated account's), and the metadata server,
whose address google-auth reads once.

google-auth believes in oauth2.googleapis.com and iamcredentials.googleapis.com only, so the requests are met on their
way: HTTPS_PROXY names a proxy on loopback that opens the tunnel to itself, with a certificate from a test authority.
The proxy and SSL_CERT_FILE are thereby tested as well.
"""

from __future__ import annotations

import json
import os
import ssl
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
import trustme

from livecli.credentials.decision import resolve
from livecli.errors import AuthError, ConnectError
from livecli.protocol.endpoint import Target
from tests.conftest import StandIn, handler_for

USER = {"type": "authorized_user", "client_id": "c", "client_secret": "GOCSPX-secret", "refresh_token": "1//refresh"}
IAM = "https://iamcredentials.googleapis.com/v1/projects/-/serviceAccounts/robot@p.iam.gserviceaccount.com"


@pytest.fixture
def google(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[StandIn]:
    """Google's token endpoints behind a proxy on loopback."""
    authority = trustme.CA()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("oauth2.googleapis.com", "iamcredentials.googleapis.com").configure_cert(context)
    authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    made = StandIn()

    class Proxy(handler_for(made)):  # type: ignore[misc]
        def do_CONNECT(self) -> None:
            self.send_response(200)
            self.end_headers()
            try:
                self.request = context.wrap_socket(self.request, server_side=True)
            except ssl.SSLError:  # the client did not trust the certificate
                return
            self.setup()
            self.handle_one_request()
            self.finish()
            self.request.close()

    server = ThreadingHTTPServer(("127.0.0.1", 0), Proxy)
    monkeypatch.setenv("HTTPS_PROXY", f"http://127.0.0.1:{server.server_address[1]}")
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "ca.pem"))
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield made
    server.shutdown()
    server.server_close()
    thread.join(10)


def name_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, info: dict[str, Any]) -> None:
    (tmp_path / "adc.json").write_text(json.dumps(info))
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(tmp_path / "adc.json"))


def test_a_user_s_token_is_refreshed(google: StandIn, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    name_file(tmp_path, monkeypatch, {**USER, "quota_project_id": "q"})
    endpoint, credential = resolve(Target(), os.environ)
    assert endpoint.project == "q"
    assert credential.headers() == {"Authorization": "Bearer ya29.fresh-1", "x-goog-user-project": "q"}
    assert google.asked[0].form["refresh_token"] == ["1//refresh"]
    assert "scope" not in google.asked[0].form


def test_a_revoked_user_is_told_to_log_in(google: StandIn, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    name_file(tmp_path, monkeypatch, USER)
    google.script = [
        (400, {"error": "invalid_grant", "error_description": "Token has been expired or revoked."}),
    ]
    with pytest.raises(AuthError, match="Token has been expired or revoked") as caught:
        resolve(Target(project="p"), os.environ)[1].headers()
    assert "gcloud auth application-default login" in (caught.value.hint or "")


def impersonated() -> dict[str, Any]:
    return {
        "type": "impersonated_service_account",
        "service_account_impersonation_url": f"{IAM}:generateAccessToken",
        "source_credentials": USER,
        "delegates": [],
    }


def test_an_impersonated_account(google: StandIn, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    name_file(tmp_path, monkeypatch, impersonated())
    path = IAM.removeprefix("https://iamcredentials.googleapis.com") + ":generateAccessToken"
    google.replies = {path: {"accessToken": "ya29.robot", "expireTime": "2999-01-01T00:00:00Z"}}
    credential = resolve(Target(project="p"), os.environ)[1]
    assert credential.headers() == {"Authorization": "Bearer ya29.robot"}
    assert [asked.path for asked in google.asked] == ["/token", path]
    assert google.asked[1].headers["authorization"] == "Bearer ya29.fresh-1"
    assert str(credential.expires_at) == "2999-01-01 00:00:00+00:00"


def test_who_may_not_impersonate_is_told(google: StandIn, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    name_file(tmp_path, monkeypatch, impersonated())
    denied = {"error": {"code": 403, "message": "Permission 'iam.serviceAccounts.getAccessToken' denied"}}
    google.script = [(200, {"access_token": "ya29.user", "expires_in": 3600}), (403, denied)]
    with pytest.raises(AuthError, match=r"getAccessToken' denied") as caught:
        resolve(Target(project="p"), os.environ)[1].headers()
    assert "Token Creator" in (caught.value.hint or "")


def test_a_certificate_that_is_not_trusted(google: StandIn, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    name_file(tmp_path, monkeypatch, USER)
    monkeypatch.delenv("SSL_CERT_FILE")
    with pytest.raises(ConnectError, match="certificate") as caught:
        resolve(Target(project="p"), os.environ)[1].headers()
    assert "SSL_CERT_FILE" in (caught.value.hint or "")
    assert not google.asked


def test_a_certificate_file_that_is_missing(google: StandIn, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    name_file(tmp_path, monkeypatch, USER)
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "missing.pem"))
    with pytest.raises(ConnectError, match=r"oauth2\.googleapis\.com"):
        resolve(Target(project="p"), os.environ)[1].headers()
    assert not google.asked


def test_a_machine_s_token_comes_from_its_metadata_server(stand_in: StandIn) -> None:
    account = "/computeMetadata/v1/instance/service-accounts/default/"
    stand_in.headers = {"Metadata-Flavor": "Google"}
    stand_in.replies = {
        "/computeMetadata/v1/project/project-id": "machine-project",
        f"{account}?recursive=true": {"email": "robot@p.iam.gserviceaccount.com", "scopes": []},
    }
    program = "import os; from livecli.credentials.decision import bearer; print(bearer(os.environ).bearer())"
    environ = {**os.environ, "GCE_METADATA_HOST": stand_in.host}
    ran = subprocess.run(
        [sys.executable, "-c", program], env=environ, capture_output=True, text=True, timeout=60, check=False
    )
    assert ran.stdout.startswith("ya29.fresh-"), ran.stderr
    assert "/token" in stand_in.asked[-1].path
