"""Tokens, counted as the service counts them, and how many of them the model's context window holds.

A second of audio is 25, a still picture 258 (the documented second of video is one), about four characters of text one.
"""

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
CHARACTERS_PER_TOKEN = 4

TRIGGER_SHARE, TARGET_SHARE = 0.8, 0.5
"""Compression begins at 80 % of the window, and leaves half of what it began at, where the setup says nothing else."""


@dataclass
class TokenCount:
    """One session's total: audio in bytes of PCM16 at INPUT_RATE (heard) and OUTPUT_RATE (said), text in characters."""

    heard_audio_bytes: int = 0
    heard_characters: int = 0
    seen_images: int = 0
    seen_frames: int = 0
    said_audio_bytes: int = 0
    said_characters: int = 0
    thought_characters: int = 0

    def report(self) -> Json:
        """`usageMetadata` in the Developer API's spelling; what is zero is left out, as the service does."""
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
            "TEXT": _text_tokens(self.heard_characters),
            "AUDIO": _audio_tokens(self.heard_audio_bytes, INPUT_RATE),
            "IMAGE": self.seen_images * IMAGE_TOKENS,
            "VIDEO": self.seen_frames * IMAGE_TOKENS,
        }

    def _response(self) -> dict[str, int]:
        return {
            "TEXT": _text_tokens(self.said_characters),
            "AUDIO": _audio_tokens(self.said_audio_bytes, OUTPUT_RATE),
        }


def _text_tokens(characters: int) -> int:
    return math.ceil(characters / CHARACTERS_PER_TOKEN)


def _audio_tokens(audio_bytes: int, rate: int) -> int:
    return math.ceil(audio_bytes * AUDIO_TOKENS_PER_SECOND / (rate * SAMPLE_BYTES))


def _details(tokens: dict[str, int]) -> list[Json]:
    return [{"modality": modality, "tokenCount": count} for modality, count in tokens.items() if count]


class ContextWindow:
    """How much of a session the model still has before it: everything, less what compression has cut away.

    Compression acts where the setup has a `slidingWindow`; `forgotten_tokens` is what it had cut away before this
    connection.
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
        """Compress, if it is time. Returns what the window holds then: more than `size_tokens` is more than it can."""
        held = total_tokens - self.forgotten_tokens
        if self.compresses and held > self._trigger:
            held = min(held, self._target)
            self.forgotten_tokens = total_tokens - held
        return held

    def make_room(self, total_tokens: int, log: Callable[[str], None]) -> None:
        """Raises Refusal where the context is full, with the code that is documented for it."""
        if self.slide(total_tokens) > self.size_tokens:
            log(f"the context of {self.size_tokens} tokens is full")
            raise Refusal(1000, "")
