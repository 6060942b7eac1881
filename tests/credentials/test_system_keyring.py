"""The key in a system keyring, on a backend in memory."""

from __future__ import annotations

import sys

import keyring
import keyring.backends.fail
import pytest

from livecli.credentials import system_keyring
from livecli.errors import AuthError, FileError
from livecli.process.installer import install_extra_command

SECRET = "not-to-be-seen"


class Memory(keyring.backend.KeyringBackend):
    """A keyring in memory. `error` is raised by each call, if there is one."""

    priority = 5
    name = "Memory"

    def __init__(self) -> None:
        super().__init__()
        self.passwords: dict[tuple[str, str], str] = {}
        self.error: Exception | None = None

    def check(self) -> None:
        if self.error:
            raise self.error

    def get_password(self, service: str, username: str) -> str | None:
        self.check()
        return self.passwords.get((service, username))

    def set_password(self, service: str, username: str, password: str) -> None:
        self.check()
        self.passwords[service, username] = password

    def delete_password(self, service: str, username: str) -> None:
        self.check()
        del self.passwords[service, username]


@pytest.fixture
def memory(monkeypatch: pytest.MonkeyPatch) -> Memory:
    backend = Memory()
    monkeypatch.setattr(keyring.core, "_keyring_backend", backend)
    return backend


def test_a_key_is_stored_found_and_deleted(memory: Memory) -> None:
    assert system_keyring.find() is None
    assert system_keyring.store(SECRET) == "Memory"
    assert memory.passwords == {("livecli", "api-key"): SECRET}
    assert system_keyring.find() == SECRET
    system_keyring.forget()
    assert not memory.passwords


def test_deleting_no_key_is_no_error(memory: Memory) -> None:
    system_keyring.forget()
    assert not memory.passwords


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: system_keyring.store(SECRET), FileError, "the system keyring did not store the key: RuntimeError"),
        (system_keyring.find, AuthError, "the system keyring did not return the key: RuntimeError"),
        (system_keyring.forget, FileError, "the system keyring did not delete the key: RuntimeError"),
    ],
)
def test_the_class_of_a_backends_error_is_named_and_not_its_text(memory, call, error, message) -> None:
    memory.error = RuntimeError(f"{SECRET} could not be decrypted")
    with pytest.raises(error) as caught:
        call()
    assert caught.value.message == message
    assert "is it unlocked?" in caught.value.hint


@pytest.mark.parametrize("call", [system_keyring.backend_name, lambda: system_keyring.store(SECRET)])
def test_a_backend_that_stores_nothing_is_no_keyring(monkeypatch: pytest.MonkeyPatch, call) -> None:
    monkeypatch.setattr(keyring.core, "_keyring_backend", keyring.backends.fail.Keyring())
    with pytest.raises(FileError, match="this system has no keyring that is running"):
        call()


@pytest.mark.parametrize(
    ("call", "error"),
    [
        (system_keyring.backend_name, FileError),
        (lambda: system_keyring.store(SECRET), FileError),
        (system_keyring.find, AuthError),
        (system_keyring.forget, FileError),
    ],
)
def test_without_the_package_the_extra_is_named(monkeypatch: pytest.MonkeyPatch, call, error) -> None:
    monkeypatch.setitem(sys.modules, "keyring", None)
    with pytest.raises(error, match="the package keyring is not installed") as caught:
        call()
    assert caught.value.hint == install_extra_command("keyring")
