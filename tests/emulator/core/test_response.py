"""What a turn looks like on the wire: parts, increments, their order, and the counting of tokens.

Sizes "as recorded" are those in js-genai's logs of real sessions less one: the logs count the newline that they add, as
their sizes of the client's frames show.
"""

import pytest

from livecli.emulator.core.behaviour import Say, Step, UserTurn, tones
from livecli.emulator.core.function_calls import FunctionCalls
from livecli.emulator.core.response import Message, ResponseStyle, increments, parts, respond
from livecli.emulator.core.token_count import TokenCount
from livecli.protocol import codec, events
from livecli.protocol.models import MODELS, Model, Platform
from tests.cases import in_one_test
from tests.emulator.plain_models import PLAIN_MODELS

NATIVE = "gemini-2.5-flash-native-audio-latest"


HALF_CASCADE = MODELS["gemini-live-2.5-flash"]
PLAIN = PLAIN_MODELS["gemini-3.8-live"]
VERTEX_2_0 = MODELS["gemini-2.0-flash-live-preview-04-09"]


def style(platform: Platform, model: Model, *, spoken: bool = True, transcribes: bool = True) -> ResponseStyle:
    return ResponseStyle(
        platform, model, spoken=spoken, transcribes_input=transcribes, transcribes_output=spoken and transcribes
    )


def respond_to_text(steps: list[Step], how: ResponseStyle, tokens: TokenCount | None = None) -> list[Message]:
    calls = FunctionCalls(how.platform)
    return list(respond(UserTurn(text="x"), iter(steps), how, tokens or TokenCount(), calls))


def frames(steps: list[Step], how: ResponseStyle) -> list[bytes]:
    return [codec.encode_server(each, how.platform, how.model.frames.role) for each in respond_to_text(steps, how)]


def test_parts_are_9600_and_then_11520_bytes() -> None:
    sizes = [len(part) for part in parts(iter([bytes(5_000)] * 10), 9_600, 11_520)]
    assert sizes == [9_600, 11_520, 11_520, 11_520, 5_840]


def test_parts_keep_every_byte_in_order() -> None:
    pcm = bytes(range(256)) * 300
    assert b"".join(parts([pcm[:7], pcm[7:50_000], pcm[50_000:]], 2_400, 2_880)) == pcm


def test_no_sound_is_no_part() -> None:
    assert list(parts([b"", b""], 9_600, 11_520)) == []


@in_one_test(
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
    first, second, audio, third, *rest = frames([Say("We could", [bytes(4)])], style(Platform.VERTEX, VERTEX_2_0))
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
    first, audio, second, *rest = frames([Say("We could", [bytes(4)])], style(Platform.DEVELOPER, PLAIN))
    assert len(first) == 83  # as recorded
    assert b'"role"' not in audio
    assert b'"mimeType": "audio/pcm;rate=24000",' in audio
    assert b"finished" not in b"".join([second, *rest])
    assert len(rest) == 2


def test_a_part_has_the_size_that_was_recorded_on_vertex() -> None:
    spoken = frames([Say("", [bytes(9_600 + 11_520)])], style(Platform.VERTEX, VERTEX_2_0, transcribes=False))
    assert [len(frame) for frame in spoken[:2]] == [13_020, 15_580]


def test_text_is_written_where_the_model_does_not_speak() -> None:
    def never():
        raise AssertionError("nobody listens to this")
        yield b""

    first, second, *rest = frames([Say("Yeah, I can", never())], style(Platform.DEVELOPER, PLAIN, spoken=False))
    assert b'"text": "Yeah,"' in first
    assert b'"text": " I can"' in second
    assert len(rest) == 2


def test_a_turn_without_content_has_no_transcript() -> None:
    assert len(frames([], style(Platform.VERTEX, VERTEX_2_0))) == 2


def test_the_last_frame_is_the_one_that_was_recorded() -> None:
    how = style(Platform.DEVELOPER, PLAIN, spoken=False)
    last = respond_to_text([Say("y" * 152, [])], how, TokenCount(prompt_characters=515 * 4))[-1]
    frame = codec.encode_server(last, Platform.DEVELOPER)
    assert len(frame) == 379  # as recorded
    assert frame.startswith(b'{\n  "serverContent": {\n    "turnComplete": true\n  },\n  "usageMetadata": {\n')
    assert b'"promptTokenCount": 515,\n    "responseTokenCount": 38,\n    "totalTokenCount": 553,' in frame


SECOND = Say("One two three four", [bytes(48_000)])


def test_a_transcript_beside_the_audio_has_no_frame_of_its_own() -> None:
    how = style(Platform.DEVELOPER, MODELS["gemini-3.8-live"])
    empty, opening, *answer, generated, _ = respond_to_text([SECOND], how)
    assert (empty, opening, generated) == ([], [events.EmptyContent()], [events.GenerationComplete()])
    assert answer[::2] == [[]] * (len(answer) // 2)
    assert all(isinstance(message[0], events.AudioChunk) for message in answer[1::2])
    pieces = [event.text for message in answer for event in message if isinstance(event, events.OutputTranscript)]
    assert pieces == ["One", " two three four"]
    frame = codec.encode_server(answer[1], how.platform, how.model.frames.role)
    assert b'"role": "model"\n    },\n    "outputTranscription": {' in frame


def test_the_last_audio_has_all_that_is_left_of_the_transcript() -> None:
    how = style(Platform.DEVELOPER, MODELS["gemini-3.1-flash-live-preview"])
    _, only, *_ = respond_to_text([Say("One two three", [bytes(4)])], how)
    assert only == [events.AudioChunk(bytes(4), 24_000), events.OutputTranscript("One two three")]


def test_a_transcript_without_audio_stands_alone() -> None:
    how = style(Platform.DEVELOPER, MODELS["gemini-3.1-flash-live-preview"])
    opening, *pieces, _, _ = respond_to_text([Say("One two", [])], how)
    assert opening == [events.EmptyContent()]
    assert pieces == [[events.OutputTranscript("One")], [events.OutputTranscript(" two")]]


def test_half_cascade_sends_the_whole_transcript_before_the_audio() -> None:
    kinds = [message[0] for message in respond_to_text([SECOND, SECOND], style(Platform.VERTEX, HALF_CASCADE))]
    transcript = [event for event in kinds if isinstance(event, events.OutputTranscript)]
    assert kinds[:4] == transcript[:4]
    assert [(event.text, event.finished) for event in transcript[:4]] == [
        ("", False),
        ("One", False),
        (" two three four", False),
        ("", True),
    ]
    assert sum(event.finished for event in transcript) == 1


@pytest.mark.parametrize(("name", "first", "second"), [("gemini-3.8-live", 180, 350), (NATIVE, 50, 60)])
def test_parts_have_the_lengths_of_the_model(name: str, first: int, second: int) -> None:
    messages = respond_to_text([SECOND], style(Platform.DEVELOPER, MODELS[name], transcribes=False))
    lengths = [len(event.pcm) // 48 for message in messages for event in message if hasattr(event, "pcm")]
    assert lengths[:2] == [first, second]


def test_a_model_that_ends_no_turn_sends_the_answer_alone() -> None:
    how = style(Platform.DEVELOPER, MODELS["gemini-3.5-live-translate-preview"], transcribes=False)
    assert {type(message[0]) for message in respond_to_text([SECOND], how)} == {events.AudioChunk}


@pytest.mark.parametrize("text", ["a", "Hello!", "tschüß 👋", " "])
def test_tones_last_60_ms_a_character(text: str) -> None:
    assert len(b"".join(tones(text))) == len(text) * 2 * 1_440


def test_tones_are_heard_and_tell_characters_apart() -> None:
    a, b, blank = tones("ab ")
    assert max(memoryview(a).cast("h")) > 7_000
    assert a != b
    assert not any(blank)
