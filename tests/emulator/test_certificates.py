"""Certificates in folders: made once, kept, renewed; whom they make a client trust; and what a folder can do wrong."""

from __future__ import annotations

import asyncio
import contextlib
import datetime
import http.server
import os
import socket
import ssl
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import serialization

from livecli.emulator import certificates as module
from livecli.emulator.certificates import BUNDLE_MARK, certificates, issue_authority, issue_server
from livecli.emulator.server import Tls, run_emulator
from livecli.errors import FileError
from livecli.process import folders
from tests.needs import needs

FILES = {"server.pem": 0o600, "ca.pem": 0o644, "ca-bundle.pem": 0o644}
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
    return {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()}


def leaf(folder: Path) -> x509.Certificate:
    return x509.load_pem_x509_certificate((folder / "server.pem").read_bytes())


def authority(folder: Path) -> x509.Certificate:
    return x509.load_pem_x509_certificate((folder / "ca.pem").read_bytes())


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
    monkeypatch.setitem(sys.modules, "cryptography", None)  # its import now fails
    made = certificates(folder)
    assert {path: path.stat().st_mtime_ns for path in folder.iterdir()} == before
    assert (made.authority, made.bundle) == (folder / "ca.pem", folder / "ca-bundle.pem")


def test_both_certificates_are_for_this_machine_and_no_longer_than_clients_take(folder: Path) -> None:
    certificates(folder)
    names = leaf(folder).extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert [str(name.value) for name in names] == ["localhost", "127.0.0.1", "::1"]
    usage = leaf(folder).extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    assert list(usage) == [x509.oid.ExtendedKeyUsageOID.SERVER_AUTH]
    constraints = authority(folder).extensions.get_extension_for_class(x509.NameConstraints)
    assert [str(name.value) for name in constraints.value.permitted_subtrees or []] == [
        *("localhost", "127.0.0.1/32", "::1/128")
    ]
    assert constraints.critical
    basic = authority(folder).extensions.get_extension_for_class(x509.BasicConstraints)
    assert (basic.critical, basic.value.ca, basic.value.path_length) == (True, True, 0)
    for certificate in (leaf(folder), authority(folder)):
        valid = certificate.not_valid_after_utc - certificate.not_valid_before_utc
        assert valid <= datetime.timedelta(days=825)


def test_the_authoritys_key_is_not_kept(folder: Path) -> None:
    certificates(folder)
    keys = [path.name for path in folder.iterdir() for _ in range(path.read_bytes().count(b"PRIVATE KEY-----\n") // 2)]
    assert keys == ["server.pem"]
    key = serialization.load_pem_private_key((folder / "server.pem").read_bytes(), None)
    assert key.public_key() == leaf(folder).public_key() != authority(folder).public_key()


def test_keys_of_earlier_versions_are_removed(folder: Path) -> None:
    folder.mkdir(parents=True)
    for name in ("authority.pem", "localhost.pem", ".authority.pem-abcdef"):
        (folder / name).write_text("a key")
    certificates(folder)
    assert {path.name for path in folder.iterdir()} == set(FILES)


def test_each_set_of_names_has_an_authority_of_its_own(folder: Path) -> None:
    plain = certificates(folder)
    before = contents(folder)
    google = certificates(folder, "localhost", "*.googleapis.com", "192.168.0.7", "A.test")
    assert google.authority.parent.parent == folder
    assert google.authority.parent.stat().st_mode & 0o777 == 0o700
    names = leaf(google.authority.parent).extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert names.get_values_for_type(x509.DNSName) == ["localhost", "*.googleapis.com", "a.test"]
    assert [str(ip) for ip in names.get_values_for_type(x509.IPAddress)] == ["127.0.0.1", "::1", "192.168.0.7"]
    constraints = authority(google.authority.parent).extensions.get_extension_for_class(x509.NameConstraints).value
    assert [str(name.value) for name in constraints.permitted_subtrees or []] == [
        *("localhost", "127.0.0.1/32", "::1/128", "googleapis.com", "192.168.0.7/32", "a.test")
    ]
    assert certificates(folder).authority == plain.authority
    assert certificates(folder, "a.test", "192.168.0.7", "*.googleapis.com").authority == google.authority
    assert certificates(folder, "a.test").authority not in (plain.authority, google.authority)
    assert {name: content for name, content in before.items() if contents(folder)[name] != content} == {}


GITHUB = "github.com"


@pytest.fixture
def forged(folder: Path) -> Path:
    """The PEM of a key and a certificate for github.com, signed by the authority of localhost's kind."""
    folder.mkdir(parents=True)
    key, made = issue_authority(["localhost", "127.0.0.1", "::1"])
    (folder / "ca.pem").write_bytes(made.public_bytes(serialization.Encoding.PEM))
    (folder / "forged.pem").write_bytes(issue_server(key, made, [GITHUB]))
    (folder / "honest.pem").write_bytes(issue_server(key, made, ["localhost", "127.0.0.1"]))
    return folder / "forged.pem"


def test_openssl_refuses_what_the_authority_must_not_sign(forged: Path) -> None:
    needs("openssl")

    def verify(name: str, *words: str) -> tuple[int, str]:
        command = ["openssl", "verify", "-CAfile", "ca.pem", "-x509_strict", "-purpose", "sslserver", *words, name]
        ran = subprocess.run(command, cwd=forged.parent, capture_output=True, text=True, timeout=20)
        return ran.returncode, ran.stdout + ran.stderr

    assert verify("honest.pem", "-verify_hostname", "localhost") == (0, "honest.pem: OK\n")
    status, said = verify("forged.pem")
    assert (status, "permitted subtree violation" in said) == (2, True)


@contextlib.contextmanager
def serving(pem: Path) -> Iterator[int]:
    """A server with this certificate, which answers each connection with HTTP 200: its port."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pem)

    class Quiet(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_: Any) -> None: ...

    class Server(http.server.HTTPServer):
        def handle_error(self, *_: Any) -> None: ...

    with Server(("127.0.0.1", 0), Quiet) as server:
        server.socket = context.wrap_socket(server.socket, server_side=True)
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield server.server_port
        finally:
            server.shutdown()
            thread.join(20)


def by_python(port: int, host: str, trusted: Path) -> str:
    context = ssl.create_default_context(cafile=str(trusted))
    context.verify_flags |= ssl.VERIFY_X509_STRICT
    try:
        with socket.create_connection(("127.0.0.1", port), 20) as tcp, context.wrap_socket(tcp, server_hostname=host):
            return "accepted"
    except ssl.SSLCertVerificationError as error:
        return error.verify_message


def by_node(port: int, host: str, trusted: Path) -> str:
    needs("node")
    code = (
        f"require('tls').connect({{port: {port}, host: '127.0.0.1', servername: '{host}'}})"
        ".on('secureConnect', function () { console.log('accepted'); this.destroy(); })"
        ".on('error', (error) => console.log(error.message))"
    )
    environment = {**os.environ, "NODE_EXTRA_CA_CERTS": str(trusted)}
    return subprocess.run(
        ["node", "-e", code], env=environment, capture_output=True, text=True, timeout=30
    ).stdout.strip()


@pytest.mark.parametrize("client", [by_python, by_node])
def test_clients_refuse_what_the_authority_must_not_sign(forged: Path, client: Callable[..., str]) -> None:
    with serving(forged.parent / "honest.pem") as port:
        assert client(port, "localhost", forged.parent / "ca.pem") == "accepted"
    with serving(forged) as port:
        assert client(port, GITHUB, forged.parent / "ca.pem") == "permitted subtree violation"


@pytest.mark.parametrize("client", [by_python, by_node])
@pytest.mark.parametrize("host", ["localhost", "generativelanguage.googleapis.com", "a.test"])
def test_clients_accept_every_name_that_was_given(folder: Path, client: Callable[..., str], host: str) -> None:
    made = certificates(folder, "*.googleapis.com", "a.test")
    for trusted in (made.authority, made.bundle):
        with serving(made.authority.parent / "server.pem") as port:
            assert client(port, host, trusted) == "accepted"


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
    assert made.bundle.read_bytes() == system + BUNDLE_MARK + made.authority.read_bytes()


def test_the_bundle_follows_the_system(folder: Path, tmp_path: Path, system: bytes) -> None:
    made = certificates(folder)
    other = system.replace(b"\n-----END", b"-----END")
    (tmp_path / "system.pem").write_bytes(other.rstrip())
    certificates(folder)
    assert made.bundle.read_bytes() == other.rstrip() + b"\n" + BUNDLE_MARK + made.authority.read_bytes()


def test_a_shell_that_has_our_exports_keeps_its_bundle(folder: Path, system: bytes, monkeypatch) -> None:
    made = certificates(folder)
    monkeypatch.setenv("SSL_CERT_FILE", str(made.bundle))
    certificates(folder)
    assert made.bundle.read_bytes() == system + BUNDLE_MARK + made.authority.read_bytes()


def test_a_shell_that_has_the_exports_of_other_names_adds_no_trust(folder: Path, system: bytes, monkeypatch) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(certificates(folder, "a.test").bundle))
    made = certificates(folder)
    assert made.bundle.read_bytes() == system + BUNDLE_MARK + made.authority.read_bytes()


def test_a_system_with_a_folder_of_authorities(folder: Path, tmp_path: Path, system: bytes, monkeypatch) -> None:
    hashed = tmp_path / "certs"
    hashed.mkdir()
    (hashed / "0a775a30.0").write_bytes(system)
    (hashed / "README").write_text("no certificate")
    paths = ssl.DefaultVerifyPaths(None, str(hashed), "", "", "", "")
    monkeypatch.setattr(ssl, "get_default_verify_paths", lambda: paths)
    made = certificates(folder)
    assert made.bundle.read_bytes() == system + BUNDLE_MARK + made.authority.read_bytes()


def test_a_system_without_authorities_has_mozillas(folder: Path, monkeypatch) -> None:
    import certifi

    monkeypatch.setattr(ssl, "get_default_verify_paths", lambda: ssl.DefaultVerifyPaths(None, None, "", "", "", ""))
    made = certificates(folder)
    assert Path(certifi.where()).read_bytes().rstrip() in made.bundle.read_bytes()


def at(monkeypatch: pytest.MonkeyPatch, now: datetime.datetime) -> None:
    """Set the clock that decides about certificates."""
    monkeypatch.setattr(module.time, "time", now.timestamp)


@pytest.mark.parametrize(
    ("made_days_ago", "is_kept"),
    [(-40_000, False), (-2, False), (0, True), (1, True), (788, True), (790, False), (40_000, False)],
)
def test_a_certificate_is_made_again_before_its_end_and_where_it_is_of_the_future(
    folder: Path, monkeypatch: pytest.MonkeyPatch, made_days_ago: int, is_kept: bool
) -> None:
    now = datetime.datetime(2027, 3, 1, tzinfo=datetime.UTC)
    at(monkeypatch, now - datetime.timedelta(days=made_days_ago) if made_days_ago < 20_000 else now.replace(year=1971))
    certificates(folder)
    before = contents(folder)
    at(monkeypatch, now)
    made = certificates(folder)
    after = contents(folder)
    assert {name for name in FILES if after[name] == before[name]} == (set(FILES) if is_kept else set())
    assert authority(folder).not_valid_before_utc <= now < authority(folder).not_valid_after_utc
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
    assert (folder / "server.pem").read_bytes().endswith((folder / "ca.pem").read_bytes())


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no flock, so these are removed only when they are old")
def test_what_a_killed_run_left_of_the_keys_is_removed(folder: Path) -> None:
    certificates(folder)
    made = contents(folder)
    for name in ("authority.pem", "localhost.pem"):
        (folder / f".{name}-left").write_bytes(b"a private key")
    certificates(folder)
    assert contents(folder) == made


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
import cryptography.x509  # before the start, so that all begin together
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
    assert made.bundle.read_bytes() == system + BUNDLE_MARK + made.authority.read_bytes()
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
