"""Speech recognition by PocketSphinx, as the program of a process of its own: it is run as a file.

PocketSphinx holds the interpreter's lock while it decodes, so in a thread it would delay everything else.

Standard input has a line of JSON, the list of the phrases to spot, and then for each utterance a line with its number
of bytes and so much mono PCM16 at 16 kHz. Standard output has a line of JSON for each utterance: `decoded`, the words
of free decoding, and `spotted`, the phrases in their order. The program ends with its input.
"""

from __future__ import annotations

import json
import math
import sys
import tempfile
from pathlib import Path
from typing import Any, NamedTuple

THRESHOLD = -6.0
"""The least score of a phrase that is spotted: the logarithm to base 10 of how much more likely it is than any other
sounds, divided by the number of its sounds.

Measured on 2026-11-29: with -8 more phrases are found, and more sentences that differ in one word are taken for them.
`livecli help speech` has the figures.
"""

LEAST_EXPONENT = -290
"""The exponent of the least number that PocketSphinx can hold."""

PADDING = bytes(8_000)
"""A quarter of a second of silence around an utterance, so that its first and its last word are found."""


class PhraseMatch(NamedTuple):
    """A phrase in an utterance: where it is, in frames of 10 ms, and its score."""

    start: int
    end: int
    score: float
    phrase: str


class Spotter:
    """Finds phrases in speech. Their words are in the dictionary."""

    def __init__(self, phrases: list[str]) -> None:
        from pocketsphinx import Decoder

        # The delay would leave out a phrase at the end, and the beam one that is far less likely than other sounds.
        self._decoder = Decoder(loglevel="FATAL", lm=None, keyphrase=phrases[0], beam=1e-300, kws_delay=0)
        self._sounds = {phrase: self._count_sounds(phrase) for phrase in phrases}
        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder, "phrases")
            file.write_text("".join(map(self._line, phrases)), encoding="utf-8")
            self._decoder.add_kws("phrases", str(file))
        self._decoder.activate_search("phrases")

    def spot(self, pcm: bytes) -> list[PhraseMatch]:
        """The phrases in an utterance, in their order: of those that overlap, the one with the best score."""
        process(self._decoder, pcm)
        best: list[PhraseMatch] = []
        found = [self._scored(segment) for segment in self._decoder.seg() or ()]
        for each in sorted(found, key=lambda each: each.score, reverse=True):
            if all(each.end <= other.start or each.start >= other.end for other in best):
                best.append(each)
        return sorted(best)

    def _scored(self, segment: Any) -> PhraseMatch:
        # PocketSphinx gives the logarithm to base 1.0001, divided by 1024 and less 1500, as a power of 1.0001.
        score = (math.log(segment.prob) / math.log(1.0001) + 1500) * 1024 * math.log10(1.0001)
        return PhraseMatch(segment.start_frame, segment.end_frame, score / self._sounds[segment.word], segment.word)

    def _count_sounds(self, phrase: str) -> int:
        return sum(len(self._decoder.lookup_word(word).split()) for word in phrase.split())

    def _line(self, phrase: str) -> str:
        exponent = max(LEAST_EXPONENT, round(THRESHOLD * self._sounds[phrase]))
        return f"{phrase}/1e{exponent}/\n"


def process(decoder: Any, pcm: bytes) -> None:
    """Decode an utterance."""
    decoder.start_utt()
    # As a whole utterance, it is normalized by itself, and not by those before it.
    decoder.process_raw(PADDING + pcm + PADDING, False, True)
    decoder.end_utt()


def main() -> None:
    """Recognize what comes on standard input, to its end."""
    from pocketsphinx import Decoder

    phrases = json.loads(sys.stdin.buffer.readline())
    # It considers fewer words at a time than by default, which takes half the time and costs no accuracy.
    decoder = Decoder(loglevel="FATAL", maxhmmpf=3_000, maxwpf=10, fwdflat=False)
    spotter = Spotter(phrases) if phrases else None
    while size := sys.stdin.buffer.readline():
        pcm = sys.stdin.buffer.read(int(size))
        process(decoder, pcm)
        # Digital silence is decoded as a word.
        hypothesis = decoder.hyp() if pcm.strip(b"\0") else None
        spotted = [each.phrase for each in spotter.spot(pcm)] if spotter else []
        answer = {"decoded": hypothesis.hypstr if hypothesis else "", "spotted": spotted}
        sys.stdout.write(json.dumps(answer) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
