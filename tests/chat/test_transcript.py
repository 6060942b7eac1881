"""What was said, as far as there is room for it."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from livecli.chat import transcript
from livecli.chat.transcript import Transcript, TranscriptEntry


def test_a_fresh_session_is_told_who_said_what():
    said = Transcript()
    for entry in (TranscriptEntry("hello", "hi"), TranscriptEntry("", "are you there?"), TranscriptEntry("yes", "")):
        said.add(entry)
    contents = [(content.role, content.parts[0].text) for content in said.contents()]
    assert contents == [("user", "hello"), ("model", "hi"), ("model", "are you there?"), ("user", "yes")]


def test_the_oldest_are_forgotten_and_the_last_never():
    said = Transcript()
    for number in range(10):
        said.add(TranscriptEntry(str(number), "x" * (transcript.MAX_CHARACTERS // 4)))
    assert [entry.question for entry in said.entries] == ["7", "8", "9"]
    said.add(TranscriptEntry("long", "y" * 2 * transcript.MAX_CHARACTERS))
    assert [entry.question for entry in said.entries] == ["long"]


@given(st.lists(st.tuples(st.text(max_size=30), st.text(max_size=30), st.booleans())))
def test_it_never_holds_more_than_it_may(turns):
    said = Transcript()
    for asked, answered, late in turns:
        entry = TranscriptEntry(asked, answered)
        said.add(entry)
        if late:
            said.replace(entry, TranscriptEntry(asked, answered + "!"))
    assert said._characters == sum(len(entry.question) + len(entry.answer) for entry in said.entries)


def test_what_is_known_late_replaces_the_last_that_is_alike():
    said = Transcript()
    for entry in (TranscriptEntry("a", "b"), TranscriptEntry("a", "b")):
        said.add(entry)
    said.replace(TranscriptEntry("a", "b"), TranscriptEntry("a", "bc"))
    said.replace(TranscriptEntry("never", "said"), TranscriptEntry("", ""))
    assert [entry.answer for entry in said.entries] == ["b", "bc"]
    said.clear()
    said.replace(TranscriptEntry("a", "b"), TranscriptEntry("a", "bc"))
    assert not said.contents()
