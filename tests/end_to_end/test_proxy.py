"""`livecli proxy` between a client and the emulator, which stands for the service."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from livecli.emulator.access import RequiredCredentials
from livecli.recording.comparison import compare
from livecli.recording.conversion import recorded_items
from livecli.recording.format import By, Direction, RecordedConnection, read_live
from tests.serving import serving

Livecli = Callable[..., Any]
CLIENT = ("livecli",)
TEXT = (*CLIENT, "send", "--text", "Good morning", "-q", "--retries", 0)

pytestmark = pytest.mark.usefixtures("livecli_on_path")


@pytest.fixture
def proxy(livecli_and_children: Livecli) -> Livecli:
    """Run a command behind a proxy to this URL."""

    def run(url: str, *words: object, command: tuple[object, ...] = TEXT) -> Any:
        return livecli_and_children("proxy", url, "-q", *words, "--", *command)

    return run


def recorded(folder: Path) -> list[RecordedConnection]:
    return [each for path in sorted(folder.glob("*.live")) for each in read_live(path.read_bytes()).connections]


def test_a_session_passes_through_unchanged_and_is_recorded(proxy: Livecli, tmp_path: Path) -> None:
    # A handle that comes after the client's close would be in the proxy's recording only.
    words = (*TEXT, "--record", "client.live", "--setup", '{"sessionResumption": null}')
    with serving() as server:
        ran = proxy(server.url, "--record", "kept", command=words)
    assert (ran.status, ran.out, ran.err) == (0, "Good morning\n", "")
    [seen] = read_live((tmp_path / "client.live").read_bytes()).connections
    [passed] = recorded(tmp_path / "kept")
    # The two directions may pass each other between the proxy and the client.
    for side in Direction:
        found, expected = ([(f.data, f.is_binary) for f in c.frames if f.direction is side] for c in (passed, seen))
        assert found == expected
    assert passed.header.platform == "vertex"
    assert (passed.header.client or "").startswith("livecli/")
    assert passed.close is not None
    assert (passed.close.code, passed.close.by) == (1000, By.CLIENT)


def test_the_log_has_the_messages_of_both_directions(proxy: Livecli, tmp_path: Path) -> None:
    with serving() as server:
        assert proxy(server.url, "--log", "log.jsonl").status == 0
    lines = [json.loads(line) for line in (tmp_path / "log.jsonl").read_text().splitlines()]
    found = [f"{line['direction']} {line['type']}" for line in lines if line["type"] in ("setup", "text", "close")]
    assert found == ["received setup", "received text", "received close"]
    said = [line["text"] for line in lines if (line["direction"], line["type"]) == ("sent", "output_transcript")]
    assert "".join(said) == "Good morning"


@pytest.mark.parametrize(
    ("fault", "status", "message"),
    [
        ("http=503@connect", 8, "503 Service Unavailable: as --fault asked for"),
        ("close=1008:not allowed@setup", 6, "the server closed the session (1008): not allowed"),
        ("close=4000:enough@reply:1", 6, "the server closed the session (4000): enough"),
        ("drop@reply:1", 6, "the connection was lost without a close"),
    ],
)
def test_a_failure_of_the_service_is_the_clients(proxy: Livecli, fault: str, status: int, message: str) -> None:
    with serving(fault) as server:
        direct = proxy(server.url)
    assert message in direct.err
    assert direct.status == status


def test_a_service_that_is_not_there_is_a_bad_gateway(proxy: Livecli) -> None:
    ran = proxy("ws://127.0.0.1:1")
    assert ran.status == 5
    assert "502 Bad Gateway: cannot connect to 127.0.0.1 port 1: connection refused" in ran.err


KEY = "a-key-that-is-long-enough"


def test_the_client_s_own_credential_is_forwarded(proxy: Livecli, tmp_path: Path, monkeypatch: Any) -> None:
    monkeypatch.setenv("GOOGLE_API_KEY", KEY)
    words = (*TEXT, "--platform", "developer", "--system", f"the key is {KEY}")
    with serving(required=RequiredCredentials(key=KEY)) as server:
        assert proxy(server.url, "--record", "kept", command=words).out == "Good morning\n"
        without = proxy(server.url, command=("env", "-u", "GOOGLE_API_KEY", *words))
    assert without.status == 4
    assert KEY not in "".join(path.read_text() for path in (tmp_path / "kept").iterdir())


def test_a_client_without_a_credential_can_use_that_of_the_proxy(proxy: Livecli, monkeypatch: Any) -> None:
    monkeypatch.setenv("GOOGLE_API_KEY", KEY)
    words = ("env", "GOOGLE_API_KEY=local", *TEXT, "--platform", "developer")
    with serving(required=RequiredCredentials(key=KEY)) as server:
        assert proxy(server.url, "--own-credential", command=words).out == "Good morning\n"


def test_a_request_for_an_ephemeral_token_is_forwarded(proxy: Livecli) -> None:
    code = (
        "import os, ssl, urllib.request as u;"
        "r = u.Request(os.environ['GOOGLE_GEMINI_BASE_URL'] + '/v1alpha/auth_tokens', b'{}',"
        " {'x-goog-api-key': 'local', 'Content-Type': 'application/json'});"
        "print(u.urlopen(r, context=ssl.create_default_context(cafile=os.environ['SSL_CERT_FILE'])).read().decode())"
    )
    with serving() as server:
        ran = proxy(server.url, command=(sys.executable, "-c", code))
    assert json.loads(ran.out)["name"].startswith("auth_tokens/")


def test_a_chat_with_tools_is_recorded_and_replayed(
    proxy: Livecli, livecli_and_children: Livecli, tmp_path: Path
) -> None:
    (tmp_path / "chat.sh").write_text('printf "call now\\nthanks\\n" | "$@"\n')
    chat = ("sh", "chat.sh", *CLIENT, "chat", "-q", "--no-history", "--tool", "now=echo it is noon")
    with serving() as server:
        asked = proxy(server.url, "--record", "kept", command=chat)
    assert (asked.status, asked.err) == (0, "")
    assert "it is noon" in asked.out
    strict = ("--replay-match", "strict", "--replay-speed", 0)
    ran = livecli_and_children("serve", "-q", "--replay", "kept", *strict, "--record", "again", "--", *chat)
    assert (ran.status, ran.out, ran.err) == (0, asked.out, "")
    [kept], [again] = ([str(path) for path in (tmp_path / name).iterdir()] for name in ("kept", "again"))
    assert compare(recorded_items(kept), recorded_items(again)) == []


def test_recordings_are_replayed_and_what_is_missing_is_refused_or_recorded(proxy: Livecli, tmp_path: Path) -> None:
    def count() -> int:
        return len(list((tmp_path / "kept").glob("*.live")))

    other = (*TEXT, "--voice", "Puck")
    with serving() as server:
        assert proxy(server.url, "--record", "kept", "--record-mode", "once").out == "Good morning\n"
        assert count() == 1
        # There is a recording now, so nothing else is recorded.
        refused = proxy(server.url, "--record", "kept", "--record-mode", "once", command=other)
        assert (refused.status, count()) == (6, 1)
        assert proxy(server.url, "--record", "kept", "--record-mode", "new", command=other).out == "Good morning\n"
        assert count() == 2
    # The service has gone.
    for words in (TEXT, other):
        assert proxy(server.url, "--record", "kept", "--record-mode", "none", command=words).out == "Good morning\n"
    missing = proxy(server.url, "--record", "kept", "--record-mode", "none", command=(*TEXT, "--voice", "Kore"))
    assert "(1008): no recording has a session with this setup" in missing.err
    assert count() == 2


@pytest.mark.parametrize(
    ("words", "problem"),
    [
        (("--record-mode", "none"), "--record-mode none needs a folder of recordings"),
        (("--junit", "x.xml"), "there is no option --junit"),
        (("ftp://host",), "the URL in the first argument is not a valid base URL"),
        (("ws://[host",), "the URL in the first argument is not a valid base URL"),
        (("ws://127.0.0.1:99999",), "the URL in the first argument is not a valid base URL"),
        (("wss://me:pw@host",), "the URL in the first argument may have no user, query or fragment"),
        (("--record", ""), "--record : recordings are in a folder"),
        (("ws://live.example",), "credentials would go to live.example unencrypted"),
    ],
)
def test_a_wrong_command_line_is_refused_first(livecli: Livecli, words: tuple[str, ...], problem: str) -> None:
    ran = livecli("proxy", *words)
    assert (ran.status, ran.err.splitlines()[0]) == (2, f"error: {problem}")
