"""Notes of `auth status` on a decision: settings that contradict each other, and settings that will not work.

Each note is a sentence without secrets. Nothing is decided here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime

from ..errors import UsageError
from ..protocol.endpoint import Environment, Target, given, value, without_local_key
from ..protocol.models import MODELS, LocationFacts
from . import stored_key
from .credential import KEY_VARIABLES, TOKEN_VARIABLE, CredentialKind
from .decision import Decision
from .destination import destination_warning

NoteWriter = Callable[[Decision, Target, Environment], Iterator[str]]


def notes(decision: Decision, target: Target, environ: Environment) -> list[str]:
    """The notes that apply to the decision, the gravest first."""
    if target.local:
        return []
    environ = without_local_key(target, environ)
    return [note for write in NOTE_WRITERS for note in write(decision, target, environ)]


def _expired(decision: Decision, target: Target, environ: Environment) -> Iterator[str]:
    credential = decision.credential
    ends = credential.expires_at if credential and credential.kind is CredentialKind.TOKEN else None
    if credential and ends and ends <= datetime.now(UTC):
        yield f"the token in {credential.source} expired at {ends.isoformat()}: it will be refused"


def _destination(decision: Decision, target: Target, environ: Environment) -> Iterator[str]:
    endpoint, credential = decision.endpoint, decision.credential
    if endpoint is None or credential is None:
        return
    try:
        warning = destination_warning(credential, endpoint.url, endpoint.named_by, insecure=target.insecure)
    except UsageError as error:
        warning = f"{error.message}, and is therefore not sent: {error.hint}"
    if warning:
        yield warning


def _account_without_project(decision: Decision, target: Target, environ: Environment) -> Iterator[str]:
    credential = decision.credential
    if decision.platform.facts.needs_project and credential and credential.account and not credential.project:
        name, _, domain = credential.account.partition("@")
        home, service, _ = domain.partition(".iam.gserviceaccount.com")
        guess = f"; it was made in {home}" if service else ""
        used = f": {decision.endpoint.project} is used" if decision.endpoint else ""
        yield f"the file of the service account {credential.account or name} names no project{guess}{used}"


def _key_and_project(decision: Decision, target: Target, environ: Environment) -> Iterator[str]:
    key, project = _key_source(environ), _named_project(target, environ)
    credential = decision.credential
    if not (key and project and credential):
        return
    if not decision.platform.facts.needs_project:
        yield (
            f"{key} and a project ({project}) are both there: the Developer API ({decision.platform_why}) takes the "
            "key, and the project is ignored"
        )
    elif credential.kind is CredentialKind.KEY:
        yield (
            f"{key} and a project ({project}) are both there: the project chooses Vertex AI, where a key without a "
            "bearer token means express mode, without a project; --platform developer uses the key"
        )
    else:
        yield (
            f"{key} and a project ({project}) are both there: the project takes precedence, so {credential.source} is "
            "used on Vertex AI; --platform developer uses the key"
        )


def _several_keys(decision: Decision, target: Target, environ: Environment) -> Iterator[str]:
    first, second = (value(environ, name) for name in KEY_VARIABLES)
    if first and second and first != second:
        yield f"{KEY_VARIABLES[0]} and {KEY_VARIABLES[1]} hold different keys: {KEY_VARIABLES[0]} is used"


def _stored_key_unused(decision: Decision, target: Target, environ: Environment) -> Iterator[str]:
    credential = decision.credential
    is_other = credential and credential.place != stored_key.PLACE
    if credential and is_other and stored_key.exists() and not _named_project(target, environ):
        yield f"the stored key is not used: {credential.source} comes before it"


def _other_payer(decision: Decision, target: Target, environ: Environment) -> Iterator[str]:
    credential, endpoint = decision.credential, decision.endpoint
    quota = credential.quota_project if credential else None
    if endpoint and endpoint.project and quota and quota != endpoint.project:
        yield (
            f"the quota project {quota} is not the project {endpoint.project}: {quota} is billed, its quotas count, "
            "and the caller must be allowed to use its services"
        )


def _unserved(decision: Decision, target: Target, environ: Environment) -> Iterator[str]:
    """Models and locations that livecli's tables do not list; the tables may be older than the service."""
    endpoint = decision.endpoint
    if endpoint is None:
        return
    model = MODELS.get(endpoint.model)
    if model and (model.retired or endpoint.platform not in model.platforms):
        what = "is retired" if model.retired else f"is not served on {endpoint.platform}"
        yield f"{endpoint.model} {what}, as far as is known here; --online asks the service"
    places = model.locations if model and endpoint.location else LocationFacts()
    if places.names and endpoint.location not in places.names:
        yield (
            f"{endpoint.model} is not known to be served in {endpoint.location}, but in {', '.join(places.names)} "
            f"({places.evidence}; --online asks the service)"
        )
    elif endpoint.location in places.disputed:
        yield (
            f"sources contradict each other on whether {endpoint.location} serves {endpoint.model}: "
            f"{places.evidence}; but {places.contradicted_by} (--online asks the service)"
        )


NOTE_WRITERS: tuple[NoteWriter, ...] = (
    _expired,
    _destination,
    _account_without_project,
    _key_and_project,
    _several_keys,
    _stored_key_unused,
    _other_payer,
    _unserved,
)


def _key_source(environ: Environment) -> str | None:
    named = next((name for name in KEY_VARIABLES if value(environ, name)), None)
    if named is None and not value(environ, TOKEN_VARIABLE) and stored_key.exists():
        return "the stored key"
    return named


def _named_project(target: Target, environ: Environment) -> str | None:
    project, origin = given("project", target, environ)
    if project is None:
        return None
    return f"--project {project}" if target.project else f"{origin}={project}"
