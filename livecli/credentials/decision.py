"""The choice of platform, credential and endpoint, with its reasons.

`resolve` and `auth status` use the same function, so that the status shows what a run does. Credentials are found by
`credential`, `adc` and `stored_key`, and the URL is built by `protocol.endpoint`; this module has the order.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from ..errors import AuthError, LivecliError
from ..process.folders import is_file
from ..protocol.endpoint import (
    Endpoint,
    Environment,
    Target,
    base_url,
    build,
    choose_platform,
    given,
    is_loopback,
    needs_no_credential,
    value,
    without_local_key,
)
from ..protocol.platform import Platform
from . import gcloud
from . import stored_key as stored
from .adc import FILE_VARIABLE, GCLOUD_FILE, METADATA_SERVER, MetadataServer, file_credential
from .credential import (
    EPHEMERAL_PREFIX,
    GOOGLE_CLOUD_HINT,
    KEY_VARIABLES,
    SETUP_HINT,
    TOKEN_VARIABLE,
    Credential,
    CredentialKind,
    Source,
    api_key,
    ready_token,
)
from .destination import check_home, destination_warning

Finder = Callable[[Environment], Credential | None]


def stored_key(_: Environment) -> Credential | None:
    """The key that `auth login` stored. It does not depend on the environment."""
    return stored.find()


PREFERENCES: dict[Platform, tuple[Finder, ...]] = {
    Platform.VERTEX: (ready_token, file_credential, api_key, stored_key),
    Platform.DEVELOPER: (api_key, ready_token, stored_key),
}
"""The order on each platform. On Vertex AI the metadata server comes last."""
REASONS = {
    (Platform.VERTEX, CredentialKind.TOKEN): "a ready token comes first on Vertex AI",
    (Platform.VERTEX, CredentialKind.ADC): "a bearer token is preferred to an API key on Vertex AI",
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
    """The choice and what it is based on. If `error` is set, `endpoint` is None, and `credential` may be None."""

    platform: Platform
    platform_why: str
    sources: tuple[Source, ...]
    endpoint: Endpoint | None = None
    credential: Credential | None = None
    error: LivecliError | None = None


def resolve(target: Target, environ: Environment) -> tuple[Endpoint, Credential]:
    """The endpoint to connect to and its credential. Blocks: reads files, and may ask a metadata server.

    Raises AuthError where there is no usable credential, and UsageError for a target that is contradictory, and where
    the credential would go to another machine unencrypted, unless the target is `insecure`.
    """
    decision, _ = _decide(target, environ)
    return usable(decision, target)


def usable(decision: Decision, target: Target) -> tuple[Endpoint, Credential]:
    """The endpoint and the credential of `decision`, with its warning. Raises as `resolve` does."""
    endpoint, credential = decision.endpoint, decision.credential
    if endpoint is None or credential is None:
        raise decision.error or AuthError("no credential found", hint=SETUP_HINT)
    warning = destination_warning(credential, endpoint.url, endpoint.named_by, insecure=target.insecure)
    return endpoint, replace(credential, warning=warning)


def decide(target: Target, environ: Environment) -> Decision:
    """The decision with its reasons and sources. An error is part of it, not raised. Blocks as `resolve` does."""
    decision, metadata = _decide(target, environ)
    return replace(decision, sources=_sources(environ, metadata, decision.credential))


def _decide(target: Target, environ: Environment) -> tuple[Decision, MetadataServer]:
    environ = without_local_key(target, environ)
    platform, platform_why = choose_platform(
        target,
        environ,
        has_key=_has_key(target, environ),
        has_ephemeral_token=(value(environ, TOKEN_VARIABLE) or "").startswith(EPHEMERAL_PREFIX),
    )
    metadata = MetadataServer(environ)
    credential = endpoint = error = None
    try:
        credential = _find_credential(target, environ, platform, metadata)
        endpoint = build(
            target,
            environ,
            platform,
            own_project=credential.project,
            express=platform.facts.needs_project and credential.kind is CredentialKind.KEY,
            constrained=platform.facts.takes_ephemeral_tokens and credential.is_ephemeral,
        )
        check_home(credential, endpoint.url, endpoint.named_by)
    except LivecliError as caught:
        endpoint, error = None, caught
    return Decision(platform, platform_why, (), endpoint, credential, error), metadata


def _has_key(target: Target, environ: Environment) -> bool:
    """Whether there is an API key that counts in the choice of the platform.

    The stored key does not count where the environment has another credential.
    """
    if any(value(environ, name) for name in KEY_VARIABLES):
        return True
    others = value(environ, TOKEN_VARIABLE) or value(environ, FILE_VARIABLE)
    return not (target.local or target.platform or others) and stored.exists()


def bearer(environ: Environment) -> Credential:
    """The credential with a bearer token, whatever the platform: a ready token, a file, the metadata server.

    Raises AuthError where there is no credential. An API key is returned where it is the only one; the metadata server
    is then not asked.
    """
    found = ready_token(environ) or file_credential(environ) or api_key(environ) or stored_key(environ)
    found = found or MetadataServer(environ).credential()
    if found is None:
        raise AuthError("no credential found", hint=SETUP_HINT)
    return found


def _find_credential(target: Target, environ: Environment, platform: Platform, metadata: MetadataServer) -> Credential:
    if target.local:
        return replace(NO_CREDENTIAL, why="the embedded emulator needs none")
    base = base_url(target, environ, platform)
    found = next(filter(None, (find(environ) for find in PREFERENCES[platform])), None)
    if found is None and base is not None and needs_no_credential(base):
        place = "on this machine" if is_loopback(base.hostname) else "in the clear"
        return replace(NO_CREDENTIAL, why=f"none is at hand, and a server {place} needs none")
    if found is None and platform.facts.takes_google_credentials:
        found = metadata.credential()
    if found is None:
        if platform.facts.needs_project and given("project", target, environ)[0]:
            raise AuthError("no credential found for Vertex AI", hint=GOOGLE_CLOUD_HINT)
        raise AuthError(MISSING[platform], hint=SETUP_HINT)
    return replace(found, why=REASONS[platform, found.kind])


def _sources(environ: Environment, metadata: MetadataServer, credential: Credential | None) -> tuple[Source, ...]:
    """All places where a credential can be, in the order of `auth status`, and what was found there."""
    used = credential.place if credential else ""
    rows = [_variable(environ, name) for name in (TOKEN_VARIABLE, *KEY_VARIABLES)]
    rows += [_named_file(environ), stored.row(), _gcloud_file(environ)]
    answered = used == METADATA_SERVER
    detail = "answers" if answered else "no answer" if metadata.asked else "not asked"
    rows.append(Source(METADATA_SERVER, answered, detail))
    return tuple(replace(row, used=row.source == used) for row in rows)


def _variable(environ: Environment, name: str) -> Source:
    text = value(environ, name)
    return Source(name, text is not None, f"set, {len(text)} characters" if text else "not set")


def _named_file(environ: Environment) -> Source:
    name = value(environ, FILE_VARIABLE)
    if name is None:
        return Source(FILE_VARIABLE, False, "not set")
    exists = is_file(name)
    return Source(FILE_VARIABLE, exists, name if exists else f"{name} does not exist")


def _gcloud_file(environ: Environment) -> Source:
    path = gcloud.credentials_file(environ)
    exists = is_file(path)
    name = stored.shortened(path)
    return Source(GCLOUD_FILE, exists, name if exists else f"{name} does not exist")
