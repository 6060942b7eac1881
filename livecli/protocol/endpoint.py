"""Endpoints: the URL and the resource name for a platform, project, location and model.

No I/O: the environment is an argument. Credentials are chosen in `credentials`, and no secret is passed to this module,
so that none can end up in a URL. The URLs are those that the official SDKs build.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import SplitResult, urlsplit

from ..errors import UsageError
from .platform import DEFAULT_MODEL, DEFAULT_PLATFORM, KEY_PLATFORM, PROJECT_PLATFORM, Platform

Environment = Mapping[str, str]

DEFAULT_LOCATION = "us-central1"
"""The location if none is given. The SDKs' `global` serves few Live models of Vertex AI."""

LOCAL_PROJECT = "local"
"""The project of a session with a server on this machine, if none is given."""

LOCAL_KEY = "local"
"""The API key that stands for none at a loopback address: the official SDKs open no session without one."""

GOOGLE_DOMAIN = ".googleapis.com"
"""The end of the names of Google's hosts."""

BASE_URL_OPTION = "--base-url"
"""The option that names a base URL."""

LOCAL_BASE_URL = "ws://127.0.0.1:0"
"""The base URL of `--local` while the embedded emulator has no port, as `--dry-run` shows it."""

CONSTRAINED = "Constrained"
"""The suffix of the Developer API's method for a session that an ephemeral token opens."""

# The hosts of Vertex AI's multi-regional locations.
HOSTS = {
    "us": "aiplatform.us.rep.googleapis.com",
    "eu": "aiplatform.eu.rep.googleapis.com",
}

# The WebSocket scheme for each scheme of a base URL.
SCHEMES = {"ws": "ws", "wss": "wss", "http": "ws", "https": "wss"}

_SEGMENT = r"[A-Za-z0-9][A-Za-z0-9._:@-]*"

# The spelling of each name, so that no name can change the structure of a URL or a resource name.
_SPELLINGS = {
    "project": _SEGMENT,
    "location": r"[a-z][a-z0-9-]*",
    "version of the API": r"v[0-9][a-z0-9]*",
    "model": rf"{_SEGMENT}|(?:projects|publishers|models|tunedModels)(?:/{_SEGMENT})+",
}
_RESOURCE = r"projects/(?P<project>[^/]+)/locations/(?P<location>[^/]+)/"


PROFILE_KEYS = ("platform", "project", "location", "model", "voice", "language", "base_url", "api_version")
"""The values that a profile can have."""

# The variables with a value of Target, in their order. Those of the base URL also depend on the platform.
VARIABLES = {
    "project": ("GOOGLE_CLOUD_PROJECT",),
    "location": ("GOOGLE_CLOUD_LOCATION",),
    "model": ("LIVECLI_MODEL",),
    "base_url": ("LIVECLI_BASE_URL",),
    "api_version": ("GOOGLE_GENAI_API_VERSION",),
}


@dataclass(frozen=True)
class Profile:
    """Values for what neither an option nor a variable says, by PROFILE_KEYS, and where each of them is written."""

    values: Mapping[str, str] = field(default_factory=dict)
    origins: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Target:
    """Options that choose an endpoint. None is not given. With `local`, `base_url` is the embedded emulator's.

    With `insecure`, a credential may be sent to another machine unencrypted. `profile` has the values for what is not
    given.
    """

    platform: Platform | None = None
    project: str | None = None
    location: str | None = None
    model: str | None = None
    base_url: str | None = None
    api_version: str | None = None
    local: bool = False
    insecure: bool = False
    profile: Profile = field(default_factory=Profile)


@dataclass(frozen=True)
class Endpoint:
    """Where a session is opened. `model` is the bare id, `resource` the value of `setup.model` on this platform.

    `named_by` is the option, the variable or the profile with the base URL; None for Google's own host.
    """

    platform: Platform
    url: str
    model: str
    resource: str
    project: str | None = None
    location: str | None = None
    named_by: str | None = None

    @property
    def host(self) -> str:
        """The host's name or address, without port and brackets."""
        return urlsplit(self.url).hostname or ""

    @property
    def is_loopback(self) -> bool:
        """Whether the host is this machine: localhost, 127.0.0.0/8 or ::1."""
        return is_loopback(self.host)

    @property
    def version(self) -> str:
        """The API's version in the URL, such as `v1beta`; the platform's default if there is none."""
        found = re.search(self.platform.facts.path_pattern, self.url)
        return found[1] if found else self.platform.facts.default_version

    @property
    def is_cleartext(self) -> bool:
        """Whether the connection is unencrypted."""
        return self.url.startswith("ws://")


BY_DEFAULT = "the default"
"""The reason for a platform that nothing names."""


def choose_platform(
    target: Target, environ: Environment, *, has_key: bool, has_ephemeral_token: bool = False
) -> tuple[Platform, str]:
    """The platform, and the reason for it in a few words."""
    if target.platform:
        return target.platform, "--platform"
    if target.local:
        return DEFAULT_PLATFORM, "--local"
    for name in ("GOOGLE_GENAI_USE_ENTERPRISE", "GOOGLE_GENAI_USE_VERTEXAI"):
        if text := value(environ, name):
            return PROJECT_PLATFORM if text.lower() in ("true", "1") else KEY_PLATFORM, f"{name}={text[:20]}"
    for platform in Platform:
        if _names_service(platform, given("base_url", target, environ)[0] or ""):
            return platform, "the base URL names its service"
    for platform in Platform:
        if platform == target.profile.values.get("platform"):
            return platform, target.profile.origins["platform"]
    if given("project", target, environ)[0] or _part_of_resource("project", target, environ):
        return PROJECT_PLATFORM, "a project is named"
    if has_key:
        return KEY_PLATFORM, "an API key is at hand and no project is named"
    if has_ephemeral_token:
        return KEY_PLATFORM, "the token is an ephemeral one, which only the Developer API takes"
    return DEFAULT_PLATFORM, BY_DEFAULT


def base_url(target: Target, environ: Environment, platform: Platform) -> SplitResult | None:
    """The URL that replaces Google's, with the scheme ws or wss; None if none is given. Raises UsageError."""
    named_by, text = _named_base_url(target, environ, platform)
    return parse_base_url(text, named_by) if named_by else None


def base_url_source(target: Target, environ: Environment, platform: Platform) -> str | None:
    """The option, the variable or the profile with the base URL; None if none is given."""
    return _named_base_url(target, environ, platform)[0]


def _named_base_url(target: Target, environ: Environment, platform: Platform) -> tuple[str | None, str]:
    if target.local:
        return BASE_URL_OPTION, target.base_url or LOCAL_BASE_URL
    text, origin = given("base_url", target, environ, platform.facts.base_url_variable)
    return origin, text or ""


def given(key: str, target: Target, environ: Environment, *variables: str) -> tuple[str | None, str | None]:
    """A value of the target and its origin: the option, else one of its variables, else the profile; None without.

    `variables` are more of them than those in VARIABLES.
    """
    if option := getattr(target, key):
        return option, f"--{key.replace('_', '-')}"
    for variable in (*VARIABLES[key], *variables):
        if text := value(environ, variable):
            return text, variable
    return target.profile.values.get(key), target.profile.origins.get(key)


def needs_no_credential(base: SplitResult | None) -> bool:
    """Whether a session at this base URL may do without a credential: on this machine, or unencrypted."""
    return base is not None and (is_loopback(base.hostname) or base.scheme == "ws")


def without_local_key(target: Target, environ: Environment) -> Environment:
    """The environment without API keys that are LOCAL_KEY, if sessions of either platform go to this machine."""
    local = [name for name, text in environ.items() if name.endswith("_API_KEY") and text.strip() == LOCAL_KEY]
    try:
        bases = [base_url(target, environ, platform) for platform in Platform] if local else []
    except UsageError:
        # It is raised again where the endpoint is built.
        return environ
    if not bases or not all(base and is_loopback(base.hostname) for base in bases):
        return environ
    return {name: text for name, text in environ.items() if name not in local}


def is_google(host: str) -> bool:
    """Whether the name is one of Google's hosts for its APIs."""
    return host.lower().endswith(GOOGLE_DOMAIN)


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
    target: Target,
    environ: Environment,
    platform: Platform,
    *,
    own_project: str | None = None,
    express: bool = False,
    constrained: bool = False,
) -> Endpoint:
    """The endpoint on `platform`.

    `own_project` is the credential's project; `express` is Vertex AI with an API key instead of a project, and
    `constrained` a session that an ephemeral token opens. Raises UsageError for an invalid name or URL.
    """
    base = base_url(target, environ, platform)
    project = location = None
    if platform.facts.needs_project and not express:
        project = _project(target, environ, own_project, local=needs_no_credential(base))
        location = _location(target, environ)
    model = checked("model", _model(given("model", target, environ)[0] or DEFAULT_MODEL))
    origin = base or urlsplit(f"wss://{_host(platform, location)}")
    path = platform.facts.service_path.format(version=_version(target, environ, platform))
    return Endpoint(
        platform=platform,
        url=_url(origin, path + CONSTRAINED * constrained),
        model=model.rpartition("/")[2],
        resource=model if "/" in model else _resource(model, platform, project, location),
        project=project,
        location=location,
        named_by=base_url_source(target, environ, platform),
    )


def value(environ: Environment, name: str) -> str | None:
    """The value of a variable without surrounding blanks; None if it is unset or empty."""
    return environ.get(name, "").strip() or None


def checked(kind: str, text: str) -> str:
    """`text`, if it is a valid name of this kind (project, location, model …). Raises UsageError otherwise."""
    if re.fullmatch(_SPELLINGS[kind], text):
        return text
    raise UsageError(f"this cannot be the name of a {kind}: {text[:60]!r}")


def _model(name: str) -> str:
    """The name of the model in its own spelling, which is in lower case. The table is loaded for another spelling."""
    if name == name.lower() and " " not in name:
        return name
    from .names import model_named

    return model_named(name)


def _project(target: Target, environ: Environment, own: str | None, *, local: bool) -> str:
    named = target.project or _part_of_resource("project", target, environ)
    if not target.local:
        named = named or given("project", target, environ)[0] or own
    if named or local:
        return checked("project", named or LOCAL_PROJECT)
    raise UsageError(
        "Vertex AI needs a project, and the credential does not name one",
        hint="pass --project, or set GOOGLE_CLOUD_PROJECT",
    )


def _location(target: Target, environ: Environment) -> str:
    named = target.location or _part_of_resource("location", target, environ)
    return checked("location", named or given("location", target, environ)[0] or DEFAULT_LOCATION)


def _part_of_resource(part: str, target: Target, environ: Environment) -> str | None:
    """The project or location in a model that is given as a full resource name: no other can serve it."""
    match = re.match(_RESOURCE, given("model", target, environ)[0] or "")
    return match[part] if match else None


def _version(target: Target, environ: Environment, platform: Platform) -> str:
    named = given("api_version", target, environ)[0] or platform.facts.default_version
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


def service_origin(platform: Platform, target: Target, environ: Environment) -> str:
    """The URL of Google's host for a platform, without a path: on Vertex AI that of the target's location."""
    return f"wss://{_host(platform, _location(target, environ) if platform.facts.needs_project else None)}"


def _names_service(platform: Platform, url: str) -> bool:
    """Whether a URL ends in the platform's full service path."""
    return re.search(rf"{platform.facts.path_pattern}/?$", url) is not None


def parse_base_url(text: str, where: str) -> SplitResult:
    """The parts of a valid base URL. Errors never quote the URL, which may contain a secret."""
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
        # The port is parsed when it is read, and may be invalid.
        _ = parts.port
        usable = parts.scheme in SCHEMES and _is_host(parts.hostname or "")
    except ValueError:
        usable = False
    if not usable:
        # Without a scheme it has no user and no path, and so no secret.
        example = f"ws://{text}" if re.fullmatch(r"[\w.-]+:\d{1,5}", text) else "ws://127.0.0.1:8765"
        raise UsageError(f"the URL in {where} is not a valid base URL", hint=f"a valid one is {example}")
    return parts._replace(scheme=SCHEMES[parts.scheme])


def _is_host(name: str) -> bool:
    """Whether `name` can be the name or the address of a host: no label is empty or over 63 bytes.

    Characters that IDNA replaces, such as full-width digits, are refused: the host would be another than the one named.
    """
    if name.isascii():
        return all(0 < len(label) < 64 for label in name.removesuffix(".").split("."))
    import unicodedata

    try:
        name.encode("idna")
    except UnicodeError:
        return False
    return unicodedata.normalize("NFKC", name) == name


def _url(base: SplitResult, service_path: str) -> str:
    """A base that ends in a full service path is used as it is; any other path is a prefix."""
    full = any(_names_service(platform, base.path) for platform in Platform)
    path = base.path if full else base.path.rstrip("/") + service_path
    return f"{base.scheme}://{base.netloc}{path}"
