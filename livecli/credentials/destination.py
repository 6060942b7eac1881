"""The rules by which a credential goes to a host, or does not. No I/O.

A credential of the environment goes wherever the environment says. The stored key and Google's own credentials outlive
the shell, so they are meant for one host: Google's, or the one that the key was stored for.
"""

from __future__ import annotations

from urllib.parse import urlsplit

from ..errors import AuthError, UsageError
from ..protocol.endpoint import BASE_URL_OPTION, is_google, is_loopback
from . import stored_key
from .credential import Credential, CredentialKind

CLEARTEXT_SCHEMES = ("ws", "http")


def check_home(credential: Credential, url: str, named_by: str | None) -> None:
    """Raise AuthError for a key that was stored for another host than the URL's, which no base URL names."""
    if named_by is None and credential.stored_for and not _is_home(credential, url):
        raise AuthError(
            f"the stored key is for {credential.stored_for}, and not for {urlsplit(url).hostname}",
            hint=f"`livecli auth login` stores another; {BASE_URL_OPTION} names the host of this one",
        )


def destination_warning(credential: Credential, url: str, named_by: str | None, *, insecure: bool) -> str | None:
    """The warning against sending `credential` to `url`, which `named_by` names; None where there is none.

    Raises UsageError where it would be readable on the way to another machine, unless `insecure`.
    """
    if credential.kind is CredentialKind.NONE:
        return None
    parts = urlsplit(url)
    in_the_clear = parts.scheme in CLEARTEXT_SCHEMES and not is_loopback(parts.hostname)
    if in_the_clear and not insecure:
        raise UsageError(
            f"the credential would go to {parts.hostname} in the clear",
            hint="wss:// protects it; --insecure sends it all the same",
        )
    by_environment = named_by not in (None, BASE_URL_OPTION)
    misled = by_environment and _has_home(credential) and not _is_home(credential, url)
    return _warning(f"{parts.hostname}", in_the_clear=in_the_clear, named_by=named_by if misled else None)


def _warning(host: str, *, in_the_clear: bool, named_by: str | None) -> str | None:
    source = f", which only {named_by} names" if named_by else ""
    if in_the_clear:
        return f"the credential goes to {host} in the clear{source}: wss:// would protect it"
    return f"the credential goes to {host}{source}: {BASE_URL_OPTION} would confirm it" if source else None


def _has_home(credential: Credential) -> bool:
    """Whether a credential is meant for one host, because it is not the environment's."""
    return credential.kind is CredentialKind.ADC or credential.place == stored_key.PLACE


def _is_home(credential: Credential, url: str) -> bool:
    parts = urlsplit(url)
    if credential.stored_for:
        return parts.netloc.lower() == credential.stored_for
    return is_google(parts.hostname or "")
