"""The command that adds packages to the environment of this process, by the program that made the environment."""

from __future__ import annotations

import shlex
import sys
from importlib import metadata
from importlib.util import find_spec
from pathlib import Path


def install_command(*packages: str) -> str:
    """A command that can be pasted, and installs `packages` where livecli can import them."""
    folder = Path(sys.prefix)
    names = shlex.join(packages)
    if (folder / "pipx_metadata.json").is_file():
        return f"pipx inject {shlex.quote(folder.name)} {names}"
    python = shlex.quote(sys.executable)
    # An environment of uv has no pip. Its receipt is there where uv keeps the environment as a tool.
    if (folder / "uv-receipt.toml").is_file() or find_spec("pip") is None:
        return f"uv pip install --python {python} {names}"
    return f"{python} -m pip install {names}"


def install_extra_command(extra: str) -> str:
    """As `install_command`, for all packages of an extra of livecli, with the versions that it takes."""
    return install_command(*extra_requirements(extra))


def extra_requirements(extra: str) -> list[str]:
    """The packages of an extra of livecli, such as "miniaudio>=1.60"."""
    requirements = (line.partition(";") for line in metadata.requires("livecli") or ())
    names = (f"extra == '{extra}'", f'extra == "{extra}"')
    return [package.strip() for package, _, marker in requirements if marker.strip() in names]
