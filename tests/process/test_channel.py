from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest

from livecli.process.channel import Channel, ChannelClosed


@asynccontextmanager
async def ends(
    left: dict[str, Callable[..., Any]], right: dict[str, Callable[..., Any]]
) -> AsyncIterator[tuple[Channel, Channel]]:
    """Both ends of a channel, with these functions, until both have ended."""
    one, other = socket.socketpair()
    here, there = await Channel.on(one, left), await Channel.on(other, right)
    async with asyncio.timeout(10), asyncio.TaskGroup() as tasks:
        for each in (here, there):
            tasks.create_task(each.run())
        try:
            yield here, there
        finally:
            await here.close()
            await there.close()


async def test_either_end_calls_the_other_in_order() -> None:
    heard: list[Any] = []

    async def slow(text: str) -> str:
        await asyncio.sleep(0)
        return text * 2

    async with ends({"sum": lambda *numbers: sum(numbers)}, {"note": heard.append, "slow": slow}) as (here, there):
        for number in range(1000):
            here.tell("note", number)
        assert await here.call("slow", text="ab") == "abab"
        assert heard == list(range(1000))
        assert await there.call("sum", 1, 2) == 3


async def test_two_ends_that_wait_for_each_other_do_not_block() -> None:
    functions: dict[str, Callable[..., Any]] = {}
    async with ends({"size": len}, functions) as (here, there):

        async def ask_back(data: bytes) -> Any:
            return await there.call("size", data)

        functions["ask_back"] = ask_back
        assert await asyncio.gather(*(here.call("ask_back", bytes(size)) for size in (1, 10_000_000))) == [
            1,
            10_000_000,
        ]


async def test_a_call_to_a_process_that_has_ended() -> None:
    async def never() -> None:
        await asyncio.Event().wait()

    here, there = socket.socketpair()
    channel = await Channel.on(here, {})
    running = asyncio.create_task(channel.run())
    waiting = asyncio.create_task(channel.call("never"))
    await asyncio.sleep(0)
    there.close()
    with pytest.raises(ChannelClosed):
        await waiting
    await running
    with pytest.raises(ChannelClosed):
        await channel.call("never")
    channel.tell("nothing")
    await channel.close()
