"""The two platforms that serve the Live API, each a record of facts.

A third platform is one more member with its facts, an order of credentials (`credentials.decision`), and rows in the
table of models. Facts without a source are from recordings of the service.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from types import MappingProxyType

DEFAULT_MODEL = "gemini-3.8-live"


@dataclass(frozen=True, kw_only=True)
class PlatformFacts:
    """How one platform differs from the other."""

    name: str
    """As error messages and hints name it."""

    # --- addresses ---

    service_path: str
    """URL path of the WebSocket, with the API's version as `{version}` (documented)."""
    path_pattern: str
    """Regular expression of that path with any version, without the leading `/ws/`."""
    default_version: str
    """API version where none is named."""
    beta_version: str
    """API version that the word `beta` stands for."""
    api_versions: frozenset[str]
    """API versions that serve the Live API. The path of any other is answered with HTTP 404 (reported)."""
    base_url_variable: str
    """Environment variable with a URL that replaces Google's (the official SDKs')."""
    host: str
    """Google's host. On a platform with locations it is the host of location `global`."""
    resource_pattern: str
    """Regular expression of `setup.model`; its group is the model's id."""
    needs_project: bool
    """Whether a resource name has a project and a location, which an API key replaces."""
    takes_google_credentials: bool
    """Whether a bearer token of a Google account is a credential here, and so the metadata server is asked for one."""
    takes_ephemeral_tokens: bool
    """Whether ephemeral tokens are minted here, and open a session."""

    # --- refusals and resumption ---

    refuses_upgrade: bool
    """Whether a bad credential is refused with an HTTP status, and not with a close after the upgrade."""
    names_retired_models: bool
    """Whether a retired model is refused as such, and not as an unknown one."""
    model_unknown: str
    """Reason of the close that refuses an unknown `{model}` in API `{version}`."""
    confirms_messages: bool
    """Whether handles say which of the client's messages they include (`sessionResumption.transparent`)."""
    handle_seconds: float
    """How long a handle resumes a session after its last connection (documented)."""

    # --- messages ---

    names_default_rate: bool
    """Whether the mime type of audio at 24 kHz names its rate."""
    sends_session_id: bool
    """Whether `setupComplete` has a `sessionId`."""
    usage_names: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    """Names of `usageMetadata` that differ from the Developer API's, by the latter."""

    # --- function calls ---

    call_ids_are_uuids: bool
    """Whether a call's id is a UUID, and not `function-call-` with digits."""
    matches_calls_by_name: bool
    """Whether a response without an id answers the oldest call of that name."""

    # --- setups ---

    alpha_only: frozenset[str]
    """Fields of the setup that API versions other than v1alpha do not know, as paths in snake_case."""
    schema_extras: frozenset[str]
    """Names that a function's `parameters` may have here, besides those that both platforms know."""
    takes_audio_and_text: bool
    """Whether `["AUDIO", "TEXT"]` is taken, as Google's samples for Vertex AI ask; it means AUDIO."""
    checks_voices: bool
    """Whether every model refuses an unknown voice, and not only those that say so."""
    must_stay_proactive: bool
    """Whether a model that is always proactive refuses `proactiveAudio: false`."""
    covers_all_video: bool
    """Whether `TURN_INCLUDES_AUDIO_ACTIVITY_AND_ALL_VIDEO` is taken."""
    takes_vad_signal: bool
    """Whether `explicitVadSignal` is known to be taken."""


class Platform(StrEnum):
    """Vertex AI (since renamed Gemini Enterprise Agent Platform) and the Gemini Developer API.

    `facts` is the platform's record; its text is the name in options, JSON and logs.
    """

    facts: PlatformFacts

    def __new__(cls, value: str, facts: PlatformFacts) -> Platform:
        member = str.__new__(cls, value)
        member._value_ = value
        member.facts = facts
        return member

    VERTEX = (
        "vertex",
        PlatformFacts(
            name="Vertex AI",
            service_path="/ws/google.cloud.aiplatform.{version}.LlmBidiService/BidiGenerateContent",
            path_pattern=r"google\.cloud\.aiplatform\.(v\d+(?:(?:alpha|beta)\d*)?)\.LlmBidiService/BidiGenerateContent",
            default_version="v1",
            beta_version="v1beta1",
            # A path with v1alpha: livekit/agents#4279 and #4366.
            api_versions=frozenset({"v1", "v1beta1"}),
            base_url_variable="GOOGLE_VERTEX_BASE_URL",
            # `global-aiplatform.googleapis.com` answers a generic 404.
            host="aiplatform.googleapis.com",
            # An express key sends the resource without a project.
            resource_pattern=r"(?:projects/[^/]+/locations/[^/]+/)?publishers/google/models/([^/]+)",
            needs_project=True,
            takes_google_credentials=True,
            takes_ephemeral_tokens=False,
            refuses_upgrade=True,
            names_retired_models=True,
            model_unknown=(
                "Publisher Model `{model}` was not found or your project does not have access to it. "
                "Please ensure you are using a valid model version."
            ),
            confirms_messages=True,
            handle_seconds=24 * 3600.0,
            names_default_rate=False,
            sends_session_id=True,
            usage_names=MappingProxyType(
                {
                    "responseTokenCount": "candidatesTokenCount",
                    "responseTokensDetails": "candidatesTokensDetails",
                }
            ),
            call_ids_are_uuids=True,
            matches_calls_by_name=True,
            alpha_only=frozenset(),
            # Documented for v1 and v1beta1.
            schema_extras=frozenset({"additionalProperties", "ref", "$ref", "defs", "$defs"}),
            takes_audio_and_text=True,
            checks_voices=True,
            must_stay_proactive=False,
            covers_all_video=False,
            takes_vad_signal=True,
        ),
    )
    DEVELOPER = (
        "developer",
        PlatformFacts(
            name="the Developer API",
            # A dot stands before the method here, not a slash.
            service_path="/ws/google.ai.generativelanguage.{version}.GenerativeService.BidiGenerateContent",
            path_pattern=(
                r"google\.ai\.generativelanguage\.(v\d+(?:(?:alpha|beta)\d*)?)\."
                r"GenerativeService\.BidiGenerateContent(?:Constrained)?"
            ),
            default_version="v1beta",
            beta_version="v1beta",
            api_versions=frozenset({"v1", "v1beta", "v1alpha"}),
            base_url_variable="GOOGLE_GEMINI_BASE_URL",
            host="generativelanguage.googleapis.com",
            resource_pattern=r"models/([^/]+)",
            needs_project=False,
            takes_google_credentials=False,
            takes_ephemeral_tokens=True,
            refuses_upgrade=False,
            names_retired_models=False,
            model_unknown=(
                "{model} is not found for API version {version}, or is not supported for bidiGenerateContent. "
                "Call ModelService.ListModels to see the list of available models and their supported methods."
            ),
            confirms_messages=False,
            handle_seconds=2 * 3600.0,
            names_default_rate=True,
            sends_session_id=False,
            call_ids_are_uuids=False,
            matches_calls_by_name=False,
            # Probed on 2026-09-16 (proactivity), 2026-09-10 (transparent), and by a client of v1alpha.
            alpha_only=frozenset({"setup.proactivity", "setup.session_resumption.transparent"}),
            schema_extras=frozenset(),
            takes_audio_and_text=False,
            checks_voices=False,
            must_stay_proactive=True,
            covers_all_video=True,
            takes_vad_signal=False,
        ),
    )


DEFAULT_PLATFORM = Platform.VERTEX
"""The platform of the embedded emulator, and of a session for which nothing else decides."""

PROJECT_PLATFORM = Platform.VERTEX
"""The platform of a Google Cloud project."""

KEY_PLATFORM = Platform.DEVELOPER
"""The platform of an API key without a project, and of the ephemeral tokens that a key mints."""
