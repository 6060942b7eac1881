"""The two platforms and the models they serve, as data (state of late 2026, from Google's model and deprecation pages
and from users' reports). What a client may send to a model, and what the emulator must refuse, is read here.

`load_models` extends the table with entries of the user's own.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from .platform import DEFAULT_MODEL as DEFAULT_MODEL  # noqa: PLC0414 - the emulator has them from here
from .platform import Platform as Platform  # noqa: PLC0414

BOTH = frozenset(Platform)
VERTEX = frozenset({Platform.VERTEX})
DEVELOPER = frozenset({Platform.DEVELOPER})


CONTEXT_TOKENS = 128_000
"""Tokens that a model's context holds, as Google documents it for the native audio models."""


class Thinking(StrEnum):
    """How a model is told to think: not at all (`thinkingConfig` is refused), in tokens, or by a level."""

    NONE = "none"
    BUDGET = "budget"
    LEVEL = "level"


class Proactivity(StrEnum):
    """Whether a model may be told to speak or keep silent by itself; ALWAYS cannot be told not to."""

    NONE = "none"
    OPTIONAL = "optional"
    ALWAYS = "always"


class Calling(StrEnum):
    """Whether the model waits for a function that it calls."""

    BLOCKING = "BLOCKING"
    NON_BLOCKING = "NON_BLOCKING"


@dataclass(frozen=True)
class Model:
    """One model id, and what it takes.

    `text_out`: can answer in TEXT; `text_in`: text goes as `realtimeInput.text` by preference; `retired`: refused.
    `calling` is how functions may be declared, the default first; `ends_turns_at_calls`: does not keep a turn open for
    a function that takes long. `whole_input_transcript`: says in one message what it heard. `seeds`: takes the first
    `clientContent` as history where it is told to, and answers nothing. `code_tools` are codeExecution and urlContext.
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
"""Where Vertex AI serves a model, as its page or users say: on trust, so that a warning may come of it, no refusal."""

VOICES = frozenset({
    "Zephyr", "Puck", "Charon", "Kore", "Fenrir", "Leda", "Orus", "Aoede",
    "Callirrhoe", "Autonoe", "Enceladus", "Iapetus", "Umbriel", "Algieba", "Despina", "Erinome",
    "Algenib", "Rasalgethi", "Laomedeia", "Achernar", "Alnilam", "Schedar", "Gacrux", "Pulcherrima",
    "Achird", "Zubenelgenubi", "Vindemiatrix", "Sadachbia", "Sadaltager", "Sulafat",
})
# fmt: on
"""The prebuilt voices; the case of their letters counts."""


def voice_named(name: str) -> str:
    """The prebuilt voice of this name as the API spells it; a name of none is returned unchanged."""
    return next((voice for voice in VOICES if voice.casefold() == name.casefold()), name)


def current_models(platform: Platform) -> list[str]:
    """The models that `platform` serves today, the default first."""
    return [model.name for model in MODELS.values() if platform in model.platforms and not model.retired]


def takes_realtime_text(name: str) -> bool:
    """Whether typed text goes as `realtimeInput.text` (3.x) or must go as `clientContent` (before).

    Of a model that is not in the table the name is asked: `gemini-2…` and `gemini-live-2…` are before 3.
    """
    known = MODELS.get(name)
    return known.text_in if known else not name.startswith(("gemini-2", "gemini-live-2"))


def seeds_history(name: str) -> bool:
    """Whether the model takes a conversation to begin with as `historyConfig` has it; before 3.x it is just said."""
    known = MODELS.get(name)
    return known.seeds if known else takes_realtime_text(name)


def load_models(table: Mapping[str, Any]) -> dict[str, Model]:
    """MODELS, changed and extended by a table of entries: a name, and the fields of Model that are different.

    A known name changes that model (`retired = false` brings one back); a new one begins as what `like` names, or as
    the default model on both platforms. Raises ValueError, which names the entry, for anything else.
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
        raise ValueError(f"model {name!r}: like = {like!r} names no model that is known")
    base = dataclasses.replace(models[like], name=name, platforms=models[like].platforms if name in models else BOTH)
    return dataclasses.replace(base, **{field: _value(name, field, value) for field, value in entry.items()})


_FIELDS = {field.name: field.default for field in dataclasses.fields(Model) if field.name != "name"}


def _value(name: str, field: str, value: Any) -> Any:
    if field not in _FIELDS:
        hint = " (a name with a dot in it needs quotes)" if isinstance(value, Mapping) else ""
        raise ValueError(f"model {name!r}: no field is called {field!r}{hint}; there are: like, {', '.join(_FIELDS)}")
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
