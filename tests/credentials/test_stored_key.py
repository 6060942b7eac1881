"""The key that `auth login` stored: where it stands among others, who may read it, and what a crash leaves of it."""

from __future__ import annotations

import json
import os
import stat
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import keyring
import keyring.backend
import keyring.backends.fail
import keyring.core
import keyring.errors
import pytest

from livecli.credentials import stored_key
from livecli.credentials.decision import bearer, decide, resolve
from livecli.errors import AuthError, FileError
from livecli.process import folders
from livecli.process.installer import install_extra_command
from livecli.protocol.endpoint import Target
from livecli.protocol.models import Platform
from tests.test_start_up import loaded_by

V, D = Platform.VERTEX, Platform.DEVELOPER
KEY, STORED, TOKEN = "AIza-of-the-environment", "AIza-that-was-stored", "ya29.the-token"
LOOPBACK = "ws://127.0.0.1:8765"
posix = pytest.mark.skipif(os.name == "nt", reason="Windows has no such bits")


@pytest.fixture
def kept() -> Path:
    """A stored key, and where."""
    stored_key.store(STORED, keyring=False)
    return stored_key.key_file()


@pytest.mark.parametrize(
    ("environ", "wanted", "platform", "headers"),
    [
        ({}, Target(), D, {"x-goog-api-key": STORED}),
        ({}, Target(platform=D), D, {"x-goog-api-key": STORED}),
        ({}, Target(platform=V), V, {"x-goog-api-key": STORED}),
        ({}, Target(project="p"), V, {"x-goog-api-key": STORED}),
        ({"GOOGLE_CLOUD_PROJECT": "p"}, Target(platform=D), D, {"x-goog-api-key": STORED}),
        ({"GOOGLE_GENAI_USE_VERTEXAI": "false"}, Target(), D, {"x-goog-api-key": STORED}),
        ({"GEMINI_API_KEY": KEY}, Target(), D, {"x-goog-api-key": KEY}),
        ({"GEMINI_API_KEY": KEY}, Target(project="p"), V, {"x-goog-api-key": KEY}),
        ({"LIVECLI_ACCESS_TOKEN": TOKEN}, Target(project="p"), V, {"Authorization": f"Bearer {TOKEN}"}),
        ({"LIVECLI_ACCESS_TOKEN": TOKEN}, Target(platform=D), D, {"Authorization": f"Bearer {TOKEN}"}),
        ({"LIVECLI_ACCESS_TOKEN": "auth_tokens/x"}, Target(), D, {"Authorization": "Token auth_tokens/x"}),
        ({}, Target(base_url=LOOPBACK), D, {"x-goog-api-key": STORED}),
        ({}, Target(local=True), V, {}),
    ],
)
def test_which_credential(
    kept: Path, environ: dict[str, str], wanted: Target, platform: Platform, headers: dict[str, str]
) -> None:
    endpoint, credential = resolve(wanted, environ)
    assert endpoint.platform is platform
    assert credential.headers() == headers
    assert STORED not in repr(credential) + repr(decide(wanted, environ)) + endpoint.url


def test_a_named_file_beats_it_and_gcloud_s_does_not(
    kept: Path, service_account: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    named = service_account()
    assert resolve(Target(), os.environ)[1].kind == "adc"
    gclouds = Path(os.environ["CLOUDSDK_CONFIG"]) / "application_default_credentials.json"
    gclouds.parent.mkdir()
    named.rename(gclouds)
    monkeypatch.delenv("GOOGLE_APPLICATION_CREDENTIALS")
    assert resolve(Target(), os.environ)[1].place == stored_key.PLACE
    assert resolve(Target(project="p"), os.environ)[1].kind == "adc", "a bearer token comes first on Vertex AI"


def test_nobody_waits_for_a_metadata_server(kept: Path, stand_in: Any) -> None:
    environ = {"GCE_METADATA_HOST": stand_in.host}
    assert resolve(Target(project="p"), environ)[1].place == stored_key.PLACE
    with pytest.raises(AuthError, match="no bearer token"):
        bearer(environ).bearer()
    assert not stand_in.asked


@posix
def test_only_the_user_can_read_it_whatever_the_umask(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        said = stored_key.store(STORED, keyring=False)
    finally:
        os.umask(before)
    path = stored_key.key_file()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    assert said == "in ~/.config/livecli/api-key.json, which only you can read"


@posix
@pytest.mark.parametrize("mode", [0o640, 0o604, 0o620, 0o666])
def test_one_that_others_can_read_is_not_used(kept: Path, mode: int) -> None:
    kept.chmod(mode)
    with pytest.raises(AuthError, match="others can read it") as caught:
        resolve(Target(), {})
    assert f"chmod 600 {kept}" in (caught.value.hint or "")
    row = next(source for source in decide(Target(), {}).sources if source.source == stored_key.PLACE)
    assert (row.found, row.used, row.detail) == (True, False, "~/.config/livecli/api-key.json: others can read it")
    assert resolve(Target(), {"GEMINI_API_KEY": KEY})[1].headers() == {"x-goog-api-key": KEY}


@posix
def test_one_of_another_user_is_not_used(kept: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    owner = os.geteuid()
    monkeypatch.setattr(os, "geteuid", lambda: owner + 1)
    with pytest.raises(AuthError, match=rf"it belongs to another user \({owner}\)") as caught:
        resolve(Target(), {})
    assert caught.value.hint == f"rm {kept}, and then {stored_key.LOGIN_AGAIN}"
    row = next(source for source in decide(Target(), {}).sources if source.source == stored_key.PLACE)
    assert (row.found, row.used) == (True, False)


@posix
@pytest.mark.parametrize("linked", [False, True])
def test_one_in_a_folder_in_which_every_user_may_write_is_not_used(kept: Path, linked: bool) -> None:
    folder = kept.parent
    if linked:
        folder.rename(folder.with_name("elsewhere"))
        folder.symlink_to("elsewhere")
    folder.chmod(0o703)
    with pytest.raises(AuthError, match="every user may write in its folder") as caught:
        resolve(Target(), {})
    assert caught.value.hint == f"chmod 700 {folder}"
    folder.chmod(0o770)
    assert resolve(Target(), {})[1].headers() == {"x-goog-api-key": STORED}


@posix
def test_the_permissions_of_a_folder_that_a_link_names_are_not_changed(tmp_path: Path) -> None:
    target = tmp_path / "dotfiles"
    target.mkdir()
    target.chmod(0o755)
    folder = stored_key.key_file().parent
    folder.parent.mkdir()
    folder.symlink_to(target)
    stored_key.store(STORED, keyring=False)
    assert stat.S_IMODE(target.stat().st_mode) == 0o755
    assert resolve(Target(), {})[1].headers() == {"x-goog-api-key": STORED}
    target.chmod(0o757)
    with pytest.raises(FileError, match="every user may write there") as caught:
        stored_key.store("AIza-other", keyring=False)
    assert caught.value.hint == f"chmod 700 {folder}"
    assert stat.S_IMODE(target.stat().st_mode) == 0o757
    assert [path.name for path in target.iterdir()] == ["api-key.json"]


@pytest.mark.parametrize("text", ["", "{", "[]", "{}", '{"key": 7}', '{"keyring": 1}', "\x00", "[" * 60_000])
def test_a_damaged_one_says_how_to_mend_it(kept: Path, text: str) -> None:
    kept.write_text(text)
    with pytest.raises(AuthError, match="damaged") as caught:
        resolve(Target(), {})
    assert "livecli auth login" in (caught.value.hint or "")
    assert stored_key.forget()
    assert not kept.exists()


def test_a_stored_line_break_is_refused_unquoted(kept: Path) -> None:
    kept.write_text(json.dumps({"key": "AIza-\r\nX-Evil: 1"}))
    with pytest.raises(AuthError) as caught:
        resolve(Target(), {})
    assert "Evil" not in caught.value.message


# --- what a crash leaves

KILLED = """
import os, signal, sys
from livecli.credentials import stored_key
os.umask(0)
os.fsync = lambda descriptor: os.kill(os.getpid(), signal.SIGKILL)
stored_key.store("AIza-half-written", keyring=False)
"""


@posix
def test_killed_while_it_writes(kept: Path) -> None:
    ran = subprocess.run([sys.executable, "-c", KILLED], timeout=30, env={**os.environ})
    assert ran.returncode == -9
    assert resolve(Target(), {})[1].headers() == {"x-goog-api-key": STORED}
    [left] = [path for path in kept.parent.iterdir() if path != kept]
    assert stat.S_IMODE(left.stat().st_mode) == 0o600
    assert stored_key.forget()
    assert not list(kept.parent.iterdir()), "what is left of the other key goes, too"


@posix
def test_the_next_login_removes_what_a_killed_one_left(kept: Path) -> None:
    subprocess.run([sys.executable, "-c", KILLED], timeout=30, env={**os.environ})
    assert len(list(kept.parent.iterdir())) == 2
    stored_key.store("AIza-new", keyring=False)
    assert list(kept.parent.iterdir()) == [kept]


def test_a_full_disk_leaves_the_other_key(kept: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(FileError, match="No space left"):
        stored_key.store("AIza-other", keyring=False)
    assert resolve(Target(), {})[1].headers() == {"x-goog-api-key": STORED}
    assert list(kept.parent.iterdir()) == [kept]


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere platformdirs says it alone")
@pytest.mark.parametrize("named", [None, "", "relative", "/etc/xdg-of-mine"])
def test_the_folder_is_the_one_platformdirs_names(named: str | None, monkeypatch: pytest.MonkeyPatch) -> None:
    import platformdirs

    if named is not None:
        monkeypatch.setenv("XDG_CONFIG_HOME", named)
    assert folders.config_folder() == platformdirs.user_config_path("livecli", appauthor=False)


def test_without_a_home_there_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    def expanduser(path: Path) -> Path:
        raise RuntimeError("could not determine the home")

    monkeypatch.setattr(Path, "expanduser", expanduser)
    assert not stored_key.exists()
    assert stored_key.row().detail == "none"
    with pytest.raises(FileError, match="no home folder"):
        stored_key.store(STORED, keyring=False)


# --- the system keyring


class Fake(keyring.backend.KeyringBackend):
    """A keyring in memory."""

    priority = 9
    name = "a keyring of the test's"

    def __init__(self) -> None:
        super().__init__()
        self.kept: dict[tuple[str, str], str] = {}
        self.locked = False

    def get_password(self, service: str, username: str) -> str | None:
        if self.locked:
            raise keyring.errors.KeyringLocked(f"the secret {STORED} is locked")
        return self.kept.get((service, username))

    def set_password(self, service: str, username: str, password: str) -> None:
        self.get_password(service, username)
        self.kept[service, username] = password

    def delete_password(self, service: str, username: str) -> None:
        del self.kept[service, username]


@pytest.fixture
def fake(monkeypatch: pytest.MonkeyPatch) -> Iterator[Fake]:
    backend = Fake()
    monkeypatch.setattr(keyring.core, "_keyring_backend", backend)
    return backend


def test_in_the_keyring(fake: Fake) -> None:
    assert stored_key.store(STORED, keyring=True) == "in the system keyring (a keyring of the test's)"
    assert STORED not in stored_key.key_file().read_text()
    endpoint, credential = resolve(Target(), {})
    assert (endpoint.platform, credential.headers()) == (D, {"x-goog-api-key": STORED})
    assert credential.source == "the stored key in the system keyring"
    row = next(source for source in decide(Target(), {}).sources if source.source == stored_key.PLACE)
    assert (row.detail, row.used) == ("in the system keyring", True)
    assert stored_key.forget()
    assert not fake.kept
    assert not stored_key.exists()


def test_storing_it_in_a_file_takes_it_out_of_the_keyring(fake: Fake) -> None:
    stored_key.store(STORED, keyring=True)
    stored_key.store("AIza-new", keyring=False)
    assert not fake.kept
    assert resolve(Target(), {})[1].headers() == {"x-goog-api-key": "AIza-new"}
    stored_key.store(STORED, keyring=True)
    assert "AIza-new" not in stored_key.key_file().read_text()


def test_a_keyring_that_lost_it_or_is_locked(fake: Fake) -> None:
    stored_key.store(STORED, keyring=True)
    fake.locked = True
    with pytest.raises(AuthError, match="KeyringLocked") as caught:
        resolve(Target(), {})
    assert STORED not in caught.value.message
    with pytest.raises(FileError, match="did not delete the key"):
        stored_key.forget()
    fake.locked = False
    fake.kept.clear()
    with pytest.raises(AuthError, match="no longer in the system keyring"):
        resolve(Target(), {})
    assert stored_key.forget(), "what points at nothing goes, too"


def test_no_keyring_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keyring.core, "_keyring_backend", keyring.backends.fail.Keyring())
    with pytest.raises(FileError, match="no keyring that is running"):
        stored_key.store(STORED, keyring=True)
    assert not stored_key.exists()


def test_keyring_is_not_installed(fake: Fake, monkeypatch: pytest.MonkeyPatch) -> None:
    stored_key.store(STORED, keyring=True)
    monkeypatch.setitem(sys.modules, "keyring", None)
    with pytest.raises(FileError, match="not installed") as caught:
        stored_key.store(STORED, keyring=True)
    assert caught.value.hint == install_extra_command("keyring")
    with pytest.raises(AuthError, match="not installed"):
        resolve(Target(), {})


def test_a_key_in_a_file_loads_no_keyring(kept: Path) -> None:
    imports = "from livecli.credentials.decision import resolve; from livecli.protocol.endpoint import Target"
    loaded = loaded_by(f"{imports}; resolve(Target(), {{}})")
    assert "livecli.credentials.stored_key" in loaded
    assert not loaded & {"keyring", "google.auth", "requests", "platformdirs", "tempfile"}


# --- tokens that end


def test_a_token_that_has_ended_is_fresh_when_asked_again(stand_in: Any, service_account: Callable[..., Path]) -> None:
    """As before a reconnection: `Credential.headers` is called again."""
    service_account()
    stand_in.expires_in = 1
    credential = resolve(Target(), os.environ)[1]
    first = credential.headers()
    stand_in.expires_in = 3600
    second = credential.headers()
    assert (first, second) == ({"Authorization": "Bearer ya29.fresh-1"}, {"Authorization": "Bearer ya29.fresh-2"})
    assert credential.headers() == second, "and it is kept while it is good"
