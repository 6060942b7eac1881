"""The formats of replies, by the extension of -o, as other programs read them."""

import json
import subprocess

import pytest
import soundfile

from tests.end_to_end.conftest import Ran, read_wav, tone, write_wav
from tests.live_server import Connection, live_server
from tests.needs import needs

REPLY = tone(24_000, 24_000)
FORMATS = "the extension is one of wav flac ogg opus mp3 pcm"


def answer(connection: Connection) -> None:
    connection.take_spoken_turn(REPLY)


@pytest.fixture
def answered(livecli, speech):
    """The run of `send speech.wav` with words, against a server that answers with REPLY."""

    def run(*words):
        with live_server(answer) as server:
            return livecli("send", speech, "--base-url", server.url, "--speed", 0, *words)

    return run


@pytest.mark.parametrize(
    ("extension", "codec"),
    [("flac", "flac"), ("ogg", "vorbis"), ("opus", "opus"), ("mp3", "mp3"), ("WAV", "pcm_s16le")],
)
def test_ffmpeg_finds_the_format_that_the_extension_names(answered, tmp_path, extension, codec):
    needs("ffprobe")
    ran = answered("-o", f"r.{extension}", "--json")
    assert (ran.status, ran.summary["output"]) == (0, f"r.{extension}")
    assert ran.summary["output_bytes"] == (tmp_path / f"r.{extension}").stat().st_size
    words = ["-v", "error", "-show_entries", "stream=codec_name,channels", "-of", "json", f"r.{extension}"]
    probed = subprocess.run(["ffprobe", *words], cwd=tmp_path, capture_output=True, timeout=30, check=True)
    assert json.loads(probed.stdout)["streams"] == [{"codec_name": codec, "channels": 1}]
    assert not list(tmp_path.glob("*partial*"))


def test_pcm_is_the_samples_alone(answered, tmp_path):
    assert answered("-o", "r.pcm").status == 0
    assert (tmp_path / "r.pcm").read_bytes() == REPLY


def test_a_failure_leaves_a_wav_and_the_older_reply(livecli, speech, tmp_path):
    (tmp_path / "r.mp3").write_bytes(b"older")
    with live_server(lambda c: (c.set_up(), c.hear(), c.audio(REPLY), c.close(1011, "Internal"))) as server:
        ran = livecli("send", speech, "--base-url", server.url, "--speed", 0, "-o", "r.mp3", "--retries", 0, "--json")
    assert (ran.status, ran.summary["output"]) == (6, "r.partial.wav")
    assert read_wav(tmp_path / "r.partial.wav") == (24_000, REPLY)
    assert (tmp_path / "r.mp3").read_bytes() == b"older"


@pytest.mark.parametrize(
    ("name", "problem", "hint"),
    [
        ("r.txt", "a reply cannot be written as .txt", f"{FORMATS}: -o r.wav"),
        ("r", "the reply r has no extension", f"{FORMATS}: -o r.wav"),
        ("-q", "-o -q: the name of a reply does not begin with -", "-o reply.wav -q"),
        ("-r.wav", "-o -r.wav: the name of a reply does not begin with -", "-o ./-r.wav"),
    ],
)
def test_names_that_are_refused_before_connecting(livecli, speech, tmp_path, name, problem, hint):
    with live_server(answer) as server:
        ran = livecli("send", speech, "--base-url", server.url, "-o", name, "--json", "-q")
    assert ran == Ran(2, "", f"error: {problem}\nhint: {hint}\n")
    assert server.requests == []
    assert not (tmp_path / name).exists()


def test_a_name_with_a_dash_in_a_folder(answered, tmp_path):
    assert answered("-o", "./-r.wav").status == 0
    assert read_wav(tmp_path / "-r.wav") == (24_000, REPLY)


@pytest.mark.parametrize("exists", [False, True])
def test_a_reply_of_several_inputs(livecli, tmp_path, exists):
    for name in ("a.wav", "b.wav"):
        write_wav(tmp_path / name, tone(800))
    if exists:
        (tmp_path / "reply.wav").write_bytes(b"older")
    ran = livecli("send", "a.wav", "b.wav", "-o", "reply.wav", "--local")
    assert ran == Ran(
        2, "", "error: with several inputs -o names a folder, and reply.wav is a file\nhint: -o replies\n"
    )
    assert (tmp_path / "reply.wav").exists() is exists


@pytest.mark.parametrize("name", ["out.v2", "there.wav"])
def test_a_folder_with_an_extension(livecli, tmp_path, name):
    (tmp_path / "there.wav").mkdir()
    for each in ("a.wav", "b.wav"):
        write_wav(tmp_path / each, tone(800))
    ran = livecli("send", "a.wav", "b.wav", "-o", name, "--local", "--speed", 0, "-q")
    assert ran.status == 0, ran.err
    assert sorted(path.name for path in (tmp_path / name).iterdir()) == ["a.reply.wav", "b.reply.wav"]


def test_the_encoded_reply_is_what_the_wav_would_be(answered, tmp_path):
    assert (answered("-o", "r.flac").status, answered("-o", "r.wav").status) == (0, 0)
    samples, rate = soundfile.read(str(tmp_path / "r.flac"), dtype="int16")
    assert (rate, samples.tobytes()) == read_wav(tmp_path / "r.wav")
