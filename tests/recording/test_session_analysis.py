"""The analysis of a recorded session."""

from __future__ import annotations

from livecli.recording.format import RecordedConnection, Recording
from livecli.recording.session_analysis import TranscriptLine, analysed, transcript
from tests.page.recordings import CLIENT, SERVER, asked, content, frame, session


def test_turns_have_their_question_their_answer_and_their_times() -> None:
    spoken, typed = analysed(session("hi")).turns
    assert (spoken.asked_at, spoken.first_at, spoken.audio_at, spoken.sound_at) == (0.4, 0.7, 0.9, 1.0)
    assert (spoken.heard, spoken.said, spoken.question, typed.question) == ("hi", "hi", "hi", "hi")
    assert (spoken.calls, spoken.responses) == ([("hi", {"hi": "hi"})], [("hi", {"hi": "hi"})])
    assert (spoken.usage, typed.usage) == ([{"totalTokenCount": 40}], [])
    assert (spoken.is_interrupted, typed.is_interrupted) == (False, True)
    assert round(spoken.silent_seconds, 3) == 0.2
    assert round(spoken.audio_seconds, 3) == 0.4


def test_connections_are_on_one_clock() -> None:
    first = session().connections[0]
    found = analysed(Recording([first, first]))
    assert [round(turn.first_at or 0, 1) for turn in found.turns] == [0.7, 2.5, 3.7, 5.5]
    assert found.setups == [0.25, 0.25]
    assert found.ends_at == 6.0


def test_the_history_of_another_connection_is_no_question() -> None:
    turns = [{"role": role, "parts": [{"text": text}]} for role, text in (("user", "one"), ("model", "1"))]
    asked_now = [{"role": "user", "parts": [{"text": text}]} for text in ("two", "please")]
    frames = [
        frame(CLIENT, 0.0, clientContent={"turns": [*turns, *asked_now], "turnComplete": True}),
        content(0.1, turnComplete=True),
        frame(CLIENT, 0.2, clientContent={"turns": turns, "turnComplete": True}),
        frame(CLIENT, 0.3, realtimeInput={"text": "three"}),
    ]
    found = analysed(Recording([RecordedConnection(frames=frames)]))
    assert [turn.question for turn in found.turns] == ["two please", "three"]


def test_the_transcript_joins_the_pieces_of_an_utterance() -> None:
    frames = [
        asked(0.0),
        content(0.1, inputTranscription={"text": "Good "}),
        content(0.2, outputTranscription={"text": "It "}),
        content(0.3, inputTranscription={"text": "morning"}),
        content(0.4, outputTranscription={"text": "is."}),
        content(0.5, turnComplete=True),
        frame(CLIENT, 1.0, realtimeInput={"text": "Yes"}),
    ]
    assert transcript(analysed(Recording([RecordedConnection(frames=frames)]))) == [
        TranscriptLine(0.1, CLIENT, "Good morning"),
        TranscriptLine(0.2, SERVER, "It is."),
        TranscriptLine(1.0, CLIENT, "Yes"),
    ]
