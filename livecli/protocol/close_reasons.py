"""Close reasons: the texts with which the service closes a session, as users and SDK tests report them.

The service documents none. The emulator closes with these texts; `close_table` explains them.
"""

from __future__ import annotations

INVALID_ARGUMENT = "Request contains an invalid argument."
PRECONDITION_FAILED = "Precondition check failed."
NOT_NATIVE_AUDIO = "Cannot extract voices from a non-audio request."
INVALID_RESOURCE = "Invalid resource field value in the request."
MODEL_RETIRED = "{model} is not supported in the live api."
KEY_MISSING = (
    # Probed in 2026-09 on the Developer API, with code 1008.
    "Method doesn't allow unregistered callers (callers without established identity). Please use API Key or other "
    "form of API consumer identity to call this API."
)
KEY_INVALID = "API key not valid. Please pass a valid API key."
UNKNOWN_FIELD = 'Invalid JSON payload received. Unknown name "{name}"{at}: Cannot find field.'
INVALID_VALUE = "Invalid value{at} ({type})"
ENTITY_NOT_FOUND = "Requested entity was not found."
DEADLINE_EXPIRED = "Deadline expired before operation could complete."
OPERATION_ABORTED = "The operation was aborted."
INTERNAL_ERROR = "Internal error encountered."

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
