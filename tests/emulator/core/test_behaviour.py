"""The echo: what it does with each kind of turn. Steps become frames in `test_response`."""

from __future__ import annotations

import io
import json

import pytest

from livecli.emulator.core.behaviour import (
    GREETING,
    KEPT_ECHO_BYTES,
    TONE_SAMPLES,
    Call,
    Code,
    Echo,
    FetchUrls,
    Ground,
    Say,
    Step,
    Think,
    UserTurn,
    tones,
)
from livecli.emulator.core.utterance import BYTES_PER_SECOND, Utterance
from livecli.media.resample import Resampler
from livecli.protocol.audio_rates import INPUT_RATE, OUTPUT_RATE
from livecli.protocol.messages import FunctionResponse
from tests.cases import in_one_test


def steps(**fields) -> list[Step]:
    return list(Echo().answer(UserTurn(**fields)))


def spoken(**fields) -> list[str]:
    return [step.words for step in steps(**fields) if isinstance(step, Say)]


def utterance(pcm: bytes) -> Utterance:
    made = Utterance(io.BytesIO())
    made.write(pcm)
    return made


def test_text_is_said_back_in_the_voice_of_the_session() -> None:
    assert steps(text="Hi you") == [Think("I heard 6 characters of text."), Say("Hi you")]


def test_an_utterance_comes_back_at_the_models_rate(tone) -> None:
    _, say = steps(utterance=utterance(tone(1.0)))
    assert isinstance(say, Say)
    assert say.words == "[1.0 s of speech]"
    assert len(b"".join(say.speech)) == 48_000


def test_the_echo_of_a_short_utterance_is_kept_and_each_sound_has_its_own(tone) -> None:
    def echo(pcm: bytes) -> bytes:
        (said,) = [step for step in steps(utterance=utterance(pcm)) if isinstance(step, Say)]
        return b"".join(said.speech)

    def resampled(pcm: bytes) -> bytes:
        resampler = Resampler(INPUT_RATE, OUTPUT_RATE)
        return resampler.push(pcm) + resampler.finish()

    short, other = tone(0.5), tone(0.6)
    assert echo(short) == echo(short) == resampled(short)
    assert echo(other) == resampled(other)
    long = tone(KEPT_ECHO_BYTES / BYTES_PER_SECOND + 0.1)
    assert len(echo(long)) == len(resampled(long))


def test_an_empty_utterance_is_not_answered() -> None:
    assert steps(utterance=utterance(b"")) == []
    assert steps() == []


@in_one_test(
    ("fields", "words"),
    [
        ({"images": 1}, ["[1 image]"]),
        ({"images": 2, "text": "Look"}, ["Look [2 images]"]),
        ({"responses": (FunctionResponse(response={"output": "sunny"}),)}, ["sunny"]),
        ({"responses": (FunctionResponse(response={"a": 1, "b": "é"}),)}, ['{"a": 1, "b": "é"}']),
        ({"responses": (FunctionResponse(), FunctionResponse(response={"x": 1}))}, ["{} 1"]),
        ({"greeting": True}, [GREETING]),
    ],
)
def test_words(fields: dict, words: list[str]) -> None:
    assert spoken(**fields) == words


def test_a_call_of_a_declared_function_with_its_arguments() -> None:
    functions = frozenset({"f", "a.b"})
    assert steps(text='call f {"x": [1]} and call a.b and call g', functions=functions) == [
        Call("f", {"x": [1]}),
        Call("a.b"),
    ]
    assert spoken(text="call f") == ["call f"]


def test_search_is_grounded_only_if_the_setup_has_it() -> None:
    *_, ground = steps(text="search for it", search=True)
    assert isinstance(ground, Ground)
    support = ground.metadata["groundingSupports"][0]
    assert support["segment"] == {"endIndex": 13, "text": "search for it"}
    assert ground.metadata["webSearchQueries"] == ["search for it"]
    assert not [step for step in steps(text="search for it") if isinstance(step, Ground)]


def test_code_is_run_only_if_the_setup_has_it() -> None:
    code, result, *_ = steps(text="code it's 4", code=True)
    assert code == Code({"executableCode": {"language": "PYTHON", "code": 'print("it\'s 4")'}})
    assert result == Code({"codeExecutionResult": {"outcome": "OUTCOME_OK", "output": "it's 4\n"}})
    assert not [step for step in steps(text="code 4") if isinstance(step, Code)]


def test_urls_are_read_only_if_the_setup_has_it() -> None:
    fetched, *_ = steps(text="read https://example.com/a and http://b.c", urls=True)
    assert isinstance(fetched, FetchUrls)
    assert [one["retrievedUrl"] for one in fetched.metadata["urlMetadata"]] == ["https://example.com/a", "http://b.c"]
    assert json.dumps(fetched.metadata).count("URL_RETRIEVAL_STATUS_SUCCESS") == 2
    assert not [step for step in steps(text="read https://b.c") if isinstance(step, FetchUrls)]


@pytest.mark.parametrize(
    ("turn", "description"),
    [
        (UserTurn(text="four"), "4 characters of text"),
        (UserTurn(responses=(FunctionResponse(),)), "1 function response"),
        (UserTurn(responses=(FunctionResponse(), FunctionResponse())), "2 function responses"),
        (UserTurn(greeting=True), "a response to an unknown call"),
        (UserTurn(utterance=utterance(bytes(16_000))), "0.5 s of speech"),
    ],
)
def test_descriptions_for_the_log(turn: UserTurn, description: str) -> None:
    assert turn.description == description


def test_a_tone_has_its_length_and_fades() -> None:
    (tone,) = tones("a")
    samples = memoryview(tone).cast("h")
    assert len(samples) == TONE_SAMPLES
    assert samples[0] == 0
    assert abs(samples[-1]) < 500 < max(samples)
