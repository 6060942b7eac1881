"""The meaning of a close for its receiver, with reasons that users of the service have reported."""

import pytest

from livecli.errors import AuthError, QuotaError, ServerError
from livecli.protocol.close_cause import CloseContext
from livecli.protocol.close_table import explain
from livecli.protocol.models import MODELS, Platform, current_models, takes_realtime_text
from tests.cases import in_one_test

VERTEX = CloseContext(Platform.VERTEX, "gemini-3.8-live", "us-central1")
DEVELOPER = CloseContext(Platform.DEVELOPER, "gemini-3.8-live")

CASES = [
    (1000, "", ServerError, "shorter pieces"),
    (1006, "", ServerError, "try again"),
    (1007, "Request contains an invalid argument.", ServerError, "--dry-run"),
    (1007, "API Key not found. Please pass a valid API key.", AuthError, "auth status"),
    (1007, "API key not valid. Please pass a valid API key.", AuthError, "auth status"),
    (1007, "API key expired. Please renew the API key.", AuthError, "auth status"),
    (1007, "User location is not supported for the API use without a billing account", ServerError, "vertex"),
    (1007, "gemini-old is not supported in the live api.", ServerError, "gemini-3.8-live"),
    (1007, "Cannot extract voices from a non-audio request.", ServerError, "AUDIO"),
    (1007, "Precondition check failed.", ServerError, "activity"),
    (1007, "Invalid resource field value in the request.", ServerError, "--model"),
    (1007, "Invalid JSON payload received. Unknown name \"x\" at 'setup': Cannot find field.", ServerError, "--setup"),
    (
        1008,
        "models/m is not found for API version v1beta, or is not supported for bidi",
        ServerError,
        "gemini-3.8-live",
    ),
    (
        1008,
        "Publisher Model `projects/p/locations/l/publishers/google/models/m` was not",
        ServerError,
        "gemini-3.8-live",
    ),
    (1008, "Operation is not implemented, or supported, or enabled.", ServerError, "tools"),
    (1008, "Requested entity was not found.", ServerError, "id of its call"),
    (1008, "Generative Language API has not been used in project 1 before or it is disabled.", AuthError, "enabled"),
    (1008, "Your project has been denied access. Please contact support.", AuthError, "another project"),
    (1011, "Internal error encountered.", ServerError, "try again"),
    (1011, "The service is currently unavailable.", QuotaError, "wait"),
    (1011, "Deadline expired before operation could complete.", ServerError, "try again"),
    (1011, "You exceeded your current quota, please check your plan and billing details.", QuotaError, "wait"),
    (1011, "RESOURCE_EXHAUSTED", QuotaError, "wait"),
    (1013, "try again later: overloaded", QuotaError, "wait"),
]


@in_one_test(("code", "reason", "error", "hint"), CASES)
def test_each_reported_reason_has_its_error_and_remedy(code, reason, error, hint):
    explained = explain(code, reason, VERTEX)
    assert type(explained) is error
    assert explained.close_code == code
    assert explained.close_reason == (reason or None)
    assert hint is None or hint in explained.hint
    assert reason in explained.message


def test_an_unknown_model_names_those_of_the_platform():
    reason = "models/m is not found for API version v1beta"
    assert "extended-thinking" in explain(1008, reason, DEVELOPER).hint
    assert "extended-thinking" not in explain(1008, reason, VERTEX).hint


def test_location_global_suggests_one_that_serves():
    lost = CloseContext(Platform.VERTEX, "gemini-3.8-live", "global")
    assert "us-central1" in explain(1008, "Publisher Model `x` was not found", lost).hint


def test_models_are_retired_or_current():
    for platform in Platform:
        assert current_models(platform)[0] == "gemini-3.8-live"
        assert not any(MODELS[name].retired for name in current_models(platform))


@pytest.mark.parametrize(
    ("model", "realtime"),
    [
        ("gemini-3.8-live", True),
        ("gemini-live-2.5-flash-native-audio", False),
        ("gemini-4-live", True),
        ("gemini-2.9-x", False),
    ],
)
def test_typed_text_goes_in_the_form_that_the_model_takes(model, realtime):
    assert takes_realtime_text(model) is realtime
