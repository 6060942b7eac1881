"""What the dialogue does for each model. `test_interruption` has what all models do."""

from __future__ import annotations

import pytest

from livecli.emulator.core.behaviour import Say
from livecli.emulator.core.dialogue import LATENCY_SECONDS, REACTION_SECONDS
from livecli.emulator.core.script import ScriptedBehaviour
from livecli.emulator.core.script_file import read_script
from livecli.emulator.pace import BURST_SPEED, Pace
from livecli.protocol import events
from livecli.protocol.close_reasons import Refusal
from livecli.protocol.messages import AudioTranscriptionConfig, GenerationConfig, SessionResumptionConfig
from livecli.protocol.models import MODELS, Platform

V3_8, V3_1 = "models/gemini-3.8-live", "models/gemini-3.1-flash-live-preview"
NATIVE = "models/gemini-2.5-flash-native-audio-latest"
TRANSCRIBE = "models/gemini-3.5-transcribe-live"
START_AND_END = {"ACTIVITY_START", "ACTIVITY_END"}


class Talker:
    """Says ten seconds to everything."""

    def answer(self, turn):
        yield Say("on and on", [bytes(480_000)])


def scripted(text: str) -> ScriptedBehaviour:
    return ScriptedBehaviour(read_script(text, lambda name: []))


def transcript_of(sent: list) -> str:
    return "".join(event.text for event in sent if isinstance(event, events.InputTranscript))


def timeline(session, until: float, now: float = 0.0) -> list[tuple[float, list]]:
    """Each message with the time at which it is sent."""
    sent = []
    while True:
        sent += [(now, message) for message in session.answers(now=now)]
        wake_at = session.conversation.wake_at
        if wake_at is None or wake_at > until:
            return sent
        now = wake_at


def kinds(messages: list) -> list[str]:
    """The kinds of the messages, without frames `{}`."""
    return ["+".join(event.log_name for event in message) for message in messages if message]


def say_clip(session, pcm: bytes, now: float = 0.0) -> None:
    for start in range(0, len(pcm), 3_200):
        session.say(events.AudioChunk(pcm[start : start + 3_200]), now=now)


class TestUnasked:
    def test_the_default_model_sends_its_handle_after_the_setup(self, talk, setup) -> None:
        session = talk(setup(), models=MODELS)
        ((update,),) = session.answers()
        assert isinstance(update, events.ResumptionUpdate)
        assert update.resumable
        assert len(update.handle) == 36
        session.say(events.Text("hi"))
        assert "resumption" not in kinds(session.answers())

    def test_such_a_handle_resumes_the_session_as_it_is_now(self, talk, setup) -> None:
        from livecli.emulator.core.handles import HandleStore

        store = HandleStore()
        first = talk(setup(), models=MODELS, sessions=store)
        ((update,),) = first.answers()
        first.say(events.Text("hi"))
        first.answers()
        first.conversation.close(1.0)
        second = talk(
            setup(session_resumption=SessionResumptionConfig(handle=update.handle)), models=MODELS, sessions=store
        )
        second.say(events.Text("you"), now=2.0)
        second.answers(now=2.0)
        assert second.turns_done == 2

    def test_earlier_models_send_handles_only_if_asked(self, talk, setup) -> None:
        assert talk(setup(model=NATIVE), models=MODELS).answers() == []

    @pytest.mark.parametrize(
        ("model", "expected"),
        [
            (V3_8, ["voice_activity", "input_transcript", "voice_activity"]),
            (V3_1, ["empty_content+voice_activity", "input_transcript", "empty_content+voice_activity"]),
            (NATIVE, []),
        ],
    )
    def test_voice_activity_and_input_transcripts(
        self, talk, setup, tone, silence, model: str, expected: list[str]
    ) -> None:
        session = talk(setup(manual=False, model=model), models=MODELS)
        session.answers()
        session.say(events.AudioChunk(silence(0.4) + tone(0.6) + silence(0.6)))
        heard = [kind for kind in kinds(session.answers()) if "activity" in kind or "input" in kind]
        assert heard == expected


class TestBurst:
    def test_an_answer_begins_after_the_latency_of_the_service(self, talk, setup) -> None:
        session = talk(setup(), pace=Pace.BURST)
        session.say(events.Text("hi"), now=5.0)
        assert timeline(session, 60.0, now=5.0)[0][0] == 5.0 + LATENCY_SECONDS

    def test_speech_interrupts_a_long_answer_after_a_reaction_time(self, talk, setup) -> None:
        session = talk(setup(), behaviour=Talker(), pace=Pace.BURST)
        session.say(events.Text("go"))
        timeline(session, 1.0)
        session.say(events.ActivityStart(), now=1.0)
        sent = timeline(session, 60.0, now=1.0)
        assert kinds([message for _, message in sent])[-2:] == ["interrupted", "turn_complete+usage"]
        assert sent[-1][0] == pytest.approx(1.0 + REACTION_SECONDS)
        assert "generation_complete" not in kinds([message for _, message in sent])

    def test_a_pause_in_a_question_splits_it_and_one_answer_comes_to_both(self, talk, setup, tone, silence) -> None:
        config = {"input_audio_transcription": AudioTranscriptionConfig()}
        session = talk(setup(manual=False, model=NATIVE, **config), models=MODELS, pace=Pace.BURST)
        say_clip(session, silence(0.2) + tone(1.0) + silence(0.8) + tone(1.0) + silence(0.6))
        messages = [message for _, message in timeline(session, 60.0)]
        said = kinds(messages)
        assert said.count("interrupted") == 1
        assert said.count("generation_complete") == 1
        interrupted = said.index("interrupted")
        assert set(said[:interrupted]) == {"input_transcript"}
        (usage,) = [event for event in messages[interrupted + 1] if isinstance(event, events.Usage)]
        assert "responseTokenCount" not in usage.metadata
        # Both parts of the question have their padding.
        pcm = b"".join(event.pcm for message in messages for event in message if isinstance(event, events.AudioChunk))
        assert len(pcm) / 48_000 == pytest.approx(2.4, abs=0.1)
        assert [spool.closed for spool in session.spools] == [True, True]

    def test_the_words_of_a_script_are_sent_once_for_a_question_with_a_pause(self, talk, setup, tone, silence) -> None:
        config = {"input_audio_transcription": AudioTranscriptionConfig()}
        heard = []
        behaviour = scripted('[[turn]]\nheard = "where is it"\nsay = "here"')
        session = talk(
            setup(manual=False, model=NATIVE, **config),
            models=MODELS,
            pace=Pace.BURST,
            behaviour=behaviour,
            heard=heard.append,
        )
        say_clip(session, silence(0.2) + tone(1.0) + silence(0.8) + tone(1.0) + silence(0.6))
        sent = [event for _, message in timeline(session, 60.0) for event in message]
        assert transcript_of(sent) == "where is it"
        assert [event for event in sent if isinstance(event, events.Interrupted)]
        assert heard == ["where is it"]

    def test_the_default_model_does_not_split(self, talk, setup, tone, silence) -> None:
        session = talk(setup(manual=False), models=MODELS, pace=Pace.BURST)
        say_clip(session, silence(0.2) + tone(0.4) + silence(0.8) + tone(0.4) + silence(0.6))
        assert "interrupted" not in kinds([message for _, message in timeline(session, 60.0)])[:8]


class TestTranscribing:
    def test_it_hears_what_the_script_says(self, talk, setup, tone) -> None:
        config = GenerationConfig(response_modalities=["TEXT"])
        behaviour = scripted('[[turn]]\nheard = "one"\nsay = "a"\n[[turn]]\nheard = "two"\nsay = "b"')
        session = talk(setup(model=TRANSCRIBE, generation_config=config), models=MODELS, behaviour=behaviour)
        for words in ("one", "two"):
            session.speak(tone(1.0))
            answer = [event for message in session.answers() for event in message]
            assert transcript_of(answer) == words

    @pytest.fixture
    def session(self, talk, setup):
        made = talk(
            setup(model=TRANSCRIBE, generation_config=GenerationConfig(response_modalities=["TEXT"])), models=MODELS
        )
        assert made.answers() == []
        return made

    def test_an_activity_is_transcribed_and_its_end_is_the_end(self, session, tone) -> None:
        session.speak(tone(1.0))
        answers = session.answers()
        assert kinds(answers) == [
            "empty_content+voice_activity",
            "interim_transcript",
            "input_transcript",
            "generation_complete",
            "empty_content+voice_activity",
        ]
        assert answers[-1][1] == events.VoiceActivity("ACTIVITY_END", 1.0)
        assert answers[-3] == [events.InputTranscript("[1.0 s of speech]")]
        assert [spool.closed for spool in session.spools] == [True]

    @pytest.mark.parametrize("manual", [True, False])
    def test_interim_transcripts_come_while_the_speech_is_worked_through(
        self, talk, setup, tone, silence, manual: bool
    ) -> None:
        session = talk(setup(model=TRANSCRIBE, manual=manual), models=MODELS, pace=Pace.BURST)
        if manual:
            session.say(events.ActivityStart())
        say_clip(session, tone(2.0) + silence(1.0))
        if manual:
            session.say(events.ActivityEnd())
        sent = [
            (at, event)
            for at, message in timeline(session, 60.0)
            for event in message
            if isinstance(event, events.InterimTranscript | events.InputTranscript)
        ]
        assert [type(event) for _, event in sent] == [events.InterimTranscript] * 4 + [events.InputTranscript]
        lengths = [float(event.text[1:4]) for _, event in sent[:-1]]
        assert lengths == pytest.approx([0.5, 1.0, 1.5, 2.0], abs=0.101)
        assert [at for at, _ in sent[:-1]] == pytest.approx([length / BURST_SPEED for length in lengths], abs=0.05)

    def test_in_real_time_they_come_with_the_speech(self, talk, setup, tone) -> None:
        session = talk(setup(model=TRANSCRIBE), models=MODELS, pace=Pace.REALTIME)
        session.say(events.ActivityStart())
        assert kinds(session.answers()) == ["empty_content+voice_activity"]
        for number in range(10):
            session.say(events.AudioChunk(tone(0.1)), now=0.1 * number)
        assert session.answers(now=0.9) == [
            [events.InterimTranscript("[0.5 s of speech]")],
            [events.InterimTranscript("[1.0 s of speech]")],
        ]

    def test_each_activity_has_its_own(self, session, tone) -> None:
        for _ in range(2):
            session.speak(tone(1.0))
            assert [events.InterimTranscript("[1.0 s of speech]")] in session.answers()

    def test_much_audio_in_a_burst_is_taken_at_once(self, talk, setup, tone) -> None:
        session = talk(setup(model=TRANSCRIBE), models=MODELS, pace=Pace.BURST)
        session.say(events.ActivityStart())
        session.answers()
        say_clip(session, tone(30.0))
        assert session.conversation.accepts_input

    def test_a_silent_activity_has_only_its_end(self, session, silence) -> None:
        session.speak(silence(1.0))
        assert kinds(session.answers()) == ["empty_content+voice_activity"] * 2

    def test_an_empty_activity_closes_the_session(self, session) -> None:
        session.say(events.ActivityStart(), events.ActivityEnd())
        assert session.conversation.next_message(0.0) == [
            events.EmptyContent(),
            events.VoiceActivity("ACTIVITY_START", 0.0),
        ]
        assert session.conversation.next_message(0.0) == [events.TurnComplete(), events.Usage({})]
        with pytest.raises(Refusal, match=r"1007 Precondition check failed\."):
            session.conversation.next_message(0.0)


def test_a_translating_model_never_ends_its_turn(talk, setup, tone) -> None:
    session = talk(setup(model="models/gemini-3.5-live-translate-preview"), models=MODELS)
    session.speak(tone(1.0))
    assert set(kinds(session.answers())) == {"audio"}
    session.speak(tone(1.0))
    assert set(kinds(session.answers())) == {"audio"}
    assert session.turns_done == 2


def first_turns(talk, setup, model: str) -> list[list[bytes]]:
    """The audio frames of three typed turns."""
    session = talk(setup(model=model), models=MODELS)
    session.answers()
    turns = []
    for _ in range(3):
        session.say(events.Text("Look"))
        found = [event for message in session.answers() for event in message if isinstance(event, events.AudioChunk)]
        turns.append([chunk.pcm for chunk in found])
    return turns


def test_every_other_turn_of_the_default_model_opens_with_one_silent_sample(talk, setup) -> None:
    first, second, third = first_turns(talk, setup, V3_8)
    assert second[0] == bytes(2)
    assert min(map(len, [first[0], second[1], third[0]])) > 2
    assert b"".join(first) == b"".join(second) == b"".join(third)


def test_other_models_open_with_a_whole_frame(talk, setup) -> None:
    assert all(len(frames[0]) > 2 for frames in first_turns(talk, setup, V3_1))


def test_an_empty_turn_stops_an_answer_and_brings_none(talk, setup) -> None:
    session = talk(setup(Platform.VERTEX), Platform.VERTEX, behaviour=Talker(), models=MODELS, pace=Pace.BURST)
    session.say(events.Text("go"))
    timeline(session, 1.0)
    session.say(events.ClientTurns(()), now=1.0)
    assert kinds(session.answers(now=1.0)) == ["interrupted", "turn_complete+usage"]
    assert timeline(session, 60.0, now=1.0) == []
