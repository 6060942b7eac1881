"""The emulator's certificate and its certificate authority: created on first use, kept in a folder, and renewed.

    authority.pem    0600   the authority: certificate and key
    localhost.pem    0600   the emulator's certificate, the leaf: key, certificate, and the authority's certificate
    ca.pem                  the authority's certificate, for programs that add it to those that they trust
    ca-bundle.pem           the system's authorities and this one, for programs that trust the authorities in one file

Any number of processes may start at once, without a lock: files are replaced atomically, the first authority is kept,
and a leaf that another process has just replaced is as valid as its successor. Where all files are valid nothing is
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
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from ..errors import FileError, UsageError
from ..process.folders import remove_abandoned, write_atomically

NAMES = ("localhost", "127.0.0.1", "::1")
LEAF_DAYS = 365
"""The validity of a leaf. Some systems trust none that is valid for more than 398 days."""

RENEWED_DAYS = 30
"""How long before its end a certificate is renewed, and so the longest time that an emulator may run."""

CERTIFICATE = re.compile(rb"-----BEGIN CERTIFICATE-----\s.*?-----END CERTIFICATE-----\s+", re.DOTALL)
HEAD = re.compile(rb"Renew after: ([\d-]+)\n(?:Names: ([!-~ ]+)\n)?")
"""The text before the key in `localhost.pem`, which OpenSSL ignores. The standard library cannot read a certificate's
end or names from a file. Without the second line the names are NAMES."""


@dataclass(frozen=True)
class Certificates:
    """The TLS context of the emulator, and the two files that make clients trust it."""

    context: ssl.SSLContext
    authority: Path
    bundle: Path


def certificates(folder: Path, *names: str) -> Certificates:
    """The certificates in this folder, created or renewed where necessary. The leaf also names `names`.

    A name is a host name, `*.` and a host name for all names of one label before it, or an address. Raises FileError
    where the certificates cannot be kept, UsageError where no certificate can have these names.
    """
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        # Those of a killed process have a private key, and files that are valid for long are seldom written.
        for name in ("authority.pem", "localhost.pem"):
            remove_abandoned(folder / name)
        authority = _authority(folder / "authority.pem")
        context = _leaf(folder / "localhost.pem", authority, names)
        ours = _certificate(authority)
        _keep(folder / "ca.pem", ours)
        # In a shell with the emulator's exports, the system's authorities are its bundle, which contains `ours`.
        _keep(folder / "ca-bundle.pem", _system_authorities().replace(ours, b"") + ours)
    except OSError as error:
        message = f"cannot keep certificates in {folder}: {error.strerror or error}"
        raise FileError(message, hint="it must be a folder that you may write in; XDG_STATE_HOME moves it") from error
    return Certificates(context, folder / "ca.pem", folder / "ca-bundle.pem")


def _authority(path: Path) -> bytes:
    """The authority's certificate and key. Processes that create the first one at the same time get the same one."""
    kept = _read(path)
    if kept is not None and _lasts(_certificate(kept)):
        return kept
    import trustme

    made = trustme.CA(organization_name="livecli")
    write_atomically(path, made.cert_pem.bytes() + made.private_key_pem.bytes(), keep_existing=kept is None)
    return path.read_bytes()


def _lasts(certificate: bytes) -> bool:
    """Whether this authority is valid for longer than a leaf that is created today."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    try:
        context.load_verify_locations(cadata=certificate.decode())
        [authority] = context.get_ca_certs()
    except (ssl.SSLError, ValueError):  # it is damaged
        return False
    days = (ssl.cert_time_to_seconds(str(authority["notAfter"])) - time.time()) / 86_400
    return days > LEAF_DAYS + RENEWED_DAYS


def _leaf(path: Path, authority: bytes, names: Sequence[str]) -> ssl.SSLContext:
    """The context with the leaf, which also has the names of earlier calls, so that it need not alternate."""
    kept = _read(path)
    renewal, kept_names = _head(kept or b"")
    new_names = [name for name in dict.fromkeys(names) if name not in kept_names]
    if kept is not None and _certificate(authority) in kept and _today() < renewal and not new_names:
        with contextlib.suppress(ssl.SSLError):  # it is damaged
            return _context(kept)
    issued = _issued(authority, path.parent, [*kept_names, *new_names])
    write_atomically(path, issued)
    return _context(issued)


def _context(leaf: bytes) -> ssl.SSLContext:
    """The TLS context with this leaf, loaded from a private copy.

    OpenSSL opens the file once for the certificate and once for the key, and another process may replace it in between.
    """
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
        raise FileError(f"{folder / 'authority.pem'} is damaged", hint="remove it: livecli creates another") from error
    now = datetime.datetime.now(datetime.UTC)
    try:
        made = signer.issue_cert(
            *names,
            organization_name="livecli",
            not_before=now - datetime.timedelta(days=1),  # a client's clock may be slow
            not_after=now + datetime.timedelta(days=LEAF_DAYS),
        )
    except ValueError as error:
        raise UsageError(
            f"no certificate can have this name: {error}", hint="give --host and --tls-name host names or addresses"
        ) from error
    renewal = _today() + datetime.timedelta(days=LEAF_DAYS - RENEWED_DAYS)
    head = f"Renew after: {renewal}\nNames: {' '.join(names)}\n"
    return head.encode() + made.private_key_and_cert_chain_pem.bytes() + _certificate(authority)


def _head(leaf: bytes) -> tuple[datetime.date, list[str]]:
    """The day from which a leaf is renewed, and the hosts that it names."""
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
    """The first certificate in `pem`, empty where there is none."""
    found = CERTIFICATE.search(pem)
    return found[0] if found else b""


def _system_authorities() -> bytes:
    """The authorities that the system trusts, or SSL_CERT_FILE or SSL_CERT_DIR instead; else Mozilla's."""
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
    """Write a file that every user may read, unless it has this content."""
    if _read(path) != content:
        write_atomically(path, content, mode=0o644)
