"""Where each credential goes: not in the clear to another machine, and not unannounced to a host of the environment."""

from __future__ import annotations

import io
import json
import sys
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import livecli as api
from livecli.credentials import stored_key
from tests.live_server import Connection, LiveServer, live_server
from tests.serving import serving

Livecli = Callable[..., Any]
FAR = "ws://no-such-host.invalid"
CREDENTIALS = {
    "key": {"GEMINI_API_KEY": "AIza-in-the-environment"},
    "token": {"LIVECLI_ACCESS_TOKEN": "ya29.in-the-environment", "GOOGLE_CLOUD_PROJECT": "p"},
    "ephemeral token": {"LIVECLI_ACCESS_TOKEN": "auth_tokens/in-the-environment"},
    "stored key": {},
    "service account": {},
}
SEND, CHAT = ("send", "--text", "hello"), ("chat",)
STATUS, LOGIN, MINT = ("auth", "status", "--online"), ("auth", "login"), ("auth", "token", "--ephemeral")
REFUSAL = "error: the credential would go to no-such-host.invalid in the clear\n"
WARNING = "the credential goes to no-such-host.invalid in the clear"


@pytest.fixture
def have(monkeypatch: pytest.MonkeyPatch, service_account: Callable[..., Path]) -> Callable[[str], None]:
    """Puts a credential of CREDENTIALS in its place."""
    monkeypatch.delenv("GOOGLE_APPLICATION_CREDENTIALS", raising=False)

    def put(kind: str) -> None:
        for name, text in CREDENTIALS[kind].items():
            monkeypatch.setenv(name, text)
        if kind == "stored key":
            stored_key.store("AIza-stored-for-google", keyring=False)
        if kind == "service account":
            service_account()

    return put


def type_in(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    monkeypatch.setattr(sys, "stdin", io.StringIO(text))


def answer(connection: Connection) -> None:
    connection.set_up()
    connection.receive()
    connection.answer()
    connection.drain()


# --- in the clear, to another machine


@pytest.mark.parametrize("kind", CREDENTIALS)
@pytest.mark.parametrize("words", [SEND, CHAT, STATUS])
def test_no_credential_goes_in_the_clear(
    livecli: Livecli, converse: Livecli, have: Callable[[str], None], kind: str, words: tuple[str, ...]
) -> None:
    have(kind)
    run = converse if words == CHAT else livecli
    words = () if words == CHAT else words
    ran = run(*((b"hello\n",) if run is converse else ()), *words, "--base-url", FAR)
    assert (ran.status, ran.out) == (2, "")
    assert REFUSAL in ran.err
    assert "hint: wss:// protects it; --insecure sends it all the same\n" in ran.err


@pytest.mark.parametrize("url", [FAR, FAR.replace("ws", "http")])
@pytest.mark.parametrize("words", [LOGIN, MINT])
def test_nor_does_a_key_of_auth(
    livecli: Livecli, monkeypatch: pytest.MonkeyPatch, words: tuple[str, ...], url: str
) -> None:
    monkeypatch.setenv("GEMINI_API_KEY", "AIza-in-the-environment")
    type_in(monkeypatch, "AIza-typed")
    ran = livecli(*words, "--base-url", url)
    assert (ran.status, ran.out) == (2, "")
    assert REFUSAL in ran.err
    assert not stored_key.exists()


@pytest.mark.parametrize("words", [SEND, LOGIN, MINT])
def test_with_insecure_it_goes_with_a_warning(
    livecli: Livecli, monkeypatch: pytest.MonkeyPatch, words: tuple[str, ...]
) -> None:
    monkeypatch.setenv("GEMINI_API_KEY", "AIza-in-the-environment")
    type_in(monkeypatch, "AIza-typed")
    ran = livecli(*words, "--base-url", FAR, "--insecure")
    assert ran.status == 5
    assert ran.err.count(f"warning: {WARNING}: wss:// would protect it\n") == 1


def test_with_insecure_a_chat_warns_once(converse: Livecli, have: Callable[[str], None]) -> None:
    have("key")
    ran = converse(b"hello\nand again\n", "--base-url", FAR, "--insecure", "--retries", "0")
    assert ran.status == 5
    assert ran.err.count(WARNING) == 1


def test_the_status_says_what_would_happen(livecli: Livecli, have: Callable[[str], None]) -> None:
    have("key")
    ran = livecli("auth", "status", "--base-url", FAR)
    assert ran.status == 0
    assert "would go to no-such-host.invalid in the clear, and is therefore not sent" in ran.out
    assert WARNING in livecli("auth", "status", "--base-url", FAR, "--insecure").out


def test_insecure_of_a_token_needs_ephemeral(livecli: Livecli) -> None:
    ran = livecli("auth", "token", "--insecure")
    assert ran.status == 2
    assert "--insecure needs --ephemeral" in ran.err


async def test_a_program_is_refused_too(have: Callable[[str], None]) -> None:
    have("key")
    with pytest.raises(api.UsageError, match="in the clear"):
        async with api.connect(base_url=FAR):
            pass
    with pytest.raises(api.UsageError, match="in the clear"):
        await api.send(text="hello", base_url=FAR)


async def test_a_program_that_insists_is_warned(have: Callable[[str], None]) -> None:
    have("key")
    with pytest.warns(UserWarning, match=WARNING), pytest.raises(api.ConnectError):
        async with api.connect(base_url=FAR, insecure=True):
            pass
    with pytest.warns(UserWarning, match=WARNING), pytest.raises(api.ConnectError):
        await api.send(text="hello", base_url=FAR, insecure=True, connect_timeout=5)


@pytest.mark.parametrize("url", [FAR, FAR.replace("ws", "http")])
def test_without_a_credential_none_is_needed_in_the_clear(livecli: Livecli, url: str) -> None:
    ran = livecli("send", "--text", "hello", "--dry-run", "--base-url", url)
    assert ran.status == 0, ran.err
    assert ran.out.startswith(f"GET {FAR}/ws/google.cloud.aiplatform.")
    assert "projects/local/locations/us-central1/" in ran.out
    assert livecli("send", "--text", "hello", "--base-url", url, "--retries", 0).status == 5
    assert livecli("send", "--text", "hello", "--base-url", "wss://no-such-host.invalid").status == 4


# --- to a host that the environment names


@pytest.mark.parametrize("kind", CREDENTIALS)
def test_what_outlives_the_shell_goes_with_one_warning(
    livecli: Livecli,
    have: Callable[[str], None],
    monkeypatch: pytest.MonkeyPatch,
    kind: str,
) -> None:
    have(kind)
    is_warned = kind in ("stored key", "service account")
    with live_server(answer) as server:
        monkeypatch.setenv("LIVECLI_BASE_URL", server.url)
        ran = livecli(*SEND, "--json")
    assert ran.status == 0, ran.err
    assert credential_of(server)
    warning = "the credential goes to localhost, which only LIVECLI_BASE_URL names: --base-url would confirm it"
    assert ran.err.count(f"warning: {warning}\n") == is_warned
    assert (warning in ran.summary["warnings"]) is is_warned


def credential_of(server: LiveServer) -> str | None:
    headers = server.requests[0].headers
    return headers.get("x-goog-api-key") or headers.get("Authorization")


def test_many_inputs_bring_one_warning(
    livecli: Livecli, have: Callable[[str], None], monkeypatch: pytest.MonkeyPatch, speech: Path
) -> None:
    have("stored key")
    other = speech.with_name("other.wav")
    other.write_bytes(speech.read_bytes())
    with serving() as emulator:
        monkeypatch.setenv("LIVECLI_BASE_URL", emulator.url)
        runs = [livecli("send", speech, other, *words) for words in ((), ("--jobs", 2))]
    for ran in runs:
        assert ran.status == 0, ran.err
        assert ran.err.count("which only LIVECLI_BASE_URL names") == 1


@pytest.mark.parametrize("kind", ["stored key", "service account"])
def test_a_flag_is_word_enough(livecli: Livecli, have: Callable[[str], None], kind: str) -> None:
    have(kind)
    with live_server(answer) as server:
        ran = livecli(*SEND, "--base-url", server.url)
    assert ran.status == 0, ran.err
    assert credential_of(server)
    assert "warning" not in ran.err


@pytest.mark.parametrize(
    ("variable", "url"),
    [
        ("GOOGLE_GEMINI_BASE_URL", "https://generativelanguage.googleapis.com"),
        ("LIVECLI_BASE_URL", "wss://eu-generativelanguage.googleapis.com"),
    ],
)
def test_google_s_hosts_need_no_flag(
    livecli: Livecli, have: Callable[[str], None], monkeypatch: pytest.MonkeyPatch, variable: str, url: str
) -> None:
    have("stored key")
    monkeypatch.setenv(variable, url)
    assert "would confirm it" not in livecli("auth", "status").out
    monkeypatch.setenv(variable, url.replace("googleapis.com", "googleapis.com.example"))
    assert f"which only {variable} names" in livecli("auth", "status").out


def test_a_program_is_warned_of_the_environment(have: Callable[[str], None], monkeypatch: pytest.MonkeyPatch) -> None:
    import asyncio

    have("stored key")

    async def session(**options: Any) -> None:
        async with api.connect(**options):
            pass

    with live_server(lambda connection: connection.set_up() and connection.drain()) as server:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            asyncio.run(session(base_url=server.url))
        monkeypatch.setenv("LIVECLI_BASE_URL", server.url)
        with pytest.warns(UserWarning, match="which only LIVECLI_BASE_URL names"):
            asyncio.run(session())


# --- a key that was stored for another host than Google's


def stored() -> dict[str, Any]:
    return json.loads(stored_key.key_file().read_text())


@pytest.mark.parametrize("words", [(), ("--no-check",)])
def test_a_key_remembers_its_host(livecli: Livecli, monkeypatch: pytest.MonkeyPatch, words: tuple[str, ...]) -> None:
    type_in(monkeypatch, "AIza-typed")
    with serving() as emulator:
        host = emulator.url.removeprefix("ws://")
        ran = livecli("auth", "login", "--base-url", emulator.url, *words)
        assert ran.status == 0, ran.err
        assert ran.err.endswith(f"stored for {host} in ~/.config/livecli/api-key.json, which only you can read\n")
        assert stored() == {"key": "AIza-typed", "host": host}
        monkeypatch.setenv("LIVECLI_BASE_URL", emulator.url)
        ran = livecli(*SEND)
        assert (ran.status, "warning" in ran.err) == (0, False)
        assert f"~/.config/livecli/api-key.json, for {host}" in livecli("auth", "status", "-v").out


@pytest.mark.parametrize("words", [SEND, ("auth", "status"), STATUS, MINT])
def test_it_does_not_go_to_google(livecli: Livecli, words: tuple[str, ...]) -> None:
    stored_key.store("AIza-stored", keyring=False, host="Live.Example:8443")
    ran = livecli(*words)
    assert ran.status == 4
    assert "error: the stored key is for live.example:8443, and not for generativelanguage.googleapis.com" in ran.err
    assert "AIza" not in ran.out + ran.err


def test_a_login_at_a_host_of_the_environment_is_warned_of(livecli: Livecli, monkeypatch: pytest.MonkeyPatch) -> None:
    type_in(monkeypatch, "AIza-typed")
    with serving() as emulator:
        monkeypatch.setenv("LIVECLI_BASE_URL", emulator.url)
        ran = livecli("auth", "login")
    assert ran.status == 0
    assert ran.err.count("which only LIVECLI_BASE_URL names") == 1


def test_a_key_that_nothing_tried_is_not_for_a_host_of_the_environment(
    livecli: Livecli, monkeypatch: pytest.MonkeyPatch
) -> None:
    type_in(monkeypatch, "AIza-typed")
    monkeypatch.setenv("LIVECLI_BASE_URL", FAR)
    ran = livecli("auth", "login", "--no-check")
    assert ran.err == "stored in ~/.config/livecli/api-key.json, which only you can read\n"
    assert stored() == {"key": "AIza-typed"}


def test_a_key_of_an_older_version_is_google_s(livecli: Livecli, monkeypatch: pytest.MonkeyPatch) -> None:
    stored_key.store("AIza-stored", keyring=False)
    assert stored() == {"key": "AIza-stored"}
    assert livecli("auth", "status").status == 0
    stored_key.key_file().write_text('{"key": "AIza-stored", "host": 5}')
    ran = livecli("auth", "status")
    assert ran.status == 4
    assert "it is damaged" in ran.err
