"""A reply that looks cut short is told as a warning, with the figures; the run itself went well."""

import pytest

from livecli.client.diagnosis import shortest_seconds, truncation_warnings
from livecli.protocol import events
from livecli.report.summary import TransferStats
from tests.cases import in_one_test
from tests.end_to_end.conftest import tone
from tests.live_server import live_server

SENTENCE = "The nearest train station is two streets to the left, right behind the old town hall and the market. "


@pytest.fixture
def warnings(livecli, speech):
    """The warnings of a run that is answered so, as `--json` gives them; each is told on standard error, too."""

    def run(answer, status=0):
        def handle(connection):
            connection.set_up()
            connection.hear()
            answer(connection)
            connection.drain()

        with live_server(handle) as server:
            ran = livecli("send", speech, "--base-url", server.url, "--speed", 0, "--json", "-q")
        assert ran.status == status
        told = [line.removeprefix("warning: ") for line in ran.err.splitlines() if line.startswith("warning: ")]
        assert told == ran.summary["warnings"]
        return told

    return run


def test_a_turn_that_ends_without_generation_complete(warnings):
    def answer(connection):
        connection.audio(tone(24_000))
        connection.content(turnComplete=True, turnCompleteReason="GENERATED_AUDIO_SAFETY")

    [warning] = warnings(answer)
    assert "the turn ended (GENERATED_AUDIO_SAFETY) without generationComplete, after 1.0 s of audio" in warning


def test_an_interrupted_turn_is_meant_to_be_short(warnings):
    def answer(connection):
        connection.audio(tone(24_000))
        connection.content(outputTranscription={"text": SENTENCE})
        connection.content(interrupted=True)
        connection.content(turnComplete=True)

    assert warnings(answer) == []


def test_audio_that_is_much_shorter_than_its_transcript(warnings):
    def answer(connection):
        connection.content(outputTranscription={"text": SENTENCE})
        connection.answer(tone(24_000))

    [warning] = warnings(answer)
    assert (
        "1.0 s of audio for a transcript of 19 words (100 characters), which takes 2.5 s at the very least" in warning
    )


def test_a_transcript_that_comes_after_the_turn_counts(warnings):
    def answer(connection):
        connection.answer(tone(24_000))
        connection.content(outputTranscription={"text": SENTENCE, "finished": True})

    assert len(warnings(answer)) == 1


def test_a_whole_reply_gives_no_warning(warnings):
    def answer(connection):
        connection.content(outputTranscription={"text": SENTENCE})
        connection.answer(tone(5 * 24_000))

    assert warnings(answer) == []


def test_other_warnings_are_in_the_json_too(warnings):
    def answer(connection):
        connection.say({"error": {"code": 500, "message": "said so"}})
        connection.answer(tone(24_000))

    assert "said so" in warnings(answer)[0]


def test_the_emulator_itself_is_never_suspected(livecli, speech):
    ran = livecli("send", speech, "--local", "--speed", 0, "--json", "-q")
    assert ran.summary["warnings"] == []
    assert ran.err == ""


def stats(seconds, *said):
    run = TransferStats()
    for event in said:
        run.note(event, 0.0)
    if seconds:
        run.received.add(events.AudioChunk(bytes(2 * round(24_000 * seconds)), 24_000), 0.0)
    run.note(events.GenerationComplete(), 0.0)
    run.note(events.TurnComplete(), 0.0)
    return run


@in_one_test(
    ("seconds", "said", "signs"),
    [
        (2.2, "[2.2 s of speech]", 0),
        (0.1, "Two streets to the left.", 0),  # too short to tell
        (12, "train " * 60, 0),
        (4, "train " * 60, 1),
        (4, "在左边的两条街上就是火车站它就在旧市政厅和市场的后面你可以走路去那里大约五分钟", 0),
        (1, "在左边的两条街上就是火车站它就在旧市政厅和市场的后面你可以走路去那里大约五分钟", 1),
        (4, "Вокзал находится в двух улицах налево, за старой ратушей и рынком, идти минут пять.", 0),
        (0, "A text that is not spoken at all, since the model was asked to write it down for us.", 0),
    ],
)
def test_how_fast_is_too_fast(seconds, said, signs):
    assert len(list(truncation_warnings(stats(seconds, events.OutputTranscript(said))))) == signs


def test_what_the_model_writes_is_no_transcript():
    assert not list(truncation_warnings(stats(0.5, events.ModelText(SENTENCE * 3))))


def test_nothing_is_said_in_no_time():
    assert shortest_seconds("") == 0
