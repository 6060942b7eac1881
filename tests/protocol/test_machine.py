"""What may be said when, at both ends."""

import pytest

from livecli.errors import ProtocolError
from livecli.protocol import events, messages
from livecli.protocol.close_reasons import Refusal
from livecli.protocol.machine import LiveProtocol, Side, State
from livecli.protocol.models import Platform


def setup(manual=False, **extra):
    detection = messages.AutomaticActivityDetection(disabled=True) if manual else None
    config = messages.RealtimeInputConfig(automatic_activity_detection=detection) if manual else None
    return events.Setup(messages.Setup(model="models/m", realtime_input_config=config), extra)


def pair():
    return (LiveProtocol(side, Platform.DEVELOPER) for side in (Side.CLIENT, Side.SERVER))


def opened(**how):
    client, server = pair()
    assert server.receive(client.send(setup(**how)))
    assert client.receive(server.send(events.SetupComplete())) == [events.SetupComplete()]
    return client, server


def test_both_ends_go_through_the_same_states():
    client, server = pair()
    assert client.state is server.state is State.OPENED
    server.receive(client.send(setup()))
    assert client.state is server.state is State.SETTING_UP
    client.receive(server.send(events.SetupComplete()))
    assert client.state is server.state is State.ACTIVE
    assert server.receive(client.send(events.Text("hi"))) == [events.Text("hi")]


EVERY = [events.AudioChunk(b"\0\0"), events.Text("x"), events.ClientTurns(), events.ActivityStart()]


@pytest.mark.parametrize("event", EVERY)
def test_nothing_but_setup_comes_first(event):
    client, server = pair()
    with pytest.raises(ProtocolError):
        client.send(event)
    other, _ = opened(manual=True)
    with pytest.raises(Refusal) as refused:
        server.receive(other.send(event))
    assert refused.value.code == 1007


@pytest.mark.parametrize("event", EVERY)
def test_nothing_is_said_before_setup_is_complete(event):
    client, _ = pair()
    client.send(setup())
    with pytest.raises(ProtocolError):
        client.send(event)


def test_a_second_setup_is_refused():
    client, server = opened()
    with pytest.raises(ProtocolError):
        client.send(setup())
    other, _ = pair()
    with pytest.raises(Refusal) as refused:
        server.receive(other.send(setup()))
    assert refused.value.code == 1007


@pytest.mark.parametrize(
    ("manual", "allowed", "refused"),
    [
        (True, [events.ActivityStart(), events.ActivityEnd()], [events.AudioStreamEnd()]),
        (False, [events.AudioStreamEnd()], [events.ActivityStart(), events.ActivityEnd()]),
    ],
)
def test_activity_goes_with_manual_detection_only(manual, allowed, refused):
    reason = "Precondition check failed." if manual else "Explicit activity control is not supported when automatic"
    client, server = opened(manual=manual)
    _, other_server = opened(manual=manual)
    other_client, _ = opened(manual=not manual)
    for event in allowed:
        assert server.receive(client.send(event)) == [event]
    for event in refused:
        with pytest.raises(ProtocolError):
            client.send(event)
        with pytest.raises(Refusal, match=reason):
            other_server.receive(other_client.send(event))


def test_a_setup_file_may_switch_detection_off_in_either_spelling():
    client, server = opened(realtime_input_config={"automatic_activity_detection": {"disabled": True}})
    assert server.receive(client.send(events.ActivityStart())) == [events.ActivityStart()]


def test_the_server_may_say_anything_in_any_order():
    client, server = opened()
    for event in (events.TurnComplete(), events.InputTranscript("late"), events.GenerationComplete()):
        assert client.receive(server.send(event)) == [event]


def test_a_client_does_not_say_what_is_the_servers():
    client, _ = opened()
    with pytest.raises(ProtocolError):
        client.send(events.TurnComplete())
