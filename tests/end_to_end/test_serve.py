"""`livecli serve` in a process of its own: what it says, whom it runs, and how both end."""

from __future__ import annotations

import asyncio
import base64
import fcntl
import json
import os
import pty
import re
import shlex
import signal
import socket
import ssl
import subprocess
import sys
import termios
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed

from livecli.emulator import server
from livecli.emulator.session import CLOSE_SECONDS
from tests.end_to_end.conftest import Ran, tone
from tests.needs import needs

Spawn = Callable[..., "subprocess.Popen[bytes]"]
Livecli = Callable[..., Ran]
PATH = "/ws/google.ai.generativelanguage.v1beta.GenerativeService.BidiGenerateContent"
FREE = ("--port", 0, "--tls-port", 0)
NAMES = [
    *("LIVECLI_BASE_URL", "GOOGLE_GEMINI_BASE_URL", "GOOGLE_VERTEX_BASE_URL", "SSL_CERT_FILE", "NODE_EXTRA_CA_CERTS"),
    "GOOGLE_API_KEY",
]

TELLS = """
import os, signal, sys, time
def tell(number, frame):
    os.write(1, f"{signal.Signals(number).name}\\n".encode())  # print may be what it interrupts
    if number == signal.SIGTERM:
        sys.exit(5)
for number in (signal.SIGINT, signal.SIGHUP, signal.SIGTERM):
    signal.signal(number, tell)
print("ready", flush=True)
while True:
    time.sleep(60)
"""
"""A program that tells its signals, and leaves with status 5 on SIGTERM."""


def finish(process: subprocess.Popen[bytes], data: bytes | None = None) -> tuple[int, str, str]:
    out, err = process.communicate(data, timeout=30)
    return process.returncode, out.decode(), err.decode()


def lines_of(process: subprocess.Popen[bytes]) -> Iterator[str]:
    assert process.stdout is not None
    for line in process.stdout:
        yield line.decode().strip()


def exports(process: subprocess.Popen[bytes]) -> dict[str, str]:
    assert process.stdout is not None
    lines = [process.stdout.readline().decode() for _ in NAMES]
    assert [line.partition("=")[0] for line in lines] == [f"export {name}" for name in NAMES]
    return dict(shlex.split(line)[1].split("=", 1) for line in lines)


@pytest.fixture
def kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where its certificates are kept, spelled as badly as a path can be."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "it's a $HOME"))
    return tmp_path / "it's a $HOME" / "livecli"


def test_the_exports_are_what_a_shell_takes(fork: Spawn, kept: Path) -> None:
    process = fork("serve", *FREE)
    assert process.stdout is not None
    lines = b"".join(process.stdout.readline() for _ in NAMES).decode()
    shown = ["sh", "-c", f'eval "$1"; for name in {" ".join(NAMES)}; do printenv $name; done', "sh", lines]
    values = dict(zip(NAMES, subprocess.check_output(shown, text=True, timeout=30).splitlines(), strict=True))
    process.terminate()
    assert finish(process)[:2] == (143, "")
    assert re.fullmatch(r"ws://127\.0\.0\.1:\d+", values["LIVECLI_BASE_URL"])
    assert re.fullmatch(r"https://localhost:\d+", values["GOOGLE_GEMINI_BASE_URL"])
    assert values["GOOGLE_VERTEX_BASE_URL"] == values["GOOGLE_GEMINI_BASE_URL"]
    assert values["SSL_CERT_FILE"] == str(kept / "ca-bundle.pem")
    assert values["NODE_EXTRA_CA_CERTS"] == str(kept / "ca.pem")
    assert values["GOOGLE_API_KEY"] == "local"


def has_ipv6() -> bool:
    try:
        with socket.create_server(("::1", 0), family=socket.AF_INET6):
            return True
    except OSError:
        return False


IPV6 = pytest.mark.skipif(not has_ipv6(), reason="this machine has no IPv6 on loopback")
FETCH = 'printenv GOOGLE_GEMINI_BASE_URL; curl --silent --show-error --fail "$GOOGLE_GEMINI_BASE_URL/healthz"'


@pytest.mark.parametrize(
    ("host", "exported"),
    [
        ("127.0.0.2", "127.0.0.2"),
        ("0.0.0.0", "localhost"),
        ("localhost", "localhost"),
        pytest.param("::1", "[::1]", marks=IPV6),
        pytest.param("::", "[::1]", marks=IPV6),
    ],
)
def test_the_host_that_listens_is_exported_and_in_the_certificate(
    livecli_and_children: Livecli, host: str, exported: str
) -> None:
    needs("curl")
    ran = livecli_and_children("serve", "-q", "--host", host, "--", "sh", "-c", FETCH)
    warning = f"warning: --host {host}: other machines can connect to the emulator\n"
    assert (ran.status, ran.err) == (0, warning if host in ("0.0.0.0", "::") else "")
    assert re.match(rf"https://{re.escape(exported)}:\d+\n", ran.out)


def test_a_host_that_no_certificate_can_name(livecli: Livecli) -> None:
    ran = livecli("serve", *FREE, "--host", "under_score")
    assert (ran.status, ran.out) == (2, "")
    assert ran.err.startswith("error: no certificate can have this name: 'under_score'\nhint: ")


def test_a_name_that_no_certificate_can_have(livecli: Callable[..., Any]) -> None:
    ran = livecli("serve", *FREE, "--tls-name", "example.test", "--tls-name", "two words")
    assert (ran.status, ran.out) == (2, "")
    assert ran.err.startswith("error: no certificate can have this name: 'two words'\nhint: ")


CONNECTING = """
printenv SSL_CERT_FILE
port=${GOOGLE_GEMINI_BASE_URL##*:}
curl --silent --show-error --fail --connect-to "::localhost:$port" "https://$0/healthz"
"""


@pytest.mark.parametrize(
    ("names", "host"),
    [
        (["generativelanguage.googleapis.com"], "generativelanguage.googleapis.com"),
        (["a.test", "us-central1-aiplatform.googleapis.com"], "us-central1-aiplatform.googleapis.com"),
        (["*.googleapis.com"], "firebasevertexai.googleapis.com"),
    ],
)
def test_a_client_with_googles_host_written_in_accepts_the_certificate(
    fork: Spawn, kept: Path, names: list[str], host: str
) -> None:
    needs("curl")
    flags = [word for name in names for word in ("--tls-name", name)]
    status, out, err = finish(fork("serve", "-q", *flags, "--", "sh", "-c", CONNECTING, host))
    assert (status, err) == (0, "")
    bundle = Path(out.splitlines()[0])
    assert (bundle.name, bundle.parent.parent) == ("ca-bundle.pem", kept)
    authority = (bundle.parent / "ca.pem").read_bytes()
    # Names that were not given this time are not in the certificate (status 60 of curl), and the authority stays.
    for other in ("other.test", host):
        assert finish(fork("serve", "-q", "--", "sh", "-c", CONNECTING, other))[0] == 60
    assert (bundle.parent / "ca.pem").read_bytes() == authority


async def test_a_session_under_googles_name(fork: Spawn, kept: Path) -> None:
    host = "generativelanguage.googleapis.com"
    where = await asyncio.to_thread(exports, fork("serve", *FREE, "-q", "--tls-name", host))
    port = int(where["GOOGLE_GEMINI_BASE_URL"].rpartition(":")[2])
    trusted = ssl.create_default_context(cafile=where["SSL_CERT_FILE"])
    async with (
        asyncio.timeout(30),
        connect(f"wss://{host}{PATH}", ssl=trusted, host="127.0.0.1", port=port, proxy=None) as ws,
    ):
        await ws.send('{"setup":{"model":"models/gemini-3.8-live"}}')
        assert await ws.recv() == b'{\n  "setupComplete": {}\n}\n'


@pytest.mark.parametrize(("signum", "status"), [(signal.SIGTERM, 143), (signal.SIGINT, 130)])
@pytest.mark.parametrize("quiet", [False, True])
async def test_it_ends_on_a_signal_and_says_so(fork: Spawn, signum: int, status: int, quiet: bool) -> None:
    process = fork("serve", *FREE, *(["-q"] if quiet else []))
    where = await asyncio.to_thread(exports, process)
    trusted = ssl.create_default_context(cafile=where["SSL_CERT_FILE"])
    encrypted = where["GOOGLE_GEMINI_BASE_URL"].replace("https", "wss")
    async with asyncio.timeout(30):
        clear, tls = await connect(where["LIVECLI_BASE_URL"] + PATH), await connect(encrypted + PATH, ssl=trusted)
        for ws in (clear, tls):
            await ws.send('{"setup":{"model":"models/gemini-3.8-live"}}')
            assert await ws.recv() == b'{\n  "setupComplete": {}\n}\n'
            assert "sessionResumptionUpdate" in json.loads(await ws.recv())
        started = time.monotonic()
        process.send_signal(signum)
        for ws in (clear, tls):
            with pytest.raises(ConnectionClosed):
                await ws.recv()
            assert ws.close_code == 1001
    ended, stdout, stderr = await asyncio.to_thread(finish, process)
    assert time.monotonic() - started < CLOSE_SECONDS
    assert (ended, stdout) == (status, "")
    opened = [f"[{n}] ● developer v1beta  gemini-3.8-live" for n in (1, 2)]
    assert all(re.match(r"\d\d:\d\d:\d\d\.\d{3} ", line) for line in stderr.splitlines())
    assert sorted(line.partition(" ")[2] for line in stderr.splitlines()) == (
        [] if quiet else sorted([*opened, *(f"[{n}] ○ closed by the server: 1001" for n in (1, 2))])
    )


SHOW = "printenv LIVECLI_BASE_URL GOOGLE_GEMINI_BASE_URL; exec sleep 60"


@pytest.mark.parametrize("command", [(), ("--", "sh", "-c", SHOW)])
def test_sigterm_ends_it_whoever_does_not_answer(fork: Spawn, command: tuple[str, ...]) -> None:
    process = fork("serve", *FREE, "-q", *command)
    said = lines_of(process)
    ports = [int(line.rpartition(":")[2]) for line in (next(said), next(said))]
    peers = [socket.create_connection(("127.0.0.1", port), timeout=10) for port in ports]
    peers[0].sendall(b"GET /ws")  # the other one never begins its TLS handshake
    started = time.monotonic()
    process.terminate()
    status, _, err = finish(process)
    assert time.monotonic() - started < CLOSE_SECONDS
    assert (status, err) == (143, "")
    for peer in peers:
        peer.close()


@pytest.mark.parametrize("dashes", [["--"], []])
def test_a_command_has_the_environment_and_the_streams(fork: Spawn, kept: Path, dashes: list[str]) -> None:
    shown = "; ".join(f"printenv {name}" for name in NAMES)
    process = fork("serve", *dashes, "sh", "-c", f"cat; {shown}; echo talk >&2; exit 7")
    status, out, err = finish(process, b"typed\n")
    assert status == 7
    assert err == "talk\n"
    typed, clear, gemini, vertex, bundle, authority, key = out.splitlines()
    assert typed == "typed"
    assert re.fullmatch(r"ws://127\.0\.0\.1:\d+ https://localhost:\d+", f"{clear} {gemini}")
    assert vertex == gemini
    assert (bundle, authority, key) == (str(kept / "ca-bundle.pem"), str(kept / "ca.pem"), "local")


def test_commands_run_side_by_side(fork: Spawn) -> None:
    several = [fork("serve", "-q", "sh", "-c", "read _; echo done") for _ in range(2)]
    assert [finish(process, b"\n")[:2] for process in several] == [(0, "done\n")] * 2


def test_a_command_gets_the_port_that_was_asked_for(livecli: Livecli, monkeypatch: pytest.MonkeyPatch) -> None:
    holder = "nginx, process 42"
    monkeypatch.setattr(server, "port_holder", lambda port: holder)
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        ran = livecli("serve", "--port", port, "true")
        assert (ran.status, ran.out) == (5, "")
        assert ran.err == f"error: port {port} ({holder}) is taken\nhint: --port 0 takes a free one\n"
        with socket.create_server(("127.0.0.1", 0)) as another:
            second = another.getsockname()[1]
            ran = livecli("serve", "--port", port, "--tls-port", second)
        assert (ran.status, ran.out) == (5, "")
        numbers = " and ".join(f"{number} ({holder})" for number in sorted([port, second]))
        assert ran.err == f"error: ports {numbers} are taken\nhint: --port 0 --tls-port 0 takes free ones\n"
        ran = livecli("serve", "--tls-port", port)
        assert ran.err == f"error: port {port} ({holder}) is taken\nhint: --tls-port 0 takes a free one\n"
        monkeypatch.setattr(server, "port_holder", lambda port: None)
        ran = livecli("serve", "--tls-port", port)
        assert ran.err == (
            f"error: port {port} is taken\nhint: --tls-port 0 takes a free one; `lsof -i :{port}` shows what listens\n"
        )


@pytest.mark.parametrize("host", ["192.0.2.1", "no-such-host.invalid"])
def test_a_host_that_is_not_of_this_machine_is_named(livecli: Livecli, host: str) -> None:
    ran = livecli("serve", "--host", host, *FREE)
    assert (ran.status, ran.out) == (5, "")
    assert ran.err.splitlines()[-2:] == [
        f"error: cannot listen on {host}: it is not an address of this machine",
        "hint: --host names an address of this machine, such as 127.0.0.1",
    ]


@pytest.mark.parametrize(
    ("command", "status"),
    [
        (["true"], 0),
        (["false"], 1),
        (["sh", "-c", "exit 70"], 70),
        (["sh", "-c", "kill -TERM $$"], 143),
        (["sh", "-c", "kill -KILL $$"], 137),
        (["sh", "-c", "kill -INT $$"], 130),
        (["echo", "-q", "--port"], 0),
    ],
)
def test_it_exits_with_the_commands_status(livecli_and_children: Livecli, command: list[str], status: int) -> None:
    ran = livecli_and_children("serve", "--", *command)
    assert (ran.status, ran.err) == (status, "")
    assert ran.out == ("-q --port\n" if command[0] == "echo" else "")


@pytest.mark.parametrize(
    ("command", "status", "says"),
    [
        ("no-such-program", 127, "error: cannot run no-such-program: No such file or directory\n"),
        ("./no/such/file", 127, "error: cannot run ./no/such/file: No such file or directory\n"),
        ("/dev/null", 126, "error: cannot run /dev/null: Permission denied\n"),
    ],
)
def test_a_command_that_is_none(livecli_and_children: Livecli, command: str, status: int, says: str) -> None:
    assert livecli_and_children("serve", "--", command) == Ran(status, "", says)


def test_signals_are_the_commands(fork: Spawn) -> None:
    process = fork("serve", "-q", "--", sys.executable, "-c", TELLS)
    said = lines_of(process)
    assert next(said) == "ready"
    for number in (signal.SIGINT, signal.SIGHUP, signal.SIGINT, signal.SIGTERM):
        process.send_signal(number)
        assert next(said) == number.name
    assert finish(process)[0] == 5


def test_a_command_that_dies_of_a_signal(fork: Spawn) -> None:
    process = fork("serve", "-q", "--", sys.executable, "-c", "import time; print('ready', flush=True); time.sleep(60)")
    assert next(lines_of(process)) == "ready"
    process.send_signal(signal.SIGTERM)
    assert finish(process)[0] == 143


def test_under_nohup_a_hangup_is_nobodys(spawn: Spawn) -> None:
    ignore: Any = {"preexec_fn": lambda: signal.signal(signal.SIGHUP, signal.SIG_IGN)}
    process = spawn("serve", "-q", "--", sys.executable, "-c", TELLS, **ignore)
    said = lines_of(process)
    assert next(said) == "ready"
    process.send_signal(signal.SIGHUP)
    process.send_signal(signal.SIGTERM)
    assert next(said) == "SIGTERM"
    assert finish(process)[0] == 5


def test_ctrl_c_at_a_terminal_reaches_the_command_once(spawn: Spawn) -> None:
    master, slave = pty.openpty()
    own: Any = {"start_new_session": True, "preexec_fn": lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0)}
    process = spawn("serve", "-q", "--", sys.executable, "-c", TELLS, stdin=slave, **own)
    os.close(slave)
    said = lines_of(process)
    assert next(said) == "ready"
    os.write(master, b"\x03")  # to every process in the terminal's foreground
    assert next(said) == "SIGINT"
    process.send_signal(signal.SIGTERM)  # behind whatever else was sent
    assert next(said) == "SIGTERM"
    assert finish(process)[0] == 5
    os.close(master)


def test_certificates_that_cannot_be_kept_are_temporary(
    livecli_and_children: Livecli, tmp_path: Path, monkeypatch
) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "file"))
    ran = livecli_and_children("serve", "-q", "--", "sh", "-c", "test -s $SSL_CERT_FILE && echo $SSL_CERT_FILE")
    assert ran.status == 0, ran.err
    assert ran.err.startswith(
        f"warning: cannot keep certificates in {tmp_path}/file/livecli: Not a directory; until the"
    )
    assert not Path(ran.out.strip()).parent.exists()


@pytest.mark.parametrize("words", [["--port", "65536"], ["--tls-port", "-1"], ["--nope"]])
def test_usage(livecli: Livecli, words: list[str]) -> None:
    ran = livecli("serve", *words)
    assert (ran.status, ran.out) == (2, "")


def test_importing_the_command_loads_nothing_heavy() -> None:
    heavy = "{'asyncio', 'websockets', 'numpy', 'soxr', 'msgspec', 'ssl', 'cryptography'}"
    code = f"import sys, livecli.cli.serve; print({heavy} & set(sys.modules))"
    assert subprocess.check_output([sys.executable, "-c", code], text=True, timeout=30) == "set()\n"


SPEECH_24_KHZ = json.dumps(
    {
        "realtimeInput": {
            "audio": {"mimeType": "audio/pcm;rate=24000", "data": base64.b64encode(tone(2_400, 24_000)).decode()}
        }
    }
)


@pytest.mark.parametrize("end", ["leaves", "closes", "is refused", "stays", "stays too long"])
@pytest.mark.parametrize("resumption", [{}, {"sessionResumption": {"transparent": True}}])
async def test_nothing_is_reported_as_leaked_after_speech_that_is_resampled(
    fork: Spawn, end: str, resumption: dict[str, Any]
) -> None:
    seconds = 1 if end == "stays too long" else 0
    process = fork("serve", *FREE, "-q", "--connection-seconds", seconds, "--goaway-seconds", 0)
    url = (await asyncio.to_thread(exports, process))["LIVECLI_BASE_URL"]
    async with asyncio.timeout(30):
        ws = await connect(url)
        await ws.send(json.dumps({"setup": {"model": "publishers/google/models/gemini-3.8-live", **resumption}}))
        for _ in range(10):
            await ws.send(SPEECH_24_KHZ)
        while "setupComplete" not in json.loads(await ws.recv()):
            pass
        if end == "leaves":
            ws.transport.abort()
        elif end == "closes":
            await ws.close()
        elif end in ("is refused", "stays too long"):
            if end == "is refused":
                await ws.send("{")
            with pytest.raises(ConnectionClosed):
                while True:
                    await ws.recv()
    process.terminate()
    status, _, err = await asyncio.to_thread(finish, process)
    assert (status, err) == (143, "")
