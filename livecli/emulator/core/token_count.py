"""Token counts as in `usageMetadata`, and the context window that they fill. No I/O."""

from __future__ import annotations

import math
from collections.abc import Callable

import msgspec

from ...media.pcm import SAMPLE_BYTES
from ...protocol.audio_rates import INPUT_RATE, OUTPUT_RATE
from ...protocol.close_reasons import Refusal
from ...protocol.messages import ContextWindowCompressionConfig, Json
from ...protocol.models import Model

AUDIO_TOKENS_PER_SECOND = 25

CHARACTERS_PER_TOKEN = 4

TRIGGER_SHARE = 0.8
"""The part of the context window at which compression begins, unless the setup has `triggerTokens`."""

TARGET_SHARE = 0.5
"""The part of the trigger that compression keeps, unless the setup has `targetTokens`."""


class TokenCount(msgspec.Struct):
    """The counts of one session: the prompt is the whole context, response and thoughts are those of the turn.

    Audio is in bytes of PCM16 at INPUT_RATE (prompt) or OUTPUT_RATE (response).
    """

    prompt_audio_bytes: int = 0
    prompt_characters: int = 0
    images: int = 0
    video_frames: int = 0
    response_audio_bytes: int = 0
    response_characters: int = 0
    call_characters: int = 0
    thought_characters: int = 0
    earlier_tokens: int = 0
    """Tokens of the responses of earlier turns, which are in the prompt."""
    forgotten_tokens: int = 0
    """Tokens of the prompt that compression has discarded."""

    def begin_turn(self) -> None:
        """Move the response of the turn before into the prompt."""
        self.earlier_tokens += self._spoken + self._written + self._calls
        self.response_audio_bytes = self.response_characters = self.call_characters = self.thought_characters = 0

    def report(self, model: Model) -> Json:
        """`usageMetadata` of the turn, with the names of the Developer API and as this model counts it (recorded).

        Counts of zero are left out. The total does not contain the thoughts. The response to an interrupted turn that
        said nothing has no counts.
        """
        facts = model.prompt
        prompt, response = self._prompt(model), self._response(model)
        prompt_total = sum(prompt.values()) + facts.unlisted_tokens
        response_total = sum(response.values()) + (0 if facts.details_add_up else self._calls)
        details = _details(response)
        if facts.counts_spoken_text and response["TEXT"] and not response["AUDIO"]:
            details.append({"modality": "AUDIO"})
        counts = {
            "promptTokenCount": prompt_total,
            "responseTokenCount": response_total,
            "totalTokenCount": prompt_total + response_total,
            "promptTokensDetails": _details(prompt),
            "responseTokensDetails": details,
            "thoughtsTokenCount": _text_tokens(self.thought_characters),
        }
        return {key: value for key, value in counts.items() if value}

    def context_tokens(self, model: Model) -> int:
        """Tokens that the session has put into the model's context so far, with those that were discarded."""
        return sum(self._prompt(model).values()) + self.forgotten_tokens + self._spoken + self._written + self._calls

    @property
    def _spoken(self) -> int:
        return _audio_tokens(self.response_audio_bytes, OUTPUT_RATE)

    @property
    def _written(self) -> int:
        return _text_tokens(self.response_characters)

    @property
    def _calls(self) -> int:
        return _text_tokens(self.call_characters)

    def _prompt(self, model: Model) -> dict[str, int]:
        counts = {
            "TEXT": model.prompt.text_tokens + _text_tokens(self.prompt_characters) + self.earlier_tokens,
            "AUDIO": model.prompt.audio_tokens + _audio_tokens(self.prompt_audio_bytes, INPUT_RATE),
            "IMAGE": self.images * model.images.tokens,
            "VIDEO": self.video_frames * model.images.tokens,
        }
        excess = self.forgotten_tokens
        for modality, count in counts.items():
            counts[modality] -= min(count, excess)
            excess -= min(count, excess)
        return counts

    def _response(self, model: Model) -> dict[str, int]:
        listed_calls = self._calls if model.prompt.details_add_up else 0
        return {"TEXT": self._written + listed_calls, "AUDIO": self._spoken}


def _text_tokens(characters: int) -> int:
    return math.ceil(characters / CHARACTERS_PER_TOKEN)


def _audio_tokens(audio_bytes: int, rate: int) -> int:
    return math.ceil(audio_bytes * AUDIO_TOKENS_PER_SECOND / (rate * SAMPLE_BYTES))


def _details(tokens: dict[str, int]) -> list[Json]:
    return [{"modality": modality, "tokenCount": count} for modality, count in tokens.items() if count]


class ContextWindow:
    """The part of a session that the model still uses: all of it, less the beginning that compression discarded.

    The setup turns compression on with a `slidingWindow`. `forgotten_tokens` are discarded already, at first those of
    earlier connections of the session.
    """

    def __init__(
        self, size_tokens: int, compression: ContextWindowCompressionConfig | None, forgotten_tokens: int = 0
    ) -> None:
        self.size_tokens = size_tokens
        self.forgotten_tokens = forgotten_tokens
        self.compresses = compression is not None and compression.sliding_window is not None
        trigger = compression.trigger_tokens if compression else None
        window = compression.sliding_window if compression else None
        self._trigger = trigger if trigger is not None else int(size_tokens * TRIGGER_SHARE)
        target = window.target_tokens if window else None
        self._target = target if target is not None else int(self._trigger * TARGET_SHARE)

    def slide(self, total_tokens: int) -> int:
        """Compress if the trigger is reached. Returns the tokens in the window, which may exceed `size_tokens`."""
        held = total_tokens - self.forgotten_tokens
        if self.compresses and held > self._trigger:
            held = min(held, self._target)
            self.forgotten_tokens = total_tokens - held
        return held

    def make_room(self, total_tokens: int, log: Callable[[str], None]) -> None:
        """Compress if needed. Raises Refusal when the window is full, with the documented close code."""
        if self.slide(total_tokens) > self.size_tokens:
            log(f"the context window of {self.size_tokens} tokens is full")
            raise Refusal(1000, "")
