"""The kinds of INPUT that `send` accepts, and the errors for others."""

import os
import shutil
import signal
import subprocess

import pytest

from tests.end_to_end.conftest import Ran, tone, wait_until, write_wav
from tests.live_server import Connection, live_server
from tests.needs import needs


@pytest.fixture(scope="module")
def recorded(tmp_path_factory):
    """A file as a telephone makes it: twenty seconds of stereo AAC."""
    path = tmp_path_factory.mktemp("telephone") / "recorded.m4a"
    source = ["-f", "lavfi", "-i", "sine=f=300:r=44100:d=20[a];sine=f=400:r=44100:d=20[b];[a][b]amerge"]
    subprocess.run([needs("ffmpeg"), "-v", "error", *source, path], check=True, timeout=60)
    return path


@pytest.fixture
def memo(recorded, tmp_path):
    """A copy of `recorded` in the folder of the test."""
    return shutil.copy(recorded, tmp_path / "my memo.m4a")


def test_a_memo_from_a_telephone(livecli, memo):
    ran = livecli("send", memo.name, "--local", "--speed", 0, "--json", "-v")
    assert ran.status == 0, ran.err
    assert ran.summary["sent"]["audio_seconds"] == pytest.approx(20, abs=0.1)
    assert "my memo.m4a: 20.00 s, 44.1 kHz stereo AAC (ffmpeg) → 16 kHz mono 16-bit" in ran.err


def test_a_folder_of_memos(livecli, memo):
    memo.rename(memo.parent / "home" / "a.m4a")
    write_wav(memo.parent / "home" / "b.wav", tone(800))
    ran = livecli("send", "home", "--local", "--speed", 0, "-q", "-o", "out", "--jobs", 2, "--json")
    assert ran.status == 0, ran.err
    assert sorted(summary["input"] for summary in ran.summaries) == ["home/a.m4a", "home/b.wav"]


def test_without_ffmpeg_the_hint_installs_it(livecli, memo, monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    (tmp_path / "apt-get").touch(0o755)
    assert livecli("send", memo.name, "--local", "-q") == Ran(
        3,
        "",
        "error: my memo.m4a is MP4 audio (m4a), which needs ffmpeg\nhint: sudo apt-get install ffmpeg\n",
    )


@pytest.mark.parametrize(("signum", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_ffmpeg_ends_with_the_run(fork, memo, tmp_path, signum, status):
    """It waits for a reader that takes the sound at the speed of speech."""
    (tmp_path / "ffmpeg").write_text(f'#!/bin/sh\necho $$ > pid\nexec "{shutil.which("ffmpeg")}" "$@"\n')
    (tmp_path / "ffmpeg").chmod(0o755)

    def hears(connection: Connection) -> None:
        connection.set_up()
        connection.receive()
        connection.receive()
        began.append(True)
        connection.drain()

    began: list[bool] = []
    with live_server(hears) as server:
        environment = {**os.environ, "PATH": f"{tmp_path}:{os.environ['PATH']}"}
        process = fork("send", memo.name, "--base-url", server.url, "--speed", 1, "-q", env=environment)
        wait_until(lambda: began)
        ffmpeg = int((tmp_path / "pid").read_text())
        os.kill(ffmpeg, 0)
        process.send_signal(signum)
        process.communicate(timeout=30)
    assert process.returncode == status
    with pytest.raises(ProcessLookupError):
        os.kill(ffmpeg, 0)


def test_a_file_that_was_cut_off(livecli, tmp_path):
    write_wav(tmp_path / "whole.wav", tone(16_000))
    (tmp_path / "cut.wav").write_bytes((tmp_path / "whole.wav").read_bytes()[:16_044])
    ran = livecli("send", "cut.wav", "--local", "--speed", 0, "--json", "-q")
    assert ran.status == 0
    assert ran.summary["sent"]["audio_seconds"] == 0.5
    assert ran.summary["warnings"] == ["cut.wav is cut off: it has 0.50 s of 1.00 s"]
    assert ran.err == "warning: cut.wav is cut off: it has 0.50 s of 1.00 s\n"


@pytest.mark.parametrize(
    ("words", "status", "err"),
    [
        (
            ["https://example.org/a b.wav"],
            3,
            "error: https://example.org/a b.wav is a URL, not a file\n"
            "hint: curl -sL 'https://example.org/a b.wav' | livecli send -\n",
        ),
        (["hello"], 3, "error: there is no file hello\nhint: to send words: livecli send --text hello\n"),
        (
            ["where", "is", "the station?"],
            3,
            "error: there is no file where\nhint: to send words: livecli send --text 'where is the station?'\n",
        ),
        (
            ["missing.wav"],
            3,
            "error: there is no file missing.wav\n"
            "hint: livecli send --sample sends a bundled question, --text WORDS a text\n",
        ),
        (
            ["notes.txt"],
            3,
            "error: notes.txt is text and not audio\nhint: to send its words: livecli send --text @notes.txt\n",
        ),
        (["a.wav", "b.wav", "a.wav"], 2, "error: a.wav is named twice\n"),
        (
            ["-dash.wav"],
            2,
            "error: there is no option -d\nhint: the file of that name is ./-dash.wav\n",
        ),
        (
            ["--dash.wav"],
            2,
            "error: there is no option --dash.wav\nhint: the file of that name is ./--dash.wav\n",
        ),
        (
            ["/dev/zero"],
            3,
            "error: /dev/zero is not audio that livecli can read: Format not recognised\n"
            "hint: if it is bare 16-bit PCM: livecli send - --raw 16000 < /dev/zero\n",
        ),
    ],
)
def test_what_is_no_input(livecli, tmp_path, words, status, err):
    (tmp_path / "notes.txt").write_text("notes\n")
    for name in ("a.wav", "b.wav"):
        write_wav(tmp_path / name, tone(800))
    assert livecli("send", *words, "--local", "-q") == Ran(status, "", err)


def test_words_in_a_pipe_are_no_audio(fork):
    process = fork("send", "--local", "-q")
    _, err = process.communicate(b"where is the station?\n", timeout=30)
    assert process.returncode == 3
    assert err.decode() == (
        "error: standard input is text and not audio\nhint: to send its words: livecli send --text -\n"
    )


def test_a_file_whose_name_begins_with_a_dash(livecli, tmp_path):
    write_wav(tmp_path / "-dash.wav", tone(800))
    assert livecli("send", "./-dash.wav", "--local", "--speed", 0, "-q").status == 0
    assert (tmp_path / "-dash.reply.wav").exists()
