"""What can be said to a chat itself."""

from __future__ import annotations

import asyncio

import pytest

from livecli.chat import commands
from livecli.chat.commands import COMMANDS, message_text, parse_command
from livecli.errors import UsageError
from tests.chat.conftest import settled
from tests.live_server import Connection, live_server
from tests.report.test_usage import EMPTY, SPOKEN


@pytest.mark.parametrize("command", COMMANDS.values(), ids=COMMANDS)
async def test_each_command_has_help_and_is_listed(command):
    assert command.help and command.help[0].islower() and not command.help.endswith(".")
    assert command.usage.startswith(f"/{command.name}")
    lines = await COMMANDS["help"].run(None, "")
    assert any(line.startswith(command.usage) and line.endswith(command.help) for line in lines)


@pytest.mark.parametrize(
    ("line", "name", "argument"),
    [
        ("/help", "help", ""),
        ("/system  Be brief. ", "system", "Be brief."),
        ("/send a b.wav", "send", "a b.wav"),
        ("/say", "say", ""),
    ],
)
def test_a_command_and_what_follows_it(line, name, argument):
    command, rest = parse_command(line)
    assert (command.name, rest) == (name, argument)


@pytest.mark.parametrize("line", ["hello", "", "//help", " /help", "1/2"])
def test_what_is_to_be_said(line):
    assert parse_command(line) is None
    assert message_text(line) == ("/help" if line == "//help" else line)


@pytest.mark.parametrize(("line", "near"), [("/halp", "help"), ("/voce", "voice"), ("/histroy", "history")])
def test_what_was_meant_is_asked(line, near):
    with pytest.raises(UsageError) as caught:
        parse_command(line)
    assert caught.value.hint == f"did you mean /{near}?"


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
