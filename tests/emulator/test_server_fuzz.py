"""Whatever a client writes on a real socket, the emulator closes as the service does, and serves the others on."""

from __future__ import annotations

import asyncio
import json

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed
from websockets.frames import Close, Frame, Opcode

from livecli.emulator.server import run_emulator
from livecli.protocol import messages
from tests.hostile import frames_of

PATH = "/ws/google.ai.generativelanguage.v1beta.GenerativeService.BidiGenerateContent"
SETUP = json.dumps({"setup": {"model": "models/gemini-3.8-live"}}).encode()
ENDS = {1000, 1002, 1007, 1008}


def masked(payload: bytes, opcode: Opcode = Opcode.BINARY, cut: int | None = None) -> bytes:
    """A client's message, in two fragments where it is `cut`."""
    if cut is None:
        return Frame(opcode, payload).serialize(mask=True)
    head, tail = payload[:cut], payload[cut:]
    return Frame(opcode, head, fin=False).serialize(mask=True) + Frame(Opcode.CONT, tail).serialize(mask=True)


opcodes = st.sampled_from([Opcode.BINARY, Opcode.TEXT])
payloads = st.one_of(*frames_of(messages.ClientMessage).values())
written = st.builds(masked, payloads, opcodes, st.none() | st.integers(0, 100)) | st.sampled_from(
    [masked(b"?", Opcode.PING), masked(b"", Opcode.CONT), b"\x82\x02{}", b"\x83\x80\0\0\0\0", b"\xc1\x80\0\0\0\0"]
)
fuzzed = settings(deadline=None, derandomize=True, max_examples=20, suppress_health_check=[HealthCheck.too_slow])


@fuzzed
@given(st.booleans(), st.lists(written, max_size=6))
def test_whatever_a_client_writes(sets_up: bool, frames: list[bytes]) -> None:
    log: list[str] = []
    asyncio.run(play([masked(SETUP)] * sets_up + frames, log))
    assert not [line for line in log if "Traceback" in line or "Error" in line]
    assert all(line.isprintable() for line in log)


async def play(frames: list[bytes], log: list[str]) -> None:
    async with (
        asyncio.timeout(10),
        run_emulator(log=log.append) as emulator,
        connect(emulator.url + PATH) as other,
        connect(emulator.url + PATH) as client,
    ):
        client.transport.write(b"".join(frames) + masked(Close(1000, "").serialize(), Opcode.CLOSE))
        with pytest.raises(ConnectionClosed) as closed:
            while True:
                await client.recv(decode=False)
        assert closed.value.rcvd is not None
        assert closed.value.rcvd.code in ENDS
        await other.send(SETUP)
        assert json.loads(await other.recv()) == {"setupComplete": {}}
