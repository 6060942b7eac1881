"""Sample rates of the Live API's audio, which is 16-bit mono PCM in both directions."""

INPUT_RATE = 16_000
"""Samples a second of the user's audio; also where its mime type names no rate."""

OUTPUT_RATE = 24_000
"""Samples a second of the model's audio; also where its mime type names no rate."""
