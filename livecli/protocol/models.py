"""The two platforms and the models they serve, as data (state of late 2026, from Google's model and deprecation pages
and from users' reports). What a client may send to a model, and what the emulator must refuse, is read here.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Platform(StrEnum):
    """Who serves the API: Vertex AI (since renamed Gemini Enterprise Agent Platform) or the Gemini Developer API."""

    VERTEX = "vertex"
    DEVELOPER = "developer"


BOTH = frozenset(Platform)
VERTEX = frozenset({Platform.VERTEX})
DEVELOPER = frozenset({Platform.DEVELOPER})

DEFAULT_MODEL = "gemini-3.8-live"


@dataclass(frozen=True)
class Model:
    """One model id. `text_out`: can answer in TEXT; `text_in`: takes `realtimeInput.text`; `retired`: refused."""

    name: str
    platforms: frozenset[Platform]
    text_out: bool = False
    text_in: bool = False
    retired: bool = False


MODELS = {
    model.name: model
    for model in (
        Model("gemini-3.8-live", BOTH, text_in=True),
        Model("gemini-3.8-live-extended-thinking", DEVELOPER, text_in=True),
        Model("gemini-live-2.5-flash-native-audio", VERTEX),
        Model("gemini-live-2.5-flash", VERTEX, text_out=True),
        Model("gemini-3.1-flash-live-preview", DEVELOPER, text_in=True),
        Model("gemini-2.5-flash-native-audio-preview-12-2025", DEVELOPER),
        Model("gemini-2.5-flash-native-audio-latest", DEVELOPER),
        Model("gemini-2.5-flash-native-audio-preview-09-2025", DEVELOPER),
        Model("gemini-3.5-live-translate-preview", BOTH, text_in=True),
        Model("gemini-3.5-transcribe-live", DEVELOPER, text_out=True, text_in=True),
        Model("gemini-3.5-transcribe-live-preview", VERTEX, text_out=True, text_in=True),
        Model("gemini-live-2.5-flash-preview-native-audio-09-2025", VERTEX, retired=True),
        Model("gemini-live-2.5-flash-preview-native-audio", VERTEX, retired=True),
        Model("gemini-2.0-flash-live-001", DEVELOPER, text_out=True, retired=True),
        Model("gemini-live-2.5-flash-preview", DEVELOPER, text_out=True, retired=True),
        Model("gemini-2.0-flash-live-preview-04-09", VERTEX, text_out=True, retired=True),
        Model("gemini-2.0-flash-exp", BOTH, text_out=True, retired=True),
    )
}


def current_models(platform: Platform) -> list[str]:
    """The models that `platform` serves today, the default first."""
    return [model.name for model in MODELS.values() if platform in model.platforms and not model.retired]


def takes_realtime_text(name: str) -> bool:
    """Whether typed text goes as `realtimeInput.text` (3.x) or must go as `clientContent` (before).

    Of a model that is not in the table the name is asked: `gemini-2…` and `gemini-live-2…` are before 3.
    """
    known = MODELS.get(name)
    return known.text_in if known else not name.startswith(("gemini-2", "gemini-live-2"))
