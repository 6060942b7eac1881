"""What `auth status` says of a decision that contradicts itself, and of one that will not work."""

from __future__ import annotations

import base64
import json
import os
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from livecli.credentials import stored_key
from livecli.credentials.advice import notes
from livecli.credentials.decision import decide
from livecli.protocol.endpoint import Target
from livecli.protocol.models import MODELS, Platform
from tests.cases import in_one_test

V, D = Platform.VERTEX, Platform.DEVELOPER
KEY, TOKEN = "AIza-not-to-be-seen", "ya29.not-to-be-seen"
Livecli = Callable[..., Any]


def said(environ: dict[str, str], wanted: Target | None = None) -> list[str]:
    wanted = wanted or Target()
    found = notes(decide(wanted, environ), wanted, environ)
    assert "not-to-be-seen" not in "".join(found)
    return found


def jwt(**claims: Any) -> str:
    parts = [base64.urlsafe_b64encode(json.dumps(each).encode()).decode().rstrip("=") for each in ({}, claims)]
    return ".".join([*parts, "not-to-be-seen"])


@in_one_test(
    ("environ", "wanted", "parts"),
    [
        (
            {"GEMINI_API_KEY": KEY, "LIVECLI_ACCESS_TOKEN": TOKEN, "GOOGLE_CLOUD_PROJECT": "p"},
            Target(),
            [
                "GEMINI_API_KEY and a project (GOOGLE_CLOUD_PROJECT=p)",
                "the project takes precedence",
                "--platform developer",
            ],
        ),
        (
            {"GEMINI_API_KEY": KEY},
            Target(project="p"),
            ["GEMINI_API_KEY and a project (--project p)", "express mode", "--platform developer"],
        ),
        (
            {"GEMINI_API_KEY": KEY, "GOOGLE_CLOUD_PROJECT": "p"},
            Target(platform=D),
            ["the Developer API (--platform) takes the key", "the project is ignored"],
        ),
        (
            {"GOOGLE_API_KEY": KEY, "GEMINI_API_KEY": f"{KEY}-2"},
            Target(),
            ["hold different keys", "GOOGLE_API_KEY is used"],
        ),
        (
            {"LIVECLI_ACCESS_TOKEN": TOKEN, "GOOGLE_CLOUD_QUOTA_PROJECT": "payer"},
            Target(project="p"),
            ["the quota project payer is not the project p", "payer is billed"],
        ),
        (
            {"LIVECLI_ACCESS_TOKEN": jwt(exp=1_700_000_000)},
            Target(project="p"),
            ["LIVECLI_ACCESS_TOKEN expired at 2023-11-14T22:13:20+00:00"],
        ),
        (
            {"LIVECLI_ACCESS_TOKEN": TOKEN},
            Target(project="p", location="europe-west1"),
            ["not known to be served in europe-west1", "us-central1, us, eu", "documented 2026-11"],
        ),
        ({"LIVECLI_ACCESS_TOKEN": TOKEN}, Target(project="p", location="global"), ["in global"]),
        (
            {"LIVECLI_ACCESS_TOKEN": TOKEN},
            Target(project="p", location="global", model="gemini-live-2.5-flash"),
            ["sources contradict each other", "pydantic-ai", "Firebase"],
        ),
        (
            {"GEMINI_API_KEY": KEY},
            Target(model="gemini-live-2.5-flash-native-audio"),
            ["gemini-live-2.5-flash-native-audio is not served on developer"],
        ),
        ({"GEMINI_API_KEY": KEY}, Target(model="gemini-2.0-flash-live-001"), ["is retired"]),
        ({"GEMINI_API_KEY": KEY}, Target(base_url="ws://example.com"), ["to example.com in the clear"]),
    ],
)
def test_one_note(environ: dict[str, str], wanted: Target, parts: list[str]) -> None:
    [note] = said(environ, wanted)
    for part in parts:
        assert part in note


@in_one_test(
    ("environ", "wanted"),
    [
        ({"GEMINI_API_KEY": KEY}, Target()),
        ({"GEMINI_API_KEY": KEY, "GOOGLE_API_KEY": KEY}, Target()),
        ({"GEMINI_API_KEY": KEY, "GOOGLE_CLOUD_PROJECT": "p"}, Target(local=True, location="nowhere1")),
        ({"LIVECLI_ACCESS_TOKEN": TOKEN, "GOOGLE_CLOUD_QUOTA_PROJECT": "p"}, Target(project="p")),
        ({"LIVECLI_ACCESS_TOKEN": jwt(exp=time.time() + 3600)}, Target(project="p", location="eu")),
        ({"LIVECLI_ACCESS_TOKEN": TOKEN}, Target(project="p", location="europe-west1", model="of-ours")),
        (
            {"LIVECLI_ACCESS_TOKEN": TOKEN},
            Target(project="p", location="global", model="gemini-3.5-transcribe-live-preview"),
        ),
        ({}, Target(base_url="ws://127.0.0.1:1")),
        ({}, Target()),
    ],
)
def test_nothing_to_note(environ: dict[str, str], wanted: Target) -> None:
    assert said(environ, wanted) == []


@in_one_test("token", ["a.b.c", "..", f"x.{'A' * 41}.y", jwt(exp="soon"), jwt(exp=1e30), jwt(), jwt(exp=[])])
def test_a_token_that_does_not_say_when_it_ends(token: str) -> None:
    decision = decide(Target(project="p"), {"LIVECLI_ACCESS_TOKEN": token})
    assert decision.credential is not None
    assert decision.credential.expires_at is None
    assert said({"LIVECLI_ACCESS_TOKEN": token}, Target(project="p")) == []


def test_when_a_jwt_ends_is_known() -> None:
    decision = decide(Target(project="p"), {"LIVECLI_ACCESS_TOKEN": jwt(exp=4_000_000_000)})
    assert decision.credential is not None
    assert decision.credential.expires_at == datetime(2096, 10, 2, 7, 6, 40, tzinfo=UTC)


def test_a_stored_key_and_what_comes_before_it() -> None:
    stored_key.store(KEY, keyring=False)
    assert said({}) == []
    [note] = said({"GEMINI_API_KEY": "AIza-other"})
    assert note == "the stored key is not used: GEMINI_API_KEY comes before it"
    [note] = said({"GOOGLE_CLOUD_PROJECT": "p"})
    assert note.startswith("the stored key and a project (GOOGLE_CLOUD_PROJECT=p) are both there")


def test_a_service_account_without_a_project(service_account: Callable[..., Path], livecli: Livecli) -> None:
    service_account(project_id=None, client_email="robot@their-project.iam.gserviceaccount.com")
    assert said(dict(os.environ), Target(project="p")) == [
        "the file of the service account robot@their-project.iam.gserviceaccount.com names no project; "
        "it was made in their-project: p is used"
    ]
    ran = livecli("auth", "status")
    assert (ran.status, ran.out) == (2, "")
    assert "note: the file of the service account robot@their-project" in ran.err
    assert "pass --project" in ran.err


def test_where_they_are_shown(livecli: Livecli, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GEMINI_API_KEY", KEY)
    monkeypatch.setenv("GOOGLE_CLOUD_PROJECT", "p\x1b[31m")
    words = ["auth", "status", "--platform", "developer"]
    [note] = livecli(*words, "--json").summary["notes"]
    ran = livecli(*words)
    assert ran.status == 0
    assert ran.out.splitlines()[1].startswith("! GEMINI_API_KEY and a project (")
    assert "\x1b" not in ran.out
    assert "\x1b" in note


def test_every_model_that_has_locations_is_one_of_vertex() -> None:
    located = [model for model in MODELS.values() if model.locations.names]
    assert len(located) > 3
    assert all(V in model.platforms for model in located)
