"""Messages as they are on the wire: one struct for each message, one attribute for each field.

Client messages are strict, since the emulator refuses what Google refuses; server messages are tolerant, since Google
adds keys. Names are camelCase on the wire, and defaults are omitted, as in Google's recordings. Fields are those of the
public proto (`google.ai.generativelanguage.v1beta`), google-genai 3.4's `types.py` and the Vertex Live reference.
"""

from __future__ import annotations

from typing import Any, Literal

import msgspec

Json = dict[str, Any]
"""A JSON object that is passed on unchanged."""


class ClientStruct(msgspec.Struct, rename="camel", omit_defaults=True, kw_only=True, forbid_unknown_fields=True):
    """Base class of client messages: an unknown field is an error."""


class ServerStruct(msgspec.Struct, rename="camel", omit_defaults=True, kw_only=True):
    """Base class of server messages: an unknown field is ignored."""


# --- content: strict from the client, tolerant from the server ---


class Blob(ClientStruct):
    mime_type: str = ""
    data: str = ""  # base64
    display_name: str | None = None


class Part(ClientStruct):
    text: str | None = None
    thought: bool = False
    inline_data: Blob | None = None
    file_data: Json | None = None
    executable_code: Json | None = None
    code_execution_result: Json | None = None
    function_call: Json | None = None
    function_response: Json | None = None
    thought_signature: str | None = None
    video_metadata: Json | None = None
    media_resolution: Json | None = None


class Content(ClientStruct):
    role: str = ""
    parts: list[Part] = []


class ModelBlob(Blob, forbid_unknown_fields=False):
    pass


class ModelPart(Part, forbid_unknown_fields=False):
    inline_data: ModelBlob | None = None


class ModelContent(Content, forbid_unknown_fields=False):
    parts: list[ModelPart] = []  # type: ignore[assignment]


# A field that is declared again is moved to the end.
class RoleLastContent(ModelContent, kw_only=True):
    """Content with `role` behind `parts`, as gemini-3.8-live sends it."""

    role: str = ""


# --- client: setup ---


class PrebuiltVoiceConfig(ClientStruct):
    voice_name: str = ""


class VoiceConfig(ClientStruct):
    prebuilt_voice_config: PrebuiltVoiceConfig | None = None
    replicated_voice_config: Json | None = None


class SpeechConfig(ClientStruct):
    voice_config: VoiceConfig | None = None
    language_code: str | None = None
    multi_speaker_voice_config: Json | None = None


class ThinkingConfig(ClientStruct):
    include_thoughts: bool | None = None
    thinking_budget: int | None = None
    thinking_level: str | None = None


class TranslationConfig(ClientStruct):
    target_language_code: str | None = None
    echo_target_language: bool | None = None


class GenerationConfig(ClientStruct):
    response_modalities: list[Literal["AUDIO", "TEXT", "VIDEO", "IMAGE", "MODALITY_UNSPECIFIED"]] = []
    temperature: float | None = None
    top_p: float | None = None
    top_k: float | None = None
    max_output_tokens: int | None = None
    candidate_count: int | None = None
    presence_penalty: float | None = None
    frequency_penalty: float | None = None
    seed: int | None = None
    media_resolution: str | None = None
    speech_config: SpeechConfig | None = None
    thinking_config: ThinkingConfig | None = None
    enable_affective_dialog: bool | None = None
    translation_config: TranslationConfig | None = None
    response_mime_type: str | None = None
    response_schema: Json | None = None
    response_json_schema: Json | None = None
    response_logprobs: bool | None = None
    logprobs: int | None = None
    stop_sequences: list[str] = []
    routing_config: Json | None = None
    audio_timestamp: bool | None = None


class FunctionDeclaration(ClientStruct):
    name: str = ""
    description: str | None = None
    parameters: Json | None = None
    parameters_json_schema: Any = None
    response: Json | None = None
    response_json_schema: Any = None
    behavior: Literal["UNSPECIFIED", "BLOCKING", "NON_BLOCKING"] | None = None


class Tool(ClientStruct):
    function_declarations: list[FunctionDeclaration] = []
    google_search: Json | None = None
    google_search_retrieval: Json | None = None
    code_execution: Json | None = None
    url_context: Json | None = None
    google_maps: Json | None = None
    enterprise_web_search: Json | None = None
    retrieval: Json | None = None
    computer_use: Json | None = None
    file_search: Json | None = None
    mcp_servers: list[Json] = []


class AutomaticActivityDetection(ClientStruct):
    disabled: bool = False
    start_of_speech_sensitivity: (
        Literal["START_SENSITIVITY_UNSPECIFIED", "START_SENSITIVITY_HIGH", "START_SENSITIVITY_LOW"] | None
    ) = None
    end_of_speech_sensitivity: (
        Literal["END_SENSITIVITY_UNSPECIFIED", "END_SENSITIVITY_HIGH", "END_SENSITIVITY_LOW"] | None
    ) = None
    prefix_padding_ms: int | None = None
    silence_duration_ms: int | None = None


class RealtimeInputConfig(ClientStruct):
    automatic_activity_detection: AutomaticActivityDetection | None = None
    activity_handling: (
        Literal["ACTIVITY_HANDLING_UNSPECIFIED", "START_OF_ACTIVITY_INTERRUPTS", "NO_INTERRUPTION"] | None
    ) = None
    turn_coverage: (
        Literal[
            "TURN_COVERAGE_UNSPECIFIED",
            "TURN_INCLUDES_ONLY_ACTIVITY",
            "TURN_INCLUDES_ALL_INPUT",
            "TURN_INCLUDES_AUDIO_ACTIVITY_AND_ALL_VIDEO",
        ]
        | None
    ) = None
    interim_transcript_timestamp_enabled: bool | None = None


class AudioTranscriptionConfig(ClientStruct):
    language_codes: list[str] = []
    custom_vocabulary: list[str] = []
    word_timestamp: bool | None = None
    diarization: bool | None = None
    mode: str | None = None
    source_text: str | None = None
    language_auto: Json | None = None
    language_hints: Json | None = None
    adaptation_phrases: list[str] = []


class SessionResumptionConfig(ClientStruct):
    handle: str | None = None
    transparent: bool | None = None


class SlidingWindow(ClientStruct):
    target_tokens: int | None = None


class ContextWindowCompressionConfig(ClientStruct):
    trigger_tokens: int | None = None
    sliding_window: SlidingWindow | None = None


class ProactivityConfig(ClientStruct):
    proactive_audio: bool | None = None
    proactive_video: bool | None = None


class HistoryConfig(ClientStruct):
    initial_history_in_client_content: bool | None = None


class Setup(ClientStruct):
    model: str = ""
    generation_config: GenerationConfig | None = None
    system_instruction: Content | None = None
    tools: list[Tool] = []
    realtime_input_config: RealtimeInputConfig | None = None
    input_audio_transcription: AudioTranscriptionConfig | None = None
    output_audio_transcription: AudioTranscriptionConfig | None = None
    session_resumption: SessionResumptionConfig | None = None
    context_window_compression: ContextWindowCompressionConfig | None = None
    proactivity: ProactivityConfig | None = None
    explicit_vad_signal: bool | None = None
    history_config: HistoryConfig | None = None
    safety_settings: list[Json] = []
    labels: dict[str, str] = {}
    avatar_config: Json | None = None


# --- client: the rest ---


class Empty(ClientStruct):
    pass


class ClientContent(ClientStruct):
    turns: list[Content] = []
    turn_complete: bool = False


class RealtimeInput(ClientStruct):
    audio: Blob | None = None
    video: Blob | None = None
    text: str | None = None
    media_chunks: list[Blob] = []
    audio_stream_end: bool = False
    activity_start: Empty | None = None
    activity_end: Empty | None = None


class FunctionResponse(ClientStruct):
    id: str | None = None
    name: str = ""
    response: Json | None = None
    scheduling: Literal["SCHEDULING_UNSPECIFIED", "SILENT", "WHEN_IDLE", "INTERRUPT"] | None = None
    will_continue: bool | None = None
    parts: list[Json] = []


class ToolResponse(ClientStruct):
    function_responses: list[FunctionResponse] = []


class ToolList(ClientStruct):
    tools: list[Tool] = []


class ContextUpdate(ClientStruct):
    system_instruction: Content | None = None
    tools: ToolList | None = None


class ClientMessage(ClientStruct):
    """One frame of a client. Exactly one of the fields is set."""

    setup: Setup | None = None
    client_content: ClientContent | None = None
    realtime_input: RealtimeInput | None = None
    tool_response: ToolResponse | None = None
    context_update: ContextUpdate | None = None


# --- server ---


class SetupComplete(ServerStruct):
    session_id: str | None = None


class Transcription(ServerStruct):
    text: str = ""
    finished: bool = False
    language_code: str | None = None


class ServerContent(ServerStruct):
    model_turn: ModelContent | None = None
    generation_complete: bool = False
    turn_complete: bool = False
    turn_complete_reason: str | None = None
    interrupted: bool = False
    waiting_for_input: bool = False
    interaction_status: str | None = None
    speech_state: str | None = None
    input_transcription: Transcription | None = None
    output_transcription: Transcription | None = None
    interim_input_transcription: Transcription | None = None
    grounding_metadata: Json | None = None
    url_context_metadata: Json | None = None


class FunctionCall(ServerStruct):
    name: str = ""
    args: Json = {}
    id: str | None = None


class ToolCall(ServerStruct):
    function_calls: list[FunctionCall] = []


class ToolCallCancellation(ServerStruct):
    ids: list[str] = []


class GoAway(ServerStruct):
    time_left: str = ""  # a Duration: "50s"


class SessionResumptionUpdate(ServerStruct):
    new_handle: str | None = None
    resumable: bool = False
    last_consumed_client_message_index: str | int | None = None  # int64: a JSON string


class VoiceActivity(ServerStruct):
    type: str = "TYPE_UNSPECIFIED"
    audio_offset: str | None = None  # a Duration: "1.2s"


class ServerFault(ServerStruct):
    code: int | str | None = None
    message: str = ""
    status: str = ""


class ServerMessage(ServerStruct):
    """One frame of the server: one payload, and sometimes `usageMetadata` beside it."""

    setup_complete: SetupComplete | None = None
    server_content: ServerContent | None = None
    tool_call: ToolCall | None = None
    tool_call_cancellation: ToolCallCancellation | None = None
    usage_metadata: Json | None = None
    go_away: GoAway | None = None
    session_resumption_update: SessionResumptionUpdate | None = None
    voice_activity: VoiceActivity | None = None
    error: ServerFault | None = None
