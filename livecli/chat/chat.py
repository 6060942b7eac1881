"""A chat: a conversation that outlives its sessions, and whose setup may change meanwhile.

A new session is given the transcript. The chat knows neither the terminal nor the devices: those belong to `console`
and `voice`.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import replace
from typing import Any

from ..client.open import open_resumable
from ..client.sender import SendOptions
from ..credentials.decision import resolve
from ..errors import LivecliError
from ..media.file_source import open_source
from ..media.images import open_image
from ..media.pcm import AudioSource
from ..process.tasks import cancel_and_wait, collapse_exception_group
from ..protocol import events
from ..protocol.endpoint import Endpoint
from ..protocol.setup import Activity, setup
from ..report.reporter import Reporter
from ..report.summary import Summary
from .options import ChatOptions
from .recent_turns import RecentTurns
from .recordings import Recordings
from .store import ChatStore
from .transcript import Transcript, TranscriptEntry
from .turns import ChatTurn, Conversation, SendRequest, TurnOptions
from .voice import Voice


class Chat:
    """A chat, which `open_chat` opens.

    `turns` has the summaries of the last turns, `pictures` what is sent with the next turn. `spoken_about` are those
    sent at once, for speech: a typed text that comes first is sent with them again, and with the last `frame` of a
    video. When the session has ended for good, `failure` is the reason; the next message opens a new session.
    `failed_question` is the text of the last turn if that has failed. `tasks` has the tasks that receive.

    Options that were changed are on trial until a turn succeeds: the last ones before come back where the service
    refuses them.
    """

    def __init__(
        self,
        options: ChatOptions,
        voice: Voice,
        recordings: Recordings,
        reporter: Reporter,
        tasks: asyncio.TaskGroup,
    ) -> None:
        self.options = replace(options, configuration=replace(options.configuration, endless=True))
        self.voice, self.recordings = voice, recordings
        self.transcript = Transcript()
        self.store = ChatStore(self.transcript, reporter, is_kept=options.is_kept)
        self.turns = RecentTurns()
        self.pictures: list[events.Image] = []
        self.spoken_about: list[events.Image] = []
        self.frame: events.Image | None = None
        self.failure: LivecliError | None = None
        self.failed_question = ""
        self._reporter, self._tasks = reporter, tasks
        self._session = AsyncExitStack()
        self._conversation: Conversation | None = None
        self._open_lock = asyncio.Lock()
        # The last options with which a turn succeeded, while others are on trial.
        self._proven: ChatOptions | None = None
        self._has_warned = False

    # --- the session ---

    async def conversation(self) -> Conversation:
        """The open conversation, or a new one that is given the transcript. Raises the errors of opening a session."""
        async with self._open_lock:
            if self._conversation is None:
                await self._session.aclose()
                self._conversation = await self._open()
            return self._conversation

    async def _open(self) -> Conversation:
        options, reporter = self.options, self._reporter
        endpoint, credential = await asyncio.to_thread(resolve, options.target, os.environ)
        declarations = options.toolbox.declarations(endpoint.model)
        configuration = replace(options.configuration, functions=declarations, pictures=True)
        reporter.connecting(endpoint)
        if credential.warning and not self._has_warned:
            self._has_warned = True
            reporter.warning(credential.warning)
        stack = AsyncExitStack()
        session = await stack.enter_async_context(
            open_resumable(
                endpoint,
                credential,
                setup(endpoint, configuration),
                options.timeouts,
                reporter,
                self.transcript.contents,
                self.store.take_handle(endpoint),
            )
        )
        turn_options = TurnOptions(
            self.recordings, options.toolbox, options.confirm, options.timeouts.idle, options.prices
        )
        conversation = Conversation(session, turn_options, reporter, self)
        listening = self._tasks.create_task(self._listen(conversation))
        # The callbacks run in the opposite order. The handle that includes the last turn may come during `leave`.
        stack.push_async_callback(conversation.leave)
        # The group of tasks raises the error of a task that has failed.
        stack.push_async_callback(cancel_and_wait, listening, ignored=Exception)
        self._session, self.failure = stack, None
        summary = Summary("", endpoint=endpoint)
        summary.note_opened(session.first.session_id, session.first.timings.connect, session.first.timings.setup)
        reporter.connected(summary)
        return conversation

    async def _listen(self, conversation: Conversation) -> None:
        error = None
        try:
            await conversation.listen()
        except LivecliError as caught:
            error = caught
        self.failure, self._conversation = error, None
        self._reporter.ended(error)
        if error is not None and error.retry == "never" and self._proven is not None:
            # Some settings are refused with the first message only.
            self.options, self._proven = self._proven, None
            self._reporter.warning("the last change of the settings is taken back, with which the session has ended")

    def save(self) -> None:
        """Save the handle with the time of the chat's end, from which its lifetime counts."""
        if self.turns.count and self._conversation is not None:
            self.store.save_handle(self._conversation.endpoint, self._conversation.handle)

    def retry_without_bound(self) -> None:
        """From now on, try a lost connection again without limit."""
        assert self._proven is None, "it is called before any change"
        self.options = replace(self.options, timeouts=replace(self.options.timeouts, retries=None))
        if self._conversation is not None:
            self._conversation.retry_without_bound()

    async def close(self) -> None:
        """End the session, after its answer was interrupted.

        The next message opens a new one, as the microphone's audio does: both wait for the end.
        """
        async with self._open_lock:
            conversation, self._conversation = self._conversation, None
            if conversation is not None:
                if conversation.is_awaiting_answer:
                    self._reporter.turn_event(events.Interrupted())
                conversation.abandon()
            await self._session.aclose()

    async def reconfigure(self, **changes: Any) -> None:
        """Change fields of the configuration: see `_change`."""
        await self._change(replace(self.options, configuration=replace(self.options.configuration, **changes)))

    async def change_model(self, name: str) -> None:
        """Go on with another model: see `_change`."""
        await self._change(replace(self.options, target=replace(self.options.target, model=name)))

    async def _change(self, options: ChatOptions) -> None:
        """Open a new session with these options, which is given the transcript.

        Raises the error of opening it. The options before are back then, and a session with them, if it can be opened.
        """
        before, self.options = self.options, options
        try:
            await self.close()
            await self.conversation()
        except BaseException as error:
            self.options = before
            if isinstance(error, LivecliError):
                with suppress(LivecliError):
                    await self.conversation()
            raise
        self._proven = self._proven or before

    async def reset(self) -> bool:
        """Begin a new conversation and a new session, without the pictures that were to be sent.

        The old conversation is deleted unless it has a name. Returns whether it was.
        """
        await self.close()
        self.transcript.clear()
        self.failed_question = ""
        self.take_pictures_back()
        is_deleted = await self.store.begin_new()
        await self.conversation()
        return is_deleted

    # --- turns ---

    async def send_text(self, text: str) -> Summary:
        """A typed turn. It interrupts an answer that has begun."""
        conversation = await self.conversation()
        pictures, self.pictures, self.spoken_about = [*self.pictures, *self.spoken_about], [], []
        pictures += [self.frame] if self.frame is not None else []
        interrupts = conversation.current is not None
        return await self._take_turn(text, lambda turn: turn.type(text, pictures, interrupts=interrupts))

    async def send_recording(self, path: str) -> Summary:
        """A turn that is a recording. Raises FileError when it cannot be read."""
        with await asyncio.to_thread(open_source, path) as source, self.voice.paused():
            return await self._send_speech(source, self.options.sending, is_live=False)

    async def send_speech(self, source: AudioSource, options: SendOptions) -> Summary:
        """A turn that is spoken now, which ends with the source."""
        return await self._send_speech(source, options, is_live=True)

    async def _send_speech(self, source: AudioSource, options: SendOptions, *, is_live: bool) -> Summary:
        source = self.recordings.recorded(source, is_live=is_live)
        pictures, self.pictures, self.spoken_about = self.pictures, [], []
        activity = self.options.configuration.activity
        return await self._take_turn("", lambda turn: turn.speak(source, options, pictures, activity=activity))

    async def _take_turn(self, question: str, send: SendRequest) -> Summary:
        conversation = await self.conversation()
        self.failed_question = ""
        summary = await conversation.take_turn(question, send)
        if summary.error is not None:
            self.failed_question = question
        return summary

    async def send_picture(self, path: str) -> bool:
        """Send a picture with the next turn. When the microphone is in use, it is sent at once too.

        Returns whether it was. A model sees a picture that was sent before speech, and none that was sent before a
        typed text: that has to have it in the same turn.
        """
        return await self.show(await asyncio.to_thread(open_image, path))

    async def show(self, picture: events.Image) -> bool:
        """As `send_picture`."""
        conversation = await self.conversation()
        if conversation.uses_microphone:
            await conversation.send_pictures([picture])
            self.spoken_about.append(picture)
        else:
            self.pictures.append(picture)
        return conversation.uses_microphone

    def take_pictures_back(self) -> int:
        """Do not send the pictures that wait for the next turn. Returns how many there were."""
        number = len(self.pictures) + len(self.spoken_about)
        self.pictures, self.spoken_about = [], []
        return number

    async def send_frame(self, frame: events.Image) -> None:
        """Send a frame of a video at once, if there is a session, and the last one with each typed text."""
        self.frame = frame
        if self._conversation is not None:
            await self._conversation.send_pictures([frame])

    async def interrupt(self) -> bool:
        """Stop the answer. Returns False when no turn is going on."""
        conversation = self._conversation
        if conversation is None or conversation.current is None:
            self.recordings.flush()
            return False
        await conversation.interrupt()
        return True

    @property
    def in_turn(self) -> bool:
        """Whether a turn is going on."""
        return self._conversation is not None and self._conversation.current is not None

    @property
    def has_session(self) -> bool:
        """Whether a session is open, though its connection may be lost."""
        return self._conversation is not None

    @property
    def is_awaiting_answer(self) -> bool:
        """Whether a turn is going on that was not interrupted."""
        return self._conversation is not None and self._conversation.is_awaiting_answer

    @property
    def is_asking_user(self) -> bool:
        """Whether the user is asked whether a function may run."""
        return self._conversation is not None and self._conversation.is_asking_user

    @property
    def current_entry(self) -> TranscriptEntry | None:
        """The text of the current turn that is known so far."""
        turn = self._conversation.current if self._conversation is not None else None
        return turn.text if turn is not None else None

    @property
    def answering(self) -> bool:
        """Whether the answer of the current turn has begun."""
        turn = self._conversation.current if self._conversation is not None else None
        return turn is not None and turn.exchange.speaks

    # --- the microphone, for Voice ---

    async def use_voice_detection(self) -> None:
        """Have the service detect when the user speaks, in a new session where the last one has ended for good."""
        self.failure = None
        if self.options.configuration.activity is not Activity.AUTO:
            await self.reconfigure(activity=Activity.AUTO)

    async def send_microphone(self, pcm: bytes, rate: int) -> None:
        """Send audio from the microphone. Raises `failure` when the session has ended for good."""
        if self._conversation is None and self.failure is not None:
            raise self.failure
        conversation = await self.conversation()
        self.recordings.write_speech(pcm, rate, is_live=True)
        await conversation.send_microphone(pcm, rate)

    async def end_microphone(self) -> None:
        """Tell the service that the microphone is off."""
        if self._conversation is not None:
            await self._conversation.end_microphone()

    # --- the results of turns, from Conversation ---

    def begin_turn(self, question: str) -> int:
        """Save the question of a new turn, and return the number of the turn."""
        return self.store.begin_turn(question)

    def note_progress(self, turn: ChatTurn) -> None:
        """Save the text so far of a turn that is going on, from time to time."""
        if self.store.is_progress_due():
            self.store.note_progress(turn.number, turn.text)

    def note_unfinished(self, turn: ChatTurn) -> None:
        """Save the text of a turn that has failed, or was given up. With part of an answer it joins the transcript."""
        self.store.note_progress(turn.number, turn.text)
        if turn.text.answer:
            self.transcript.put(turn.number, turn.text)
        if turn.text.question or turn.text.answer:
            self._write_text(turn, turn.text)

    def note_turn(self, turn: ChatTurn, entry: TranscriptEntry) -> None:
        """Add a turn that is over."""
        self.turns.add(turn.summary)
        self.transcript.put(turn.number, entry)
        self.store.note_turn(turn.number, entry)
        if self._conversation is not None:
            self.store.note_handle(self._conversation.endpoint, self._conversation.handle)

    def note_speech(self) -> None:
        """Speech into the microphone is about the pictures that were sent for it."""
        self.spoken_about.clear()

    def note_correction(self, turn: ChatTurn, entry: TranscriptEntry) -> None:
        """Replace the text of a turn, more of which has arrived after its end."""
        self.transcript.correct(turn.number, entry)
        self.store.note_correction(turn.number, entry)

    def note_text(self, turn: ChatTurn, entry: TranscriptEntry) -> None:
        """Write the final text of a turn to the recordings."""
        self._proven = None
        self._write_text(turn, entry)

    def _write_text(self, turn: ChatTurn, entry: TranscriptEntry) -> None:
        try:
            self.recordings.write_text(turn.number, entry, turn.recording)
        except LivecliError as error:
            self._reporter.warning(error.message)

    async def wait_until_saved(self) -> None:
        """Wait until the turns that are over are on disk."""
        await self.store.wait_until_written()

    def note_handle(self, endpoint: Endpoint, handle: str | None) -> None:
        """Save a handle that was received between turns."""
        self.store.note_handle(endpoint, handle)


@asynccontextmanager
async def open_chat(
    options: ChatOptions, voice: Voice, recordings: Recordings, reporter: Reporter
) -> AsyncIterator[Chat]:
    """A chat with an open session, which is closed at the end of the block. Raises the errors of opening a session."""
    async with collapse_exception_group(), asyncio.TaskGroup() as tasks:
        chat = Chat(options, voice, recordings, reporter, tasks)
        if options.resume is not None:
            chat.store.load(options.resume)
        try:
            await chat.conversation()
            voice.receiver = chat
            yield chat
        finally:
            chat.save()
            try:
                # Audio from the microphone would open a new session.
                await voice.close_microphone()
            finally:
                await chat.close()
                await chat.store.close()
