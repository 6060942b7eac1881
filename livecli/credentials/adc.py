"""Application Default Credentials: a file of gcloud or GOOGLE_APPLICATION_CREDENTIALS, or the metadata server.

The only module that imports google.auth, and only inside functions. `google.auth.default` is not called: without a file
it always asks the metadata server three times, and runs gcloud for the project. The same order is followed here with
the public loaders, and each step has a time limit. `_google_errors` maps google-auth's exceptions.
"""

from __future__ import annotations

import json
import os
import threading
import time
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from ..errors import AuthError, ConnectError
from ..process.folders import is_file
from ..process.http_proxy import proxy_for
from ..protocol.endpoint import Environment, value
from . import gcloud
from .credential import Credential, CredentialKind, cleaned, quota_project
from .token_errors import connection_error, error_description

SOURCE = "application default credentials"
FILE_VARIABLE = "GOOGLE_APPLICATION_CREDENTIALS"
GCLOUD_FILE = "gcloud's ADC file"
METADATA_SERVER = "metadata server"
SCOPES = ("https://www.googleapis.com/auth/cloud-platform",)
REFRESH_SECONDS = 15.0
"""Time limit of a refresh with all its attempts. google-auth alone allows 120 s for each of three."""
METADATA_SECONDS = 2.0
"""Time limit of a request to the metadata server, which is one hop away and answers in milliseconds."""

_REMEDIES = {
    "authorized_user": "run `gcloud auth application-default login` again",
    "service_account": "check that the service account and this key of it still exist",
    "impersonated_service_account": "the caller needs the role Service Account Token Creator on that account",
}


class GoogleTokens:
    """Access tokens of a google-auth credential, refreshed when there is none or it is about to expire."""

    def __init__(self, credentials: Any, kind: str) -> None:
        self._credentials = credentials
        self._kind = kind
        # Many sessions may ask at once; the first one refreshes the token for all of them.
        self._refreshing = threading.Lock()

    def token(self) -> str:
        """A token that is valid for some minutes at least. Blocks; raises AuthError or ConnectError."""
        with self._refreshing, _google_errors(f"the {SOURCE}", hint=_REMEDIES.get(self._kind)):
            if not self._credentials.valid:
                self._credentials.refresh(_bounded_request(REFRESH_SECONDS))
        return str(self._credentials.token)

    @property
    def expires_at(self) -> datetime | None:
        """When the token expires; None before the first refresh."""
        expiry = self._credentials.expiry if self._credentials.token else None
        return expiry.replace(tzinfo=UTC) if expiry else None


def file_credential(environ: Environment) -> Credential | None:
    """The credential in the file that GOOGLE_APPLICATION_CREDENTIALS names, else in gcloud's file; None without either.

    Raises AuthError where the variable names a missing file, and for a file that holds no credential.
    """
    if name := value(environ, FILE_VARIABLE):
        return _load(Path(name), FILE_VARIABLE, environ)
    path = gcloud.credentials_file(environ)
    return _load(path, GCLOUD_FILE, environ) if is_file(path) else None


def _load(path: Path, place: str, environ: Environment) -> Credential:
    import google.auth
    from google.auth.credentials import with_scopes_if_required

    info = _read(path)
    with _google_errors(f"the credential file {path}", hint="`gcloud auth application-default login` writes a new one"):
        with warnings.catch_warnings():
            # google-auth warns of untrusted files and of a missing quota project, at length.
            warnings.simplefilter("ignore")
            loaded, project = google.auth.load_credentials_from_dict(  # type: ignore[no-untyped-call]
                info, quota_project_id=quota_project(environ), request=_bounded_request(REFRESH_SECONDS)
            )
        # Scopes are added after loading, because a user's credential must be refreshed without any.
        loaded = with_scopes_if_required(loaded, SCOPES)  # type: ignore[no-untyped-call]
        quota = _fit_for_header(loaded.quota_project_id)
    if place == GCLOUD_FILE:
        project = project or gcloud.project(environ)
    tokens = GoogleTokens(loaded, str(info.get("type")))
    account = info.get("client_email")
    return Credential(
        SOURCE,
        CredentialKind.ADC,
        place=place,
        project=project or quota,
        quota_project=quota,
        account=account if isinstance(account, str) else None,
        tokens=tokens,
    )


def _read(path: Path) -> dict[str, Any]:
    try:
        content = path.read_bytes()
    except (OSError, ValueError) as error:
        # A name with a zero byte is a ValueError.
        reason = error.strerror if isinstance(error, OSError) else error
        raise AuthError(
            f"the credential file {path} cannot be read: {reason}", hint=f"{FILE_VARIABLE} names it"
        ) from error
    try:
        info = json.loads(content)
    except (ValueError, RecursionError) as error:
        raise AuthError(f"the credential file {path} is not JSON") from error
    if not isinstance(info, dict):
        raise AuthError(f"the credential file {path} holds no credential")
    return info


class MetadataServer:
    """The metadata server of a machine in Google's cloud, which has the machine's credential.

    `asked` says whether a request was made, which takes METADATA_SECONDS where there is no such server.
    """

    def __init__(self, environ: Environment) -> None:
        self._environ = environ
        self.asked = False

    def credential(self) -> Credential | None:
        """The machine's credential; None where no server answers within METADATA_SECONDS."""
        if value(self._environ, "NO_GCE_CHECK") == "true":
            return None
        self.asked = True
        on_google, project = self._ask()
        if not on_google:
            return None
        from google.auth import compute_engine

        quota = quota_project(self._environ)
        loaded = compute_engine.Credentials(quota_project_id=quota, scopes=SCOPES)  # type: ignore[no-untyped-call]
        tokens = GoogleTokens(loaded, "compute_engine")
        return Credential(
            SOURCE, CredentialKind.ADC, place=METADATA_SERVER, project=project, quota_project=quota, tokens=tokens
        )

    def _ask(self) -> tuple[bool, str | None]:
        """Whether the server exists, and its project, in one request: a header of any answer identifies the server."""
        import http.client

        names = ("GCE_METADATA_HOST", "GCE_METADATA_ROOT", "GCE_METADATA_IP")
        host = next(filter(None, (value(self._environ, name) for name in names)), "169.254.169.254")
        try:
            connection = http.client.HTTPConnection(host, timeout=METADATA_SECONDS)
        except http.client.HTTPException:
            return False, None
        try:
            connection.request("GET", "/computeMetadata/v1/project/project-id", headers={"Metadata-Flavor": "Google"})
            answer = connection.getresponse()
            project = answer.read(200).decode("ascii", "replace").strip() if answer.status == 200 else ""
            return answer.getheader("Metadata-Flavor") == "Google", project or None
        except (OSError, http.client.HTTPException):
            return False, None
        finally:
            connection.close()


def _fit_for_header(project: str | None) -> str | None:
    return cleaned("the quota project", project) if project else None


@dataclass(frozen=True)
class _Answer:
    """An HTTP answer with the attributes that google-auth reads."""

    status: int
    headers: Mapping[str, str]
    data: bytes


def _bounded_request(seconds: float) -> Callable[..., _Answer]:
    """Transport for google-auth with one deadline for all attempts. It raises ConnectError for an unreachable host.

    google-auth's own transport logs headers and bodies, and with them assertions and the tokens of source credentials.
    """
    import requests

    deadline = time.monotonic() + seconds

    def request(
        url: str,
        method: str = "GET",
        body: bytes | None = None,
        headers: Mapping[str, str] | None = None,
        timeout: float | None = None,
        **rest: Any,
    ) -> _Answer:
        left = deadline - time.monotonic()
        host = urlsplit(url).hostname or "the token endpoint"
        if left <= 0:
            raise ConnectError(f"no token from {host}: it did not answer within {seconds:g} s")
        # requests uses the same proxy, and quotes an invalid one.
        proxy_for(url)
        options = _certificates() | rest
        try:
            answer = requests.request(
                method, url, data=body, headers=headers, timeout=min(left, timeout or left), **options
            )
        except OSError as error:
            raise connection_error(host, error) from error
        return _Answer(answer.status_code, answer.headers, answer.content)

    return request


def _certificates() -> dict[str, str]:
    """SSL_CERT_FILE as an argument for requests, which ignores it. The variables that it reads take precedence."""
    ssl_file = os.environ.get("SSL_CERT_FILE")
    requests_file = os.environ.get("REQUESTS_CA_BUNDLE") or os.environ.get("CURL_CA_BUNDLE")
    return {"verify": ssl_file} if ssl_file and not requests_file else {}


@contextmanager
def _google_errors(subject: str, hint: str | None) -> Iterator[None]:
    """Raise google-auth's exceptions as AuthError or ConnectError.

    For a malformed file google-auth raises many other exceptions, which the last clause lists.
    """
    from google.auth import exceptions

    try:
        yield
    except exceptions.RefreshError as error:
        if error.retryable:
            raise ConnectError(f"no token just now: {error_description(error)}", hint="try again later") from error
        raise AuthError(f"{subject} were refused: {error_description(error)}", hint=hint) from error
    except (exceptions.GoogleAuthError, ValueError, TypeError, KeyError, AttributeError) as error:
        raise AuthError(f"{subject} cannot be used: {error_description(error)}", hint=hint) from error
