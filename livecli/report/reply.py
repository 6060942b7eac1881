"""The result of a request in Python: text, sound and figures of the answer."""

from __future__ import annotations

import base64
import html
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..media.pcm import SAMPLE_BYTES
from ..media.reply_buffer import ReplyBuffer
from ..media.wav import wav_header
from .summary import Summary, latencies, rounded

MOST_CHARACTERS = 60
"""The length at which `repr` cuts the text of an answer."""


@dataclass(frozen=True, eq=False, repr=False)
class Reply:
    """An answer of the model, as `livecli.ask` and `livecli.send` return it. A notebook shows it with a player.

    `summary` has all figures of the run, and `warnings` what was reported while it lasted.
    """

    summary: Summary
    warnings: tuple[str, ...]
    _sound: ReplyBuffer

    @property
    def text(self) -> str:
        """The text of the answer, spoken or written, one line for each turn of the model; empty without transcripts."""
        return "\n".join(self.summary.stats.said_turns)

    @property
    def heard(self) -> str:
        """The service's transcript of the speech that was sent; empty for a typed question."""
        return self.summary.stats.heard

    @property
    def audio(self) -> bytes:
        """The samples of the spoken answer: 16-bit little-endian mono PCM at `rate`; empty where none came."""
        return bytes(self._sound.pcm)

    @property
    def rate(self) -> int | None:
        """Samples per second of `audio`; None where none came."""
        return self._sound.rate

    @property
    def seconds(self) -> float:
        """Length of `audio`."""
        return len(self._sound.pcm) / (SAMPLE_BYTES * self._sound.rate) if self._sound.rate else 0.0

    @property
    def path(self) -> Path | None:
        """The file with the answer: `output`, or after a failure its partial file; None where there is no file."""
        return None if self.summary.output is None else Path(self.summary.output)

    @property
    def latency_ms(self) -> dict[str, float | None]:
        """Milliseconds: `connect`, `setup`, and from the end of the question to `first_audio`, `first_sound`, `turn`.

        None stands for what there was not.
        """
        return {name: rounded(value, 3) for name, value in latencies(self.summary).items()}

    @property
    def usage(self) -> dict[str, Any] | None:
        """The tokens of all turns, by the service's names; None where it reported none."""
        return self.summary.stats.usage

    @property
    def cost_usd(self) -> float | None:
        """US dollars for the tokens; None where there are none, or one of their prices is not known."""
        return rounded(self.summary.cost_usd, 9)

    @property
    def complete(self) -> bool:
        """Whether the model's turn ended, and nothing interrupted or failed it."""
        stats = self.summary.stats
        return self.summary.ok and stats.turn_complete and not stats.interrupted

    def as_json(self) -> dict[str, Any]:
        """The object of `livecli send --json`."""
        return {**self.summary.as_json(), "warnings": [*self.warnings]}

    def __repr__(self) -> str:
        text = self.text if len(self.text) <= MOST_CHARACTERS else f"{self.text[: MOST_CHARACTERS - 1]}…"
        return f"<Reply {text!r} · {' · '.join(self._facts())}>"

    def _facts(self) -> list[str]:
        """The answer in figures, in a few words each."""
        sound = self.latency_ms["first_sound"]
        cost = self.cost_usd
        facts = [
            f"{self.seconds:.1f} s" if self.rate else "no audio",
            None if sound is None else f"first sound after {sound:.0f} ms",
            None if cost is None else f"${cost:.6f}",
            None if self.path is None else str(self.path),
            "complete" if self.complete else "incomplete",
        ]
        return [fact for fact in facts if fact is not None]

    def _repr_html_(self) -> str:
        """The HTML for a notebook: the transcripts and a player, which needs no other file."""
        model = self.summary.endpoint.model if self.summary.endpoint else "model"
        lines = [("you", self.heard), *((model, turn) for turn in self.summary.stats.said_turns)]
        shown = [f"<p><b>{html.escape(who)}</b> {html.escape(words)}</p>" for who, words in lines if words]
        shown += [f"<p>{html.escape(warning)}</p>" for warning in self.warnings]
        if self.rate:
            wav = base64.b64encode(wav_header(self.rate, len(self._sound.pcm)) + self.audio).decode()
            shown.append(f'<audio controls src="data:audio/wav;base64,{wav}"></audio>')
        return f"<div>{''.join(shown)}<p><small>{html.escape(' · '.join(self._facts()))}</small></p></div>"
