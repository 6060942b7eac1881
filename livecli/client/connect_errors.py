"""What can go wrong before there is a session, from name lookup to finished upgrade: error, remedy, exit status."""

from __future__ import annotations

import errno
import os
import re
import socket
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from http import HTTPStatus
from urllib.parse import unquote, urlsplit

from websockets.exceptions import InvalidHandshake, InvalidProxy, InvalidStatus, InvalidURI, ProxyError

from ..errors import AuthError, ConnectError, DeadlineError, LivecliError, QuotaError
from ..protocol.endpoint import Endpoint
from ..protocol.http_errors import message_in

STATUSES: dict[int, tuple[type[LivecliError], str]] = {
    401: (AuthError, "the credential was refused: `livecli auth status` says which one is used"),
    403: (AuthError, "the credential lacks permission: the role Vertex AI User, and the API enabled in its project"),
    404: (ConnectError, "is the URL the service's? --base-url and --api-version make it"),
    407: (ConnectError, "the proxy wants a user and a password: see HTTPS_PROXY"),
    429: (QuotaError, "wait, then try again"),
    503: (QuotaError, "wait, then try again"),
}
INVALID_URL = "its URL is not valid"
SOCKS_PACKAGE = "python-socks"
"""What websockets needs for a SOCKS proxy; its ImportError names it."""


@contextmanager
def failures_as_errors(endpoint: Endpoint, connect_timeout: float) -> Iterator[None]:
    """Raises one of livecli's errors for what can go wrong in the block; anything else is a bug, and passes as it is.

    `connect_timeout` is in seconds.
    """
    host = endpoint.host
    try:
        yield
    except InvalidStatus as refused:
        answer = refused.response
        error = refused_upgrade(answer.status_code, bytes(answer.body or b""), endpoint)
        error.retry_after_seconds = retry_after(answer.headers.get("Retry-After"))
        raise error from refused
    except TimeoutError as error:
        if (timed_out := _system_timeout(error)) is not None:
            raise _unconnected(endpoint, timed_out) from error
        message = f"no connection to {host} within {connect_timeout:g} s"
        raise DeadlineError(message, hint="is the network up? --connect-timeout gives it longer") from error
    except socket.gaierror as error:
        raise _passing(ConnectError(f"cannot find {host}: {error.strerror}", hint=_network_hint())) from error
    except ssl.SSLCertVerificationError as error:
        message = f"the certificate of {host} cannot be trusted: {error.verify_message}"
        raise ConnectError(message, hint="SSL_CERT_FILE names the authorities to trust") from error
    except ssl.SSLError as error:
        hint = "does it speak TLS? ws:// is for a server in the clear"
        raise ConnectError(f"no TLS with {host}: {error.reason or error}", hint=hint) from error
    except ProxyError as error:
        raise _no_proxy(str(error)) from error
    except InvalidProxy as error:
        raise _no_proxy(INVALID_URL) from error
    except (InvalidHandshake, InvalidURI, EOFError) as error:
        raise ConnectError(f"{host} does not answer as a WebSocket server: {error}") from error
    except ImportError as error:
        if SOCKS_PACKAGE not in str(error):
            raise
        raise _no_proxy(f"SOCKS needs the package {SOCKS_PACKAGE}") from error
    except ValueError as error:
        if (explained := _malformed(endpoint)) is None:
            raise
        raise explained from error
    except OSError as error:
        raise _unconnected(endpoint, error) from error


def _system_timeout(error: TimeoutError) -> OSError | None:
    """The system's own timeout (ETIMEDOUT), which websockets hides behind another; None where it was ours."""
    causes = (error, error.__cause__)
    return next((cause for cause in causes if isinstance(cause, OSError) and cause.errno is not None), None)


def _unconnected(endpoint: Endpoint, error: OSError) -> LivecliError:
    hint = "is the server running?" if endpoint.is_loopback else _network_hint()
    return _passing(ConnectError(f"cannot connect to {endpoint.host}: {_os_trouble(error)}", hint=hint))


def _network_hint() -> str:
    """A proxy's failures look like the server's."""
    from urllib.request import getproxies

    return "is the proxy up? see HTTPS_PROXY and NO_PROXY" if getproxies() else "is the network up?"


def _os_trouble(error: OSError) -> str:
    """The system's own words. asyncio puts addresses in their place, and joins the errors of several into one text."""
    text = str(error)
    numbers = [int(number) for number in re.findall(r"\[Errno (\d+)\] Connect call failed", text)]
    if isinstance(error, ConnectionRefusedError) or errno.ECONNREFUSED in numbers:
        return "connection refused"
    return os.strerror(numbers[-1]) if numbers else error.strerror or text or type(error).__name__


def _no_proxy(trouble: str) -> ConnectError:
    """`trouble` never quotes the proxy's URL, which may hold a password."""
    return ConnectError(f"the proxy does not connect: {trouble}", hint="see HTTPS_PROXY")


def _malformed(endpoint: Endpoint) -> ConnectError | None:
    """The error for a host or a proxy's URL that no connection can be made with; None where both are well-formed.

    Neither the library nor asyncio has an exception of its own for them: they raise ValueError, as a bug would.
    """
    from urllib.request import getproxies

    try:
        endpoint.host.encode("idna")
    except UnicodeError:
        return ConnectError(f"cannot find {endpoint.host}: it is not the name of a host")
    try:
        for url in getproxies().values() if not endpoint.is_loopback else ():
            parts = urlsplit(url)
            _ = parts.port  # is read only now, and may be none
            (parts.hostname or "").encode("idna")
            unquote(f"{parts.username}{parts.password}", errors="strict")
    except ValueError:
        return _no_proxy(INVALID_URL)
    return None


def refused_upgrade(status: int, body: bytes, endpoint: Endpoint) -> LivecliError:
    """The error for a server that answered the upgrade with `status` instead of 101."""
    error, hint = STATUSES.get(status, (ConnectError, _other_hint(status)))
    if status == 404 and endpoint.location == "global":
        hint = "location global serves no Live model that is known: try --location us-central1"
    said = message_in(body)
    phrase = HTTPStatus(status).phrase if status in HTTPStatus._value2member_map_ else "unknown status"
    refusal = error(
        f"{endpoint.host} refused the connection: {status} {phrase}{f': {said}' if said else ''}", hint=hint
    )
    return _passing(refusal) if status >= 500 else refusal


def retry_after(text: str | None) -> float | None:
    """Seconds that a Retry-After header asks for: a number, or the distance to a date."""
    if not text:
        return None
    if text.strip().isdecimal():
        return float(text)
    from datetime import UTC, datetime
    from email.utils import parsedate_to_datetime

    try:
        return max(0.0, (parsedate_to_datetime(text) - datetime.now(UTC)).total_seconds())
    except (ValueError, TypeError, OverflowError):
        return None


def _passing(error: LivecliError) -> LivecliError:
    """Trying again may help: nothing was said yet, and what is wrong may pass."""
    error.retry = "later"
    return error


def _other_hint(status: int) -> str | None:
    if 300 <= status < 400:
        return "redirects are not followed, since a credential goes to one host: give the final URL as --base-url"
    return "the server failed: try again" if status >= 500 else None
