"""The embedded emulator: what `--local` starts and connects to, and what `serve` runs."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from .protocol.endpoint import Target

if TYPE_CHECKING:
    from .emulator.certificates import Certificates
    from .emulator.expectations import ScriptCheck, ScriptExpectation
    from .emulator.observer import EmulatedCall, SessionRecord
    from .emulator.options import EmulatorOptions
    from .emulator.server import EmulatorAddress


@asynccontextmanager
async def reachable(target: Target, options: EmulatorOptions | None = None) -> AsyncIterator[Target]:
    """The target to connect to: `target` itself or, if it is `local`, one whose base URL is a running emulator's.

    `options` are the emulator's; without them it echoes, without delay.
    """
    if not target.local:
        yield target
        return
    from .emulator.options import EmulatorOptions
    from .emulator.server import run_emulator
    from .media.speech.espeak import can_speak

    async with run_emulator(options=options or EmulatorOptions(speaks=can_speak())) as emulator:
        yield replace(target, base_url=emulator.url)


@dataclass(frozen=True)
class LocalServer:
    """A running emulator, as `livecli.serve` gives it.

    `url` is its base URL in the clear, `https_url` the one with TLS, and `env` the variables that point other programs
    at it, Google's SDKs among them.
    """

    url: str
    https_url: str
    env: Mapping[str, str]
    _record: SessionRecord
    _check: ScriptCheck | None = None

    @property
    def said(self) -> list[str]:
        """The words of clients, in order: the texts that they typed, and for speech the emulator's transcript of it."""
        return [*self._record.said]

    @property
    def calls(self) -> list[EmulatedCall]:
        """The function calls of the emulator: `name`, `args`, `id`, and `response`, None until a client returns."""
        return [*self._record.calls]

    @property
    def connections(self) -> int:
        """How many sessions were opened, those that resumed another included."""
        return self._record.connections

    @property
    def failures(self) -> list[ScriptExpectation]:
        """The script's expectations that do not hold so far: `file`, `line`, `subject`, `expected` and `actual`."""
        return self._check.failures() if self._check else []


@asynccontextmanager
async def served(options: EmulatorOptions, environ: Mapping[str, str], *, port: int = 0) -> AsyncIterator[LocalServer]:
    """Run an emulator in this process, on this machine's loopback address. Its files are deleted at the end.

    `environ` are the variables of the programs that will use it. Port 0 is a free one. Raises ConnectError.
    """
    import asyncio
    from pathlib import Path
    from tempfile import TemporaryDirectory

    from .emulator.certificates import certificates
    from .emulator.observer import SessionRecord
    from .emulator.server import Tls, run_emulator

    record = SessionRecord()
    observed = replace(options, observers=[*options.observers, record.observe])
    with TemporaryDirectory(prefix="livecli-") as folder:
        made = await asyncio.to_thread(certificates, Path(folder))
        async with run_emulator(port=port, tls=Tls(made.context), options=observed) as emulator:
            variables = exports(emulator, "localhost", made, options, environ)
            yield LocalServer(emulator.url, variables["GOOGLE_GEMINI_BASE_URL"], variables, record, options.check)


def exports(
    emulator: EmulatorAddress,
    host: str,
    certificates: Certificates,
    options: EmulatorOptions,
    environ: Mapping[str, str],
) -> dict[str, str]:
    """The variables that point programs at the emulator: livecli without TLS, the SDKs, which require it, with.

    `host` is the name in the certificate. Where the emulator requires no credential and `environ` has none, there is a
    key that stands for none.
    """
    from urllib.parse import urlsplit

    from .credentials import local_key
    from .emulator.access import RequiredCredentials
    from .protocol.endpoint import is_loopback

    encrypted = f"https://{f'[{host}]' if ':' in host else host}:{emulator.tls_port}"
    is_open = options.required == RequiredCredentials() and is_loopback(urlsplit(emulator.url).hostname)
    return {
        "LIVECLI_BASE_URL": emulator.url,
        "GOOGLE_GEMINI_BASE_URL": encrypted,
        "GOOGLE_VERTEX_BASE_URL": encrypted,
        "SSL_CERT_FILE": str(certificates.bundle),
        "NODE_EXTRA_CA_CERTS": str(certificates.authority),
        **(local_key(environ) if is_open else {}),
    }
