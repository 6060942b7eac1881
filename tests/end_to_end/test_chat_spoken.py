"""`chat --mic --play` without typing: speech at a microphone is answered from a speaker."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import threading
import wave
from contextlib import contextmanager

import numpy
import pytest

from livecli.emulator.core.behaviour import Say
from livecli.emulator.pace import Pace
from livecli.media.file_source import SAMPLE, read_sound
from livecli.process.installer import install_extra_command
from tests.breaking import breaking
from tests.end_to_end.conftest import read_wav, tone
from tests.likeness import ALIKE, likeness
from tests.serving import serving
from tests.sound_server import pitch, until

SECONDS_AT_MOST = 20

SLOW_TO_DETECT = json.dumps(
    {
        "realtimeInputConfig": {
            "automaticActivityDetection": {
                "startOfSpeechSensitivity": "START_SENSITIVITY_LOW",
                "prefixPaddingMs": 200,
                "silenceDurationMs": 600,
            }
        }
    }
)


class Talker:
    """Says ten seconds of a tone to everything."""

    def answer(self, heard):
        yield Say("on and on", [tone(24_000, 24_000)] * 10)


class Reader:
    """Answers everything with 2.2 s of speech."""

    def answer(self, heard):
        yield Say("read aloud", [b"".join(read_sound(SAMPLE, 24_000))])


class Chatting:
    """A chat that runs, and what it has said so far."""

    def __init__(self, process):
        self.process, self.err, self.out = process, b"", b""
        self._readers = [threading.Thread(target=self._read, args=(name,)) for name in ("stderr", "stdout")]
        for reader in self._readers:
            reader.start()

    def _read(self, name):
        short = name.removeprefix("std")
        while data := getattr(self.process, name).read1(65536):
            setattr(self, short, getattr(self, short) + data)

    @property
    def summaries(self):
        return [json.loads(line) for line in self.out.splitlines(keepends=True) if line.endswith(b"\n")]

    def type(self, line):
        self.process.stdin.write(line.encode() + b"\n")
        self.process.stdin.flush()

    def hang_up(self):
        self.process.stdin.close()
        self.process.stdin = None

    def until_told(self, text, times=1):
        until(lambda: self.err.count(text.encode()) >= times, lambda: f"{text!r} was not told: {self.err.decode()}")

    def until_turns(self, number):
        until(lambda: len(self.summaries) >= number, lambda: f"no {number} turns: {self.out} {self.err.decode()}")

    def end(self, signum=signal.SIGINT):
        if signum:
            self.process.send_signal(signum)
        status = self.process.wait(SECONDS_AT_MOST)
        for reader in self._readers:
            reader.join(SECONDS_AT_MOST)
        assert b"Traceback" not in self.err and b"Exception" not in self.err, self.err.decode()
        return status


@pytest.fixture
def chatting(fork):
    """Start a chat with a microphone, and wait until it listens."""

    def start(*words, stdin=subprocess.DEVNULL, mic=True, start=fork):
        chat = Chatting(start("chat", *(["--mic", "-v"] if mic else []), *words, stdin=stdin))
        if mic:
            chat.until_told("listening to")
            chat.until_told("connected in")
        return chat

    return start


@contextmanager
def heard_by_itself(sound_server, latency_ms=20):
    """The speaker stands beside the microphone."""
    # With an adjust_time it would change its delay every ten seconds, as no room does.
    wiring = ["source=speaker.monitor", "sink=mouth", f"latency_msec={latency_ms}", "adjust_time=0"]
    words = ["load-module", "module-loopback", *wiring]
    loaded = subprocess.run(
        ["pactl", *words], env=sound_server.env, check=True, capture_output=True, text=True, timeout=20
    )
    yield
    subprocess.run(["pactl", "unload-module", loaded.stdout.strip()], env=sound_server.env, check=True, timeout=20)


@pytest.fixture
def question():
    return b"".join(read_sound(SAMPLE, 16_000))


def test_what_is_said_is_answered_from_the_speaker(chatting, sound_server, question, tmp_path):
    said = numpy.frombuffer(question, "<i2").astype(float)
    with serving() as server:
        chat = chatting("--play", "--base-url", server.url, "--json", "--save", "kept", "--save-stereo", "call.wav")
        assert b"listening to the default microphone, echo cancelled\n" in chat.err
        for number in (1, 2, 3):  # a machine that is busy may lose some of the sound of one
            with sound_server.recorded() as recording:
                sound_server.say(question)
                chat.until_turns(number)
                recording.wait_for_sound()
                recording.wait_for_silence(1)
            if likeness(recording.samples, said) > ALIKE:
                break
        assert chat.end() == 130
    assert likeness(recording.samples, said) > ALIKE
    assert likeness(recording.samples, said[::-1]) < 0.7
    turn = chat.summaries[-1]
    assert (turn["input"], turn["ok"], turn["turn"]["complete"]) == ("microphone", True, True)
    assert "s of speech" in turn["transcript"]["input"]
    assert "s of speech" in turn["transcript"]["output"]
    rate, pcm = read_wav(tmp_path / "kept" / f"turn-00{number}.wav")
    assert len(pcm) == turn["received"]["bytes"] > rate
    heard_rate, heard = read_wav(tmp_path / "kept" / f"turn-00{number}-you.wav")
    assert likeness(numpy.frombuffer(heard, "<i2").astype(float), said) > ALIKE
    assert heard_rate == 16_000
    with wave.open(str(tmp_path / "call.wav")) as file:
        both = numpy.frombuffer(file.readframes(file.getnframes()), "<i2").reshape(-1, 2)
    assert numpy.flatnonzero(both[:, 0])[0] < numpy.flatnonzero(both[:, 1])[0], "the user speaks before the model"
    assert "**You:**" in (tmp_path / "kept" / "conversation.md").read_text()


def test_a_bug_while_it_listens_is_no_lost_microphone(spawn, sound_server, monkeypatch, tmp_path):
    for name, value in breaking(tmp_path / "broken", "livecli.chat.chat", "Chat.send_microphone").items():
        monkeypatch.setenv(name, value)
    with serving() as server:
        process = spawn("chat", "--mic", "--base-url", server.url, stdin=subprocess.DEVNULL)
        _, err = process.communicate(timeout=SECONDS_AT_MOST)
    assert process.returncode == 70
    assert b"ZeroDivisionError: a bug" in err
    assert b"the microphone is off" not in err


def test_turn_after_turn_is_heard(chatting, sound_server):
    with serving() as server:
        chat = chatting("--play", "--full-duplex", "--echo", "off", "--base-url", server.url, "--json")
        for number in (1, 2, 3):
            sound_server.say(tone(12_000))
            chat.until_turns(number)
        assert chat.end(signal.SIGTERM) == 143
    assert [turn["ok"] for turn in chat.summaries] == [True] * 3


def test_beside_the_speaker_it_answers_once_with_half_duplex(chatting, sound_server):
    with serving() as server, heard_by_itself(sound_server):
        chat = chatting("--play", "--half-duplex", "--base-url", server.url, "--json")
        sound_server.say(tone(12_000))
        chat.until_turns(1)
        with sound_server.recorded() as recording:
            recording.wait_for_silence(2.5)  # an echo would have been heard, and answered, by now
        assert chat.end() == 130
    assert len(chat.summaries) == 1


def test_beside_the_speaker_the_echo_is_cancelled_and_a_person_is_heard(chatting, sound_server, question):
    """The speaker stands beside the microphone. Three answers of speech are not taken for questions; a person is.

    Where the machine is so busy that the sound breaks off, some echo is heard until the canceller has followed. So the
    emulator takes a sound for speech only where it lasts, and the conversation is held three times at most: without a
    canceller each answer of each conversation is interrupted.
    """
    heard = []
    while len(heard) < 3 and [False, False, False, True, False] not in heard:
        heard.append(interrupted_beside_the_speaker(chatting, sound_server, question))
    assert heard[-1] == [False, False, False, True, False], heard


def interrupted_beside_the_speaker(chatting, sound_server, question):
    """Which of five answers are interrupted. A person speaks over the fourth."""
    with serving(behaviour=Reader, pace=Pace.BURST) as server, heard_by_itself(sound_server, latency_ms=200):
        chat = chatting("--play", "--setup", SLOW_TO_DETECT, "--base-url", server.url, "--json")
        assert b"echo cancelled" in chat.err
        for number in (1, 2, 3):
            sound_server.say(question)
            chat.until_turns(number)
        sound_server.say(question)
        chat.until_told("received generation_complete", times=4)  # the answer has come, and takes 2.2 s to play
        sound_server.say(question)
        chat.until_turns(4)
        if chat.summaries[3]["turn"]["interrupted"]:
            chat.until_turns(5)
        assert chat.end() == 130
    return [turn["turn"]["interrupted"] for turn in chat.summaries]


def test_without_echo_cancellation_the_microphone_is_muted_while_it_answers(chatting, sound_server):
    with serving() as server, heard_by_itself(sound_server):
        chat = chatting("--play", "--echo", "off", "--base-url", server.url, "--json")
        assert b"listening to the default microphone, muted while an answer plays\n" in chat.err
        sound_server.say(tone(12_000))
        chat.until_turns(1)
        with sound_server.recorded() as recording:
            recording.wait_for_silence(2.5)
        assert chat.end() == 130
    assert len(chat.summaries) == 1


def test_beside_the_speaker_it_answers_itself_with_full_duplex(chatting, sound_server):
    with serving() as server, heard_by_itself(sound_server):
        chat = chatting("--play", "--full-duplex", "--echo", "off", "--base-url", server.url, "--json")
        assert b"muted" not in chat.err
        sound_server.say(tone(12_000))
        chat.until_turns(3)
        assert chat.end() == 130


def test_a_named_speaker_is_taken_for_a_headset(chatting, sound_server):
    devices = ["--device", "mouth.monitor", "--device", "mouth"]
    with serving() as server:
        chat = chatting("--play", "--echo", "off", *devices, "--base-url", server.url)
        assert b"listening to Monitor of Mouth\n" in chat.err
        assert chat.end() == 130


def test_the_microphone_is_turned_off_and_on_through_the_pipe(chatting, sound_server):
    with serving() as server:
        chat = chatting("--base-url", server.url, "--json", stdin=subprocess.PIPE)
        chat.type("/mic off")
        chat.until_told("the microphone is off")
        sound_server.say(tone(12_000))
        chat.type("hello")  # in writing it goes on
        chat.until_turns(1)
        chat.type("/mic on")
        chat.until_told("listening to", 2)
        sound_server.say(tone(12_000))
        chat.until_turns(2)
        chat.type("/mic off")
        chat.hang_up()
        assert chat.end(signum=None) == 0
    assert [turn["input"] for turn in chat.summaries] == ["hello", "microphone"]


def test_the_speaker_is_turned_on_and_off_through_the_pipe(chatting, sound_server):
    with serving() as server, sound_server.recorded() as recording:
        chat = chatting("--base-url", server.url, "--json", stdin=subprocess.PIPE, mic=False)
        chat.type("eeeeeeee")
        chat.until_turns(1)
        recording.wait_for_silence()
        assert not recording.samples.any()
        chat.type("/say on")
        chat.type("eeeeeeee")
        recording.wait_for_sound()
        recording.wait_for_silence()
        chat.type("/say")
        chat.until_told("the speaker is off")
        before = numpy.count_nonzero(recording.samples)
        chat.type("eeeeeeee")
        chat.until_turns(3)
        chat.hang_up()
        assert chat.end(signum=None) == 0
        recording.wait_for_silence()
        assert numpy.count_nonzero(recording.samples) == before
    assert pitch(recording.samples[recording.samples.nonzero()[0]]) == pytest.approx(220 * 2 ** (5 / 12), abs=8)


def test_what_is_typed_is_heard_to_its_end(livecli_piped, sound_server, tmp_path):
    with sound_server.recorded() as recording:
        ran = livecli_piped("we are at the end\n", "chat", "--local", "--play", "--save", "kept")
        assert (ran.returncode, ran.stdout) == (0, b"we are at the end\n"), ran.stderr
        recording.wait_for_silence()
    _, pcm = read_wav(tmp_path / "kept" / "turn-001.wav")
    answer = numpy.frombuffer(pcm, "<i2")
    sound = numpy.flatnonzero(abs(answer) > 1000)
    heard = numpy.flatnonzero(abs(recording.samples) > 1000)
    assert (heard[-1] - heard[0]) / 16_000 == pytest.approx((sound[-1] - sound[0]) / 24_000, abs=0.1)


@pytest.fixture
def livecli_piped(tmp_path):
    def run(typed, *words, **options):
        command = [sys.executable, "-W", "error", "-m", "livecli", *map(str, words)]
        return subprocess.run(
            command, input=typed.encode(), capture_output=True, cwd=tmp_path, timeout=SECONDS_AT_MOST, **options
        )

    return run


# --- what goes wrong ---


@pytest.mark.parametrize(("signum", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_while_it_speaks_is_silence_at_once(chatting, sound_server, signum, status):
    with serving(behaviour=Talker) as server, sound_server.recorded() as recording:
        chat = chatting("--play", "--base-url", server.url)
        sound_server.say(tone(12_000))
        recording.wait_for_sound()
        assert chat.end(signum) == status
        recording.wait_for_silence()
    assert numpy.count_nonzero(recording.samples) < 5 * 16_000


def test_a_microphone_that_goes_away_ends_it(chatting, spawn, sound_server):
    with serving() as server:
        chat = chatting("--base-url", server.url, "--json", start=spawn)
        sound_server.unplug()
        assert chat.end(signum=None) == 3
    assert chat.summaries[-1]["error"]["kind"] == "file"
    assert chat.err.count(b"the default microphone is lost") == 1
    assert b"nanobind" not in chat.err, "a library complains of what is left at the exit"


def test_a_microphone_that_goes_away_during_an_answer_is_the_only_error(chatting, sound_server):
    with serving(behaviour=Talker) as server:
        chat = chatting("--base-url", server.url)
        sound_server.say(tone(12_000))
        until(lambda: b"on and on" in chat.out, lambda: f"no answer: {chat.err.decode()}")
        sound_server.unplug()
        assert chat.end(signum=None) == 3
    [*_, last] = chat.err.splitlines()
    assert last == b"error: the default microphone is lost: no more sound comes from it"
    assert chat.err.count(b"error") == 1


def test_a_microphone_that_goes_away_does_not_end_the_typing(chatting, sound_server):
    with serving() as server:
        chat = chatting("--base-url", server.url, "--json", stdin=subprocess.PIPE)
        sound_server.unplug()
        chat.until_told("warning: the microphone is off: the default microphone is lost")
        chat.type("hello")
        chat.until_turns(1)
        chat.hang_up()
        assert chat.end(signum=None) == 3
    assert chat.summaries[0]["transcript"]["output"] == "hello"


def test_a_speaker_that_goes_away_is_a_warning(chatting, sound_server):
    with serving(behaviour=Talker) as server:
        chat = chatting("--play", "--base-url", server.url, "--json", stdin=subprocess.PIPE, mic=False)
        with sound_server.recorded() as recording:
            chat.type("go")
            recording.wait_for_sound()
        sound_server.unplug()
        chat.until_turns(1)
        chat.type("and on")
        chat.until_turns(2)
        chat.hang_up()
        assert chat.end(signum=None) == 0
    assert chat.err.count(b"the default speaker is lost") == 1


def test_devices_that_come_back_are_used_again(chatting, sound_server):
    with serving() as server:
        chat = chatting("--play", "--base-url", server.url, "--json", stdin=subprocess.PIPE)
        sound_server.unplug()
        chat.until_told("warning: the microphone is off: the default microphone is lost")
        chat.until_told("warning: the default speaker is lost")
        chat.type("/say")
        chat.until_told("no speaker found")
        sound_server.plug()
        chat.until_told("playing on the default speaker (Speaker)")
        chat.until_told("listening to the default microphone (Monitor of Mouth), echo cancelled")
        with sound_server.recorded() as recording:
            sound_server.say(tone(12_000))
            recording.wait_for_sound()
        assert chat.end() == 130
    assert chat.summaries[-1]["input"] == "microphone"


def test_a_server_that_goes_away_ends_it(chatting, fork, sound_server):
    server = fork("serve", "--port", "0", "--tls-port", "0")
    url = server.stdout.readline().decode().strip().rpartition("=")[2]
    chat = chatting("--base-url", url, "--json", "--retries", "1")
    server.kill()
    assert chat.end(signum=None) == 5
    assert chat.summaries[-1]["error"]["kind"] == "connect"


def test_a_session_that_is_refused_later_ends_it(chatting, sound_server):
    with serving("close=1008:Your project has been denied access.@2s") as server:
        chat = chatting("--base-url", server.url, "--json")
        assert chat.end(signum=None) == 4
    assert chat.summaries[-1]["error"]["close_code"] == 1008


def test_a_connection_that_is_lost_while_somebody_speaks_is_not_noticed(chatting, sound_server, question):
    with serving("drop@3s") as server:
        chat = chatting("--base-url", server.url, "--json", "-v")
        for number in range(1, 4):
            sound_server.say(question)
            chat.until_turns(number)
        assert chat.end() == 130
    assert b"connection 2: the session goes on" in chat.err
    assert [(turn["input"], turn["ok"]) for turn in chat.summaries] == [("microphone", True)] * 3


@pytest.mark.parametrize("words", [["--device", "nope"], ["--device", "7"]])
def test_a_device_that_there_is_not_is_refused_before_anything_is_connected(livecli, sound_server, words):
    ran = livecli("chat", "--mic", *words, "--base-url", "ws://127.0.0.1:1")
    assert (ran.status, ran.out) == (2, "")
    assert "there is no such" in ran.err
    assert "connect" not in ran.err


def test_without_a_sound_system_it_says_so(livecli, monkeypatch):
    monkeypatch.setenv("PULSE_SERVER", "unix:/nonexistent")
    monkeypatch.setenv("ALSA_CONFIG_PATH", "/nonexistent")
    monkeypatch.setenv("JACK_NO_START_SERVER", "1")
    for words in (["--mic", "--local"], ["--play", "--local"]):
        ran = livecli("chat", *words)
        assert ran.status == 3
        assert "ALSA" not in ran.err
    ran = livecli("chat", "--list-devices")
    assert (ran.status, ran.out) == (3, "")


def test_the_devices_are_listed(livecli, sound_server):
    ran = livecli("chat", "--list-devices")
    assert (ran.status, ran.err) == (0, "")
    assert ran.out == (
        "  0 playback * Speaker             speaker\n"
        "  1 playback   Mouth               mouth\n"
        "  2 capture    Monitor of Speaker  speaker.monitor\n"
        "  3 capture  * Monitor of Mouth    mouth.monitor\n"
    )


@pytest.mark.parametrize("words", [["--mic"], ["--play"], ["--list-devices"]])
def test_without_the_package_the_extra_is_named(livecli, monkeypatch, words):
    monkeypatch.setitem(sys.modules, "miniaudio", None)
    ran = livecli("chat", "--local", *words)
    assert (ran.status, ran.out) == (3, "")
    assert f"hint: {install_extra_command('audio')}\n" in ran.err


def test_push_to_talk_needs_a_terminal(livecli, sound_server):
    ran = livecli("chat", "--local", "--mic", "--push-to-talk")
    assert (ran.status, ran.out) == (2, "")
    assert "needs a terminal" in ran.err
