"""Each exit status, really caused; and one line of cause, one of remedy."""

import asyncio
import errno
import json
import os
import socket
import ssl
import threading

import pytest
import trustme

from tests.end_to_end.conftest import read_wav, tone, write_wav
from tests.live_server import Connection, live_server

REPLY = tone(4800, 24_000)


def ended(ran, status, kind, *words):
    """That the run ended so, on stderr and in JSON alike."""
    assert ran.status == status, ran.err
    summary = ran.summary
    assert (summary["ok"], summary["exit_code"], summary["error"]["kind"]) == (False, status, kind)
    lines = [line for line in ran.err.splitlines() if line.startswith(("error:", "hint:"))]
    assert len(lines) <= 2
    assert lines[0].startswith("error: ")
    for word in words:
        assert word in " ".join(lines), lines
    assert "Traceback" not in ran.err
    return summary


def closing(code: int, reason: str):
    def handle(connection: Connection) -> None:
        connection.receive()
        connection.close(code, reason)

    return handle


def test_0_done(livecli, speech):
    ran = livecli("send", speech, "--local", "--speed", 0, "--json")
    assert ran.status == 0, ran.err
    assert ran.summary["ok"] is True
    assert ran.summary["error"] is None


def test_1_no_reply_audio_from_a_model_asked_for_audio(livecli, speech):
    def handle(connection: Connection) -> None:
        connection.set_up()
        connection.hear()
        connection.content(turnComplete=True, turnCompleteReason="RESPONSE_REJECTED")
        connection.drain()

    with live_server(handle) as server:
        ran = livecli("send", speech, "--base-url", server.url, "--speed", 0, "--json")
    summary = ended(ran, 1, "check", "without any reply audio", "RESPONSE_REJECTED")
    assert summary["output"] is None
    assert not speech.with_name("speech.reply.wav").exists()
    assert not speech.with_name("speech.reply.partial.wav").exists()


def test_text_asked_for_needs_no_audio(livecli, speech, tmp_path):
    def handle(connection: Connection) -> None:
        connection.set_up()
        connection.hear()
        connection.content(modelTurn={"parts": [{"text": "words"}]})
        connection.content(turnComplete=True)
        connection.drain()

    (tmp_path / "s.json").write_text('{"generationConfig": {"responseModalities": ["TEXT"]}}')
    with live_server(handle) as server:
        ran = livecli("send", speech, "--base-url", server.url, "--speed", 0, "--json", "--setup", "s.json")
    assert ran.status == 0, ran.err
    assert ran.summary["transcript"]["output"] == "words"


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--nope"], "no option --nope"),
        (["--chunk-bytes", "3"], "even"),
        (["--chunk-bytes", "1"], "--chunk-bytes"),
        (["--speed", "-1"], "--speed"),
        (["--speed", "fast"], "--speed"),
        (["--text", "hi", "q.wav"], "--text"),
        (["--text", ""], "--text"),
        (["-o", "-", "--json"], "standard output"),
        (["--events", "-", "--json"], "standard output"),
        (["-o", "-", "--events", "-"], "standard output"),
        (["a.wav", "b.wav", "-o", "-"], "folder"),
        (["a/q.wav", "b/q.wav"], "share the reply q.reply.wav"),
        (["q.wav", "--raw", "16000"], "--raw"),
        (["--platform", "azure"], "--platform"),
        (["--base-url", "ftp://x"], "--base-url"),
    ],
)
def test_2_usage(livecli, words, said):
    ran = livecli("send", *words)
    assert ran.status == 2, ran.err
    assert ran.out == "", "no line of JSON"
    assert said in ran.err
    assert len([line for line in ran.err.splitlines() if line.startswith(("error: ", "hint: "))]) <= 2
    assert "Traceback" not in ran.err


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["missing.wav"], "missing.wav"),
        (["home"], "no audio file in the folder home"),
        (["text.wav"], "text.wav"),
        (["empty.wav"], "empty.wav"),
        (["speech.wav", "-o", "no/such/folder/r.wav"], "no/such/folder"),
        (["speech.wav", "-o", "."], "."),
        (["speech.wav", "-o", "speech.wav"], "input itself"),
        (["speech.wav", "--events", "no/folder/e.jsonl"], "no/folder"),
        (["speech.wav", "--setup", "missing.json"], "missing.json"),
        (["speech.wav", "--setup", "text.wav"], "not JSON"),
        (["speech.wav", "--system", "@missing.txt"], "missing.txt"),
    ],
)
def test_3_files_are_found_out_before_connecting(livecli, speech, tmp_path, words, said):
    (tmp_path / "text.wav").write_text("this is no audio")
    (tmp_path / "empty.wav").write_bytes(b"")
    before = sorted(path.name for path in tmp_path.iterdir())
    with live_server(closing(1000, "")) as server:
        ran = livecli("send", *words, "--base-url", server.url)
    assert ran.status == 3, ran.err
    assert said in ran.err
    assert not server.requests, "nothing was connected"
    assert sorted(path.name for path in tmp_path.iterdir()) == before, "nothing was left behind"


def test_3_a_full_disk(livecli, speech):
    with live_server(lambda c: (c.set_up(), c.hear(), c.answer(REPLY), c.drain())) as server:
        ran = livecli("send", speech, "--base-url", server.url, "--speed", 0, "-o", "/dev/full", "--json")
    ended(ran, 3, "file", "/dev/full", "No space left")


def test_4_no_credential_names_the_ways_out(livecli, speech):
    ran = livecli("send", speech, "--json")
    summary = ended(ran, 4, "auth", "no credential found", "add --local")
    for way in (
        "livecli auth login",
        "GEMINI_API_KEY",
        "gcloud auth application-default login",
        "LIVECLI_ACCESS_TOKEN",
    ):
        assert way in ran.err
    assert summary["url"] is None


@pytest.mark.parametrize(("status", "kind", "exit_status"), [(401, "auth", 4), (403, "auth", 4)])
def test_4_refused_on_the_upgrade(livecli, speech, monkeypatch, status, kind, exit_status):
    monkeypatch.setenv("LIVECLI_ACCESS_TOKEN", "SECRET-TOKEN")
    with live_server(closing(1000, ""), status=status) as server:
        ran = livecli("send", speech, "--base-url", server.url, "--json")
    ended(ran, exit_status, kind, str(status), "credential")
    assert server.requests[0].headers["Authorization"] == "Bearer SECRET-TOKEN"
    assert "SECRET" not in ran.out + ran.err


def test_4_a_close_that_speaks_of_the_key(livecli, speech):
    with live_server(closing(1007, "API key not valid. Please pass a valid API key.")) as server:
        ran = livecli("send", speech, "--base-url", server.url, "--json")
    summary = ended(ran, 4, "auth", "API key not valid")
    assert (summary["error"]["close_code"], summary["error"]["close_reason"]) == (
        1007,
        "API key not valid. Please pass a valid API key.",
    )


def test_5_nobody_listens(livecli, speech):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
        ran = livecli("send", speech, "--base-url", f"ws://127.0.0.1:{port}", "--json")
    ended(ran, 5, "connect", f"cannot connect to 127.0.0.1 port {port}: connection refused")


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
@pytest.mark.parametrize("number", [errno.ETIMEDOUT, errno.EHOSTUNREACH])
def test_5_the_system_finds_no_way(livecli, speech, monkeypatch, number, host):
    async def connect(_loop, _socket, address):
        raise OSError(number, f"Connect call failed {address}")  # as asyncio does

    monkeypatch.setattr(asyncio.SelectorEventLoop, "sock_connect", connect)
    words = ["--base-url", f"ws://{host}:1", "--connect-timeout", 0, "--retries", 0]
    ran = livecli("send", speech, *words, "--json")
    summary = ended(ran, 5, "connect", host, os.strerror(number))
    assert "--connect-timeout" not in ran.err
    assert summary["error"]["message"] == f"cannot connect to {host} port 1: {os.strerror(number)}"


def test_5_no_such_name(livecli, speech, monkeypatch):
    monkeypatch.setenv("GOOGLE_API_KEY", "k")
    ran = livecli("send", speech, "--base-url", "wss://no-such-host.invalid", "--json")
    ended(ran, 5, "connect", "no-such-host.invalid")


@pytest.mark.parametrize(
    ("proxy", "trouble"),
    [
        ("socks5://127.0.0.1:1", "SOCKS needs the package python-socks"),
        ("nope://127.0.0.1:1", "its URL is not valid"),
        ("http://127.0.0.1:99999", "its URL is not valid"),
        ("http://[::1", "its URL is not valid"),
        ("http://a..b:1", "its URL is not valid"),
        ("http://hunter2:%ff@127.0.0.1:1", "its URL is not valid"),
    ],
)
def test_5_a_proxy_that_cannot_be_used(livecli, speech, monkeypatch, proxy, trouble):
    monkeypatch.setenv("GOOGLE_API_KEY", "k")
    monkeypatch.setenv("HTTPS_PROXY", proxy)
    ran = livecli("send", speech, "--base-url", "wss://no-such-host.invalid", "--json")
    ended(ran, 5, "connect", "the proxy does not connect", trouble, "see HTTPS_PROXY")
    assert "hunter2" not in ran.err


@pytest.mark.parametrize(
    "bug", [ImportError("cannot import name 'x'"), ModuleNotFoundError("No module"), ValueError("x")]
)
def test_70_what_is_a_bug_while_it_connects(livecli, speech, monkeypatch, bug):
    async def connect(*_):
        raise bug

    monkeypatch.setattr(asyncio.SelectorEventLoop, "sock_connect", connect)
    ran = livecli("send", speech, "--base-url", "ws://127.0.0.1:1")
    assert ran.status == 70
    assert f"{type(bug).__name__}: {bug}" in ran.err
    assert "this is a bug in livecli" in ran.err


@pytest.mark.parametrize("status", [302, 400, 404, 500])
def test_5_any_other_status_on_the_upgrade(livecli, speech, status):
    body = json.dumps({"error": {"message": "said so"}})
    with live_server(closing(1000, ""), status=status, body=body) as server:
        ran = livecli("send", speech, "--base-url", server.url, "--json", "--retries", 0)
    ended(ran, 5, "connect", str(status), "said so")
    assert len(server.requests) == 1, "no redirect was followed"


def test_5_not_a_websocket_server(livecli, speech):
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve() -> None:
            peer, _ = server.accept()
            peer.recv(4096)
            peer.sendall(b"SSH-2.0-OpenSSH_9.2\r\n")
            peer.close()

        thread = threading.Thread(target=serve)
        thread.start()
        ran = livecli("send", speech, "--base-url", f"ws://127.0.0.1:{server.getsockname()[1]}", "--json")
        thread.join(10)
    ended(ran, 5, "connect", "WebSocket")


def tls(name: str) -> tuple[trustme.CA, ssl.SSLContext]:
    authority = trustme.CA()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert(name).configure_cert(context)
    return authority, context


def test_5_a_certificate_that_is_not_trusted(livecli, speech):
    _, context = tls("localhost")
    with live_server(closing(1000, ""), ssl=context) as server:
        ran = livecli("send", speech, "--base-url", server.url, "--json")
    ended(ran, 5, "connect", "certificate", "SSL_CERT_FILE")


def test_5_a_certificate_for_another_name(livecli, speech, monkeypatch, tmp_path):
    authority, context = tls("example.org")
    authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "ca.pem"))
    with live_server(closing(1000, ""), ssl=context) as server:
        ran = livecli("send", speech, "--base-url", server.url, "--json")
    ended(ran, 5, "connect", "certificate")


def test_tls_with_an_authority_that_is_named(livecli, speech, monkeypatch, tmp_path):
    authority, context = tls("localhost")
    authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "ca.pem"))
    with live_server(lambda c: (c.set_up(), c.hear(), c.answer(REPLY), c.drain()), ssl=context) as server:
        ran = livecli("send", speech, "--base-url", server.url.replace("wss", "https"), "--speed", 0)
    assert ran.status == 0, ran.err


@pytest.mark.parametrize(
    ("code", "reason", "words"),
    [
        (1000, "", ["1000"]),
        (1007, "Request contains an invalid argument.", ["--dry-run"]),
        (1008, "Publisher Model `x` was not found or your project", ["gemini-live-2.5-flash-native-audio"]),
        (1011, "Internal error encountered.", ["try again"]),
        (4321, "[/red]\x1b[31m odd", ["4321", "[/red]\\x1b[31m odd"]),
    ],
)
def test_6_the_server_ends_the_session(livecli, speech, code, reason, words):
    with live_server(closing(code, reason)) as server:
        ran = livecli("send", speech, "--base-url", server.url, "--json")
    summary = ended(ran, 6, "server", *words)
    assert summary["error"]["close_code"] == code
    assert "\x1b" not in ran.err


def test_6_the_line_breaks_and_every_byte_received_is_kept(livecli, speech, tmp_path):
    write_wav(tmp_path / "speech.reply.wav", b"older")

    def handle(connection: Connection) -> None:
        connection.set_up()
        connection.hear()
        for start in range(0, len(REPLY), 960):
            connection.audio(REPLY[start : start + 960])
        connection.socket.socket.shutdown(socket.SHUT_RDWR)

    with live_server(handle) as server:
        ran = livecli("send", speech, "--base-url", server.url, "--speed", 0, "--json")
    summary = ended(ran, 6, "server", "speech.reply.partial.wav")
    assert summary["error"]["close_code"] == 1006
    assert summary["output"] == "speech.reply.partial.wav"
    assert read_wav(tmp_path / "speech.reply.partial.wav") == (24_000, REPLY)
    assert read_wav(tmp_path / "speech.reply.wav")[1] == b"older"[:4], "an older reply is untouched"


@pytest.mark.parametrize("frame", ["not json", "[]", '{"serverContent": 3}', b"\xff\xfe", '{"a":' * 50_000])
def test_6_what_the_protocol_does_not_allow(livecli, speech, frame):
    def handle(connection: Connection) -> None:
        connection.set_up()
        connection.hear()
        connection.audio(REPLY)
        connection.say(frame)
        connection.drain()

    with live_server(handle) as server:
        ran = livecli("send", speech, "--base-url", server.url, "--speed", 0, "--json")
    ended(ran, 6, "server", "the server sent")
    assert read_wav(speech.with_name("speech.reply.partial.wav"))[1] == REPLY


def test_7_no_connection_in_time(livecli, speech):
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"ws://127.0.0.1:{silent.getsockname()[1]}"
        ran = livecli("send", speech, "--base-url", url, "--connect-timeout", "0.2", "--json")
    ended(ran, 7, "timeout", "0.2 s", "--connect-timeout")


def test_7_setup_is_never_completed(livecli, speech):
    with live_server(lambda c: (c.receive(), c.drain())) as server:
        ran = livecli("send", speech, "--base-url", server.url, "--idle-timeout", "0.2", "--json")
    ended(ran, 7, "timeout", "setup", "0.2 s")


def test_7_no_answer(livecli, speech):
    with live_server(lambda c: (c.set_up(), c.hear(), c.audio(REPLY), c.drain())) as server:
        ran = livecli("send", speech, "--base-url", server.url, "--idle-timeout", "0.3", "--speed", 0, "--json")
    ended(ran, 7, "timeout", "silent", "--idle-timeout", "partial")


def test_7_no_answer_however_much_silence_is_sent(livecli, speech):
    with live_server(lambda c: (c.set_up(), c.drain())) as server:
        words = ["--activity", "auto", "--trailing-silence", "3600", "--idle-timeout", "0.3"]
        ran = livecli("send", speech, "--base-url", server.url, "--json", *words)
    ended(ran, 7, "timeout", "silent")


def test_7_the_server_does_not_take_what_is_sent(livecli, tmp_path):
    write_wav(tmp_path / "long.wav", tone(16_000) * 300)
    release = threading.Event()

    def handle(connection: Connection) -> None:
        connection.set_up()
        release.wait(10)

    with live_server(handle, max_queue=1) as server:
        ran = livecli("send", "long.wav", "--base-url", server.url, "--idle-timeout", "0.5", "--speed", 0, "--json")
        release.set()
    ended(ran, 7, "timeout", "did not take")


def test_7_the_whole_run(livecli, speech):
    with live_server(lambda c: (c.set_up(), c.drain())) as server:
        ran = livecli("send", speech, "--base-url", server.url, "--timeout", "0.3", "--json")
    ended(ran, 7, "timeout", "0.3 s", "--timeout")


@pytest.mark.parametrize("status", [429, 503])
def test_8_quota_on_the_upgrade(livecli, speech, status):
    with live_server(closing(1000, ""), status=status) as server:
        ran = livecli("send", speech, "--base-url", server.url, "--json")
    ended(ran, 8, "quota", str(status))


@pytest.mark.parametrize(
    "reason", ["You exceeded your current quota", "RESOURCE_EXHAUSTED", "The service is currently unavailable."]
)
def test_8_quota_in_a_close(livecli, speech, reason):
    with live_server(closing(1011, reason)) as server:
        ran = livecli("send", speech, "--base-url", server.url, "--json")
    ended(ran, 8, "quota", reason)


def test_70_a_bug(livecli, speech, monkeypatch):
    monkeypatch.setattr("livecli.client.turn.Turn.speak", lambda *_, **__: 1 / 0)
    ran = livecli("send", speech, "--local")
    assert ran.status == 70
    assert "ZeroDivisionError" in ran.err
    assert "bug in livecli" in ran.err


def test_several_inputs_each_have_their_session_and_the_gravest_status_wins(livecli, speech, tmp_path):
    sessions = []

    def handle(connection: Connection) -> None:
        sessions.append(connection)
        connection.set_up()
        if len(sessions) == 2:
            connection.close(1011, "Internal error encountered.")
        connection.hear()
        connection.answer(REPLY)
        connection.drain()

    for name in ("b", "c"):
        write_wav(tmp_path / f"{name}.wav", tone(800))
    with live_server(handle) as server:
        words = ["--base-url", server.url, "--speed", 0, "--json", "-o", "replies"]
        ran = livecli("send", "speech.wav", "b.wav", "missing.wav", "c.wav", *words)
    assert ran.status == 6, "6 is graver than 3"
    assert [summary["exit_code"] for summary in ran.summaries] == [0, 6, 3, 0]
    assert [summary["input"] for summary in ran.summaries] == ["speech.wav", "b.wav", "missing.wav", "c.wav"]
    assert sorted(path.name for path in (tmp_path / "replies").iterdir()) == ["c.reply.wav", "speech.reply.wav"]
    assert "error: b.wav: " in ran.err
