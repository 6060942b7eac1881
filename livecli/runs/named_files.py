"""The files that options name, and the check that none of them is overwritten while it is still needed."""

from __future__ import annotations

import os
import stat
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from ..errors import UsageError
from ..media.reply import partial_path

if TYPE_CHECKING:
    from .request import Request

Identity = tuple[int, int] | str | None
"""The identity of a file, whatever its name: device and number, or its path where it does not exist yet.

None for devices, pipes and folders, which nothing overwrites.
"""


@dataclass(frozen=True)
class NamedFiles:
    """The files that a run reads, and those that it writes beside its replies, each with the option that names it."""

    read: Sequence[tuple[str, str]] = ()
    written: Sequence[tuple[str, str]] = ()

    def check(self, requests: Sequence[Request] = ()) -> None:
        """Raise UsageError where the run would overwrite a file that it reads, or write one for two purposes.

        The replies of `requests` are compared with their inputs elsewhere.
        """
        needed = {_identity(path): f"the file of {option}" for option, path in self.read}
        # Most runs write nothing beside their replies, of which there may be thousands.
        for request in requests if self.written else ():
            needed[_input_identity(request.input)] = f"the input {request.name}"
        for option, path in self.written:
            _refuse(needed, path, f"{option} {path}", hint="name another file")
            needed[_identity(path)] = f"the file of {option}"
        for reply in (request.reply for request in requests if needed):
            for path in (reply, str(partial_path(Path(reply)))):
                _refuse(needed, path, f"the reply {reply}", hint="-o names another file")


def _refuse(needed: Mapping[Identity, str], path: str, name: str, *, hint: str) -> None:
    identity = _identity(path)
    if identity is not None and identity in needed:
        raise UsageError(f"{name} would overwrite {needed[identity]}", hint=hint)


def _input_identity(name: str | None) -> Identity:
    """The identity of an input, "-" being standard input and None the bundled sample or a text."""
    if name != "-":
        return None if name is None else _identity(name)
    try:
        return _identity_of(os.fstat(sys.stdin.fileno()))
    except (AttributeError, OSError, ValueError):
        # Standard input is closed, or an object without a descriptor.
        return None


def _identity(path: str) -> Identity:
    """The identity of a file, "-" being none."""
    try:
        return _identity_of(Path(path).stat())
    except (OSError, ValueError):
        # A path with a zero byte is that of no file.
        return None if path == "-" or "\0" in path else os.path.realpath(path)


def _identity_of(status: os.stat_result) -> Identity:
    return (status.st_dev, status.st_ino) if stat.S_ISREG(status.st_mode) else None
