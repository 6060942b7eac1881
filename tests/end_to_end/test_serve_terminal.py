"""What `livecli serve` shows a person, at a terminal."""

import os
import re
import signal

from tests.terminal import STARTED

TURN = '[[turn]]\nmatch = "bye"\nsay = "Goodbye."\nclose = {code = 1000}\n'


def test_it_says_where_it_listens_what_for_and_how_to_stop(terminal, tmp_path):
    (tmp_path / "bye.toml").write_text(TURN)
    serving = terminal("serve", "--port", "0", "--tls-port", "0", "--script", "../bye.toml", program=STARTED)
    serving.wait("In another shell:", "export GOOGLE_API_KEY=local")
    first, clear, encrypted, stop, *_ = serving.screen().splitlines()
    assert re.fullmatch(r"livecli serve · script \.\./bye\.toml · gemini-3\.8-live and \d+ others", first)
    assert stop == "  stop   Ctrl-C"
    url = re.fullmatch(r"  ws     (ws://127\.0\.0\.1:\d+) +livecli", clear)[1]
    assert re.fullmatch(r"  https  https://localhost:\d+  google-genai, @google/genai, adk, pipecat …", encrypted)
    assert f"  export LIVECLI_BASE_URL={url}" in serving.screen()
    client = terminal("send", "--text", "bye", "--base-url", url, "-q")
    assert client.left() == 0
    serving.wait("closed by the script: 1000")
    shown = re.findall(r"^\d\d:\d\d:\d\d\.\d{3} \[1\] (.*)$", serving.screen(), re.MULTILINE)
    assert [line.rstrip() for line in shown] == [
        "● vertex v1  gemini-3.8-live",
        "→ “bye”",
        "← “Goodbye.” 0.5 s  turn 1",
        "○ closed by the script: 1000",
    ]
    os.kill(serving.pid, signal.SIGINT)
    assert serving.left() == 130
