"""The input of a chat at a terminal: each line is processed at once, also while the previous one is being answered."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Mapping
from contextlib import AsyncExitStack
from types import TracebackType
from typing import Self

from ..client.sender import SendOptions
from ..errors import LivecliError
from ..process.tasks import collapse_exception_group
from .chat import Chat
from .commands import Command, Quit, TerminalCommand, check_message, parse_command
from .voice import SPEECH_DBFS, PushToTalk


class TerminalInput:
    """Processes the lines and keys of a terminal, during an `async with` block. Its end cancels what is going on.

    `echo` shows an entered line, `show` the output of a command, and `show_error` an error. `show_interruption` is
    called when an answer is about to be interrupted. `actions` are what the terminal does for `/quit` and for each
    TerminalCommand, by the command's name, with its argument. An error that is not a LivecliError is a
    bug: it cancels the block, which raises it.
    """

    def __init__(
        self,
        chat: Chat,
        *,
        echo: Callable[[str], None],
        show: Callable[[list[str]], None],
        show_error: Callable[[LivecliError], None],
        show_interruption: Callable[[], None],
        actions: Mapping[str, Callable[[str], None]],
    ) -> None:
        self._chat = chat
        self._echo, self._show, self._show_error = echo, show, show_error
        self._show_interruption, self._actions = show_interruption, actions
        self._group, self._stack = asyncio.TaskGroup(), AsyncExitStack()
        # The tasks of the group that are not done.
        self._tasks: set[asyncio.Task[None]] = set()
        # The lock is fair: a line is begun after the previous one has begun, and after a command is done.
        self._order = asyncio.Lock()
        self._talking: PushToTalk | None = None
        self._interruption: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        self._chat.voice.on_bug = lambda: self._actions["quit"]("")
        await self._stack.enter_async_context(collapse_exception_group())
        await self._stack.enter_async_context(self._group)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._cancel_all()
        await self._stack.__aexit__(kind, error, trace)

    def submit(self, line: str, *, is_text: bool) -> None:
        """Process a line: a message, or a command unless it `is_text`."""
        parsed = None
        try:
            if not is_text:
                parsed = parse_command(line)
                if parsed is None:
                    check_message(line)
        except LivecliError as error:
            self._echo(line)
            self._show_error(error)
            return
        if parsed is None or parsed[0].is_turn:
            self._silence()
        self._echo(line)
        if parsed is None:
            self._start(self._send_text(line))
        elif parsed[0].is_turn:
            self._start(self._run_command(*parsed))
        else:
            self._start(self._in_order(self._run_command(*parsed)))

    def interrupt(self) -> bool:
        """Stop the answer, or what waits for a connection. Returns False when there is nothing to stop."""
        was_playing = self._chat.voice.is_playing
        if self._chat.in_turn and (self._interruption is None or self._interruption.done()):
            self._silence()
            self._interruption = self._start(self._interrupt())
            return True
        had_tasks = bool(self._tasks)
        self._cancel_all()
        self._chat.recordings.flush()
        return had_tasks or was_playing

    @property
    def is_push_to_talk(self) -> bool:
        """Whether `toggle_talking` begins and ends spoken turns."""
        return self._chat.voice.push_to_talk and self._chat.voice.microphone_is_on

    def toggle_talking(self) -> None:
        """Begin a spoken turn, or end it."""
        self._silence()
        self._talking = self._chat.voice.press_key()
        if self._talking is not None:
            self._start(self._send_speech(self._talking))

    @property
    def activity(self) -> str:
        """The current activity, as the toolbar shows it."""
        voice, level = self._chat.voice, self._chat.voice.level_dbfs
        if self._talking is not None:
            return "talking: press space to end"
        if self._chat.is_asking_user:
            return "waiting for y or n"
        if self._chat.answering or voice.is_playing:
            return "speaking"
        if self._chat.in_turn:
            return "thinking"
        if self._tasks:
            return "waiting"
        if not self._chat.has_session:
            return "no session"
        if level is None:
            return "ready"
        if voice.push_to_talk:
            return "ready: press space to talk"
        return "hearing you" if level > SPEECH_DBFS else "listening"

    def _start(self, work: Coroutine[None, None, None]) -> asyncio.Task[None]:
        task = self._group.create_task(self._handle_errors(work))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    async def _handle_errors(self, work: Coroutine[None, None, None]) -> None:
        try:
            await work
        except TerminalCommand as command:
            self._actions[command.name](command.argument)
        except LivecliError as error:
            self._show_error(error)
        except Quit:
            self._actions["quit"]("")

    async def _in_order(self, work: Coroutine[None, None, None]) -> None:
        async with self._order:
            await work

    async def _send_text(self, text: str) -> None:
        async with self._order:
            await self._chat.conversation()
        await self._chat.send_text(text)

    async def _run_command(self, command: Command, argument: str) -> None:
        output = await command.run(self._chat, argument)
        if isinstance(output, list) and output:
            self._show(output)

    async def _interrupt(self) -> None:
        await self._chat.interrupt()

    async def _send_speech(self, source: PushToTalk) -> None:
        try:
            if self._chat.in_turn:
                await self._chat.interrupt()
            await self._chat.send_speech(source, SendOptions(speed=0))
        finally:
            if self._talking is source:
                self._talking = None

    def _silence(self) -> None:
        """Stop the speaker, before the answer is interrupted."""
        if self._chat.is_awaiting_answer:
            self._show_interruption()
        self._chat.recordings.flush()

    def _cancel_all(self) -> None:
        for task in self._tasks:
            task.cancel()
