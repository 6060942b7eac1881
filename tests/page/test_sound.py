"""The sound of a page."""

from __future__ import annotations

import base64
import io
import tempfile
from pathlib import Path

import pytest
import soundfile

from livecli.page.sound import LONGEST_SECONDS, encode_sound, sound_player
from livecli.recording.format import Frame, RecordedConnection, Recording
from livecli.recording.session_analysis import SessionAnalysis, sounds
from tests.page.recordings import answered, asked


def player(*frames: Frame) -> str:
    """The element that plays these frames; empty for none."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "sound")
        media_type = encode_sound(sounds(Recording([RecordedConnection(frames=[*frames])]), SessionAnalysis()), path)
        return "".join(sound_player(media_type, path)) if media_type is not None else ""


@pytest.mark.parametrize(("seconds", "media_type"), [(2, "audio/wav"), (20, "audio/ogg"), (40, "audio/flac")])
def test_both_sides_are_in_one_file_where_they_sounded(seconds: float, media_type: str) -> None:
    head, _, data = player(asked(0.0), answered(1.0), answered(1.1), asked(seconds)).partition(",")
    assert head.endswith(f'src="data:{media_type};base64')
    samples, rate = soundfile.read(io.BytesIO(base64.b64decode(data.partition('"')[0])))
    assert len(samples) / rate == pytest.approx(seconds + 0.1, abs=0.01)

    def level(begin: float, end: float) -> float:
        return float(abs(samples[int(begin * rate) : int(end * rate)]).max())

    sounding = [(0, 0.1), (1, 1.4), (seconds + 0.02, seconds + 0.1)]
    silent = [(0.2, 0.9), (1.5, seconds - 0.1)]
    assert min(level(*each) for each in sounding) > 0.5
    assert max(level(*each) for each in silent) < 0.05


def test_neither_silence_nor_a_session_of_a_day_has_a_player() -> None:
    assert player() == ""
    assert player(asked(0.0), asked(LONGEST_SECONDS + 1)) == ""
