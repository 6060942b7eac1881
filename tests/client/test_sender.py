"""What a client says, in which order and when; and what of it a turn has answered."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import AsyncIterator
from itertools import pairwise

import pytest

from livecli.client.sender import HANDLE_SECONDS, SendOptions, Utterances, text_turn
from livecli.errors import DeadlineError, UsageError
from livecli.protocol import events
from livecli.protocol.messages import Content, Part
from livecli.protocol.models import MODELS
from livecli.protocol.setup import Activity
from tests.cases import in_one_test
from tests.client.scripted import (
    ANSWER,
    COMPLETE,
    Source,
    answered,
    call,
    developer,
    failed,
    handle,
    lost,
    sound,
    spoken,
    talking,
    typed,
    vertex,
)
from tests.virtual_time import in_virtual_time

PICTURE = events.Image(b"\x89PNG picture", "image/png")
OTHER = events.Image(b"\xff\xd8 other", "image/jpeg")
LOUD_SECOND, QUIET_SECOND = bytes([1, 64]) * 16_000, bytes(32_000)


def names(said) -> list[str]:
    """The types of what was said, runs of audio in one."""
    found: list[str] = []
    for event in said:
        name = type(event).__name__
        if not (found and name == found[-1] == "AudioChunk"):
            found.append(name)
    return found


def sizes(said) -> list[int]:
    return [len(event.pcm) for event in said if isinstance(event, events.AudioChunk)]


class TestAnUtterance:
    @in_virtual_time
    async def test_the_client_brackets_it(self):
        ran = await answered(spoken(LOUD_SECOND), [events.ActivityEnd, *ANSWER])
        assert names(ran.said) == ["ActivityStart", "AudioChunk", "ActivityEnd"]
        assert ran.sessions[0].heard == LOUD_SECOND, "and adds no silence"

    @in_virtual_time
    async def test_the_services_detection_needs_silence_behind_it(self):
        ask = spoken(LOUD_SECOND, activity=Activity.AUTO, trailing_silence_seconds=0.5)
        ran = await answered(ask, [events.AudioStreamEnd, *ANSWER])
        assert names(ran.said) == ["AudioChunk", "AudioStreamEnd"]
        assert ran.sessions[0].heard == LOUD_SECOND + bytes(16_000)

    @in_virtual_time
    async def test_which_may_be_none(self):
        ask = spoken(LOUD_SECOND, activity=Activity.AUTO, trailing_silence_seconds=0)
        ran = await answered(ask, [events.AudioStreamEnd, *ANSWER])
        assert names(ran.said) == ["AudioChunk", "AudioStreamEnd"]
        assert ran.sessions[0].heard == LOUD_SECOND

    @in_virtual_time
    async def test_pictures_go_behind_the_beginning_of_the_activity(self):
        ran = await answered(spoken(LOUD_SECOND, pictures=[PICTURE, OTHER]), [events.ActivityEnd, *ANSWER])
        assert names(ran.said) == ["ActivityStart", "Image", "Image", "AudioChunk", "ActivityEnd"]
        assert ran.said[1:3] == [PICTURE, OTHER]

    @in_virtual_time
    async def test_pictures_go_before_speech_that_is_detected(self):
        ask = spoken(LOUD_SECOND, activity=Activity.AUTO, pictures=[PICTURE, OTHER])
        ran = await answered(ask, [events.AudioStreamEnd, *ANSWER])
        assert names(ran.said) == ["Image", "Image", "AudioChunk", "AudioStreamEnd"]
        assert ran.said[:2] == [PICTURE, OTHER]

    @pytest.mark.parametrize("blocks", [[10_000], [1, 9_999], [3_333] * 3 + [1], [1024, 8976], [100] * 100])
    @in_virtual_time
    async def test_chunks_are_of_one_size_whatever_is_read_at_a_time(self, blocks):
        sample = bytes(range(250)) * 40
        cut, at = [], 0
        for size in blocks:
            cut.append(sample[at : at + size])
            at += size
        ran = await answered(spoken(*cut, chunk_bytes=1024), [events.ActivityEnd, *ANSWER])
        assert sizes(ran.said) == [1024] * 9 + [784]
        assert ran.sessions[0].heard == sample
        assert {event.rate for event in ran.said if isinstance(event, events.AudioChunk)} == {16_000}

    @pytest.mark.parametrize(("chunk_bytes", "input_bytes"), [(2, 500), (640, 64_000), (65_536, 200_000)])
    @in_virtual_time
    async def test_of_the_size_that_is_asked_for(self, chunk_bytes, input_bytes):
        ran = await answered(spoken(bytes(input_bytes), chunk_bytes=chunk_bytes), [events.ActivityEnd, *ANSWER])
        whole, rest = divmod(input_bytes, chunk_bytes)
        assert sizes(ran.said) == [chunk_bytes] * whole + [rest] * bool(rest)

    @in_one_test("chunk_bytes", [0, 1, -2, 3, 1023, 65_537, 65_538])
    def test_other_sizes_are_refused(self, chunk_bytes):
        with pytest.raises(UsageError, match=f"chunks of {chunk_bytes} bytes"):
            SendOptions(chunk_bytes=chunk_bytes)


class TestPace:
    @pytest.mark.parametrize("speed", [0.5, 1.0, 3.2])
    @in_virtual_time
    async def test_each_chunk_goes_at_its_moment(self, speed):
        ran = await answered(spoken(LOUD_SECOND, speed=speed, chunk_bytes=3200), [events.ActivityEnd, *ANSWER])
        at = [at for event, at in zip(ran.said, ran.said_at, strict=True) if isinstance(event, events.AudioChunk)]
        assert at == pytest.approx([number * 0.1 / speed for number in range(10)])

    @in_virtual_time
    async def test_without_a_pace_all_of_it_goes_at_once(self):
        ran = await answered(spoken(*[LOUD_SECOND] * 100, speed=0), [events.ActivityEnd, *ANSWER])
        assert set(ran.said_at) == {0.0}
        assert ran.sessions[0].heard == LOUD_SECOND * 100

    @in_virtual_time
    async def test_silence_behind_it_goes_at_the_same_pace(self):
        ask = spoken(LOUD_SECOND, activity=Activity.AUTO, speed=1, trailing_silence_seconds=2.0)
        ran = await answered(ask, [events.AudioStreamEnd, *ANSWER])
        assert ran.said_at[-1] == pytest.approx(3.0, abs=0.04)

    @in_virtual_time
    async def test_a_source_that_is_late_is_waited_for(self):
        class Microphone(Source):
            async def __aiter__(self):
                for _ in range(3):
                    await asyncio.sleep(10.0)
                    yield bytes(1024)

        ask = spoken()
        ran = await answered(
            lambda exchange: exchange.speak(Microphone(), SendOptions(speed=1)), [events.ActivityEnd, *ANSWER]
        )
        assert ran.said_at[1:4] == pytest.approx([10.0, 20.0, 30.0])
        assert ask is not None

    @in_virtual_time
    async def test_what_waits_for_the_socket_is_not_lost(self):
        chunks = [bytes([number, 64]) * 512 for number in range(50)]
        ran = await answered(spoken(*chunks, speed=1), [events.ActivityEnd, *ANSWER], send_seconds=0.5)
        assert ran.sessions[0].heard == b"".join(chunks)
        assert names(ran.said) == ["ActivityStart", "AudioChunk", "ActivityEnd"]


class TestFigures:
    @in_virtual_time
    async def test_what_was_sent_is_counted(self):
        ran = await answered(spoken(LOUD_SECOND, speed=1), [events.ActivityEnd, *ANSWER])
        sent = ran.stats.sent
        assert (sent.chunks, sent.bytes, sent.audio_seconds) == (32, 32_000, pytest.approx(1.0))
        assert (sent.largest, sent.smallest) == (1024, 256)
        assert sent.last_at - sent.first_at == pytest.approx(31 * 0.032)

    @in_virtual_time
    async def test_and_counted_when_it_had_to_wait_for_the_socket(self):
        ran = await answered(spoken(LOUD_SECOND, speed=0), [events.ActivityEnd, *ANSWER], send_seconds=0.1)
        assert (ran.stats.sent.chunks, ran.stats.sent.bytes) == (32, 32_000)

    @in_virtual_time
    async def test_a_question_is_asked_with_its_last_sample(self):
        """The silence behind it, which is sent later, is no part of the latency."""
        ask = spoken(LOUD_SECOND, activity=Activity.AUTO, speed=1, trailing_silence_seconds=5.0)
        ran = await answered(ask, [events.AudioStreamEnd, *ANSWER])
        assert ran.stats.asked_at - ran.began_at == pytest.approx(31 * 0.032)
        assert ran.stats.latency(ran.stats.audio_at) == pytest.approx(5000, abs=40)

    @in_virtual_time
    async def test_a_written_question_is_asked_when_it_was_sent(self):
        ran = await answered(typed(), [events.Text, 2.0, *ANSWER])
        assert ran.stats.asked_at == ran.began_at
        assert ran.stats.sent.chunks == 0


REALTIME = ["gemini-3.8-live", "gemini-3.1-flash-live-preview", "gemini-4.0-unheard-of", "unheard-of"]
CONTENT = [
    "gemini-live-2.5-flash-native-audio",
    "gemini-2.5-flash-native-audio-latest",
    "gemini-2.9-unheard-of",
    "gemini-live-2.7-unheard-of",
]


class TestText:
    @pytest.mark.parametrize("model", REALTIME)
    @in_virtual_time
    async def test_from_3_on_it_is_realtime_input(self, model):
        ran = await answered(typed("hello"), [events.Text, *ANSWER], endpoint=developer(model))
        assert ran.said == [events.Text("hello")]

    @pytest.mark.parametrize("model", CONTENT)
    @in_virtual_time
    async def test_before_it_is_content(self, model):
        ran = await answered(typed("hello"), [events.ClientTurns, *ANSWER], endpoint=developer(model))
        assert ran.said == [events.ClientTurns((Content(role="user", parts=[Part(text="hello")]),))]

    @in_one_test("model", [*REALTIME, *CONTENT])
    @in_virtual_time
    async def test_with_pictures_it_is_one_turn_of_content(self, model):
        ask = typed("hello", PICTURE, OTHER)
        ran = await answered(ask, [events.ClientTurns, *ANSWER], endpoint=developer(model))
        [turns] = ran.said
        assert turns.turn_complete
        [content] = turns.turns
        shown = [(part.inline_data.mime_type, base64.b64decode(part.inline_data.data)) for part in content.parts[:-1]]
        assert shown == [(PICTURE.mime_type, PICTURE.data), (OTHER.mime_type, OTHER.data)]
        assert (content.role, content.parts[-1].text) == ("user", "hello")

    @in_one_test("model", [*REALTIME, *CONTENT])
    @in_virtual_time
    async def test_one_that_interrupts_is_content_for_every_model(self, model):
        ask = typed("stop", interrupts=True)
        ran = await answered(ask, [events.ClientTurns, *ANSWER], endpoint=developer(model))
        [turns] = ran.said
        assert turns.turn_complete
        assert turns.turns[0].parts[0].text == "stop"

    @in_one_test("model", MODELS.values())
    def test_each_model_that_is_known_gets_the_form_that_it_takes(self, model):
        kind = events.Text if model.text_in else events.ClientTurns
        assert [type(event) for event in text_turn(model.name, "hello")] == [kind]


async def two_turns(first, second, *connections, model="gemini-3.8-live", toolbox=None):
    """Ask one after the other; what was said over each connection."""
    async with talking(*connections, endpoint=developer(model), toolbox=toolbox) as talk:
        await talk.ask(first)
        await talk.ask(second)
    return talk.said


BLOCKING = "gemini-3.1-flash-live-preview"


class TestWhatATurnAnswers:
    """Where the service does not say what a handle includes, that is what was answered before it came; the rest is said
    again over the next connection.
    """

    @in_virtual_time
    async def test_all_that_was_said_before_it_ended(self):
        first = [events.Text, *ANSWER, handle(), events.Text, lost()]
        _, again = await two_turns(typed("one"), typed("two"), first, [events.Text, *ANSWER])
        assert again == [events.Text("two")]

    @in_virtual_time
    async def test_nothing_where_the_handle_came_before_its_end(self):
        first = [events.Text, sound(1), handle(), events.GenerationComplete(), lost()]
        ran = await answered(typed("one"), first, [events.Text, *ANSWER], endpoint=developer())
        assert ran.sessions[1].said == [events.Text("one")]

    @in_virtual_time
    async def test_a_whole_utterance(self):
        first = [events.ActivityEnd, *ANSWER, handle(), events.ActivityEnd, lost()]
        second = [events.ActivityEnd, *ANSWER]
        one, two = bytes([1, 64]) * 4096, bytes([2, 64]) * 4096
        _, again = await two_turns(spoken(one), spoken(two), first, second)
        assert names(again) == ["ActivityStart", "AudioChunk", "ActivityEnd"]
        assert b"".join(event.pcm for event in again[1:-1]) == two

    @in_virtual_time
    async def test_what_functions_returned_in_between(self, find):
        first = [events.Text, call(), events.ToolResponse, *ANSWER, handle(), events.Text, lost()]
        _, again = await two_turns(
            typed("one"), typed("two"), first, [events.Text, *ANSWER], model=BLOCKING, toolbox=find()
        )
        assert again == [events.Text("two")]

    @in_virtual_time
    async def test_what_functions_returned_before_a_handle_that_comes_in_the_middle_of_it(self, find):
        """The user has spoken on, but a response is part of the turn that called for it: it is not sent twice."""
        first = [events.AudioStreamEnd, call(), events.ToolResponse, handle("a"), *ANSWER, handle("b")]
        first += [events.Text, lost()]
        ask = spoken(LOUD_SECOND, activity=Activity.AUTO, trailing_silence_seconds=0)
        _, again = await two_turns(ask, typed("two"), first, [events.Text, *ANSWER], model=BLOCKING, toolbox=find())
        assert again == [events.Text("two")]

    @in_virtual_time
    async def test_of_speech_that_is_detected_what_was_said_before_the_answer_began(self):
        chunks = [bytes([number, 64]) * 512 for number in range(10)]
        first = [events.AudioChunk, events.AudioChunk, events.AudioChunk, sound(1)]
        first += [events.AudioChunk, events.AudioChunk, COMPLETE, handle(), lost()]
        ask = spoken(*chunks, activity=Activity.AUTO, speed=1, trailing_silence_seconds=0)
        ran = await answered(ask, first, [events.AudioStreamEnd, *ANSWER], endpoint=developer())
        assert ran.sessions[1].heard == b"".join(chunks[3:]), "the user has spoken on meanwhile"
        assert names(ran.sessions[1].said) == ["AudioChunk", "AudioStreamEnd"]

    @in_virtual_time
    async def test_of_the_next_turn_of_speech_that_is_detected_too(self):
        chunks = [bytes([number, 64]) * 512 for number in range(10)]
        one = [events.AudioChunk, events.AudioChunk, sound(1), COMPLETE]
        two = [events.AudioChunk, events.AudioChunk, events.AudioChunk, sound(2), COMPLETE, handle(), lost()]
        ask = spoken(*chunks, activity=Activity.AUTO, speed=1, trailing_silence_seconds=0)
        ran = await answered(ask, [*one, *two], [events.AudioStreamEnd, *ANSWER], endpoint=developer())
        assert ran.sessions[1].heard == b"".join(chunks[5:])

    @in_virtual_time
    async def test_of_speech_that_was_said_again_what_was_said_before_that_answer_began(self):
        chunks = [bytes([number, 64]) * 512 for number in range(10)]
        first = [handle("a"), events.AudioChunk, events.AudioChunk, sound(1), lost()]
        second = [*[events.AudioChunk] * 5, sound(2), COMPLETE, handle("b"), lost()]
        third = [events.AudioStreamEnd, sound(3), COMPLETE]
        ask = spoken(*chunks, activity=Activity.AUTO, speed=1, trailing_silence_seconds=0)
        ran = await answered(ask, first, second, third, endpoint=developer())
        assert ran.sessions[1].heard[:2048] == b"".join(chunks[:2])
        assert ran.sessions[2].heard == b"".join(chunks[5:])
        assert ran.sink.pcm == sound(2).pcm + sound(3).pcm

    @in_virtual_time
    async def test_what_is_not_said_again_is_not_counted(self, find):
        """The response to a call that comes again is dropped: what is said later has a lower number."""
        first = [handle("a"), events.Text, call(), events.ToolResponse, lost()]
        second = [events.Text, *ANSWER, events.Text, handle("b"), lost()]
        said = await two_turns(
            typed("one"), typed("two"), first, second, [events.Text, *ANSWER], model=BLOCKING, toolbox=find()
        )
        assert said[1] == [events.Text("one"), events.Text("two")]
        assert said[2] == [events.Text("two")]

    @in_virtual_time
    async def test_the_end_of_its_activity_at_the_latest(self):
        """What the client brackets is answered whole, even where the service begins before it was told of the end."""
        chunks = [bytes([number, 64]) * 512 for number in range(10)]
        first = [events.AudioChunk, sound(1), events.ActivityEnd, COMPLETE, handle(), events.Text, lost()]
        said = await two_turns(spoken(*chunks, speed=1), typed("two"), first, [events.Text, *ANSWER])
        assert said[1] == [events.Text("two")]

    @in_virtual_time
    async def test_of_what_somebody_else_says_what_was_said_before_the_answer_began(self):
        chunks = [events.AudioChunk(bytes([number, 64]) * 512) for number in range(5)]
        first = [events.AudioChunk, events.AudioChunk, events.AudioChunk, 0.1, sound(1), events.AudioChunk, COMPLETE]
        first += [handle(), events.AudioChunk, lost()]

        async def listen(exchange):
            exchange.listen()

        async def speaks(exchange):
            exchange.listen()
            await talk.line.send(chunks[4])

        async with talking(first, [events.AudioChunk] * 2 + ANSWER, endpoint=developer()) as talk:
            for chunk in chunks[:3]:
                await talk.line.send(chunk)
            asking = asyncio.create_task(talk.ask(listen))
            await asyncio.sleep(1.0)
            assert talk.turns[0].speaks
            await talk.line.send(chunks[3])
            await asking
            await talk.ask(speaks)
        assert talk.said[1] == chunks[3:]


def minutes(number: int) -> list[bytes]:
    """Speech with a pause of a second at the end of each minute."""
    return ([LOUD_SECOND] * 59 + [QUIET_SECOND]) * number


def long_speech(number: int):
    return spoken(*minutes(number), speed=1, chunk_bytes=32_000)


def ends_of_activity(session) -> list[int]:
    return [number for number, event in enumerate(session.said) if isinstance(event, events.ActivityEnd)]


class TestALongInput:
    """A connection lasts ten minutes: an utterance is cut at a pause in its second quarter."""

    @in_virtual_time
    async def test_it_is_sent_in_utterances_each_answered_before_the_next(self):
        first = [handle("a"), events.ActivityEnd, 3.0, sound(1), COMPLETE, 0.5, handle("b")]
        steps = [
            *first,
            events.ActivityEnd,
            3.0,
            sound(2),
            COMPLETE,
            handle("c"),
            events.ActivityEnd,
            sound(3),
            COMPLETE,
        ]
        ran = await answered(long_speech(7), steps, endpoint=developer())
        utterance = ["ActivityStart", "AudioChunk", "ActivityEnd"]
        assert names(ran.said) == utterance * 3
        assert ran.sessions[0].heard == b"".join(minutes(7)), "nothing is left out"
        assert ran.sink.pcm == sound(1).pcm + sound(2).pcm + sound(3).pcm
        assert ran.told.remarks == ["the input is longer than a connection may last: it is sent in several utterances"]
        end = ends_of_activity(ran.sessions[0])[0]
        assert end == 1 + 180, "at the third pause, after 150 s"
        assert ran.said_at[end + 1] - ran.said_at[end] == pytest.approx(3.5), "the handle behind the answer was there"

    @in_virtual_time
    async def test_a_handle_is_not_waited_for_for_ever(self):
        steps = [handle("a"), events.ActivityEnd, 3.0, sound(1), COMPLETE, events.ActivityEnd, sound(2), COMPLETE]
        ran = await answered(long_speech(5), steps, endpoint=developer())
        end = ends_of_activity(ran.sessions[0])[0]
        assert ran.said_at[end + 1] - ran.said_at[end] == pytest.approx(3.0 + HANDLE_SECONDS)

    @in_virtual_time
    async def test_a_silent_service_is_noticed_between_two_of_them(self):
        ran = await failed(long_speech(5), [handle("a"), events.ActivityEnd], endpoint=developer(), idle=30)
        assert isinstance(ran.error, DeadlineError)
        assert ran.seconds == pytest.approx(ran.said_at[-1] + 30)

    @in_virtual_time
    async def test_a_lost_connection_costs_the_utterance_that_is_under_way(self):
        first = [handle("a"), events.ActivityEnd, sound(1), COMPLETE, handle("b"), 60.0, lost()]
        second = [events.ActivityEnd, sound(2), COMPLETE]
        ran = await answered(long_speech(5), first, second, endpoint=developer())
        assert names(ran.sessions[1].said) == ["ActivityStart", "AudioChunk", "ActivityEnd"]
        assert ran.sessions[1].heard == b"".join(minutes(5)[180:])
        assert ran.sink.pcm == sound(1).pcm + sound(2).pcm

    @pytest.mark.parametrize(
        ("endpoint", "activity", "first"),
        [
            (vertex(), Activity.MANUAL, [events.ResumptionUpdate("a", resumable=True, last_consumed=0)]),
            (developer(), Activity.MANUAL, []),
            (developer(), Activity.AUTO, [handle("a")]),
        ],
        ids=["the service says what a handle includes", "there is no handle", "the service detects speech"],
    )
    @in_virtual_time
    async def test_it_is_sent_whole_where_cutting_is_of_no_use(self, endpoint, activity, first):
        end = events.ActivityEnd if activity is Activity.MANUAL else events.AudioStreamEnd
        ask = spoken(*minutes(6), speed=1, chunk_bytes=32_000, activity=activity, trailing_silence_seconds=0)
        ran = await answered(ask, [*first, end, sound(1), COMPLETE], endpoint=endpoint)
        assert names(ran.said).count("AudioChunk") == 1
        assert len(ran.sessions[0].heard) == 6 * 60 * 32_000
        assert ran.told.remarks == []

    @in_virtual_time
    async def test_a_shorter_life_that_the_service_announces_makes_shorter_utterances(self):
        answers = [step for number in range(1, 30) for step in (events.ActivityEnd, sound(number), COMPLETE, handle())]
        first = [handle("a"), events.GoAway(200.0), *answers]
        ran = await answered(long_speech(4), first, *[answers] * 20, endpoint=developer())
        ends = [end for session in ran.sessions for end in ends_of_activity(session)]
        assert len(ends) == 4
        assert b"".join(session.heard for session in ran.sessions) == b"".join(minutes(4))

    @in_virtual_time
    async def test_its_chunks_keep_their_pace(self):
        steps = [handle("a"), events.ActivityEnd, *ANSWER, handle("b"), events.ActivityEnd, *ANSWER]
        ran = await answered(long_speech(5), steps, endpoint=developer())
        session = ran.sessions[0]
        chunks = [
            at for event, at in zip(session.said, session.said_at, strict=True) if type(event) is events.AudioChunk
        ]
        assert {round(after - before, 6) for before, after in pairwise(chunks)} <= {1.0, 0.0}


UTTERANCE_RATE = 1_000
LOUD, QUIET = b"\x00\x40" * 50, bytes(100)  # 50 ms each


async def utterances_of(chunks: list[bytes], life: float | None, *, together: int = 1) -> list[bytes]:
    """Every chunk takes its own length in time."""
    now = 0.0

    async def spoken() -> AsyncIterator[list[bytes]]:
        nonlocal now
        for at in range(0, len(chunks), together):
            now += 0.05 * len(chunks[at : at + together])
            yield chunks[at : at + together]

    utterances = Utterances(spoken(), UTTERANCE_RATE, lambda: life, lambda: now)
    found = []
    while not utterances.ended:
        found.append(b"".join([chunk async for due in utterances.next() for chunk in due]))
    return found


@pytest.mark.parametrize("together", [1, 2, 3, 16])
@pytest.mark.parametrize("life", [None, 0.1, 2.0, 8.0, 1e9])
async def test_nothing_is_lost_or_moved(life, together) -> None:
    chunks = [bytes([n % 250, 64]) * 50 if n % 20 < 15 else QUIET for n in range(200)]
    found = await utterances_of(chunks, life, together=together)
    assert b"".join(found) == b"".join(chunks)
    assert all(found)


async def test_whole_where_a_connection_outlasts_it() -> None:
    chunks = [LOUD, QUIET, QUIET, QUIET, QUIET] * 20
    assert await utterances_of(chunks, None) == [b"".join(chunks)]
    assert await utterances_of(chunks, 1e9) == [b"".join(chunks)]


@pytest.mark.parametrize("together", [1, 2, 3, 5, 7, 10])
async def test_at_a_pause_from_a_quarter_of_a_connection_on(together) -> None:
    """Wherever the pause lies in what is read at a time."""
    sentence = [LOUD] * 6 + [QUIET] * 4  # half a second
    found = await utterances_of(sentence * 20, 8.0, together=together)  # not before 2 s, nor after 4 s
    assert 3 <= len(found) <= 5
    assert {len(each) for each in found[:-1]} <= {4_000, 5_000, 6_000}
    assert all(each.endswith(QUIET * 4) for each in found)


async def test_anywhere_at_half_a_connection_where_there_is_no_pause() -> None:
    found = await utterances_of([LOUD] * 100, 2.0)
    assert max(len(each) for each in found) <= 21 * len(LOUD)
    assert len(found) >= 5


async def test_an_empty_input_is_one_utterance() -> None:
    assert await utterances_of([], 1.0) == [b""]
