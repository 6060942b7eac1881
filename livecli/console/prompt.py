"""The prompt of a chat: a line that is edited, completed and remembered while answers come in above it.

It knows keys, not conversations: what they do is a Seat's. The terminal is left as it was found, however this ends.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from typing import Protocol

from prompt_toolkit import PromptSession
from prompt_toolkit.filters import Condition
from prompt_toolkit.formatted_text import StyleAndTextTuples
from prompt_toolkit.key_binding import KeyBindings, KeyPressEvent

from ..protocol.messages import FunctionCall
from . import formatting
from .completion import CommandCompleter, CompletionCommand, is_command
from .history import history
from .screen import STYLE, Screen, safe

REFRESH_SECONDS = 0.1
TWICE_SECONDS = 1.5
"""Two Ctrl-C within so long leave."""
PAUSE_SECONDS = 0.5
"""A letter is an answer where nothing is typed for so long before it, and a little less after it: else it is a part of
what somebody writes."""
MARK, CONTINUED = "> ", "  "


class Seat(Protocol):
    """Whoever is spoken to."""

    def say(self, text: str) -> None:
        """Enter."""

    def interrupt(self) -> bool:
        """Ctrl-C. False where there is nothing to interrupt."""

    @property
    def talks(self) -> bool:
        """Whether the space bar begins and ends what is spoken, where nothing is typed."""

    def talk(self) -> None:
        """The space bar."""


class Prompt:
    """Made before there is anybody to talk to, who may have questions (`confirm`)."""

    def __init__(self, screen: Screen, commands: Iterable[CompletionCommand]) -> None:
        self._screen = screen
        self._toolbar: Callable[[], StyleAndTextTuples] = list
        self._drawn: StyleAndTextTuples = []
        self._seat: Seat
        self._question: tuple[str, asyncio.Future[bool]] | None = None
        self._asking = asyncio.Lock()
        self._before_at = self._pressed_at = self._stopped_at = -TWICE_SECONDS
        self._session: PromptSession[None] = PromptSession(
            self._message,
            multiline=True,  # what is pasted may have many lines; Enter is ours
            prompt_continuation=CONTINUED,
            completer=CommandCompleter(commands),
            complete_while_typing=Condition(lambda: is_command(self._session.default_buffer.text)),
            history=history(),
            key_bindings=self._keys(),
            bottom_toolbar=self._below,
            style=STYLE,
            erase_when_done=True,
            enable_suspend=True,
            output=screen.output,
        )
        self._app = self._session.app
        self._app.key_processor.before_key_press += self._note_key

    async def run(self, seat: Seat, toolbar: Callable[[], StyleAndTextTuples]) -> None:
        """Until Ctrl-D, Ctrl-C twice, or `leave`. `toolbar` is what stands below."""
        self._seat, self._toolbar = seat, toolbar
        with self._screen.above(self._app):
            refreshing = asyncio.create_task(self._refresh())
            try:
                with suppress(EOFError):  # the terminal has gone
                    await self._session.prompt_async(set_exception_handler=False, handle_sigint=False)
            finally:
                refreshing.cancel()

    def leave(self) -> None:
        """End `run`."""
        if self._app.is_running and not self._app.is_done:
            self._app.exit()

    def echo(self, text: str) -> None:
        """What was entered stays to be read."""
        self._screen.leave_blank()
        first, *others = map(safe, text.split("\n"))
        self._screen.print("class:you", f"{MARK}{first}", *(f"{CONTINUED}{line}" for line in others))

    async def confirm(self, call: FunctionCall) -> bool:
        """Whether `call` may run. What is being typed stays, and is no answer."""
        async with self._asking:
            answer: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
            self._question = f"run {formatting.call(call.name, call.args)}?", answer
            self._pressed_at = time.monotonic()
            self._app.invalidate()
            try:
                return await answer
            finally:
                self._question = None
                self._app.invalidate()

    def _message(self) -> StyleAndTextTuples:
        asked: StyleAndTextTuples = []
        if self._question is not None:
            asked = [("class:question", f"{self._question[0]} {'[y/n]' if self._is_answerable() else '     '}\n")]
        return [*self._screen.live, *asked, ("class:prompt", MARK)]

    def _below(self) -> StyleAndTextTuples:
        self._drawn = self._toolbar()
        return self._drawn

    async def _refresh(self) -> None:
        answerable = False
        while True:  # what is drawn may be older, or newer, than what was seen here the last time
            if self._toolbar() != self._drawn or answerable is not self._is_answerable():
                self._app.invalidate()
            answerable = self._is_answerable()
            await asyncio.sleep(REFRESH_SECONDS)

    # --- keys ---

    def _note_key(self, _: object) -> None:
        self._before_at, self._pressed_at = self._pressed_at, time.monotonic()

    def _is_answerable(self) -> bool:
        return self._question is not None and time.monotonic() - self._pressed_at > PAUSE_SECONDS

    def _was_answerable(self) -> bool:
        """Before the key that is being looked at."""
        return self._question is not None and time.monotonic() - self._before_at > PAUSE_SECONDS

    def _keys(self) -> KeyBindings:
        keys = KeyBindings()
        empty = Condition(lambda: not self._session.default_buffer.text)
        keys.add("enter")(self._enter)
        keys.add("escape", "enter")(lambda event: event.current_buffer.insert_text("\n"))
        keys.add("c-c")(self._stop)
        keys.add("c-d", filter=empty)(lambda event: self.leave())
        keys.add(" ", filter=empty & Condition(lambda: self._seat.talks))(lambda event: self._seat.talk())
        answerable = Condition(self._was_answerable)
        for key in "yYnN":
            keys.add(key, filter=answerable)(self._answer)
        return keys

    def _enter(self, event: KeyPressEvent) -> None:
        buffer = event.current_buffer
        text = buffer.text
        if not text.strip():
            return
        buffer.append_to_history()
        buffer.reset()
        self._seat.say(text)

    def _answer(self, event: KeyPressEvent) -> None:
        question, pressed_at = self._question, self._pressed_at
        event.current_buffer.insert_text(event.data)

        def settle() -> None:
            if self._question is question is not None and self._pressed_at == pressed_at and not question[1].done():
                event.current_buffer.delete_before_cursor()
                question[1].set_result(event.data in "yY")

        asyncio.get_running_loop().call_later(PAUSE_SECONDS * 0.8, settle)

    def _stop(self, event: KeyPressEvent) -> None:
        now = time.monotonic()
        twice, self._stopped_at = now - self._stopped_at < TWICE_SECONDS, now
        if twice:
            self.leave()
        elif self._seat.interrupt():
            pass
        elif event.current_buffer.text:
            event.current_buffer.reset()
        else:
            self._screen.print("class:note", "Ctrl-C again, or Ctrl-D, to leave")
