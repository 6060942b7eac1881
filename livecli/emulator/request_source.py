"""The source of a request: which `Host` and `Origin` the emulator answers. No I/O.

A web page of any site can connect to this machine, and what a browser puts into these two headers is all that tells it
from a program. A page of another site has its own `Origin`. A page whose host name has been made to lead to this
machine (DNS rebinding) has that name as its `Host`. Programs send no `Origin`.
"""

from __future__ import annotations

import ipaddress
import re
import shlex
from collections.abc import Iterable, Sequence
from urllib.parse import urlsplit

import msgspec

from ..protocol.endpoint import is_loopback

HOST = re.compile(r"(\[[^\]\s]+\]|[^][:@/?#\s]+)(?::\d*)?")
"""A `Host` header: a name or an address, IPv6 in brackets, and a port."""

DEFAULT_PORTS = {"http": 80, "https": 443}
"""The ports that an origin leaves out."""


class AllowedSources(msgspec.Struct, frozen=True):
    """The hosts and the origins that are answered besides those of this machine.

    `hosts` are names, or `*.` and a name for all names of one label before it. `origins` are normalized.
    """

    hosts: tuple[str, ...] = ()
    origins: tuple[str, ...] = ()

    def refusal(self, hosts: Sequence[str], origins: Sequence[str]) -> str | None:
        """The source that is refused for these `Host` and `Origin` headers, and the option of `serve` that allows it.

        None where the request is answered.
        """
        if len(hosts) != 1 or not self._is_own_host(hosts[0]):
            return f"the host {', '.join(hosts)!r}" + _remedy("--allow-host", [host_in(host) for host in hosts])
        others = [origin for origin in origins if not self._is_own_origin(origin)]
        return f"the page {others[0]!r}" + _remedy("--allow-origin", map(normalized_origin, others)) if others else None

    def _is_own_host(self, header: str) -> bool:
        host = host_in(header)
        if host is None:
            return False
        try:
            ipaddress.ip_address(host)
        except ValueError:
            wildcard = f"*.{host.partition('.')[2]}"
            return host == "localhost" or any(each.lower() in (host, wildcard) for each in self.hosts)
        # DNS rebinding needs a name.
        return True

    def _is_own_origin(self, origin: str) -> bool:
        normalized = normalized_origin(origin)
        return normalized is not None and (normalized in self.origins or is_loopback(urlsplit(normalized).hostname))


THIS_MACHINE = AllowedSources()
"""Nothing but this machine."""


def _remedy(option: str, names: Iterable[str | None]) -> str:
    """How to allow the first of the names, empty where it is none."""
    name = next(iter(names), None)
    return f" (allow it with `livecli serve {option} {shlex.quote(name)}`)" if name else ""


def host_in(header: str) -> str | None:
    """The name or address in a `Host` header, in lower case and without its port; None where it has none."""
    found = HOST.fullmatch(header)
    return found[1].strip("[]").removesuffix(".").lower() if found else None


def normalized_origin(origin: str) -> str | None:
    """An origin (`https://app.example`) as browsers write it; None where the text is none, or the opaque `null`."""
    try:
        parts = urlsplit(origin)
        port = parts.port
    except ValueError:
        return None
    if not (parts.scheme and parts.hostname) or parts.path not in ("", "/") or parts.query or parts.fragment:
        return None
    host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
    is_default = port is None or port == DEFAULT_PORTS.get(parts.scheme)
    return f"{parts.scheme}://{host}" if is_default else f"{parts.scheme}://{host}:{port}"
