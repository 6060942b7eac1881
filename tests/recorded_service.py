"""The service's side of a recorded session, on a real socket."""

from __future__ import annotations

from typing import Any

from tests.live_server import Connection, Handler
from tests.recorded_sessions import recorded_session


def recorded_service(name: str, *, hears: str = "audioStreamEnd") -> Handler:
    """A handler of `live_server` that says what the service said in the recording.

    It waits for the client wherever the service did: of speech, for a `realtimeInput` with the key `hears`.
    """

    def play(connection: Connection) -> None:
        for asked, answered in recorded_session(name).exchanges:
            _receive(connection, asked[0], hears)
            for message in answered:
                connection.say(message)
        connection.drain()

    return play


def _receive(connection: Connection, asked: dict[str, Any], hears: str) -> None:
    if "setup" in asked:
        connection.receive()
    elif "realtime_input" in asked:
        connection.hear(hears)
    else:
        key = "toolResponse" if "tool_response" in asked else "clientContent"
        while key not in (frame := connection.receive()) and "text" not in frame.get("realtimeInput", {}):
            pass
