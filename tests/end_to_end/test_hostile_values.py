"""Values that no option or variable can have: the status and the one line of each."""

from __future__ import annotations

import pytest

from tests.end_to_end.conftest import tone, write_wav

KEY = "AIza-not-to-be-seen"

HOSTS = {
    "empty label": "a..b",
    "empty label first": ".a",
    "long label": "a" * 64,
    "long label of an international name": "ü" * 64,
    "full-width digits": "１２７.0.0.1",
    "full-width digits in the port": "127.0.0.1:８",
    "full-width dots": "127．0．0．1",
}

COMMANDS = {
    "send": ("send", "--text", "hello", "--json"),
    "send of many": ("send", "--sample", "--jobs", "2", "--json"),
    "dry run": ("send", "--text", "hello", "--dry-run"),
    "chat": ("chat", "--json"),
    "auth status": ("auth", "status", "--json"),
    "auth status, online": ("auth", "status", "--online"),
    "auth token": ("auth", "token", "--ephemeral"),
    "auth login": ("auth", "login"),
}


@pytest.mark.parametrize("host", HOSTS.values(), ids=HOSTS)
@pytest.mark.parametrize("words", COMMANDS.values(), ids=COMMANDS)
@pytest.mark.parametrize("scheme", ["ws", "wss"])
def test_a_base_url_without_a_host(livecli, monkeypatch, words, scheme, host):
    monkeypatch.setenv("GOOGLE_API_KEY", KEY)
    ran = livecli(*words, "--base-url", f"{scheme}://{host}")
    [line] = [line for line in ran.err.splitlines() if line.startswith("error: ")]
    assert (ran.status, ran.out, line) == (2, "", "error: the URL in --base-url is not a valid base URL")


def test_a_base_url_without_a_host_in_a_variable(livecli, monkeypatch):
    monkeypatch.setenv("GOOGLE_API_KEY", KEY)
    monkeypatch.setenv("LIVECLI_BASE_URL", "ws://a..b")
    ran = livecli("send", "--text", "hello")
    assert (ran.status, "error: the URL in LIVECLI_BASE_URL is not a valid base URL\n" in ran.err) == (2, True)


@pytest.mark.parametrize(
    ("url", "example"),
    [
        ("localhost:9999", "ws://localhost:9999"),
        ("192.0.2.2:8765", "ws://192.0.2.2:8765"),
        ("me:secret", "ws://127.0.0.1:8765"),
        ("nonsense", "ws://127.0.0.1:8765"),
    ],
)
def test_a_base_url_without_a_scheme(livecli, url, example):
    ran = livecli("send", "--text", "hello", "--base-url", url)
    assert ran.status == 2
    assert ran.err == f"error: the URL in --base-url is not a valid base URL\nhint: a valid one is {example}\n"


@pytest.mark.parametrize("timeout", ["inf", "1e308", "9" * 400])
def test_a_timeout_of_a_token_without_an_end(livecli, monkeypatch, timeout):
    monkeypatch.setenv("GOOGLE_API_KEY", KEY)
    ran = livecli("auth", "token", "--ephemeral", "--timeout", timeout, "--base-url", "http://127.0.0.1:1")
    assert (ran.status, ran.out) == (2, "")
    assert ran.err.startswith("error: --timeout must be from 0 to 86400, not ")


@pytest.mark.parametrize(("words", "status"), [(("auth", "token"), 4), (("send", "--text", "hello"), 4)])
def test_a_credential_file_with_a_name_that_no_file_has(livecli, monkeypatch, words, status):
    name = "/" + "a" * 5000
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", name)
    ran = livecli(*words)
    assert f"error: the credential file {name} cannot be read: File name too long\n" in ran.err
    assert (ran.status, ran.out) == (status, "")


def test_the_status_of_a_credential_file_with_a_name_that_no_file_has(livecli, monkeypatch):
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", "/" + "a" * 5000)
    ran = livecli("auth", "status", "--json")
    [source] = [each for each in ran.summary["sources"] if each["source"] == "GOOGLE_APPLICATION_CREDENTIALS"]
    assert (ran.status, source["found"]) == (4, False)
    assert ran.summary["error"]["message"].endswith("cannot be read: File name too long")


@pytest.mark.parametrize("variable", ["CLOUDSDK_CONFIG", "HOME"])
@pytest.mark.parametrize("words", [("auth", "token"), ("auth", "status"), ("send", "--text", "hello")])
def test_a_folder_with_a_name_that_no_folder_has(livecli, monkeypatch, words, variable):
    monkeypatch.delenv("CLOUDSDK_CONFIG")
    monkeypatch.setenv(variable, "/" + "a" * 5000)
    ran = livecli(*words)
    assert (ran.status, ran.err.count("error: no credential found\n")) == (4, 1)


LONG = "a" * 5000


@pytest.mark.parametrize(
    "words",
    [
        *(
            ["send", LONG],
            ["send", f"{LONG}/*.wav"],
            ["send", "--text", f"@{LONG}"],
        ),
        *(["send", "--sample", "-o", f"{LONG}.wav"], ["send", "--from", LONG], ["send", "--sample", "--tools", LONG]),
        *(["send", "a.wav", "b.wav", "-o", LONG], ["send", "a.wav", "b.wav", "-o", f"{LONG}.mp3", "--jobs", "2"]),
        *(["send", "a.wav", "--resume-from", LONG], ["send", "--sample", "--image", LONG], ["chat", "--save", LONG]),
        *(["send", "--sample", "--events", LONG], ["chat", "--events", LONG], ["send", "--sample", "--prices", LONG]),
    ],
    ids=lambda words: " ".join(words).replace(LONG, "long"),
)
def test_a_file_with_a_name_that_no_file_has(livecli, tmp_path, words):
    for name in ("a.wav", "b.wav"):
        write_wav(tmp_path / name, tone(1600))
    ran = livecli(*words, "--local")
    assert ran.status == (2 if f"{LONG}.mp3" in words and "-o" in words else 3), ran.err
    assert (ran.out, ran.err.count("error: ")) == ("", 1)
