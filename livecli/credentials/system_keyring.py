"""The API key in the system's keyring, if the extra `[keyring]` is installed. Owns keyring.

It is imported only where the user asked for it, or the file of `stored` says that the key is there: finding a backend
takes longer than opening a session.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from ..errors import AuthError, FileError, LivecliError

SERVICE, USER = "livecli", "api-key"


def running() -> str:
    """The name of the keyring that would keep a key. Raises FileError where there is none that keeps anything."""
    library = _library()
    with _translated(FileError, "the system keyring cannot be opened"):
        backend = library.get_keyring()
    if backend.priority < 1:  # those that keep nothing, or keep it in the clear
        raise FileError(
            "this system has no keyring that is running", hint="`livecli auth login` alone keeps the key in a file"
        )
    return str(backend.name)


def keep(secret: str) -> str:
    """Store the key; the keyring's name. Raises FileError as `running` does, and where it does not take the key."""
    name = running()
    with _translated(FileError, "the system keyring did not take the key"):
        _library().set_password(SERVICE, USER, secret)
    return name


def find() -> str | None:
    """The key, or None where the keyring has lost it. May ask the user to unlock it. Raises AuthError."""
    with _translated(AuthError, "the system keyring did not give the key"):
        found = _library().get_password(SERVICE, USER)
    return None if found is None else str(found)


def forget() -> None:
    """Delete the key, if it is there. Raises FileError where the keyring will not."""
    with _translated(FileError, "the system keyring did not forget the key"):
        library = _library()
        if library.get_password(SERVICE, USER) is not None:
            library.delete_password(SERVICE, USER)


def _library() -> Any:
    try:
        import keyring
    except ImportError as error:
        raise FileError(
            "the system keyring is out of reach: the package keyring is not installed",
            hint="pip install 'livecli[keyring]'",
        ) from error
    return keyring


@contextmanager
def _translated(error: type[LivecliError], what: str) -> Iterator[None]:
    """Backends raise whatever their service does; the words may come from anywhere, so that only their kind is told."""
    try:
        yield
    except LivecliError as ours:
        raise error(ours.message, hint=ours.hint) from ours
    except Exception as caught:
        hint = "is it unlocked? `livecli auth login` alone keeps the key in a file"
        raise error(f"{what}: {type(caught).__name__}", hint=hint) from caught
