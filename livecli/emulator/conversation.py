"""One session's life: what the client says goes in, what the model says comes out. Pure: no asyncio, no sockets; time
is an argument.

`receive` takes what was said; `next_message` is asked for what to say next and makes it only then. Whoever has a slow
socket therefore asks seldom, and nothing piles up here; a client that goes on asking without listening to the answers
is not `listening`-ed to until they are taken.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from ..protocol import closes, events
from ..protocol.closes import Refusal
from ..protocol.messages import Content, Setup
from ..protocol.models import Platform
from .admission import admit
from .answer import Manner, Message, answer
from .behaviours import Behaviour, Heard
from .hearing import AutomaticEar, Ear, ManualEar
from .usage import CHARACTERS_PER_TOKEN, TokenCount
from .utterance import OpenSpool, Utterance

MAX_WAITING_TURNS = 16
"""How many turns may wait for the answer before them to be taken."""

MAX_TEXT_CHARACTERS = 128_000 * CHARACTERS_PER_TOKEN
"""The models' context window: more text than that in one turn is refused."""


@dataclass(frozen=True)
class Turn:
    """The user has spoken, at this time."""

    heard: Heard
    at: float


class Conversation:
    """The model's side of one session.

    `version` is the API version of the path that was asked for; `new_session_id` makes the id that Vertex gives,
    `open_spool` the file that keeps an utterance, and `log` takes a line about each turn.
    """

    def __init__(
        self,
        platform: Platform,
        version: str,
        *,
        behaviour: Behaviour,
        new_session_id: Callable[[], str],
        open_spool: OpenSpool,
        log: Callable[[str], None] = lambda line: None,
    ) -> None:
        self._platform, self._version = platform, version
        self._behaviour = behaviour
        self._new_session_id = new_session_id
        self._open_spool = open_spool
        self._log = log
        self._greeting: Message | None = None
        self._manner: Manner | None = None
        self._ear: Ear | None = None
        self._written: list[str] = []
        self._written_characters = 0
        self._tokens = TokenCount()
        self._waiting: deque[Turn] = deque()
        self._turn: Turn | None = None
        self._answer: Iterator[Message] = iter(())
        self._turns_done = 0

    @property
    def listening(self) -> bool:
        """Whether the client may say more now: not before setupComplete is taken, nor while many answers wait."""
        return self._greeting is None and len(self._waiting) < MAX_WAITING_TURNS

    def receive(self, event: events.Event, now: float) -> None:
        """What the client says, at this time in seconds. Raises Refusal where the service would close the session."""
        if isinstance(event, events.Setup):
            self._set_up(event.body)
        ear = self._ear
        if ear is None:
            return
        match event:
            case events.AudioChunk():
                self._heard_all(ear.hear(event), now)
            case events.ActivityStart():
                ear.start()
            case events.ActivityEnd() | events.AudioStreamEnd():
                self._heard_all(ear.stop(), now)
            case events.Text(text):
                self._read(text, now)
            case events.ClientTurns(turns, turn_complete):
                self._note(turns)
                if turn_complete:
                    self._read(" ".join(self._written), now)
                    self._forget_written()

    def next_message(self, now: float) -> Message | None:
        """What is to be said next, at this time in seconds; None while there is nothing."""
        if self._greeting is not None:
            greeting, self._greeting = self._greeting, None
            return greeting
        while self._turn is not None or self._waiting:
            if self._turn is None:
                self._begin(self._waiting.popleft())
            message = next(self._answer, None)
            if message is not None:
                return message
            self._end(now)
        return None

    def close(self) -> None:
        """The session is over: let go of every utterance."""
        if self._ear is not None:
            self._ear.close()
        for turn in (self._turn, *self._waiting):
            _let_go(turn)
        self._turn, self._answer = None, iter(())
        self._waiting.clear()

    def _set_up(self, setup: Setup) -> None:
        admit(setup, self._platform, self._version)
        self._manner = Manner.asked_by(setup, self._platform)
        config = setup.realtime_input_config
        detection = config.automatic_activity_detection if config is not None else None
        manual = detection is not None and detection.disabled
        self._ear = ManualEar(self._open_spool) if manual else AutomaticEar(detection, self._open_spool)
        if setup.system_instruction is not None:
            self._tokens.heard_characters += len(_text_of(setup.system_instruction))
        self._greeting = [events.SetupComplete(self._new_session_id())]

    def _heard_all(self, utterances: list[Utterance], now: float) -> None:
        self._waiting.extend(Turn(Heard(utterance), now) for utterance in utterances)

    def _note(self, turns: tuple[Content, ...]) -> None:
        """Turns for the history. What the user wrote since the model last spoke is what will be answered."""
        for content in turns:
            if content.role == "model":
                self._forget_written()
            elif content.role != "system" and (text := _text_of(content)):
                self._written.append(text)
                self._written_characters += len(text)
        _fits_context(self._written_characters)

    def _forget_written(self) -> None:
        self._written.clear()
        self._written_characters = 0

    def _read(self, text: str, now: float) -> None:
        _fits_context(len(text))
        self._waiting.append(Turn(Heard(text=text), now))

    def _begin(self, turn: Turn) -> None:
        assert self._manner is not None, "there is no turn before the setup"
        self._turn = turn
        self._tokens.heard_characters += len(turn.heard.text)
        self._tokens.heard_audio_bytes += turn.heard.utterance.length_bytes if turn.heard.utterance else 0
        self._answer = answer(turn.heard, self._behaviour.answer(turn.heard), self._manner, self._tokens)

    def _end(self, now: float) -> None:
        turn, self._turn, self._answer = self._turn, None, iter(())
        _let_go(turn)
        self._turns_done += 1
        if turn is not None:
            self._log(f"turn {self._turns_done}: {turn.heard.description}, answered in {now - turn.at:.3f} s")


def _let_go(turn: Turn | None) -> None:
    if turn is not None and turn.heard.utterance is not None:
        turn.heard.utterance.close()


def _fits_context(characters: int) -> None:
    if characters > MAX_TEXT_CHARACTERS:
        raise Refusal(1007, closes.INVALID_ARGUMENT)


def _text_of(content: Content) -> str:
    return "".join(part.text for part in content.parts if part.text)
