"""From what was asked for to where it goes: platform, project, location and model become a URL and a resource name.

Everything here is pure: the environment is an argument, nothing is read from disk and nothing is connected to.
Which credential is sent is decided in `credentials`; nothing secret may enter this module, so that nothing secret can
end up in a URL. Facts: Google's URLs as the official SDKs build them, one table below for each.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import SplitResult, urlsplit

from ..errors import UsageError
from .platform import DEFAULT_MODEL, DEFAULT_PLATFORM, KEY_PLATFORM, PROJECT_PLATFORM, Platform

Environment = Mapping[str, str]

DEFAULT_LOCATION = "us-central1"
"""Not the SDK's `global`, where no Live model of Vertex AI is known to be served."""
LOCAL_PROJECT = "local"
LOCAL_BASE_URL = "ws://127.0.0.1:0"
"""The embedded emulator before it has a port: what can be shown of `--local` without starting it."""

CONSTRAINED = "Constrained"
"""What the Developer API's method is called when an ephemeral token opens it."""
HOSTS = {
    "us": "aiplatform.us.rep.googleapis.com",
    "eu": "aiplatform.eu.rep.googleapis.com",
}
SCHEMES = {"ws": "ws", "wss": "wss", "http": "ws", "https": "wss"}

_SEGMENT = r"[A-Za-z0-9][A-Za-z0-9._:@-]*"
_SPELLINGS = {  # What a word may look like, so that none can bend a URL or a resource name.
    "project": _SEGMENT,
    "location": r"[a-z][a-z0-9-]*",
    "version of the API": r"v[0-9][a-z0-9]*",
    "model": rf"{_SEGMENT}|(?:projects|publishers|models|tunedModels)(?:/{_SEGMENT})+",
}
_RESOURCE = r"projects/(?P<project>[^/]+)/locations/(?P<location>[^/]+)/"


@dataclass(frozen=True)
class Target:
    """What the flags said; None is not said. With `local`, `base_url` is the embedded emulator's."""

    platform: Platform | None = None
    project: str | None = None
    location: str | None = None
    model: str | None = None
    base_url: str | None = None
    api_version: str | None = None
    local: bool = False


@dataclass(frozen=True)
class Endpoint:
    """Where a session is opened. `model` is the bare id, `resource` what `setup.model` says on this platform."""

    platform: Platform
    url: str
    model: str
    resource: str
    project: str | None = None
    location: str | None = None

    @property
    def host(self) -> str:
        """The host's name or address, without port and brackets."""
        return urlsplit(self.url).hostname or ""

    @property
    def is_loopback(self) -> bool:
        """Whether it is this machine: localhost, 127.0.0.0/8 or ::1."""
        return is_loopback(self.host)

    @property
    def is_cleartext(self) -> bool:
        """Whether what is sent can be read on the way."""
        return self.url.startswith("ws://")


def choose_platform(
    wanted: Target, environ: Environment, *, has_key: bool, has_ephemeral_token: bool = False
) -> tuple[Platform, str]:
    """The platform, and the reason in a few words."""
    if wanted.platform:
        return wanted.platform, "--platform"
    if wanted.local:
        return DEFAULT_PLATFORM, "--local"
    for name in ("GOOGLE_GENAI_USE_ENTERPRISE", "GOOGLE_GENAI_USE_VERTEXAI"):
        if said := value(environ, name):
            return PROJECT_PLATFORM if said.lower() in ("true", "1") else KEY_PLATFORM, f"{name}={said[:20]}"
    for platform in Platform:
        if _names_service(platform, wanted.base_url or value(environ, "LIVECLI_BASE_URL") or ""):
            return platform, "the base URL names its service"
    if wanted.project or _part_of_resource("project", wanted, environ) or value(environ, "GOOGLE_CLOUD_PROJECT"):
        return PROJECT_PLATFORM, "a project is named"
    if has_key:
        return KEY_PLATFORM, "an API key is at hand and no project is named"
    if has_ephemeral_token:
        return KEY_PLATFORM, "the token is an ephemeral one, which only the Developer API takes"
    return DEFAULT_PLATFORM, "the default"


def base_url(wanted: Target, environ: Environment, platform: Platform) -> SplitResult | None:
    """The URL that stands in for Google's, checked, with its scheme made ws or wss; None where none is named."""
    named = [("--base-url", wanted.base_url or (LOCAL_BASE_URL if wanted.local else None))]
    if not wanted.local:
        variables = ("LIVECLI_BASE_URL", platform.facts.base_url_variable)
        named += [(variable, value(environ, variable)) for variable in variables]
    return next((_parse(text, where) for where, text in named if text), None)


def is_loopback(host: str | None) -> bool:
    """Whether the name or address means this machine."""
    if not host or host.lower() == "localhost":
        return bool(host)
    import ipaddress

    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def build(
    wanted: Target,
    environ: Environment,
    platform: Platform,
    *,
    own_project: str | None = None,
    express: bool = False,
    constrained: bool = False,
) -> Endpoint:
    """The endpoint on `platform`. `own_project` is the credential's; `express` is Vertex with a key instead of a
    project; `constrained` is what an ephemeral token opens. Raises UsageError for a word that cannot be meant.
    """
    base = base_url(wanted, environ, platform)
    project = location = None
    if platform.facts.needs_project and not express:
        project = _project(wanted, environ, own_project, local=base is not None and is_loopback(base.hostname))
        location = _location(wanted, environ)
    model = checked("model", wanted.model or value(environ, "LIVECLI_MODEL") or DEFAULT_MODEL)
    origin = base or urlsplit(f"wss://{_host(platform, location)}")
    path = platform.facts.service_path.format(version=_version(wanted, environ, platform))
    return Endpoint(
        platform=platform,
        url=_url(origin, path + CONSTRAINED * constrained),
        model=model.rpartition("/")[2],
        resource=model if "/" in model else _resource(model, platform, project, location),
        project=project,
        location=location,
    )


def value(environ: Environment, name: str) -> str | None:
    """A variable without the blanks around it; set to nothing is not set."""
    return environ.get(name, "").strip() or None


def checked(what: str, text: str) -> str:
    """`text` if it can be the name of a `what` (project, location, model …), so that it cannot bend a URL."""
    if re.fullmatch(_SPELLINGS[what], text):
        return text
    raise UsageError(f"this cannot be the name of a {what}: {text[:60]!r}")


def _project(wanted: Target, environ: Environment, own: str | None, *, local: bool) -> str:
    named = wanted.project or _part_of_resource("project", wanted, environ)
    if not wanted.local:
        named = named or value(environ, "GOOGLE_CLOUD_PROJECT") or own
    if named or local:
        return checked("project", named or LOCAL_PROJECT)
    raise UsageError(
        "Vertex AI needs a project, and the credential does not name one",
        hint="pass --project, or set GOOGLE_CLOUD_PROJECT",
    )


def _location(wanted: Target, environ: Environment) -> str:
    named = wanted.location or _part_of_resource("location", wanted, environ)
    return checked("location", named or value(environ, "GOOGLE_CLOUD_LOCATION") or DEFAULT_LOCATION)


def _part_of_resource(part: str, wanted: Target, environ: Environment) -> str | None:
    """The project or location inside a model given as a full resource name, since only they can serve it."""
    match = re.match(_RESOURCE, wanted.model or value(environ, "LIVECLI_MODEL") or "")
    return match[part] if match else None


def _version(wanted: Target, environ: Environment, platform: Platform) -> str:
    named = wanted.api_version or value(environ, "GOOGLE_GENAI_API_VERSION") or platform.facts.default_version
    return platform.facts.beta_version if named == "beta" else checked("version of the API", named)


def _resource(model: str, platform: Platform, project: str | None, location: str | None) -> str:
    if not platform.facts.needs_project:
        return f"models/{model}"
    parent = f"projects/{project}/locations/{location}/" if project else ""
    return f"{parent}publishers/google/models/{model}"


def _host(platform: Platform, location: str | None) -> str:
    if location in (None, "global"):
        return platform.facts.host
    return HOSTS.get(location, f"{location}-{platform.facts.host}")


def _names_service(platform: Platform, url: str) -> bool:
    """Whether a URL ends in the platform's full service path."""
    return re.search(rf"{platform.facts.path_pattern}/?$", url) is not None


def _parse(text: str, where: str) -> SplitResult:
    """Checks without ever quoting the URL: what is wrong with it may be that a secret is in it."""
    text = text.strip()
    if not text.isprintable() or re.search(r"[\s\\]", text):
        raise UsageError(f"the URL in {where} contains a blank, a backslash or a control character")
    if re.search(r"[?#]", text) or "@" in text:
        raise UsageError(
            f"the URL in {where} may have no user, query or fragment",
            hint="a credential goes into GEMINI_API_KEY or LIVECLI_ACCESS_TOKEN, never into a URL",
        )
    try:
        parts = urlsplit(text)
        _ = parts.port  # is read only now, and may be none
        usable = parts.scheme in SCHEMES and bool(parts.hostname)
    except ValueError:
        usable = False
    if not usable:
        raise UsageError(f"the URL in {where} is none that can be connected to", hint="such as ws://127.0.0.1:8765")
    return parts._replace(scheme=SCHEMES[parts.scheme])


def _url(base: SplitResult, service_path: str) -> str:
    """A base that ends in a full service path is used as it is; any other path is a prefix."""
    full = any(_names_service(platform, base.path) for platform in Platform)
    path = base.path if full else base.path.rstrip("/") + service_path
    return f"{base.scheme}://{base.netloc}{path}"
