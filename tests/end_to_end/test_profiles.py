"""The order of option, variable and profile, seen in what a run would send."""

import json

import pytest

import livecli
from livecli.credentials import profiles

CONFIG = """
[default]
model = "gemini-live-2.5-flash"
voice = "Kore"
language = "de-DE"

[profile.work]
platform = "vertex"
project = "profiles-project"
location = "europe-west4"
voice = "Puck"
base_url = "ws://127.0.0.1:9"
api_version = "v1beta1"

[profile.home]
platform = "developer"
"""


@pytest.fixture(autouse=True)
def config(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    profiles.path().parent.mkdir(parents=True)
    profiles.path().write_text(CONFIG)


@pytest.fixture
def dry_run(livecli, monkeypatch):
    def run(*words, **variables):
        for name, value in variables.items():
            monkeypatch.setenv(name, value)
        ran = livecli("send", "--text", "hi", "--dry-run", *words)
        assert ran.status == 0, ran.err
        request, *_, setup, _ = ran.out.splitlines()
        return request.removeprefix("GET "), json.loads(setup)["setup"]

    return run


def speech(setup):
    config = setup["generationConfig"]["speechConfig"]
    return config["voiceConfig"]["prebuiltVoiceConfig"]["voiceName"], config["languageCode"]


def test_a_profile_gives_what_neither_an_option_nor_a_variable_does(dry_run):
    url, setup = dry_run("--profile", "work")
    assert url.startswith("ws://127.0.0.1:9/ws/google.cloud.aiplatform.v1beta1.")
    place = "projects/profiles-project/locations/europe-west4"
    assert setup["model"] == f"{place}/publishers/google/models/gemini-live-2.5-flash"
    assert speech(setup) == ("Puck", "de-DE")


def test_a_variable_and_an_option_come_before_it(dry_run):
    variables = {
        "GOOGLE_CLOUD_PROJECT": "variables-project",
        "GOOGLE_CLOUD_LOCATION": "us-east1",
        "LIVECLI_MODEL": "gemini-3.8-live",
        "GOOGLE_VERTEX_BASE_URL": "ws://127.0.0.1:10",
        "GOOGLE_GENAI_API_VERSION": "v1",
    }
    url, setup = dry_run("--profile", "work", "--location", "us-west1", "--voice", "Leda", **variables)
    assert url.startswith("ws://127.0.0.1:10/ws/google.cloud.aiplatform.v1.")
    place = "projects/variables-project/locations/us-west1"
    assert setup["model"] == f"{place}/publishers/google/models/gemini-3.8-live"
    assert speech(setup) == ("Leda", "de-DE")


def test_its_platform_comes_before_what_is_concluded_from_a_project(dry_run):
    url, _ = dry_run("--profile", "home", GOOGLE_CLOUD_PROJECT="p", GOOGLE_API_KEY="key-for-a-test")
    assert url.startswith("wss://generativelanguage.googleapis.com/")
    url, _ = dry_run("--profile", "home", "--platform", "vertex")
    assert url.startswith("wss://aiplatform.googleapis.com/"), "express mode"


def test_a_mistake_is_an_error_before_anything_else(livecli):
    ran = livecli("send", "--text", "hi", "--local", "--profile", "wrk")
    assert (ran.status, ran.out) == (2, "")
    assert ran.err == "error: --profile: there is no profile 'wrk'\nhint: did you mean work?\n"
    profiles.path().write_text("[default]\nvoise = 1\n")
    ran = livecli("send", "--text", "hi", "--local")
    assert ran.status == 3
    assert f"{profiles.path()}:2: there is no 'voise' here\nhint: did you mean voice?\n" in ran.err


async def test_a_program_may_name_a_profile():
    async with livecli.connect(local=True, profile="home") as session:
        assert session.endpoint.model == "gemini-live-2.5-flash"
    with pytest.raises(livecli.UsageError, match="there is no profile 'x'"):
        await livecli.send(text="hi", local=True, profile="x")
