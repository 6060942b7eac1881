"""The audio of clients as one array: its length, its file, and other rates."""

from __future__ import annotations

import wave

import numpy as np

from livecli.emulator.client_audio import joined
from livecli.protocol.events import AudioChunk


def test_chunks_become_one_array_of_samples_even_where_one_straddles_two():
    audio = joined([AudioChunk(b"\x01\x00\x02"), AudioChunk(b"\x00\xff\xff")])
    assert audio.dtype == np.int16
    assert audio.tolist() == [1, 2, -1]
    assert audio.seconds == 3 / 16_000


def test_no_audio_is_an_empty_array():
    assert joined([]).seconds == 0


def test_another_rate_is_resampled():
    audio = joined([AudioChunk(bytes(48_000 * 2), 48_000), AudioChunk(bytes(16_000 * 2))])
    assert (audio.rate, audio.seconds) == (16_000, 2.0)


def test_it_is_saved_as_a_wav_file(tmp_path):
    joined([AudioChunk(b"\x01\x00\xfe\xff")])[:1].save(tmp_path / "said.wav")
    with wave.open(str(tmp_path / "said.wav")) as sound:
        assert sound.getparams()[:4] == (1, 2, 16_000, 1)
        assert sound.readframes(9) == b"\x01\x00"
