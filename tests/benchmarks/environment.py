"""The virtual environments of the peers, under `.benchmarks/`. Each is made at its first use.

Each peer has its own: google-genai imports aiohttp where it is installed, which slows its start.
"""

from __future__ import annotations

import subprocess
import sys
import venv
from functools import cache
from pathlib import Path

BENCHMARKS = Path(__file__).parents[2] / ".benchmarks"
"""The folder of environments and results, which git ignores."""
PEERS = {"google-genai": "google-genai>=3.4", "websockets": "websockets>=15", "aiohttp": "aiohttp>=3.10"}


@cache
def python_with(peer: str) -> str:
    """The interpreter of the environment of `peer`, in the release that was current when it was made."""
    folder = BENCHMARKS / peer
    python = folder / ("Scripts/python.exe" if sys.platform == "win32" else "bin/python")
    ready = folder / "ready"
    if not ready.exists() or ready.read_text() != PEERS[peer]:
        print(f"installing {peer}", file=sys.stderr)
        venv.create(folder, clear=True, with_pip=True)
        pip = [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
        subprocess.run([*pip, PEERS[peer]], check=True)
        ready.write_text(PEERS[peer])
    return str(python)


def versions() -> dict[str, str]:
    """The versions of the peers. Installs those that are missing."""
    code = "import sys; from importlib.metadata import version; print(version(sys.argv[1]))"
    return {
        peer: subprocess.run(
            [python_with(peer), "-c", code, peer], check=True, capture_output=True, text=True
        ).stdout.strip()
        for peer in PEERS
    }
