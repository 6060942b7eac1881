"""Words that `send` is given by accident: unset variables, numbers that are none, names that hit something."""

import os
import pty

import pytest

from tests.end_to_end.conftest import Ran, read_wav, write_wav
from tests.live_server import Connection, live_server

UNDECODABLE = b"\xff".decode(errors="surrogateescape")


@pytest.fixture
def url():
    def answer(connection: Connection) -> None:
        connection.set_up()
        connection.hear()
        connection.answer()
        connection.drain()

    with live_server(answer) as server:
        yield server.url


@pytest.mark.parametrize("option", ["--speed", "--timeout", "--idle-timeout", "--connect-timeout", "--temperature"])
def test_a_number_that_is_none(livecli, option):
    ran = livecli("send", option, "nan")
    assert (ran.status, ran.out) == (2, "")
    assert ran.err == f"error: {option} is not a number\n"


def test_no_timeout_at_all(livecli, url):
    """As in curl and httpie, 0 is none."""
    ran = livecli("send", "--base-url", url, "--speed", 0, "--timeout", 0, "--idle-timeout", 0, "--connect-timeout", 0)
    assert ran.status == 0, ran.err


@pytest.mark.parametrize("option", ["--text", "--system", "--voice", "--language"])
def test_words_that_are_no_text(livecli, option):
    ran = livecli("send", option, UNDECODABLE)
    assert (ran.status, ran.err) == (2, f"error: {option} is not UTF-8 text\n")


@pytest.mark.parametrize(
    ("argv", "said"),
    [
        ([""], "the name of the input is empty"),
        (["-o", ""], "the name of the reply is empty"),
        (["n" * 300], "name too long"),
    ],
)
def test_names_that_are_none(livecli, argv, said):
    ran = livecli("send", *argv, "--local")
    assert ran.status == 3
    assert said in ran.err


def test_a_name_whose_reply_has_too_long_a_name(livecli, tmp_path):
    write_wav(tmp_path / f"{'n' * 251}.wav", bytes(320))
    ran = livecli("send", "n" * 251 + ".wav", "--local")
    assert ran.status == 3
    assert "name too long" in ran.err
    assert "Traceback" not in ran.err


def test_no_file_name_reaches_the_terminal_as_it_is(livecli, url, speech):
    ran = livecli("send", speech, "--base-url", url, "--speed", 0, "-o", "red\x1b[31m\n.wav")
    assert ran.status == 0, ran.err
    assert "\x1b" not in ran.err
    assert r"red\x1b[31m .wav" in ran.err


def test_no_reply_replaces_another_input(livecli, tmp_path, speech):
    """As the second `livecli send *.wav` in a folder would."""
    (tmp_path / "speech.reply.wav").write_bytes(speech.read_bytes())
    ran = livecli("send", "speech.reply.wav", "speech.wav", "--local")
    assert ran.status == 3
    assert "the reply to speech.wav would replace the input speech.reply.wav" in ran.err
    assert read_wav(tmp_path / "speech.reply.wav") == read_wav(speech)


def test_a_rehearsal_makes_no_folder(livecli, tmp_path, speech):
    write_wav(tmp_path / "other.wav", bytes(320))
    assert livecli("send", speech, "other.wav", "-o", "replies", "--dry-run", "--local").status == 0
    assert not (tmp_path / "replies").exists()


def test_a_rehearsal_refuses_the_reply_that_a_run_would_refuse(livecli, tmp_path):
    for words, status, err in (
        (("-o", "r.txt"), 2, "error: a reply cannot be written as .txt\n"),
        (("-o", "r.mp3", "--raw-output"), 2, "error: --raw-output writes bare PCM"),
        (("-o", "home"), 3, "error: cannot write home: it is a folder\n"),
        (("-o", "r.mp3"), 0, ""),
        (("-o", "-"), 0, ""),
    ):
        ran = livecli("send", "--text", "hello", *words, "--dry-run", "--local")
        assert (ran.status, ran.err[: len(err)]) == (status, err)
    assert [path.name for path in tmp_path.iterdir()] == ["home"]


def test_a_terminal_by_any_name_gets_no_audio(livecli, speech):
    ours, theirs = pty.openpty()
    ran = livecli("send", speech, "--local", "-o", os.ttyname(theirs))
    os.close(ours)
    os.close(theirs)
    assert (ran.status, ran.out) == (2, "")
    assert "audio is not written to a terminal" in ran.err


def test_ci_and_a_terminal_are_without_colour(fork):
    ours, theirs = pty.openpty()
    process = fork("send", "missing.wav", stderr=theirs, env={**os.environ, "TERM": "xterm", "CI": "true"})
    assert process.wait(30) == 3
    assert os.read(ours, 1000).startswith(b"error: there is no file missing.wav\r\nhint: ")
    os.close(ours)
    os.close(theirs)


def test_what_a_pipe_holds_is_said_once_it_is_known(fork, tmp_path, url):
    write_wav(tmp_path / "8k.wav", bytes(16_000), rate=8000)
    process = fork("send", "-", "--base-url", url, "--speed", 0, "-v")
    _, err = process.communicate((tmp_path / "8k.wav").read_bytes(), timeout=30)
    assert process.returncode == 0, err
    assert "converting 8 kHz mono WAV → 16 kHz mono" in err.decode()


def test_a_reply_that_cannot_take_its_name_is_kept(livecli, tmp_path, speech):
    def obstruct(connection: Connection) -> None:
        connection.set_up()
        connection.hear()
        (tmp_path / "out.wav").mkdir()
        connection.answer()
        connection.drain()

    with live_server(obstruct) as server:
        ran = livecli("send", speech, "--base-url", server.url, "--speed", 0, "-o", "out.wav", "--json")
    assert (ran.status, ran.summary["output"]) == (3, "out.partial.wav")
    assert "what came of the reply is in out.partial.wav" in ran.summary["error"]["message"]
    assert read_wav(tmp_path / "out.partial.wav") == (24_000, bytes(9600))


def test_latencies_count_from_an_end_that_was_reached(livecli, tmp_path):
    """A reply in the middle of what is sent has none, nor where the last sample was never sent."""

    def breaks_off(connection: Connection) -> None:
        connection.set_up()
        connection.receive()
        connection.receive()
        connection.answer()
        connection.close(1011, "Internal error encountered.")

    write_wav(tmp_path / "long.wav", bytes(320_000))
    with live_server(breaks_off) as server:
        ran = livecli("send", "long.wav", "--base-url", server.url, "--speed", 1, "--json", "-q")
    assert ran.status == 6
    latency = ran.summary["latency_ms"]
    assert [latency[name] for name in ("first_audio", "first_sound", "turn")] == [None, None, None]


@pytest.mark.parametrize(("in_session", "words"), [(False, []), (False, ["--debug"]), (True, [])])
def test_a_server_that_quotes_the_key(livecli, monkeypatch, words, in_session):
    key = "AIzaSyTheWholeKeyAndNothingBut"
    monkeypatch.setenv("GEMINI_API_KEY", key)
    refusal = f"API key not valid: {key}"

    def refuse(connection: Connection) -> None:
        connection.receive()
        connection.close(1007, refusal)

    with live_server(refuse, **({} if in_session else {"status": 401, "body": refusal})) as server:
        ran = livecli("send", "--base-url", server.url, "--platform", "developer", "--json", *words)
    assert ran.status == 4
    assert key not in ran.out + ran.err
    assert "API key not valid: …" in ran.err


@pytest.mark.parametrize("proxy", ["http://127.0.0.1:1", "http://user:hunter2@proxy.invalid:1"])
def test_a_proxy_that_is_not_there_is_thought_of(livecli, monkeypatch, proxy):
    monkeypatch.setenv("HTTPS_PROXY", proxy)
    monkeypatch.setenv("GEMINI_API_KEY", "key")
    ran = livecli("send", "--debug")
    assert ran.status == 5
    assert "hint: is the proxy up? see HTTPS_PROXY" in ran.err
    assert "hunter2" not in ran.err


def test_frames_are_shown_without_audio_however_short(livecli, url, speech):
    ran = livecli("send", speech, "--base-url", url, "--speed", 0, "--chunk-bytes", 2, "--debug")
    assert ran.status == 0
    assert '"data":"(4 characters)"' in ran.err
    assert '"data":"AAA' not in ran.err


def test_the_text_of_a_turn_must_be_there(livecli, tmp_path):
    (tmp_path / "blank").write_text(" \n")
    (tmp_path / "bytes").write_bytes(b"\xff")
    assert livecli("send", "--text", "@missing", "--local") == Ran(
        3, "", "error: cannot read missing: No such file or directory\n"
    )
    assert livecli("send", "--text", "@bytes", "--local") == Ran(
        3, "", "error: cannot read bytes: it is not UTF-8 text\n"
    )
    assert livecli("send", "--text", "@blank", "--local") == Ran(2, "", "error: --text is empty\n")


@pytest.mark.parametrize(("words", "other"), [(["q.wav"], "an INPUT"), (["--text", "hi"], "--text")])
def test_the_sample_is_sent_alone(livecli, words, other):
    ran = livecli("send", "--sample", *words, "--local")
    assert ran.status == 2
    assert ran.err.startswith(f"error: --sample cannot be combined with {other}\n")
