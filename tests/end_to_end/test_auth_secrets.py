"""A known key and a known token, planted everywhere: no `auth` command shows one, whatever goes wrong."""

from __future__ import annotations

import io
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from livecli.credentials import stored_key
from livecli.emulator.access import RequiredCredentials
from tests.serving import serving

UNSEEN = "not-to-be-seen-0123456789"
SECRET = f"any-{UNSEEN}"
"""A key and a bearer token alike: it has the prefix of neither."""
FAULTS = {
    "": 4,
    "http=503@connect": 8,
    f"close=1011:{SECRET} is wrong@setup": 6,
    "drop@setup": 6,
    "garbage@setup": 6,
}
"""What goes wrong, and the exit status of a command that meets it; without a fault the credential is refused."""
COMMANDS: list[tuple[list[str], int | None, int | None]] = [
    (["auth", "status"], 0, 4),
    (["auth", "status", "--json"], 0, 4),
    (["auth", "status", "--online"], None, 4),
    (["auth", "status", "--online", "--json", "--platform", "vertex", "--project", "p"], None, 4),
    (["auth", "status", "--online", "--platform", "developer"], None, 4),
    (["auth", "token", "--ephemeral", "--platform-does-not-exist"], 2, 2),
    (["auth", "login"], None, None),
    (["auth", "login", "--platform", "vertex"], None, None),
    (["auth", "login", "--no-check"], 0, 0),
    (["auth", "logout"], 0, 0),
]
"""With the exit status, and that with a broken credential; None is the fault's."""
PLACES = {
    "environment": {"GEMINI_API_KEY": SECRET},
    "stored": {},
    "token": {"LIVECLI_ACCESS_TOKEN": SECRET, "GOOGLE_CLOUD_PROJECT": "p"},
    "misplaced": {"LIVECLI_ACCESS_TOKEN": f"AIza-{UNSEEN}", "GOOGLE_CLOUD_PROJECT": "p"},
    "ephemeral": {"LIVECLI_ACCESS_TOKEN": f"auth_tokens/{UNSEEN}"},
    "broken": {"GEMINI_API_KEY": f"an {SECRET}", "LIVECLI_ACCESS_TOKEN": f"ya29.\n{SECRET}"},
}


# What the service quotes is left out where it is what it was sent; with an ephemeral token it would not be.
CASES = [(place, fault) for place in PLACES for fault in FAULTS if place != "ephemeral" or SECRET not in fault]


@pytest.mark.parametrize(("place", "fault"), CASES)
def test_no_secret_is_shown(
    livecli: Callable[..., Any], monkeypatch: pytest.MonkeyPatch, tmp_path: Path, place: str, fault: str
) -> None:
    required = RequiredCredentials() if fault else RequiredCredentials(key="another")
    with serving(*filter(None, [fault]), required=required) as emulator:
        for words, whole, broken in COMMANDS:
            for name, text in PLACES[place].items():
                monkeypatch.setenv(name, text)
            stored_key.store(SECRET, keyring=False)
            monkeypatch.setenv("LIVECLI_BASE_URL", emulator.url)
            monkeypatch.setattr(sys, "stdin", io.StringIO(f"{SECRET}\n"))
            ran = livecli(*words)
            status = broken if place in ("misplaced", "broken") else whole
            assert ran.status == (FAULTS[fault] if status is None else status), words
            assert UNSEEN not in ran.out + ran.err, words
    assert SECRET in fault or UNSEEN not in "".join(emulator.log)
    kept = [path for path in tmp_path.rglob("*") if path.is_file() and UNSEEN.encode() in path.read_bytes()]
    assert not kept, "logout came last"
