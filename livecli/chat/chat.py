"""A chat: a conversation that outlives its sessions, and whatever of its setup is changed while it lasts.

What a session is told anew when it has to be opened again is the record. How it is typed, shown and heard is not known
here: `commands.chat` has the words, `console` the terminal, `sounding` the devices.
"""

from __future__ import annotations

import asyncio
import os
from collections import deque
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import replace
from typing import Any

from ..client.open import open_resumable
from ..client.sender import SendOptions
from ..credentials import resolve
from ..errors import LivecliError
from ..media.file_source import open_source
from ..media.images import open_image
from ..media.pcm import AudioSource
from ..protocol import events
from ..protocol.endpoint import Endpoint
from ..protocol.setup import Activity, setup
from ..report.reporter import Reporter
from ..report.summary import Summary
from .options import ChatOptions
from .recordings import Recordings
from .store import ChatStore
from .transcript import Transcript, TranscriptEntry
from .turns import Ask, Conversation, TurnOptions
from .voice import Voice

REMEMBERED_TURNS = 1000
"""Of so many turns the figures are kept."""


class Chat:
    """Open it with `open_chat`. `turns` are the summaries of the last turns, `shown` the pictures for the next one.

    Where the session ends for good, `failure` is why; the next thing that is said opens another one.
    """

    def __init__(self, options: ChatOptions, sounding: Voice, takes: Recordings, reporter: Reporter) -> None:
        self.record = Transcript()
        self.remembered = ChatStore(self.record, reporter)
        self.takes, self.sounding = takes, sounding
        self.toolbox = options.toolbox
        self.turns: deque[Summary] = deque(maxlen=REMEMBERED_TURNS)
        self.shown: list[events.Image] = []
        self.configuration = replace(options.configuration, endless=True)
        self.failure: LivecliError | None = None
        self._options, self._reporter = options, reporter
        self._session = AsyncExitStack()
        self._conversation: Conversation | None = None
        self._opening = asyncio.Lock()

    # --- the session ---

    async def conversation(self) -> Conversation:
        """The one that is open, or a new one that is told the record. Raises as opening a session does."""
        async with self._opening:
            if self._conversation is None:
                await self._session.aclose()
                self._conversation = await self._open()
            return self._conversation

    async def _open(self) -> Conversation:
        options, reporter = self._options, self._reporter
        endpoint, credential = await asyncio.to_thread(resolve, options.wanted, os.environ)
        wanted = replace(self.configuration, functions=self.toolbox.declarations(endpoint.model), pictures=True)
        reporter.connecting(endpoint)
        stack = AsyncExitStack()
        line = await stack.enter_async_context(
            open_resumable(
                endpoint,
                credential,
                setup(endpoint, wanted),
                options.timeouts,
                reporter,
                self.record.contents,
                self.remembered.take_handle(endpoint),
            )
        )
        manner = TurnOptions(
            self.takes.sink,
            self.toolbox,
            options.confirm,
            options.timeouts.idle,
            hush=self.takes.hush,
            finish=self.takes.finish,
            write=self._write,
            secured=lambda: self.remembered.secure(conversation.endpoint, conversation.handle),
        )
        conversation = Conversation(line, manner, reporter, self._note, self.record.amend)
        listening = asyncio.create_task(self._listen(conversation))
        stack.push_async_callback(conversation.leave)  # the handle that includes the last turn comes after that
        stack.push_async_callback(_stopped, listening)
        self._session, self.failure = stack, None
        first = Summary("", endpoint=endpoint)
        first.note_opened(line.first.session_id, line.first.timings.connect, line.first.timings.setup)
        reporter.connected(first)
        return conversation

    async def _listen(self, conversation: Conversation) -> None:
        try:
            await conversation.listen()
        except LivecliError as error:
            self.failure, self._conversation = error, None
            self._reporter.ended(error)

    def _remember(self, how: Callable[[Endpoint, str | None], None]) -> None:
        if self._conversation is not None:
            how(self._conversation.endpoint, self._conversation.handle)

    def end(self) -> None:
        """It is over: from now on its handle will not last long."""
        if self.turns:
            self._remember(self.remembered.store)

    def be_persistent(self) -> None:
        """From now on a connection is tried for as long as somebody waits."""
        self._options = replace(self._options, timeouts=replace(self._options.timeouts, retries=None))
        if self._conversation is not None:
            self._conversation.be_persistent()

    async def close(self) -> None:
        """End the session; what is said next opens another one."""
        self._conversation = None
        await self._session.aclose()

    async def reconfigure(self, **changes: Any) -> None:
        """Change the setup. The session is opened again, and told what was said so far."""
        self.configuration = replace(self.configuration, **changes)
        await self.close()
        await self.conversation()

    async def reset(self) -> None:
        """Forget everything that was said."""
        self.record.clear()
        self.remembered.forget()
        await self.close()

    # --- what is said ---

    async def say(self, text: str) -> Summary:
        """A turn that is typed. It interrupts an answer that is under way."""
        conversation = await self.conversation()
        pictures, self.shown = self.shown, []
        interrupts = conversation.current is not None
        if interrupts:
            conversation.cut()
        return await self._ask(text, lambda exchange: exchange.type(text, pictures, interrupts=interrupts))

    async def send(self, path: str) -> Summary:
        """A turn that is a recording. Raises FileError where it cannot be read."""
        with await asyncio.to_thread(open_source, path) as source, self.sounding.paused():
            return await self.speak(source, self._options.sending)

    async def speak(self, source: AudioSource, how: SendOptions) -> Summary:
        """A turn that is spoken, until the source ends."""
        pictures, self.shown = self.shown, []
        activity = self.configuration.activity
        return await self._ask("", lambda exchange: exchange.speak(source, how, pictures, activity=activity))

    async def _ask(self, asked: str, ask: Ask) -> Summary:
        return await (await self.conversation()).ask(asked, ask)

    async def hear(self, pcm: bytes, rate: int) -> None:
        """The next of what is spoken into the microphone. Raises why the session ended for good, if it has."""
        if self._conversation is None and self.failure is not None:
            raise self.failure
        await (await self.conversation()).hear(pcm, rate)

    async def detect(self) -> None:
        """From now on the service finds out when the user speaks."""
        if self.configuration.activity is not Activity.AUTO:
            await self.reconfigure(activity=Activity.AUTO)

    async def rest(self) -> None:
        """The microphone is off: the service need not listen any more."""
        if self._conversation is not None:
            await self._conversation.rest()

    async def show(self, path: str) -> None:
        """Show a picture: with the next question, or at once to a model that is spoken with."""
        picture = await asyncio.to_thread(open_image, path)
        conversation = await self.conversation()
        if conversation.hears_microphone:
            await conversation.show([picture])
        else:
            self.shown.append(picture)

    async def interrupt(self) -> bool:
        """Stop the answer. False where none is under way."""
        conversation = self._conversation
        if conversation is None or conversation.current is None:
            self.takes.hush()
            return False
        await conversation.interrupt()
        return True

    @property
    def answering(self) -> bool | None:
        """Whether the model speaks; None while nothing is asked."""
        turn = self._conversation.current if self._conversation is not None else None
        return None if turn is None else turn.exchange.speaks

    def _note(self, summary: Summary, entry: TranscriptEntry) -> None:
        self.turns.append(summary)
        self.record.add(entry)
        self._remember(self.remembered.note)

    def _write(self, entry: TranscriptEntry) -> None:
        try:
            self.takes.write(entry)
        except LivecliError as error:
            self._reporter.warning(error.message)


@asynccontextmanager
async def open_chat(
    options: ChatOptions, sounding: Voice, takes: Recordings, reporter: Reporter
) -> AsyncIterator[Chat]:
    """A chat whose first session is open, closed at the end of the block. Raises as opening a session does."""
    chat = Chat(options, sounding, takes, reporter)
    if options.resume:
        chat.remembered.load()
    try:
        await chat.conversation()
        sounding.hear, sounding.detect, sounding.rest = chat.hear, chat.detect, chat.rest
        yield chat
    finally:
        chat.end()
        try:
            await sounding.unhear()  # or what it hears would open another one
        finally:
            await chat.close()


async def _stopped(task: asyncio.Task[None]) -> None:
    task.cancel()
    await asyncio.wait([task])
    if not task.cancelled():
        task.result()  # a bug is not to be hidden
