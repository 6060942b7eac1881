"""The speech of words: makes each `core.synthesis.Synthesis`, with eSpeak NG in a thread.

Voices and languages are honoured roughly: a voice of Google's is one of eSpeak NG's of the same gender, each with a
pitch of its own.
"""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor

from ..media.speech import espeak
from ..protocol.names import VOICES
from .core.behaviour import tones
from .core.synthesis import Synthesis, VoiceChoice
from .log import Log

DEFAULT_LANGUAGE = "en-us"

FEMALE_VOICES = {
    *("Achernar", "Aoede", "Autonoe", "Callirrhoe", "Despina", "Erinome", "Gacrux", "Kore", "Laomedeia", "Leda"),
    *("Pulcherrima", "Sulafat", "Vindemiatrix", "Zephyr"),
}
"""The voices of women; the others are those of men. Documented: Google, "Chirp 3: HD voices", Cloud Text-to-Speech."""

FEMALE_VARIANTS = ("f1", "f2", "f3", "f4", "f5")
MALE_VARIANTS = ("m1", "m2", "m3", "m4", "m5", "m6", "m7", "m8")
"""eSpeak NG's voices that are for any language."""

PITCHES = (50, 35, 65)
"""The pitches of the voices that share a variant. 50 is eSpeak NG's own."""

# There is one thread, because the library can do one thing at a time. It ends with the process.
_thread = ThreadPoolExecutor(1, "espeak")


async def make(synthesis: Synthesis, log: Log) -> None:
    """Set the speech of a synthesis. Words without sound become tones, and all words where eSpeak NG cannot be used."""
    pcm = b""
    try:
        pcm = await asyncio.get_running_loop().run_in_executor(_thread, _speech, synthesis.words, synthesis.voice)
    except espeak.EspeakError as error:
        log(f"tones instead of speech: {error}")
    synthesis.speech = [pcm] if pcm else [*tones(synthesis.words)]


def load() -> None:
    """Load eSpeak NG now, in the thread, so that the first answer does not wait for that."""
    _thread.submit(_speech, "", VoiceChoice())


def _speech(words: str, voice: VoiceChoice) -> bytes:
    variant, pitch = variant_of(voice.name)
    return espeak.speech(words, languages_of(voice.language), variant, pitch)


def variant_of(name: str) -> tuple[str, int]:
    """eSpeak NG's variant and pitch for a voice of Google's; those of the language itself for any other name."""
    if name not in VOICES:
        return "", PITCHES[0]
    is_female = name in FEMALE_VOICES
    variants = FEMALE_VARIANTS if is_female else MALE_VARIANTS
    place = [each for each in VOICES if (each in FEMALE_VOICES) == is_female].index(name)
    return variants[place % len(variants)], PITCHES[place // len(variants)]


def languages_of(code: str) -> tuple[str, ...]:
    """eSpeak NG's names for a language, the best first: "pt-BR" is pt-br, else pt, else US English."""
    plain = code.lower().replace("_", "-")
    return (*filter(None, dict.fromkeys([plain, plain.partition("-")[0]])), DEFAULT_LANGUAGE)
