"""What a turn looks like on the wire: parts, increments, their order, and the counting of tokens.

Sizes "as recorded" are those in js-genai's logs of real sessions less one: the logs count the newline that they add, as
their sizes of the client's frames show.
"""

import pytest

from livecli.emulator.core.behaviour import Say, UserTurn, tones
from livecli.emulator.core.function_calls import FunctionCalls
from livecli.emulator.core.response import ResponseStyle, increments, parts, respond
from livecli.emulator.core.token_count import TokenCount
from livecli.protocol import codec
from livecli.protocol.models import Platform


def style(platform: Platform, *, spoken: bool = True, transcribes: bool = True) -> ResponseStyle:
    return ResponseStyle(
        platform, spoken=spoken, transcribes_input=transcribes, transcribes_output=spoken and transcribes
    )


def frames(steps: list[Say], how: ResponseStyle) -> list[bytes]:
    said = respond(UserTurn(text="x"), iter(steps), how, TokenCount(), FunctionCalls(how.platform))
    return [codec.encode_server(message, how.platform) for message in said]


def test_parts_are_9600_and_then_11520_bytes() -> None:
    sizes = [len(part) for part in parts(iter([bytes(5_000)] * 10))]
    assert sizes == [9_600, 11_520, 11_520, 11_520, 5_840]


def test_parts_keep_every_byte_in_order() -> None:
    pcm = bytes(range(256)) * 300
    assert b"".join(parts([pcm[:7], pcm[7:50_000], pcm[50_000:]])) == pcm


def test_no_sound_is_no_part() -> None:
    assert list(parts([b"", b""])) == []


@pytest.mark.parametrize(
    ("words", "pieces"),
    [
        ("", []),
        ("We", ["We"]),
        ("[2.2 s of speech]", ["[2.2", " s of speech]"]),
        (" ", [" "]),
        ("a\nb\n", ["a", "\nb\n"]),
        ("x" * 170, ["x" * 80, "x" * 80, "x" * 10]),
    ],
)
def test_increments(words: str, pieces: list[str]) -> None:
    assert list(increments(words)) == pieces


def test_increments_lose_nothing_and_break_between_words() -> None:
    words = "We could talk about anything you like. " * 20
    pieces = list(increments(words))
    assert "".join(pieces) == words
    assert max(map(len, pieces)) <= 80
    assert all(piece.startswith(" ") for piece in pieces[1:])


def test_vertex_frames_begin_and_finish_the_transcript() -> None:
    first, second, audio, third, *rest = frames([Say("We could", [bytes(4)])], style(Platform.VERTEX))
    assert first == b'{\n  "serverContent": {\n    "outputTranscription": {}\n  }\n}\n'
    assert len(first) == 59  # as recorded
    assert second == b'{\n  "serverContent": {\n    "outputTranscription": {\n      "text": "We"\n    }\n  }\n}\n'
    assert len(second) == 83  # as recorded
    assert b'"role": "model"' in audio
    assert b'"mimeType": "audio/pcm",' in audio
    assert b'"text": " could"' in third
    assert rest[0] == b'{\n  "serverContent": {\n    "outputTranscription": {\n      "finished": true\n    }\n  }\n}\n'
    assert rest[1] == b'{\n  "serverContent": {\n    "generationComplete": true\n  }\n}\n'
    assert len(rest[1]) == 60  # as recorded
    assert len(rest) == 3


def test_developer_frames_do_not() -> None:
    first, audio, second, *rest = frames([Say("We could", [bytes(4)])], style(Platform.DEVELOPER))
    assert len(first) == 83  # as recorded
    assert b'"role"' not in audio
    assert b'"mimeType": "audio/pcm;rate=24000",' in audio
    assert b"finished" not in b"".join([second, *rest])
    assert len(rest) == 2


def test_a_part_has_the_size_that_was_recorded_on_vertex() -> None:
    spoken = frames([Say("", [bytes(9_600 + 11_520)])], style(Platform.VERTEX, transcribes=False))
    assert [len(frame) for frame in spoken[:2]] == [13_020, 15_580]


def test_text_is_written_where_the_model_does_not_speak() -> None:
    def never():
        raise AssertionError("nobody listens to this")
        yield b""

    first, second, *rest = frames([Say("Yeah, I can", never())], style(Platform.DEVELOPER, spoken=False))
    assert b'"text": "Yeah,"' in first
    assert b'"text": " I can"' in second
    assert len(rest) == 2


def test_a_turn_without_content_has_no_transcript() -> None:
    assert len(frames([], style(Platform.VERTEX))) == 2


def test_the_last_frame_is_the_one_that_was_recorded() -> None:
    tokens = TokenCount(prompt_characters=515 * 4)
    how = style(Platform.DEVELOPER, spoken=False)
    said = respond(UserTurn(text="x"), iter([Say("y" * 152, [])]), how, tokens, FunctionCalls(how.platform))
    frame = codec.encode_server(list(said)[-1], Platform.DEVELOPER)
    assert len(frame) == 379  # as recorded
    assert frame.startswith(b'{\n  "serverContent": {\n    "turnComplete": true\n  },\n  "usageMetadata": {\n')
    assert b'"promptTokenCount": 515,\n    "responseTokenCount": 38,\n    "totalTokenCount": 553,' in frame


def test_audio_is_25_tokens_a_second_each_way() -> None:
    report = TokenCount(prompt_audio_bytes=3 * 32_000, response_audio_bytes=2 * 48_000).report()
    assert report == {
        "promptTokenCount": 75,
        "responseTokenCount": 50,
        "totalTokenCount": 125,
        "promptTokensDetails": [{"modality": "AUDIO", "tokenCount": 75}],
        "responseTokensDetails": [{"modality": "AUDIO", "tokenCount": 50}],
    }


def test_text_is_a_token_for_four_characters() -> None:
    report = TokenCount(prompt_characters=9, prompt_audio_bytes=2).report()
    assert report["promptTokensDetails"] == [
        {"modality": "TEXT", "tokenCount": 3},
        {"modality": "AUDIO", "tokenCount": 1},
    ]
    assert "responseTokenCount" not in report


@pytest.mark.parametrize("text", ["a", "Hello!", "tschüß 👋", " "])
def test_tones_last_60_ms_a_character(text: str) -> None:
    assert len(b"".join(tones(text))) == len(text) * 2 * 1_440


def test_tones_are_heard_and_tell_characters_apart() -> None:
    a, b, blank = tones("ab ")
    assert max(memoryview(a).cast("h")) > 7_000
    assert a != b
    assert not any(blank)
