"""`livecli auth login` and `logout`: typed at a terminal or piped in, checked, kept, forgotten; and gcloud's login."""

from __future__ import annotations

import io
import json
import os
import select
import stat
import subprocess
import sys
import termios
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import keyring.backends.fail
import keyring.core
import pytest

from livecli.emulator.access import RequiredCredentials
from tests.serving import serving

KEY = "AIza-not-to-be-seen"
Livecli = Callable[..., Any]


def key_file() -> Path:
    return Path(os.environ["HOME"]) / ".config/livecli/api-key.json"


def kept() -> str | None:
    return json.loads(key_file().read_text())["key"] if key_file().exists() else None


@pytest.fixture
def piped(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Says what is on standard input."""
    return lambda text: monkeypatch.setattr(sys, "stdin", io.StringIO(text))


@pytest.mark.parametrize("text", [f"{KEY}\n", KEY, f"  {KEY} \r\n", f"\ufeff{KEY}\n", f"{KEY}\nanother line\n"])
def test_a_key_from_a_pipe(livecli: Livecli, piped: Callable[[str], None], text: str) -> None:
    piped(text)
    ran = livecli("auth", "login", "--no-check")
    assert (ran.status, ran.out) == (0, "")
    assert ran.err == "stored in ~/.config/livecli/api-key.json, which only you can read\n"
    assert kept() == KEY
    assert stat.S_IMODE(key_file().stat().st_mode) == 0o600


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "no key was given"),
        ("\n", "no key was given"),
        ("not-to-be-seen two", "blank"),
        ("“not-to-be-seen”", "blank"),
        ("ya29.not-to-be-seen", "a bearer token"),
        ("auth_tokens/not-to-be-seen", "an ephemeral token"),
    ],
)
def test_what_is_no_key(livecli: Livecli, piped: Callable[[str], None], text: str, said: str) -> None:
    piped(text)
    ran = livecli("auth", "login", "--no-check")
    assert (ran.status, ran.out) == (4, "")
    assert said in ran.err
    assert "not-to-be-seen" not in ran.err
    assert kept() is None


def test_no_standard_input(livecli: Livecli, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", None)
    assert livecli("auth", "login").status == 3


@pytest.mark.parametrize("platform", [[], ["--platform", "developer"], ["--platform", "vertex"]])
def test_a_good_key_is_checked_kept_and_used(
    livecli: Livecli, piped: Callable[[str], None], platform: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GOOGLE_CLOUD_PROJECT", "plays-no-part")
    with serving(required=RequiredCredentials(key=KEY)) as emulator:
        piped(KEY)
        ran = livecli("auth", "login", "--base-url", emulator.url, *platform)
        assert ran.status == 0, ran.err
        assert "127.0.0.1 accepts the key: connected in" in ran.err
        monkeypatch.delenv("GOOGLE_CLOUD_PROJECT")
        sent = livecli("send", "--text", "hello", "--base-url", emulator.url, "-o", "r.wav", *platform)
        assert sent.status == 0, sent.err
    assert KEY not in ran.err + sent.err + sent.out + "".join(emulator.log)
    service = platform[1] if platform else "developer"
    assert [line for line in emulator.log if "●" in line] == [
        f"[1] ● {service} {'v1' if service == 'vertex' else 'v1beta'}  gemini-3.8-live",
        f"[2] ● {service} {'v1' if service == 'vertex' else 'v1beta'}  gemini-3.8-live",
    ]


@pytest.mark.parametrize(
    ("faults", "words", "status"),
    [
        ((), [], 4),
        ((), ["--platform", "vertex"], 4),
        (("http=503@connect",), [], 8),
        (("http=500@connect",), [], 5),
        (("close=1011:Internal error encountered.@setup",), [], 6),
        (("stall=30@setup",), ["--idle-timeout", "0.2"], 7),
    ],
)
def test_a_key_that_cannot_be_checked_is_not_kept(
    livecli: Livecli, piped: Callable[[str], None], faults: tuple[str, ...], words: list[str], status: int
) -> None:
    piped("AIza-old")
    assert livecli("auth", "login", "--no-check").status == 0
    required = RequiredCredentials() if faults else RequiredCredentials(key="another")
    with serving(*faults, required=required) as emulator:
        piped(KEY)
        ran = livecli("auth", "login", "--base-url", emulator.url, *words)
    assert ran.status == status
    assert "; nothing was stored" in ran.err
    assert ("--no-check" in ran.err) is (status != 4)
    assert KEY not in ran.err
    assert kept() == "AIza-old"


def test_nothing_listens(livecli: Livecli, piped: Callable[[str], None]) -> None:
    piped(KEY)
    assert livecli("auth", "login", "--base-url", "ws://127.0.0.1:1").status == 5
    assert kept() is None


def test_what_comes_before_the_stored_key_is_said(
    livecli: Livecli, piped: Callable[[str], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GEMINI_API_KEY", "AIza-other")
    piped(KEY)
    assert "note: GEMINI_API_KEY takes precedence" in livecli("auth", "login", "--no-check").err


def test_a_folder_that_cannot_be_made(livecli: Livecli, piped: Callable[[str], None]) -> None:
    (Path(os.environ["HOME"]) / ".config").write_text("a file")
    piped(KEY)
    ran = livecli("auth", "login", "--no-check")
    assert ran.status == 3
    assert "cannot store the key" in ran.err


@pytest.mark.skipif(sys.platform != "linux", reason="the folder of Linux")
def test_an_empty_home_is_an_error_and_no_folder_at_the_root(
    livecli: Livecli, piped: Callable[[str], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", "")
    piped(KEY)
    ran = livecli("auth", "login", "--no-check")
    assert (ran.status, ran.out) == (3, "")
    assert ran.err == "error: HOME is empty\nhint: set HOME, or XDG_CONFIG_HOME\n"
    assert not Path("/.config/livecli").exists()
    assert livecli("send", "--text", "hello", "--local").status == 0


def test_a_key_that_every_user_could_replace_is_not_used(livecli: Livecli, piped: Callable[[str], None]) -> None:
    piped(KEY)
    assert livecli("auth", "login", "--no-check").status == 0
    key_file().parent.chmod(0o777)
    ran = livecli("send", "--text", "hello")
    assert ran.status == 4
    assert f"the stored key is not used from {key_file()}: every user may write in its folder" in ran.err
    assert f"hint: chmod 700 {key_file().parent}" in ran.err


def test_logout_forgets_and_says_when_there_was_nothing(
    livecli: Livecli, piped: Callable[[str], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    piped(KEY)
    livecli("auth", "login", "--no-check")
    first = livecli("auth", "logout")
    assert (first.status, first.out, first.err) == (0, "", "the stored key is deleted\n")
    assert kept() is None
    monkeypatch.setenv("GOOGLE_API_KEY", KEY)
    again = livecli("auth", "logout")
    assert (again.status, again.err) == (0, "there was no stored key\nnote: GOOGLE_API_KEY is set, and is still used\n")


def test_without_a_keyring_nothing_is_asked(livecli: Livecli, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keyring.core, "_keyring_backend", keyring.backends.fail.Keyring())
    monkeypatch.setattr(sys, "stdin", None)
    ran = livecli("auth", "login", "--keyring", "--no-check")
    assert (ran.status, ran.out) == (3, "")
    assert "no keyring that is running" in ran.err
    assert "standard input" not in ran.err


# --- at a terminal

AT_A_TERMINAL = """
import fcntl, os, sys, termios
fcntl.ioctl(0, termios.TIOCSCTTY, 0)
os.execv(sys.executable, [sys.executable, "-m", "livecli", "auth", "login", "--no-check"])
"""


class Terminal:
    """A terminal with `livecli auth login` in it."""

    def __init__(self) -> None:
        self.master, slave = os.openpty()
        self.process = subprocess.Popen(
            [sys.executable, "-c", AT_A_TERMINAL], stdin=slave, stdout=slave, stderr=slave, start_new_session=True
        )
        os.close(slave)
        self.shown = ""

    def read_until(self, text: str) -> None:
        deadline = time.monotonic() + 20
        while text not in self.shown:
            assert select.select([self.master], [], [], deadline - time.monotonic())[0], self.shown
            self.shown += os.read(self.master, 4096).decode()

    def type(self, text: str) -> None:
        os.write(self.master, text.encode())

    @property
    def echoes(self) -> bool:
        return bool(termios.tcgetattr(self.master)[3] & termios.ECHO)

    def end(self) -> int:
        status = self.process.wait(20)
        os.close(self.master)
        return status


@pytest.fixture
def terminal() -> Any:
    made = Terminal()
    yield made
    made.process.kill()
    made.process.wait(10)


def test_what_is_typed_is_not_shown(terminal: Terminal) -> None:
    terminal.read_until("API key (it is not shown): ")
    assert not terminal.echoes
    terminal.type(f"{KEY}\n")
    terminal.read_until("which only you can read")
    assert KEY not in terminal.shown
    assert terminal.echoes
    assert terminal.end() == 0
    assert kept() == KEY


@pytest.mark.parametrize(("typed", "status"), [("\x03", 130), ("\x04", 4), ("\n", 4)])
def test_who_changes_their_mind(terminal: Terminal, typed: str, status: int) -> None:
    terminal.read_until("API key")
    terminal.type(typed)
    assert terminal.process.wait(20) == status
    assert terminal.echoes
    assert terminal.end() == status
    assert kept() is None


def test_the_key_is_in_no_process_list(spawn: Callable[..., subprocess.Popen[bytes]]) -> None:
    with serving("stall=30@setup") as emulator:
        login = spawn("auth", "login", "--base-url", emulator.url)
        assert login.stdin
        login.stdin.write(f"{KEY}\n".encode())
        login.stdin.close()
        login.stdin = None
        deadline = time.monotonic() + 20
        while not any("●" in line for line in emulator.log):
            assert time.monotonic() < deadline
            time.sleep(0.01)
        about = [Path(f"/proc/{login.pid}/{name}") for name in ("cmdline", "environ")]
        seen = b"".join(path.read_bytes() for path in about if path.exists())
        login.kill()
        out, err = login.communicate(timeout=20)
    assert KEY.encode() not in seen + out + err


# --- gcloud


@pytest.fixture
def gcloud(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Puts a gcloud that runs these lines of shell on the path, alone."""
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.setenv("PATH", str(folder))

    def write(lines: str) -> None:
        program = folder / "gcloud"
        program.write_text(f"#!/bin/sh\n{lines}\n")
        program.chmod(0o755)

    return write


def test_gcloud_has_our_streams(gcloud: Callable[[str], None], spawn: Callable[..., subprocess.Popen[bytes]]) -> None:
    gcloud('read answer; echo "$@: $answer"; echo talk >&2')
    out, err = spawn("auth", "login", "--adc").communicate(b"yes\n", timeout=30)
    assert (out, err) == (b"auth application-default login: yes\n", b"talk\n")


@pytest.mark.parametrize(("lines", "status"), [("exit 0", 0), ("exit 1", 4), ("kill -INT $$", 130)])
def test_how_gcloud_ends(livecli: Livecli, gcloud: Callable[[str], None], lines: str, status: int) -> None:
    gcloud(lines)
    ran = livecli("auth", "login", "--adc")
    assert (ran.status, ran.out) == (status, "")
    assert ("gcloud ended with status 1" in ran.err) is (status == 4)


def test_a_named_file_hides_what_gcloud_made(
    livecli: Livecli, gcloud: Callable[[str], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    gcloud("exit 0")
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", "/key.json")
    assert "GOOGLE_APPLICATION_CREDENTIALS is set, and takes precedence" in livecli("auth", "login", "--adc").err


def test_without_gcloud_it_says_how_to_get_it(livecli: Livecli, gcloud: Callable[[str], None]) -> None:
    ran = livecli("auth", "login", "--adc")
    assert ran.status == 4
    assert "gcloud is not installed" in ran.err
    assert "https://cloud.google.com/sdk/docs/install" in ran.err


@pytest.mark.parametrize("option", ["--keyring", "--no-check"])
def test_adc_stores_no_key(livecli: Livecli, option: str) -> None:
    assert livecli("auth", "login", "--adc", option).status == 2
