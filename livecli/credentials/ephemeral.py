"""Ephemeral tokens of the Developer API: an API key is exchanged over HTTP for a token that opens a few sessions.

The request is that of the official SDKs: POST /v1alpha/auth_tokens, with the key in a header and not in the URL.
"""

from __future__ import annotations

import http.client
import json
import re
import ssl
import urllib.error
import urllib.request
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

from ..errors import AuthError, ConnectError, DeadlineError, LivecliError
from ..process.http_proxy import HINT, proxy_for
from ..protocol import http_errors
from ..protocol.endpoint import Environment, Target, base_url, base_url_source, checked, is_loopback
from ..protocol.platform import KEY_PLATFORM
from . import stored_key
from .credential import EPHEMERAL_PREFIX, SETUP_HINT, Credential, CredentialKind, api_key
from .destination import check_home, destination_warning

VERSION = "v1alpha"
"""The only version of the API that is known to make ephemeral tokens."""
LONGEST_ANSWER_BYTES = 1 << 16
STATUSES: dict[int, tuple[type[LivecliError], str]] = http_errors.STATUSES | {
    400: (AuthError, "is the key right, and the end of the token less than 20 hours away?"),
    401: (AuthError, "the key was refused: `livecli auth status` says which one is used"),
    403: (AuthError, "the key was refused: is the Gemini API enabled in its project?"),
}


@dataclass(frozen=True)
class Terms:
    """Limits of a token: it opens `uses` sessions, none of them after `opens_for`, and expires after `lasts_for`.

    Without `opens_for` the service allows a minute. With a `model` the token opens sessions with that model only.
    """

    uses: int = 1
    lasts_for: timedelta = timedelta(minutes=30)
    opens_for: timedelta | None = None
    model: str | None = None

    def as_json(self, now: datetime) -> dict[str, Any]:
        """The body of the request."""
        body: dict[str, Any] = {"uses": self.uses, "expireTime": _stamp(now + self.lasts_for)}
        if self.opens_for:
            body["newSessionExpireTime"] = _stamp(now + min(self.opens_for, self.lasts_for))
        if self.model:
            resource = self.model if "/" in self.model else f"models/{self.model}"
            body |= {"bidiGenerateContentSetup": {"model": checked("model", resource)}, "fieldMask": "model"}
        return body


def mint_url(target: Target, environ: Environment) -> str:
    """The URL of token requests, on Google's host or the base URL. Raises UsageError for an invalid base URL.

    GOOGLE_GENAI_API_VERSION is ignored: it is for sessions, and its usual values make no tokens.
    """
    base = base_url(target, environ, KEY_PLATFORM) or urlsplit(f"wss://{KEY_PLATFORM.facts.host}")
    version = checked("version of the API", target.api_version or VERSION)
    # A base URL may contain the full path of the service.
    prefix = base.path.partition("/ws/google.")[0].rstrip("/")
    return f"{'http' if base.scheme == 'ws' else 'https'}://{base.netloc}{prefix}/{version}/auth_tokens"


def minting_key(target: Target, environ: Environment) -> Credential:
    """The API key for a request to `mint_url`, with its warning.

    Raises AuthError without one, unless the server is on this machine, and UsageError where the key would go to another
    machine unencrypted, unless the target is `insecure`.
    """
    url, named_by = mint_url(target, environ), base_url_source(target, environ, KEY_PLATFORM)
    key = api_key(environ) or stored_key.find()
    if key and key.is_ephemeral:
        raise AuthError(f"{key.source} holds an ephemeral token, which mints no other", hint="an API key does")
    if key is None and not is_loopback(_host(url)):
        raise AuthError("an ephemeral token needs an API key, and there is none", hint=SETUP_HINT)
    if key is None:
        return Credential("none", CredentialKind.NONE)
    check_home(key, url, named_by)
    return replace(key, warning=destination_warning(key, url, named_by, insecure=target.insecure))


def mint(url: str, key: Credential, terms: Terms, timeout_seconds: float | None) -> str:
    """Request a token and return it. Blocks; raises AuthError, QuotaError, ConnectError or DeadlineError."""
    host = _host(url)
    headers = {**key.headers(), "Content-Type": "application/json"}
    body = json.dumps(terms.as_json(datetime.now(UTC))).encode()
    request = urllib.request.Request(url, body, headers, method="POST")
    try:
        with _opener(url).open(request, timeout=timeout_seconds) as answer:
            return _token_in(answer.read(LONGEST_ANSWER_BYTES), host)
    except urllib.error.HTTPError as refused:
        with refused:
            content = refused.read(LONGEST_ANSWER_BYTES)
            error = http_errors.http_error(f"{host} gives no token", refused.code, content, statuses=STATUSES)
        for secret in key.headers().values():
            error.elide(secret)
        raise error from None
    except urllib.error.URLError as error:
        raise _unreachable(host, error.reason) from error
    except (OSError, http.client.HTTPException, UnicodeError) as error:
        raise _unreachable(host, error) from error


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    """Treats a redirection as an error, because the key is for one host only."""

    def redirect_request(self, *_: Any) -> None:
        return None


def _opener(url: str) -> urllib.request.OpenerDirector:
    parts = urlsplit(url)
    proxy = None if is_loopback(parts.hostname) else proxy_for(url)
    proxies = urllib.request.ProxyHandler({parts.scheme: proxy} if proxy else {})
    return urllib.request.build_opener(_NoRedirect(), proxies)


def _token_in(body: bytes, host: str) -> str:
    try:
        name = json.loads(body)["name"]
    except (ValueError, KeyError, TypeError, RecursionError):
        name = None
    if not isinstance(name, str) or not re.fullmatch(rf"{EPHEMERAL_PREFIX}[!-~]+", name):
        raise ConnectError(f"{host} answered without a token", hint="is the URL the service's? see --base-url")
    return name


def _unreachable(host: str, reason: object) -> LivecliError:
    if isinstance(reason, TimeoutError):
        return DeadlineError(f"no answer from {host} in time", hint="--timeout gives it longer")
    if isinstance(reason, ssl.SSLCertVerificationError):
        message = f"the certificate of {host} cannot be trusted: {reason.verify_message}"
        return ConnectError(message, hint="SSL_CERT_FILE names the authorities to trust")
    if refused := re.match(r"Tunnel connection failed: (\d+)", str(reason)):
        return ConnectError(f"the proxy does not connect: it answered {refused[1]}", hint=HINT)
    if isinstance(reason, UnicodeError):
        return ConnectError(f"no token from {host}: it is not the name of a host")
    said = (reason.strerror if isinstance(reason, OSError) else None) or type(reason).__name__
    return ConnectError(f"no token from {host}: {said}", hint="check the network, HTTPS_PROXY and NO_PROXY")


def _host(url: str) -> str:
    return urlsplit(url).hostname or ""


def _stamp(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
