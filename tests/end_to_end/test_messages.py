"""Mistakes at the command line, and the words in which each is explained."""

from __future__ import annotations

import pytest

from livecli.media.sound_devices import speaker_sink
from livecli.media.sound_devices.devices import Device, DeviceKind
from tests.end_to_end.conftest import tone, write_wav

MISTAKES = {
    ("send", "--play", "--device", "2", "question.wav"): (2, "hint: devices: [0] Headset  [1] Monitor of Headset"),
    ("send", "--text", "a", "--base-url", "localhost:9999"): (2, "hint: a valid one is ws://localhost:9999"),
    ("send", "question.wav", "--shard", "1"): (2, "error: --shard takes I/N, such as 0/4, or auto, not '1'"),
    ("send", "--text", "a", "--tools", "tools.toml"): (3, "hint: the only table allowed here is [[tool]]"),
    ("send", "--text", "a", "question.wav"): (2, "error: --text cannot be combined with a file"),
    ("send", "--speed", "fast"): (2, "error: --speed takes a number, such as 1 or 3.2, not 'fast'"),
    ("send", "--speed", "-1.0"): (2, "error: --speed must be 0 or more, not -1"),
    ("send", "--bogus"): (2, "hint: `livecli send --help` lists what there is"),
    ("send", "question.wav", "question.wav"): (2, "error: question.wav is named twice"),
    ("question.wav",): (2, "hint: did you mean: livecli send question.wav"),
    ("login",): (2, "hint: did you mean: livecli auth login"),
    ("send", "question.wav", "other.wav", "-o", "reply.wav"): (
        2,
        "error: with several inputs -o names a folder, and reply.wav is a file",
    ),
    ("send", "hello"): (3, "hint: to send words: livecli send --text hello"),
}


@pytest.mark.parametrize(("words", "status", "line"), [(words, *told) for words, told in MISTAKES.items()])
def test_mistakes(livecli, tmp_path, monkeypatch, words, status, line):
    devices = [Device(0, "Headset", DeviceKind.PLAYBACK), Device(1, "Monitor of Headset", DeviceKind.PLAYBACK)]
    monkeypatch.setattr(speaker_sink, "list_devices", lambda: devices)
    monkeypatch.setenv("LIVECLI_BASE_URL", "ws://127.0.0.1:1")
    for name in ("question.wav", "other.wav", "reply.wav"):
        write_wav(tmp_path / name, tone(1600))
    (tmp_path / "tools.toml").write_text("[[functions]]\n")
    ran = livecli(*words)
    assert (ran.status, ran.out) == (status, "")
    assert line in ran.err.splitlines()
    assert 1 <= len([each for each in ran.err.splitlines() if each.startswith(("error: ", "hint: "))]) <= 2
