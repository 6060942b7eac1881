"""The table of close causes: what a WebSocket close of the service means, and what may help.

Google documents no close reason and cuts each at 123 bytes, so a row matches the beginning of one. The first row that
matches is used: specific rows stand before those that match any reason. The `{placeholders}` of a text are those of
`CloseContext.placeholders`, and the named groups of the row's own pattern.
"""

from __future__ import annotations

import re

from ..errors import Advice, LivecliError, ServerError
from .close_cause import DOCUMENTED, GUESSED, PROBED, CloseCause, CloseContext, busy, denied, failed, lost, refused


def explain(code: int, reason: str, context: CloseContext) -> LivecliError:
    """The error that a close with `code` and `reason` means. 1006 stands for a connection lost without a close."""
    row = cause_of(code, reason, context)
    found = re.search(row.pattern, reason, re.IGNORECASE)
    values = context.placeholders() | (found.groupdict("") if found else {})
    what = "the connection was lost without a close" if code == 1006 else f"the server closed the session ({code})"
    remedies = [text.format_map(values) for text in (row.remedy, *row.more) if text]
    return row.error(
        f"{what}: {reason}" if reason else what,
        hint=row.remedy and row.remedy.format_map(values),
        advice=Advice(row.cause.format_map(values), filter(None, remedies), row.source),
        retry=row.retry,
        close_code=code,
        close_reason=reason or None,
    )


def cause_of(code: int, reason: str, context: CloseContext) -> CloseCause:
    """The row of the table for this close. The last row matches every close."""
    return next(row for row in TABLE if row.matches(code, reason, context))


WHICH_KEY = "check the key or token: `livecli auth status` says which one is used"
WAIT = "wait, then try again"
BISECT = "`--bisect-setup` finds the field that is to blame"
NOT_FOUND = r"is not found for API version|Publisher Model|not supported for bidiGenerate"

CREDENTIALS = (
    denied(
        pattern=r"User location",
        error=ServerError,
        cause="the Developer API does not serve the country that this connection comes from",
        remedy="the Developer API does not serve this country: use --platform vertex",
        more=("a project with billing may be served where one without is not",),
    ),
    denied(
        pattern=r"api[ _-]?key",
        when=lambda context: context.platform.facts.needs_project,
        cause="{platform} did not accept the API key: it needs a bearer token where a project is named",
        remedy="{platform} takes an API key in express mode only: `livecli auth status` says what is sent",
        more=("a key of AI Studio goes with --platform developer",),
    ),
    denied(
        pattern=r"api[ _-]?key.{0,9}not found|unregistered callers",
        cause="no API key reached the service",
        remedy="no key reached the service: `livecli auth status` says which one would be sent",
        more=("GEMINI_API_KEY or GOOGLE_API_KEY holds a key for the Developer API",),
    ),
    denied(
        pattern=r"api[ _-]?key.{0,9}expired",
        cause="the API key has expired",
        remedy="the key has expired, make a new one: `livecli auth status` says which one is used",
        more=("keys are made at https://aistudio.google.com/apikey",),
    ),
    denied(
        pattern=r"api[ _-]?key",
        cause="the service does not know the API key, or the key may not be used for this API",
        remedy=WHICH_KEY,
    ),
    denied(
        pattern=r"unauthenticated|authentication credential|invalid.{0,9}token|token.{0,9}expired",
        cause="the token was refused: expired, or of another service",
        remedy=WHICH_KEY,
        more=("`gcloud auth application-default login` gives a fresh one",),
    ),
    denied(
        pattern=r"has not been used in project|or it is disabled",
        cause="the API is not enabled in the project that the credential belongs to",
        remedy="the API has to be enabled in the credential's project: the reason names both",
        more=(
            "the Developer API is generativelanguage.googleapis.com, Vertex AI aiplatform.googleapis.com",
            "an API that was just enabled takes some minutes",
        ),
    ),
    denied(
        pattern=r"denied access",
        cause="Google denies this project access, which no setting of the client changes",
        remedy="the project itself is denied access: use a key of another project, or ask Google's support",
    ),
    denied(
        pattern=r"permission",
        when=lambda context: context.platform.facts.needs_project,
        cause="the credential may not use the model in this project",
        remedy="the credential needs the role Vertex AI User, and the API enabled in its project",
    ),
    denied(
        pattern=r"permission",
        cause="the key may not use this model or this API",
        remedy="the key's project needs the Generative Language API enabled: see `livecli auth status`",
    ),
)

LOAD = (
    busy(
        1008,
        1011,
        1013,
        pattern=r"quota|resource.?exhausted|rate limit|too many",
        cause="a quota is used up: requests or tokens a minute, or sessions at a time",
        remedy=WAIT,
        more=("other sessions of the project count: close those that are idle", "the plan's limits are in the console"),
    ),
    busy(1011, 1013, pattern=r"unavailable|overloaded", cause="the service is overloaded or down", remedy=WAIT),
    busy(1013, pattern=r"", error=ServerError, cause="the service asks to come back later", remedy=WAIT),
)

MODELS = (
    refused(
        pattern=r"is not supported in the live api",
        cause="{model} is retired, or was never a model of the Live API",
        remedy="{nearest}{models}",
    ),
    refused(
        pattern=NOT_FOUND,
        when=lambda context: context.is_disputed,
        cause="sources contradict each other on {model} in {location}: {for_location}; but {against_location}",
        remedy="sources contradict each other on {model} in {location}: try --location {elsewhere}",
    ),
    refused(
        pattern=NOT_FOUND,
        when=lambda context: context.is_elsewhere,
        cause="{model} is not known to be served in {location}, but in {served} ({for_location})",
        remedy="{model} is not known to be served in {location}: try --location {elsewhere}",
    ),
    refused(
        pattern=NOT_FOUND,
        when=lambda context: context.other_platform is not None,
        cause="{model} is a model of the other platform",
        remedy="{model} is served with --platform {other}; here {models}",
    ),
    refused(
        pattern=r"Publisher Model",
        when=lambda context: context.is_served,
        cause="{location} does not serve {model}, or the project has no access to it",
        remedy="is {model} served in {location}? try --location us-central1; {models}",
    ),
    refused(
        pattern=NOT_FOUND,
        cause="{model} is retired, misspelt, or no model of the Live API",
        remedy="{nearest}{models}",
    ),
    refused(
        pattern=r"resource field",
        cause="the model is not spelt as this platform spells it",
        remedy="the model must be named as the platform spells it: check --model",
        more=("Developer: models/NAME; Vertex AI: projects/P/locations/L/publishers/google/models/NAME",),
    ),
)

SETUPS = (
    refused(
        pattern=r"combination of response modalities(?: \((?P<asked>[^)]{1,60})\))?",
        cause="{model} does not answer in {asked}",
        remedy="{model} does not answer in {asked}: leave generationConfig.responseModalities out",
        more=("outputAudioTranscription gives the words of an answer in AUDIO, and is on unless --no-transcripts",),
        source=PROBED,
    ),
    refused(
        pattern=r"Requested voice api_name '(?P<voice>[^']{1,60})",
        cause="{model} has no voice {voice}",
        remedy="{model} has no voice {voice}: `livecli help voices` lists them",
        more=("the voices are {voices}",),
        source=PROBED,
    ),
    refused(
        pattern=r"Thinking level must be specified",
        cause="{model} needs a thinkingLevel, and the setup names none",
        remedy='name a level: --setup \'{{"generationConfig": {{"thinkingConfig": {{"thinkingLevel": "LOW"}}}}}}\'',
        source=PROBED,
    ),
    refused(
        pattern=r"thinking.level is not supported",
        cause="{model} takes no thinkingLevel",
        remedy="{model} takes no thinkingLevel: leave generationConfig.thinkingConfig.thinkingLevel out",
        source=PROBED,
    ),
    refused(
        pattern=r"Code Execution tool is not supported",
        cause="{model} does not run code",
        remedy="{model} does not run code: leave codeExecution out of tools",
        source=PROBED,
    ),
    refused(
        pattern=r"response scheduling is not supported",
        cause="{model} decides by itself when it speaks about a function's result",
        remedy="{model} takes no scheduling: leave it out of function responses",
        source=PROBED,
    ),
    refused(
        pattern=r"Unknown name \"(?P<field>proactivity|transparent)\"",
        cause="only v1alpha of the Developer API knows {field}",
        remedy="only v1alpha knows {field}: --api-version v1alpha, or leave it out",
        source=PROBED,
    ),
    refused(
        pattern=r"Unknown name \"(?P<field>[^\"]{1,60})\" at '[^']*parameters",
        cause="the parameters of a function have {field}, which the API's subset of OpenAPI lacks",
        remedy="take {field} out of the parameters of the function: they are no JSON Schema",
        source=PROBED,
    ),
    refused(
        pattern=r"Explicit activity control",
        cause="activity messages were sent under automatic detection",
        remedy="activity messages go with manual detection only: see --activity",
        source=PROBED,
    ),
    refused(
        pattern=r"setup must be the first message",
        cause="a message came before the setup, or a second setup after it",
        remedy="the setup comes first, and once: `--debug` shows the messages",
        source=PROBED,
    ),
    refused(
        pattern=r"Invalid session handle",
        cause="the text is no handle of a session, or one of another model's",
        remedy="the session cannot be resumed, its handle is of no session: begin a new one",
        source=PROBED,
    ),
    refused(
        1007,
        1008,
        pattern=r"session not found",
        cause="the service does not know the session to resume any more: its handle has expired",
        remedy="the session cannot be resumed, its handle has expired: begin a new one",
        source=PROBED,
    ),
    refused(
        pattern=r"extract voices|non-audio",
        cause="{model} answers in speech only, and the setup asks for TEXT",
        remedy="this model answers in AUDIO only: leave generationConfig.responseModalities out",
        more=("outputAudioTranscription gives the words, and is on unless --no-transcripts",),
    ),
    refused(
        pattern=r'Unknown name(?: "(?P<field>[^"]{1,60}))?',
        cause="the service knows no field called {field} where it stands in the setup",
        remedy="the service does not know the field {field}: check --setup",
        more=("another --api-version may know it: v1beta1 on Vertex AI, v1alpha on the Developer API",),
    ),
    refused(
        pattern=r"Invalid value",
        cause="a field of the setup has a value of another type than the service expects",
        remedy="a value in the setup has the wrong type: the reason names it, --setup holds it",
        more=("`--dry-run` shows the setup as it is sent",),
    ),
    refused(
        pattern=r"Precondition",
        cause="activity messages were sent under automatic detection, or audioStreamEnd under manual",
        remedy="activity messages go with manual detection only: see --activity",
    ),
    refused(
        1007,
        pattern=r"invalid.argument",
        when=lambda context: context.active,
        cause="the setup was accepted, and a message after it was not",
        remedy="the service did not accept a message that came after the setup: `--debug` shows the last one",
        more=("is the audio 16-bit PCM in audio/pcm?", "3.x models refuse realtimeInput.mediaChunks"),
    ),
    refused(
        1007,
        pattern=r"invalid.argument",
        when=lambda context: bool(context.suspects),
        cause="{suspects}",
        remedy="{suspect}",
        more=("{other_suspects}", BISECT),
    ),
    refused(
        1007,
        pattern=r"invalid.argument",
        cause="the service does not accept something in the setup, and does not say what",
        remedy="the service does not accept something in the setup: " + BISECT + ", `--dry-run` shows it",
    ),
    refused(
        1008,
        pattern=r"Operation is not implemented",
        cause="the model does not support a part of the request: audio in clientContent not at 16 kHz, or a tool",
        remedy="{model} does not support a part of the request: leave tools out, or try another model; {models}",
        more=("reported as coming and going on 2.5 native audio previews: the same again may pass",),
    ),
    refused(
        1008,
        pattern=r"Requested entity was not found",
        when=lambda context: context.resumes and not context.active,
        cause="the service does not know the session to resume: its handle has expired, or belongs to another session",
        remedy="the session cannot be resumed, its handle is no longer known: begin a new one",
    ),
    refused(
        1008,
        pattern=r"Requested entity was not found",
        cause="a resource that was named does not exist; reported after a toolResponse with an unknown id",
        remedy="a tool's answer must name the id of its call: `--debug` shows both",
    ),
)

BREAKS = (
    lost(
        1011,
        pattern=r"Deadline expired",
        cause="the connection was older than the service allows: about ten minutes, and 58 on gemini-3.8-live",
        remedy="a connection lasts about ten minutes: try again, in shorter pieces",
    ),
    lost(
        1008,
        pattern=r"after receiving a GoAway",
        cause="the connection stayed open after a goAway, until it was older than the service allows",
        remedy="a connection lasts about ten minutes: try again, in shorter pieces",
        source=PROBED,
    ),
    lost(
        1008,
        pattern=r"The operation was aborted",
        cause="nothing was said for a minute and a half or longer; also seen after audio during a function call",
        remedy="the session was idle: try again",
    ),
    failed(
        1011,
        pattern=r"Internal error",
        when=lambda context: context.resumes,
        cause="the service failed; seen where a session is resumed while its old connection is still open",
        remedy="try again once the old connection is closed: one session has one connection",
    ),
    failed(1011, pattern=r"Internal error", cause="the service failed", remedy="try again: the service failed"),
    lost(
        1000,
        pattern=r"",
        when=lambda context: context.is_young,
        cause="the service ended the session: its context is full, or it has a reason of its own",
        remedy="the server ended the session by itself: ask again",
        more=("contextWindowCompression in --setup lets a session go on when its context is full",),
        source=GUESSED,
    ),
    lost(
        1000,
        pattern=r"",
        cause="the service ended the session: its context is full, or the connection has reached its age limit",
        remedy="the session had reached its age limit: ask again, in shorter pieces",
        more=("contextWindowCompression in --setup lets a session go on when its context is full",),
        source=DOCUMENTED,
    ),
    lost(
        1006,
        1005,
        pattern=r"",
        cause="the connection broke without a close: the network, a proxy on the way, or a full context",
        remedy="try again",
        source=DOCUMENTED,
    ),
    lost(1001, 1012, pattern=r"", cause="the server shuts down or restarts", remedy="try again", source=GUESSED),
)

ANY_REASON = (
    refused(
        1007,
        pattern=r"",
        cause="the service does not accept something that was sent",
        remedy="the service does not accept something in the setup: `--dry-run` shows it",
        more=(BISECT,),
        source=GUESSED,
    ),
    failed(1011, pattern=r"", cause="the service failed", remedy="try again: the service failed", source=GUESSED),
    refused(pattern=r"", cause="the service ended the session", remedy=None, source=GUESSED),
)
"""Rows for a reason that is not known: their causes are those of the code alone."""

TABLE: tuple[CloseCause, ...] = CREDENTIALS + LOAD + MODELS + SETUPS + BREAKS + ANY_REASON
