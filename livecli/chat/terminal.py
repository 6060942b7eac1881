"""A chat whose lines are typed at a terminal: each is begun as soon as it is there, whether or not the one before it is
answered.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from types import TracebackType
from typing import Self

from ..client.sender import SendOptions
from ..errors import LivecliError
from .chat import Chat
from .commands import Command, Quit, parse, said
from .voice import SPEECH_DBFS, PushToTalk

TURNS = ("send",)
"""Commands that are turns: what is typed next interrupts them, and does not wait."""


class TerminalInput:
    """A block in which lines may be typed; at its end what is still under way is given up.

    An error that is no LivecliError, a bug, ends the chat: `leave` is called, and the end of the block raises it.

    `echo` takes each line, `show` what a command returns, `complain` what goes wrong. `cut` is called where an
    answer is about to be interrupted, `leave` by `/quit`.
    """

    def __init__(
        self,
        chat: Chat,
        *,
        echo: Callable[[str], None],
        show: Callable[[list[str]], None],
        complain: Callable[[LivecliError], None],
        cut: Callable[[], None],
        leave: Callable[[], None],
    ) -> None:
        self._chat = chat
        self._echo = echo
        self._show, self._complain, self._cut, self._leave = show, complain, cut, leave
        self._tasks: set[asyncio.Task[None]] = set()
        self._bug: BaseException | None = None
        self._order = asyncio.Lock()  # fair: a line is begun after the one before it, and after a command is done
        self._talking: PushToTalk | None = None
        self._stopping: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        self._chat.sounding.broken = self._leave
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: object, trace: TracebackType | None) -> None:
        self._give_up()
        if self._tasks:
            await asyncio.wait(self._tasks)
        if self._bug:
            raise self._bug

    def submit(self, line: str) -> None:
        """A line, or a command."""
        try:
            command = parse(line.strip())
        except LivecliError as error:
            self._echo(line)
            self._complain(error)
            return
        is_turn = command is None or command[0].name in TURNS
        if is_turn:
            self._hush()
        self._echo(line)
        if command is None:
            self._start(self._say(said(line)))
        elif is_turn:
            self._start(self._obey(*command))
        else:
            self._start(self._in_order(self._obey(*command)))

    def interrupt(self) -> bool:
        """Stop the answer, or what waits for a connection. False where nothing is under way."""
        playing = self._chat.sounding.playing
        if self._chat.answering is not None and (self._stopping is None or self._stopping.done()):
            self._hush()
            self._stopping = self._start(self._stop())
            return True
        waited = bool(self._tasks)
        self._give_up()
        self._chat.takes.hush()
        return waited or playing

    @property
    def is_push_to_talk(self) -> bool:
        """Whether what is spoken is begun and ended here."""
        return self._chat.sounding.push_to_talk and self._chat.sounding.hears

    def toggle_talking(self) -> None:
        """Begin to speak, or end it."""
        self._hush()
        self._talking = self._chat.sounding.press()
        if self._talking is not None:
            self._start(self._speak(self._talking))

    @property
    def activity(self) -> str:
        """What goes on, in a word or a few."""
        sounding, level = self._chat.sounding, self._chat.sounding.level_dbfs
        if self._talking is not None:
            return "talking: space ends it"
        if self._chat.answering or sounding.playing:
            return "speaking"
        if self._chat.answering is not None:
            return "thinking"
        if self._tasks:
            return "waiting"
        if level is None:
            return "ready"
        if sounding.push_to_talk:
            return "ready: space talks"
        return "hearing you" if level > SPEECH_DBFS else "listening"

    def _start(self, deed: Awaitable[None]) -> asyncio.Task[None]:
        task = asyncio.create_task(self._do(deed))
        self._tasks.add(task)
        task.add_done_callback(self._finish)
        return task

    def _finish(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (bug := task.exception()):
            self._bug = self._bug or bug
            self._leave()

    async def _do(self, deed: Awaitable[None]) -> None:
        try:
            await deed
        except LivecliError as error:
            self._complain(error)
        except Quit:
            self._leave()

    async def _in_order(self, deed: Awaitable[None]) -> None:
        async with self._order:
            await deed

    async def _say(self, text: str) -> None:
        async with self._order:
            await self._chat.conversation()
        await self._chat.say(text)

    async def _obey(self, command: Command, argument: str) -> None:
        shown = await command.run(self._chat, argument)
        if shown:
            self._show(shown)

    async def _stop(self) -> None:
        await self._chat.interrupt()

    async def _speak(self, source: PushToTalk) -> None:
        try:
            if self._chat.answering is not None:
                await self._chat.interrupt()
            await self._chat.speak(source, SendOptions(speed=0))
        finally:
            if self._talking is source:
                self._talking = None

    def _hush(self) -> None:
        """Whoever is speaking is about to be interrupted."""
        if self._chat.answering:
            self._cut()
        self._chat.takes.hush()

    def _give_up(self) -> None:
        for task in self._tasks:
            task.cancel()
