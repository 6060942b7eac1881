"""What was said, as far as there is room for it."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from livecli.chat import transcript
from livecli.chat.transcript import Transcript, TranscriptEntry


def test_a_fresh_session_is_told_who_said_what():
    said = Transcript()
    for number, entry in enumerate([("hello", "hi"), ("", "are you there?"), ("yes", "")]):
        said.put(number, TranscriptEntry(*entry))
    contents = [(content.role, content.parts[0].text) for content in said.contents()]
    assert contents == [("user", "hello"), ("model", "hi"), ("model", "are you there?"), ("user", "yes")]


def test_the_oldest_are_forgotten_and_the_last_never():
    said = Transcript()
    for number in range(10):
        said.put(number, TranscriptEntry(str(number), "x" * (transcript.MAX_CHARACTERS // 4)))
    assert [entry.question for entry in said.entries] == ["7", "8", "9"]
    said.put(11, TranscriptEntry("long", "y" * 2 * transcript.MAX_CHARACTERS))
    assert [entry.question for entry in said.entries] == ["long"]


@settings(max_examples=20)
@given(st.lists(st.tuples(st.integers(0, 5), st.text(max_size=30), st.text(max_size=30))))
def test_its_length_is_that_of_its_turns(turns):
    said = Transcript(max_characters=100)
    for number, asked, answered in turns:
        said.put(number, TranscriptEntry(asked, answered))
    length = sum(len(entry.question) + len(entry.answer) for entry in said.entries)
    assert said._characters == length
    assert length <= 100 or len(said.entries) == 1


def test_a_correction_replaces_a_turn_that_is_still_there():
    said = Transcript()
    for number in (1, 2):
        said.put(number, TranscriptEntry("a", "b"))
    said.correct(1, TranscriptEntry("a", "bc"))
    said.correct(3, TranscriptEntry("never", "said"))
    assert said.numbered == [(1, TranscriptEntry("a", "bc")), (2, TranscriptEntry("a", "b"))]
    said.clear()
    said.correct(1, TranscriptEntry("a", "bc"))
    assert not said.contents()
