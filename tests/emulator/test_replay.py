"""Replay of a recorded session: which message of the client meets which cue, and when each frame is due."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest

from livecli.emulator.replay import ConnectionLost, Cue, CueKind, Play, Replay, ReplayLine, arrange, first_difference
from livecli.protocol import events, messages
from livecli.protocol.close_reasons import Refusal
from livecli.protocol.codec import decode_client
from livecli.protocol.events import Event
from livecli.recording.format import REDACTED, By, Direction, Frame, RecordedClose
from livecli.recording.match import Match
from livecli.recording.websocket_log import read_websocket_log
from livecli.toml_reader import LineError
from tests.cases import in_one_test
from tests.emulator.recorded import NAMES, recorded_log

SETUP = events.Setup(messages.Setup(model="models/m"))
START, END, STREAM_END = events.ActivityStart(), events.ActivityEnd(), events.AudioStreamEnd()
TEXT, TURNS = events.Text("hi"), events.ClientTurns()
RESPONSE = events.ToolResponse((messages.FunctionResponse(name="f"),))
IMAGE = events.Image(b"x")


def audio(seconds: float, rate: int = 16_000) -> events.AudioChunk:
    return events.AudioChunk(bytes(2 * round(rate * seconds)), rate)


def recorded(*written: str | tuple[str, float]) -> Play:
    """A play, from server frames by name (`"<a"`) and client frames as JSON, each with its time if it has one."""
    log = ""
    for one in written:
        what, at = one if isinstance(one, tuple) else (one, None)
        frame = json.dumps({what[1:]: {}}) if what.startswith("<") else what
        log += f"{'<' if what.startswith('<') else '>'}1 {'' if at is None else f'@{at} '}{frame}\n"
    return arrange(read_websocket_log(log.encode()))


def sound(seconds: float) -> str:
    data = base64.b64encode(audio(seconds).pcm).decode()
    return json.dumps({"realtimeInput": {"audio": {"data": data, "mimeType": "audio/pcm;rate=16000"}}})


S = '{"setup": {"model": "models/m"}}'
T = '{"realtimeInput": {"text": "hello"}}'
C = '{"clientContent": {"turnComplete": true}}'
R = '{"toolResponse": {"functionResponses": []}}'
I = '{"realtimeInput": {"video": {"data": "AA==", "mimeType": "image/png"}}}'  # noqa: E741
U = '{"contextUpdate": {}}'
BEGIN, STOP = '{"realtimeInput": {"activityStart": {}}}', '{"realtimeInput": {"activityEnd": {}}}'
CLOSED = '{"realtimeInput": {"audioStreamEnd": true}}'


class Player:
    """A replay and its clock."""

    def __init__(self, play: Play, speed: float = 1.0, match: Match = Match.KINDS) -> None:
        self.log: list[str] = []
        self.replay = Replay(play, speed=speed, match=match, log=self.log.append)
        self.now = 100.0

    def says(self) -> list[str]:
        """The names of the frames that are due."""
        frames = []
        while (frame := self.replay.next_frame(self.now)) is not None:
            frames.append(next(iter(json.loads(frame))))
        return frames

    def to(self, *said: Event) -> list[str]:
        """The frames that are due after this message."""
        for event in said:
            assert self.replay.accepts_input
            self.replay.receive(event, self.now)
        return self.says()


class TestKinds:
    @in_one_test(
        ("then", "now"),
        [
            (T, TEXT),
            (C, TURNS),
            (R, RESPONSE),
            (I, IMAGE),
            (U, events.ContextUpdate(messages.ContextUpdate())),
            (STOP, END),
            (STOP, STREAM_END),
            (CLOSED, END),
            (sound(0.1), audio(0.1)),
            (sound(0.1), events.MediaChunks(audio(0.1))),
            (I, events.MediaChunks(IMAGE)),
            (BEGIN, START),
            (BEGIN, audio(0.01)),
        ],
    )
    def test_a_client_frame_waits_for_its_kind(self, then: str, now: Event) -> None:
        player = Player(recorded(S, "<a", then, "<b", "<c"))
        assert player.says() == []
        assert player.to(SETUP) == ["a"]
        assert player.to(now) == ["b", "c"]
        assert player.says() == []

    @pytest.mark.parametrize("other", [TURNS, RESPONSE, IMAGE, SETUP, STREAM_END])
    def test_another_kind_is_passed_over_and_told(self, other: Event) -> None:
        player = Player(recorded(S, "<a", T, "<b"))
        player.to(SETUP)
        assert player.to(other) == []
        assert player.log[-1].endswith("the recording waits for realtimeInput.text")
        assert player.to(TEXT) == ["b"]
        player.to(TEXT)
        assert player.log[-1].endswith("the recording waits for nothing more")

    def test_audio_that_nobody_waits_for_is_not_told(self) -> None:
        player = Player(recorded(S, "<a", T, "<b"))
        assert player.to(SETUP, audio(1), audio(1)) == ["a"]
        assert player.log == []

    def test_the_client_may_be_ahead(self) -> None:
        player = Player(recorded(S, "<a", T, "<b", T, "<c", C, "<d"))
        assert player.to(SETUP, TEXT, TEXT, TURNS) == ["a", "b", "c", "d"]

    def test_messages_that_were_not_answered_are_waited_for_too(self) -> None:
        player = Player(recorded(S, "<a", T, C, "<b"))
        player.to(SETUP)
        assert player.to(TURNS) == []
        assert player.to(TEXT) == []
        assert player.to(TURNS) == ["b"]

    def test_the_end_is_logged_and_the_session_stays_open(self) -> None:
        player = Player(recorded(S, "<a"))
        player.to(SETUP)
        assert player.log == ["replay: the recording ends here"]
        assert player.to(TEXT) == []
        player.replay.close()


class TestAudio:
    def test_an_utterance_is_one_cue_however_it_is_cut(self) -> None:
        play = recorded(S, "<a", BEGIN, *[sound(0.1)] * 5, STOP, "<b")
        assert [part for part in play if isinstance(part, Cue)] == [
            Cue(CueKind.SETUP),
            Cue(CueKind.AUDIO, pytest.approx(0.5)),
            Cue(CueKind.AUDIO_END),
        ]
        for chunks in ([audio(0.01)], [audio(3)], [audio(0.02)] * 300, []):
            player = Player(play)
            assert player.to(SETUP, START, *chunks) == ["a"]
            assert player.to(END) == ["b"]

    def test_manual_and_automatic_are_the_same(self) -> None:
        player = Player(recorded(S, "<a", BEGIN, sound(0.1), STOP, "<b"))
        assert player.to(SETUP, audio(0.1), STREAM_END) == ["a", "b"]

    def test_what_was_said_in_the_middle_comes_after_as_much_audio(self) -> None:
        player = Player(recorded(S, "<a", sound(1), "<b", sound(1), sound(1), "<c", CLOSED, "<d"))
        assert player.to(SETUP, audio(0.9)) == ["a"]
        assert player.to(audio(0.05), audio(0.05)) == ["b"]
        assert player.to(audio(1.9)) == []
        assert player.to(audio(0.1)) == ["c"]
        assert player.to(audio(5)) == []
        assert player.to(STREAM_END) == ["d"]

    def test_one_long_chunk_may_be_enough_for_several(self) -> None:
        pieces = [part for _ in range(3_000) for part in (sound(0.001), "<b")]
        player = Player(recorded(S, "<a", *pieces))
        assert player.to(SETUP, audio(3, rate=24_000)) == ["a", *["b"] * 3_000]

    def test_less_audio_is_enough_when_the_client_has_ended_it(self) -> None:
        player = Player(recorded(S, "<a", sound(5), "<b", STOP, "<c"))
        assert player.to(SETUP, audio(1), END) == ["a", "b", "c"]

    def test_an_end_that_was_not_said_then(self) -> None:
        """A microphone that stayed open, and files."""
        player = Player(recorded(S, "<a", sound(5), "<b", sound(5), "<c"))
        assert player.to(SETUP, audio(1), END) == ["a", "b"]
        assert player.to(audio(1)) == []
        assert player.to(STREAM_END) == ["c"]

    def test_something_else_ends_it_too(self) -> None:
        player = Player(recorded(S, "<a", sound(5), "<b", T, "<c", sound(1), "<d"))
        assert player.to(SETUP, audio(4), TEXT) == ["a", "b", "c"]
        assert player.to(audio(0.5)) == []
        assert player.to(audio(0.5)) == ["d"]


class TestImages:
    PLAY = recorded(S, "<a", sound(1), I, sound(1), "<b", I, "<c")

    def test_they_do_not_end_an_utterance_and_no_audio_is_lost(self) -> None:
        player = Player(self.PLAY)
        assert player.to(SETUP, audio(0.5), IMAGE) == ["a"]
        assert player.to(audio(1.4)) == []
        assert player.to(audio(0.1)) == ["b"]
        assert player.to(IMAGE) == ["c"]

    def test_audio_may_be_ahead_of_them(self) -> None:
        player = Player(self.PLAY)
        assert player.to(SETUP, audio(2)) == ["a"]
        assert player.to(IMAGE) == ["b"]

    def test_fewer_are_enough_where_something_else_comes(self) -> None:
        assert Player(recorded(S, I, I, T, "<a")).to(SETUP, IMAGE, TEXT) == ["a"]


class TestMatch:
    HELLO = events.Text("hello")

    def strict(self, *written: str) -> Player:
        return Player(recorded(*written), match=Match.STRICT)

    def test_strict_takes_the_same_again(self) -> None:
        player = self.strict(S, "<a", T, "<b", sound(1), STOP, "<c")
        assert player.to(SETUP, self.HELLO, audio(0.9), END) == ["a", "b", "c"]
        assert (player.replay.difference, player.replay.unmet) == (None, [])

    @pytest.mark.parametrize(
        ("then", "now", "difference"),
        [
            (T, [TEXT], 'line 3: realtimeInput.text: text: recorded "hello", now "hi"'),
            (C, [HELLO], "realtimeInput.text came where line 3 has clientContent"),
            (sound(5), [audio(1), STREAM_END], "line 3: 5.0 s of audio recorded, now 1.0 s"),
            (I, [IMAGE, IMAGE], "realtimeInput.video came where the recording has ended"),
            (R, [RESPONSE], 'line 3: toolResponse: responses: recorded [], now [{"name": "f"}]'),
        ],
    )
    def test_strict_closes_at_the_first_difference(self, then: str, now: list[Event], difference: str) -> None:
        player = self.strict(S, "<a", then)
        player.to(SETUP)
        with pytest.raises(Refusal) as raised:
            player.to(*now)
        assert raised.value.code == 1008
        assert raised.value.reason == f"replay: {difference}"
        assert player.replay.difference == difference

    def test_kinds_only_notes_the_first_difference_and_what_did_not_come(self) -> None:
        player = Player(recorded(S, "<a", T, T, C))
        player.to(SETUP, TEXT, self.HELLO)
        assert player.replay.difference == 'line 3: realtimeInput.text: text: recorded "hello", now "hi"'
        assert [(cue.kind, cue.line) for cue in player.replay.unmet] == [(CueKind.TURNS, 5)]

    def test_loose_takes_either_text_and_passes_over_what_is_missing(self) -> None:
        player = Player(recorded(S, "<a", T, "<b", R, "<c", C, "<d"), match=Match.LOOSE)
        assert player.to(SETUP, TURNS) == ["a", "b"]
        assert player.to(TEXT) == ["c", "d"]
        assert player.replay.difference == 'line 3: realtimeInput.text: text: recorded "hello", now nothing'
        assert [cue.kind for cue in player.replay.unmet] == [CueKind.TOOL_RESPONSE]

    @pytest.mark.parametrize(
        ("recorded", "now", "difference"),
        [
            ({"a": [1, {"b": 2}]}, {"a": [1, {"b": 2}]}, None),
            ({"a": [1, {"b": 2}]}, {"a": [1, {"b": 3}]}, "a[1].b: recorded 2, now 3"),
            ({"a": [1]}, {"a": []}, "a[0]: recorded 1, now nothing"),
            ({}, {"c": "x" * 99}, 'c: recorded nothing, now "' + "x" * 38 + "…"),
            (1, 2, "recorded 1, now 2"),
        ],
    )
    def test_first_difference(self, recorded: Any, now: Any, difference: str | None) -> None:
        assert first_difference(recorded, now) == difference


class TestEnd:
    FRAMES = (Frame(Direction.CLIENT, S.encode()), Frame(Direction.SERVER, b'{"a": {}}', 1.0))

    def test_the_server_closes_as_it_did(self) -> None:
        player = Player(arrange(self.FRAMES, RecordedClose(1011, "too much", By.SERVER, 3.0)))
        player.to(SETUP)
        player.now += 1
        assert player.says() == ["a"]
        assert player.replay.wake_at == 103.0
        player.now = 103.0
        with pytest.raises(Refusal, match="1011 too much"):
            player.says()

    def test_a_connection_that_was_lost_is_lost(self) -> None:
        player = Player(arrange(self.FRAMES, RecordedClose(1006, "", By.NETWORK)), speed=0)
        with pytest.raises(ConnectionLost):
            player.to(SETUP)

    def test_where_the_client_closed_it_stays_open(self) -> None:
        assert arrange(self.FRAMES, RecordedClose(1000, "", By.CLIENT)) == arrange(self.FRAMES)

    def test_frames_that_were_not_kept_are_left_out(self) -> None:
        lost = [Frame(side, REDACTED, 2.0) for side in Direction]
        assert arrange([*self.FRAMES, *lost]) == arrange(self.FRAMES)


class TestTime:
    PLAY = ((S, 0), ("<a", 0.5), (T, 10), ("<b", 11), ("<c", 13), (T, 20), ("<d", 20))

    def test_each_frame_comes_as_long_after_its_cue_as_then(self) -> None:
        player = Player(recorded(*self.PLAY))
        assert player.replay.wake_at is None
        assert player.to(SETUP) == []
        assert player.replay.wake_at == 100.5
        player.now = 100.5
        assert player.says() == ["a"]
        assert player.replay.wake_at is None
        player.now = 200.0
        assert player.to(TEXT) == []
        player.now = 201.0
        assert player.says() == ["b"]
        assert player.replay.wake_at == 203.0
        player.now = 204.0
        assert player.says() == ["c"]

    def test_speed(self) -> None:
        player = Player(recorded(*self.PLAY), speed=2)
        player.to(SETUP)
        assert player.replay.wake_at == 100.25
        assert Player(recorded(*self.PLAY), speed=0).to(SETUP, TEXT, TEXT) == ["a", "b", "c", "d"]

    def test_the_order_is_kept_where_the_client_is_ahead(self) -> None:
        player = Player(recorded(*self.PLAY))
        assert player.to(SETUP, TEXT, TEXT) == []
        player.now = 101.0
        assert player.says() == ["a", "b"]
        player.now = 103.0
        assert player.says() == ["c", "d"]

    def test_a_recording_without_times_is_played_at_once(self) -> None:
        assert Player(recorded(S, "<a", T, "<b"), speed=1).to(SETUP, TEXT) == ["a", "b"]


class TestArranging:
    @pytest.mark.parametrize(
        ("log", "line", "reason"),
        [
            (b"<9 {}\n", 1, "the server sends the first frame"),
            (b'>9 {"redacted": true}\n<9 {}\n', 1, "the client's setup could not be recorded"),
            (b'>9 {"realtimeInput":{"text":"hi"}}\n', 1, "the first frame is not the client's setup"),
            (b'>9 {"setup":{}}\n>9 {"setups":{}}\n', 2, "not a message of a client: .*setups"),
            (b'>9 {"setup":{}}\n<9 {}\n>9 {"realtimeInput":{"audio":{"data":"?"}}}\n', 3, "not a message of a client"),
        ],
    )
    def test_what_cannot_be_played_is_refused_with_its_line(self, log: bytes, line: int, reason: str) -> None:
        with pytest.raises(LineError, match=reason) as raised:
            arrange(read_websocket_log(log))
        assert raised.value.line == line

    def test_lines_are_verbatim(self) -> None:
        play = arrange(read_websocket_log(b'>9 {"setup":{}}\n<9 {\n "x": 1 }\n\n'))
        assert play == (Cue(CueKind.SETUP), ReplayLine(b'{\n "x": 1 }\n'))


@in_one_test("name", NAMES)
def test_googles_sessions_are_played_back_to_who_recorded_them(name: str) -> None:
    log = read_websocket_log(recorded_log(name))
    replay, said = Replay(arrange(log), speed=0), []
    for one in log:
        if one.direction is Direction.CLIENT:
            for event in decode_client(one.data):
                replay.receive(event, 0.0)
            while (frame := replay.next_frame(0.0)) is not None:
                said.append(frame)
    assert said == [one.data for one in log if one.direction is Direction.SERVER]
