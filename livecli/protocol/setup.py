"""The options of a session, and the setup message that they make."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ..errors import UsageError
    from . import events, messages
    from .endpoint import Endpoint
    from .models import Model


class Activity(StrEnum):
    """How a turn of the user begins and ends: by the client's messages, or by the server's activity detection."""

    MANUAL = "manual"
    AUTO = "auto"


class ThinkingLevel(StrEnum):
    """How long a model thinks before it answers, where it takes a level."""

    LOW = "low"
    MEDIUM = "medium"
    HIGH = "high"


class Until(StrEnum):
    """Which event ends an answer: turnComplete, or generationComplete, when all of its audio is there."""

    TURN = "turn"
    GENERATED = "generated"


@dataclass(frozen=True)
class SetupOptions:
    """The options of a session. None leaves the choice to the service.

    `transcripts` asks for those of the user and of the model. `activity` None leaves activity detection out, which a
    text turn does not need. `extra` is JSON in the wire's spelling that is merged over everything else. `search` gives
    the model Google Search, `functions` the functions that it may call. `pictures` is whether pictures will be sent.
    `resumes` asks for handles, so that the session can go on over another connection. `endless` lets the service drop
    the beginning of a full context, instead of ending the session. A model that demands a level of `thinking` is asked
    for its default.
    """

    voice: str | None = None
    language: str | None = None
    system: str | None = None
    temperature: float | None = None
    transcripts: bool = True
    activity: Activity | None = Activity.MANUAL
    extra: Mapping[str, Any] = field(default_factory=dict)
    search: bool = False
    functions: tuple[messages.FunctionDeclaration, ...] = ()
    pictures: bool = False
    resumes: bool = True
    endless: bool = False
    thinking: ThinkingLevel | None = None


def setup(endpoint: Endpoint, options: SetupOptions) -> events.Setup:
    """The Setup event for `endpoint`'s model. A model that does not speak is asked for TEXT.

    Raises UsageError where the model does not take the level of thinking, has no such voice, or there is no such
    language.
    """
    from . import events, messages
    from .models import MODELS

    model = MODELS.get(endpoint.model)
    speaks = model is None or model.audio_out
    transcription = messages.AudioTranscriptionConfig() if options.transcripts else None
    body = messages.Setup(
        model=endpoint.resource,
        generation_config=messages.GenerationConfig(
            response_modalities=["AUDIO"] if speaks else ["TEXT"],
            temperature=options.temperature,
            speech_config=_speech(options, is_known=model is not None),
            thinking_config=_thinking(endpoint, model, options.thinking),
        ),
        system_instruction=(
            messages.Content(role="user", parts=[messages.Part(text=options.system)]) if options.system else None
        ),
        tools=_tools(options),
        realtime_input_config=_realtime(options),
        input_audio_transcription=transcription,
        output_audio_transcription=transcription if speaks else None,
        session_resumption=_resumption(endpoint) if options.resumes else None,
        context_window_compression=(
            messages.ContextWindowCompressionConfig(sliding_window=messages.SlidingWindow())
            if options.endless
            else None
        ),
    )
    return events.Setup(body, dict(options.extra))


def _resumption(endpoint: Endpoint) -> messages.SessionResumptionConfig:
    """Vertex AI confirms which messages a handle includes, on request; the Developer API refuses the request."""
    from . import messages

    return messages.SessionResumptionConfig(transparent=endpoint.platform.facts.confirms_messages or None)


def _thinking(endpoint: Endpoint, model: Model | None, level: ThinkingLevel | None) -> messages.ThinkingConfig | None:
    from . import messages

    name = level.upper() if level else model.default_level if model and model.level_required else ""
    if level and model and name not in model.thinking_levels:
        raise _thinking_error(endpoint, model, name)
    return messages.ThinkingConfig(thinking_level=name) if name else None


def _thinking_error(endpoint: Endpoint, model: Model, level: str) -> UsageError:
    from ..errors import UsageError
    from .models import MODELS, current_models

    others = [name for name in current_models(endpoint.platform) if level in MODELS[name].thinking_levels]
    other = f", or use --model {others[0]}" if others else ""
    levels = [name.lower() for name in ("MINIMAL", "LOW", "MEDIUM", "HIGH") if name in model.thinking_levels]
    which = f"thinking at level {level.lower()}, only {', '.join(levels)}" if levels else "level of thinking"
    return UsageError(f"{model.name} takes no {which}", hint=f"leave out --thinking{other}")


def _realtime(options: SetupOptions) -> messages.RealtimeInputConfig | None:
    from . import messages

    if options.activity is Activity.MANUAL:
        # Without a turn coverage, a default of the service leaves the audio out of the turn.
        return messages.RealtimeInputConfig(
            automatic_activity_detection=messages.AutomaticActivityDetection(disabled=True),
            turn_coverage="TURN_INCLUDES_ONLY_ACTIVITY",
        )
    if options.activity is Activity.AUTO and options.pictures:
        # Without a turn coverage, a default of the service leaves out pictures that come outside of speech.
        return messages.RealtimeInputConfig(turn_coverage="TURN_INCLUDES_ALL_INPUT")
    return None


def _tools(options: SetupOptions) -> list[messages.Tool]:
    from . import messages

    search = [messages.Tool(google_search={})] if options.search else []
    functions = [messages.Tool(function_declarations=list(options.functions))] if options.functions else []
    return [*search, *functions]


def _speech(options: SetupOptions, *, is_known: bool) -> messages.SpeechConfig | None:
    """`is_known` is whether the table has the model, so that its voices are known."""
    from . import messages
    from .names import language_code, voice_named

    if not (options.voice or options.language):
        return None
    name = voice_named(options.voice, is_complete=is_known) if options.voice else None
    voice = messages.PrebuiltVoiceConfig(voice_name=name) if name else None
    return messages.SpeechConfig(
        voice_config=messages.VoiceConfig(prebuilt_voice_config=voice) if voice else None,
        language_code=language_code(options.language) if options.language else None,
    )
