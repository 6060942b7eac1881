"""Answers instead of codes: what a close means, one row for each reason that is known, and what may help.

The service documents no reason and cuts each at 123 bytes, so a pattern matches the beginning. The first row that fits
counts: specific ones stand before those that take any reason. `{words}` are Situation.facts, or the pattern's own.
"""

from __future__ import annotations

import re

from ..errors import Advice, LivecliError, ServerError
from .close_cause import DOCUMENTED, GUESSED, CloseCause, CloseContext, busy, denied, failed, lost, refused
from .platform import Platform


# From a close to the error it means: the first answer of the table that fits, with what is known filled in. Pure.
def explain(code: int, reason: str, situation: CloseContext) -> LivecliError:
    """The error that a close with `code` and `reason` means before the run's end."""
    answer = cause_of(code, reason, situation)
    found = re.search(answer.pattern, reason, re.IGNORECASE)
    facts = situation.facts() | (found.groupdict("") if found else {})
    what = "the connection was lost without a close" if code == 1006 else f"the server closed the session ({code})"
    remedies = [text.format_map(facts) for text in (answer.remedy, *answer.more) if text]
    return answer.error(
        f"{what}: {reason}" if reason else what,
        hint=answer.remedy and answer.remedy.format_map(facts),
        advice=Advice(answer.cause.format_map(facts), filter(None, remedies), answer.source),
        retry=answer.retry,
        close_code=code,
        close_reason=reason or None,
    )


def cause_of(code: int, reason: str, situation: CloseContext) -> CloseCause:
    """The row of the table for this close; there is one for every close."""
    return next(answer for answer in TABLE if answer.fits(code, reason, situation))


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
        platform=Platform.VERTEX,
        cause="Vertex AI did not take the API key: it wants a bearer token where a project is named",
        remedy="Vertex AI takes an API key in express mode only: `livecli auth status` says what is sent",
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
            "what was enabled just now takes some minutes",
        ),
    ),
    denied(
        pattern=r"denied access",
        cause="Google has shut this project out, which no setting of the client changes",
        remedy="the project itself is shut out: use a key of another project, or ask Google's support",
    ),
    denied(
        pattern=r"permission",
        platform=Platform.VERTEX,
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
        when=lambda known: known.in_global,
        cause="location global serves no Live model that is known",
        remedy="location global serves no Live model that is known: try --location us-central1; {models}",
    ),
    refused(
        pattern=NOT_FOUND,
        when=lambda known: known.is_served_elsewhere,
        cause="{model} is a model of the other platform",
        remedy="{model} is served with --platform {other}; here {models}",
    ),
    refused(
        pattern=r"Publisher Model",
        when=lambda known: known.is_served,
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
        when=lambda known: known.active,
        cause="the setup was accepted, and a message after it was not",
        remedy="the service did not accept a message that came after the setup: `--debug` shows the last one",
        more=("is the audio 16-bit PCM in audio/pcm?", "3.x models refuse realtimeInput.mediaChunks"),
    ),
    refused(
        1007,
        pattern=r"invalid.argument",
        when=lambda known: bool(known.suspects),
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
        cause="the model does not do something that was asked of it; seen most with tools and models in preview",
        remedy="{model} does not do something asked of it: leave tools out, or try another model; {models}",
        more=("reported as coming and going on 2.5 native audio previews: the same again may pass",),
    ),
    refused(
        1008,
        pattern=r"Requested entity was not found",
        when=lambda known: known.resumes and not known.active,
        cause="the service does not know the session that was to be resumed: its handle has expired, or was another's",
        remedy="the session cannot be resumed, its handle is not known any more: begin a new one",
    ),
    refused(
        1008,
        pattern=r"Requested entity was not found",
        cause="something that was named does not exist; reported after a toolResponse with an id that is not known",
        remedy="a tool's answer must name the id of its call: `--debug` shows both",
    ),
)

BREAKS = (
    lost(
        1011,
        pattern=r"Deadline expired",
        cause="the connection was older than the service allows (about ten minutes): goAway comes before it",
        remedy="a connection lasts about ten minutes: try again, in shorter pieces",
    ),
    failed(
        1011,
        pattern=r"Internal error",
        when=lambda known: known.resumes,
        cause="the service failed; seen where a session is resumed while its old connection is still open",
        remedy="try again once the old connection is closed: one session has one connection",
    ),
    failed(1011, pattern=r"Internal error", cause="the service failed", remedy="try again: the service failed"),
    lost(
        1000,
        pattern=r"",
        cause="the service ended the session by itself: its context is full, or the connection as old as it may be",
        remedy="the session had run as long as it may: ask again, in shorter pieces",
        more=("contextWindowCompression in --setup lets a session go on when its context is full",),
        source=DOCUMENTED,
    ),
    lost(
        1006,
        1005,
        pattern=r"",
        cause="the connection broke without a word: the network, a proxy on the way, or a full context",
        remedy="try again",
        source=DOCUMENTED,
    ),
    lost(1001, 1012, pattern=r"", cause="the server goes away or restarts", remedy="try again", source=GUESSED),
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
"""What remains: these tell no more than the code does."""

TABLE: tuple[CloseCause, ...] = CREDENTIALS + LOAD + MODELS + SETUPS + BREAKS + ANY_REASON
