"""Close reasons: the texts with which the service closes a session.

The service documents none. Each was recorded or probed in 2026, unless a comment says otherwise; a text that is longer
than a close frame is known as far as it was received. The emulator closes with these texts; `close_table` explains
them.
"""

from __future__ import annotations

INVALID_ARGUMENT = "Request contains an invalid argument."
PRECONDITION_FAILED = "Precondition check failed."
# Vertex AI sends this for a model whose name is not a full resource name (reported).
INVALID_RESOURCE = "Invalid resource field value in the request."
MODEL_RETIRED = "{model} is not supported in the live api."
KEY_MISSING = (
    # This was probed in 2026-09 on the Developer API, with code 1008.
    "Method doesn't allow unregistered callers (callers without established identity). Please use API Key or other "
    "form of API consumer identity to call this API."
)
KEY_INVALID = "API key not valid. Please pass a valid API key."
UNKNOWN_FIELD = 'Invalid JSON payload received. Unknown name "{name}"{at}: Cannot find field.'
INVALID_VALUE = "Invalid value{at} ({type})"
SETUP_FIRST = "setup must be the first message and only the first"
EXPLICIT_ACTIVITY = "Explicit activity control is not supported when automatic activity detection is enabled."

# The text was probed up to the name of the model; the rest is that of the same refusal by generateContent (reported).
MODALITIES_UNSUPPORTED = (
    "The requested combination of response modalities ({modalities}) is not supported by the model. {resource} "
    "accepts the following combination of response modalities:"
)
VOICE_UNKNOWN = "Requested voice api_name '{voice}' is not available for model {resource}"
LEVEL_UNSUPPORTED = "Thinking level is not supported for this model."
# gemini-live-2.5-flash on Vertex AI sends this.
THINKING_LEVEL_UNSUPPORTED = "thinking_level is not supported by this model"
LEVEL_MISSING = "Thinking level must be specified for this model"
CODE_UNSUPPORTED = "Code Execution tool is not supported for this model"
SCHEDULING_UNSUPPORTED = "Function response scheduling is not supported for this model."
OPERATION_UNSUPPORTED = "Operation is not implemented, or supported, or enabled."

HANDLE_INVALID = "Invalid session handle"
SESSION_NOT_FOUND = "BidiGenerateContent session not found"

# This closes a connection that its client kept open after a goAway.
GO_AWAY_IGNORED = (
    "Connection aborted because the client failed to close the connection after receiving a GoAway signal "
    "once the session duration limit was reached."
)
# This closes a connection that had no goAway (reported).
DEADLINE_EXPIRED = "Deadline expired before operation could complete."
OPERATION_ABORTED = "The operation was aborted."
INTERNAL_ERROR = "Internal error encountered."

NORMAL_CLOSE = 1000
"""The close code of an end that is no failure."""

CLOSE_REASON_BYTES = 123
"""The longest reason that a close frame can hold."""

SENDABLE_CLOSE_CODES = frozenset({*range(1000, 1004), *range(1007, 1015), *range(3000, 5000)})
"""Close codes that may be sent; the others stand for closes that never were (RFC 6455, 7.4)."""


class Refusal(Exception):
    """The server closes the session with `code` and `reason`, which is cut to CLOSE_REASON_BYTES."""

    def __init__(self, code: int, reason: str) -> None:
        super().__init__(f"{code} {reason}")
        self.code = code
        self.reason = reason.encode()[:CLOSE_REASON_BYTES].decode(errors="ignore")
