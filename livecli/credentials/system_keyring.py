"""The API key in the system's keyring. The only module that imports keyring, the extra `livecli[keyring]`.

keyring is imported only where the user asked for it, or where the file of `stored_key` says that the key is there:
finding a backend takes longer than opening a session.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from ..errors import AuthError, FileError, LivecliError

SERVICE, USER = "livecli", "api-key"


def backend_name() -> str:
    """The name of the keyring in use. Raises FileError where no keyring is running."""
    library = _library()
    with _keyring_errors(FileError, "the system keyring cannot be opened"):
        backend = library.get_keyring()
    # Backends below this priority store nothing, or store it unencrypted.
    if backend.priority < 1:
        raise FileError(
            "this system has no keyring that is running", hint="`livecli auth login` alone keeps the key in a file"
        )
    return str(backend.name)


def store(secret: str) -> str:
    """Store the key and return the keyring's name. Raises FileError where no keyring is running, or it refuses."""
    name = backend_name()
    with _keyring_errors(FileError, "the system keyring did not store the key"):
        _library().set_password(SERVICE, USER, secret)
    return name


def find() -> str | None:
    """The key; None where the keyring has none. The keyring may ask the user to unlock it. Raises AuthError."""
    with _keyring_errors(AuthError, "the system keyring did not return the key"):
        found = _library().get_password(SERVICE, USER)
    return None if found is None else str(found)


def forget() -> None:
    """Delete the key, if there is one. Raises FileError where the keyring refuses."""
    with _keyring_errors(FileError, "the system keyring did not delete the key"):
        library = _library()
        if library.get_password(SERVICE, USER) is not None:
            library.delete_password(SERVICE, USER)


def _library() -> Any:
    try:
        import keyring
    except ImportError as error:
        from ..process.installer import install_extra_command

        raise FileError(
            "cannot use the system keyring: the package keyring is not installed",
            hint=install_extra_command("keyring"),
        ) from error
    return keyring


@contextmanager
def _keyring_errors(error: type[LivecliError], message: str) -> Iterator[None]:
    """Raise any exception of a backend as `error`, with its class and without its text, which may hold anything."""
    try:
        yield
    except LivecliError as ours:
        raise error(ours.message, hint=ours.hint) from ours
    except Exception as caught:
        hint = "is it unlocked? `livecli auth login` alone keeps the key in a file"
        raise error(f"{message}: {type(caught).__name__}", hint=hint) from caught
