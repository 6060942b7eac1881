"""gcloud's credential file and project, read from its files: starting gcloud takes a second.

Credentials themselves are loaded by `adc`.
"""

from __future__ import annotations

import os
from pathlib import Path

from ..protocol.endpoint import Environment, value


def credentials_file(environ: Environment) -> Path:
    """The file that `gcloud auth application-default login` writes. It may not exist."""
    return _folder(environ) / "application_default_credentials.json"


def project(environ: Environment) -> str | None:
    """gcloud's current project: CLOUDSDK_CORE_PROJECT, else that of the active configuration. None without either."""
    return value(environ, "CLOUDSDK_CORE_PROJECT") or _configured_project(environ)


def _configured_project(environ: Environment) -> str | None:
    import configparser

    folder = _folder(environ)
    file = configparser.ConfigParser(interpolation=None)
    try:
        active = value(environ, "CLOUDSDK_ACTIVE_CONFIG_NAME") or (folder / "active_config").read_text("utf-8").strip()
        file.read(folder / "configurations" / f"config_{active}", "utf-8")
    except (OSError, ValueError, configparser.Error):
        return None
    return file.get("core", "project", fallback="").strip() or None


def _folder(environ: Environment) -> Path:
    if folder := value(environ, "CLOUDSDK_CONFIG"):
        return Path(folder)
    if os.name == "nt":
        return Path(value(environ, "APPDATA") or "C:/") / "gcloud"
    return Path(os.path.expanduser("~/.config/gcloud"))  # noqa: PTH111 - Path raises an error without a home folder
