"""Breaks a method in a process that a test starts: it raises ZeroDivisionError, as a bug in livecli would."""

from __future__ import annotations

from pathlib import Path

from tests.terminal import ROOT

BREAKING = """
import {module} as module

async def broken(self, *words, **named):
    raise ZeroDivisionError("a bug")

module.{name} = broken
"""


def breaking(folder: Path, module: str, name: str) -> dict[str, str]:
    """The environment in which the coroutine method `name` of `module` fails, through a file in `folder`."""
    folder.mkdir()
    (folder / "sitecustomize.py").write_text(BREAKING.format(module=module, name=name))
    return {"PYTHONPATH": f"{folder}:{ROOT}"}
