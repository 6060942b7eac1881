"""Messages for failed token requests, without secrets.

A token endpoint may echo the request, so only the short description of its answer is shown, and any text in it that is
long enough for a secret is elided. Neither google.auth nor requests is imported.
"""

from __future__ import annotations

import json
import re
from typing import Any

from ..errors import ConnectError

_MAX_CHARACTERS = 160
"""Length of a description."""
_SECRET = r"[A-Za-z0-9_/+=-]{32,}"
"""A long run without a dot, as secrets are. Addresses and descriptions contain no such run."""
_FAILURES = {
    "SSLError": ("its TLS certificate was not accepted", "SSL_CERT_FILE names the certificates to trust"),
    "ProxyError": ("the proxy did not let it through", "check HTTPS_PROXY and NO_PROXY"),
    "ConnectTimeout": ("it did not answer in time", "check the network, HTTPS_PROXY and NO_PROXY"),
    "ReadTimeout": ("it did not answer in time", "try again later"),
}


def error_description(error: BaseException) -> str:
    """The short description in an exception of google-auth, on one line and without secrets."""
    message = _google_message(error.args[1]) if len(error.args) > 1 else None
    text = message or (str(error.args[0]) if error.args else "")
    line = " ".join("".join(each if each.isprintable() else " " for each in text).split())
    # A text that begins like JSON or HTML is the whole body of an answer.
    if not line or line[0] in "{[<":
        return "no reason given"
    return re.sub(_SECRET, "…", line.removesuffix(": None"))[:_MAX_CHARACTERS]


def connection_error(host: str, error: Exception) -> ConnectError:
    """The error for a request without an answer, with a hint by its cause."""
    reason, hint = _FAILURES.get(type(error).__name__, ("no connection", "check the network, HTTPS_PROXY and NO_PROXY"))
    return ConnectError(f"no token from {host}: {reason}", hint=hint)


def _google_message(body: Any) -> str | None:
    """The message in Google's usual format `{"error": {"message": …}}`; None in any other."""
    try:
        parsed = json.loads(body) if isinstance(body, str) else body
        return str(parsed["error"]["message"])
    except (ValueError, TypeError, KeyError):
        return None
