"""What can be said to a chat itself."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace

import pytest

from livecli.chat import commands
from livecli.chat.commands import ALIASES, COMMANDS, check_message, parse_command
from livecli.chat.transcript import Transcript, TranscriptEntry
from livecli.errors import UsageError
from tests.cases import in_one_test
from tests.chat.conftest import settled
from tests.live_server import Connection, live_server
from tests.report.test_usage import EMPTY, SPOKEN


@pytest.mark.parametrize("command", COMMANDS.values(), ids=COMMANDS)
async def test_each_command_has_help_and_is_listed(command):
    assert command.help and command.help[0].islower() and not command.help.endswith(".")
    assert command.usage.startswith(f"/{command.name}")
    lines = await COMMANDS["help"].run(None, "")
    assert any(line.startswith(command.usage) and line.endswith(command.help) for line in lines)


@in_one_test(
    ("line", "name", "argument"),
    [
        ("/help", "help", ""),
        ("/system  Be brief. ", "system", "Be brief."),
        ("/send a b.wav", "send", "a b.wav"),
        ("/say", "say", ""),
        ("/exit", "quit", ""),
        ("/?", "help", ""),
    ],
)
def test_a_command_and_what_follows_it(line, name, argument):
    command, rest = parse_command(line)
    assert (command.name, rest) == (name, argument)


TEXTS = ["hello", "", "//help", " /help", "1/2", "/help\nme", "/var/log/x", "/// docs", "exit now", " exit"]


@pytest.mark.parametrize("text", TEXTS)
def test_a_message_is_no_command_and_needs_no_question(text):
    assert parse_command(text) is None
    check_message(text)


@in_one_test(
    ("text", "hint"),
    [
        ("/halp", "did you mean /help?"),
        ("/voce Kore", "did you mean /voice?"),
        ("/HELP", "did you mean /help?"),
        ("/hist", "did you mean /history?"),
        ("/", "/help lists the commands"),
        ("exit", "/quit ends the chat"),
        ("?", "/help lists the commands"),
    ],
)
def test_a_typed_message_that_is_nearly_a_command_is_asked_about(text, hint):
    assert parse_command(text) is None, "through a pipe it is text"
    with pytest.raises(UsageError) as caught:
        check_message(text)
    assert caught.value.hint == f"{hint}\na space before it makes it text"


def test_an_alias_is_the_name_of_no_command():
    assert not ALIASES.keys() & COMMANDS.keys()
    assert COMMANDS.keys() >= set(ALIASES.values())


@pytest.mark.parametrize("name", [name for name, command in COMMANDS.items() if command.argument[:1].isupper()])
def test_what_a_command_takes_has_to_be_there(name):
    with pytest.raises(UsageError, match=f"/{name} needs"):
        parse_command(f"/{name} ")


def test_quit_leaves():
    with pytest.raises(commands.Quit):
        COMMANDS["quit"].run(None, "").send(None)


async def test_the_usage_of_an_answer_that_the_next_message_interrupts_is_its_own(chat):
    def handle(connection: Connection) -> None:
        connection.set_up()
        connection.receive()
        connection.audio(bytes(9600))
        connection.receive()
        connection.content(interrupted=True)
        connection.say({"serverContent": {"turnComplete": True}, "usageMetadata": SPOKEN})
        connection.audio(bytes(9600))
        connection.content(generationComplete=True)
        connection.say({"serverContent": {"turnComplete": True}, "usageMetadata": EMPTY})
        connection.drain()

    with live_server(handle) as server:
        async with chat(server.url) as made:
            first = asyncio.create_task(made.send_text("a"))
            await settled(lambda: made.answering)
            await made.send_text("b")
            await first
            table = await COMMANDS["usage"].run(made, "")
    assert [line.split() for line in table[1:]] == [
        ["1", "339", "287", "63", "40", "$0.002051"],
        ["2", "510", "1", "0", "0", "$0.000385"],
        ["total", "849", "288", "63", "40", "$0.002437"],
    ]


async def test_a_question_of_several_lines_is_several_lines_of_the_history():
    transcript = Transcript()
    transcript.put(1, TranscriptEntry("one\n\ttwo", "three\nfour"))
    chat = SimpleNamespace(transcript=transcript, current_entry=TranscriptEntry("", "five"))
    assert await COMMANDS["history"].run(chat, "") == ["> one", "  \ttwo", "three", "four", "five"]
