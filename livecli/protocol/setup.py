"""What a session is asked for, as values, and the setup message that says it. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from . import events, messages
    from .endpoint import Endpoint


class Activity(StrEnum):
    """Who says when the user speaks: the client brackets it, or the server's voice detection hears it."""

    MANUAL = "manual"
    AUTO = "auto"


@dataclass(frozen=True)
class SetupOptions:
    """The options of a session. None leaves the choice to the service.

    `extra` is JSON in the wire's spelling that is merged over everything else. `activity` None says nothing about
    detection: a text turn needs none. `search` lets the model look things up, `functions` call what is declared there;
    `pictures` is whether it is shown any. `resumes`: the session can go on over another connection; `endless`: what the
    model has no room for is forgotten, instead of the session ending there.
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


def setup(endpoint: Endpoint, wanted: SetupOptions) -> events.Setup:
    """The Setup event for `endpoint`'s model.

    Turn coverage is said explicitly with manual activity: one default on the service leaves the audio out of the turn.
    """
    from . import events, messages

    transcription = messages.AudioTranscriptionConfig() if wanted.transcripts else None
    body = messages.Setup(
        model=endpoint.resource,
        generation_config=messages.GenerationConfig(
            response_modalities=["AUDIO"], temperature=wanted.temperature, speech_config=_speech(wanted)
        ),
        system_instruction=(
            messages.Content(role="user", parts=[messages.Part(text=wanted.system)]) if wanted.system else None
        ),
        tools=_tools(wanted),
        realtime_input_config=_realtime(wanted),
        input_audio_transcription=transcription,
        output_audio_transcription=transcription,
        session_resumption=_resumption(endpoint) if wanted.resumes else None,
        context_window_compression=(
            messages.ContextWindowCompressionConfig(sliding_window=messages.SlidingWindow()) if wanted.endless else None
        ),
    )
    return events.Setup(body, dict(wanted.extra))


def _resumption(endpoint: Endpoint) -> messages.SessionResumptionConfig:
    """Vertex AI says which messages a handle includes, if asked; the Developer API refuses to be asked."""
    from . import messages

    return messages.SessionResumptionConfig(transparent=endpoint.platform.facts.confirms_messages or None)


def _realtime(wanted: SetupOptions) -> messages.RealtimeInputConfig | None:
    from . import messages

    if wanted.activity is Activity.MANUAL:
        return messages.RealtimeInputConfig(
            automatic_activity_detection=messages.AutomaticActivityDetection(disabled=True),
            turn_coverage="TURN_INCLUDES_ONLY_ACTIVITY",
        )
    if wanted.activity is Activity.AUTO and wanted.pictures:  # one default leaves out what comes outside of speech
        return messages.RealtimeInputConfig(turn_coverage="TURN_INCLUDES_ALL_INPUT")
    return None


def _tools(wanted: SetupOptions) -> list[messages.Tool]:
    from . import messages

    search = [messages.Tool(google_search={})] if wanted.search else []
    functions = [messages.Tool(function_declarations=list(wanted.functions))] if wanted.functions else []
    return [*search, *functions]


def _speech(wanted: SetupOptions) -> messages.SpeechConfig | None:
    from . import messages
    from .models import voice_named

    if not (wanted.voice or wanted.language):
        return None
    voice = messages.PrebuiltVoiceConfig(voice_name=voice_named(wanted.voice)) if wanted.voice else None
    return messages.SpeechConfig(
        voice_config=messages.VoiceConfig(prebuilt_voice_config=voice) if voice else None,
        language_code=wanted.language,
    )
