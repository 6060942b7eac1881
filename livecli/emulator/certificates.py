"""The emulator's certificate, and the authorities that its clients trust: made on first use, kept in a folder, renewed
before they expire. Owns trustme and certifi.

    authority.pem    0600   our authority: certificate and key
    localhost.pem    0600   what the emulator shows, signed by that: key, certificate, and the authority's
    ca.pem                  the authority's certificate, for programs that add it to those they trust
    ca-bundle.pem           the system's authorities and ours, for programs that trust one file and no other

Any number of processes may start at once, without a lock: every file appears whole, the first authority stays, and a
leaf that another process has just replaced is as good as its successor. Where everything is in place nothing is
written, and trustme, which takes as long to load as the rest of the emulator, is not loaded.
"""

from __future__ import annotations

import contextlib
import datetime
import os
import re
import ssl
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from ..errors import FileError, UsageError
from ..process.folders import write_atomically

NAMES = ("localhost", "127.0.0.1", "::1")
LEAF_DAYS = 365
"""Some systems trust no leaf that is valid for more than 398 days."""

RENEWED_DAYS = 30
"""How long before its end a certificate is renewed: no emulator runs for longer."""

CERTIFICATE = re.compile(rb"-----BEGIN CERTIFICATE-----\s.*?-----END CERTIFICATE-----\s+", re.DOTALL)
HEAD = re.compile(rb"Renew after: ([\d-]+)\n(?:Names: ([!-~ ]+)\n)?")
"""Stands before the key, where OpenSSL reads over it: the standard library does not tell when a leaf ends, nor whom it
names. Without the names they are NAMES."""


@dataclass(frozen=True)
class Certificates:
    """What the emulator shows, and the two files that make clients trust it."""

    context: ssl.SSLContext
    authority: Path
    bundle: Path


def certificates(folder: Path, host: str = "localhost") -> Certificates:
    """The certificates in this folder, made or renewed where they have to be, for `host` too: an address, or a name.

    Raises FileError where they cannot be kept, UsageError where no certificate can name `host`.
    """
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        authority = _authority(folder / "authority.pem")
        context = _leaf(folder / "localhost.pem", authority, host)
        ours = _certificate(authority)
        _keep(folder / "ca.pem", ours)
        # Whoever runs in a shell that has our exports finds our own bundle here, with ours in it already.
        _keep(folder / "ca-bundle.pem", _system_authorities().replace(ours, b"") + ours)
    except OSError as error:
        message = f"cannot keep certificates in {folder}: {error.strerror or error}"
        raise FileError(message, hint="it must be a folder that you may write in; XDG_STATE_HOME moves it") from error
    return Certificates(context, folder / "ca.pem", folder / "ca-bundle.pem")


def _authority(path: Path) -> bytes:
    """Our authority's certificate and key. Of several processes that make the first one, all get the same."""
    kept = _read(path)
    if kept is not None and _lasts(_certificate(kept)):
        return kept
    import trustme

    made = trustme.CA(organization_name="livecli")
    write_atomically(path, made.cert_pem.bytes() + made.private_key_pem.bytes(), keep_existing=kept is None)
    return path.read_bytes()


def _lasts(certificate: bytes) -> bool:
    """Whether this authority outlives a leaf that is made today."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    try:
        context.load_verify_locations(cadata=certificate.decode())
        [authority] = context.get_ca_certs()
    except (ssl.SSLError, ValueError):  # it is damaged
        return False
    days = (ssl.cert_time_to_seconds(str(authority["notAfter"])) - time.time()) / 86_400
    return days > LEAF_DAYS + RENEWED_DAYS


def _leaf(path: Path, authority: bytes, host: str) -> ssl.SSLContext:
    """What the emulator shows: a certificate for every host that it has ever listened on, so that it need not change
    where these take turns."""
    kept = _read(path)
    renewal, names = _head(kept or b"")
    if kept is not None and _certificate(authority) in kept and _today() < renewal and host in names:
        with contextlib.suppress(ssl.SSLError):  # it is damaged
            return _shown(kept)
    issued = _issued(authority, path.parent, names if host in names else [*names, host])
    write_atomically(path, issued)
    return _shown(issued)


def _shown(leaf: bytes) -> ssl.SSLContext:
    """From a copy that nobody else knows: OpenSSL opens the file for the certificate and again for the key, and another
    process may replace it in between."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    descriptor, name = tempfile.mkstemp()
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(leaf)
        context.load_cert_chain(name)
    finally:
        Path(name).unlink()
    return context


def _issued(authority: bytes, folder: Path, names: list[str]) -> bytes:
    import trustme

    try:
        signer = trustme.CA.from_pem(_certificate(authority), authority)
    except ValueError as error:
        raise FileError(f"{folder / 'authority.pem'} is damaged", hint="remove it: another one is made then") from error
    now = datetime.datetime.now(datetime.UTC)
    try:
        made = signer.issue_cert(
            *names,
            organization_name="livecli",
            not_before=now - datetime.timedelta(days=1),  # some clock may be behind
            not_after=now + datetime.timedelta(days=LEAF_DAYS),
        )
    except ValueError as error:
        message = f"no certificate can name the host {names[-1]!r}: {error}"
        raise UsageError(message, hint="give --host its address instead") from error
    renewal = _today() + datetime.timedelta(days=LEAF_DAYS - RENEWED_DAYS)
    head = f"Renew after: {renewal}\nNames: {' '.join(names)}\n"
    return head.encode() + made.private_key_and_cert_chain_pem.bytes() + _certificate(authority)


def _head(leaf: bytes) -> tuple[datetime.date, list[str]]:
    """From when on it is to be renewed, and whom it names."""
    found = HEAD.match(leaf)
    if found is None:
        return datetime.date.min, [*NAMES]
    names = found[2].decode().split() if found[2] else [*NAMES]
    try:
        return datetime.date.fromisoformat(found[1].decode()), names
    except ValueError:
        return datetime.date.min, names


def _today() -> datetime.date:
    return datetime.datetime.now(datetime.UTC).date()


def _certificate(pem: bytes) -> bytes:
    """The first certificate in it."""
    found = CERTIFICATE.search(pem)
    return found[0] if found else b""


def _system_authorities() -> bytes:
    """Whom this system's programs trust, SSL_CERT_FILE and SSL_CERT_DIR considered; else whom Mozilla does."""
    paths = ssl.get_default_verify_paths()
    files = [Path(paths.cafile)] if paths.cafile else sorted(Path(paths.capath or os.devnull).glob("*.[0-9]"))
    if not files:
        import certifi

        files = [Path(certifi.where())]
    return b"".join(file.read_bytes().rstrip() + b"\n" for file in files)


def _read(path: Path) -> bytes | None:
    try:
        return path.read_bytes()
    except FileNotFoundError:
        return None


def _keep(path: Path, content: bytes) -> None:
    """For everybody to read."""
    if _read(path) != content:
        write_atomically(path, content, mode=0o644)
