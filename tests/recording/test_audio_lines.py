"""Fast reading of lines with audio: the items are those of the slow way, whatever stands in a line."""

from __future__ import annotations

import base64
import json
from typing import Any

import msgspec
import pytest

from livecli.protocol.codec import decode_client, decode_server
from livecli.recording.audio_lines import MOST_ATTEMPTS, AudioLines
from livecli.recording.conversion import cleaned_items, recorded_items
from livecli.recording.format import REDACTED, Direction, Frame, live_items
from livecli.toml_reader import LineError

HEADER = b'{"livecli": 1}\n'
PCM = bytes(range(250)) * 4
BASE64 = base64.b64encode(PCM).decode()


def sent(data: str = BASE64, start: str = '[0.25, ">", ', end: str = "]\n", after: str = "") -> bytes:
    """The line of a frame of audio."""
    audio = f'{{"data":"{data}","mimeType":"audio/pcm;rate=16000"{after}}}'
    return f'{start}{{"realtimeInput":{{"audio":{audio}}}}}{end}'.encode()


def received(data: str = BASE64) -> bytes:
    """The line of a frame of the answer."""
    part = {"inlineData": {"mimeType": "audio/pcm;rate=24000", "data": data}}
    return f'[0.1, "<", {json.dumps({"serverContent": {"modelTurn": {"parts": [part]}}})}, "binary"]\n'.encode()


def read(*lines: bytes) -> tuple[list[Any], list[Any]]:
    """The items of a recording, read fast and slowly."""
    return [*live_items([HEADER, *lines], AudioLines())], [*live_items([HEADER, *lines])]


def without_audio(items: list[Any]) -> list[Any]:
    return [msgspec.structs.replace(each, audio=None) if isinstance(each, Frame) else each for each in items]


def test_frames_have_their_audio_from_the_second_one_on() -> None:
    fast, slow = read(sent(), received(), sent(), received(), sent(start='[12, ">", '))
    assert without_audio(fast) == slow
    assert [each.audio is not None for each in fast[1:]] == [False, False, True, True, True]
    for frame in fast[3:]:
        decode = decode_client if frame.direction is Direction.CLIENT else decode_server
        assert decode(frame.data) == [frame.audio]


OTHER_PCM = base64.b64encode(PCM[::-1]).decode()

OTHERS = {
    "other audio": sent(OTHER_PCM),
    "the other alphabet": sent(OTHER_PCM.replace("+", "-").replace("/", "_")),
    "no base64": sent("%" * 100),
    "base64 that ends in the middle": sent(OTHER_PCM[:-3]),
    "no data": sent(""),
    "a field behind it": sent(OTHER_PCM, after=',"key":1'),
    "two pieces in it": sent(f'{OTHER_PCM}","x":"{OTHER_PCM}'),
    "an escape": sent(OTHER_PCM.replace("/", "\\/")),
    "a binary frame": sent(OTHER_PCM, end=', "binary"]\n'),
    "the other side": sent(OTHER_PCM, start='[0.25, "<", '),
    "spaces": sent(OTHER_PCM, start='[ 0.25 , ">" , '),
    "an exponent": sent(OTHER_PCM, start='[2.5e-1, ">", '),
    "an incomplete line": sent(OTHER_PCM)[:-5],
    "an answer": received(OTHER_PCM),
}


@pytest.mark.parametrize("other", OTHERS)
def test_a_line_that_differs_is_read_as_before(other: str) -> None:
    fast, slow = read(sent(), received(), OTHERS[other], sent())
    assert without_audio(fast) == slow


@pytest.mark.parametrize("delay", ["1_0", "nan", "-1", "01", "1.", ".5", "1e999", "+1", "99999999999"])
def test_a_delay_that_is_none_is_an_error_all_the_same(delay: str) -> None:
    line = sent(start=f'[{delay}, ">", ')
    with pytest.raises(LineError) as slow:
        list(live_items([HEADER, sent(), line, sent()]))
    with pytest.raises(LineError) as fast:
        list(live_items([HEADER, sent(), line, sent()], AudioLines()))
    assert (fast.value.line, fast.value.reason) == (slow.value.line, slow.value.reason) == (3, slow.value.reason)


def test_a_session_without_shapes_is_decoded_only_so_often() -> None:
    lines = AudioLines()
    frame = Frame(Direction.CLIENT, b'{"realtimeInput":{"audio":{"data":"AAAA","mimeType":"audio/pcm;rate=16000"}}}')
    for _ in range(MOST_ATTEMPTS):
        lines.learn(b'[0.1, ">", ' + frame.data + b"]\n", frame)
    [_, _, second] = live_items([HEADER, sent(), sent()], lines)
    assert isinstance(second, Frame) and second.audio is None


def test_secrets_are_removed_from_it(tmp_path) -> None:
    """Those within the audio too, of which the frame is left out, and those in a field of a line that looks alike."""
    secret = "a secret that the process knows"
    holds_it = base64.b64encode(PCM + secret.encode() + PCM).decode()
    lines = [HEADER, sent(), sent(), sent(holds_it), sent(f'{OTHER_PCM}","key":"x","token":"{"y" * 30}')]
    (tmp_path / "a.live").write_bytes(b"".join(lines))
    [_, *frames] = cleaned_items(recorded_items(str(tmp_path / "a.live")), [secret])
    assert [frame.audio is not None for frame in frames] == [False, True, False, False]
    assert frames[2].data == REDACTED
    assert b"yyy" not in frames[3].data
