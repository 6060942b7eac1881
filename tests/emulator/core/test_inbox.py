"""What the user writes and shows: pictures, sound in a clientContent, the envelopes of other times."""

from __future__ import annotations

import base64

import pytest
from msgspec import structs

from livecli.emulator.core.behaviour import Say
from livecli.emulator.core.dialogue import UNSEEN_VIDEO
from livecli.emulator.core.token_count import ContextWindow
from livecli.protocol import events
from livecli.protocol.close_reasons import Refusal
from livecli.protocol.messages import (
    AudioTranscriptionConfig,
    Blob,
    Content,
    ContextWindowCompressionConfig,
    Part,
    SlidingWindow,
)
from livecli.protocol.models import Platform
from tests.emulator.plain_models import PLAIN_MODELS

NATIVE = "models/gemini-2.5-flash-native-audio-preview-12-2025"
FLASH = "publishers/google/models/gemini-live-2.5-flash"


def transcribed(**fields) -> dict:
    both = {"input_audio_transcription", "output_audio_transcription"}
    return {**dict.fromkeys(both, AudioTranscriptionConfig()), **fields}


def said(messages: list, kind: type = events.OutputTranscript) -> str:
    return "".join(event.text for message in messages for event in message if isinstance(event, kind))


def audio(messages: list) -> bytes:
    return b"".join(event.pcm for message in messages for event in message if isinstance(event, events.AudioChunk))


def usage(messages: list) -> dict:
    return next(event.metadata for event in messages[-1] if isinstance(event, events.Usage))


def inline(data: bytes, mime_type: str) -> Part:
    return Part(inline_data=Blob(mime_type=mime_type, data=base64.b64encode(data).decode()))


class TestPictures:
    def test_frames_are_acknowledged_once_and_counted_as_video(self, talk, setup) -> None:
        model = PLAIN_MODELS["gemini-3.8-live"]
        sees = structs.replace(model, images=structs.replace(model.images, seen_before_typed_text=True))
        session = talk(setup(**transcribed()), models={**PLAIN_MODELS, model.name: sees})
        session.say(events.Image(b"\xff"), events.Image(b"\xff"), events.Text("Look"))
        answers = session.answers()
        assert said(answers) == "Look [2 images]"
        assert UNSEEN_VIDEO not in session.log
        assert usage(answers)["promptTokensDetails"] == [
            {"modality": "TEXT", "tokenCount": 1},
            {"modality": "VIDEO", "tokenCount": 544},
        ]
        session.say(events.Text("And now"))
        assert said(session.answers()) == "And now"

    @pytest.mark.parametrize(
        "typed", [events.Text("Look"), events.ClientTurns((Content(role="user", parts=[Part(text="Look")]),))]
    )
    def test_a_typed_turn_does_not_see_frames_before_it(self, talk, setup, tone, typed) -> None:
        session = talk(setup(**transcribed()))
        session.say(events.Image(b"\xff"), typed)
        assert said(session.answers()) == "Look"
        session.say(typed)
        assert said(session.answers()) == "Look"
        assert session.log.count(UNSEEN_VIDEO) == 1
        session.speak(tone(0.5))
        assert said(session.answers()) == "[0.5 s of speech] [1 image]"

    def test_a_typed_turn_sees_the_picture_in_its_parts_alone(self, talk, setup) -> None:
        session = talk(setup(**transcribed()))
        parts = [inline(b"\xff\xd8", "image/jpeg"), Part(text="Look")]
        session.say(events.Image(b"\xff"), events.ClientTurns((Content(role="user", parts=parts),)))
        assert said(session.answers()) == "Look [1 image]"

    def test_speech_about_them_comes_back_as_it_was(self, talk, setup, tone) -> None:
        session = talk(setup(**transcribed()))
        session.say(events.Image(b"\xff"))
        session.speak(tone(0.5))
        answers = session.answers()
        assert said(answers) == "[0.5 s of speech] [1 image]"
        assert said(answers, events.InputTranscript) == "[0.5 s of speech]"
        assert len(audio(answers)) == 24_000

    @pytest.mark.parametrize(("text", "answer"), [("Look", "Look [1 image]"), (None, "[1 image]")])
    def test_pictures_in_content_are_images(self, talk, setup, text, answer) -> None:
        session = talk(setup(**transcribed()))
        parts = [inline(b"\xff\xd8", "image/jpeg"), *([Part(text=text)] if text else [])]
        session.say(events.ClientTurns((Content(role="user", parts=parts),)))
        answers = session.answers()
        assert said(answers) == answer
        assert {"modality": "IMAGE", "tokenCount": 272} in usage(answers)["promptTokensDetails"]

    def test_an_utterance_without_sound_is_about_the_picture(self, talk, setup) -> None:
        session = talk(setup(**transcribed()))
        session.say(events.Image(b"\xff"), events.ActivityStart(), events.ActivityEnd())
        assert said(session.answers()) == "[1 image]"


class TestSoundInContent:
    def test_it_is_an_utterance(self, talk, setup, tone) -> None:
        session = talk(setup(model=FLASH, **transcribed()), Platform.VERTEX)
        part = inline(tone(0.5, rate=48_000), "audio/pcm;rate=48000")
        session.say(events.ClientTurns((Content(role="user", parts=[part, Part(text="What is it?")]),)))
        answers = session.answers()
        assert said(answers) == "[0.5 s of speech] What is it?"
        assert said(answers, events.InputTranscript) == "[0.5 s of speech]"
        assert len(audio(answers)) == 24_000 + 2 * 1_440 * len(" What is it?")
        assert all(spool.closed for spool in session.spools)

    @pytest.mark.parametrize(
        ("model", "rate", "closed"),
        [
            ("models/gemini-3.8-live", 24_000, "1008 Operation is not implemented, or supported, or enabled."),
            ("models/gemini-3.1-flash-live-preview", 24_000, "1008 Operation is not implemented"),
            (NATIVE, 16_000, "1007 Request contains an invalid argument."),
        ],
    )
    def test_it_is_refused_by_models_that_do_not_take_it(self, talk, setup, model, rate, closed) -> None:
        session = talk(setup(model=model))
        with pytest.raises(Refusal, match=closed):
            session.say(
                events.ClientTurns((Content(role="user", parts=[inline(bytes(64), f"audio/pcm;rate={rate}")]),))
            )

    def test_it_waits_for_the_end_of_the_turn(self, talk, setup, tone) -> None:
        session = talk(setup(**transcribed()))
        part = inline(tone(0.5), "audio/pcm")
        for _ in range(2):
            session.say(events.ClientTurns((Content(role="user", parts=[part]),), turn_complete=False))
        assert session.answers() == []
        session.say(events.ClientTurns())
        assert said(session.answers()) == "[1.0 s of speech]"

    def test_files_are_named(self, talk, setup) -> None:
        session = talk(setup(**transcribed()))
        session.say(events.ClientTurns((Content(role="user", parts=[inline(bytes(3_000), "audio/mp3")]),)))
        assert said(session.answers()) == "[audio/mp3, 3000 bytes]"

    @pytest.mark.parametrize(
        "blob", [Blob(mime_type="audio/pcm", data="!"), Blob(mime_type="audio/pcm;rate=1", data="AAAA")]
    )
    def test_what_cannot_be_heard_is_refused(self, talk, setup, blob) -> None:
        session = talk(setup())
        with pytest.raises(Refusal, match="1007"):
            session.say(events.ClientTurns((Content(role="user", parts=[Part(inline_data=blob)]),)))

    def test_the_session_may_end_before_the_turn(self, talk, setup) -> None:
        session = talk(setup())
        turn = Content(role="user", parts=[inline(bytes(320), "audio/pcm")])
        session.say(events.ClientTurns((turn,), turn_complete=False))
        session.conversation.close()
        assert [spool.closed for spool in session.spools] == [True]


class TestMediaChunks:
    def test_older_models_take_them(self, talk, setup, tone) -> None:
        session = talk(setup(**transcribed(model=NATIVE)))
        session.say(events.MediaChunks(events.Image(b"\xff")), events.ActivityStart())
        session.say(events.MediaChunks(events.AudioChunk(tone(0.5))), events.ActivityEnd())
        assert said(session.answers()) == "[0.5 s of speech] [1 image]"

    def test_those_of_today_do_not(self, talk, setup) -> None:
        with pytest.raises(Refusal, match="1007 Request contains an invalid argument"):
            talk(setup()).say(events.MediaChunks(events.AudioChunk(bytes(2))))


def test_a_behaviour_knows_what_it_may_do(talk, setup) -> None:
    from livecli.protocol.messages import FunctionDeclaration, Tool

    heard_all = []

    class Curious:
        def answer(self, turn):
            heard_all.append(turn)
            yield Say("so", [])

    tools = [Tool(function_declarations=[FunctionDeclaration(name="f")]), Tool(google_search={})]
    session = talk(setup(tools=tools), behaviour=Curious())
    parts = [inline(b"\xff\xd8", "image/jpeg"), Part(text="hi")]
    session.say(events.ClientTurns((Content(role="user", parts=parts),)))
    session.answers()
    (heard,) = heard_all
    assert (heard.text, heard.images, heard.functions, heard.search) == ("hi", 1, frozenset({"f"}), True)


class TestWindow:
    def test_without_compression_it_fills(self) -> None:
        window = ContextWindow(1_000, None)
        assert window.slide(900) == 900
        assert window.slide(1_001) > window.size_tokens
        assert not ContextWindow(1_000, ContextWindowCompressionConfig(trigger_tokens=1)).compresses

    def test_it_slides_from_80_percent_to_half_of_that(self) -> None:
        window = ContextWindow(1_000, ContextWindowCompressionConfig(sliding_window=SlidingWindow()))
        assert [window.slide(total) for total in (800, 801, 900, 1_201, 1_202)] == [800, 400, 499, 800, 400]
        assert window.forgotten_tokens == 802

    def test_it_slides_as_it_is_told(self) -> None:
        window = ContextWindow(
            1_000, ContextWindowCompressionConfig(trigger_tokens=100, sliding_window=SlidingWindow(target_tokens=0))
        )
        assert window.slide(101) == 0
