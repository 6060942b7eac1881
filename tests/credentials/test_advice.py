"""Each note on a decision, and decisions without a note."""

from __future__ import annotations

import base64
import json
from pathlib import Path

import pytest

from livecli.credentials import stored_key
from livecli.credentials.advice import notes
from livecli.credentials.decision import decide
from livecli.protocol.endpoint import Target
from livecli.protocol.models import MODELS
from livecli.protocol.platform import Platform
from tests.cases import in_one_test

KEY = "AIza-not-to-be-seen"
EXPIRED = ".".join(["e30", base64.urlsafe_b64encode(json.dumps({"exp": 1}).encode()).decode().rstrip("="), "x"])


def notes_on(target: Target, **environ: str) -> list[str]:
    return notes(decide(target, environ), target, environ)


@in_one_test(
    ("target", "environ", "beginnings"),
    [
        (Target(), {"GEMINI_API_KEY": KEY}, []),
        (Target(), {"GOOGLE_API_KEY": KEY, "GEMINI_API_KEY": KEY}, []),
        (Target(project="p"), {"LIVECLI_ACCESS_TOKEN": "ya29.x"}, []),
        (Target(local=True), {"GEMINI_API_KEY": KEY, "GOOGLE_CLOUD_PROJECT": "p"}, []),
        (Target(), {}, []),
        (
            Target(),
            {"GOOGLE_API_KEY": KEY, "GEMINI_API_KEY": "other"},
            ["GOOGLE_API_KEY and GEMINI_API_KEY hold different keys: GOOGLE_API_KEY is used"],
        ),
        (
            Target(project="p"),
            {"LIVECLI_ACCESS_TOKEN": EXPIRED},
            ["the token in LIVECLI_ACCESS_TOKEN expired at 1970-01-01T00:00:01+00:00"],
        ),
        (
            Target(base_url="ws://api.example.com"),
            {"GEMINI_API_KEY": KEY},
            ["the credential would go to api.example.com in the clear"],
        ),
        (Target(base_url="ws://127.0.0.1:1"), {"GEMINI_API_KEY": KEY}, []),
        (
            Target(platform=Platform.DEVELOPER, project="p"),
            {"GEMINI_API_KEY": KEY},
            ["GEMINI_API_KEY and a project (--project p) are both there: the Developer API (--platform) takes"],
        ),
        (
            Target(),
            {"LIVECLI_ACCESS_TOKEN": "ya29.x", "GOOGLE_CLOUD_PROJECT": "p", "GOOGLE_CLOUD_QUOTA_PROJECT": "q"},
            ["the quota project q is not the project p: q is billed"],
        ),
    ],
)
def test_the_notes_on_a_decision(target: Target, environ: dict[str, str], beginnings: list[str]) -> None:
    found = notes_on(target, **environ)
    assert [note[: len(beginning)] for note, beginning in zip(found, beginnings, strict=True)] == beginnings
    assert KEY not in "".join(found)


def test_the_gravest_note_comes_first() -> None:
    target = Target(project="p", base_url="ws://api.example.com")
    found = notes_on(target, LIVECLI_ACCESS_TOKEN=EXPIRED, GOOGLE_CLOUD_QUOTA_PROJECT="q")
    assert [note.split()[:3] for note in found] == [
        ["the", "token", "in"],
        ["the", "credential", "would"],
        ["the", "quota", "project"],
    ]


def test_a_stored_key_that_is_not_used(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    stored_key.store(KEY, keyring=False)
    assert notes_on(Target()) == []
    assert notes_on(Target(), GEMINI_API_KEY="other") == [
        "the stored key is not used: GEMINI_API_KEY comes before it",
    ]


def test_a_model_that_is_not_served_on_the_platform() -> None:
    elsewhere = (name for name, model in MODELS.items() if Platform.DEVELOPER not in model.platforms)
    name = next(name for name in elsewhere if not MODELS[name].retired)
    [note] = notes_on(Target(model=name), GEMINI_API_KEY=KEY)
    assert note == f"{name} is not served on {Platform.DEVELOPER}, as far as is known here; --online asks the service"
