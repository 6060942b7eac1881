"""The proxy that the environment or the system names for a URL.

Libraries quote an invalid URL of a proxy in their exceptions, with its password. They are given valid ones only.
"""

from __future__ import annotations

from urllib.parse import SplitResult, unquote, urlsplit

from ..errors import ConnectError

PROXY_SCHEMES = ("http", "https", "socks4", "socks4a", "socks5", "socks5h")

# The names, in the order of preference, under which a proxy may be set for each scheme of a URL. Those of WebSockets
# are websockets' own.
VARIABLES = {
    "wss": ("wss", "socks", "https"),
    "ws": ("ws", "socks", "https", "http"),
    "https": ("https", "all"),
    "http": ("http", "all"),
}

HINT = "see HTTPS_PROXY"


def proxy_for(url: str) -> str | None:
    """The URL of the proxy for connections to `url`, always with a scheme; None without one.

    Raises ConnectError, without quoting it, where it is not valid.
    """
    from urllib.request import getproxies, proxy_bypass

    parts = urlsplit(url)
    proxies = getproxies()
    text = next((proxies[name] for name in VARIABLES[parts.scheme] if proxies.get(name)), None)
    if text is None or proxy_bypass(parts.netloc):
        return None
    proxy = _parsed(text)
    if proxy is None:
        raise ConnectError("the proxy does not connect: its URL is not valid", hint=HINT)
    return proxy.geturl()


def _parsed(text: str) -> SplitResult | None:
    """The parts of a proxy's URL; None where it is not valid. Without a scheme it is http, as for curl."""
    text = text.strip()
    try:
        parts = urlsplit(text if "://" in text else f"http://{text}")
        # The port is parsed when it is read, and may be invalid.
        _ = parts.port
        host = parts.hostname or ""
        host.encode("idna")
        for secret in (parts.username, parts.password):
            unquote(secret or "", errors="strict")
    except ValueError:
        return None
    rest = parts.path.strip("/") + parts.query + parts.fragment
    if parts.scheme not in PROXY_SCHEMES or not host or rest or not text.isprintable() or " " in text:
        return None
    user, at, address = parts.netloc.rpartition("@")
    # A user without a password has an empty one, as for curl.
    return parts._replace(netloc=f"{user}:{at}{address}" if at and parts.password is None else parts.netloc, path="")
