"""The models of the Live API, each a record of facts (late 2026: Google's model pages and users' reports).

The client reads what it may send to a model, the emulator what it must refuse. `load_models` adds a user's own entries.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

# The emulator and tests import these names from here.
from .platform import DEFAULT_MODEL as DEFAULT_MODEL  # noqa: PLC0414
from .platform import Platform as Platform  # noqa: PLC0414

BOTH = frozenset(Platform)
VERTEX = frozenset({Platform.VERTEX})
DEVELOPER = frozenset({Platform.DEVELOPER})


CONTEXT_TOKENS = 128_000
"""Tokens that a model's context holds, as Google documents it for the native audio models."""


class Thinking(StrEnum):
    """How a setup controls a model's thinking: not at all (`thinkingConfig` is refused), in tokens, or by a level."""

    NONE = "none"
    BUDGET = "budget"
    LEVEL = "level"


class Proactivity(StrEnum):
    """Whether a model decides by itself to speak or to be silent: never, if the setup says so, or always."""

    NONE = "none"
    OPTIONAL = "optional"
    ALWAYS = "always"


class Calling(StrEnum):
    """Whether the model waits for the result of a function that it calls."""

    BLOCKING = "BLOCKING"
    NON_BLOCKING = "NON_BLOCKING"


@dataclass(frozen=True)
class Model:
    """One model.

    `text_out`: it can answer in TEXT. `text_in`: it takes text as `realtimeInput.text`, not only as `clientContent`.
    `retired`: the service refuses it. `calling` are the behaviours that functions may be declared with, the default
    first. `ends_turns_at_calls`: a turn ends at a function call instead of waiting for a slow function.
    `whole_input_transcript`: the transcript of a question comes in one message. `seeds`: it takes the first
    `clientContent` as history, without an answer, if the setup has `historyConfig`. `code_tools` are codeExecution and
    urlContext. `interaction_status`: it sends `interactionStatus`.
    """

    name: str
    platforms: frozenset[Platform]
    text_out: bool = False
    text_in: bool = False
    retired: bool = False
    thinking: Thinking = Thinking.NONE
    thinking_levels: frozenset[str] = frozenset()
    affective_dialog: bool = False
    proactivity: Proactivity = Proactivity.NONE
    media_chunks: bool = True
    calling: tuple[Calling, ...] = (Calling.BLOCKING, Calling.NON_BLOCKING)
    ends_turns_at_calls: bool = True
    whole_input_transcript: bool = False
    seeds: bool = False
    code_tools: bool = True
    interaction_status: bool = False
    context_tokens: int = CONTEXT_TOKENS


_V3: dict[str, Any] = {
    "text_in": True,
    "media_chunks": False,
    "ends_turns_at_calls": False,
    "seeds": True,
    "code_tools": False,
}
_V3_8: dict[str, Any] = _V3 | {
    "proactivity": Proactivity.ALWAYS,
    "whole_input_transcript": True,
    "calling": (Calling.NON_BLOCKING, Calling.BLOCKING),
}
_EXTENDED: dict[str, Any] = _V3_8 | {
    "thinking": Thinking.LEVEL,
    "thinking_levels": frozenset({"LOW", "MEDIUM", "HIGH"}),
    "calling": (Calling.NON_BLOCKING,),
    "interaction_status": True,
}
_V3_1: dict[str, Any] = _V3 | {
    "thinking": Thinking.LEVEL,
    "thinking_levels": frozenset({"MINIMAL", "LOW", "MEDIUM", "HIGH"}),
    "whole_input_transcript": True,
    "calling": (Calling.BLOCKING,),
}
_NATIVE: dict[str, Any] = {
    "thinking": Thinking.BUDGET,
    "affective_dialog": True,
    "proactivity": Proactivity.OPTIONAL,
}

MODELS = {
    model.name: model
    for model in (
        Model("gemini-3.8-live", BOTH, **_V3_8),
        Model("gemini-3.8-live-extended-thinking", DEVELOPER, **_EXTENDED),
        Model("gemini-live-2.5-flash-native-audio", VERTEX, **_NATIVE),
        Model("gemini-live-2.5-flash", VERTEX, text_out=True, thinking=Thinking.BUDGET),
        Model("gemini-3.1-flash-live-preview", DEVELOPER, **_V3_1),
        Model("gemini-2.5-flash-native-audio-preview-12-2025", DEVELOPER, **_NATIVE),
        Model("gemini-2.5-flash-native-audio-latest", DEVELOPER, **_NATIVE),
        Model("gemini-2.5-flash-native-audio-preview-09-2025", DEVELOPER, **_NATIVE),
        Model("gemini-3.5-live-translate-preview", BOTH, **_V3),
        Model("gemini-3.5-transcribe-live", DEVELOPER, text_out=True, **_V3),
        Model("gemini-3.5-transcribe-live-preview", VERTEX, text_out=True, **_V3),
        Model("gemini-live-2.5-flash-preview-native-audio-09-2025", VERTEX, retired=True, **_NATIVE),
        Model("gemini-live-2.5-flash-preview-native-audio", VERTEX, retired=True, **_NATIVE),
        Model("gemini-2.0-flash-live-001", DEVELOPER, text_out=True, retired=True),
        Model("gemini-live-2.5-flash-preview", DEVELOPER, text_out=True, retired=True),
        Model("gemini-2.0-flash-live-preview-04-09", VERTEX, text_out=True, retired=True),
        Model("gemini-2.0-flash-exp", BOTH, text_out=True, retired=True),
    )
}

# fmt: off
LOCATIONS = {
    "gemini-3.8-live": ("us-central1", "us", "eu"),
    "gemini-live-2.5-flash-native-audio": (
        "us-central1", "us-east1", "us-east4", "us-east5", "us-south1", "us-west1", "us-west4", "europe-central2",
        "europe-north1", "europe-southwest1", "europe-west1", "europe-west4", "europe-west8",
    ),
}
"""Where Vertex AI serves a model, by its page or by reports: enough for a warning, not for a refusal."""

VOICES = frozenset({
    "Zephyr", "Puck", "Charon", "Kore", "Fenrir", "Leda", "Orus", "Aoede",
    "Callirrhoe", "Autonoe", "Enceladus", "Iapetus", "Umbriel", "Algieba", "Despina", "Erinome",
    "Algenib", "Rasalgethi", "Laomedeia", "Achernar", "Alnilam", "Schedar", "Gacrux", "Pulcherrima",
    "Achird", "Zubenelgenubi", "Vindemiatrix", "Sadachbia", "Sadaltager", "Sulafat",
})
# fmt: on
"""The prebuilt voices. Upper and lower case matter to the API."""


def voice_named(name: str) -> str:
    """The prebuilt voice of this name as the API spells it; an unknown name is returned unchanged."""
    return next((voice for voice in VOICES if voice.casefold() == name.casefold()), name)


def current_models(platform: Platform) -> list[str]:
    """The names of the models that `platform` serves and has not retired, the default first."""
    return [model.name for model in MODELS.values() if platform in model.platforms and not model.retired]


def takes_realtime_text(name: str) -> bool:
    """Whether typed text is sent as `realtimeInput.text` (3.x) or as `clientContent` (earlier models).

    The name of an unknown model tells: `gemini-2…` and `gemini-live-2…` are earlier.
    """
    known = MODELS.get(name)
    return known.text_in if known else not name.startswith(("gemini-2", "gemini-live-2"))


def seeds_history(name: str) -> bool:
    """Whether the model takes an earlier conversation with `historyConfig`; models before 3.x take it without."""
    known = MODELS.get(name)
    return known.seeds if known else takes_realtime_text(name)


def load_models(table: Mapping[str, Any]) -> dict[str, Model]:
    """MODELS with a user's entries: for each name, the fields of Model that differ.

    A known name changes that model (`retired = false` brings one back). A new model starts as a copy of the one that
    `like` names, or of the default model on both platforms. Raises ValueError, which names the invalid entry.
    """
    models = dict(MODELS)
    for name, entry in table.items():
        if not isinstance(entry, Mapping):
            raise ValueError(f"model {name!r}: a table of fields is expected, not {entry!r}")
        models[name] = _entered(name, dict(entry), models)
    return models


def _entered(name: str, entry: dict[str, Any], models: Mapping[str, Model]) -> Model:
    like = entry.pop("like", name if name in models else DEFAULT_MODEL)
    if not isinstance(like, str) or like not in models:
        raise ValueError(f"model {name!r}: like = {like!r} is not a known model")
    base = dataclasses.replace(models[like], name=name, platforms=models[like].platforms if name in models else BOTH)
    return dataclasses.replace(base, **{field: _value(name, field, value) for field, value in entry.items()})


_FIELDS = {field.name: field.default for field in dataclasses.fields(Model) if field.name != "name"}


def _value(name: str, field: str, value: Any) -> Any:
    if field not in _FIELDS:
        hint = " (a name with a dot in it needs quotes)" if isinstance(value, Mapping) else ""
        known = ", ".join(_FIELDS)
        raise ValueError(f"model {name!r}: there is no field {field!r}{hint}; the fields are like, {known}")
    try:
        return _converted(field, value)
    except (ValueError, TypeError) as error:
        raise ValueError(f"model {name!r}: {field} = {value!r}: {error}") from error


def _converted(field: str, value: Any) -> Any:
    if field == "platforms":
        # mypy takes the look-up of a member for the call of its constructor.
        return frozenset(Platform(text) for text in _texts(value))  # type: ignore[call-arg]
    if field == "thinking_levels":
        return frozenset(text.upper() for text in _texts(value))
    if field == "calling":
        return tuple(map(Calling, _texts(value)))
    default = _FIELDS[field]
    if isinstance(default, StrEnum):
        return type(default)(value)
    if type(value) is not type(default):
        raise ValueError(f"{type(default).__name__} is expected")
    return value


def _texts(value: Any) -> list[str]:
    if not isinstance(value, list) or not value or not all(isinstance(item, str) for item in value):
        raise ValueError("a list of words is expected")
    return value
