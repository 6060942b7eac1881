"""The inbox: text, pictures and sound that the user sent and that no turn has taken yet.

The content of `clientContent` is gathered until its `turnComplete`, its pictures until the next turn of any kind, and
those of `realtimeInput` until a turn that sees them. Pictures are counted, not kept. PCM in a `clientContent` is an
utterance.
"""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

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
"""The text that fills a model's context window. A longer text in one turn is refused."""

_PCM_TYPES = ("audio/pcm", "audio/l16")


class Inbox(msgspec.Struct):
    """The inbox of one session.

    `seeding` is whether the next `clientContent` is history, which is not answered. `unanswered` is the user's text at
    the end of that history: a blank text after it asks for the answer, which is how pipecat begins a conversation.
    """

    seeding: bool = False
    unanswered: str = ""
    texts: list[str] = msgspec.field(default_factory=list)
    characters: int = 0
    images: int = 0
    video_frames: int = 0
    """Pictures sent as `realtimeInput`."""

    utterance: Utterance | None = None

    @property
    def text(self) -> str:
        return " ".join(self.texts)

    def copy(self) -> Inbox:
        """A copy for a resumption handle, without the utterance."""
        return Inbox(self.seeding, self.unanswered, list(self.texts), self.characters, self.images, self.video_frames)

    def add(self, turns: Iterable[Content], tokens: TokenCount, open_spool: OpenSpool) -> None:
        """Add turns of a `clientContent`. Only the user's content after the model's last turn is to be answered.

        Raises Refusal for more text than the context window holds, and for data that is not base64.
        """
        for content in turns:
            if content.role == "model":
                self.clear_content()
            for part in content.parts:
                if part.inline_data is not None and content.role != "model":
                    self._add_blob(part.inline_data, tokens, open_spool)
            text = text_of(content)
            if content.role in ("model", "system"):
                tokens.prompt_characters += len(text)
            elif text:
                self._add_text(text)
        check_length(self.characters)

    def _add_text(self, text: str) -> None:
        self.texts.append(text)
        self.characters += len(text)

    def _add_blob(self, blob: Blob, tokens: TokenCount, open_spool: OpenSpool) -> None:
        mime_type = blob.mime_type.lower()
        if mime_type.startswith("image/"):
            self.images += 1
            tokens.images += 1
        elif mime_type.startswith(_PCM_TYPES):
            self._add_audio(blob, open_spool)
        else:
            self._add_text(f"[{blob.mime_type}, {len(blob.data) * 3 // 4} bytes]")

    def _add_audio(self, blob: Blob, open_spool: OpenSpool) -> None:
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

    def end_history(self, tokens: TokenCount) -> None:
        """Take the content so far as history, which is not answered."""
        tokens.prompt_characters += self.characters
        self.seeding, self.unanswered = False, self.text
        self.clear_content()

    def take(self, text: str, *, spoken: bool, sees_video: bool) -> tuple[str, int]:
        """The text and the number of pictures of a turn with this `text`, which may be spoken besides.

        `sees_video` is whether it sees the pictures sent as `realtimeInput`; else they wait for a turn that does.
        """
        unanswered, images = self.unanswered, self.images + (self.video_frames if sees_video else 0)
        self.unanswered, self.images = "", 0
        self.video_frames = 0 if sees_video else self.video_frames
        return (text if spoken or text.strip() or not unanswered else unanswered), images

    def clear_content(self) -> None:
        """Drop text and sound. Pictures stay."""
        self.texts.clear()
        self.characters = 0
        self.close()

    def close(self) -> None:
        """Release the utterance."""
        if self.utterance is not None:
            self.utterance.close()
            self.utterance = None


def check_length(characters: int) -> None:
    """Raise Refusal for a text that is longer than the context window."""
    if characters > MAX_TEXT_CHARACTERS:
        raise Refusal(1007, close_reasons.INVALID_ARGUMENT)


def text_of(content: Content) -> str:
    """The text of all parts."""
    return "".join(part.text for part in content.parts if part.text)
