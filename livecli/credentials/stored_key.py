"""The API key that `auth login` stored: in a file that only the user can read, or in the system keyring.

One file says which: `{"key": "…"}`, or `{"keyring": true}` where the key itself is elsewhere. So storing it anew is one
rename, whichever it was before, and whoever has no stored key pays for one look at the disk.
"""

from __future__ import annotations

import json
import os
import stat
from pathlib import Path
from typing import Any

from ..errors import AuthError, FileError
from ..process.folders import config_folder, temporary_files, write_atomically
from . import system_keyring
from .credential import Credential, CredentialKind, Source, cleaned

PLACE = "stored key"
NAME = "api-key.json"
LOGIN_AGAIN = "`livecli auth login` stores it anew"
OTHERS = stat.S_IRWXG | stat.S_IRWXO
"""What group and world may do with the file: nothing."""


def is_there() -> bool:
    """Whether a key is stored, wherever. One look at the disk."""
    try:
        return key_file().is_file()
    except (FileError, OSError):
        return False


def key_file() -> Path:
    """Where it is said which key is stored. Raises FileError for a user without a home."""
    return config_folder() / NAME


def find() -> Credential | None:
    """The stored key. Raises AuthError where there is one that cannot be used, or that others can read."""
    if not is_there():
        return None
    path = key_file()
    kept = _read(path)
    if kept.get("keyring"):
        secret = system_keyring.find()
        if secret is None:
            raise AuthError("the system keyring has the stored key no more", hint=LOGIN_AGAIN)
        return Credential(
            "the stored key in the system keyring", CredentialKind.KEY, place=PLACE, secret=cleaned(PLACE, secret)
        )
    return Credential(
        "the stored key", CredentialKind.KEY, place=PLACE, secret=cleaned(f"the key in {path}", str(kept["key"]))
    )


def row() -> Source:
    """The stored key as a row of `auth status`. No keyring is opened for it."""
    if not is_there():
        return Source(PLACE, False, "none")
    path = key_file()
    try:
        kept = _read(path)
    except AuthError as error:
        return Source(PLACE, True, f"{shortened(path)}: {error.message.rpartition(': ')[2]}")
    return Source(PLACE, True, "in the system keyring" if kept.get("keyring") else shortened(path))


def store(secret: str, *, keyring: bool) -> str:
    """Keep `secret`, in place of any other; where it is now, in words. Raises FileError where it cannot be kept.

    A file is complete and closed to others before it has its name: no moment shows half a key, or shows it to anybody.
    """
    path = key_file()
    if keyring:
        backend = system_keyring.keep(secret)
        _write(path, {"keyring": True})
        return f"in the system keyring ({backend})"
    was_in_keyring = is_there() and _is_in_keyring(path)
    _write(path, {"key": secret})
    if was_in_keyring:
        system_keyring.forget()
    return f"in {shortened(path)}, which only you can read"


def forget() -> bool:
    """Forget the stored key, and whatever an interrupted `store` left; whether there was one. Raises FileError."""
    path, was_there = key_file(), is_there()
    if was_there and _is_in_keyring(path):
        system_keyring.forget()
    try:
        path.unlink(missing_ok=True)
        for left in temporary_files(path):  # each holds a key, too
            left.unlink(missing_ok=True)
    except OSError as error:
        raise FileError(f"cannot remove {path}: {error.strerror}") from error
    return was_there


def shortened(path: Path) -> str:
    """`path` with the home folder as `~`."""
    home = os.environ.get("HOME")
    return f"~{str(path)[len(home) :]}" if home and path.is_relative_to(home) else str(path)


def _is_in_keyring(path: Path) -> bool:
    """Of a file that may be damaged: it is about to be replaced or removed."""
    try:
        kept = json.loads(path.read_bytes())
    except (OSError, ValueError, RecursionError):
        return False
    return isinstance(kept, dict) and kept.get("keyring") is True


def _read(path: Path) -> dict[str, Any]:
    """What the file says, with a key in it or the word that the keyring has it. Raises AuthError; quotes nothing."""
    try:
        with path.open("rb") as file:
            kept = json.loads(file.read(1 << 16))
            mode = os.fstat(file.fileno()).st_mode
    except OSError as error:
        raise AuthError(f"the stored key cannot be read from {path}: {error.strerror}", hint=LOGIN_AGAIN) from error
    except (ValueError, RecursionError) as error:
        raise AuthError(f"the stored key cannot be read from {path}: it is damaged", hint=LOGIN_AGAIN) from error
    if not isinstance(kept, dict) or not (kept.get("keyring") is True or isinstance(kept.get("key"), str)):
        raise AuthError(f"the stored key cannot be read from {path}: it is damaged", hint=LOGIN_AGAIN)
    if "key" in kept:
        _refuse_if_others_can_read(mode, path)
    return kept


def _refuse_if_others_can_read(mode: int, path: Path) -> None:
    """As ssh does: a key that others can read may be known to them, and whoever opened it must be told.

    On Windows the bits say nothing; there the user's own folder is closed to others.
    """
    if os.name != "nt" and mode & OTHERS:
        raise AuthError(
            f"the stored key is not used from {path}: others can read it",
            hint=f"chmod 600 {path} (and replace the key, if anybody else uses this machine)",
        )


def _write(path: Path, kept: dict[str, Any]) -> None:
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        path.parent.chmod(0o700)
        write_atomically(path, json.dumps(kept).encode() + b"\n")
    except OSError as error:
        raise FileError(f"cannot store the key in {path}: {error.strerror}") from error
