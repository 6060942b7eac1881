"""The models of the Live API, each a record of facts with the evidence for them (late 2026).

The client reads what it may send to a model and how an answer ends, the emulator what it must refuse and what the
model's frames look like. `load_models` adds a user's own entries. A fact of a model that both platforms serve is the
Developer API's; what differs by platform alone is in `platform`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from enum import StrEnum
from typing import Annotated, Any

import msgspec

# The emulator and tests import these names from here.
from .platform import DEFAULT_MODEL as DEFAULT_MODEL  # noqa: PLC0414
from .platform import Platform as Platform  # noqa: PLC0414

BOTH = frozenset(Platform)
VERTEX = frozenset({Platform.VERTEX})
DEVELOPER = frozenset({Platform.DEVELOPER})


CONTEXT_TOKENS = 128_000
"""Tokens that a model's context holds, as Google documents it for the native audio models."""


class ThinkingControl(StrEnum):
    """How a setup controls a model's thinking: not at all (`thinkingLevel` is refused), in tokens, or by a level."""

    NONE = "none"
    BUDGET = "budget"
    LEVEL = "level"


class Proactivity(StrEnum):
    """Whether a model decides by itself to speak or to be silent: never, if the setup says so, or always."""

    NONE = "none"
    OPTIONAL = "optional"
    ALWAYS = "always"


class CallBehaviour(StrEnum):
    """Whether the model waits for the result of a function that it calls."""

    BLOCKING = "BLOCKING"
    NON_BLOCKING = "NON_BLOCKING"


class ContentAudio(StrEnum):
    """Which PCM `clientContent` may have: none (the service closes the session), at 16 kHz only, or at any rate."""

    REFUSED = "refused"
    AT_16_KHZ = "16-khz"
    ANY = "any"


class AnswerEnd(StrEnum):
    """Which frame ends an answer: `turnComplete`, the end of the user's activity, or none."""

    TURN = "turn"
    ACTIVITY = "activity"
    NEVER = "never"


class Thoughts(StrEnum):
    """The thoughts that a setup without `thinkingConfig` gets: none, a token count, or their text too."""

    NONE = "none"
    COUNTED = "counted"
    SHOWN = "shown"


class HandleTime(StrEnum):
    """When handles for resumption are sent: never, if the setup asks, or unasked after the frame that is named."""

    NEVER = "never"
    ASKED = "asked"
    AFTER_SETUP = "after-setup"
    AFTER_TOOL_RESPONSE = "after-tool-response"


class TranscriptPlace(StrEnum):
    """Where the output transcript stands: in the frames of the audio, between them, or before all of them."""

    BESIDE_AUDIO = "beside-audio"
    OWN_FRAMES = "own-frames"
    BEFORE_AUDIO = "before-audio"


class Role(StrEnum):
    """Whether `modelTurn` has `role`, and on which side of `parts`."""

    NONE = "none"
    BEFORE_PARTS = "before-parts"
    AFTER_PARTS = "after-parts"


class CallTurn(StrEnum):
    """How a function call divides turns.

    ONE_TURN: call, response and answer are one turn. Otherwise the answer is a turn of its own, and the call's turn
    ends: before the call; at the call, whether or not responses have come; with an empty `turnComplete` right after
    the response; or, held open after `generationComplete`, as an interrupted one when the response comes.
    """

    ONE_TURN = "one-turn"
    CLOSED_BEFORE_CALL = "closed-before-call"
    CLOSED_AT_CALL = "closed-at-call"
    CLOSED_AFTER_RESPONSE = "closed-after-response"
    HELD_OPEN = "held-open"


class UnknownResponse(StrEnum):
    """The effect of a function response whose id belongs to no call: none, an answer, or a new greeting."""

    IGNORED = "ignored"
    ANSWERED = "answered"
    GREETED = "greeted"


class CallIdForm(StrEnum):
    """How a call's id is spelled. `n` is 18 to 20 digits."""

    FUNCTION_CALL = "function-call-n"
    FC = "fc_n"
    CALL_FC = "call_n_fc_i_j"
    UUID = "uuid"


class EvidenceKind(StrEnum):
    """Where a fact is from, the best first: of two that contradict each other, the better one is in the table.

    RECORDED: frames of a session with the service. PROBED: tried against the service, and written down. DOCUMENTED:
    Google's pages and SDKs. REPORTED: users. ASSUMED: concluded from a similar model.
    """

    RECORDED = "recorded"
    PROBED = "probed"
    DOCUMENTED = "documented"
    REPORTED = "reported"
    ASSUMED = "assumed"


class Facts(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Base of the records in the table of models."""


class Evidence(Facts, frozen=True):
    """Where facts are from: the kind, the date (ISO, empty if unknown) and the source."""

    kind: EvidenceKind = EvidenceKind.ASSUMED
    date: str = ""
    source: str = ""

    def __str__(self) -> str:
        return f"{self.kind}{' ' if self.date else ''}{self.date}{': ' if self.source else ''}{self.source}"


class TurnFacts(Facts, frozen=True):
    """How turns begin and end."""

    ends_at: AnswerEnd = AnswerEnd.TURN
    """The frame that ends an answer."""
    stops_on_empty_content: bool = False
    """Whether an empty `clientContent` with `turnComplete` stops an answer that is being spoken."""
    splits_at_pauses: bool = False
    """Whether, under automatic detection, a pause in a question ends an empty, interrupted turn."""
    ignores_explicit_activity: bool = False
    """Whether `activityStart` and `activityEnd` under automatic detection are ignored; else they are refused."""
    interaction_status: bool = False
    """Whether `serverContent` has `interactionStatus`: the run is over at `IDLE`."""
    evidence: Evidence = Evidence()


class UnaskedFacts(Facts, frozen=True):
    """Messages and fields that are sent although the setup does not ask for them."""

    handle: HandleTime = HandleTime.ASKED
    input_transcript: bool = False
    output_transcript: bool = False
    voice_activity: bool = False
    """Whether `voiceActivity` is sent without `explicitVadSignal`."""
    empty_frames: bool = False
    """Whether frames `{}` stand between the others."""
    thoughts: Thoughts = Thoughts.NONE
    evidence: Evidence = Evidence()


class FrameFacts(Facts, frozen=True):
    """The form of the frames of an answer."""

    transcript: TranscriptPlace = TranscriptPlace.OWN_FRAMES
    whole_input_transcript: bool = False
    """Whether the transcript of a question comes in one message."""
    role: Role = Role.NONE
    shortest_ms: int = 200
    """The shortest usual length of an audio frame, in milliseconds; the last of an answer may be shorter."""
    longest_ms: int = 240
    """The longest usual length of an audio frame, in milliseconds."""
    opens_with_sample: bool = False
    """Whether the first audio frame of some turns has a single sample; `longest_ms` and `shortest_ms` are of others."""
    opens_with_empty_content: bool = False
    """Whether an empty `serverContent` comes before an answer begins."""
    activity_with_content: bool = False
    """Whether `voiceActivity` shares its frame with an empty `serverContent`."""
    marks_transcripts: bool = False
    """Whether the output transcript begins with an empty piece, and the last piece of either transcript is marked."""
    closes_with_grounding: bool = False
    """Whether `turnComplete` comes with `groundingMetadata`, empty if there are no sources."""
    announces_search: bool = False
    """Whether a `codeExecutionResult` without `executableCode` comes before an answer that googleSearch grounds."""
    evidence: Evidence = Evidence()


class CallFacts(Facts, frozen=True):
    """The behaviour of function calls."""

    blocking: CallTurn = CallTurn.ONE_TURN
    """The effect of a BLOCKING call on its turn."""
    non_blocking: CallTurn = CallTurn.ONE_TURN
    """The effect of a NON_BLOCKING call on its turn."""
    id_form: CallIdForm = CallIdForm.FUNCTION_CALL
    """How ids are spelled on the Developer API, or on Vertex AI if only that serves the model."""
    takes_scheduling: bool = True
    """Whether a response may have `scheduling`; else the service closes the session."""
    answers_after_part: bool = True
    """Whether the model speaks about the last response to a call that had one with `willContinue` before."""
    answers_together: bool = False
    """Whether the NON_BLOCKING calls of one message are answered once, after the last response."""
    unknown_response: UnknownResponse = UnknownResponse.IGNORED
    """The effect of a response to an unknown call."""
    evidence: Evidence = Evidence()


class ImageFacts(Facts, frozen=True):
    """The images that the model sees, and the tokens that each costs."""

    seen_before_typed_text: bool = False
    """Whether a typed turn sees an image sent as `realtimeInput` before it, and not only one in its own `parts`."""
    tokens: int = 258
    evidence: Evidence = Evidence()


class PromptFacts(Facts, frozen=True):
    """The token counts of a first turn's prompt before anything was said: the least of those recorded."""

    text_tokens: int = 0
    audio_tokens: int = 0
    details_add_up: bool = True
    """Whether the counts by modality add up to the whole."""
    unlisted_tokens: int = 0
    """Tokens of the prompt that no modality lists."""
    counts_spoken_text: bool = False
    """Whether a spoken answer counts as TEXT too, and AUDIO is listed without a count where there is none."""
    evidence: Evidence = Evidence()


class LocationFacts(Facts, frozen=True):
    """Where Vertex AI serves a model: enough for a warning, not for a refusal. No names: unknown."""

    names: tuple[str, ...] = ()
    evidence: Evidence = Evidence()
    disputed: tuple[str, ...] = ()
    """Those of `names` that another source contradicts."""
    contradicted_by: Evidence | None = None


class ConnectionLimits(Facts, frozen=True):
    """How long a connection lasts, in seconds."""

    connection_seconds: float = 600.0
    go_away_seconds: float | None = None
    """How long before that `goAway` comes, if known."""
    reported_seconds: float | None = None
    """The lifetime that users measured, if it differs."""
    evidence: Evidence = Evidence()


class Prices(Facts, frozen=True):
    """US dollars for a million tokens of each kind; None: not known. Thoughts are billed as output, in text."""

    text_in: float | None = None
    audio_in: float | None = None
    image_in: float | None = None
    text_out: float | None = None
    audio_out: float | None = None
    evidence: Evidence = Evidence()

    @property
    def date(self) -> str:
        """The date of these prices, ISO."""
        return self.evidence.date

    @property
    def source(self) -> str:
        """Where these prices are from."""
        return self.evidence.source


class Model(Facts, frozen=True):
    """One model. The fields before `evidence` say what a setup may ask for; the groups after it have their own."""

    name: str
    platforms: Annotated[frozenset[Platform], msgspec.Meta(min_length=1)]
    retired: bool = False
    """Whether the service refuses it."""
    audio_out: bool = True
    """Whether it can answer in AUDIO."""
    text_out: bool = False
    """Whether it can answer in TEXT."""
    text_in: bool = False
    """Whether it takes text as `realtimeInput.text`, and not only as `clientContent`."""
    thinking: ThinkingControl = ThinkingControl.NONE
    thinking_levels: frozenset[str] = frozenset()
    """The levels that it takes."""
    level_required: bool = False
    """Whether a setup without `thinkingLevel` is refused."""
    default_level: str = ""
    """The level that the client asks for where it must name one; of a model that has a documented default, that."""
    checks_voices: bool = False
    """Whether it refuses an unknown voice on the Developer API too."""
    affective_dialog: bool = False
    affective_refused_late: bool = False
    """Whether a setup with affective dialog is accepted, and the first message after it refused."""
    content_audio: ContentAudio = ContentAudio.ANY
    proactivity: Proactivity = Proactivity.NONE
    media_chunks: bool = True
    """Whether it takes `realtimeInput.mediaChunks`."""
    calling: Annotated[tuple[CallBehaviour, ...], msgspec.Meta(min_length=1)] = (
        CallBehaviour.BLOCKING,
        CallBehaviour.NON_BLOCKING,
    )
    """The behaviours that functions may be declared with, the default first."""
    seeds: bool = False
    """Whether it takes the first `clientContent` as history, without an answer, if the setup has `historyConfig`."""
    code_tools: bool = True
    """Whether it takes the tool codeExecution."""
    url_context: bool = True
    """Whether it takes the tool urlContext."""
    context_tokens: int = CONTEXT_TOKENS
    evidence: Evidence = Evidence()

    turns: TurnFacts = TurnFacts()
    unasked: UnaskedFacts = UnaskedFacts()
    frames: FrameFacts = FrameFacts()
    calls: CallFacts = CallFacts()
    images: ImageFacts = ImageFacts()
    prompt: PromptFacts = PromptFacts()
    locations: LocationFacts = LocationFacts()
    limits: ConnectionLimits = ConnectionLimits()
    prices: Prices = Prices()

    @property
    def whole_input_transcript(self) -> bool:
        """Whether the transcript of a question comes in one message."""
        return self.frames.whole_input_transcript

    @property
    def interaction_status(self) -> bool:
        """Whether it sends `interactionStatus`."""
        return self.turns.interaction_status


def _recorded(date: str, source: str = "pydantic-ai's recordings") -> Evidence:
    return Evidence(kind=EvidenceKind.RECORDED, date=date, source=source)


def _probed(date: str, source: str) -> Evidence:
    return Evidence(kind=EvidenceKind.PROBED, date=date, source=source)


def _documented(date: str, source: str) -> Evidence:
    return Evidence(kind=EvidenceKind.DOCUMENTED, date=date, source=source)


def _reported(date: str, source: str) -> Evidence:
    return Evidence(kind=EvidenceKind.REPORTED, date=date, source=source)


def _like(name: str) -> Evidence:
    return Evidence(source=f"like {name}")


_PYDANTIC_PROBES = "pydantic-ai's notes on its live tests"
_MODEL_PAGE = "Google's page of the model"

# --- limits ---

_TEN_MINUTES = ConnectionLimits(evidence=_documented("2026-11", "Google's guide to Live sessions"))
_FIFTY_EIGHT_MINUTES = ConnectionLimits(
    reported_seconds=3480.0,
    evidence=_documented("2026-11", "Google's guide to Live sessions; 58 minutes: Google's forum, 3 sessions"),
)
_TRANSCRIBE_LIMITS = ConnectionLimits(
    connection_seconds=590.0, go_away_seconds=50.0, evidence=_probed("2026-09-10", "probes of transcribe-live, n = 2")
)

# --- prices ---

_V3_8_PRICES = Prices(
    text_in=0.75,
    audio_in=3.00,
    image_in=1.00,
    text_out=4.50,
    audio_out=12.00,
    evidence=_reported("2026-09-18", "the tables of two open-source gateways (one-api, vortex)"),
)
_V3_1_PRICES = Prices(text_in=0.75, text_out=4.50, evidence=_reported("2026-09", "the table of one gateway"))
_NATIVE_PRICES = Prices(
    text_in=0.50,
    audio_in=3.00,
    text_out=2.00,
    audio_out=12.00,
    evidence=_reported("2026-09-28", "litellm's table; agrees with pydantic's genai-prices"),
)
_TRANSLATE_PRICES = Prices(audio_in=3.50, audio_out=21.00, evidence=_reported("2026-09", "the table of one gateway"))

# --- 3.8 ---

_V3: dict[str, Any] = {
    "text_in": True,
    "media_chunks": False,
    "seeds": True,
    "content_audio": ContentAudio.AT_16_KHZ,
    "code_tools": False,
    "url_context": False,
}
_V3_8: dict[str, Any] = _V3 | {
    "affective_refused_late": True,
    "proactivity": Proactivity.ALWAYS,
    "calling": (CallBehaviour.NON_BLOCKING, CallBehaviour.BLOCKING),
    "evidence": _probed("2026-09-19", "a probe with google-genai 2.23; pydantic-ai's notes"),
    "turns": TurnFacts(
        stops_on_empty_content=True, evidence=_probed("2026-10-03", "an avatar application on Vertex AI")
    ),
    "unasked": UnaskedFacts(
        handle=HandleTime.AFTER_SETUP,
        input_transcript=True,
        output_transcript=True,
        voice_activity=True,
        empty_frames=True,
        thoughts=Thoughts.COUNTED,
        evidence=_recorded("2026-09-29", "pydantic-ai's recordings; output transcript: Google's forum"),
    ),
    "frames": FrameFacts(
        transcript=TranscriptPlace.BESIDE_AUDIO,
        whole_input_transcript=True,
        role=Role.AFTER_PARTS,
        shortest_ms=180,
        longest_ms=350,
        opens_with_sample=True,
        opens_with_empty_content=True,
        evidence=_recorded("2026-09-29", "pydantic-ai's recordings; one of two has a first frame of one sample"),
    ),
    "calls": CallFacts(
        non_blocking=CallTurn.CLOSED_AFTER_RESPONSE,
        id_form=CallIdForm.FC,
        answers_together=True,
        unknown_response=UnknownResponse.GREETED,
        evidence=_probed(
            "2026-10-02",
            "pipecat's tests with Home Assistant; ids as of 3.1; one probe of three: scheduling is refused; "
            "unknown responses: a livekit fork's notes of 2026-09-23; "
            "one answer to several calls: pydantic-ai's live tests of 2026-09",
        ),
    ),
    "images": ImageFacts(tokens=272, evidence=_recorded("2026-09-29", f"pydantic-ai's recordings; {_PYDANTIC_PROBES}")),
    "prompt": PromptFacts(
        text_tokens=312, audio_tokens=165, details_add_up=False, unlisted_tokens=25, evidence=_recorded("2026-09-29")
    ),
    "locations": LocationFacts(
        names=("us-central1", "us", "eu"),
        evidence=_documented("2026-11", f"{_MODEL_PAGE}; us-central1 probed on 2026-10-03"),
    ),
    "limits": _FIFTY_EIGHT_MINUTES,
    "prices": _V3_8_PRICES,
}
_EXTENDED: dict[str, Any] = _V3_8 | {
    "thinking": ThinkingControl.LEVEL,
    "thinking_levels": frozenset({"LOW", "MEDIUM", "HIGH"}),
    "level_required": True,
    "default_level": "LOW",
    "calling": (CallBehaviour.NON_BLOCKING,),
    "turns": TurnFacts(
        stops_on_empty_content=True,
        ignores_explicit_activity=True,
        interaction_status=True,
        evidence=_probed("2026-09-19", "a probe with google-genai 2.23"),
    ),
    "unasked": msgspec.structs.replace(
        _V3_8["unasked"],
        evidence=_probed("2026-09-23", "a Deno client's tests; output transcript: like gemini-3.8-live"),
    ),
    "frames": msgspec.structs.replace(_V3_8["frames"], evidence=_like("gemini-3.8-live")),
    "calls": CallFacts(
        non_blocking=CallTurn.CLOSED_BEFORE_CALL,
        id_form=CallIdForm.CALL_FC,
        takes_scheduling=False,
        answers_after_part=False,
        answers_together=True,
        evidence=_probed(
            "2026-09-19",
            "a probe with google-genai 2.23; a snapshot in pydantic-ai's tests; several calls: like gemini-3.8-live",
        ),
    ),
    "images": ImageFacts(tokens=272, evidence=_probed("2026-10", f"{_PYDANTIC_PROBES}; tokens: like gemini-3.8-live")),
    "prompt": msgspec.structs.replace(_V3_8["prompt"], evidence=_like("gemini-3.8-live")),
    "locations": LocationFacts(),
    "limits": msgspec.structs.replace(_FIFTY_EIGHT_MINUTES, reported_seconds=None),
}

# --- 3.1 ---

_V3_1: dict[str, Any] = _V3 | {
    "thinking": ThinkingControl.LEVEL,
    "thinking_levels": frozenset({"MINIMAL", "LOW", "MEDIUM", "HIGH"}),
    "default_level": "MINIMAL",
    "calling": (CallBehaviour.BLOCKING,),
    "evidence": _documented("2026-11", f"{_MODEL_PAGE}; {_PYDANTIC_PROBES}"),
    "turns": TurnFacts(evidence=_recorded("2026-09")),
    "unasked": UnaskedFacts(
        handle=HandleTime.AFTER_TOOL_RESPONSE,
        input_transcript=True,
        voice_activity=True,
        evidence=_recorded("2026-09", f"pydantic-ai's recordings; input transcript: {_PYDANTIC_PROBES}"),
    ),
    "frames": FrameFacts(
        transcript=TranscriptPlace.BESIDE_AUDIO,
        whole_input_transcript=True,
        shortest_ms=180,
        longest_ms=210,
        opens_with_empty_content=True,
        activity_with_content=True,
        evidence=_recorded("2026-09"),
    ),
    "calls": CallFacts(id_form=CallIdForm.FC, evidence=_recorded("2026-09")),
    "images": ImageFacts(evidence=_probed("2026-10", f"{_PYDANTIC_PROBES}; tokens: as documented for 2.5")),
    "prompt": PromptFacts(text_tokens=154, details_add_up=False, unlisted_tokens=33, evidence=_recorded("2026-09")),
    "limits": _TEN_MINUTES,
    "prices": _V3_1_PRICES,
}

# --- 2.5 native audio ---

_NATIVE: dict[str, Any] = {
    "thinking": ThinkingControl.BUDGET,
    "thinking_levels": frozenset({"MINIMAL", "LOW", "MEDIUM", "HIGH"}),
    "affective_dialog": True,
    "proactivity": Proactivity.OPTIONAL,
    "limits": _TEN_MINUTES,
    "prices": _NATIVE_PRICES,
}
_NATIVE_DEVELOPER: dict[str, Any] = _NATIVE | {
    "checks_voices": True,
    "content_audio": ContentAudio.REFUSED,
    "code_tools": False,
    "evidence": _probed("2026-10", f"{_PYDANTIC_PROBES}; voices: recorded"),
    "turns": TurnFacts(splits_at_pauses=True, evidence=_recorded("2026-09")),
    "unasked": UnaskedFacts(thoughts=Thoughts.SHOWN, evidence=_recorded("2026-09")),
    "frames": FrameFacts(
        shortest_ms=50,
        longest_ms=60,
        announces_search=True,
        evidence=_recorded("2026-09", f"pydantic-ai's recordings; search: {_PYDANTIC_PROBES}"),
    ),
    "calls": CallFacts(non_blocking=CallTurn.HELD_OPEN, evidence=_recorded("2026-09")),
    "images": ImageFacts(evidence=_recorded("2026-09", f"pydantic-ai's recordings; {_PYDANTIC_PROBES}")),
    "prompt": PromptFacts(text_tokens=417, evidence=_recorded("2026-09")),
}
_EARLIER_PROMPT: dict[str, Any] = {"prompt": PromptFacts(text_tokens=1130, evidence=_recorded("2026-09"))}
_VERTEX_FRAMES = FrameFacts(
    role=Role.BEFORE_PARTS,
    marks_transcripts=True,
    evidence=_recorded("2025", "js-genai's recordings, of models since retired"),
)
_VERTEX_CALLS = CallFacts(
    blocking=CallTurn.CLOSED_AT_CALL,
    non_blocking=CallTurn.CLOSED_AT_CALL,
    id_form=CallIdForm.UUID,
    unknown_response=UnknownResponse.ANSWERED,
    evidence=_recorded("2025", "js-genai's recordings, of models since retired"),
)
# fmt: off
_NATIVE_LOCATIONS = (
    "us-central1", "us-east1", "us-east4", "us-east5", "us-south1", "us-west1", "us-west4", "europe-central2",
    "europe-north1", "europe-southwest1", "europe-west1", "europe-west4", "europe-west8",
)
# fmt: on
_NATIVE_VERTEX: dict[str, Any] = _NATIVE | {
    "evidence": _documented("2026-11", _MODEL_PAGE),
    "turns": TurnFacts(evidence=_like("gemini-live-2.5-flash")),
    "unasked": UnaskedFacts(thoughts=Thoughts.COUNTED, evidence=_like("gemini-live-2.5-flash; it thinks by default")),
    "frames": msgspec.structs.replace(_VERTEX_FRAMES, evidence=_like("gemini-live-2.5-flash")),
    "calls": msgspec.structs.replace(_VERTEX_CALLS, evidence=_like("gemini-live-2.5-flash")),
    "images": ImageFacts(evidence=_probed("2026-10", _PYDANTIC_PROBES)),
    "prompt": PromptFacts(text_tokens=12, evidence=_like("gemini-live-2.5-flash")),
    "locations": LocationFacts(
        names=_NATIVE_LOCATIONS,
        evidence=_documented("2026-11", _MODEL_PAGE),
    ),
}

# --- 2.5 flash on Vertex AI ---

_FLASH_VERTEX: dict[str, Any] = {
    "text_out": True,
    "thinking": ThinkingControl.BUDGET,
    "evidence": _probed("2026-10", _PYDANTIC_PROBES),
    "turns": TurnFacts(evidence=_recorded("2026-09")),
    "unasked": UnaskedFacts(evidence=_recorded("2026-09")),
    "frames": FrameFacts(
        transcript=TranscriptPlace.BEFORE_AUDIO,
        role=Role.BEFORE_PARTS,
        marks_transcripts=True,
        closes_with_grounding=True,
        evidence=_recorded("2026-09"),
    ),
    "calls": msgspec.structs.replace(_VERTEX_CALLS, evidence=_recorded("2026-09")),
    "images": ImageFacts(evidence=_probed("2026-10", _PYDANTIC_PROBES)),
    "prompt": PromptFacts(text_tokens=12, counts_spoken_text=True, evidence=_recorded("2026-09")),
    "locations": LocationFacts(
        names=("us-central1", "global"),
        evidence=_documented("2026-10", "pydantic-ai: it needs global, where it was recorded"),
        disputed=("global",),
        contradicted_by=_documented("2026", "Firebase: Live models are not in global; us-central1 is its default"),
    ),
    "limits": _TEN_MINUTES,
}

# --- 3.5 transcribe and translate, robotics ---

_TRANSCRIBE: dict[str, Any] = _V3 | {
    "audio_out": False,
    "text_out": True,
    "evidence": _probed("2026-09-10", "probes of transcribe-live"),
    "turns": TurnFacts(ends_at=AnswerEnd.ACTIVITY, evidence=_probed("2026-09-10", "probes of transcribe-live")),
    "unasked": UnaskedFacts(
        handle=HandleTime.NEVER, voice_activity=True, evidence=_probed("2026-09-10", "probes of transcribe-live")
    ),
    "frames": FrameFacts(
        activity_with_content=True, evidence=_probed("2026-09-10", "probes of transcribe-live, 1,542 frames")
    ),
    "calls": CallFacts(evidence=Evidence(source="it calls no functions")),
    "images": ImageFacts(evidence=Evidence(source="it sees no images")),
    "prompt": PromptFacts(evidence=Evidence(source="it reports no usage")),
    "limits": _TRANSCRIBE_LIMITS,
}
_TRANSLATE: dict[str, Any] = _V3 | {
    "evidence": _documented("2026-11", _MODEL_PAGE),
    "turns": TurnFacts(ends_at=AnswerEnd.NEVER, evidence=_reported("2026", "users of translation clients (sokuji)")),
    "unasked": UnaskedFacts(evidence=Evidence(source="not recorded")),
    "frames": FrameFacts(evidence=Evidence(source="not recorded")),
    "calls": CallFacts(evidence=Evidence(source="it calls no functions")),
    "images": ImageFacts(evidence=Evidence(source="it sees no images")),
    "prompt": PromptFacts(evidence=Evidence(source="not recorded")),
    "limits": _TEN_MINUTES,
    "prices": _TRANSLATE_PRICES,
}
_ROBOTICS: dict[str, Any] = _V3 | {
    "audio_out": False,
    "text_out": True,
    "thinking": ThinkingControl.LEVEL,
    "thinking_levels": frozenset({"MINIMAL", "LOW", "MEDIUM", "HIGH"}),
    "context_tokens": 131_072,
    "evidence": _documented("2026-07", f"{_MODEL_PAGE}; in the list of models of 2026-09-13"),
    "turns": TurnFacts(evidence=_like("gemini-3.1-flash-live-preview")),
    "unasked": UnaskedFacts(evidence=Evidence(source="not recorded")),
    "frames": FrameFacts(evidence=Evidence(source="not recorded")),
    "calls": CallFacts(id_form=CallIdForm.FC, evidence=_like("gemini-3.1-flash-live-preview")),
    "images": ImageFacts(evidence=_like("gemini-3.1-flash-live-preview")),
    "prompt": PromptFacts(evidence=Evidence(source="not recorded")),
    "limits": _TEN_MINUTES,
}

# --- retired ---

_OLD: dict[str, Any] = {
    "text_out": True,
    "retired": True,
    "evidence": _documented("2026-11", "Google's list of deprecations"),
    "calls": CallFacts(blocking=CallTurn.CLOSED_AT_CALL, non_blocking=CallTurn.CLOSED_AT_CALL),
}
_OLD_VERTEX: dict[str, Any] = _OLD | {"frames": _VERTEX_FRAMES, "calls": _VERTEX_CALLS}

MODELS = {
    model.name: model
    for model in (
        Model(name="gemini-3.8-live", platforms=BOTH, **_V3_8),
        Model(name="gemini-3.8-live-extended-thinking", platforms=DEVELOPER, **_EXTENDED),
        Model(name="gemini-live-2.5-flash-native-audio", platforms=VERTEX, **_NATIVE_VERTEX),
        Model(name="gemini-live-2.5-flash", platforms=VERTEX, **_FLASH_VERTEX),
        Model(name="gemini-3.1-flash-live-preview", platforms=DEVELOPER, **_V3_1),
        Model(name="gemini-2.5-flash-native-audio-preview-12-2025", platforms=DEVELOPER, **_NATIVE_DEVELOPER),
        Model(name="gemini-2.5-flash-native-audio-latest", platforms=DEVELOPER, **_NATIVE_DEVELOPER),
        Model(
            name="gemini-2.5-flash-native-audio-preview-09-2025",
            platforms=DEVELOPER,
            **_NATIVE_DEVELOPER | _EARLIER_PROMPT,
        ),
        Model(name="gemini-3.5-live-translate-preview", platforms=BOTH, **_TRANSLATE),
        Model(name="gemini-3.5-transcribe-live", platforms=DEVELOPER, **_TRANSCRIBE),
        Model(
            name="gemini-3.5-transcribe-live-preview",
            platforms=VERTEX,
            locations=LocationFacts(
                names=("global",), evidence=_probed("2026-10-03", "an avatar application on Vertex AI")
            ),
            **_TRANSCRIBE,
        ),
        Model(name="gemini-robotics-er-2-streaming-preview", platforms=DEVELOPER, **_ROBOTICS),
        Model(
            name="gemini-live-2.5-flash-preview-native-audio-09-2025",
            platforms=VERTEX,
            **_NATIVE_VERTEX | {"retired": True},
        ),
        Model(
            name="gemini-live-2.5-flash-preview-native-audio", platforms=VERTEX, **_NATIVE_VERTEX | {"retired": True}
        ),
        Model(name="gemini-2.0-flash-live-001", platforms=DEVELOPER, **_OLD),
        Model(name="gemini-live-2.5-flash-preview", platforms=DEVELOPER, **_OLD),
        Model(name="gemini-2.0-flash-live-preview-04-09", platforms=VERTEX, **_OLD_VERTEX),
        Model(name="gemini-2.0-flash-exp", platforms=BOTH, **_OLD_VERTEX),
    )
}


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


def latest_evidence() -> str:
    """The ISO date of the newest evidence in MODELS."""
    return max(_dates(msgspec.to_builtins(MODELS)))


def _dates(facts: Any) -> Iterator[str]:
    """The date of every evidence within `facts`."""
    if isinstance(facts, dict):
        if isinstance(facts.get("date"), str):
            yield facts["date"]
        for value in facts.values():
            yield from _dates(value)


def load_models(table: Mapping[str, Any]) -> dict[str, Model]:
    """MODELS with a user's entries: for each name, the fields of Model that differ, groups as tables of theirs.

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
    base = models[like] if name in models else msgspec.structs.replace(models[like], platforms=BOTH)
    known = [field for field in Model.__struct_fields__ if field != "name"]
    for field, value in entry.items():
        if field not in known:
            hint = " (a name with a dot in it needs quotes)" if isinstance(value, Mapping) else ""
            raise ValueError(
                f"model {name!r}: there is no field {field!r}{hint}; the fields are like, {', '.join(known)}"
            )
    try:
        model = msgspec.convert(_merged(msgspec.to_builtins(base), entry) | {"name": name}, Model)
    except msgspec.ValidationError as error:
        message, _, path = str(error).replace("`", "").partition(" - at $.")
        where = f"{path} = {entry[path]!r}" if path in entry else path
        raise ValueError(f"model {name!r}: {where}: {message[0].lower()}{message[1:]}") from error
    levels = frozenset(level.upper() for level in model.thinking_levels)
    return msgspec.structs.replace(model, thinking_levels=levels, default_level=model.default_level.upper())


def _merged(base: dict[str, Any], entry: Mapping[str, Any]) -> dict[str, Any]:
    return base | {
        field: _merged(base[field], value)
        if isinstance(value, Mapping) and isinstance(base.get(field), dict)
        else value
        for field, value in entry.items()
    }
