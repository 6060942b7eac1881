"""Modules of the standard library that a dependency imports and a run hardly ever needs: loaded when it does.

websockets imports `importlib.metadata` for a version number that every release has written down, and what finds a
proxy before it is known whether one is wanted; with all that these import in turn they are a sixth of a start. What
reads lines of source for tracebacks comes with `inspect`, what knows the machine's name with typer. A stand-in takes
their place, and gives way to the module as soon as anybody wants something of it. (The library's own LazyLoader does
the same, and costs more than it saves here.)
"""

from __future__ import annotations

import os
import sys
from functools import partial
from importlib import import_module
from types import ModuleType
from typing import Any

LATE: dict[str, tuple[str, ...]] = {
    "difflib": ("get_close_matches",),
    "importlib.metadata": (),
    "json": (),
    "locale": (),
    "platform": (),
    "random": (),
    "secrets": (),
    "shutil": ("get_terminal_size",),
    "textwrap": (),
    "tokenize": (),
    "urllib.request": (),
}
"""With the functions of each that are taken from it long before they are called."""
PACKAGES = ("importlib.metadata", "json")
KNOWN: dict[str, dict[str, Any]] = {
    "secrets": {"token_bytes": os.urandom},  # for a handshake
    "platform": {"system": lambda: os.uname().sysname} if hasattr(os, "uname") else {},  # `uuid` asks, as it is loaded
}
"""What is there without any of it: that is all that these do."""


class StandIn(ModuleType):
    """Under a module's name until an attribute is asked for that it has not; after that for whoever has kept it."""

    def __getattr__(self, name: str) -> Any:
        if name == "__path__" and self.__name__ not in PACKAGES:  # who imports a name from it asks that first
            raise AttributeError(name)
        if name in LATE[self.__name__]:
            return partial(self._call, name)
        return getattr(self._module, name)

    def _call(self, name: str, *args: Any, **options: Any) -> Any:
        return getattr(self._module, name)(*args, **options)

    @property
    def _module(self) -> ModuleType:
        if sys.modules.get(self.__name__) is self:
            del sys.modules[self.__name__]
        return import_module(self.__name__)


def load_late() -> None:
    """Let these be loaded when they are needed. For the start of a program: a library leaves others' modules alone."""
    for name in LATE:
        parent, _, child = name.rpartition(".")
        if name not in sys.modules:
            sys.modules[name] = StandIn(name)
            vars(sys.modules[name]).update(KNOWN.get(name, {}))
            if parent:
                setattr(import_module(parent), child, sys.modules[name])
