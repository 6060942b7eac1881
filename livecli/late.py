"""Modules of the standard library that a dependency imports and a run hardly ever needs: loaded when it does.

websockets imports `importlib.metadata` for a version number that every release has written down, and what finds a
proxy before it is known whether one is wanted; with all that these import in turn they are a sixth of a start. What
reads lines of source for tracebacks comes with `inspect`, what knows the machine's name with typer. A stand-in takes
their place, and gives way to the module as soon as anybody wants something of it. (The library's own LazyLoader does
the same, and costs more than it saves here.)
"""

from __future__ import annotations

import sys
from importlib import import_module
from types import ModuleType
from typing import Any

LATE = ("importlib.metadata", "urllib.request", "tokenize", "platform")


class StandIn(ModuleType):
    """Under a module's name until the first attribute is asked for; after that for whoever has kept it."""

    def __getattr__(self, name: str) -> Any:
        if sys.modules.get(self.__name__) is self:
            del sys.modules[self.__name__]
        return getattr(import_module(self.__name__), name)


def load_late() -> None:
    """Let these be loaded when they are needed. For the start of a program: a library leaves others' modules alone."""
    for name in LATE:
        parent, _, child = name.rpartition(".")
        if name not in sys.modules:
            sys.modules[name] = StandIn(name)
            if parent:
                setattr(import_module(parent), child, sys.modules[name])
