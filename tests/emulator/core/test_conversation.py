"""One session's life, with time as an argument."""

import tracemalloc

import pytest

from livecli.emulator.core.behaviour import Say
from livecli.emulator.core.conversation import MAX_TEXT_CHARACTERS, MAX_WAITING_TURNS
from livecli.protocol import events
from livecli.protocol.close_reasons import Refusal
from livecli.protocol.messages import AudioTranscriptionConfig, Content, GenerationConfig, Part
from livecli.protocol.models import MODELS, Platform


def audio(messages: list) -> bytes:
    return b"".join(event.pcm for message in messages for event in message if isinstance(event, events.AudioChunk))


def words(messages: list, kind: type) -> str:
    return "".join(event.text for message in messages for event in message if isinstance(event, kind))


def usage(messages: list) -> dict:
    (found,) = [event.metadata for event in messages[-1] if isinstance(event, events.Usage)]
    return found


def ended(messages: list) -> bool:
    *_, generated, completed = messages
    return generated == [events.GenerationComplete()] and completed[0] == events.TurnComplete()


def written(text: str, role: str = "user") -> Content:
    return Content(role=role, parts=[Part(text=text)])


def test_nothing_is_said_before_the_setup(talk) -> None:
    fresh = talk()
    assert fresh.conversation.accepts_input
    assert fresh.answers() == []


def test_the_client_is_not_listened_to_until_setup_complete_is_taken(talk, setup) -> None:
    fresh = talk()
    fresh.say(events.Setup(setup()))
    assert not fresh.conversation.accepts_input
    assert len(fresh.answers()) == 1
    assert fresh.conversation.accepts_input


def test_an_utterance_comes_back_at_24_khz(talk, setup, tone) -> None:
    session = talk(setup())
    session.speak(tone(1.0))
    answers = session.answers()
    assert len(audio(answers)) == 48_000
    assert {event.rate for message in answers[:-2] for event in message} == {24_000}
    assert ended(answers)
    assert usage(answers)["promptTokenCount"] == usage(answers)["responseTokenCount"] == 25


@pytest.mark.parametrize(
    ("model", "pieces"), [("gemini-3.8-live", 1), ("gemini-2.5-flash-native-audio-preview-12-2025", 2)]
)
def test_transcripts_only_where_they_are_asked_for(talk, setup, tone, model: str, pieces: int) -> None:
    quiet = talk(setup())
    quiet.speak(tone(0.5))
    assert not words(quiet.answers(), events.InputTranscript | events.OutputTranscript)
    transcript = AudioTranscriptionConfig()
    both = talk(
        setup(model=f"models/{model}", input_audio_transcription=transcript, output_audio_transcription=transcript)
    )
    both.speak(tone(0.5))
    answers = both.answers()
    assert words(answers, events.InputTranscript) == "[0.5 s of speech]"
    assert words(answers, events.OutputTranscript) == "[0.5 s of speech]"
    assert len([m for m in answers if isinstance(m[0], events.InputTranscript)]) == pieces


def test_vertex_marks_the_ends_of_transcripts(talk, setup, tone) -> None:
    asked = {
        "input_audio_transcription": AudioTranscriptionConfig(),
        "output_audio_transcription": AudioTranscriptionConfig(),
    }
    model = "publishers/google/models/gemini-live-2.5-flash"
    session = talk(setup(Platform.VERTEX, model=model, **asked), Platform.VERTEX, models=MODELS)
    session.speak(tone(0.5))
    answers = session.answers()
    heard = [m[0] for m in answers if isinstance(m[0], events.InputTranscript)]
    said = [m[0] for m in answers if isinstance(m[0], events.OutputTranscript)]
    assert said[0] == events.OutputTranscript("")
    assert [event.finished for event in said] == [False] * (len(said) - 1) + [True]
    assert [event.finished for event in heard] == [False] * (len(heard) - 1) + [True]


def test_an_utterance_without_audio_still_ends(talk, setup) -> None:
    session = talk(setup(input_audio_transcription=AudioTranscriptionConfig()))
    session.say(events.ActivityStart(), events.ActivityEnd())
    assert session.answers() == [[events.WaitingForInput(), events.TurnComplete(), events.Usage({})]]


def test_detection_gives_a_turn_for_each_utterance(talk, setup, tone, silence) -> None:
    session = talk(setup(manual=False))
    session.say(events.AudioChunk(tone(0.4) + silence(0.6) + tone(0.4) + silence(0.6)))
    answers = session.answers()
    assert len([m for m in answers if isinstance(m[0], events.TurnComplete)]) == 2
    assert len(audio(answers)) == 48_000 * 11 // 10  # 100 ms after each, 100 ms before the second


def test_the_end_of_the_stream_ends_the_turn(talk, setup, tone) -> None:
    session = talk(setup(manual=False))
    session.say(events.AudioChunk(tone(0.4)))
    assert session.answers() == []
    session.say(events.AudioStreamEnd())
    assert len(audio(session.answers())) == 48_000 * 4 // 10


def test_a_typed_line_is_a_turn(talk, setup) -> None:
    session = talk(setup(output_audio_transcription=AudioTranscriptionConfig()))
    session.say(events.Text("Hello there"))
    answers = session.answers()
    assert len(audio(answers)) == 11 * 1_440 * 2
    assert words(answers, events.OutputTranscript) == "Hello there"
    assert usage(answers)["promptTokensDetails"] == [{"modality": "TEXT", "tokenCount": 3}]


def test_client_content_waits_for_turn_complete(talk, setup) -> None:
    session = talk(setup(output_audio_transcription=AudioTranscriptionConfig()))
    session.say(events.ClientTurns((written("Hello"),), turn_complete=False))
    session.say(events.ClientTurns((written("there", role=""),), turn_complete=False))
    assert session.answers() == []
    session.say(events.ClientTurns((), turn_complete=True))
    assert words(session.answers(), events.OutputTranscript) == "Hello there"
    session.say(events.ClientTurns((written("Again"),)))
    assert words(session.answers(), events.OutputTranscript) == "Again"


def test_only_what_the_user_wrote_last_is_answered(talk, setup) -> None:
    session = talk(setup(output_audio_transcription=AudioTranscriptionConfig()))
    history = (written("Hi"), written("Hello!", "model"), written("Be brief", "system"), written("How are you?"))
    session.say(events.ClientTurns(history))
    assert words(session.answers(), events.OutputTranscript) == "How are you?"


def test_client_content_without_text_still_ends(talk, setup) -> None:
    session = talk(setup())
    session.say(events.ClientTurns((), turn_complete=True))
    assert ended(session.answers())


def test_a_model_that_writes_answers_in_text(talk, setup, tone) -> None:
    text = GenerationConfig(response_modalities=["TEXT"])
    session = talk(
        setup(Platform.VERTEX, model="publishers/google/models/gemini-live-2.5-flash", generation_config=text),
        Platform.VERTEX,
    )
    session.speak(tone(0.5))
    answers = session.answers()
    assert audio(answers) == b""
    assert words(answers, events.ModelText) == "[0.5 s of speech]"
    assert usage(answers)["responseTokensDetails"] == [{"modality": "TEXT", "tokenCount": 5}]


def test_usage_counts_the_turn_and_its_whole_context(talk, setup, tone) -> None:
    session = talk(setup(system_instruction=Content(parts=[Part(text="Be brief")])))
    for earlier in (0, 1, 2):
        session.speak(tone(1.0))
        assert usage(session.answers()) == {
            "promptTokenCount": 2 + 50 * earlier + 25,
            "responseTokenCount": 25,
            "totalTokenCount": 2 + 50 * earlier + 50,
            "promptTokensDetails": [
                {"modality": "TEXT", "tokenCount": 2 + 25 * earlier},
                {"modality": "AUDIO", "tokenCount": 25 * earlier + 25},
            ],
            "responseTokensDetails": [{"modality": "AUDIO", "tokenCount": 25}],
        }


def test_pictures_tools_and_updates_are_taken_in_silence(talk, setup) -> None:
    from livecli.protocol import messages

    session = talk(setup())
    session.say(events.Image(b"\xff\xd8"), events.ToolResponse(()), events.ContextUpdate(messages.ContextUpdate()))
    assert session.answers() == []


def test_a_reply_is_made_only_when_it_is_taken(talk, setup) -> None:
    made = []

    class Endless:
        def answer(self, turn):
            def speech():
                while True:
                    made.append(1)
                    yield bytes(9_600)

            yield Say("on and on", speech())

    session = talk(setup(), behaviour=Endless())
    session.say(events.Text("go"))
    assert made == []
    for _ in range(10):
        session.conversation.next_message(0.0)
    assert len(made) <= 12


def test_answers_that_are_not_taken_stop_the_listening(talk, setup) -> None:
    session = talk(setup())
    for _ in range(MAX_WAITING_TURNS):
        assert session.conversation.accepts_input
        session.say(events.Text("more"))
    assert not session.conversation.accepts_input
    session.conversation.next_message(0.0)
    assert session.conversation.accepts_input


def test_a_text_longer_than_the_context_is_refused(talk, setup) -> None:
    session = talk(setup())
    session.say(events.ClientTurns((written("x" * MAX_TEXT_CHARACTERS),), turn_complete=False))
    with pytest.raises(Refusal, match="1007"):
        session.say(events.ClientTurns((written("x"),), turn_complete=False))
    with pytest.raises(Refusal, match="1007"):
        talk(setup()).say(events.Text("x" * (MAX_TEXT_CHARACTERS + 1)))


def test_files_are_let_go_after_the_answer(talk, setup, tone) -> None:
    session = talk(setup())
    session.speak(tone(0.1))
    session.answers()
    assert [spool.closed for spool in session.spools] == [True]


def test_closing_lets_go_of_everything(talk, setup, tone) -> None:
    session = talk(setup())
    session.speak(tone(0.5))
    session.speak(tone(0.5))
    session.conversation.next_message(0.0)  # the first is being answered, the second waits, a third is spoken
    session.say(events.ActivityStart())
    session.conversation.close()
    assert [spool.closed for spool in session.spools] == [True, True, True]
    assert session.answers() == []


def test_a_long_utterance_is_answered_in_constant_memory(talk, setup) -> None:
    session = talk(setup())
    session.say(events.ActivityStart())
    minute = events.AudioChunk(bytes(60 * 32_000))
    tracemalloc.start()
    for _ in range(15):
        session.say(minute)
    session.say(events.ActivityEnd())
    said_bytes = 0
    while (message := session.conversation.next_message(0.0)) is not None:
        said_bytes += sum(len(event.pcm) for event in message if isinstance(event, events.AudioChunk))
    _, peak_bytes = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert said_bytes == 15 * 60 * 48_000
    assert peak_bytes < 4_000_000  # 29 MB were heard
