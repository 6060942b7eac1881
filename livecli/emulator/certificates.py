"""The emulator's certificate and the authority that signs it: created on first use, kept in a folder, and renewed.

    server.pem       0600   the emulator's certificate: key, certificate, and the authority's certificate
    ca.pem                  the authority's certificate, for programs that add it to those that they trust
    ca-bundle.pem           the system's authorities and this one, for programs that trust the authorities in one file

Programs that trust the authority must not thereby trust anybody else. So its key is discarded once it has signed this
one certificate, and its name constraints permit the certificate's names only. An emulator with more names than NAMES
has another certificate and another authority, in a folder `names-…` of their own, so that neither replaces the other.

Any number of processes may start at once, without a lock: files are replaced atomically, and the first certificate is
kept. Where all files are valid nothing is written, and cryptography is not loaded.
"""

from __future__ import annotations

import hashlib
import os
import re
import ssl
import tempfile
import time
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address, ip_network
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from ..errors import FileError, UsageError
from ..process.folders import temporary_files, write_atomically

if TYPE_CHECKING:
    from cryptography import x509
    from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey

NAMES = ("localhost", "127.0.0.1", "::1")
"""The names of every certificate."""

VALID = timedelta(days=820)
"""The validity of a certificate. Apple's systems trust none that is valid for more than 825 days."""

BACKDATED = timedelta(days=1)
"""How long before its creation a certificate is valid, for clients whose clock is slow."""

RENEWED = timedelta(days=30)
"""How long before its end a certificate is renewed, and so the longest time that an emulator may run."""

BUNDLE_MARK = b"# The authority of livecli serve:\n"
"""The line between the system's authorities and the emulator's in a bundle. Readers of PEM ignore it."""

FORMER_KEYS = ("authority.pem", "localhost.pem")
"""The files of earlier versions with keys, one of them that of an authority without name constraints."""

CERTIFICATE = re.compile(rb"-----BEGIN CERTIFICATE-----\s.*?-----END CERTIFICATE-----\s+", re.DOTALL)
LABEL = r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?"
HOST_NAME = re.compile(rf"(\*\.)?{LABEL}(\.{LABEL})*", re.IGNORECASE)


class Certificates(msgspec.Struct, frozen=True):
    """The TLS context of the emulator, the two files that make clients trust it, and the folder of all certificates."""

    context: ssl.SSLContext
    authority: Path
    bundle: Path
    folder: Path


def certificates(folder: Path, *names: str) -> Certificates:
    """The certificate for NAMES and `names`, created or renewed where necessary, below this folder.

    A name is a host name, `*.` and a host name for all names of one label before it, or an address. Raises FileError
    where the certificate cannot be kept, UsageError where no certificate can have these names.
    """
    more = sorted({name.lower() for name in names} - {*NAMES})
    own = folder / f"names-{hashlib.sha256(' '.join(more).encode()).hexdigest()[:16]}" if more else folder
    try:
        own.mkdir(mode=0o700, parents=True, exist_ok=True)
        context, authority = _server(own / "server.pem", [*NAMES, *more])
        _keep(own / "ca.pem", authority)
        _keep(own / "ca-bundle.pem", _system_authorities() + BUNDLE_MARK + authority)
        for former in (folder / name for name in FORMER_KEYS):
            for path in (former, *temporary_files(former)):
                path.unlink(missing_ok=True)
    except OSError as error:
        message = f"cannot keep certificates in {folder}: {error.strerror or error}"
        raise FileError(message, hint="it must be a folder that you may write in; XDG_STATE_HOME moves it") from error
    return Certificates(context, own / "ca.pem", own / "ca-bundle.pem", folder)


def _server(path: Path, names: Sequence[str]) -> tuple[ssl.SSLContext, bytes]:
    """The context with the certificate in `path`, and the authority. Processes that create it at once get the same."""
    kept = _read(path)
    if kept is not None and (usable := _loaded(kept)):
        return usable
    key, authority = issue_authority(names)
    write_atomically(path, issue_server(key, authority, names), keep_existing=kept is None)
    # Another process may have been first.
    made = _loaded(path.read_bytes())
    if made is None:
        raise FileError(f"{path} has changed since it was written", hint="start again")
    return made


def _loaded(pem: bytes) -> tuple[ssl.SSLContext, bytes] | None:
    """The context with this certificate, and the authority; None where it is damaged, or not valid for long enough."""
    authority = b"".join(CERTIFICATE.findall(pem)[-1:])
    reader = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    try:
        reader.load_verify_locations(cadata=authority.decode())
        [facts] = reader.get_ca_certs()
        context = _context(pem)
    except (ssl.SSLError, ValueError):
        return None
    # The certificate itself has the same dates.
    begin, end = (ssl.cert_time_to_seconds(str(facts[name])) for name in ("notBefore", "notAfter"))
    return (context, authority) if begin <= time.time() < end - RENEWED.total_seconds() else None


def _context(server: bytes) -> ssl.SSLContext:
    """The TLS context with this certificate, loaded from a private copy.

    OpenSSL opens the file once for the certificate and once for the key, and another process may replace it in between.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    descriptor, name = tempfile.mkstemp()
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(server)
        context.load_cert_chain(name)
    finally:
        Path(name).unlink()
    return context


def issue_authority(names: Sequence[str]) -> tuple[EllipticCurvePrivateKey, x509.Certificate]:
    """An authority that can sign for these names, and for names below them, and its key.

    Raises UsageError where no certificate can have these names.
    """
    from cryptography import x509
    from cryptography.hazmat.primitives.asymmetric import ec

    key = ec.generate_private_key(ec.SECP256R1())
    permitted = [
        x509.IPAddress(ip_network(name.value))
        if isinstance(name, x509.IPAddress)
        else x509.DNSName(str(name.value).removeprefix("*."))
        for name in map(_general_name, names)
    ]
    # Clients that trust several authorities tell them apart by their names.
    name = _distinguished_name(common_name=f"livecli serve {os.urandom(4).hex()}")
    builder = (
        _builder(name, name, key)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_key_usage(key_cert_sign=True), critical=True)
        .add_extension(x509.NameConstraints(permitted, excluded_subtrees=None), critical=True)
    )
    return key, _signed(builder, key)


def issue_server(key: EllipticCurvePrivateKey, authority: x509.Certificate, names: Sequence[str]) -> bytes:
    """The PEM of a new server's key, its certificate, which is signed with the authority's `key`, and the authority."""
    from cryptography import x509
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.x509.oid import ExtendedKeyUsageOID

    own_key = ec.generate_private_key(ec.SECP256R1())
    builder = (
        _builder(_distinguished_name(), authority.subject, own_key)
        .add_extension(x509.SubjectAlternativeName(map(_general_name, names)), critical=False)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_key_usage(digital_signature=True), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(key.public_key()), critical=False)
    )
    private = own_key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    pems = [each.public_bytes(serialization.Encoding.PEM) for each in (_signed(builder, key), authority)]
    return private + b"".join(pems)


def _general_name(name: str) -> x509.GeneralName:
    from cryptography import x509

    try:
        return x509.IPAddress(ip_address(name))
    except ValueError:
        pass
    try:
        ascii_name = name.encode("idna").decode()
    except UnicodeError:
        ascii_name = ""
    if not HOST_NAME.fullmatch(ascii_name):
        raise UsageError(
            f"no certificate can have this name: {name!r}", hint="give --host and --tls-name host names or addresses"
        )
    return x509.DNSName(ascii_name)


def _distinguished_name(*, common_name: str | None = None) -> x509.Name:
    from cryptography import x509
    from cryptography.x509.oid import NameOID

    values = {NameOID.ORGANIZATION_NAME: "livecli", NameOID.COMMON_NAME: common_name}
    return x509.Name([x509.NameAttribute(oid, value) for oid, value in values.items() if value])


def _builder(subject: x509.Name, issuer: x509.Name, key: EllipticCurvePrivateKey) -> x509.CertificateBuilder:
    """A certificate with everything that an authority and a server have in common."""
    from cryptography import x509

    begin = datetime.fromtimestamp(time.time(), UTC) - BACKDATED
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(begin)
        .not_valid_after(begin + VALID)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
    )


def _signed(builder: x509.CertificateBuilder, key: EllipticCurvePrivateKey) -> x509.Certificate:
    from cryptography.hazmat.primitives import hashes

    return builder.sign(key, hashes.SHA256())


def _key_usage(*, key_cert_sign: bool = False, digital_signature: bool = False) -> x509.KeyUsage:
    from cryptography import x509

    return x509.KeyUsage(
        digital_signature=digital_signature,
        key_cert_sign=key_cert_sign,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        crl_sign=False,
        encipher_only=False,
        decipher_only=False,
    )


def _system_authorities() -> bytes:
    """The authorities that the system trusts, or SSL_CERT_FILE or SSL_CERT_DIR instead; else Mozilla's."""
    paths = ssl.get_default_verify_paths()
    files = [Path(paths.cafile)] if paths.cafile else sorted(Path(paths.capath or os.devnull).glob("*.[0-9]"))
    if not files:
        import certifi

        files = [Path(certifi.where())]
    # In a shell with the emulator's exports, the system's authorities are a bundle of the emulator's.
    return b"".join(file.read_bytes().partition(BUNDLE_MARK)[0].rstrip() + b"\n" for file in files)


def _read(path: Path) -> bytes | None:
    try:
        return path.read_bytes()
    except FileNotFoundError:
        return None


def _keep(path: Path, content: bytes) -> None:
    """Write a file that every user may read, unless it has this content."""
    if _read(path) != content:
        write_atomically(path, content, mode=0o644)
