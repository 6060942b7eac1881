"""What the user wrote and showed since the model last spoke: it waits here until a turn is made of it.

`clientContent` gathers until its `turnComplete`, pictures until the next turn of any kind. Pictures are counted and
not kept; sound in a `clientContent` is an utterance, if it is PCM.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from ...media.resample import VariableRateResampler
from ...protocol import close_reasons
from ...protocol.audio_rates import INPUT_RATE
from ...protocol.close_reasons import Refusal
from ...protocol.codec.proto_json import audio_rate, base64_bytes
from ...protocol.messages import Blob, Content
from ...protocol.models import CONTEXT_TOKENS
from .token_count import CHARACTERS_PER_TOKEN, TokenCount
from .utterance import OpenSpool, Utterance

MAX_TEXT_CHARACTERS = CONTEXT_TOKENS * CHARACTERS_PER_TOKEN
"""The models' context window: more text than that in one turn is refused."""

_PCM_TYPES = ("audio/pcm", "audio/l16")


@dataclass
class Inbox:
    """`seeding` is whether `clientContent` is still the history of before, which is not answered.

    `unanswered` is what that history ended with, if the user said it: a blank text asks for the answer (pipecat's way).
    """

    seeding: bool = False
    unanswered: str = ""
    texts: list[str] = field(default_factory=list)
    characters: int = 0
    images: int = 0
    utterance: Utterance | None = None

    @property
    def text(self) -> str:
        return " ".join(self.texts)

    def copy(self) -> Inbox:
        """What a resumption handle keeps; sound is not in it."""
        return Inbox(self.seeding, self.unanswered, list(self.texts), self.characters, self.images)

    def note(self, turns: Iterable[Content], tokens: TokenCount, open_spool: OpenSpool) -> None:
        """Turns for the history. What the user wrote since the model last spoke is what will be answered.

        Raises Refusal where it is more than the context holds, or is no base64.
        """
        for content in turns:
            if content.role == "model":
                self.forget_writing()
            for part in content.parts:
                if part.inline_data is not None and content.role != "model":
                    self._see(part.inline_data, tokens, open_spool)
            text = text_of(content)
            if content.role in ("model", "system"):
                tokens.heard_characters += len(text)
            elif text:
                self._write(text)
        fits_context(self.characters)

    def _write(self, text: str) -> None:
        self.texts.append(text)
        self.characters += len(text)

    def _see(self, blob: Blob, tokens: TokenCount, open_spool: OpenSpool) -> None:
        mime_type = blob.mime_type.lower()
        if mime_type.startswith("image/"):
            self.images += 1
            tokens.seen_images += 1
        elif mime_type.startswith(_PCM_TYPES):
            self._hear(blob, open_spool)
        else:
            self._write(f"[{blob.mime_type}, {len(blob.data) * 3 // 4} bytes]")

    def _hear(self, blob: Blob, open_spool: OpenSpool) -> None:
        rate = audio_rate(blob.mime_type, INPUT_RATE)
        if rate is None:
            raise Refusal(1007, close_reasons.INVALID_ARGUMENT)
        try:
            pcm = base64_bytes(blob.data)
        except ValueError as error:
            reason = close_reasons.INVALID_VALUE.format(at=" at 'client_content'", type="TYPE_BYTES")
            raise Refusal(1007, reason) from error
        if self.utterance is None:
            self.utterance = Utterance(open_spool())
        resampler = VariableRateResampler(INPUT_RATE)
        for piece in resampler.push(pcm, rate):
            self.utterance.write(piece)
        self.utterance.write(resampler.finish())

    def seed(self, tokens: TokenCount) -> None:
        """The history ends here."""
        tokens.heard_characters += self.characters
        self.seeding, self.unanswered = False, self.text
        self.forget_writing()

    def take(self, text: str, *, aloud: bool) -> tuple[str, int]:
        """What is asked with this text, by somebody who may have spoken besides, and how many pictures go with it."""
        before, images = self.unanswered, self.images
        self.unanswered, self.images = "", 0
        return (text if aloud or text.strip() or not before else before), images

    def forget_writing(self) -> None:
        """Only the pictures still wait."""
        self.texts.clear()
        self.characters = 0
        self.close()

    def close(self) -> None:
        if self.utterance is not None:
            self.utterance.close()
            self.utterance = None


def fits_context(characters: int) -> None:
    if characters > MAX_TEXT_CHARACTERS:
        raise Refusal(1007, close_reasons.INVALID_ARGUMENT)


def text_of(content: Content) -> str:
    return "".join(part.text for part in content.parts if part.text)
