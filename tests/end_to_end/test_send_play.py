"""`send --play`: the reply is heard while it is written, and the file does not depend on that."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
import wave

import pytest

from livecli.media.sound_devices import devices
from livecli.process.installer import install_extra_command
from tests.end_to_end.conftest import read_wav, tone, write_wav
from tests.sound_server import pitch


@pytest.fixture
def long_speech(tmp_path):
    path = tmp_path / "long.wav"
    write_wav(path, tone(16_000 * 20))
    return path


def test_the_reply_is_heard_to_its_end_and_kept(livecli, sound_server, speech, tmp_path):
    with sound_server.recorded() as recording:
        ran = livecli("send", speech, "--local", "--play", "-o", "r.wav", "--json")
        recording.wait_for_silence()
    assert ran.status == 0
    assert "warning" not in ran.err
    heard = recording.samples[recording.samples.nonzero()[0]]
    assert len(heard) == pytest.approx(8000, abs=400)
    assert pitch(heard) == pytest.approx(440, abs=5)
    rate, pcm = read_wav(tmp_path / "r.wav")
    assert ran.summary["received"]["bytes"] == len(pcm) == pytest.approx(rate, rel=0.05)


def test_on_standard_output_and_aloud_at_once(fork, sound_server, speech):
    with sound_server.recorded() as recording:
        process = fork("send", speech, "--local", "--play", "-o", "-", "--raw-output")
        out, err = process.communicate(timeout=30)
        assert process.returncode == 0, err
        recording.wait_for_silence()
    assert len(out) == pytest.approx(24_000, rel=0.05)
    assert abs(recording.samples).max() > 5000


def test_every_reply_of_several_is_heard(livecli, sound_server, tmp_path):
    for name, samples in [("a", 8000), ("b", 12_000)]:
        write_wav(tmp_path / f"{name}.wav", tone(samples))
    with sound_server.recorded() as recording:
        assert livecli("send", "a.wav", "b.wav", "--local", "--play").status == 0
        recording.wait_for_silence()
    assert (abs(recording.samples) > 500).sum() == pytest.approx(20_000, rel=0.1)


@pytest.mark.parametrize("word", ["mouth", "1", "MOUTH"])
def test_another_device_is_named(livecli, sound_server, speech, word):
    with sound_server.recorded() as silent, sound_server.recorded("mouth.monitor") as recording:
        assert livecli("send", speech, "--local", "--play", "--device", word).status == 0
        recording.wait_for_silence()
    assert abs(recording.samples).max() > 5000
    assert not silent.samples.any()


@pytest.mark.parametrize("word", ["nope", "7", "mouth.monitor"])
def test_an_unknown_device_is_refused_with_what_there_is(livecli, sound_server, speech, tmp_path, word):
    ran = livecli("send", speech, "--local", "--play", "--device", word)
    assert (ran.status, ran.out) == (2, "")
    assert f"error: --device {word}: there is no such speaker\nhint: devices: [0] Speaker  [1] Mouth\n" in ran.err
    assert not list(tmp_path.glob("*.reply*"))


def test_a_device_without_play_is_refused(livecli):
    ran = livecli("send", "--local", "--device", "x")
    assert (ran.status, ran.err) == (2, "error: --device has no effect without --play\nhint: add --play\n")


def test_without_a_sound_system_nothing_is_connected(livecli, speech, monkeypatch):
    monkeypatch.setenv("PULSE_SERVER", "unix:/nonexistent")
    monkeypatch.setenv("ALSA_CONFIG_PATH", "/nonexistent")
    monkeypatch.setenv("JACK_NO_START_SERVER", "1")
    ran = livecli("send", speech, "--base-url", "ws://127.0.0.1:1", "--play", "--json")
    assert (ran.status, ran.summary["error"]["kind"]) == (3, "file")
    assert "cannot open the speaker" in ran.err
    assert "ALSA" not in ran.err


def test_without_the_package_the_extra_is_named(livecli, speech, monkeypatch):
    monkeypatch.setitem(sys.modules, "miniaudio", None)
    ran = livecli("send", speech, "--local", "--play")
    assert ran.status == 3
    assert "needs the package miniaudio" in ran.err or "need the package miniaudio" in ran.err
    assert f"hint: {install_extra_command('audio')}\n" in ran.err


def test_a_device_that_goes_away_is_a_warning_and_the_reply_is_kept(
    livecli, sound_server, long_speech, tmp_path, monkeypatch
):
    monkeypatch.setattr(devices, "CHECK_SECONDS", 0.1)
    from livecli.media.sound_devices.speaker import Speaker

    heard = Speaker.write

    def write(self, pcm, rate):
        heard(self, pcm, rate)
        sound_server.kill()

    monkeypatch.setattr(Speaker, "write", write)
    ran = livecli("send", long_speech, "--local", "--play", "-o", "r.wav", "--speed", "0", "--json")
    assert (ran.status, ran.summary["ok"]) == (0, True)
    assert "the default speaker is lost" in ran.err
    assert ran.err.count("is lost") == 1
    assert len(read_wav(tmp_path / "r.wav")[1]) == pytest.approx(20 * 48_000, rel=0.01)


@pytest.mark.parametrize(("signum", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_while_it_plays_is_silence_at_once_and_the_reply_is_whole(
    fork, sound_server, long_speech, tmp_path, signum, status
):
    with sound_server.recorded() as recording:
        process = fork("send", long_speech, "--local", "--play", "-o", "r.wav", "--speed", "0")
        recording.wait_for_sound()
        until_final = time.monotonic() + 20
        while not (tmp_path / "r.wav").exists():  # it has its name before it was heard
            assert time.monotonic() < until_final
            time.sleep(0.01)
        process.send_signal(signum)
        began = time.monotonic()
        _, err = process.communicate(timeout=20)
        assert time.monotonic() - began < 10
        recording.wait_for_silence()
    assert process.returncode == status
    assert b"Traceback" not in err and b"Exception" not in err
    with wave.open(str(tmp_path / "r.wav")) as reply:
        assert reply.getnframes() == pytest.approx(20 * 24_000, rel=0.01)


def test_a_closed_pipe_ends_it_while_it_plays(sound_server, long_speech):
    words = ["send", str(long_speech), "--local", "--play", "-o", "-", "--speed", "0"]
    command = [sys.executable, "-W", "error", "-m", "livecli", *words]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    process.stdout.read(100)
    process.stdout.close()
    assert process.wait(20) == 141
    assert b"Traceback" not in process.stderr.read()
    process.stderr.close()


def test_a_sound_server_that_hangs_does_not_hold_up_ctrl_c(spawn, sound_server, long_speech):
    process = spawn("send", long_speech, "--local", "--play", "-o", "r.wav", "--speed", "0")
    with sound_server.recorded() as recording:
        recording.wait_for_sound()
        sound_server.process.send_signal(signal.SIGSTOP)
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=8)
        sound_server.process.send_signal(signal.SIGCONT)
    assert process.returncode == 130
    assert b"Traceback" not in err and b"Exception" not in err
