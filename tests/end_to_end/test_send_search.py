"""`send --search`: what is asked for, and how what is cited is listed."""

from __future__ import annotations

from livecli.emulator.core.script import ScriptedBehaviour
from livecli.emulator.core.script_file import read_script
from tests.live_server import Connection, live_server
from tests.serving import serving

SCRIPT = """
[[turn]]
say = "It opens at nine."
[turn.ground]
webSearchQueries = ["station opening hours"]
groundingChunks = [
    {web = {uri = "https://a.example/1", title = "Opening hours"}},
    {web = {uri = "https://b.example/2", title = "b.example"}},
]
groundingSupports = [{segment = {text = "It opens at nine."}, groundingChunkIndices = [1]}]
"""


def test_citations_are_numbered_and_listed(livecli):
    turns = read_script(SCRIPT, lambda name: [])
    with serving(behaviour=lambda: ScriptedBehaviour(turns)) as server:
        ran = livecli("send", "--text", "When?", "--search", "--base-url", server.url, "--json")
    assert ran.status == 0, ran.err
    assert ran.summary["citations"] == [
        {"title": "Opening hours", "uri": "https://a.example/1"},
        {"title": "b.example", "uri": "https://b.example/2"},
    ]
    lines = ran.err.splitlines()
    shown = lines.index("sources   [1] Opening hours https://a.example/1")
    assert lines[shown + 1 : shown + 3] == [
        "          [2] b.example https://b.example/2",
        '              "It opens at nine."',
    ]


def test_search_is_asked_for_and_what_comes_is_not_obeyed(livecli):
    def handle(connection: Connection) -> None:
        connection.set_up()
        connection.receive()
        web = {"uri": "javascript:\x1b]8;;x", "title": "[red]\x1b[2J\nsources   [9] forged"}
        chunks = [{"web": web}, 5, None, {"web": {"uri": 7}}, {"retrievedContext": {"uri": "gs://x"}}]
        connection.content(groundingMetadata={"groundingChunks": chunks, "groundingSupports": {"a": 1}})
        connection.answer(bytes(9600))
        connection.drain()

    with live_server(handle) as server:
        ran = livecli("send", "--text", "When?", "--search", "--base-url", server.url, "--json")
    assert ran.status == 0, ran.err
    assert server.frames[0]["setup"]["tools"] == [{"googleSearch": {}}]
    assert all(line.isprintable() for line in ran.err.split("\n"))
    [listed] = [line for line in ran.err.splitlines() if line.startswith("sources")]
    assert listed == r"sources   [1] [red]\x1b[2J sources   [9] forged javascript:\x1b]8;;x"


def test_where_nothing_is_cited(livecli):
    ran = livecli("send", "--text", "When?", "--local", "--json")
    assert ran.summary["citations"] is None
    assert "sources" not in ran.err
