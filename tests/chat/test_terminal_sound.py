"""`livecli chat` at a terminal with a microphone: the space bar, the meter, and their messages."""

from __future__ import annotations

import re
import threading

import pytest

from tests.breaking import breaking
from tests.end_to_end.conftest import tone
from tests.serving import serving
from tests.sound_server import RATE
from tests.terminal import STARTED


@pytest.fixture
def spoken(terminal, sound_server):
    """A terminal with a chat that hears."""
    variables = {name: sound_server.env[name] for name in ("XDG_RUNTIME_DIR", "PULSE_RUNTIME_PATH", "PULSE_SERVER")}
    with serving() as served:
        yield lambda *words, **how: terminal("chat", "--base-url", served.url, "--mic", *words, **variables, **how)


def test_space_begins_and_ends_what_is_said_where_nothing_is_typed(spoken, sound_server):
    opened = spoken("--push-to-talk")
    opened.wait("ready: press space to talk", "mic ▯")
    opened.type(" ")
    opened.wait("talking: press space to end")
    sound_server.say(tone(RATE, RATE))
    opened.type(" ")
    opened.wait(until=lambda screen: re.search(r"^\[.*speech.*\]$", screen, re.MULTILINE))
    opened.wait("ready: press space to talk")
    opened.type("a b")
    opened.wait("> a b")
    opened.press("C-u", "C-d")
    assert opened.left() == 0


def test_the_meter_moves_and_the_microphone_can_be_turned_off(spoken, sound_server):
    opened = spoken("--full-duplex", "--echo", "off")
    opened.wait("listening", "mic ▯▯▯▯")
    saying = threading.Thread(target=sound_server.say, args=[tone(RATE, RATE) * 3])
    saying.start()
    opened.wait("hearing you", "mic ▮")
    saying.join()
    opened.wait(until=lambda screen: re.search(r"^> \[.*speech.*\]\n\[.*speech.*\]$", screen, re.MULTILINE))
    opened.enter("/mic off")
    opened.wait("the microphone is off", without="mic ▯")
    opened.press("C-d")
    assert opened.left() == 0


def test_a_bug_while_it_listens_ends_the_chat(spoken, tmp_path):
    broken = breaking(tmp_path / "broken", "livecli.chat.chat", "Chat.send_microphone")
    opened = spoken("--full-duplex", "--echo", "off", program=STARTED, **broken)
    screen = opened.wait("[the end]")
    assert "ZeroDivisionError: a bug" in screen
    assert "the microphone is off" not in screen
    assert opened.failed() == 70
