"""The errors of an attempt to connect, from name lookup to finished upgrade: each with its message, hint and status.

The exceptions of websockets and of the standard library are mapped by FAILURES. An exception that it does not explain
is a bug, and passes as it is.
"""

from __future__ import annotations

import errno
import os
import re
import socket
import ssl
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlsplit

import msgspec
from websockets.exceptions import InvalidHandshake, InvalidProxy, InvalidStatus, InvalidURI, ProxyError

from ..errors import ConnectError, DeadlineError, LivecliError
from ..process.http_proxy import HINT
from ..protocol.endpoint import Endpoint
from ..protocol.http_errors import STATUSES, http_error
from ..protocol.models import MODELS

SOCKS_PACKAGE = "python-socks"
"""The package that websockets needs for a SOCKS proxy; its ImportError names it."""


class Attempt(msgspec.Struct, frozen=True):
    """An attempt to connect: where to, and how many seconds it may take."""

    endpoint: Endpoint
    timeout: float

    @property
    def host(self) -> str:
        """The host's name or address."""
        return self.endpoint.host

    @property
    def port(self) -> int:
        """The port of the host."""
        url = urlsplit(self.endpoint.url)
        return url.port or (443 if url.scheme == "wss" else 80)


@contextmanager
def failures_as_errors(endpoint: Endpoint, connect_timeout: float) -> Iterator[None]:
    """Raises one of livecli's errors for a failure in the block. A bug passes as it is.

    `connect_timeout` is in seconds.
    """
    try:
        yield
    except Exception as failure:
        error = connect_error(failure, Attempt(endpoint, connect_timeout))
        if error is None:
            raise
        raise error from failure


def connect_error(failure: Exception, attempt: Attempt) -> LivecliError | None:
    """The error that `failure` means, by its most specific class in FAILURES; None for a bug."""
    kind = next((kind for kind in type(failure).__mro__ if kind in FAILURES), None)
    return FAILURES[kind](failure, attempt) if kind else None


def refused_upgrade(
    status: int, body: bytes, endpoint: Endpoint, retry_after_seconds: float | None = None
) -> LivecliError:
    """The error for a server that answered the upgrade with `status` instead of 101."""
    statuses = STATUSES
    served = MODELS[endpoint.model].locations.names if endpoint.model in MODELS else ()
    if endpoint.location and served and endpoint.location not in served:
        hint = f"{endpoint.model} is not known to be served in {endpoint.location}: try --location {served[0]}"
        statuses = STATUSES | {404: (ConnectError, hint)}
    action = f"{endpoint.host} refused the connection"
    return http_error(action, status, body, statuses=statuses, retry_after_seconds=retry_after_seconds)


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


def _refused(failure: InvalidStatus, attempt: Attempt) -> LivecliError:
    response = failure.response
    pause = retry_after(response.headers.get("Retry-After"))
    return refused_upgrade(response.status_code, bytes(response.body or b""), attempt.endpoint, pause)


def _no_upgrade(failure: Exception, attempt: Attempt) -> LivecliError:
    return ConnectError(f"{attempt.host} does not answer as a WebSocket server: {failure}")


def _timed_out(failure: TimeoutError, attempt: Attempt) -> LivecliError:
    # websockets raises another TimeoutError from the system's own (ETIMEDOUT), which has a number.
    for error in (failure, failure.__cause__):
        if isinstance(error, OSError) and error.errno is not None:
            return _unconnected(error, attempt)
    message = f"no connection to {attempt.host} within {attempt.timeout:g} s"
    return DeadlineError(message, hint="is the network up? --connect-timeout gives it longer")


def _unknown_name(failure: socket.gaierror, attempt: Attempt) -> LivecliError:
    return ConnectError(f"cannot find {attempt.host}: {failure.strerror}", hint=_network_hint(), retry="later")


def _untrusted(failure: ssl.SSLCertVerificationError, attempt: Attempt) -> LivecliError:
    message = f"the certificate of {attempt.host} cannot be trusted: {failure.verify_message}"
    return ConnectError(message, hint="SSL_CERT_FILE names the authorities to trust")


def _no_tls(failure: ssl.SSLError, attempt: Attempt) -> LivecliError:
    hint = "does it speak TLS? ws:// is for a server in the clear"
    return ConnectError(f"no TLS with {attempt.host}: {failure.reason or failure}", hint=hint)


def _unconnected(failure: OSError, attempt: Attempt) -> LivecliError:
    hint = "is the server running?" if attempt.endpoint.is_loopback else _network_hint()
    address = f"{attempt.host} port {attempt.port}"
    return ConnectError(f"cannot connect to {address}: {_system_reason(failure)}", hint=hint, retry="later")


def _no_socks(failure: ImportError, attempt: Attempt) -> LivecliError | None:
    return _no_proxy(f"SOCKS needs the package {SOCKS_PACKAGE}") if SOCKS_PACKAGE in str(failure) else None


def _malformed(failure: ValueError, attempt: Attempt) -> LivecliError | None:
    """The error for a host that no connection can be made to, for which asyncio has no exception of its own."""
    try:
        attempt.host.encode("idna")
    except UnicodeError:
        return ConnectError(f"cannot find {attempt.host}: it is not the name of a host")
    return None


FAILURES: dict[type, Callable[[Any, Attempt], LivecliError | None]] = {
    InvalidStatus: _refused,
    InvalidHandshake: _no_upgrade,
    InvalidURI: _no_upgrade,
    EOFError: _no_upgrade,
    ProxyError: lambda failure, _: _no_proxy(str(failure)),
    # Its text quotes the URL.
    InvalidProxy: lambda *_: _no_proxy("its URL is not valid"),
    TimeoutError: _timed_out,
    socket.gaierror: _unknown_name,
    ssl.SSLCertVerificationError: _untrusted,
    ssl.SSLError: _no_tls,
    OSError: _unconnected,
    ImportError: _no_socks,
    ValueError: _malformed,
}
"""The error for each class of exceptions; a class that is not here is looked up by its bases."""


def _network_hint() -> str:
    """A proxy's failures look like the server's."""
    from urllib.request import getproxies

    return "is the proxy up? see HTTPS_PROXY and NO_PROXY" if getproxies() else "is the network up?"


def _system_reason(error: OSError) -> str:
    """The system's own words. asyncio puts addresses in their place, and joins the errors of several into one text."""
    text = str(error)
    numbers = [int(number) for number in re.findall(r"\[Errno (\d+)\] Connect call failed", text)]
    if isinstance(error, ConnectionRefusedError) or errno.ECONNREFUSED in numbers:
        return "connection refused"
    return os.strerror(numbers[-1]) if numbers else error.strerror or text or type(error).__name__


def _no_proxy(reason: str) -> ConnectError:
    """`reason` never quotes the proxy's URL, which may hold a password."""
    return ConnectError(f"the proxy does not connect: {reason}", hint=HINT)
