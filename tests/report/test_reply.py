"""What a program and a notebook are given of an answer."""

import base64
import re
from pathlib import Path

import pytest

from livecli.errors import ServerError
from livecli.media.reply import IN_MEMORY, ReplyWriter
from livecli.media.reply_buffer import ReplyBuffer
from livecli.protocol import events
from livecli.report.reply import Reply
from livecli.report.summary import Summary


def reply(*received, pcm=b"", warnings=(), **summary):
    run = Summary("text", **summary)
    for event in received:
        run.stats.note(event, 1.0)
    buffer = ReplyBuffer()
    writer = ReplyWriter(IN_MEMORY, buffer)
    writer.write(pcm, 24_000)
    writer.commit()
    return Reply(run, warnings, buffer)


def test_each_turn_of_the_model_has_a_line():
    words = [events.OutputTranscript("One", True), events.TurnComplete(), events.OutputTranscript("two", True)]
    assert reply(*words).text == "One\ntwo"


@pytest.mark.parametrize(
    ("received", "summary", "complete"),
    [
        ([events.TurnComplete()], {}, True),
        ([], {}, False),
        ([events.Interrupted(), events.TurnComplete()], {}, False),
        ([events.TurnComplete()], {"error": ServerError("lost")}, False),
    ],
)
def test_an_answer_is_complete_that_ended_undisturbed(received, summary, complete):
    assert reply(*received, **summary).complete is complete


def test_the_sound_is_what_was_written():
    answer = reply(pcm=b"\1\0" * 12_000)
    assert (answer.audio, answer.rate, answer.seconds) == (b"\1\0" * 12_000, 24_000, 0.5)
    assert (reply().audio, reply().rate, reply().seconds) == (b"", None, 0.0)


def test_the_sound_of_a_turn_that_is_repeated_is_taken_back():
    buffer = ReplyBuffer()
    writer = ReplyWriter(IN_MEMORY, buffer)
    writer.write(b"\1\0" * 100, 24_000)
    mark = writer.mark()
    writer.write(b"\2\0" * 100, 24_000)
    assert writer.rewind(mark)
    writer.write(b"\3\0" * 100, 24_000)
    writer.commit()
    assert (buffer.pcm, buffer.written, writer.abandon()) == (b"\1\0" * 100 + b"\3\0" * 100, 400, None)


def test_repr_says_the_answer_and_its_figures():
    spoken = [events.OutputTranscript("Around the corner.", True), events.TurnComplete()]
    answer = reply(*spoken, pcm=bytes(48_000), output="r.wav")
    assert repr(answer) == "<Reply 'Around the corner.' · 1.0 s · r.wav · complete>"
    assert answer.path == Path("r.wav")
    long = reply(events.OutputTranscript("word " * 100, True))
    assert len(repr(long)) < 110
    assert repr(long).endswith("…' · no audio · incomplete>")


def test_a_notebook_shows_the_transcripts_escaped_and_a_player():
    said = [events.InputTranscript("<i>hm</i>", True), events.OutputTranscript("<script>alert(1)</script>", True)]
    page = reply(*said, pcm=b"\1\0" * 100, warnings=("a < b",))._repr_html_()
    assert "<b>you</b> &lt;i&gt;hm&lt;/i&gt;" in page
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in page
    assert "a &lt; b" in page
    [wav] = re.findall(r'<audio controls src="data:audio/wav;base64,([^"]+)">', page)
    assert base64.b64decode(wav)[:4] == b"RIFF"
    assert base64.b64decode(wav)[44:] == b"\1\0" * 100
    assert "<script" not in page
    assert "<audio" not in reply(*said)._repr_html_()
