"""The command that adds a package to the environment of this process, by the program that made the environment."""

from __future__ import annotations

import shlex
import sys
from importlib.util import find_spec
from pathlib import Path


def install_command(package: str) -> str:
    """A command that can be pasted, and installs `package` where livecli can import it."""
    folder = Path(sys.prefix)
    if (folder / "pipx_metadata.json").is_file():
        return f"pipx inject {shlex.quote(folder.name)} {package}"
    python = shlex.quote(sys.executable)
    # An environment of uv has no pip. Its receipt is there where uv keeps the environment as a tool.
    if (folder / "uv-receipt.toml").is_file() or find_spec("pip") is None:
        return f"uv pip install --python {python} {package}"
    return f"{python} -m pip install {package}"
