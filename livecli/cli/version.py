"""`livecli --version --json`: the versions of livecli and of what it runs on, for a report of a bug."""

from __future__ import annotations

import json
import platform
import re
from importlib import metadata

from .. import __version__

SCHEMA = "livecli/version@1"

FOR_DEVELOPERS = "dev"
"""The extra that only those who change livecli install."""


def version_json() -> str:
    """One object of JSON: livecli, Python, the system, each dependency and libsndfile, extras, and the models' date.

    The version of what is not installed is null. The date is that of the newest evidence in the table of models.
    """
    from ..media.decoding import libsndfile_version
    from ..protocol.models import latest_evidence

    dependencies, extras = _requirements()
    versions = {name: _version(name) for names in (dependencies, *extras.values()) for name in names}
    return json.dumps(
        {
            "schema": SCHEMA,
            "livecli": __version__,
            "python": platform.python_version(),
            "platform": platform.platform(),
            "websockets": versions.get("websockets"),
            "libsndfile": libsndfile_version(),
            "dependencies": dict(sorted(versions.items())),
            "extras": sorted(name for name, names in extras.items() if all(versions[each] for each in names)),
            "models": latest_evidence(),
        }
    )


def _requirements() -> tuple[list[str], dict[str, list[str]]]:
    """The names of the packages that livecli requires, and those of each extra. Both are empty if it is no package."""
    dependencies: list[str] = []
    extras: dict[str, list[str]] = {}
    try:
        requirements = metadata.requires("livecli") or []
    except metadata.PackageNotFoundError:
        requirements = []
    for requirement in requirements:
        name = re.match(r"[\w.-]+", requirement)
        extra = re.search(r"extra == ['\"]([\w.-]+)", requirement)
        if name and not extra:
            dependencies.append(name[0])
        elif name and extra and extra[1] != FOR_DEVELOPERS:
            extras.setdefault(extra[1], []).append(name[0])
    return dependencies, extras


def _version(name: str) -> str | None:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None
