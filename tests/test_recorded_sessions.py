import json

import pytest

from livecli.protocol.codec import decode_client, decode_server
from tests.recorded_sessions import NAMES, recorded_session


@pytest.mark.parametrize("name", NAMES)
def test_every_frame_of_a_recording_is_understood(name: str) -> None:
    session = recorded_session(name)
    assert session.frames[0].sent
    for frame in session.frames:
        encoded = json.dumps(frame.message).encode()
        understood = decode_client(encoded) if frame.sent else decode_server(encoded)
        assert understood or frame.message in ({}, {"serverContent": {}}), frame.message
