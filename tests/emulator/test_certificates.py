"""Certificates in folders: made once, kept, renewed; whom they make a client trust; and what a folder can do wrong."""

from __future__ import annotations

import asyncio
import datetime
import re
import ssl
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509

from livecli.emulator import certificates as module
from livecli.emulator.certificates import certificates
from livecli.emulator.server import Tls, run_emulator
from livecli.errors import FileError
from livecli.process import folders

FILES = {"authority.pem": 0o600, "localhost.pem": 0o600, "ca.pem": 0o644, "ca-bundle.pem": 0o644}
HEALTH = b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "state" / "livecli"


@pytest.fixture
def system(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> bytes:
    """The one authority that this system trusts."""
    import trustme

    pem = trustme.CA(organization_name="another").cert_pem.bytes()
    (tmp_path / "system.pem").write_bytes(pem)
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "system.pem"))
    return pem


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def leaf(folder: Path) -> x509.Certificate:
    return x509.load_pem_x509_certificate((folder / "localhost.pem").read_bytes())


async def answer(host: str, port: int, trusted: Path) -> bytes:
    """What a program says that trusts this file alone, as strictly as Python 3.13 does."""
    context = ssl.create_default_context(cafile=str(trusted))
    context.verify_flags |= ssl.VERIFY_X509_STRICT
    reader, writer = await asyncio.open_connection(host, port, ssl=context)
    writer.write(HEALTH)
    said = await asyncio.wait_for(reader.read(), 10)
    writer.close()
    return said


def test_first_use_makes_them_and_the_second_writes_nothing(folder: Path, monkeypatch) -> None:
    certificates(folder)
    assert {path.name: path.stat().st_mode & 0o777 for path in folder.iterdir()} == FILES
    assert folder.stat().st_mode & 0o777 == 0o700
    before = {path: path.stat().st_mtime_ns for path in folder.iterdir()}
    monkeypatch.setitem(sys.modules, "trustme", None)  # its import now fails
    made = certificates(folder)
    assert {path: path.stat().st_mtime_ns for path in folder.iterdir()} == before
    assert (made.authority, made.bundle) == (folder / "ca.pem", folder / "ca-bundle.pem")


def test_the_leaf_is_for_this_machine_and_for_a_year(folder: Path) -> None:
    certificates(folder)
    names = leaf(folder).extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert [str(name.value) for name in names] == ["localhost", "127.0.0.1", "::1"]
    valid = leaf(folder).not_valid_after_utc - leaf(folder).not_valid_before_utc
    assert valid <= datetime.timedelta(days=398)


def test_the_leaf_names_every_host_that_was_listened_on(folder: Path, monkeypatch) -> None:
    certificates(folder)
    certificates(folder, "127.0.0.2")
    certificates(folder, "emulator.test")
    names = leaf(folder).extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert names.get_values_for_type(x509.DNSName) == ["localhost", "emulator.test"]
    assert [str(ip) for ip in names.get_values_for_type(x509.IPAddress)] == ["127.0.0.1", "::1", "127.0.0.2"]
    before = contents(folder)
    monkeypatch.setitem(sys.modules, "trustme", None)  # its import now fails
    for host in ("localhost", "127.0.0.2", "emulator.test"):
        certificates(folder, host)
    assert contents(folder) == before


def test_several_names_at_once_replace_the_leaf_only_where_one_is_new(folder: Path) -> None:
    certificates(folder, "localhost", "*.googleapis.com", "a.test")
    names = leaf(folder).extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert names.get_values_for_type(x509.DNSName) == ["localhost", "*.googleapis.com", "a.test"]
    before = contents(folder)
    certificates(folder, "a.test", "*.googleapis.com")
    assert contents(folder) == before
    certificates(folder, "a.test", "b.test", "b.test")
    names = leaf(folder).extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert names.get_values_for_type(x509.DNSName) == ["localhost", "*.googleapis.com", "a.test", "b.test"]
    assert contents(folder)["authority.pem"] == before["authority.pem"]


@pytest.mark.parametrize("trusted", ["ca.pem", "ca-bundle.pem"])
@pytest.mark.parametrize("host", ["localhost", "127.0.0.1"])
async def test_who_trusts_either_file_is_connected(folder: Path, trusted: str, host: str) -> None:
    made = certificates(folder)
    async with run_emulator(tls=Tls(made.context)) as emulator:
        assert emulator.tls_port
        assert (await answer(host, emulator.tls_port, folder / trusted)).startswith(b"HTTP/1.1 200 ")


async def test_who_trusts_neither_is_not(folder: Path, tmp_path: Path, system: bytes) -> None:
    made = certificates(folder)
    async with run_emulator(tls=Tls(made.context)) as emulator:
        assert emulator.tls_port
        with pytest.raises(ssl.SSLCertVerificationError):
            await answer("localhost", emulator.tls_port, tmp_path / "system.pem")


def test_the_bundle_is_the_systems_authorities_and_ours(folder: Path, system: bytes) -> None:
    made = certificates(folder)
    assert made.bundle.read_bytes() == system + made.authority.read_bytes()


def test_the_bundle_follows_the_system(folder: Path, tmp_path: Path, system: bytes) -> None:
    made = certificates(folder)
    other = system.replace(b"\n-----END", b"-----END")
    (tmp_path / "system.pem").write_bytes(other.rstrip())
    certificates(folder)
    assert made.bundle.read_bytes() == other.rstrip() + b"\n" + made.authority.read_bytes()


def test_a_shell_that_has_our_exports_keeps_its_bundle(folder: Path, system: bytes, monkeypatch) -> None:
    made = certificates(folder)
    monkeypatch.setenv("SSL_CERT_FILE", str(made.bundle))
    certificates(folder)
    assert made.bundle.read_bytes() == system + made.authority.read_bytes()


def test_a_system_with_a_folder_of_authorities(folder: Path, tmp_path: Path, system: bytes, monkeypatch) -> None:
    hashed = tmp_path / "certs"
    hashed.mkdir()
    (hashed / "0a775a30.0").write_bytes(system)
    (hashed / "README").write_text("no certificate")
    paths = ssl.DefaultVerifyPaths(None, str(hashed), "", "", "", "")
    monkeypatch.setattr(ssl, "get_default_verify_paths", lambda: paths)
    made = certificates(folder)
    assert made.bundle.read_bytes() == system + made.authority.read_bytes()


def test_a_system_without_authorities_has_mozillas(folder: Path, monkeypatch) -> None:
    import certifi

    monkeypatch.setattr(ssl, "get_default_verify_paths", lambda: ssl.DefaultVerifyPaths(None, None, "", "", "", ""))
    made = certificates(folder)
    assert Path(certifi.where()).read_bytes().rstrip() in made.bundle.read_bytes()


def test_the_leaf_is_renewed_before_it_ends_by_the_same_authority(folder: Path) -> None:
    certificates(folder)
    authority, before = (folder / "authority.pem").read_bytes(), leaf(folder)
    path = folder / "localhost.pem"
    [day] = re.findall(rb"\ARenew after: (.*)\n", path.read_bytes())
    assert before.not_valid_after_utc.date() - datetime.date.fromisoformat(day.decode()) == datetime.timedelta(days=30)
    today = datetime.datetime.now(datetime.UTC).date()
    path.write_bytes(path.read_bytes().replace(day, str(today).encode()))
    certificates(folder)
    assert leaf(folder).serial_number != before.serial_number
    assert (folder / "authority.pem").read_bytes() == authority
    assert path.stat().st_mode & 0o777 == 0o600


def test_the_authority_is_renewed_before_it_ends_and_everything_with_it(folder: Path, monkeypatch) -> None:
    certificates(folder)
    before = contents(folder)
    year_2999 = datetime.datetime(2999, 1, 1, tzinfo=datetime.UTC).timestamp()
    monkeypatch.setattr(module.time, "time", lambda: year_2999)
    made = certificates(folder)
    monkeypatch.undo()
    after = contents(folder)
    assert all(after[name] != content for name, content in before.items())
    assert made.bundle.read_bytes().endswith(made.authority.read_bytes())


DAMAGE: dict[str, Any] = {
    "empty": lambda content: b"",
    "cut": lambda content: content[: len(content) // 2],
    "garbage": lambda content: b"\xff" * 100,
}


@pytest.mark.parametrize("damage", DAMAGE)
@pytest.mark.parametrize("name", FILES)
async def test_what_is_damaged_is_made_again(folder: Path, name: str, damage: str) -> None:
    certificates(folder)
    path = folder / name
    path.write_bytes(DAMAGE[damage](path.read_bytes()))
    made = certificates(folder)
    async with run_emulator(tls=Tls(made.context)) as emulator:
        assert emulator.tls_port
        assert (await answer("localhost", emulator.tls_port, made.bundle)).startswith(b"HTTP/1.1 200 ")


@pytest.mark.parametrize("name", FILES)
def test_what_is_missing_is_made_again(folder: Path, name: str) -> None:
    certificates(folder)
    (folder / name).unlink()
    certificates(folder)
    assert {path.name: path.stat().st_mode & 0o777 for path in folder.iterdir()} == FILES
    assert (folder / "ca.pem").read_bytes() in (folder / "authority.pem").read_bytes()


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no flock, so these are removed only when they are old")
def test_what_a_killed_run_left_of_the_keys_is_removed(folder: Path) -> None:
    certificates(folder)
    made = contents(folder)
    for name in ("authority.pem", "localhost.pem"):
        (folder / f".{name}-left").write_bytes(b"a private key")
    certificates(folder)
    assert contents(folder) == made


def test_a_damaged_key_is_told(folder: Path) -> None:
    certificates(folder)
    path = folder / "authority.pem"
    path.write_bytes(path.read_bytes().replace(b"PRIVATE KEY-----\n", b"PRIVATE KEY-----\n!"))
    (folder / "localhost.pem").unlink()
    with pytest.raises(FileError, match=r"authority\.pem is damaged") as failed:
        certificates(folder)
    assert failed.value.hint


def test_a_folder_without_hard_links(folder: Path, monkeypatch) -> None:
    def refuse(*_: Any) -> None:
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(module.os, "link", refuse)
    certificates(folder)
    assert {path.name for path in folder.iterdir()} == set(FILES)


AT_ONCE = """
import hashlib, sys
from pathlib import Path
from livecli.emulator.certificates import certificates
import trustme  # before the start, so that all begin together
sys.stdin.read()
made = certificates(Path(sys.argv[1]))
print(hashlib.sha256(made.authority.read_bytes()).hexdigest())
"""


async def test_several_processes_may_use_it_first(folder: Path, system: bytes) -> None:
    words = [sys.executable, "-c", AT_ONCE, str(folder)]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    starting = [subprocess.Popen(words, **pipes) for _ in range(6)]  # type: ignore[call-overload]
    for process in starting:
        process.stdin.close()
    said = {process.stdout.read() for process in starting}
    for process in starting:
        assert process.wait(30) == 0
        process.stdout.close()
    assert len(said) == 1
    assert {path.name for path in folder.iterdir()} == set(FILES)
    made = certificates(folder)
    assert made.bundle.read_bytes() == system + made.authority.read_bytes()
    async with run_emulator(tls=Tls(made.context)) as emulator:
        assert emulator.tls_port
        assert await answer("localhost", emulator.tls_port, made.bundle)


def test_a_folder_that_cannot_be_is_an_error_with_a_remedy(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(FileError, match=r"cannot keep certificates in .*/file/livecli: Not a directory") as failed:
        certificates(tmp_path / "file" / "livecli")
    assert failed.value.exit_status == 3
    assert "XDG_STATE_HOME" in str(failed.value.hint)


def test_where_they_are_kept(monkeypatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "xdg"))
    assert folders.state_folder() == tmp_path / "xdg" / "livecli"


@pytest.mark.parametrize("answer", [Path("~/.local/state/livecli"), RuntimeError("could not determine the home")])
def test_a_user_without_a_home(monkeypatch, answer: Path | Exception) -> None:
    import platformdirs

    def user_state_path(*_: Any, **__: Any) -> Path:
        if isinstance(answer, Exception):
            raise answer
        return answer

    monkeypatch.setattr(platformdirs, "user_state_path", user_state_path)
    with pytest.raises(FileError, match="no home folder"):
        folders.state_folder()
