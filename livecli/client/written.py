"""What a user writes, as the model takes it."""

from __future__ import annotations

import base64
from collections.abc import Sequence

from ..protocol import events, messages
from ..protocol.models import takes_realtime_text


def written(
    model: str, text: str, pictures: Sequence[events.Image] = (), *, interrupts: bool = False
) -> list[events.Event]:
    """A text turn, and what is shown with it: `realtimeInput` (3.x), or one `clientContent` before.

    That one `interrupts` an answer that is under way; the other does not.
    """
    if takes_realtime_text(model) and not interrupts:
        return [*pictures, events.Text(text)]
    shown = [messages.Part(inline_data=_blob(picture)) for picture in pictures]
    return [events.ClientTurns((messages.Content(role="user", parts=[*shown, messages.Part(text=text)]),))]


def _blob(picture: events.Image) -> messages.Blob:
    return messages.Blob(mime_type=picture.mime_type, data=base64.b64encode(picture.data).decode())
