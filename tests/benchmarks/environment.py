"""Where the peers live: environments under `.benchmarks/`, made when they are first wanted.

Each has its own: google-genai loads aiohttp where it finds it, and would pay for that at every start.
"""

from __future__ import annotations

import subprocess
import sys
import venv
from functools import cache
from pathlib import Path

BENCHMARKS = Path(__file__).parents[2] / ".benchmarks"
"""What the benchmarks leave behind; not for git."""
PEERS = {"google-genai": "google-genai>=3.4", "websockets": "websockets>=15", "aiohttp": "aiohttp>=3.10"}


@cache
def python_with(peer: str) -> str:
    """The interpreter of an environment with this peer, in the release that was current when it was made."""
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
    """Of the peers, all of which are installed then."""
    code = "import sys; from importlib.metadata import version; print(version(sys.argv[1]))"
    return {
        peer: subprocess.run(
            [python_with(peer), "-c", code, peer], check=True, capture_output=True, text=True
        ).stdout.strip()
        for peer in PEERS
    }
