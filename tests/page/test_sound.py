"""The sound of a page."""

from __future__ import annotations

import base64
import io

import pytest
import soundfile

from livecli.page.sound import FORMATS, LONGEST_SECONDS, PlayerFormat, player_format, sound_url
from livecli.recording.format import RecordedConnection, Recording
from tests.page.recordings import answered, asked


@pytest.mark.parametrize("chosen", FORMATS, ids=lambda each: each.media_type)
def test_both_sides_are_in_one_file_where_they_sounded(chosen: PlayerFormat) -> None:
    recording = Recording([RecordedConnection(frames=[asked(0.0), answered(1.0), answered(1.1), asked(2.0)])])
    head, _, data = "".join(sound_url(recording, chosen)).partition(",")
    assert head == f"data:{chosen.media_type};base64"
    samples, rate = soundfile.read(io.BytesIO(base64.b64decode(data)))
    assert len(samples) / rate == pytest.approx(2.1, abs=0.01)

    def level(begin: float, end: float) -> float:
        return float(abs(samples[int(begin * rate) : int(end * rate)]).max())

    assert [level(*each) > 0.1 for each in ((0, 0.1), (0.2, 0.9), (1, 1.4), (1.5, 1.9), (2.02, 2.1))] == [
        True,
        False,
        True,
        False,
        True,
    ]


def test_a_session_of_a_day_has_no_player() -> None:
    assert player_format(LONGEST_SECONDS + 1) is None
    assert [player_format(each) for each in (5.0, 30.0, 600.0)] == [*FORMATS]
