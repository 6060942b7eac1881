"""Token counts as in `usageMetadata`, and the context window that they fill. No I/O."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

from ...media.pcm import SAMPLE_BYTES
from ...protocol.audio_rates import INPUT_RATE, OUTPUT_RATE
from ...protocol.close_reasons import Refusal
from ...protocol.messages import ContextWindowCompressionConfig, Json

AUDIO_TOKENS_PER_SECOND = 25

IMAGE_TOKENS = 258
"""Tokens of a still picture; video is documented as one picture a second."""

CHARACTERS_PER_TOKEN = 4

TRIGGER_SHARE = 0.8
"""The part of the context window at which compression begins, unless the setup has `triggerTokens`."""

TARGET_SHARE = 0.5
"""The part of the trigger that compression keeps, unless the setup has `targetTokens`."""


@dataclass
class TokenCount:
    """The counts of one session. Audio is in bytes of PCM16 at INPUT_RATE (prompt) or OUTPUT_RATE (response)."""

    prompt_audio_bytes: int = 0
    prompt_characters: int = 0
    images: int = 0
    video_frames: int = 0
    response_audio_bytes: int = 0
    response_characters: int = 0
    thought_characters: int = 0

    def report(self) -> Json:
        """`usageMetadata` with the names of the Developer API. Counts of zero are left out, as recorded."""
        prompt, response, thoughts = self._prompt(), self._response(), _text_tokens(self.thought_characters)
        counts = {
            "promptTokenCount": sum(prompt.values()),
            "responseTokenCount": sum(response.values()),
            "thoughtsTokenCount": thoughts,
            "totalTokenCount": sum(prompt.values()) + sum(response.values()) + thoughts,
            "promptTokensDetails": _details(prompt),
            "responseTokensDetails": _details(response),
        }
        return {key: value for key, value in counts.items() if value}

    @property
    def total(self) -> int:
        return sum(self._prompt().values()) + sum(self._response().values()) + _text_tokens(self.thought_characters)

    def _prompt(self) -> dict[str, int]:
        return {
            "TEXT": _text_tokens(self.prompt_characters),
            "AUDIO": _audio_tokens(self.prompt_audio_bytes, INPUT_RATE),
            "IMAGE": self.images * IMAGE_TOKENS,
            "VIDEO": self.video_frames * IMAGE_TOKENS,
        }

    def _response(self) -> dict[str, int]:
        return {
            "TEXT": _text_tokens(self.response_characters),
            "AUDIO": _audio_tokens(self.response_audio_bytes, OUTPUT_RATE),
        }


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
