"""Where the peers live: an environment of their own under `.benchmarks/`, made when it is first wanted."""

from __future__ import annotations

import subprocess
import sys
import venv
from pathlib import Path

BENCHMARKS = Path(__file__).parents[2] / ".benchmarks"
"""What the benchmarks leave behind; not for git."""
PEERS = ("google-genai>=3.4", "aiohttp>=3.10", "websockets>=15")


def peers_python() -> str:
    """The interpreter of an environment that has the peers, in their current releases when it was made."""
    folder = BENCHMARKS / "peers"
    python = folder / ("Scripts/python.exe" if sys.platform == "win32" else "bin/python")
    ready = folder / "ready"
    if not ready.exists() or ready.read_text() != "\n".join(PEERS):
        print("installing the peers", file=sys.stderr)
        venv.create(folder, clear=True, with_pip=True)
        pip = [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
        subprocess.run([*pip, *PEERS], check=True)
        ready.write_text("\n".join(PEERS))
    return str(python)


def versions(python: str) -> dict[str, str]:
    """What is installed there of PEERS."""
    names = [requirement.partition(">")[0] for requirement in PEERS]
    code = f"from importlib.metadata import version\nfor n in {names!r}: print(n, version(n))"
    said = subprocess.run([python, "-c", code], check=True, capture_output=True, text=True).stdout
    return dict(line.split() for line in said.splitlines())
