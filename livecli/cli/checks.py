"""What `send` refuses before anything is opened: words that contradict one another, or cannot be meant."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

from ..errors import UsageError

if TYPE_CHECKING:
    pass


def check_usage(
    names: Sequence[str],
    text: str | None,
    output: str | None,
    raw: int | None,
    chunk_bytes: int,
    data: dict[str, bool],
    several: bool = False,
) -> None:
    """Options that contradict one another. `data` are those that want standard output, besides `-o -`; `several`:
    `names` may stand for more inputs than they are.
    """
    on_stdout = [option for option, asked in ({"-o -": output == "-"} | data).items() if asked]
    if len(on_stdout) > 1:
        raise UsageError(f"{' and '.join(on_stdout)} both want standard output", hint="give one of them a file")
    if text is not None and names:
        raise UsageError("--text and an INPUT are two questions", hint="send one after the other")
    if text is not None and several:
        raise UsageError("--text is one question", hint="--jobs and its like are for INPUTs")
    if text is not None and not text.strip():
        raise UsageError("--text is empty")
    if raw is not None and (several or list(names) != ["-"]):
        raise UsageError("--raw describes standard input", hint="livecli send - --raw 16000 < speech.pcm")
    if several and output == "-":
        raise UsageError("several replies do not go into one stream", hint="-o names a folder for several inputs")
    if chunk_bytes % 2:
        raise UsageError(f"--chunk-bytes {chunk_bytes} would cut a sample in two", hint="an even number, 2 to 65536")


def check_words(words: dict[str, str | None]) -> None:
    """What is said over the wire, by option: JSON is UTF-8, and the bytes of a command line may be anything."""
    for option, text in words.items():
        try:
            (text or "").encode()
        except UnicodeEncodeError as error:
            raise UsageError(f"{option} is not UTF-8 text") from error


def check_numbers(numbers: dict[str, float | None]) -> None:
    """By option: "nan" is a float to the parser, and in no range."""
    for option, number in numbers.items():
        if number is not None and math.isnan(number):
            raise UsageError(f"{option} is not a number")


def check_many(jobs: int | None, connect_rate: float, confirm: bool, play: bool) -> None:
    """What cannot be with several sessions at once, and a rate that is none."""
    if not connect_rate > 0 or math.isinf(connect_rate):
        raise UsageError(f"--connect-rate {connect_rate:g}: it is more than 0")
    for option, asked in (("--confirm", confirm), ("--play", play)):
        if asked and (jobs or 1) > 1:
            raise UsageError(f"{option} is for one session at a time", hint="leave out --jobs")


def check_devices(words: Sequence[str] | None, play: bool) -> None:
    """Raises UsageError where a device is named that nothing would use."""
    if words and not play:
        raise UsageError("--device names what --play plays on", hint="add --play")
