"""Profiles: values of the user's own config.toml, for what neither an option nor a variable says.

    [default]                       # for every run
    model = "gemini-3.8-live"

    [profile.work]                  # with --profile work, before those of [default]
    project = "my-project"
    location = "europe-west4"

The file is in the user's config folder. Nothing is read from the current folder.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from .. import toml_reader
from ..errors import FileError, UsageError
from ..process.folders import config_folder
from ..process.text_files import parse_text_file
from ..protocol.endpoint import PROFILE_KEYS, Environment, Profile, value
from ..protocol.platform import Platform

NAME = "config.toml"
VARIABLE = "LIVECLI_PROFILE"

Tables = Mapping[str, Mapping[str, str]]
"""The profiles by name, and that of `[default]` under the empty name."""


def path() -> Path:
    """The file of the profiles, which may not exist. Raises FileError where there is no folder for it."""
    return config_folder() / NAME


def load_profile(name: str | None, environ: Environment) -> Profile:
    """The profile of this name, else that of LIVECLI_PROFILE, with the values of `[default]` where it has none.

    Raises UsageError for a profile that does not exist, and FileError, which names the line, for a file that cannot be
    read or understood.
    """
    chosen = name or value(environ, VARIABLE)
    try:
        file = path()
    except FileError:
        if chosen:
            raise
        # Without a home folder there are no profiles.
        return Profile()
    # Path.exists raises OSError for a name that no file can have.
    tables = _tables(file) if os.path.exists(file) else {}  # noqa: PTH110
    default = tables.get("", {})
    if not chosen:
        return Profile(default, dict.fromkeys(default, f"[default] in {NAME}"))
    if chosen not in tables:
        option = "--profile" if name else VARIABLE
        raise UsageError(f"{option}: there is no profile {chosen!r}", hint=_hint(chosen, file, tables))
    own = tables[chosen]
    origins = {key: f"profile {chosen}" if key in own else f"[default] in {NAME}" for key in {**default, **own}}
    return Profile({**default, **own}, origins)


def profile_names() -> list[str]:
    """The profiles of the file; none where it cannot be read."""
    try:
        return sorted(name for name in _tables(path()) if name)
    except FileError:
        return []


def _hint(chosen: str, file: Path, tables: Tables) -> str:
    names = sorted(name for name in tables if name)
    if meant := get_close_matches(chosen, names, 1):
        return f"did you mean {meant[0]}?"
    return f"{file} has {', '.join(names)}" if names else f"write [profile.{chosen}] in {file}"


def _tables(file: Path) -> Tables:
    return parse_text_file(str(file), lambda text: _Reader(text, "a profile").tables(toml_reader.load(text)))


class _Reader(toml_reader.Reader):
    def tables(self, config: dict[str, Any]) -> Tables:
        for key in config:
            if key not in ("default", "profile"):
                self.unknown(key, ["default", "profile"], [key])
        found = {"": self._values(config.get("default", {}), ["default"])}
        for name, table in self.expect(config.get("profile", {}), dict, ["profile"]).items():
            found[name] = self._values(table, ["profile", name])
        return found

    def _values(self, table: Any, path: toml_reader.Path) -> dict[str, str]:
        values = {}
        for key, given in self.expect(table, dict, path).items():
            if key not in PROFILE_KEYS:
                self.unknown(key, PROFILE_KEYS, [*path, key])
            values[key] = self.text(given, [*path, key])
        platforms = [str(platform) for platform in Platform]
        if (platform := values.get("platform", platforms[0])) not in platforms:
            self.wrong([*path, "platform"], f"platform is {platform!r}, not {' or '.join(map(repr, platforms))}")
        return values
