"""Which credential wins, what of it is sent, and who is never asked."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from livecli.credentials import CredentialKind, adc
from livecli.credentials.decision import Decision, bearer, decide, resolve
from livecli.errors import AuthError, UsageError
from livecli.protocol.endpoint import Target
from livecli.protocol.models import Platform
from tests.cases import in_one_test

V, D = Platform.VERTEX, Platform.DEVELOPER
ServiceAccount = Callable[..., Path]
KEY, TOKEN = "AIza-the-key", "ya29.the-token"
LOOPBACK = "ws://127.0.0.1:8765"


@in_one_test(
    ("environ", "wanted", "platform", "headers"),
    [
        ({"GOOGLE_API_KEY": KEY, "GEMINI_API_KEY": "other"}, Target(), D, {"x-goog-api-key": KEY}),
        ({"GEMINI_API_KEY": f" {KEY}\n"}, Target(), D, {"x-goog-api-key": KEY}),
        ({"GEMINI_API_KEY": KEY, "LIVECLI_ACCESS_TOKEN": TOKEN}, Target(), D, {"x-goog-api-key": KEY}),
        ({"LIVECLI_ACCESS_TOKEN": TOKEN}, Target(platform=D), D, {"Authorization": f"Bearer {TOKEN}"}),
        ({"LIVECLI_ACCESS_TOKEN": "auth_tokens/x"}, Target(), D, {"Authorization": "Token auth_tokens/x"}),
        ({"GEMINI_API_KEY": "auth_tokens/x"}, Target(), D, {"Authorization": "Token auth_tokens/x"}),
        ({"LIVECLI_ACCESS_TOKEN": TOKEN}, Target(project="p"), V, {"Authorization": f"Bearer {TOKEN}"}),
        (
            {"LIVECLI_ACCESS_TOKEN": TOKEN, "GEMINI_API_KEY": KEY, "GOOGLE_CLOUD_PROJECT": "p"},
            Target(),
            V,
            {"Authorization": f"Bearer {TOKEN}"},
        ),
        (
            {"LIVECLI_ACCESS_TOKEN": TOKEN, "GOOGLE_CLOUD_QUOTA_PROJECT": "q"},
            Target(project="p"),
            V,
            {"Authorization": f"Bearer {TOKEN}", "x-goog-user-project": "q"},
        ),
        ({"GEMINI_API_KEY": KEY}, Target(project="p"), V, {"x-goog-api-key": KEY}),
        ({"GEMINI_API_KEY": KEY}, Target(platform=V), V, {"x-goog-api-key": KEY}),
        ({}, Target(base_url=LOOPBACK), V, {}),
        ({}, Target(base_url=LOOPBACK, platform=D), D, {}),
        ({"GEMINI_API_KEY": KEY}, Target(base_url=LOOPBACK), D, {"x-goog-api-key": KEY}),
        ({"LIVECLI_ACCESS_TOKEN": TOKEN}, Target(base_url=LOOPBACK), V, {"Authorization": f"Bearer {TOKEN}"}),
        ({"GEMINI_API_KEY": KEY, "LIVECLI_ACCESS_TOKEN": TOKEN}, Target(local=True), V, {}),
        ({"GOOGLE_APPLICATION_CREDENTIALS": "/missing"}, Target(local=True, platform=D), D, {}),
    ],
)
def test_which_credential(environ: dict[str, str], wanted: Target, platform: Platform, headers: dict[str, str]) -> None:
    endpoint, credential = resolve(wanted, environ)
    assert endpoint.platform is platform
    assert credential.headers() == headers
    assert not any(value in endpoint.url for value in headers.values())


def test_what_an_ephemeral_token_and_a_key_on_vertex_open() -> None:
    assert resolve(Target(), {"LIVECLI_ACCESS_TOKEN": "auth_tokens/x"})[0].url.endswith("ContentConstrained")
    express = resolve(Target(platform=V), {"GEMINI_API_KEY": KEY})[0]
    assert (express.host, express.resource) == (
        "aiplatform.googleapis.com",
        "publishers/google/models/gemini-3.8-live",
    )


def test_loopback_takes_the_shape_of_vertex_with_project_local() -> None:
    endpoint, credential = resolve(Target(), {"LIVECLI_BASE_URL": "http://localhost:1"})
    assert endpoint.resource == "projects/local/locations/us-central1/publishers/google/models/gemini-3.8-live"
    assert credential.kind is CredentialKind.NONE


def test_secrets_are_elided_and_in_no_repr() -> None:
    environ = {"LIVECLI_ACCESS_TOKEN": TOKEN, "GEMINI_API_KEY": KEY}
    for wanted, elided in [
        (Target(project="p"), {"Authorization": "Bearer …"}),
        (Target(platform=D), {"x-goog-api-key": "…"}),
    ]:
        credential = resolve(wanted, environ)[1]
        assert credential.elided_headers() == elided
        assert "the-" not in repr(credential) + repr(decide(wanted, environ))


@in_one_test("name", ["GEMINI_API_KEY", "LIVECLI_ACCESS_TOKEN"])
@in_one_test("text", ["the-\nX-Evil: secret", "the- secret", "the-\x00secret", "the-sécret", "“the-secret”"])
def test_a_secret_that_cannot_be_a_header_is_refused_unquoted(name: str, text: str) -> None:
    with pytest.raises(AuthError) as caught:
        resolve(Target(platform=D), {name: text})
    assert name in caught.value.message
    assert "cret" not in caught.value.message


@pytest.mark.parametrize("wanted", [Target(), Target(platform=D), Target(project="p"), Target(platform=V)])
def test_without_any_the_ways_out_are_named(wanted: Target) -> None:
    with pytest.raises(AuthError) as caught:
        resolve(wanted, os.environ)
    hint = caught.value.hint or ""
    for way in ("gcloud auth application-default login", "LIVECLI_ACCESS_TOKEN", "--local"):
        assert way in hint
    # A project was named for Vertex AI, which a key does not go with.
    assert ("GEMINI_API_KEY" in hint) == (wanted.project is None)
    assert caught.value.exit_status == 4


def test_a_token_without_a_project_asks_for_the_project() -> None:
    with pytest.raises(UsageError) as caught:
        resolve(Target(), {"LIVECLI_ACCESS_TOKEN": TOKEN})
    assert "--project" in (caught.value.hint or "")


def test_a_file_beats_a_key_on_vertex_and_a_key_needs_no_file_on_developer(service_account: ServiceAccount) -> None:
    path = service_account()
    environ = {**os.environ, "GEMINI_API_KEY": KEY}
    assert resolve(Target(project="p"), environ)[1].kind is CredentialKind.ADC
    path.write_text("broken")
    assert resolve(Target(), environ)[1].kind is CredentialKind.KEY


# --- who is asked, and who is not


def decided(environ: dict[str, str], wanted: Target | None = None) -> Decision:
    return decide(wanted or Target(), environ)


@pytest.mark.parametrize(
    ("environ", "wanted"),
    [
        ({"GEMINI_API_KEY": KEY}, Target()),
        ({"GEMINI_API_KEY": KEY}, Target(project="p")),
        ({"LIVECLI_ACCESS_TOKEN": TOKEN}, Target(project="p")),
        ({}, Target(base_url=LOOPBACK)),
        ({}, Target(local=True)),
        ({}, Target(platform=D)),
        ({"NO_GCE_CHECK": "true"}, Target()),
    ],
)
def test_nobody_waits_for_a_metadata_server(stand_in: Any, environ: dict[str, str], wanted: Target) -> None:
    decision = decided({**environ, "GCE_METADATA_HOST": stand_in.host}, wanted)
    assert decision.credential is None or decision.credential.expires_at is None
    assert not stand_in.asked
    assert decision.sources[-1].detail == "not asked"


def test_a_key_is_no_bearer_and_nobody_waits_to_find_out(stand_in: Any) -> None:
    with pytest.raises(AuthError, match="no bearer token"):
        bearer({"GEMINI_API_KEY": KEY, "GCE_METADATA_HOST": stand_in.host}).bearer()
    assert not stand_in.asked


def test_a_metadata_server_brings_its_project(stand_in: Any) -> None:
    stand_in.headers = {"Metadata-Flavor": "Google"}
    stand_in.replies = {"/computeMetadata/v1/project/project-id": "machine-project"}
    endpoint, credential = resolve(Target(), {"GCE_METADATA_HOST": stand_in.host})
    assert (endpoint.project, credential.kind, credential.place) == ("machine-project", "adc", "metadata server")
    assert stand_in.asked[0].headers["Metadata-Flavor"] == "Google"


def test_another_server_at_the_metadata_address_is_not_believed(stand_in: Any) -> None:
    stand_in.replies = {"/computeMetadata/v1/project/project-id": "hotel-wifi"}
    decision = decided({"GCE_METADATA_HOST": stand_in.host})
    assert isinstance(decision.error, AuthError)
    assert decision.sources[-1].detail == "no answer"


def test_a_silent_metadata_server_is_given_up(stand_in: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(adc, "METADATA_SECONDS", 0.2)
    stand_in.hold = threading.Event()
    with pytest.raises(AuthError):
        resolve(Target(), {"GCE_METADATA_HOST": stand_in.host})
    assert len(stand_in.asked) == 1


def test_the_sources_are_listed_in_order_and_one_is_used(service_account: ServiceAccount) -> None:
    path = service_account()
    sources = decided({**os.environ, "GEMINI_API_KEY": KEY}, Target(project="p")).sources
    assert [source.source for source in sources] == [
        "LIVECLI_ACCESS_TOKEN",
        "GOOGLE_API_KEY",
        "GEMINI_API_KEY",
        "GOOGLE_APPLICATION_CREDENTIALS",
        "stored key",
        "gcloud's ADC file",
        "metadata server",
    ]
    assert [source.found for source in sources] == [False, False, True, True, False, False, False]
    assert [source.source for source in sources if source.used] == ["GOOGLE_APPLICATION_CREDENTIALS"]
    assert sources[2].detail == f"set, {len(KEY)} characters"
    assert sources[3].detail == str(path)
