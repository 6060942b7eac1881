"""Secrets that a server quotes: in escapes of JSON, and in pieces of a text, wherever it is cut."""

from __future__ import annotations

import json
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from livecli.protocol import events
from livecli.protocol.elision import PieceElision, secrets_in, without_secrets
from tests.cases import in_one_test

SECRET = "ya29.a-secret-token"


@pytest.mark.parametrize(
    ("frame", "shown"),
    [
        (rb'{"a": "ya29.a-secret\u002dtoken"}', '{"a": "…"}'),
        (rb'{"a": "\u0079\u0061\u00329.a-secret-toke\u006E!"}', '{"a": "…!"}'),
        (rb'{"a": "\"\\ya29.a-secret\u002dtoken\n"}', r'{"a": "\"\\…\n"}'),
        # What follows an escaped backslash is no escape.
        (rb'{"a": "ya29.a-secret\\u002dtoken"}', r'{"a": "ya29.a-secret\\u002dtoken"}'),
        # A frame without the secret stays as it was.
        (rb'{"a": "\u0041\/"}', r'{"a": "\u0041\/"}'),
    ],
)
def test_escapes_hide_no_secret(frame, shown) -> None:
    assert without_secrets(frame, [SECRET]).decode() == shown


@pytest.mark.parametrize("spelling", [rb"k/e\"y\\0123", rb"k\/e\u0022y\u005C0123", rb"\u006b/e\"y\u005c0123"])
def test_a_secret_that_json_escapes(spelling) -> None:
    assert without_secrets(b'["' + spelling + b'"]', ['k/e"y\\0123']) == '["…"]'.encode()


def elided(*pieces, secrets=(SECRET,), kind=events.OutputTranscript):
    """What is left of each piece."""
    elision = PieceElision(secrets)
    texts = []
    for piece in pieces:
        [event], _ = elision.elided([kind(piece)], b"")
        texts.append(event.text)
    return texts


@in_one_test(
    ("pieces", "left"),
    [
        (["the ", "word"], ["the ", "word"]),
        ([f"it is {SECRET}!"], ["it is …!"]),
        (["it is ya29.a-se", "cret-token!"], ["it is …", "!"]),
        (["ya29.a-s", "e", "", "cret", "-token", "."], ["…", "", "", "", "", "."]),
        # Fewer than eight characters may stand in any text.
        (["it is ya29", ".a-secret-token!"], ["it is ya29", "…!"]),
        (["y", "a", "2", "9", ".", "a", "-", *SECRET[7:]], ["y", "a", "2", "9", ".", "a", "-", "…", *[""] * 11]),
        (["ya29.a-s", "ong"], ["…", "ong"]),
        (["ya29.a-secret-toke", "n" + SECRET], ["…", "…"]),
        ([SECRET[:10], SECRET], ["…", "…"]),
    ],
)
def test_pieces_of_a_text(pieces, left):
    assert elided(*pieces) == left


@pytest.mark.parametrize("kind", [events.InputTranscript, events.ModelText, events.OutputTranscript, events.Thought])
def test_each_kind_is_a_text_of_its_own(kind):
    assert elided(SECRET[:10], SECRET[10:], kind=kind) == ["…", ""]
    elision = PieceElision([SECRET])
    others = {events.InputTranscript, events.ModelText, events.OutputTranscript, events.Thought} - {kind}
    for other in others:
        elision.elided([other(SECRET[:10])], b"")
    assert elision.elided([kind("-token")], b"")[0] == [kind("-token")]


def test_other_events_and_the_rest_of_an_event_stay():
    received = [events.TurnComplete(), events.InputTranscript(SECRET, finished=True), events.Usage({"a": SECRET})]
    assert PieceElision([SECRET]).elided(received, b"")[0] == [
        received[0],
        events.InputTranscript("…", finished=True),
        received[2],
    ]


def test_short_strings_are_no_secrets():
    assert elided("a short", " one", secrets=["short", ""]) == ["a short", " one"]


@given(
    text=st.text('ab…é"', max_size=6).flatmap(lambda some: st.just(f"{some}abababababx{some}")),
    cuts=st.lists(st.integers(0, 30), max_size=6),
    secret=st.sampled_from(["abababababx", "babababa"]),
)
def test_no_eight_characters_are_left_wherever_it_is_cut(text, cuts, secret):
    ends = [0, *sorted(min(cut, len(text)) for cut in cuts), len(text)]
    left = "".join(elided(*(text[start:end] for start, end in pairwise(ends)), secrets=[secret]))
    assert secret not in left
    assert "".join(each for each in text if each not in "ab…x") == "".join(each for each in left if each not in "ab…x")


@pytest.mark.parametrize("text", ["it is ya29.a-se", "é ya29.a-se"])
def test_the_frame_has_what_is_left(text):
    for frame in (json.dumps({"text": text}), json.dumps({"text": text}, ensure_ascii=False)):
        [event], shown = PieceElision([SECRET]).elided([events.OutputTranscript(text)], frame.encode())
        assert event.text == text.replace("ya29.a-se", "…")
        assert b"ya29" not in shown
    # Where it is spelled otherwise, none of it is shown.
    spelled = rb'{"text": "it is \u0079a29.a-se"}'
    assert PieceElision([SECRET]).elided([events.OutputTranscript("it is ya29.a-se")], spelled)[1] == "…".encode()


def test_a_frame_with_the_same_text_twice():
    received = [events.OutputTranscript(SECRET[:9]), events.InputTranscript(SECRET[:9])]
    frame = json.dumps([SECRET[:9], SECRET[:9]]).encode()
    assert PieceElision([SECRET]).elided(received, frame)[1] == '["…", "…"]'.encode()


def test_the_secrets_in_a_close_reason_and_the_beginning_of_one_at_its_end():
    assert secrets_in(f"{SECRET} is not valid", [SECRET, "another-secret", "short"]) == [SECRET]
    assert secrets_in("this is ya29.a-sec", [SECRET]) == ["ya29.a-sec"]
    assert secrets_in("this is ya29", [SECRET]) == []
