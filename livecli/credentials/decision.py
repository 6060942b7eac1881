"""The whole decision: which platform, which credential, which endpoint, and why. One function makes it (`decide`), so
that `auth status` shows exactly what `resolve` acts upon.

Where credentials come from is `credential` and `adc`; how a URL is built is `endpoint`. Here is only the order.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from ..errors import AuthError, LivecliError
from ..protocol.endpoint import Endpoint, Environment, Target, base_url, build, choose_platform, is_loopback, value
from ..protocol.platform import Platform
from . import gcloud
from . import stored_key as stored
from .adc import FILE_VARIABLE, GCLOUD_FILE, METADATA_SERVER, MetadataServer, file_credential
from .credential import (
    EPHEMERAL_PREFIX,
    KEY_VARIABLES,
    TOKEN_VARIABLE,
    WAYS_OUT,
    Credential,
    CredentialKind,
    Source,
    api_key,
    ready_token,
)

Finder = Callable[[Environment], Credential | None]


def stored_key(_: Environment) -> Credential | None:
    """The key that `auth login` stored, whatever the environment says."""
    return stored.find()


# The order on each platform. The metadata server comes after all of them, and only on Vertex AI.
PREFERENCES: dict[Platform, tuple[Finder, ...]] = {
    Platform.VERTEX: (ready_token, file_credential, api_key, stored_key),
    Platform.DEVELOPER: (api_key, ready_token, stored_key),
}
REASONS = {
    (Platform.VERTEX, CredentialKind.TOKEN): "a ready token comes first on Vertex AI",
    (Platform.VERTEX, CredentialKind.ADC): "a bearer token beats an API key on Vertex AI",
    (Platform.VERTEX, CredentialKind.KEY): "no bearer token is at hand, so Vertex AI is used in express mode",
    (Platform.DEVELOPER, CredentialKind.KEY): "the Developer API takes API keys",
    (Platform.DEVELOPER, CredentialKind.TOKEN): "no API key is set, so the ready token is used",
}
MISSING = {
    Platform.VERTEX: "no credential found",
    Platform.DEVELOPER: "no API key found for the Developer API",
}
NO_CREDENTIAL = Credential("none", CredentialKind.NONE)


@dataclass(frozen=True)
class Decision:
    """What was decided and from what. Where `error` is set, `endpoint` is None, and `credential` may be."""

    platform: Platform
    platform_why: str
    sources: tuple[Source, ...]
    endpoint: Endpoint | None = None
    credential: Credential | None = None
    error: LivecliError | None = None


def resolve(wanted: Target, environ: Environment) -> tuple[Endpoint, Credential]:
    """Where to connect and with what. Reads files, and may ask a metadata server: it blocks.

    Raises AuthError where there is no usable credential, and UsageError for words that cannot be meant.
    """
    decision, _ = _decide(wanted, environ)
    if decision.endpoint is None or decision.credential is None:
        raise decision.error or AuthError("no credential found", hint=WAYS_OUT)
    return decision.endpoint, decision.credential


def decide(wanted: Target, environ: Environment) -> Decision:
    """The decision with its reasons; an error is part of it instead of being raised. Blocks as `resolve` does."""
    decision, metadata = _decide(wanted, environ)
    return replace(decision, sources=_sources(environ, metadata, decision.credential))


def _decide(wanted: Target, environ: Environment) -> tuple[Decision, MetadataServer]:
    platform, platform_why = choose_platform(
        wanted,
        environ,
        has_key=_has_key(wanted, environ),
        has_ephemeral_token=(value(environ, TOKEN_VARIABLE) or "").startswith(EPHEMERAL_PREFIX),
    )
    metadata = MetadataServer(environ)
    credential = endpoint = error = None
    try:
        credential = _pick(wanted, environ, platform, metadata)
        endpoint = build(
            wanted,
            environ,
            platform,
            own_project=credential.project,
            express=platform.facts.needs_project and credential.kind is CredentialKind.KEY,
            constrained=platform.facts.takes_ephemeral_tokens and credential.is_ephemeral,
        )
    except LivecliError as caught:
        error = caught
    return Decision(platform, platform_why, (), endpoint, credential, error), metadata


def _has_key(wanted: Target, environ: Environment) -> bool:
    """Whether an API key helps to choose the platform: the environment's, else the stored one.

    What the environment holds beats what is stored: where it has another credential, all is as if none were stored.
    """
    if any(value(environ, name) for name in KEY_VARIABLES):
        return True
    others = value(environ, TOKEN_VARIABLE) or value(environ, FILE_VARIABLE)
    return not (wanted.local or wanted.platform or others) and stored.is_there()


def bearer(environ: Environment) -> Credential:
    """The credential with a bearer token, whatever the platform: a ready token, a file, the metadata server.

    Raises AuthError where there is none; where there is a key instead, without waiting for a metadata server.
    """
    found = ready_token(environ) or file_credential(environ) or api_key(environ) or stored_key(environ)
    found = found or MetadataServer(environ).credential()
    if found is None:
        raise AuthError("no credential found", hint=WAYS_OUT)
    return found


def _pick(wanted: Target, environ: Environment, platform: Platform, metadata: MetadataServer) -> Credential:
    if wanted.local:
        return replace(NO_CREDENTIAL, why="the embedded emulator needs none")
    base = base_url(wanted, environ, platform)
    found = next(filter(None, (find(environ) for find in PREFERENCES[platform])), None)
    if found is None and base is not None and is_loopback(base.hostname):
        return replace(NO_CREDENTIAL, why="none is at hand, and a server on this machine needs none")
    if found is None and platform is Platform.VERTEX:
        found = metadata.credential()
    if found is None:
        raise AuthError(MISSING[platform], hint=WAYS_OUT)
    return replace(found, why=REASONS[platform, found.kind])


def _sources(environ: Environment, metadata: MetadataServer, credential: Credential | None) -> tuple[Source, ...]:
    """Every place a credential could be, in the order `auth status` shows them, and what is there."""
    used = credential.place if credential else ""
    rows = [_variable(environ, name) for name in (TOKEN_VARIABLE, *KEY_VARIABLES)]
    rows += [_named_file(environ), stored.row(), _gcloud_file(environ)]
    answered = used == METADATA_SERVER
    said = "answers" if answered else "no answer" if metadata.asked else "not asked"
    rows.append(Source(METADATA_SERVER, answered, said))
    return tuple(replace(row, used=row.source == used) for row in rows)


def _variable(environ: Environment, name: str) -> Source:
    text = value(environ, name)
    return Source(name, text is not None, f"set, {len(text)} characters" if text else "not set")


def _named_file(environ: Environment) -> Source:
    from pathlib import Path

    named = value(environ, FILE_VARIABLE)
    if named is None:
        return Source(FILE_VARIABLE, False, "not set")
    there = Path(named).is_file()
    return Source(FILE_VARIABLE, there, named if there else f"{named} does not exist")


def _gcloud_file(environ: Environment) -> Source:
    path = gcloud.credentials_file(environ)
    there = path.is_file()
    shown = stored.shortened(path)
    return Source(GCLOUD_FILE, there, shown if there else f"{shown} does not exist")
