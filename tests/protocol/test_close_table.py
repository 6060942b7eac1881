"""Every reason that users have reported (protocol.md 5.3) has an answer of its own, cut at 123 bytes or whole."""

import re
from dataclasses import replace

import pytest

from livecli.errors import AuthError, QuotaError, ServerError
from livecli.protocol import events, messages
from livecli.protocol.close_cause import CloseContext
from livecli.protocol.close_reasons import CLOSE_REASON_BYTES
from livecli.protocol.close_table import ANY_REASON, TABLE, cause_of, explain
from livecli.protocol.models import Platform
from tests.cases import in_one_test

VERTEX, DEVELOPER = Platform.VERTEX, Platform.DEVELOPER
BOTH = (VERTEX, DEVELOPER)
PUBLISHED = "projects/my-project/locations/europe-west4/publishers/google/models/"

SCHEMA = (
    'Invalid JSON payload received. Unknown name "additionalProperties" at '
    "'setup.tools[0].function_declarations[0].parameters': Cannot find field."
)

# code, reason, platforms, exit status, retry
REASONS = [
    (1000, "", BOTH, 6, "resume"),
    (1006, "", BOTH, 6, "resume"),
    (1007, "Request contains an invalid argument.", BOTH, 6, "never"),
    (1007, "API Key not found. Please pass a valid API key.", BOTH, 4, "never"),
    (1007, "API key not valid. Please pass a valid API key.", BOTH, 4, "never"),
    (1007, "API key expired. Please renew the API key.", BOTH, 4, "never"),
    (1007, "User location is not supported for the API use without a billing account linked.", BOTH, 6, "never"),
    (1007, "gemini-live-2.5-flash-preview-native-audio-09-2025 is not supported in the live api.", BOTH, 6, "never"),
    (1007, "Cannot extract voices from a non-audio request.", BOTH, 6, "never"),
    (1007, "Precondition check failed.", BOTH, 6, "never"),
    (1007, "Invalid resource field value in the request.", BOTH, 6, "never"),
    (
        1007,
        "Request trace id: 2f1c9d, [ORIGINAL ERROR] generic::invalid_argument: Invalid value for the argument of it",
        BOTH,
        6,
        "never",
    ),
    (1007, "Invalid JSON payload received. Unknown name \"x\" at 'setup': Cannot find field.", BOTH, 6, "never"),
    (
        1008,
        "models/gemini-2.0-flash-live-001 is not found for API version v1beta, or is not supported for "
        "bidiGenerateContent. Call ListModels to see the list of available models and their supported methods.",
        BOTH,
        6,
        "never",
    ),
    (
        1008,
        f"Publisher Model `{PUBLISHED}gemini-live-2.5-flash-native-audio` was not found or your project does not have "
        "access to it. Please ensure you are using a valid model version.",
        BOTH,
        6,
        "never",
    ),
    (
        1007,
        "The requested combination of response modalities (TEXT) is not supported by the model. m",
        BOTH,
        6,
        "never",
    ),
    (1007, "Requested voice api_name 'alloy' is not available for model models/gemini-3.8-live", BOTH, 6, "never"),
    (1007, "Thinking level must be specified for this model", BOTH, 6, "never"),
    (1007, "Thinking level is not supported for this model.", BOTH, 6, "never"),
    (1007, "thinking_level is not supported by this model", BOTH, 6, "never"),
    (1007, "Code Execution tool is not supported for this model", BOTH, 6, "never"),
    (1007, "Function response scheduling is not supported for this model.", BOTH, 6, "never"),
    (
        1007,
        "Invalid JSON payload received. Unknown name \"proactivity\" at 'setup': Cannot find field.",
        BOTH,
        6,
        "never",
    ),
    (1007, SCHEMA, BOTH, 6, "never"),
    (
        1007,
        "Explicit activity control is not supported when automatic activity detection is enabled.",
        BOTH,
        6,
        "never",
    ),
    (1007, "setup must be the first message and only the first", BOTH, 6, "never"),
    (1007, "Invalid session handle", BOTH, 6, "never"),
    (1008, "BidiGenerateContent session not found", BOTH, 6, "never"),
    (
        1008,
        "Method doesn't allow unregistered callers (callers without established identity). Please",
        BOTH,
        4,
        "never",
    ),
    (
        1008,
        "Connection aborted because the client failed to close the connection after receiving a GoAway signal once the "
        "session duration limit was reached.",
        BOTH,
        6,
        "resume",
    ),
    (1008, "The operation was aborted.", BOTH, 6, "resume"),
    (1008, "Operation is not implemented, or supported, or enabled.", BOTH, 6, "never"),
    (1008, "Requested entity was not found.", BOTH, 6, "never"),
    (1008, "The operation was aborted.", BOTH, 6, "resume"),
    (
        1008,
        "Generative Language API has not been used in project 123456789012 before or it is disabled. Enable it by "
        "visiting https://console.developers.google.com/apis/api/generativelanguage.googleapis.com/ then retry.",
        BOTH,
        4,
        "never",
    ),
    (1008, "Your project has been denied access. Please contact support.", BOTH, 4, "never"),
    (1011, "Internal error encountered.", BOTH, 6, "later"),
    (1011, "Internal error occurred.", BOTH, 6, "later"),
    (1011, "The service is currently unavailable.", BOTH, 8, "later"),
    (1011, "Deadline expired before operation could complete.", BOTH, 6, "resume"),
    (1011, "You exceeded your current quota, please check your plan and billing details.", BOTH, 8, "later"),
    (1011, "RESOURCE_EXHAUSTED", BOTH, 8, "later"),
]
CASES = [(code, reason, place, status, retry) for code, reason, places, status, retry in REASONS for place in places]


def situation(platform, model="gemini-3.8-live", location="us-central1", active=False, **setup):
    said = events.Setup(messages.Setup(model=model), setup)
    return CloseContext(platform, model, location if platform is VERTEX else None, said, active)


@in_one_test(("code", "reason", "platform", "status", "retry"), CASES)
def test_each_reason_has_a_row_of_its_own(code, reason, platform, status, retry):
    known = situation(platform)
    answer = cause_of(code, reason, known)
    assert answer not in ANY_REASON
    error = explain(code, reason, known)
    assert error.exit_status == status
    assert error.retry == retry
    assert error.advice.cause
    assert error.advice.remedies[0] == error.hint
    assert error.advice.source
    assert not [text for text in (error.advice.cause, *error.advice.remedies) if re.search(r"\{\w*\}", text)]


@in_one_test(("code", "reason", "platform", "status", "retry"), CASES)
def test_a_reason_that_was_cut_has_the_same_row(code, reason, platform, status, retry):
    known = situation(platform)
    cut = reason.encode()[:CLOSE_REASON_BYTES].decode(errors="ignore")
    assert cause_of(code, cut, known) is cause_of(code, reason, known)


@pytest.mark.parametrize(
    ("seconds", "handle", "hint"),
    [
        (3.0, None, "the server ended the session by itself: ask again"),
        (900.0, None, "the session had reached its age limit: ask again, in shorter pieces"),
        (3.0, "h", "the session had reached its age limit: ask again, in shorter pieces"),
        (None, None, "the session had reached its age limit: ask again, in shorter pieces"),
    ],
)
def test_a_young_session_has_not_reached_its_age_limit(seconds, handle, hint):
    """A session that was resumed may be older than its connection."""
    setup = {"sessionResumption": {"handle": handle}} if handle else {}
    assert explain(1000, "", replace(situation(DEVELOPER, **setup), seconds=seconds)).hint == hint


@in_one_test("code", [1001, 1002, 1005, 1009, 1012, 1013, 3000, 4999])
@in_one_test("reason", ["", "{models} {", "\x1b[2J"])
def test_any_other_close_is_answered_too(code, reason):
    assert type(explain(code, reason, situation(VERTEX))) is ServerError


@in_one_test("answer", TABLE)
def test_every_row_can_be_told(answer):
    assert issubclass(answer.error, (ServerError, AuthError, QuotaError))
    facts = situation(VERTEX).placeholders() | dict.fromkeys(re.compile(answer.pattern).groupindex, "x")
    for text in (answer.cause, answer.remedy or "", *answer.more):
        text.format_map(facts)


INVALID = "Request contains an invalid argument."
LEVEL = {"generationConfig": {"thinkingConfig": {"thinkingLevel": "LOW"}}}
VOICE = {"generationConfig": {"speechConfig": {"voiceConfig": {"prebuiltVoiceConfig": {"voiceName": "kore"}}}}}


@in_one_test(
    ("platform", "model", "setup", "named"),
    [
        (VERTEX, "gemini-3.8-live", LEVEL, "thinkingConfig.thinkingLevel out"),
        (VERTEX, "gemini-3.8-live", {"generation_config": {"thinking_config": {"thinking_level": "low"}}}, "Level out"),
        (DEVELOPER, "gemini-3.8-live-extended-thinking", {}, "set generationConfig.thinkingConfig.thinkingLevel"),
        (DEVELOPER, "gemini-3.8-live-extended-thinking", {
            "generationConfig": {"thinkingConfig": {"thinkingLevel": "MINIMAL"}}
        }, "thinkingLevel"),
        (VERTEX, "gemini-3.8-live", VOICE, "voiceName"),
        (VERTEX, "gemini-3.8-live", {"generationConfig": {"enableAffectiveDialog": True}}, "enableAffectiveDialog"),
        (DEVELOPER, "gemini-3.8-live", {"proactivity": {"proactiveAudio": False}}, "proactivity"),
        (VERTEX, "gemini-3.8-live", {
            "realtimeInputConfig": {"turnCoverage": "TURN_INCLUDES_AUDIO_ACTIVITY_AND_ALL_VIDEO"}
        }, "turnCoverage"),
        (VERTEX, "gemini-3.8-live", {"tools": [{"codeExecution": {}}]}, "tools"),
        (DEVELOPER, "gemini-3.1-flash-live-preview", {
            "tools": [{"functionDeclarations": [{"name": "f", "behavior": "NON_BLOCKING"}]}]
        }, "behavior"),
        (VERTEX, "gemini-3.8-live", {"generationConfig": {"speechConfig": {"languageCode": "xx"}}}, "languageCode"),
        (VERTEX, "gemini-3.8-live", {"sessionResumption": {"handle": "h"}}, "sessionResumption.handle"),
        (DEVELOPER, "gemini-3.8-live", {"avatarConfig": {}}, "avatarConfig"),
        (DEVELOPER, "gemini-3.8-live", {"explicitVadSignal": True}, "explicitVadSignal"),
        (VERTEX, "gemini-3.8-live", {"generationConfig": {"responseModalities": ["AUDIO", "TEXT"]}}, "Modalities"),
        (VERTEX, "gemini-3.8-live", {"generationConfig": {"temprature": 1}}, "generationConfig"),
        (VERTEX, "gemini-3.8-live", {"bogus": 1}, "bogus"),
        (VERTEX, "gemini-3.8-live", {}, "--bisect-setup"),
        (VERTEX, "gemini-of-next-year", LEVEL, "--bisect-setup"),
    ],
)  # fmt: skip
def test_an_unspecific_refusal_names_what_the_model_is_known_to_refuse(platform, model, setup, named):
    assert named in explain(1007, INVALID, situation(platform, model, **setup)).hint


def test_what_is_certain_is_named_before_what_is_suspected():
    both = {"generationConfig": {"speechConfig": {"languageCode": "de"}, "thinkingConfig": {"thinkingLevel": "LOW"}}}
    error = explain(1007, INVALID, situation(VERTEX, **both))
    assert "thinkingLevel" in error.hint
    assert "languageCode" in error.advice.remedies[1]


def test_a_refusal_after_the_setup_is_not_blamed_on_it():
    assert "after the setup" in explain(1007, INVALID, situation(VERTEX, active=True, **LEVEL)).hint


@in_one_test(
    ("known", "reason", "named"),
    [
        (situation(VERTEX, location="global"), "Publisher Model `x`", "--location us-central1"),
        (
            situation(VERTEX, location="us-east5"),
            "Publisher Model `x`",
            "served in us-east5: try --location us-central1",
        ),
        (situation(VERTEX, location="us-central1"), "Publisher Model `x`", "served in us-central1"),
        (situation(VERTEX, "gemini-live-2.5-flash", "global"), "Publisher Model `x`", "try --location us-central1"),
        (situation(VERTEX, "gemini-live-2.5-flash"), "Publisher Model `x`", "served in us-central1"),
        (situation(VERTEX, "gemini-3.5-transcribe-live-preview"), "Publisher Model `x`", "try --location global"),
        (situation(VERTEX, "gemini-3.1-flash-live-preview"), "Publisher Model `x`", "--platform developer"),
        (situation(DEVELOPER, "gemini-live-2.5-flash"), "models/x is not found for API version", "--platform vertex"),
        (situation(VERTEX, "gemini-3.8-lvie"), "Publisher Model `x`", "did you mean gemini-3.8-live?"),
        (situation(VERTEX), "API key not valid.", "express mode"),
        (situation(DEVELOPER), "The caller does not have permission", "Generative Language API"),
        (situation(VERTEX), "The caller does not have permission", "Vertex AI User"),
    ],
)
def test_where_the_session_was_decides_between_answers(known, reason, named):
    assert named in explain(1008, reason, known).hint


def test_a_session_that_was_to_be_resumed_is_answered_as_such():
    known = situation(VERTEX, sessionResumption={"handle": "h"})
    assert "resumed" in explain(1008, "Requested entity was not found.", known).hint
    assert "old connection" in explain(1011, "Internal error encountered.", known).hint


def test_a_field_that_the_service_does_not_know_is_named():
    cut = f'Invalid JSON payload received. Unknown name "{"x" * 200}'[:CLOSE_REASON_BYTES]
    assert "field xxx" in explain(1007, cut, situation(VERTEX)).hint


SPECIFIC = [
    (
        "The requested combination of response modalities (TEXT) is not supported by the model. models/m",
        "in TEXT: leave",
    ),
    ("Requested voice api_name 'alloy' is not available for model models/m", "no voice alloy"),
    ("Thinking level must be specified for this model", '"thinkingLevel": "LOW"'),
    ("Thinking level is not supported for this model.", "thinkingLevel out"),
    ("thinking_level is not supported by this model", "thinkingLevel out"),
    ("Code Execution tool is not supported for this model", "codeExecution out"),
    ("Function response scheduling is not supported for this model.", "leave it out of function responses"),
    ("Invalid JSON payload received. Unknown name \"proactivity\" at 'setup': Cannot find field.", "v1alpha"),
    (SCHEMA, "take additionalProperties out of the parameters"),
    (SCHEMA[:CLOSE_REASON_BYTES], "take additionalProperties out of the parameters"),
    ("Explicit activity control is not supported when automatic activity detection is enabled.", "--activity"),
    ("setup must be the first message and only the first", "first, and once"),
    ("Invalid session handle", "begin a new one"),
    ("BidiGenerateContent session not found", "begin a new one"),
]


@in_one_test(("reason", "remedy"), SPECIFIC)
def test_an_exact_text_is_named_and_not_searched_for(reason, remedy):
    error = explain(1007, reason, situation(DEVELOPER))
    assert remedy in error.hint
    assert not [text for text in error.advice.remedies if "--bisect-setup" in text]


def test_both_sources_on_a_disputed_location_are_named():
    error = explain(1008, "Publisher Model `x`", situation(VERTEX, "gemini-live-2.5-flash", "global"))
    assert "pydantic-ai" in error.advice.cause
    assert "Firebase" in error.advice.cause


def test_the_version_of_the_api_decides_what_is_suspected():
    said = events.Setup(messages.Setup(model="gemini-3.8-live"), {"proactivity": {"proactiveAudio": True}})
    hints = [
        explain(1007, INVALID, CloseContext(DEVELOPER, "gemini-3.8-live", None, said, version=version)).hint
        for version in ("v1alpha", "v1beta", None)
    ]
    assert ["proactivity" in hint for hint in hints] == [False, True, True]
