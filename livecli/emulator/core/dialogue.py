"""The dialogue of a session that is set up: it queues the user's turns, answers them in order and interrupts answers.

The start of speech and each `clientContent` interrupt the turn that is being answered: the rest of the answer is
dropped. At the pace BURST, the start and the end of speech come when the emulator has worked through the audio so far,
and an answer begins LATENCY_SECONDS after the question. At the pace INSTANT an answer takes no time, so it can be
interrupted only while its messages are being taken. A client that streams a file faster than real time does not
interrupt the answer to its utterance before, because that would depend on the speed of its socket. Turns that wait are
answered one after another in every case. No I/O: time is an argument.
"""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from itertools import chain
from typing import NamedTuple

import msgspec

from ...media.pcm import SAMPLE_BYTES
from ...protocol import close_reasons, events
from ...protocol.close_reasons import Refusal
from ...protocol.messages import FunctionResponse, Setup, Tool
from ...protocol.models import AnswerEnd, CallBehaviour, CallTurn, HandleTime, Model, Platform
from ..faults import NO_FAULTS, Faults
from ..pace import InputClock, Pace
from .admission import check_content, check_tools
from .behaviour import InjectFaults, Step, Transcriber, UserTurn
from .delivery import Delivery
from .handles import SessionHandles, SessionMemory
from .inbox import check_length, text_of
from .response import Message, ResponseStyle, interruption, respond, turn_complete
from .speech import SpeechEnded, SpeechEvent, SpeechStarted, speech_input_for
from .synthesis import Synthesize
from .token_count import ContextWindow
from .turn import MAX_WAITING_TURNS, ModelTurn
from .utterance import OpenSpool, Recognize, Utterance, transcript
from .voice_activity import contains_speech

SLICE_SECONDS = 0.1
"""The longest piece of audio that is worked through at once: it decides how exact the times of speech events are."""

LATENCY_SECONDS = 0.3
"""The time from a question to its answer in a BURST.

Recorded in September 2026: 0.42 s from a typed turn to the first frame, 0.44 to 1.6 s from the end of speech to audio.
"""


REACTION_SECONDS = 0.75
"""The time after which the start of speech stops an answer that is being generated in a BURST.

Recorded in September 2026: 0.6 s after speech over an answer began, gemini-2.5 had completed the generation, and only
then sent `interrupted`.
"""

INTERIM_SECONDS = 0.49
"""Speech from one interim transcript of a transcribing model to the next (probed on 2026-09-10)."""

UNSEEN_VIDEO = "a typed turn does not see pictures sent as realtimeInput: put them into the parts of its clientContent"
"""The log's line for such a turn. Probed by pydantic-ai in September and October 2026 on every model of its tests."""


class _SpeechContinued(NamedTuple):
    """The user has been speaking for so many `seconds`, and goes on."""

    seconds: float


class _DueSpeechEvent(NamedTuple):
    """A speech event that is due once the audio before it is worked through.

    `consumed` messages and `audio_seconds` of audio had been received when it was detected.
    """

    due: float
    consumed: int
    audio_seconds: float
    event: SpeechEvent | _SpeechContinued

    @property
    def is_recognized(self) -> bool:
        """Whether recognition of the utterance is over, if this is its end."""
        return not (isinstance(self.event, SpeechEnded) and self.event.utterance.is_in_recognition)


class Dialogue:
    """The dialogue of one connection. `consumed` is the number of the client's messages, which the caller counts."""

    def __init__(
        self,
        setup: Setup,
        model: Model,
        platform: Platform,
        memory: SessionMemory,
        resumption: SessionHandles,
        *,
        open_spool: OpenSpool,
        pace: Pace,
        log: Callable[[str], None],
        heard: Callable[[str], None],
        inject: Callable[[Faults], None],
        synthesize: Synthesize | None,
        recognize: Recognize | None,
    ) -> None:
        self.memory = memory
        self.outbox: deque[Message] = deque()
        self.consumed, self._audio_seconds = 0, 0.0
        tokens = memory.tokens
        self.window = ContextWindow(model.context_tokens, setup.context_window_compression, tokens.forgotten_tokens)
        self._model, self._resumption = model, resumption
        self._style = ResponseStyle.of(setup, platform, model, has_voices=synthesize is not None)
        self._open_spool, self._pace, self._log, self._heard = open_spool, pace, log, heard
        self._inject, self._synthesize = inject, synthesize
        self._recognize = recognize
        config = setup.realtime_input_config
        self._input_clock = InputClock(pace)
        self._detected: deque[_DueSpeechEvent] = deque()
        # The starts and ends of speech among them.
        self._edges = 0
        # How much of the speech under way the last interim transcript has.
        self._interim_seconds = 0.0
        self._speech = memory.speech = speech_input_for(
            config,
            open_spool,
            unlimited=self.window.compresses,
            measures=model.turns.ends_at is AnswerEnd.ACTIVITY,
            resumed=memory.speech,
        )
        self._speech_interrupts = config is None or config.activity_handling != "NO_INTERRUPTION"
        self._reports_activity = bool(setup.explicit_vad_signal) or model.unasked.voice_activity
        self._waiting: deque[ModelTurn] = deque()
        # Results of functions that returned while the user was speaking.
        self._after_speech: deque[ModelTurn] = deque()
        # The beginning of a question that was split at a pause.
        self._split: Utterance | None = None
        self._turn: ModelTurn | None = None
        self._delivery: Delivery | None = None
        # When speech that has started interrupts the answer.
        self._interrupts_at: float | None = None
        # The close that follows the messages in the outbox.
        self._refusal: Refusal | None = None
        # Whether a turn stays open after its answer, until a NON_BLOCKING function has returned.
        self._held_open = False
        # Whether anything but plain audio was received since the last `next_message`.
        self._rescheduled = False
        self._reported_unseen = False

    @property
    def accepts_input(self) -> bool:
        """Whether to read more of the client: not while it has many messages to take."""
        return not self.outbox and len(self._waiting) + self._edges < MAX_WAITING_TURNS

    @property
    def has_output(self) -> bool:
        """Whether the input since the last `next_message` brought a message, or may have changed `wake_at`."""
        return bool(self.outbox or self._rescheduled)

    @property
    def wake_at(self) -> float | None:
        """The time at which `next_message` has a message without new input, None if it has none."""
        times = [self._detected[0].due] if self._detected and self._detected[0].is_recognized else []
        times += [] if self._interrupts_at is None else [self._interrupts_at]
        if self._delivery is not None:
            times += [] if self._delivery.wake_at is None else [self._delivery.wake_at]
        elif self._waiting and not self.memory.tools.awaited:
            times.append(self._waiting[0].begins_at)
        return min(times, default=None)

    def receive(self, event: events.Event, now: float) -> None:
        """Take an event of the client, after its setup. Raises Refusal where the service closes the session."""
        self._rescheduled |= not isinstance(event, (events.AudioChunk, events.MediaChunks))
        match event:
            case events.AudioChunk():
                self._on_audio(event, now)
            case events.ActivityStart():
                self._note_detected(self._speech.start(), self._input_clock.push(0, now), now)
            case events.ActivityEnd() | events.AudioStreamEnd():
                self._note_detected(self._speech.stop(), self._input_clock.push(0, now), now)
            case events.Text(text):
                check_length(len(text))
                self._add_user_turn(now, text=text)
            case events.Image():
                self.memory.inbox.video_frames += 1
                self.memory.tokens.video_frames += 1
            case events.MediaChunks(media):
                if not self._model.media_chunks:
                    raise Refusal(1007, close_reasons.INVALID_ARGUMENT)
                self.receive(media, now)
            case events.ClientTurns():
                self._on_client_turns(event, now)
            case events.ToolResponse():
                self._on_tool_response(event, now)
            case events.ContextUpdate():
                self._on_context_update(event)

    def offer_handle(self, now: float) -> None:
        """Queue a resumption handle if it is time for one. Called after each message of the client."""
        if not (self._turn or self._waiting or self._detected or self.outbox or self.memory.tools.awaited):
            self.outbox.extend(self._resumption.update_during_speech(self.memory, self.consumed, now))

    def next_message(self, now: float) -> Message | None:
        """The next message, None while there is none."""
        self._rescheduled = False
        self._handle_detected(now)
        while True:
            self._interrupt_if_due(now)
            if self.outbox:
                return self.outbox.popleft()
            if self._refusal is not None:
                raise self._refusal
            if self._delivery is None:
                if not self._waiting or self.memory.tools.awaited or self._waiting[0].begins_at > now:
                    return None
                self._begin_turn(self._waiting.popleft(), now)
                continue
            message = self._delivery.next_message(now)
            if self._delivery.done:
                self._end_turn(now, "answered")
            elif message is None:
                return None
            if message is not None:
                return message

    def close(self) -> None:
        """Release every utterance."""
        self._speech.close()
        self.memory.inbox.close()
        for turn in filter(None, (self._turn, *self._waiting)):
            turn.close()
        for detected in self._detected:
            if isinstance(detected.event, SpeechEnded):
                detected.event.utterance.close()
        if self._split is not None:
            self._split.close()
        self._turn = self._delivery = self._split = None
        self._waiting.clear()
        self._detected.clear()
        self.outbox.clear()

    # --- speech ---

    def _on_audio(self, chunk: events.AudioChunk, now: float) -> None:
        self._audio_seconds += len(chunk.pcm) / (chunk.rate * SAMPLE_BYTES)
        for piece in _slices(chunk) if self._pace is Pace.BURST else [chunk]:
            due = self._input_clock.push(len(piece.pcm) / (piece.rate * SAMPLE_BYTES), now)
            self._note_detected(self._speech.push(piece), due, now)
            if self._model.turns.ends_at is AnswerEnd.ACTIVITY:
                self._note_detected(self._continued(), due, now)

    def _continued(self) -> list[_SpeechContinued]:
        """The event after INTERIM_SECONDS more of speech."""
        seconds = self._speech.speech_seconds
        if not self._speech.speaking or seconds < self._interim_seconds + INTERIM_SECONDS:
            return []
        self._interim_seconds = seconds
        return [_SpeechContinued(seconds)]

    def _note_detected(self, found: Sequence[SpeechEvent | _SpeechContinued], due: float, now: float) -> None:
        if found:
            self._rescheduled = True
            self._edges += sum(not isinstance(event, _SpeechContinued) for event in found)
            self._detected.extend(_DueSpeechEvent(due, self.consumed, self._audio_seconds, event) for event in found)
            self._recognize_ends(found)
            if any(isinstance(event, SpeechStarted) for event in found):
                self._interim_seconds = 0.0
        self._handle_detected(now)

    def _recognize_ends(self, found: Sequence[SpeechEvent | _SpeechContinued]) -> None:
        """Begin to recognize the utterances that end. Their ends, and what comes after, wait until that is over."""
        for event in found:
            if self._recognize is not None and isinstance(event, SpeechEnded) and event.utterance.length_bytes:
                event.utterance.is_in_recognition = True
                self._recognize(event.utterance)

    def _handle_detected(self, now: float) -> None:
        while self._detected and self._detected[0].due <= now and self._detected[0].is_recognized:
            self._rescheduled = True
            detected = self._detected.popleft()
            event = detected.event
            self._edges -= not isinstance(event, _SpeechContinued)
            if isinstance(event, _SpeechContinued):
                self.outbox.append([events.InterimTranscript(transcript(event.seconds))])
            elif self._model.turns.ends_at is AnswerEnd.ACTIVITY:
                self._transcribe(event, detected.audio_seconds)
            elif isinstance(event, SpeechStarted):
                self._on_speech_start(event, now)
            else:
                self._on_speech_end(event.utterance, event.offset_seconds, detected.consumed, now)

    def _on_speech_start(self, event: SpeechStarted, now: float) -> None:
        self._report_activity("ACTIVITY_START", event.offset_seconds)
        if not self._speech_interrupts or self._is_file(event, now):
            return
        if self._splits(event):
            turn = self._waiting.popleft()
            self._split = turn.user.utterance
            self.memory.tokens.begin_turn()
            self.outbox.extend(interruption(self._style, self.memory.tokens, self.memory.tools))
            self._log("a pause in the question: its turn is interrupted")
        elif self._pace is Pace.BURST and self._delivery is not None:
            self._interrupts_at = now + REACTION_SECONDS
        else:
            self._interrupt(now)

    def _interrupt_if_due(self, now: float) -> None:
        """Interrupt the answer that the user speaks over, at the latest REACTION_SECONDS after the start of speech."""
        if self._interrupts_at is not None and (
            now >= self._interrupts_at or self._delivery is None or self._delivery.generated
        ):
            self._interrupt(now)

    def _on_speech_end(self, utterance: Utterance, offset_seconds: float | None, consumed: int, now: float) -> None:
        idle = self._turn is None and not self._waiting and not self.memory.tools.awaited
        # Known words are those of the whole question, which its first part has been transcribed as.
        transcribed = self._split is not None and self._split.words is not None
        if idle and not transcribed:
            self._add_words(utterance)
        transcribes = idle and not transcribed and self._style.transcribes_input and utterance.length_bytes > 0
        if transcribes:
            # An input transcript precedes ACTIVITY_END (recorded). One behind another turn waits for its own turn.
            self.outbox.extend(self._style.input_transcript(utterance.description))
        self._report_activity("ACTIVITY_END", offset_seconds)
        if self._split is not None:
            utterance, self._split = self._split.joined(utterance), None
        detected = offset_seconds is not None
        transcribed |= transcribes
        self._add_user_turn(now, utterance=utterance, consumed=consumed, transcribed=transcribed, detected=detected)
        while self._after_speech:
            self._queue(self._after_speech.popleft(), now)

    def _transcribe(self, event: SpeechStarted | SpeechEnded, audio_seconds: float) -> None:
        """Answer an activity as a transcribing model does, which reports the activities that the client marks too.

        `audio_seconds` is where in the session's audio the event is, if detection has not found that.
        """
        offset_seconds = audio_seconds if event.offset_seconds is None else event.offset_seconds
        if isinstance(event, SpeechStarted):
            self._report_activity("ACTIVITY_START", offset_seconds)
            return
        utterance = event.utterance
        if not utterance.length_bytes:
            self.outbox.append([events.TurnComplete(), events.Usage({})])
            self._refusal = Refusal(1007, close_reasons.PRECONDITION_FAILED)
        elif contains_speech(utterance.blocks()):
            self._add_words(utterance)
            # A model that transcribes says nothing, but the turn of a script has been used.
            next(self.memory.behaviour.answer(UserTurn(utterance)), None)
            self.outbox.extend(self._style.transcription(utterance.description))
        if utterance.length_bytes:
            self._report_activity("ACTIVITY_END", offset_seconds)
        self.memory.turns_done += 1
        self._heard(utterance.description)
        utterance.close()

    def _add_words(self, utterance: Utterance) -> None:
        """Note what is said in the utterance, if the behaviour knows that."""
        behaviour = self.memory.behaviour
        if utterance.words is None and utterance.length_bytes and isinstance(behaviour, Transcriber):
            utterance.words = behaviour.transcribe()

    def _report_activity(self, kind: str, offset_seconds: float | None) -> None:
        if self._reports_activity and offset_seconds is not None:
            beside: Message = [events.EmptyContent()] if self._model.frames.activity_with_content else []
            self.outbox.append([*beside, events.VoiceActivity(kind, offset_seconds)])

    def _is_file(self, start: SpeechStarted, now: float) -> bool:
        """Whether this is the next utterance of a file that is streamed faster than real time."""
        if self._pace is not Pace.INSTANT or start.offset_seconds is None or self._turn is None:
            return False
        return self._turn.is_outrun(self._audio_seconds, now)

    def _splits(self, start: SpeechStarted) -> bool:
        """Whether the user goes on with a question whose answer has not begun."""
        if self._pace is Pace.INSTANT or start.offset_seconds is None or not self._model.turns.splits_at_pauses:
            return False
        return self._turn is None and len(self._waiting) == 1 and self._waiting[0].detected

    # --- other input ---

    def _on_client_turns(self, content: events.ClientTurns, now: float) -> None:
        check_content(content.turns, self._model)
        inbox = self.memory.inbox
        stops = self._turn is not None and not content.turns and self._model.turns.stops_on_empty_content
        inbox.add(content.turns, self.memory.tokens, self._open_spool)
        if content.turn_complete and not stops:
            if inbox.seeding:
                inbox.end_history(self.memory.tokens)
            else:
                utterance, inbox.utterance = inbox.utterance, None
                self._add_user_turn(now, utterance=utterance, text=inbox.text)
                inbox.clear_content()
        # After that, because the handle of the interrupted turn does not include a turn that waits.
        self._interrupt(now)

    def _add_user_turn(
        self,
        now: float,
        *,
        utterance: Utterance | None = None,
        text: str = "",
        consumed: int | None = None,
        transcribed: bool = False,
        detected: bool = False,
    ) -> None:
        """Queue a turn of the user. Input cancels functions that the model waits for although it need not."""
        tools, inbox = self.memory.tools, self.memory.inbox
        if tools.awaited and self._model.calling[0] is CallBehaviour.NON_BLOCKING:
            self._interrupt(now)
        spoken = utterance is not None
        sees_video = spoken or self._model.images.seen_before_typed_text
        if inbox.video_frames and not sees_video and not self._reported_unseen:
            self._reported_unseen = True
            self._log(UNSEEN_VIDEO)
        turn = self._model_turn(UserTurn(utterance, *inbox.take(text, spoken=spoken, sees_video=sees_video)), now)
        begins_at = now + (LATENCY_SECONDS if self._pace is Pace.BURST else 0)
        consumed = self.consumed if consumed is None else consumed
        self._queue(
            msgspec.structs.replace(
                turn, consumed=consumed, begins_at=begins_at, transcribed=transcribed, detected=detected
            ),
            now,
        )

    def _queue(self, turn: ModelTurn, now: float) -> None:
        """Queue a turn. When too many wait for functions to return, the functions are cancelled."""
        self._waiting.append(turn)
        if self.memory.tools.awaited and len(self._waiting) >= MAX_WAITING_TURNS:
            self._interrupt(now)

    def _model_turn(self, user: UserTurn, now: float) -> ModelTurn:
        tools = self.memory.tools
        complete = msgspec.structs.replace(
            user,
            functions=frozenset(tools.functions),
            search=tools.search,
            announces_search=self._model.frames.announces_search,
            code=tools.code,
            urls=tools.urls,
        )
        return ModelTurn(complete, now, self.consumed, self._audio_seconds)

    def _on_tool_response(self, event: events.ToolResponse, now: float) -> None:
        if not self._model.calls.takes_scheduling and any(map(_is_scheduled, event.responses)):
            raise Refusal(1007, close_reasons.SCHEDULING_UNSUPPORTED)
        tools = self.memory.tools
        pending = len(tools.pending)
        results = tools.receive(event.responses)
        self.memory.tokens.prompt_characters += sum(len(json.dumps(each.response)) for each in event.responses)
        if len(tools.pending) < pending or any(result.responses for result in results):
            self._close_held_turn(interrupted=any(result.interrupts for result in results))
            self.outbox.extend(self._resumption.unasked(self.memory, HandleTime.AFTER_TOOL_RESPONSE))
        for result in results:
            turn = self._model_turn(UserTurn(responses=result.responses, greeting=result.greets), now)
            if result.resumes:
                in_turn = self._model.calls.blocking is CallTurn.ONE_TURN
                self._waiting.appendleft(msgspec.structs.replace(turn, resumes=in_turn))
            elif self._speech.speaking and len(self._after_speech) < MAX_WAITING_TURNS:
                self._after_speech.append(turn)
            elif result.interrupts and self._turn is not None:
                self._interrupt(now)
                self._waiting.appendleft(turn)
            else:
                self._queue(turn, now)
        all_silent = pending and not tools.pending and not results
        if self._model.turns.interaction_status and all_silent and self._turn is None:
            # No other message would report IDLE.
            self.outbox.append(turn_complete(self._style, self.memory.tokens, tools))

    def declare(self, tools: list[Tool]) -> None:
        """Replace the functions by those of `tools`."""
        calls = self.memory.tools
        knew = calls.without_parameters
        calls.declare(tools, self._model)
        if calls.without_parameters and not knew:
            names = ", ".join(sorted(calls.without_parameters))
            self._log(f"the service ignores parametersJsonSchema: called without arguments: {names}")

    def _on_context_update(self, event: events.ContextUpdate) -> None:
        if event.body.system_instruction is not None:
            self.memory.tokens.prompt_characters += len(text_of(event.body.system_instruction))
        if event.body.tools is not None:
            tools = event.body.tools.tools
            check_tools(tools, self._model, self._style.platform)
            self.declare(tools)

    # --- turns ---

    def _interrupt(self, now: float) -> None:
        memory = self.memory
        self._interrupts_at = None
        if self._delivery is not None and self._delivery.interrupted:
            return  # The behaviour has interrupted the turn itself, and its end is about to be sent.
        waits_in_turn = memory.tools.awaited and self._model.calls.blocking is CallTurn.ONE_TURN
        if self._turn is not None or waits_in_turn:
            self.outbox.extend(interruption(self._style, memory.tokens, memory.tools))
            self._end_turn(now, "interrupted")
        elif memory.tools.awaited:
            self.outbox.append([events.ToolCallCancellation(memory.tools.cancel())])
        else:
            self._close_held_turn(interrupted=True)

    def _begin_turn(self, turn: ModelTurn, now: float) -> None:
        user, tokens = turn.user, self.memory.tokens
        # Where a function has not returned, the answer to other input goes on in the turn of its call (a guess).
        self._held_open = False
        self._turn = turn
        if not turn.resumes:
            tokens.begin_turn()
        tokens.prompt_characters += len(user.text)
        if user.utterance is not None and user.utterance.length_bytes:
            tokens.prompt_audio_bytes += user.utterance.length_bytes
            self._add_words(user.utterance)
            self._heard(user.utterance.description)
        self.window.make_room(tokens.context_tokens(self._model), self._log)
        tokens.forgotten_tokens = self.window.forgotten_tokens
        steps = self._with_faults(self.memory.behaviour.answer(user), user)
        # The recordings do not tell which turns open with a single sample: here it is every other one.
        sampled = self._model.frames.opens_with_sample and self.memory.turns_done % 2 == 1 and not turn.resumes
        messages = respond(
            user,
            steps,
            self._style,
            tokens,
            self.memory.tools,
            transcribed=turn.transcribed,
            opens_with_sample=sampled,
        )
        self._delivery = Delivery(messages, self._pace, self._synthesize)
        self.outbox.extend(self._resumption.unavailable())

    def _with_faults(self, steps: Iterator[Step], user: UserTurn) -> Iterator[Step]:
        """The steps, without the faults at their beginning, which are injected from now on.

        An answer to function responses goes on with the faults of the turn that called the functions.
        """
        first = next(steps, None)
        if isinstance(first, InjectFaults):
            self._inject(first.faults)
            return steps
        if not user.responses:
            self._inject(NO_FAULTS)
        return steps if first is None else chain([first], steps)

    def _end_turn(self, now: float, outcome: str) -> None:
        turn, delivery = self._turn, self._delivery
        self._turn = self._delivery = self._interrupts_at = None
        if turn is not None:
            turn.close()
        tools = self.memory.tools
        ends = self._model.turns.ends_at is not AnswerEnd.NEVER
        if outcome == "answered" and delivery is not None and not delivery.completed and ends:
            # The turn stays open until functions have returned, or it stopped without an end.
            self._held_open = bool(tools.pending) and not tools.awaited
            return
        self.memory.turns_done += 1
        self._offer_handle_after(turn)

    def _close_held_turn(self, *, interrupted: bool = False) -> None:
        """End the turn that stayed open until a function returns, if there is one."""
        if not self._held_open:
            return
        self._held_open = False
        self.memory.turns_done += 1
        if interrupted and self._model.calls.non_blocking is CallTurn.HELD_OPEN:
            self.outbox.append([events.Interrupted()])
        self.outbox.append(turn_complete(self._style, self.memory.tokens, self.memory.tools))

    def _offer_handle_after(self, turn: ModelTurn | None) -> None:
        if self.memory.tools.pending and self._model.calls.blocking is not CallTurn.ONE_TURN:
            return  # There are no handles while a function is running.
        queued = self._waiting or self._detected or self._split
        at_rest = not queued and not self._speech.speaking
        consumed = self.consumed if at_rest or turn is None else turn.consumed
        self.outbox.extend(self._resumption.update(self.memory, consumed, None if queued else self.consumed))
        self._resumption.refresh(self.memory)


def _slices(chunk: events.AudioChunk) -> list[events.AudioChunk]:
    """The chunk in pieces of at most SLICE_SECONDS."""
    pcm, size = chunk.pcm, int(chunk.rate * SLICE_SECONDS) * SAMPLE_BYTES
    if len(pcm) <= size:
        return [chunk]
    return [events.AudioChunk(pcm[start : start + size], chunk.rate) for start in range(0, len(pcm), size)]


def _is_scheduled(response: FunctionResponse) -> bool:
    return response.scheduling not in (None, "SCHEDULING_UNSPECIFIED")
