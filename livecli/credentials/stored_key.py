"""The API key that `auth login` stored: in a file that only the user can read, or in the system keyring.

One file says which: `{"key": "…"}`, or `{"keyring": true}` where the key itself is elsewhere. So replacing a key
is one rename, wherever the old one was, and a user without a stored key pays for one look at the disk. `"host"` is the
host that the key is for, with its port; without it, the key is for Google's hosts.
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
LOGIN_AGAIN = "`livecli auth login` stores it again"
OTHERS = stat.S_IRWXG | stat.S_IRWXO
"""Permission bits of group and others, of which the file has none."""


def exists() -> bool:
    """Whether a key is stored, in the file or in the keyring. One look at the disk."""
    try:
        return key_file().is_file()
    except (FileError, OSError):
        return False


def key_file() -> Path:
    """The file with the key, or a note that the keyring has it. Raises FileError for a user without a home folder."""
    return config_folder() / NAME


def find() -> Credential | None:
    """The stored key; None where there is none. Raises AuthError where it cannot be used, or others can read it."""
    if not exists():
        return None
    path = key_file()
    content = _read(path)
    if content.get("keyring"):
        secret = system_keyring.find()
        if secret is None:
            raise AuthError("the stored key is no longer in the system keyring", hint=LOGIN_AGAIN)
        source, secret = "the stored key in the system keyring", cleaned(PLACE, secret)
    else:
        source, secret = "the stored key", cleaned(f"the key in {path}", str(content["key"]))
    return Credential(source, CredentialKind.KEY, place=PLACE, secret=secret, stored_for=content.get("host"))


def row() -> Source:
    """The stored key as a row of `auth status`. Does not open the keyring."""
    if not exists():
        return Source(PLACE, False, "none")
    path = key_file()
    try:
        content = _read(path)
    except AuthError as error:
        return Source(PLACE, True, f"{shortened(path)}: {error.message.rpartition(': ')[2]}")
    detail = "in the system keyring" if content.get("keyring") else shortened(path)
    return Source(PLACE, True, f"{detail}, for {content['host']}" if "host" in content else detail)


def store(secret: str, *, keyring: bool, host: str | None = None) -> str:
    """Store `secret` in place of any other key, and return its place in words. Raises FileError if that fails.

    `host` is the host that it is for, with its port; None for Google's.
    The file is written as a whole and closed to others from its first moment.
    """
    path = key_file()
    purpose = {"host": host.lower()} if host else {}
    if keyring:
        backend = system_keyring.store(secret)
        _write(path, {"keyring": True, **purpose})
        return f"in the system keyring ({backend})"
    was_in_keyring = exists() and _is_in_keyring(path)
    _write(path, {"key": secret, **purpose})
    if was_in_keyring:
        system_keyring.forget()
    return f"in {shortened(path)}, which only you can read"


def forget() -> bool:
    """Delete the stored key, and the files of interrupted calls of `store`. Returns whether there was a key.

    Raises FileError where it cannot be deleted.
    """
    path, existed = key_file(), exists()
    if existed and _is_in_keyring(path):
        system_keyring.forget()
    try:
        path.unlink(missing_ok=True)
        # Each of these files contains a key, too.
        for file in temporary_files(path):
            file.unlink(missing_ok=True)
    except OSError as error:
        raise FileError(f"cannot remove {path}: {error.strerror}") from error
    return existed


def shortened(path: Path) -> str:
    """`path` with the home folder as `~`."""
    home = os.environ.get("HOME")
    return f"~{str(path)[len(home) :]}" if home and path.is_relative_to(home) else str(path)


def _is_in_keyring(path: Path) -> bool:
    """Whether the key is in the keyring. The file may be damaged, as it is about to be replaced or removed."""
    try:
        content = json.loads(path.read_bytes())
    except (OSError, ValueError, RecursionError):
        return False
    return isinstance(content, dict) and content.get("keyring") is True


def _read(path: Path) -> dict[str, Any]:
    """The content of the file: `key` with the key, or `keyring` with True. Raises AuthError without quoting it."""
    try:
        with path.open("rb") as file:
            content = json.loads(file.read(1 << 16))
            status = os.fstat(file.fileno())
    except OSError as error:
        raise AuthError(f"the stored key cannot be read from {path}: {error.strerror}", hint=LOGIN_AGAIN) from error
    except (ValueError, RecursionError) as error:
        raise AuthError(f"the stored key cannot be read from {path}: it is damaged", hint=LOGIN_AGAIN) from error
    if not (isinstance(content, dict) and _is_sound(content)):
        raise AuthError(f"the stored key cannot be read from {path}: it is damaged", hint=LOGIN_AGAIN)
    if "key" in content:
        _check_private(status, path)
    return content


def _is_sound(content: dict[str, Any]) -> bool:
    has_key = content.get("keyring") is True or isinstance(content.get("key"), str)
    return has_key and isinstance(content.get("host", ""), str)


def _check_private(status: os.stat_result, path: Path) -> None:
    """Raise AuthError for a file that others can read, own or replace, as ssh does: they may know or choose the key.

    On Windows the permission bits mean nothing, and the user's folder is closed to others.
    """
    if os.name == "nt":
        return
    if status.st_mode & OTHERS:
        why, hint = "others can read it", f"chmod 600 {path} (and replace the key, if others use this machine)"
    elif status.st_uid != os.geteuid():
        why, hint = f"it belongs to another user ({status.st_uid})", f"rm {path}, and then {LOGIN_AGAIN}"
    elif _is_open_to_all(path.parent):
        why, hint = "every user may write in its folder", f"chmod 700 {path.parent}"
    else:
        return
    raise AuthError(f"the stored key is not used from {path}: {why}", hint=hint)


def _is_open_to_all(folder: Path) -> bool:
    """Whether every user may replace the files in `folder`. A link is followed."""
    return os.name != "nt" and bool(folder.stat().st_mode & stat.S_IWOTH)


def _write(path: Path, content: dict[str, Any]) -> None:
    folder = path.parent
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        # The folder that a link names may serve other purposes, so its permissions stay.
        if not folder.is_symlink():
            folder.chmod(0o700)
        if _is_open_to_all(folder):
            raise FileError(f"the key is not stored in {path}: every user may write there", hint=f"chmod 700 {folder}")
        write_atomically(path, json.dumps(content).encode() + b"\n")
    except OSError as error:
        raise FileError(f"cannot store the key in {path}: {error.strerror}") from error
