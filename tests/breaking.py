"""A bug of our own in a process that a test starts: a method that raises ZeroDivisionError."""

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
    """The environment in which the coroutine method `name` of `module` is broken: Python runs what is in `folder`."""
    folder.mkdir()
    (folder / "sitecustomize.py").write_text(BREAKING.format(module=module, name=name))
    return {"PYTHONPATH": f"{folder}:{ROOT}"}
