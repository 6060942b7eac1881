"""The prompt of a chat: line editing, completion and history, while answers appear above it.

The prompt handles keys, and a PromptHandler carries out what they mean. The terminal is restored at the end, also after
an error.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection
from contextlib import suppress
from functools import partial
from typing import Any, Protocol

from prompt_toolkit import PromptSession
from prompt_toolkit.application import Application, in_terminal
from prompt_toolkit.buffer import Buffer
from prompt_toolkit.document import Document
from prompt_toolkit.filters import Condition, FilterOrBool, is_searching, to_filter
from prompt_toolkit.formatted_text import StyleAndTextTuples
from prompt_toolkit.history import InMemoryHistory
from prompt_toolkit.key_binding import KeyBindings, KeyPressEvent
from prompt_toolkit.key_binding.key_processor import KeyProcessor
from prompt_toolkit.keys import Keys
from prompt_toolkit.utils import get_cwidth, suspend_to_background_supported

from ...errors import LivecliError
from ...process.editor import edit_text
from ...process.stdio import one_line, print_error
from ...process.tasks import cancel_and_wait
from ...protocol.messages import FunctionCall
from .. import formatting
from .completion import CommandCompleter, CompletionCommand, may_be_command
from .history import open_history
from .screen import STYLE, Screen, escaped

REFRESH_SECONDS = 0.1
"""The time between two checks whether the toolbar has changed."""

DOUBLE_PRESS_SECONDS = 1.5
"""Two Ctrl-C within this time end the prompt, unless the second one clears a text."""

ANSWER_PAUSE_SECONDS = 0.5
"""The pause before the key "y" or "n" that makes it the answer to a question, and not a letter of a text.

A slightly shorter pause must follow the key.
"""

PROMPT, CONTINUATION = "> ", "  "

ESCAPE_SECONDS = 0.05
"""The time in which the rest of a key's escape sequence arrives."""

META_SECONDS = 0.2
"""The time between Escape and the key that it belongs to, such as Enter."""

SEQUENCE_SECONDS = 1.0
"""The time between the keys of a sequence such as Ctrl-X Ctrl-E."""

MENU_ROWS = 8
"""The rows that are kept free for completions. A low terminal has fewer."""

ROWS_BESIDE_MENU = 3
"""The rows of the prompt that completions leave: its first row, the toolbar, and the row of a search."""

ANSWER_KEYS = "[y/n]"
"""The end of a question that accepts an answer."""


class PromptHandler(Protocol):
    """Carries out what is entered at a prompt."""

    def submit(self, text: str, *, is_text: bool) -> None:
        """Handle a text that was entered. `is_text` is whether it is no command, whatever it looks like."""

    def interrupt(self) -> bool:
        """Handle Ctrl-C or Escape. Returns False when there is nothing to interrupt."""

    @property
    def is_push_to_talk(self) -> bool:
        """Whether the space bar, pressed in an empty line, calls `toggle_talking`."""

    def toggle_talking(self) -> None:
        """Begin or end a spoken turn."""


class Prompt:
    """A prompt on `screen`. It can be made, and its `confirm` passed on, before the handler exists.

    Without `commands`, everything that is entered is text; a text whose first word is pasted always is. What is entered
    is remembered for later chats, unless it is not to be (`is_remembered`).
    """

    def __init__(self, screen: Screen, commands: Collection[CompletionCommand], *, is_remembered: bool = True) -> None:
        self._screen, self._has_commands = screen, bool(commands)
        self._toolbar: Callable[[], StyleAndTextTuples] = list
        self._drawn_toolbar: StyleAndTextTuples = []
        self._handler: PromptHandler
        self._question: tuple[str, asyncio.Future[bool]] | None = None
        # The question, and the letter that may be its answer.
        self._typed_answer: tuple[tuple[str, asyncio.Future[bool]] | None, str] | None = None
        self._question_lock = asyncio.Lock()
        # The first word of the text, where that was pasted.
        self._pasted_word = ""
        self._clock = asyncio.get_running_loop().time
        # Times of the last two keys and of the last Ctrl-C.
        self._previous_key_at = self._last_key_at = self._last_ctrl_c_at = -DOUBLE_PRESS_SECONDS
        self._session: PromptSession[None] = PromptSession(
            self._message,
            # A pasted text may have several lines. The Enter key is bound to `_enter`.
            multiline=True,
            prompt_continuation=CONTINUATION,
            completer=CommandCompleter(commands),
            complete_while_typing=Condition(lambda: may_be_command(self._session.default_buffer.text)),
            # Up goes through the messages that begin like the text.
            enable_history_search=Condition(lambda: not may_be_command(self._session.default_buffer.text)),
            history=open_history() if is_remembered else InMemoryHistory(),
            key_bindings=self._key_bindings(),
            bottom_toolbar=self._draw_toolbar,
            style=STYLE,
            erase_when_done=True,
            output=screen.output,
        )
        self._app = self._session.app
        self._session.default_buffer.on_text_changed += self._note_text
        self._app.key_processor.before_key_press += self._note_key
        self._app.key_processor.after_key_press += self._wait_for_keys
        self._app.before_render += self._fit
        # An Escape that no other byte follows at once is the key, and not the beginning of another key's sequence.
        self._app.ttimeoutlen = ESCAPE_SECONDS

    async def run(self, handler: PromptHandler, toolbar: Callable[[], StyleAndTextTuples]) -> None:
        """Read input until Ctrl-D, two Ctrl-C, or `leave`. `toolbar` returns the line below the prompt."""
        self._handler, self._toolbar = handler, toolbar
        with self._screen.above_prompt(self._app):
            refreshing = asyncio.create_task(self._refresh())
            refreshing.add_done_callback(self._end_after_failure)
            loop = asyncio.get_running_loop()
            loop.set_exception_handler(self._fail)
            try:
                # The terminal may be closed meanwhile.
                with suppress(EOFError):
                    await self._session.prompt_async(set_exception_handler=False, handle_sigint=False)
            finally:
                loop.set_exception_handler(None)
                await cancel_and_wait(refreshing)

    def leave(self) -> None:
        """End `run`."""
        if self._app.is_running and not self._app.is_done:
            self._app.exit()

    def edit(self) -> None:
        """Open the text in the user's editor. It comes back into the prompt."""
        self._app.create_background_task(self._edit())

    async def _edit(self) -> None:
        buffer = self._session.default_buffer
        try:
            with self._screen.held():
                async with in_terminal():
                    text = await edit_text(without_surrogates(buffer.text))
        except LivecliError as error:
            print_error(error)
            return
        is_new = not buffer.text
        buffer.document = Document(text)
        if is_new:
            self._pasted_word = first_word(text)

    def echo(self, text: str) -> None:
        """Print the entered text above the prompt."""
        self._screen.finish_row()
        self._screen.separate()
        first, *others = map(escaped, text.split("\n"))
        self._screen.print("class:you", f"{PROMPT}{first}", *(f"{CONTINUATION}{line}" for line in others))

    async def confirm(self, call: FunctionCall) -> bool:
        """Whether `call` may run, as the user answers. The text that is being typed is kept.

        The call is shown whole: above the prompt where it takes more than one row, as a tall prompt is cut off.
        """
        async with self._question_lock:
            answer: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
            question = f"run {formatting.whole_function_call(call.name, call.args)}?"
            if get_cwidth(f"{question} {ANSWER_KEYS}") > self._screen.output.get_size().columns:
                self._screen.print("class:question", question, in_words=False)
                question = f"run {one_line(call.name)} as shown above?"
            self._question = question, answer
            self._last_key_at = self._clock()
            self._app.invalidate()
            try:
                return await answer
            finally:
                self._question = None
                self._app.invalidate()

    def _message(self) -> StyleAndTextTuples:
        question: StyleAndTextTuples = []
        if self._question is not None:
            keys = ANSWER_KEYS if self._accepts_answer() else " " * len(ANSWER_KEYS)
            question = [("class:question", f"{self._question[0]} {keys}\n")]
        return [*self._screen.unfinished_rows, *question, ("class:sign", PROMPT)]

    def _fit(self, app: Application[None]) -> None:
        """Fit the prompt to the terminal's height, and make it lower where it needs fewer rows than before."""
        size, drawn = self._screen.output.get_size(), app.renderer.last_rendered_screen
        self._session.reserve_space_for_menu = max(min(MENU_ROWS, size.rows - ROWS_BESIDE_MENU), 0)
        needed = app.layout.container.preferred_height(size.columns, size.rows).preferred
        is_lower = drawn is not None and needed < drawn.height
        if (is_lower or self._screen.is_resized) and not app.is_done:
            self._screen.erase_prompt(app)

    def _draw_toolbar(self) -> StyleAndTextTuples:
        self._drawn_toolbar = self._toolbar()
        return self._drawn_toolbar

    async def _refresh(self) -> None:
        """Redraw the prompt when the toolbar, or whether a question accepts an answer, has changed."""
        accepted_answer = False
        while True:
            if self._toolbar() != self._drawn_toolbar or accepted_answer is not self._accepts_answer():
                self._app.invalidate()
            accepted_answer = self._accepts_answer()
            await asyncio.sleep(REFRESH_SECONDS)

    # --- keys ---

    def _note_key(self, _: object) -> None:
        self._previous_key_at, self._last_key_at = self._last_key_at, self._clock()

    def _wait_for_keys(self, keys: KeyProcessor) -> None:
        """Set how long a key waits for the next one of a sequence."""
        is_escape = [press.key for press in keys.key_buffer] == [Keys.Escape]
        self._app.timeoutlen = META_SECONDS if is_escape else SEQUENCE_SECONDS

    def _accepts_answer(self) -> bool:
        return self._question is not None and self._clock() - self._last_key_at > ANSWER_PAUSE_SECONDS

    def _accepted_answer(self) -> bool:
        """Whether an answer was accepted just before the key that is being processed."""
        return self._question is not None and self._clock() - self._previous_key_at > ANSWER_PAUSE_SECONDS

    def _key_bindings(self) -> KeyBindings:
        keys = KeyBindings()

        def bind(handler: Callable[[KeyPressEvent], object], *names: str, when: FilterOrBool = True) -> None:
            # A search in the history has prompt_toolkit's keys.
            keys.add(*names, filter=~is_searching & to_filter(when))(partial(self._handle, handler))

        is_empty = Condition(lambda: not self._session.default_buffer.text)
        is_push_to_talk = Condition(lambda: self._handler.is_push_to_talk)
        bind(self._enter, "enter")
        bind(lambda event: event.current_buffer.insert_text("\n"), "escape", "enter")
        bind(self._paste, Keys.BracketedPaste)
        bind(self._ctrl_c, "c-c")
        bind(self._escape, "escape")
        bind(lambda event: self.edit(), "c-x", "c-e")
        bind(self._suspend, "c-z", when=suspend_to_background_supported())
        bind(self._clear, "c-l")
        bind(lambda event: self.leave(), "c-d", when=is_empty)
        bind(lambda event: self._handler.toggle_talking(), " ", when=is_empty & is_push_to_talk)
        accepted_answer = Condition(self._accepted_answer)
        for key in "yYnN":
            bind(self._answer, key, when=accepted_answer)
        return keys

    def _handle(self, handler: Callable[[KeyPressEvent], object], event: KeyPressEvent) -> None:
        """Handle a key. An error ends the prompt, which raises it; prompt_toolkit would log it and go on."""
        try:
            handler(event)
        except Exception as error:
            if self._app.is_done:
                raise
            self._app.exit(exception=error)

    def _end_after_failure(self, task: asyncio.Task[None]) -> None:
        if not task.cancelled() and (error := task.exception()) is not None and not self._app.is_done:
            self._app.exit(exception=error)

    def _fail(self, loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        """End the prompt after an error of a callback or a task for which nothing waits; asyncio would log it only."""
        error = context.get("exception")
        if isinstance(error, Exception) and "transport" not in context and not self._app.is_done:
            self._app.exit(exception=error)
        else:
            loop.default_exception_handler(context)

    def _paste(self, event: KeyPressEvent) -> None:
        text = event.data.replace("\r\n", "\n").replace("\r", "\n")
        is_first = not event.current_buffer.cursor_position
        event.current_buffer.insert_text(text)
        if is_first:
            self._pasted_word = first_word(text)

    def _note_text(self, buffer: Buffer) -> None:
        if not buffer.text.startswith(self._pasted_word):
            self._pasted_word = ""

    def _enter(self, event: KeyPressEvent) -> None:
        buffer = event.current_buffer
        text = without_surrogates(buffer.text)
        is_text = bool(self._pasted_word) or not self._has_commands
        if not text.strip():
            return
        if self._typed_answer is not None and self._typed_answer == (self._question, text):
            # The letter and Enter came in one piece, as from a paste or a slow connection.
            buffer.reset()
            self._answer_question(text)
            return
        buffer.text = text
        buffer.append_to_history()
        buffer.reset()
        self._pasted_word = ""
        self._handler.submit(text, is_text=is_text)

    def _answer(self, event: KeyPressEvent) -> None:
        """Insert the letter, and take it back as the answer if no other key follows."""
        question, pressed_at = self._question, self._last_key_at
        event.current_buffer.insert_text(event.data)
        self._typed_answer = question, event.data

        def answer_unless_continued() -> None:
            if self._question is question is not None and self._last_key_at == pressed_at and not question[1].done():
                event.current_buffer.delete_before_cursor()
                self._answer_question(event.data)

        asyncio.get_running_loop().call_later(ANSWER_PAUSE_SECONDS * 0.8, answer_unless_continued)

    def _answer_question(self, letter: str) -> None:
        """Answer the question, unless it is answered."""
        if self._question is not None and not self._question[1].done():
            self._question[1].set_result(letter in "yY")

    def _suspend(self, event: KeyPressEvent) -> None:
        self._screen.break_line()
        event.app.suspend_to_background()

    def _clear(self, event: KeyPressEvent) -> None:
        self._screen.break_line()
        event.app.renderer.clear()

    def _escape(self, event: KeyPressEvent) -> None:
        if event.current_buffer.complete_state is not None:
            event.current_buffer.cancel_completion()
        else:
            self._handler.interrupt()

    def _ctrl_c(self, event: KeyPressEvent) -> None:
        now, buffer = self._clock(), event.current_buffer
        is_second, self._last_ctrl_c_at = now - self._last_ctrl_c_at < DOUBLE_PRESS_SECONDS, now
        if is_second and not buffer.text:
            self.leave()
        elif not is_second and self._handler.interrupt():
            pass
        elif buffer.text:
            buffer.reset()
        else:
            self._screen.print("class:note", "press Ctrl-C again, or Ctrl-D, to leave")


def first_word(text: str) -> str:
    """The first word of a text, or nothing."""
    return (text.split() or [""])[0]


def without_surrogates(text: str) -> str:
    """A text that can be sent and kept. A byte that is not UTF-8 was read as a surrogate."""
    return text.encode(errors="surrogateescape").decode(errors="replace")
