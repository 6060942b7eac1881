"""The reply into standard output, devices and FIFOs: no partial file, and a header that leaves the length open."""

from __future__ import annotations

import os
import subprocess
import sys
import wave
from pathlib import Path

import pytest

from livecli.errors import FileError, OutputClosed
from livecli.media.reply import open_reply

OPEN = "import sys\nfrom livecli.media.reply import open_reply\nfrom livecli.errors import *\n"
STREAM = f"""{OPEN}
reply = open_reply("-")
for _ in range(20):
    reply.write(bytes(range(256)) * 4, 24000)
reply.commit()
"""


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="/dev/full is not there")
def test_a_device_is_written_straight_through_and_says_that_it_is_full() -> None:
    reply = open_reply("/dev/full")
    with pytest.raises(FileError, match="cannot write /dev/full: No space left on device"):
        reply.write(b"abcd", 24000)
    assert reply.abandon() is None
    reply = open_reply(os.devnull)
    reply.write(b"abcd", 24000)
    reply.commit()
    assert Path(os.devnull).is_char_device()


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="os.mkfifo is not there")
def test_a_fifo_is_written_straight_through(tmp_path: Path) -> None:
    path = tmp_path / "fifo.wav"
    os.mkfifo(path)
    reader = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    reply = open_reply(str(path), raw=True)
    reply.write(b"abcd", 24000)
    assert os.read(reader, 100) == b"abcd"
    assert [path.name for path in tmp_path.glob("*.wav")] == ["fifo.wav"]
    os.close(reader)
    with pytest.raises(OutputClosed):
        reply.write(b"abcd", 24000)
    assert reply.abandon() is None


def test_standard_output_is_a_wav_that_the_standard_library_reads(tmp_path: Path, python) -> None:
    (tmp_path / "out.wav").write_bytes(python(STREAM).stdout)
    with wave.open(str(tmp_path / "out.wav")) as file:
        assert file.getframerate() == 24000
        assert file.readframes(1 << 24) == bytes(range(256)) * 80


def test_sox_and_ffmpeg_read_standard_output(python, tool) -> None:
    streamed = python(STREAM).stdout
    said = tool("sox", "-t", "wav", "-", "-n", "stat", stdin=streamed).stderr.decode()
    assert "Samples read:             10240" in said
    assert "WARN" not in said
    heard = tool("ffmpeg", "-i", "-", "-f", "s16le", "-", stdin=streamed).stdout
    assert heard == bytes(range(256)) * 80


def test_every_chunk_reaches_standard_output_at_once() -> None:
    code = (
        OPEN + "reply = open_reply('-', raw=True)\nfor _ in range(3): reply.write(b'abcd', 24000); sys.stdin.readline()"
    )
    run = subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert run.stdin
    assert run.stdout
    with run:
        for _ in range(3):
            assert run.stdout.read(4) == b"abcd"
            run.stdin.write(b"\n")
            run.stdin.flush()


def test_a_reader_that_leaves_causes_no_noise() -> None:
    code = OPEN + (
        "try:\n    reply = open_reply('-')\n    while True: reply.write(bytes(4096), 24000)\n"
        "except OutputClosed as error: reply.abandon(); sys.exit(error.exit_status)"
    )
    run = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert run.stdout
    assert run.stderr
    with run:
        assert run.stdout.read(100)[:4] == b"RIFF"
        run.stdout.close()
        assert run.stderr.read() == b""
    assert run.returncode == OutputClosed.status == 141


def test_standard_output_may_be_somebodys_stand_in(capsysbinary: pytest.CaptureFixture[bytes]) -> None:
    reply = open_reply("-", raw=True)
    reply.write(b"abcd", 24000)
    reply.commit()
    assert capsysbinary.readouterr().out == b"abcd"
