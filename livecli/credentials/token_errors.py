"""Why a token was not given, in a few words that are safe to print.

A token endpoint may echo what it was sent, so that nothing of its answer is shown except a short description, without
anything in it that is long enough to be a secret. Neither google.auth nor requests is imported for that.
"""

from __future__ import annotations

import json
import re
from typing import Any

from ..errors import ConnectError

_LONGEST = 160
# Secrets are long runs without a dot; addresses and descriptions are not.
_SECRET = r"[A-Za-z0-9_/+=-]{32,}"
_FAILURES = {
    "SSLError": ("its TLS certificate was not accepted", "SSL_CERT_FILE names the certificates to trust"),
    "ProxyError": ("the proxy did not let it through", "check HTTPS_PROXY and NO_PROXY"),
    "ConnectTimeout": ("it did not answer in time", "check the network, HTTPS_PROXY and NO_PROXY"),
    "ReadTimeout": ("it did not answer in time", "try again later"),
}


def reason_in(error: BaseException) -> str:
    """The short description that google-auth's exception carries, one line and without secrets."""
    body = _described(error.args[1]) if len(error.args) > 1 else None
    text = body or (str(error.args[0]) if error.args else "")
    line = " ".join("".join(each if each.isprintable() else " " for each in text).split())
    if not line or line[0] in "{[<":  # a body, not a description
        return "no reason given"
    return re.sub(_SECRET, "…", line.removesuffix(": None"))[:_LONGEST]


def unreachable(host: str, error: Exception) -> ConnectError:
    """A request that got no answer, as what the user can do about it."""
    cause = error.args[0] if error.args else error
    what, hint = _FAILURES.get(type(cause).__name__, ("no connection", "check the network, HTTPS_PROXY and NO_PROXY"))
    return ConnectError(f"no token from {host}: {what}", hint=hint)


def _described(body: Any) -> str | None:
    """The message inside Google's usual `{"error": {"message": …}}`."""
    try:
        parsed = json.loads(body) if isinstance(body, str) else body
        return str(parsed["error"]["message"])
    except (ValueError, TypeError, KeyError):
        return None
