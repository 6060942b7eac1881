"""The word error rate of two texts, by jiwer."""

from __future__ import annotations

import re


def words(text: str) -> list[str]:
    """The words of a text, in lower case and without punctuation: "it's" is "its", and "twenty-one" two words."""
    return re.findall(r"\w+", re.sub("['’]", "", text.lower()))


def word_error_rate(reference: list[str], hypothesis: list[str]) -> float:
    """The words to insert, delete or replace to make `hypothesis` of `reference`, by the number of words of that.

    It is 0 for the same words, and the number of words of `hypothesis` where `reference` has none.
    """
    if reference == hypothesis:
        return 0.0
    if not reference:
        return float(len(hypothesis))
    import jiwer

    rate: float = jiwer.wer(" ".join(reference), " ".join(hypothesis))
    return rate
