"""The page of one session."""

from __future__ import annotations

import re
from html.parser import HTMLParser

import pytest

from livecli.page.session import Verdict, clock, percentile, seconds, session_page, verdicts
from livecli.recording.format import By, RecordedClose, RecordedConnection, Recording
from livecli.recording.session_analysis import analysed
from tests.page.recordings import CLIENT, HOSTILE, content, frame, session


class Elements(HTMLParser):
    """The elements of a page, each with its attributes, and its text outside of script and style."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        if self.found and self.found[-1][0] not in ("script", "style"):
            self.text += data

    def count(self, tag: str) -> int:
        return sum(name == tag for name, _ in self.found)


def page(recording: Recording, name: str = "run.live", errors: tuple[str, ...] = ()) -> Elements:
    return Elements(b"".join(session_page(recording, name, errors)).decode())


def test_the_page_has_all_that_happened() -> None:
    text = page(session()).text
    for each in ("Good morning", "closed by the client (1000)", "interrupted: turn 2", "2 turns answered"):
        assert each in text
    assert re.search(r"tokens\s*40", text)
    assert re.search(r"setup\s*250 ms", text)
    # The last sound of the question was sent at 0.4, the call came at 0.7, and the first sound at 1.0.
    assert re.search(r"1\s*300 ms\s*600 ms\s*800 ms", text)
    assert "livecli send --text 'Good morning' --local --replay run.live" in text


def test_markup_in_every_string_is_text() -> None:
    plain, hostile = page(session("x")), page(session(HOSTILE), f"{HOSTILE}.live", (HOSTILE,))
    kinds = {tag for tag, _ in plain.found}
    assert {tag for tag, _ in hostile.found} == kinds
    assert (hostile.count("script"), hostile.count("img"), hostile.count("svg")) == (1, 0, 1)
    assert not [name for _, attributes in hostile.found for name in attributes if name.startswith("on")]
    assert HOSTILE in hostile.text


def test_the_marks_are_in_the_picture() -> None:
    found = page(session()).text
    for each in ("interrupted", "goAway", "voice begins", "tool call", "tool response", "generationComplete"):
        assert f"s {each}" in found
    assert "1.000 s first sound of an answer" in found
    assert "0.700 s first byte of an answer" in found


def test_a_long_picture_has_rows_for_print() -> None:
    found = page(session(close=RecordedClose(1000, "", By.CLIENT, 100.0))).found
    [whole, *rows] = [attributes for tag, attributes in found if tag == "svg"]
    scale = float(whole["data-scale"] or "")
    begins = [float((row["viewbox"] or "").split()[0]) / scale for row in rows]
    assert begins == pytest.approx([0, 45, 90], abs=0.01)
    [drawn] = [attributes["id"] for tag, attributes in found if tag == "g" and "id" in attributes]
    assert [attributes["href"] for tag, attributes in found if tag == "use"] == [f"#{drawn}"] * 3


def test_the_player_has_the_sound_of_both_sides() -> None:
    [audio] = [attributes for tag, attributes in page(session()).found if tag == "audio"]
    assert (audio["src"] or "").startswith("data:audio/wav;base64,UklGR")


def test_what_is_bad_has_a_verdict() -> None:
    lost = RecordedClose(1006, "", By.NETWORK, 3.0)
    assert Verdict("bad", "the connection was lost (1006)") in judged(session(close=lost))
    refused = RecordedClose(1008, "no such model", By.SERVER, 0.1)
    recording = Recording([RecordedConnection(frames=session().connections[0].frames[:1], close=refused)])
    assert judged(recording) == [
        Verdict("bad", "closed by the server (1008): no such model"),
        Verdict("bad", "the setup was never confirmed"),
    ]
    unanswered = Recording([RecordedConnection(frames=session().connections[0].frames[:4])])
    assert judged(unanswered) == [
        Verdict("warn", "the recording ends before the close"),
        Verdict("warn", "turn 1 has no answer"),
    ]
    silent = Recording([RecordedConnection(frames=session().connections[0].frames[:10])])
    assert Verdict("bad", "turn 1 has only silence") in judged(silent)


@pytest.mark.parametrize("data", ["", "AAAA" * 11])
def test_a_recording_without_its_audio_is_not_blamed_for_silence(data: str) -> None:
    blob = {"mimeType": "audio/pcm;rate=24000", "data": data}
    frames = [
        *session().connections[0].frames[:2],
        frame(CLIENT, 1.0, realtimeInput={"audio": {"mimeType": "audio/pcm;rate=16000", "data": data}}),
        frame(CLIENT, 1.5, realtimeInput={"text": "hello"}),
        content(2.0, modelTurn={"parts": [{"inlineData": blob}]}),
        content(3.0, turnComplete=True),
    ]
    recording = Recording([RecordedConnection(frames=frames, close=RecordedClose(1000, "", By.CLIENT, 4.0))])
    assert judged(recording) == [
        Verdict("good", "closed by the client (1000)"),
        Verdict("warn", "the recording has no audio: it was left out when it was made"),
        Verdict("good", "1 turn answered"),
    ]
    assert "received audio" not in page(recording).text


def judged(recording: Recording) -> list[Verdict]:
    return [*verdicts(analysed(recording))]


def test_a_run_that_never_connected_has_a_page_too() -> None:
    assert "the host is unknown" in page(Recording(), "run", ("the host is unknown",)).text


def test_figures_are_short() -> None:
    assert [seconds(1.25), seconds(75.5), clock(61.04)] == ["1.2 s", "1:15.5", "1:01.0"]
    assert [seconds(59.97), seconds(599.97), clock(59.97)] == ["1:00.0", "10:00.0", "1:00.0"]
    assert percentile([3.0, None, 1.0, 2.0], 0.5) == 2.0
    assert percentile([None], 0.5) is None
