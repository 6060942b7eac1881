"""Who speaks when, in a session that has been set up: turns of the user wait for their answers, and interrupt them.

A start of speech, and every `clientContent`, interrupts the turn that is being answered: what was not taken of the
answer is dropped. Without `realtime` an answer takes no time, so only one that is still being taken can be interrupted;
and who streams a file faster than real time does not interrupt the answer to what he said just before, since that would
be a race with his own socket. Turns that wait are answered one after the other all the same. Pure: no sockets, and time
is an argument.
"""

from __future__ import annotations

import dataclasses
import json
from collections import deque
from collections.abc import Callable

from ...media.pcm import SAMPLE_BYTES
from ...protocol import close_reasons, events
from ...protocol.close_reasons import Refusal
from ...protocol.messages import Setup
from ...protocol.models import Calling, Model, Platform
from ...protocol.setup_rules import is_refused
from .behaviour import UserTurn
from .delivery import Delivery
from .handles import SessionHandles, SessionMemory
from .inbox import fits_context, text_of
from .response import Message, ResponseStyle, answer, completed, interruption
from .speech import SpeechEvent, SpeechStarted, speech_input_for
from .token_count import ContextWindow
from .turn import MAX_WAITING_TURNS, ModelTurn, OpenTurn
from .utterance import OpenSpool, Utterance


class Dialogue:
    """`consumed` is how many messages of the client have been heard; whoever hands them in counts them."""

    def __init__(
        self,
        setup: Setup,
        model: Model,
        platform: Platform,
        memory: SessionMemory,
        resumption: SessionHandles,
        *,
        open_spool: OpenSpool,
        realtime: bool,
        log: Callable[[str], None],
    ) -> None:
        self.memory = memory
        self.outbox: deque[Message] = deque()
        self.consumed, self._audio_seconds = 0, 0.0
        self.window = ContextWindow(model.context_tokens, setup.context_window_compression, memory.forgotten_tokens)
        self._model, self._resumption, self._manner = model, resumption, ResponseStyle.asked_by(setup, platform, model)
        self._open_spool, self._realtime, self._log, config = open_spool, realtime, log, setup.realtime_input_config
        self._speech = memory.speech = speech_input_for(
            config, open_spool, unlimited=self.window.compresses, resumed=memory.speech
        )
        self._speech_interrupts = config is None or config.activity_handling != "NO_INTERRUPTION"
        self._reports_activity = bool(setup.explicit_vad_signal)
        self._waiting: deque[ModelTurn] = deque()
        self._until_silence: deque[ModelTurn] = deque()  # what functions returned while the user was speaking
        self._turn: ModelTurn | None = None
        self._delivery: Delivery | None = None
        self._open = OpenTurn(model, self._manner, memory, log)

    @property
    def listening(self) -> bool:
        """Whether the client may say more now: not while there is much that it has not taken."""
        return not self.outbox and len(self._waiting) < MAX_WAITING_TURNS

    @property
    def speaks(self) -> bool:
        """Whether what was received is to be answered now; what is being delivered goes on at `wake_at` anyway."""
        return bool(self.outbox or (self._waiting and self._delivery is None))

    @property
    def wake_at(self) -> float | None:
        return self._delivery.wake_at if self._delivery is not None else self._open.until

    def receive(self, event: events.Event, now: float) -> None:
        """What the client says, after its setup. Raises Refusal where the service would close the session."""
        match event:
            case events.AudioChunk(pcm, rate):
                self._audio_seconds += len(pcm) / (rate * SAMPLE_BYTES)
                self._follow(self._speech.push(event), now)
            case events.ActivityStart():
                self._follow(self._speech.start(), now)
            case events.ActivityEnd() | events.AudioStreamEnd():
                self._follow(self._speech.stop(), now)
            case events.Text(text):
                fits_context(len(text))
                self._hear(now, text=text)
            case events.Image():
                self.memory.inbox.images += 1
                self.memory.tokens.seen_frames += 1
            case events.MediaChunks(media):
                if not self._model.media_chunks:
                    raise Refusal(1007, close_reasons.INVALID_ARGUMENT)
                self.receive(media, now)
            case events.ClientTurns():
                self._read(event, now)
            case events.ToolResponse():
                self._take(event, now)
            case events.ContextUpdate():
                self._update(event)

    def offer_handle(self, now: float) -> None:
        """To be asked after each message: while nothing is answered the session may be gone on with elsewhere."""
        if not (self._turn or self._waiting or self.outbox or self.memory.tools.awaited):
            self.outbox.extend(self._resumption.update_between(self.memory, self.consumed, now))

    def next_message(self, now: float) -> Message | None:
        """What is to be said next; None while there is nothing."""
        while True:
            self.outbox.extend(self._open.due(now))
            if self.outbox:
                return self.outbox.popleft()
            if self._delivery is None:
                if not self._waiting or self.memory.tools.awaited:
                    return None
                self._begin(self._waiting.popleft())
                continue
            message = self._delivery.next_message(now)
            if self._delivery.done:
                self._end(now, "answered")
            elif message is None:
                return None
            if message is not None:
                return message

    def close(self) -> None:
        """Let go of every utterance."""
        self._speech.close()
        self.memory.inbox.close()
        for turn in filter(None, (self._turn, *self._waiting)):
            turn.close()
        self._turn = self._delivery = None
        self._waiting.clear()
        self.outbox.clear()

    def _follow(self, sounds: list[SpeechEvent], now: float) -> None:
        for sound in sounds:
            began = isinstance(sound, SpeechStarted)
            if self._reports_activity and sound.offset_seconds is not None:
                kind = "ACTIVITY_START" if began else "ACTIVITY_END"
                self.outbox.append([events.VoiceActivity(kind, sound.offset_seconds)])
            if not isinstance(sound, SpeechStarted):
                self._hear(now, utterance=sound.utterance)
                while self._until_silence:
                    self._queue(self._until_silence.popleft(), now)
            elif self._speech_interrupts and not self._outruns(sound, now):
                self._interrupt(now)

    def _outruns(self, began: SpeechStarted, now: float) -> bool:
        """Whether this is the next utterance of a file that is streamed faster than real time."""
        turn = self._turn if began.offset_seconds is not None and not self._realtime else None
        return turn is not None and turn.is_outrun(self._audio_seconds, now)

    def _read(self, content: events.ClientTurns, now: float) -> None:
        inbox = self.memory.inbox
        self._interrupt(now)
        inbox.note(content.turns, self.memory.tokens, self._open_spool)
        if not content.turn_complete:
            return
        if inbox.seeding:
            inbox.seed(self.memory.tokens)
        else:
            utterance, inbox.utterance = inbox.utterance, None
            self._hear(now, utterance=utterance, text=inbox.text)
            inbox.forget_writing()

    def _hear(self, now: float, *, utterance: Utterance | None = None, text: str = "") -> None:
        """The user has said something that is to be answered."""
        tools, inbox = self.memory.tools, self.memory.inbox
        if tools.awaited and self._model.calling[0] is Calling.NON_BLOCKING:  # any input cancels what it waits for
            self._interrupt(now)
        self._queue(self._asked(UserTurn(utterance, *inbox.take(text, aloud=utterance is not None)), now), now)

    def _queue(self, turn: ModelTurn, now: float) -> None:
        """It waits to be answered. Where that is too much, the model does not wait for functions any more."""
        self._waiting.append(turn)
        if self.memory.tools.awaited and len(self._waiting) >= MAX_WAITING_TURNS:
            self._interrupt(now)

    def _asked(self, heard: UserTurn, now: float) -> ModelTurn:
        tools = self.memory.tools
        able = dataclasses.replace(heard, functions=frozenset(tools.functions), search=tools.search)
        return ModelTurn(able, now, self.consumed, self._audio_seconds)

    def _take(self, event: events.ToolResponse, now: float) -> None:
        tools = self.memory.tools
        expected = bool(tools.pending)
        taken = tools.take(event.responses)
        self.memory.tokens.heard_characters += sum(len(json.dumps(each.response)) for each in event.responses)
        for returned in taken:
            turn = self._asked(UserTurn(responses=returned.responses), now)
            if returned.resumes:
                self._waiting.appendleft(turn)
            elif self._speech.speaking and len(self._until_silence) < MAX_WAITING_TURNS:
                self._until_silence.append(turn)
            elif returned.interrupts and self._turn is not None:
                self._interrupt(now)
                self._waiting.appendleft(turn)
            else:
                self._queue(turn, now)
        if self._manner.reports_status and not taken and expected and not tools.pending and self._turn is None:
            self.outbox.append(completed(self._manner, self.memory.tokens, tools))  # else nobody says IDLE

    def _update(self, event: events.ContextUpdate) -> None:
        if event.body.system_instruction is not None:
            self.memory.tokens.heard_characters += len(text_of(event.body.system_instruction))
        if event.body.tools is not None:
            tools = event.body.tools.tools
            if is_refused(Setup(tools=tools), self._model, self._manner.platform):
                raise Refusal(1007, close_reasons.INVALID_ARGUMENT)
            self.memory.tools.declare(tools, self._model)

    def _interrupt(self, now: float) -> None:
        memory = self.memory
        if self._delivery is not None and self._delivery.interrupted:
            return  # by itself, and about to say so
        if self._turn is None and memory.tools.awaited and self._open.ended:
            self.outbox.append([events.ToolCallCancellation(memory.tools.cancel())])
        elif self._turn is not None or memory.tools.awaited:
            self.outbox.extend(interruption(self._manner, memory.tokens, memory.tools))
            self._end(now, "interrupted")

    def _begin(self, turn: ModelTurn) -> None:
        heard, tokens = turn.heard, self.memory.tokens
        self._turn, self._open.until = turn, None
        tokens.heard_characters += len(heard.text)
        tokens.heard_audio_bytes += heard.utterance.length_bytes if heard.utterance else 0
        self.window.make_room(tokens.total, self._log)
        self.memory.forgotten_tokens = self.window.forgotten_tokens
        steps = self.memory.behaviour.answer(heard)
        answered = answer(heard, steps, self._manner, tokens, self.memory.tools)
        self._delivery = Delivery(answered, realtime=self._realtime)
        self.outbox.extend(self._resumption.not_now())

    def _end(self, now: float, how: str) -> None:
        turn, delivery = self._turn, self._delivery
        self._turn = self._delivery = self._open.until = None
        if turn is not None:
            turn.close()
        if how == "answered" and delivery is not None and not delivery.completed:
            self._open.wait(now)
            return  # the turn stays open until functions have returned, or it broke off
        self.memory.turns_done += 1
        described = f"{turn.heard.description}, {how} in {now - turn.at:.3f} s" if turn else how
        self._log(f"turn {self.memory.turns_done}: {described}")
        at_rest = not self._waiting and not self._speech.speaking
        consumed = self.consumed if at_rest or turn is None else turn.consumed
        self.outbox.extend(self._resumption.update(self.memory, consumed, None if self._waiting else self.consumed))
