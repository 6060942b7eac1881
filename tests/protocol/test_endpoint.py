"""The URL and the resource name for every platform, region and override: facts copied from the SDKs' own requests."""

from __future__ import annotations

import pytest

from livecli.errors import UsageError
from livecli.protocol.endpoint import (
    Endpoint,
    Target,
    base_url,
    build,
    choose_platform,
    is_loopback,
    without_local_key,
)
from livecli.protocol.models import Platform
from tests.cases import in_one_test

V, D = Platform.VERTEX, Platform.DEVELOPER
VERTEX_PATH = "/ws/google.cloud.aiplatform.{}.LlmBidiService/BidiGenerateContent"
DEVELOPER_PATH = "/ws/google.ai.generativelanguage.{}.GenerativeService.BidiGenerateContent"
V1, V1BETA1 = (VERTEX_PATH.format(version) for version in ("v1", "v1beta1"))
HOST = "aiplatform.googleapis.com"
P = {"GOOGLE_CLOUD_PROJECT": "p1"}
M = "gemini-3.8-live"


@in_one_test(
    ("wanted", "environ", "url"),
    [
        (Target(), P, f"wss://us-central1-{HOST}{V1}"),
        (Target(location="europe-west4"), P, f"wss://europe-west4-{HOST}{V1}"),
        (Target(location="global"), P, f"wss://{HOST}{V1}"),
        (Target(location="us"), P, f"wss://aiplatform.us.rep.googleapis.com{V1}"),
        (Target(location="eu"), P, f"wss://aiplatform.eu.rep.googleapis.com{V1}"),
        (Target(), {**P, "GOOGLE_CLOUD_LOCATION": "global"}, f"wss://{HOST}{V1}"),
        (Target(location="us-east1"), {**P, "GOOGLE_CLOUD_LOCATION": "global"}, f"wss://us-east1-{HOST}{V1}"),
        (Target(api_version="v1beta1"), P, f"wss://us-central1-{HOST}{V1BETA1}"),
        (Target(), {**P, "GOOGLE_GENAI_API_VERSION": "beta"}, f"wss://us-central1-{HOST}{V1BETA1}"),
    ],
)
def test_vertex_urls(wanted: Target, environ: dict[str, str], url: str) -> None:
    assert build(wanted, environ, V).url == url


@pytest.mark.parametrize("location", ["global", "us", "eu", "us-central1"])
def test_no_location_ever_makes_the_host_that_does_not_exist(location: str) -> None:
    assert "global-" not in build(Target(location=location), P, V).url


@pytest.mark.parametrize(
    ("version", "environ", "spelled"),
    [
        (None, {}, "v1beta"),
        ("v1alpha", {}, "v1alpha"),
        (None, {"GOOGLE_GENAI_API_VERSION": "v1"}, "v1"),
        (None, {"GOOGLE_GENAI_API_VERSION": "beta"}, "v1beta"),
        ("v1", {"GOOGLE_GENAI_API_VERSION": "beta"}, "v1"),
    ],
)
def test_developer_urls(version: str | None, environ: dict[str, str], spelled: str) -> None:
    endpoint = build(Target(api_version=version), environ, D)
    assert endpoint.url == f"wss://generativelanguage.googleapis.com{DEVELOPER_PATH.format(spelled)}"
    assert (endpoint.resource, endpoint.project, endpoint.location) == (f"models/{M}", None, None)


def test_an_ephemeral_token_opens_the_constrained_method() -> None:
    assert build(Target(), {}, D, constrained=True).url.endswith("GenerativeService.BidiGenerateContentConstrained")


def test_express_mode_has_neither_project_nor_location() -> None:
    endpoint = build(Target(project="p1", location="us-east1"), {}, V, express=True)
    assert endpoint == Endpoint(V, f"wss://{HOST}{V1}", M, f"publishers/google/models/{M}")


@in_one_test(
    ("model", "platform", "resource", "bare"),
    [
        (None, V, f"projects/p1/locations/us-central1/publishers/google/models/{M}", M),
        ("gemini-x", V, "projects/p1/locations/us-central1/publishers/google/models/gemini-x", "gemini-x"),
        ("gemini-x", D, "models/gemini-x", "gemini-x"),
        ("models/gemini-x", D, "models/gemini-x", "gemini-x"),
        ("publishers/google/models/gemini-x", V, "publishers/google/models/gemini-x", "gemini-x"),
        (
            "projects/q/locations/eu/publishers/google/models/y",
            V,
            "projects/q/locations/eu/publishers/google/models/y",
            "y",
        ),
    ],
)
def test_resource_names(model: str | None, platform: Platform, resource: str, bare: str) -> None:
    endpoint = build(Target(project="p1", model=model), {}, platform)
    assert (endpoint.resource, endpoint.model) == (resource, bare)


def test_a_full_resource_name_brings_its_project_and_location() -> None:
    wanted = Target(model="projects/q/locations/eu/publishers/google/models/y")
    endpoint = build(wanted, {}, V)
    assert (endpoint.project, endpoint.location, endpoint.host) == ("q", "eu", "aiplatform.eu.rep.googleapis.com")
    assert choose_platform(wanted, {}, has_key=True)[0] is V


def test_model_from_the_environment_and_flag_before_it() -> None:
    environ = {**P, "LIVECLI_MODEL": "gemini-env"}
    assert build(Target(), environ, V).model == "gemini-env"
    assert build(Target(model="gemini-flag"), environ, V).model == "gemini-flag"


@in_one_test(
    ("wanted", "environ", "own", "project"),
    [
        (Target(project="flag"), {"GOOGLE_CLOUD_PROJECT": "env"}, "own", "flag"),
        (Target(), {"GOOGLE_CLOUD_PROJECT": "env"}, "own", "env"),
        (Target(), {"GOOGLE_CLOUD_PROJECT": " "}, "own", "own"),
        (Target(base_url="ws://localhost:1"), {}, None, "local"),
        (Target(base_url="ws://localhost:1"), {"GOOGLE_CLOUD_PROJECT": "env"}, None, "env"),
        (Target(local=True), {"GOOGLE_CLOUD_PROJECT": "env"}, "own", "local"),
        (Target(local=True, project="flag"), {}, None, "flag"),
    ],
)
def test_which_project(wanted: Target, environ: dict[str, str], own: str | None, project: str) -> None:
    assert build(wanted, environ, V, own_project=own).project == project


def test_vertex_needs_a_project() -> None:
    with pytest.raises(UsageError) as caught:
        build(Target(), {}, V)
    assert "--project" in (caught.value.hint or "")


@in_one_test(
    ("wanted", "environ", "has_key", "platform"),
    [
        (Target(platform=D), {**P, "GOOGLE_GENAI_USE_VERTEXAI": "true"}, False, D),
        (Target(platform=V), {"GOOGLE_GENAI_USE_VERTEXAI": "false"}, True, V),
        (Target(), {"GOOGLE_GENAI_USE_VERTEXAI": "true"}, True, V),
        (Target(), {"GOOGLE_GENAI_USE_VERTEXAI": "TRUE"}, True, V),
        (Target(), {"GOOGLE_GENAI_USE_VERTEXAI": "1"}, True, V),
        (Target(), {**P, "GOOGLE_GENAI_USE_VERTEXAI": "false"}, False, D),
        (Target(), {**P, "GOOGLE_GENAI_USE_VERTEXAI": "yes"}, False, D),
        (Target(), {**P, "GOOGLE_GENAI_USE_VERTEXAI": ""}, True, V),
        (Target(), {"GOOGLE_GENAI_USE_ENTERPRISE": "1", "GOOGLE_GENAI_USE_VERTEXAI": "false"}, True, V),
        (Target(), {**P, "GOOGLE_GENAI_USE_ENTERPRISE": "0", "GOOGLE_GENAI_USE_VERTEXAI": "true"}, True, D),
        (Target(), P, True, V),
        (Target(project="p"), {}, True, V),
        (Target(), {}, True, D),
        (Target(), {}, False, V),
        (Target(local=True), {"GOOGLE_GENAI_USE_VERTEXAI": "false"}, True, V),
        (Target(local=True, platform=D), {}, False, D),
        (Target(base_url="ws://h" + DEVELOPER_PATH.format("v1")), P, False, D),
    ],
)
def test_which_platform(wanted: Target, environ: dict[str, str], has_key: bool, platform: Platform) -> None:
    assert choose_platform(wanted, environ, has_key=has_key)[0] is platform


@in_one_test(
    ("given", "url"),
    [
        ("ws://127.0.0.1:8765", "ws://127.0.0.1:8765" + V1),
        ("http://127.0.0.1:8765", "ws://127.0.0.1:8765" + V1),
        ("https://h.example", "wss://h.example" + V1),
        ("WSS://h.example/", "wss://h.example" + V1),
        ("http://h/pre", "ws://h/pre" + V1),
        ("http://h/pre/", "ws://h/pre" + V1),
        ("ws://[::1]:8765", "ws://[::1]:8765" + V1),
        ("ws://h" + V1BETA1, "ws://h" + V1BETA1),
        ("ws://h/pre/" + V1BETA1, "ws://h/pre/" + V1BETA1),
        ("ws://h" + DEVELOPER_PATH.format("v1alpha"), "ws://h" + DEVELOPER_PATH.format("v1alpha")),
    ],
)
def test_base_urls(given: str, url: str) -> None:
    assert build(Target(base_url=given, project="p"), {}, V).url == url


@pytest.mark.parametrize(
    ("platform", "environ", "host"),
    [
        (V, {"GOOGLE_VERTEX_BASE_URL": "ws://vertex.example"}, "vertex.example"),
        (D, {"GOOGLE_VERTEX_BASE_URL": "ws://vertex.example"}, "generativelanguage.googleapis.com"),
        (D, {"GOOGLE_GEMINI_BASE_URL": "ws://gemini.example"}, "gemini.example"),
        (D, {"GOOGLE_GEMINI_BASE_URL": "ws://gemini.example", "LIVECLI_BASE_URL": "ws://ours.example"}, "ours.example"),
    ],
)
def test_base_url_from_the_environment(platform: Platform, environ: dict[str, str], host: str) -> None:
    assert build(Target(project="p"), environ, platform).host == host
    assert build(Target(project="p", base_url="ws://flag.example"), environ, platform).host == "flag.example"


def test_local_ignores_base_urls_of_the_environment() -> None:
    assert build(Target(local=True), {"LIVECLI_BASE_URL": "ws://elsewhere.example"}, V).host == "127.0.0.1"


@in_one_test(
    "url",
    [
        "ws://user:s3cret@h",
        "ws://s3cret@h",
        "ws://h?key=s3cret",
        "ws://h/#s3cret",
        "ws://h:s3cret",
        "ws://h:99999?",
        "ws://h:99999",
        "ftp://s3cret",
        "s3cret",
        "ws://",
        "ws:///s3cret",
        "localhost:8765",
        "ws://[s3cret",
        "ws://h/s3cret\r\nX: y",
        "ws://h/s3 cret",
        "ws://h\\s3cret",
        "ws://h/\x1b[31ms3cret",
    ],
)
def test_refused_base_urls_are_not_quoted(url: str) -> None:
    with pytest.raises(UsageError) as caught:
        base_url(Target(base_url=url), {}, V)
    assert "--base-url" in caught.value.message
    assert "s3" not in caught.value.message + (caught.value.hint or "")


@in_one_test("field", ["project", "location", "model", "api_version"])
@in_one_test("word", ["a/b", "..", "a b", "a\n", "a?b", "a#b", "a%2fb", "a\x1b", "é", "models/../x", "-a"])
def test_words_that_could_bend_the_url(field: str, word: str) -> None:
    wanted = Target(**{"project": "p", field: word})  # type: ignore[arg-type]
    with pytest.raises(UsageError) as caught:
        build(wanted, {}, V)
    assert caught.value.message.isprintable()


@in_one_test(
    ("host", "loopback"),
    [
        ("localhost", True),
        ("LOCALHOST", True),
        ("127.0.0.1", True),
        ("127.9.8.7", True),
        ("::1", True),
        ("128.0.0.1", False),
        ("::2", False),
        ("localhost.example", False),
        ("127.0.0.1.example", False),
        ("", False),
        (None, False),
    ],
)
def test_loopback(host: str | None, loopback: bool) -> None:
    assert is_loopback(host) is loopback


def test_what_an_endpoint_says_of_itself() -> None:
    near = build(Target(base_url="http://[::1]:1"), {}, V)
    far = build(Target(project="p"), {}, V)
    assert (near.host, near.is_loopback, near.is_cleartext) == ("::1", True, True)
    assert (far.is_loopback, far.is_cleartext) == (False, False)


@pytest.mark.parametrize(
    ("base_url", "version", "expected"),
    [(None, None, "v1"), (None, "v1beta1", "v1beta1"), ("wss://proxy.test/some/path", None, "v1")],
)
def test_the_version_is_that_of_the_url(base_url, version, expected):
    assert build(Target(base_url=base_url, api_version=version), P, V).version == expected


@in_one_test(
    ("wanted", "environ", "kept"),
    [
        (Target(base_url="ws://127.0.0.1:1"), {"GOOGLE_API_KEY": "local", "GEMINI_API_KEY": "k"}, ["GEMINI_API_KEY"]),
        (Target(base_url="ws://127.0.0.1:1"), {"GOOGLE_API_KEY": " local "}, []),
        (Target(base_url="ws://127.0.0.1:1"), {"GOOGLE_API_KEY": "locale"}, ["GOOGLE_API_KEY"]),
        (Target(base_url="wss://host"), {"GOOGLE_API_KEY": "local"}, ["GOOGLE_API_KEY"]),
        (Target(base_url="no URL"), {"GOOGLE_API_KEY": "local"}, ["GOOGLE_API_KEY"]),
        (Target(local=True), {"GOOGLE_API_KEY": "local"}, []),
        (Target(), {"GOOGLE_API_KEY": "local"}, ["GOOGLE_API_KEY"]),
    ],
)
def test_the_key_that_stands_for_none(wanted: Target, environ: dict[str, str], kept: list[str]) -> None:
    assert list(without_local_key(wanted, environ)) == kept


@pytest.mark.parametrize(
    ("wanted", "environ", "named_by"),
    [
        (Target(base_url="ws://h"), {"LIVECLI_BASE_URL": "ws://i"}, "--base-url"),
        (Target(), {"LIVECLI_BASE_URL": "ws://i", "GOOGLE_GEMINI_BASE_URL": "ws://j"}, "LIVECLI_BASE_URL"),
        (Target(), {"GOOGLE_GEMINI_BASE_URL": "ws://j"}, "GOOGLE_GEMINI_BASE_URL"),
        (Target(), {"GOOGLE_VERTEX_BASE_URL": "ws://j"}, None),
    ],
)
def test_the_source_of_the_base_url(wanted: Target, environ: dict[str, str], named_by: str | None) -> None:
    assert build(wanted, environ, D).named_by == named_by


@pytest.mark.parametrize("url", ["ws://host", "http://host", "wss://127.0.0.1"])
def test_a_project_is_not_needed_where_no_credential_is(url: str) -> None:
    assert build(Target(base_url=url), {}, V).project == "local"
    with pytest.raises(UsageError, match="needs a project"):
        build(Target(base_url="wss://host"), {}, V)
