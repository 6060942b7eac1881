"""Tokens, counted as the service counts them: 25 for a second of audio, one for about four characters of text."""

from __future__ import annotations

import math
from dataclasses import dataclass

from ..audio.pcm import SAMPLE_BYTES
from ..protocol.codec import INPUT_RATE, OUTPUT_RATE
from ..protocol.messages import Json

AUDIO_TOKENS_PER_SECOND = 25
CHARACTERS_PER_TOKEN = 4


@dataclass
class TokenCount:
    """One session's total: audio in bytes of PCM16 at INPUT_RATE (heard) and OUTPUT_RATE (said), text in characters."""

    heard_audio_bytes: int = 0
    heard_characters: int = 0
    said_audio_bytes: int = 0
    said_characters: int = 0

    def report(self) -> Json:
        """`usageMetadata` in the Developer API's spelling; what is zero is left out, as the service does."""
        prompt = _by_modality(self.heard_characters, self.heard_audio_bytes, INPUT_RATE)
        response = _by_modality(self.said_characters, self.said_audio_bytes, OUTPUT_RATE)
        counts = {
            "promptTokenCount": sum(prompt.values()),
            "responseTokenCount": sum(response.values()),
            "totalTokenCount": sum(prompt.values()) + sum(response.values()),
            "promptTokensDetails": _details(prompt),
            "responseTokensDetails": _details(response),
        }
        return {key: value for key, value in counts.items() if value}


def _by_modality(characters: int, audio_bytes: int, rate: int) -> dict[str, int]:
    audio_tokens = math.ceil(audio_bytes * AUDIO_TOKENS_PER_SECOND / (rate * SAMPLE_BYTES))
    return {"TEXT": math.ceil(characters / CHARACTERS_PER_TOKEN), "AUDIO": audio_tokens}


def _details(tokens: dict[str, int]) -> list[Json]:
    return [{"modality": modality, "tokenCount": count} for modality, count in tokens.items() if count]
