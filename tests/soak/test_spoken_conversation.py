"""A conversation aloud, hands free: what is spoken at a microphone is understood, and answered in words by a speaker.

`--share 1` takes two minutes, `--share 0.1` a quarter of one. A sentence that was not understood is counted as lost.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from livecli.media.file_source import SAMPLE, read_sound
from livecli.media.resample import Resampler
from livecli.media.speech import espeak
from tests.end_to_end.conftest import fork  # noqa: F401 - a fixture of `chatting`
from tests.end_to_end.test_chat_spoken import chatting  # noqa: F401 - a fixture
from tests.end_to_end.test_serve import FREE, exports
from tests.end_to_end.test_speech import HEARS
from tests.fork_server import forked_livecli  # noqa: F401 - a fixture of `fork`
from tests.needs import needs_package
from tests.sound_server import RATE, SoundServer, until

SECONDS_OF_A_SHARE = 120

ANSWERS = {
    "where is the nearest train station": "It is around the corner.",
    "what is the weather like in paris today": "It is sunny.",
}


def questions() -> list[bytes]:
    """A question of a person's, and one of eSpeak NG's, PCM16 at RATE."""
    resampler = Resampler(24_000, RATE)
    spoken = espeak.speech("what is the weather like in paris today", ("en-us",), "f2")
    return [b"".join(read_sound(SAMPLE, RATE)), resampler.push(spoken) + resampler.finish()]


def converse(
    spawn: Callable[..., Any], start_chat: Callable[..., Any], sounds: SoundServer, folder: Path, seconds: float
) -> list[dict[str, Any]]:
    """Speak for so many seconds, two questions at least, each after the answer to the one before.

    Returns what was `heard` and `said` in each turn. The log of the emulator has the same words.
    """
    needs_package("espeakng_loader"), needs_package("pocketsphinx")
    (folder / "s.toml").write_text(HEARS)
    log = folder / "log.jsonl"
    serving = spawn("serve", *FREE, "-q", "--hear", "--script", "s.toml", "--log", "log.jsonl")
    chat = start_chat("--play", "--json", "--base-url", exports(serving)["LIVECLI_BASE_URL"])
    began, turns = time.monotonic(), []
    while len(turns) < 2 or time.monotonic() < began + seconds:
        with sounds.recorded() as recording:
            sounds.say(questions()[len(turns) % 2])
            chat.until_turns(len(turns) + 1)
            recording.wait_for_sound()
            recording.wait_for_silence(0.5)
        summary = chat.summaries[-1]
        turns.append({"heard": summary["transcript"]["input"], "said": summary["transcript"]["output"]})
    assert chat.end() == 130
    until(lambda: '"close"' in log.read_text(), "the log has no end")
    lines = [json.loads(line) for line in log.read_text().splitlines()]
    assert [line["text"] for line in lines if line["type"] == "heard"] == [turn["heard"] for turn in turns]
    said = "".join(line["text"] for line in lines if line["type"] == "output_transcript")
    assert said == "".join(turn["said"] for turn in turns)
    return turns


def test_a_spoken_conversation(attack, spawn, chatting, sound_server, tmp_path):  # noqa: F811 - a fixture
    for number, turn in enumerate(converse(spawn, chatting, sound_server, tmp_path, attack.share * SECONDS_OF_A_SHARE)):
        with attack.attempt(f"turn {number}: {turn}"):
            assert ANSWERS[turn["heard"]] == turn["said"]
