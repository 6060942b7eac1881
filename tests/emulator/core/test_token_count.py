"""`usageMetadata` as each model counts it. `test_inbox` has the context window's compression."""

from __future__ import annotations

from livecli.emulator.core.token_count import TokenCount
from livecli.protocol.models import MODELS
from tests.emulator.plain_models import PLAIN_MODELS

PLAIN = PLAIN_MODELS["gemini-3.8-live"]
V3_8, V3_1 = MODELS["gemini-3.8-live"], MODELS["gemini-3.1-flash-live-preview"]
NATIVE = MODELS["gemini-2.5-flash-native-audio-preview-09-2025"]
HALF_CASCADE = MODELS["gemini-live-2.5-flash"]


def test_audio_is_25_tokens_a_second_each_way() -> None:
    assert TokenCount(prompt_audio_bytes=3 * 32_000, response_audio_bytes=2 * 48_000).report(PLAIN) == {
        "promptTokenCount": 75,
        "responseTokenCount": 50,
        "totalTokenCount": 125,
        "promptTokensDetails": [{"modality": "AUDIO", "tokenCount": 75}],
        "responseTokensDetails": [{"modality": "AUDIO", "tokenCount": 50}],
    }


def test_text_is_a_token_for_four_characters() -> None:
    report = TokenCount(prompt_characters=9, prompt_audio_bytes=2).report(PLAIN)
    assert report["promptTokensDetails"] == [
        {"modality": "TEXT", "tokenCount": 3},
        {"modality": "AUDIO", "tokenCount": 1},
    ]


def test_thoughts_are_not_part_of_the_total_and_come_last() -> None:
    report = TokenCount(prompt_characters=4, response_characters=8, thought_characters=40).report(PLAIN)
    assert (report["thoughtsTokenCount"], report["totalTokenCount"]) == (10, 3)
    assert list(report)[-1] == "thoughtsTokenCount"


def test_an_interrupted_turn_that_said_nothing_has_no_response() -> None:
    report = TokenCount(prompt_characters=4).report(NATIVE)
    assert report["promptTokenCount"] == report["totalTokenCount"] == 1131
    assert set(report) == {"promptTokenCount", "totalTokenCount", "promptTokensDetails"}


def test_the_response_of_a_turn_is_in_the_prompt_of_the_next() -> None:
    count = TokenCount(prompt_characters=4, response_audio_bytes=48_000, call_characters=40, thought_characters=40)
    count.begin_turn()
    report = count.report(PLAIN)
    assert report["promptTokenCount"] == report["totalTokenCount"] == 1 + 25 + 10
    assert "thoughtsTokenCount" not in report


def test_calls_are_text_of_the_response() -> None:
    report = TokenCount(call_characters=52).report(NATIVE)
    assert report["responseTokensDetails"] == [{"modality": "TEXT", "tokenCount": 13}]


def test_the_details_of_3_x_do_not_add_up() -> None:
    report = TokenCount(call_characters=48, response_audio_bytes=48_000).report(V3_1)
    assert report["responseTokenCount"] == 25 + 12
    assert report["responseTokensDetails"] == [{"modality": "AUDIO", "tokenCount": 25}]
    report = TokenCount().report(V3_8)
    assert report["promptTokenCount"] == 312 + 165 + 25
    assert report["promptTokensDetails"] == [
        {"modality": "TEXT", "tokenCount": 312},
        {"modality": "AUDIO", "tokenCount": 165},
    ]


def test_half_cascade_lists_audio_without_a_count() -> None:
    report = TokenCount(response_characters=12).report(HALF_CASCADE)
    assert report["responseTokensDetails"] == [{"modality": "TEXT", "tokenCount": 3}, {"modality": "AUDIO"}]
    report = TokenCount(response_characters=12, response_audio_bytes=96_000).report(HALF_CASCADE)
    assert report["responseTokensDetails"][1] == {"modality": "AUDIO", "tokenCount": 50}


def test_a_picture_has_the_tokens_of_the_model() -> None:
    assert TokenCount(images=1).report(V3_8)["promptTokensDetails"][-1] == {"modality": "IMAGE", "tokenCount": 272}
    assert TokenCount(images=1).report(NATIVE)["promptTokensDetails"][-1] == {"modality": "IMAGE", "tokenCount": 258}


def test_what_compression_discards_is_not_in_the_prompt() -> None:
    count = TokenCount(prompt_characters=400, prompt_audio_bytes=32_000, forgotten_tokens=110)
    assert count.report(PLAIN)["promptTokensDetails"] == [{"modality": "AUDIO", "tokenCount": 15}]
    assert count.context_tokens(PLAIN) == 125
