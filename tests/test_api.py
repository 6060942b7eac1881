"""The public way in for programs, as a notebook uses it: a loop already runs."""

import asyncio
import gc
import inspect
import json
import os
import resource
import signal
import sys
import threading
import time
import wave
import weakref
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import get_type_hints

import pytest

import livecli
import livecli.api
import livecli.cli.send
from livecli.media.file_source import SAMPLE
from livecli.recording.format import read_live

from .serving import serving


async def test_send_does_what_the_command_does(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    reply = await livecli.send(SAMPLE, local=True, speed=0, output="reply.wav")
    assert reply.complete
    assert str(reply.path) == "reply.wav"
    with wave.open("reply.wav") as file:
        assert (file.getframerate(), file.readframes(file.getnframes())) == (reply.rate, reply.audio)
    assert reply.seconds == pytest.approx(2.225, abs=0.01)
    assert reply.heard == reply.as_json()["transcript"]["input"] == "[2.2 s of speech]"
    assert reply.cost_usd == reply.as_json()["cost_usd"]
    assert reply.cost_usd > 0
    assert reply.latency_ms == reply.as_json()["latency_ms"]
    assert reply.usage == reply.as_json()["usage"]


async def test_without_an_output_the_sound_stays_in_memory(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    reply = await livecli.send(text="Good morning", local=True)
    assert reply.text == "Good morning"
    assert (reply.path, reply.heard, reply.rate) == (None, "", 24_000)
    assert 0.5 < len(reply.audio) / 48_000 < 1
    assert not list(tmp_path.glob("*.wav"))


async def test_the_sound_is_there_when_it_is_also_written_to_a_device():
    reply = await livecli.send(text="hi", local=True, output="/dev/null")
    assert 0.1 < len(reply.audio) / 48_000 < 1


def test_ask_waits_for_the_answer_to_words_or_a_file():
    assert livecli.ask("Good morning", local=True).text == "Good morning"
    assert livecli.ask(input=SAMPLE, local=True, speed=0).heard == "[2.2 s of speech]"


async def test_ask_works_where_a_loop_runs_as_in_a_notebook():
    assert livecli.ask("Good morning", local=True).text == "Good morning"
    with pytest.raises(livecli.ServerError):
        livecli.ask("hi", local=True, model="gemini-9")


async def test_ctrl_c_ends_an_ask_in_another_thread(monkeypatch):
    """A notebook's interrupt is raised in the thread that waits."""
    ended = threading.Event()

    async def asked(*_, **__):
        signal.pthread_kill(threading.main_thread().ident, signal.SIGINT)
        try:
            await asyncio.sleep(60)
        finally:
            ended.set()

    monkeypatch.setattr(livecli.api, "send", asked)
    handler = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        with pytest.raises(KeyboardInterrupt):
            livecli.ask("hi", local=True)
    finally:
        signal.signal(signal.SIGINT, handler)
    assert ended.wait(10)


async def test_what_fails_raises_an_error_with_what_came(tmp_path):
    with serving("drop@reply:3") as served, pytest.raises(livecli.ServerError) as failed:
        await livecli.send(SAMPLE, base_url=served.url, speed=0, output=tmp_path / "r.wav", retries=0)
    reply = failed.value.reply
    assert not reply.complete
    assert reply.path == tmp_path / "r.partial.wav"
    assert 0 < reply.seconds < 2.2
    assert reply.as_json()["error"]["kind"] == "server"


async def test_a_warning_of_the_run_is_the_replys(tmp_path, monkeypatch):
    schema = 'type = "object"\nproperties.n = {type = "integer", multipleOf = 2}'
    (tmp_path / "tools.toml").write_text(f'[[tool]]\nname = "now"\ncommand = "date"\n[tool.parameters]\n{schema}\n')
    reply = await livecli.send(text="hi", local=True, tools=tmp_path / "tools.toml")
    assert len(reply.warnings) == 1
    assert "multipleOf" in reply.warnings[0]
    assert reply.as_json()["warnings"] == [*reply.warnings]


async def test_functions_of_the_model_are_commands_that_a_coroutine_may_confirm():
    calls = []

    async def confirm(call):
        calls.append(call.name)
        return len(calls) == 1

    for answer in ("it is noon", "refused"):
        reply = await livecli.send(text="call now", local=True, tool=["now=echo it is noon"], confirm=confirm)
        assert (answer in reply.text) == (answer == "it is noon")
    assert calls == ["now", "now"]


OTHER_NAMES = {"inputs": "input", "image": "images", "no_transcripts": "transcripts"}
NOT_IN_PYTHON = {
    "sample": "no input",
    "report": "record, and `livecli report`",
    "dry_run": "connect()",
    "stats": "Reply.as_json()",
    "json_lines": "Reply.as_json()",
    "events": "connect()",
    "quiet": "nothing is printed",
    "verbose": "nothing is printed",
    "debug": "nothing is printed",
    "explain": "LivecliError.advice",
    **dict.fromkeys(["script", "replay", "replay_match", "replay_speed", "fault", "pace", "hear"], "serve()"),
    **dict.fromkeys(
        ["expect", "expect_file", "write_expect", "runs", "pass_rate", "junit", "tap", "subtitles"], "assert, and Reply"
    ),
    **dict.fromkeys(
        ["source", "jobs", "processes", "connect_rate", "resume_from", "shard", "max_cost"], "asyncio.gather()"
    ),
}


def command_line_options():
    """The name and the default of each option of `livecli send`."""
    groups = [
        value for value in inspect.signature(livecli.cli.send.send).parameters.values() if value.name != "context"
    ]
    return {OTHER_NAMES.get(option.name, option.name): option.default for option in groups}


def test_the_keyword_arguments_are_the_command_lines_options_with_their_defaults():
    offered = command_line_options()
    kwargs = inspect.signature(livecli.send).parameters
    names = set(offered) - set(NOT_IN_PYTHON)
    assert set(kwargs) == names
    assert set(inspect.signature(livecli.ask).parameters) == names
    assert set(livecli.api.DEFAULTS) == names - {"input", "text"} == set(get_type_hints(livecli.api.AskOptions))
    different = {
        name: (kwargs[name].default, offered[name])
        for name in names
        if (kwargs[name].default or None) != (offered[name] or None)
    }
    assert different == {"transcripts": (True, False)}, "--no-transcripts is its negation"


def test_the_options_of_a_session_are_among_those_of_a_request():
    session = inspect.signature(livecli.connect).parameters
    assert (
        set(session)
        == set(get_type_hints(livecli.api.SessionOptions))
        < set(inspect.signature(livecli.send).parameters)
    )


async def test_a_call_is_recorded(tmp_path):
    await livecli.send(text="hi", local=True, record=tmp_path / "run.live", record_anonymous=True)
    [connection] = read_live((tmp_path / "run.live").read_bytes()).connections
    assert connection.close.code == 1000
    assert json.loads(connection.frames[1].data)["setupComplete"]["sessionId"].startswith("id-")


def process_state():
    return gc.isenabled(), gc.get_threshold(), gc.get_freeze_count(), resource.getrlimit(resource.RLIMIT_NOFILE)


@contextmanager
def full_streams():
    """Standard output and standard error that cannot be written."""
    with open("/dev/full", "w") as full, pytest.MonkeyPatch.context() as patched:
        patched.setattr(sys, "stdout", full)
        patched.setattr(sys, "stderr", full)
        yield full


@pytest.mark.parametrize("collecting", [True, False])
async def test_a_program_keeps_its_garbage_collection_limits_and_streams(tmp_path, collecting):
    thresholds, limits = gc.get_threshold(), resource.getrlimit(resource.RLIMIT_NOFILE)
    try:
        gc.set_threshold(701, 11, 12)
        resource.setrlimit(resource.RLIMIT_NOFILE, (min(limits[0], 1000), limits[1]))
        (gc.enable if collecting else gc.disable)()
        before = process_state()
        with full_streams() as full:
            together = [livecli.send(SAMPLE, local=True, speed=0, output=tmp_path / f"{n}.wav") for n in range(2)]
            assert all(reply.complete for reply in await asyncio.gather(*together))
            assert sys.stdout is sys.stderr is full
        assert process_state() == before
    finally:
        gc.enable()
        gc.set_threshold(*thresholds)
        resource.setrlimit(resource.RLIMIT_NOFILE, limits)


async def test_a_reply_may_be_heard_too(tmp_path, sound_server):
    with sound_server.recorded("mouth.monitor") as recording:
        await livecli.send(SAMPLE, local=True, speed=0, output=tmp_path / "r.wav", play=True, device="mouth")
        recording.wait_for_silence()
    assert abs(recording.samples).max() > 1000


async def test_a_run_that_fails_raises_its_error(tmp_path):
    with pytest.raises(livecli.FileError, match="no-such"):
        await livecli.send(tmp_path / "no-such.wav", local=True)
    with pytest.raises(livecli.AuthError):
        await livecli.send(text="hi", output=tmp_path / "r.wav")
    with pytest.raises(livecli.ServerError) as refused:
        await livecli.send(text="hi", output=tmp_path / "r.wav", local=True, model="gemini-9")
    assert refused.value.close_code == 1008


@pytest.mark.parametrize("platform", ["vertex", "developer"])
async def test_a_conversation_of_several_turns_over_one_session(platform):
    async with livecli.connect(local=True, platform=platform, transcripts=True) as session:
        assert (session.session_id is not None) == (platform == "vertex")
        for words in ("one", "two"):
            await session.send(livecli.Text(words))
            said, bytes_received = "", 0
            async for event in session:
                match event:
                    case livecli.AudioChunk(pcm, rate):
                        assert rate == 24_000
                        bytes_received += len(pcm)
                    case livecli.OutputTranscript(text):
                        said += text
                    case livecli.TurnComplete():
                        break
            assert said == words
            assert 0.1 < bytes_received / 48_000 < 1


async def test_speech_goes_between_the_marks_of_activity():
    pcm = bytes(3200)
    async with livecli.connect(local=True) as session:
        await session.send(livecli.ActivityStart())
        for _ in range(10):
            await session.send(livecli.AudioChunk(pcm))
        await session.send(livecli.ActivityEnd())
        received = 0
        async for event in session:
            if isinstance(event, livecli.AudioChunk):
                received += len(event.pcm)
            if isinstance(event, livecli.TurnComplete):
                break
    assert received == 48_000


async def test_what_may_not_be_said_is_refused_here_and_now():
    async with livecli.connect(local=True, activity="auto") as session:
        with pytest.raises(livecli.ProtocolError, match="ActivityStart"):
            await session.send(livecli.ActivityStart())
        await session.send(livecli.Text("still open"))


async def test_the_session_is_closed_when_the_block_is_left_by_an_error():
    with pytest.raises(ZeroDivisionError):
        async with livecli.connect(local=True) as session:
            raise ZeroDivisionError
    assert session.close_code == 1000
    with pytest.raises(livecli.LivecliError):
        await session.send(livecli.Text("too late"))


async def test_options_of_both_are_the_command_lines():
    setup = {"labels": {"a": "b"}}
    async with livecli.connect(
        local=True, voice="Kore", language="en-US", system="Be brief.", temperature=0.5, setup=setup, model=None
    ) as session:
        assert session.endpoint.model == "gemini-3.8-live"


@pytest.mark.parametrize("wrong", [{"modle": "gemini-3.8-live"}, {"chunk_bytes": 3}, {"text": "and an input"}])
async def test_what_is_misspelt_or_cannot_be_is_refused(wrong, tmp_path):
    with pytest.raises((TypeError, livecli.UsageError)):
        await livecli.send("question.wav", output=tmp_path / "reply.wav", local=True, **wrong)
    if "modle" in wrong:
        with pytest.raises(TypeError, match=r"unexpected option: modle; did you mean model\?"):
            async with livecli.connect(local=True, **wrong):
                pass


async def test_what_is_shown_and_what_is_cited(tmp_path, monkeypatch):
    from PIL import Image

    monkeypatch.chdir(tmp_path)
    Image.new("RGB", (10, 10)).save(tmp_path / "a.png")
    reply = await livecli.send(text="search for it", images=[tmp_path / "a.png", "a.png"], search=True, local=True)
    assert "2 images" in reply.text
    assert reply.as_json()["citations"]
    with pytest.raises(livecli.FileError, match="cannot read b"):
        await livecli.send(text="hi", images=["b.png"], local=True)


def test_threads_may_send_at_once_each_in_a_loop_of_its_own(tmp_path, monkeypatch):
    # A slow source of random bytes, during which the other threads run.
    monkeypatch.setattr(os, "urandom", lambda size, made=os.urandom: time.sleep(0.002) or made(size))

    def ask(number, url):
        reply = tmp_path / f"{number}.wav"
        asyncio.run(livecli.send(SAMPLE, base_url=url, speed=0, chunk_bytes=64, output=reply))
        return reply.read_bytes()

    with serving() as served, ThreadPoolExecutor(4) as threads:
        replies = [threads.submit(ask, number, served.url) for number in range(4)]
        assert len({reply.result(50) for reply in replies}) == 1


def test_an_event_loop_is_gone_after_its_run(tmp_path):
    loops = []

    async def ask(url):
        loops.append(weakref.ref(asyncio.get_running_loop()))
        await livecli.send(SAMPLE, base_url=url, speed=0, output=tmp_path / "reply.wav")

    with serving() as served:
        for _ in range(3):
            asyncio.run(ask(served.url))
    gc.collect()
    assert [loop() for loop in loops] == [None] * 3


@pytest.mark.parametrize(
    ("name", "allowed"), [("activity", "'manual' or 'auto'"), ("platform", "'vertex' or 'developer'")]
)
async def test_a_value_that_an_option_does_not_take_is_a_usage_error(name, allowed):
    with pytest.raises(livecli.UsageError) as refused:
        await livecli.send(text="hi", local=True, **{name: "nope"})
    assert str(refused.value) == f"{name} is 'nope', not {allowed}"
    with pytest.raises(livecli.UsageError, match=name):
        async with livecli.connect(local=True, **{name: "nope"}):
            pass


async def test_a_voice_is_named_in_any_case_and_an_unknown_one_is_refused():
    async with livecli.connect(local=True, voice="kore", language="german"):
        pass
    with pytest.raises(livecli.UsageError, match="no voice 'nobody'"):
        async with livecli.connect(local=True, voice="nobody"):
            pass
    with pytest.raises(livecli.UsageError, match="no language 'klingon'"):
        await livecli.send(text="hi", local=True, language="klingon")
