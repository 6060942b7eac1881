"""The value of the pytest fixture `gemini_live`: an emulator that runs beside a test, and what clients did there.

Emulators run on an event loop in a thread of its own, so agents may be synchronous, run on a loop of their own, or be
other processes.
"""

from __future__ import annotations

import asyncio
import hashlib
import os
import re
import shutil
import threading
import time
from collections.abc import Callable, Coroutine, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field, replace
from pathlib import Path
from tempfile import mkdtemp
from typing import TYPE_CHECKING, Any, TypeVar

from .credentials import known_secrets
from .embedded import exports
from .emulator.access import Service
from .emulator.certificates import certificates
from .emulator.core.response import Message
from .emulator.log import SessionLog, no_log, safe_line
from .emulator.observer import ClosedBy, EmulatedCall, SessionObserver, SessionRecord
from .emulator.options import EmulatorOptions
from .emulator.pace import Pace
from .emulator.server import EmulatorAddress, Tls, run_emulator
from .emulator.session_recording import SessionRecordings
from .errors import FileError, ProtocolError, UsageError
from .media.speech.espeak import can_speak
from .process.folders import state_folder
from .protocol import events
from .protocol.close_reasons import Refusal
from .protocol.codec import decode_client, decode_server
from .protocol.endpoint import Target
from .protocol.models import MODELS
from .recording.format import Direction, Frame
from .recording.writer import DiskThread
from .report.usage import added

if TYPE_CHECKING:
    from .emulator.client_audio import ClientAudio
    from .emulator.expectations import ScriptExpectation
    from .emulator.replay_library import ReplayLibrary

T = TypeVar("T")

CALL_SECONDS = 30.0
"""The time that the thread has for one call. A start and an end take milliseconds."""

LOOP_STEPS = 20
"""Turns of the event loop after which what clients have sent until then is decoded. Each polls the sockets."""

CLOSE_SECONDS = 0.5
"""The time that clients have, after the test, to close the sessions that a script expects to be closed."""

POLL_SECONDS = 0.005
"""The interval, in seconds, at which `failures` checks for open sessions."""

NAME_CHARACTERS = 80
"""The length to which the name of a test is cut in the name of its folder."""

LOG_NAME = "log.txt"
"""The file of the log in the folder of a failed test."""


class EmulatorThread:
    """The thread of the emulators of a test session, and their certificate, that of `livecli serve`.

    `folder` takes the files of the emulators, and the certificate where the state folder cannot be written.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        try:
            self.certificates = certificates(state_folder())
        except FileError:
            self.certificates = certificates(folder / "certificates")
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="gemini_live", daemon=True)
        self._thread.start()

    def new_folder(self) -> Path:
        """A new folder for the files of one emulator."""
        return Path(mkdtemp(dir=self._folder))

    def run(self, coroutine: Coroutine[Any, Any, T]) -> T:
        """Run a coroutine to its end in the thread, and return its result."""
        return asyncio.run_coroutine_threadsafe(coroutine, self._loop).result(CALL_SECONDS)

    def close(self) -> None:
        """End the thread. No emulator may run."""
        self.run(self._loop.shutdown_default_executor())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(CALL_SECONDS)
        self._loop.close()


@dataclass(frozen=True)
class LiveFolder:
    """The recordings of one test with the service. With `records` they are made, else they are replayed."""

    path: Path
    records: bool


@dataclass
class _TestRecord(SessionRecord):
    """The actions of clients in all sessions of a test, with their audio and the frames of both sides."""

    audio: list[events.AudioChunk] = field(default_factory=list)
    frames: list[Frame] = field(default_factory=list)
    usage: dict[str, Any] = field(default_factory=dict)
    open_sessions: int = 0

    def observe(self, number: int, service: Service) -> SessionObserver:
        self.open_sessions += 1
        return _TestObserver(self, super().observe(number, service))


class _TestObserver(SessionObserver):
    wants_frames = True

    def __init__(self, record: _TestRecord, calls: SessionObserver) -> None:
        self._record, self._calls = record, calls

    def frame(self, direction: Direction, data: bytes, *, is_binary: bool) -> None:
        self._record.frames.append(Frame(direction, data, None, is_binary))

    def received(self, message: Message) -> None:
        self._calls.received(message)
        for event in message:
            match event:
                case (events.AudioChunk() as chunk) | events.MediaChunks(events.AudioChunk() as chunk):
                    self._record.audio.append(chunk)

    def heard(self, utterance: str) -> None:
        self._calls.heard(utterance)

    def sent(self, message: Message) -> None:
        self._calls.sent(message)
        for event in message:
            if isinstance(event, events.Usage):
                self._record.usage = added(self._record.usage, event.metadata)

    def closed(self, by: ClosedBy, code: int, reason: str) -> None:
        self._record.open_sessions -= 1


class _FrameDecoder(SessionObserver):
    """Tells `observers` the messages of a session of which only the frames are known, that of the service.

    Speech is what the service has transcribed, once it answers.
    """

    wants_frames = True

    def __init__(self, *observers: SessionObserver) -> None:
        self._observers = observers
        self._speech = ""

    def frame(self, direction: Direction, data: bytes, *, is_binary: bool) -> None:
        for observer in self._observers:
            observer.frame(direction, data, is_binary=is_binary)
        try:
            message = decode_client(data) if direction is Direction.CLIENT else decode_server(data)
        except (Refusal, ProtocolError):
            # The side that receives the frame judges it.
            return
        if direction is Direction.SERVER:
            self._transcribe(message)
        for observer in self._observers:
            if direction is Direction.CLIENT:
                observer.received(message)
            else:
                observer.sent(message)

    def closed(self, by: ClosedBy, code: int, reason: str) -> None:
        self._end_speech()
        for observer in self._observers:
            observer.closed(by, code, reason)

    def _transcribe(self, message: Message) -> None:
        for event in message:
            if isinstance(event, events.InputTranscript):
                self._speech += event.text
            elif event.begins_answer or isinstance(event, events.ToolCall | events.TurnComplete):
                self._end_speech()

    def _end_speech(self) -> None:
        speech, self._speech = self._speech.strip(), ""
        if speech:
            for observer in self._observers:
                observer.heard(speech)


class GeminiLive:
    """An emulator for one test, and what clients did there. It echoes, without delay, until it is told something else.

    `script`, `fault`, `replay` and `pace` apply to the sessions that begin afterwards. They raise FileError and
    UsageError. `environ` are the variables of the programs that will use it. `apply` is called with those that point
    them at the emulator. With `live`, sessions go to the service or are replayed, until there is a script, a fault or a
    replay.
    """

    def __init__(
        self,
        thread: EmulatorThread,
        environ: Mapping[str, str],
        apply: Callable[[Mapping[str, str]], None],
        kept_in: Path,
        live: LiveFolder | None = None,
    ) -> None:
        self._thread, self._live = thread, live
        self._environ, self._apply = dict(environ), apply
        self._record, self._log = _TestRecord(), list[str]()
        self._script: str | None = None
        self._faults: list[str] = []
        self.kept_in = kept_in
        """Where the log, the recordings and their pages are after the end, if the test has failed."""
        self.has_failed = False
        library = _recordings_in(live.path) if live and not live.records else None
        self._folder = thread.new_folder()
        self._disk = DiskThread(self._log.append)
        recordings = SessionRecordings(self._folder, self._disk, known_secrets(environ))
        self._options = EmulatorOptions(
            observers=[self._observe, recordings.observe], replay=library, speaks=can_speak()
        )
        self._server = self._start()

    def script(self, script: str | os.PathLike[str]) -> None:
        """Let the model follow a script: a file, or the text of one."""
        self._follow(os.fspath(script), hear=self._options.hears)

    def hear(self) -> None:
        """Recognize speech, US English, so that a script's `match` sees it. It needs `livecli[speech]`."""
        self._follow(self._script, hear=True)

    def fault(self, *faults: str) -> None:
        """Inject these faults, such as "drop@turn:1#1", besides those before."""
        given = [*self._faults, *faults]
        made = _options(faults=given)
        self._leave_service()
        self._options, self._faults = replace(self._options, faults=made.faults), given

    def replay(self, path: str | os.PathLike[str]) -> None:
        """Replay a recording, or those in a folder: as fast as the client takes it, if there is no other pace."""
        made = _options(replay=os.fspath(path), hear=self._options.hears)
        self._leave_service()
        self._options = replace(self._options, replay=made.replay)
        self.pace(self._options.pace)

    def pace(self, pace: str) -> None:
        """Send audio at this pace: "instant", "burst" or "realtime". The last two replay a recording as it was."""
        try:
            chosen = Pace(pace)
        except ValueError:
            raise UsageError(f"pace is {pace!r}, not {' or '.join(repr(str(each)) for each in Pace)}") from None
        self._options = replace(self._options, pace=chosen)
        if self._options.replay:
            self._options.replay.speed = 0.0 if chosen is Pace.INSTANT else 1.0

    @property
    def said(self) -> list[str]:
        """The words of clients, in order: the texts that they typed, and for speech the transcript of it."""
        return [*self._current_record().said]

    @property
    def heard(self) -> ClientAudio:
        """The audio that clients sent, in order: an array of 16-bit samples with `rate`, `seconds` and `save(path)`."""
        from .emulator.client_audio import joined

        return joined([*self._current_record().audio])

    @property
    def calls(self) -> list[EmulatedCall]:
        """The function calls of the model: `name`, `args`, `id`, and `response`, None until a client returns."""
        return [*self._current_record().calls]

    @property
    def responses(self) -> list[EmulatedCall]:
        """The calls that clients returned, in the order of the responses; `args` are empty where there was no call."""
        return [*self._current_record().responses]

    @property
    def connections(self) -> int:
        """How many sessions were opened, those that resumed another included."""
        return self._current_record().connections

    @property
    def usage(self) -> dict[str, Any]:
        """The sum of the `usageMetadata` of all turns, in the spelling of the wire."""
        return {**self._current_record().usage}

    @property
    def frames(self) -> list[Frame]:
        """The frames of all sessions: `direction`, ">" from the client and "<" to it, and `data`, the JSON as bytes."""
        return [*self._current_record().frames]

    @property
    def failures(self) -> list[ScriptExpectation]:
        """The script's expectations that do not hold, after clients had up to half a second to close their sessions."""
        check = self._options.check
        if check is None:
            return []
        deadline = time.monotonic() + CLOSE_SECONDS
        while self._current_record().open_sessions and check.failures() and time.monotonic() < deadline:
            time.sleep(POLL_SECONDS)
        return check.failures()

    def description(self) -> str:
        """The log, for a person."""
        self._current_record()
        library = self._options.replay
        return "\n".join([*self._log, *(f"replay: {line}" for line in (library.report() if library else []))])

    def close(self) -> None:
        """End the emulator, and keep or delete its files. Raises OSError and FileError where they cannot be kept."""
        self._stop()
        self._disk.__exit__()
        if self.has_failed:
            self._keep()
        else:
            self._discard()

    def _keep(self) -> None:
        from .page.session import session_page
        from .process.whole_file import write_whole
        from .recording.conversion import read_recording

        folder = self.kept_in
        shutil.move(self._folder, folder)
        (folder / LOG_NAME).write_text(f"{self.description()}\n", encoding="utf-8")
        for path in sorted(folder.glob("*.live")):
            write_whole(str(path.with_suffix(".html")), session_page(read_recording(str(path)), path.name))

    def _discard(self) -> None:
        """Keep the recordings of the service, in place of those before, and delete the others."""
        made = sorted(self._folder.glob("*.live"))
        if self._live and self._live.records and made:
            self._live.path.mkdir(parents=True, exist_ok=True)
            for former in self._live.path.glob("*.live"):
                former.unlink()
            for path in made:
                shutil.move(path, self._live.path)
        shutil.rmtree(self._folder)

    def _start(self) -> AbstractAsyncContextManager[EmulatorAddress]:
        kept, relay = self._thread.certificates, None
        if self._live and self._live.records:
            from .emulator.replay_library import ReplayLibrary
            from .proxy.relay import Relay, RelayOptions

            url = self._environ.get("LIVECLI_BASE_URL")
            relay = Relay(RelayOptions(Target(), url), ReplayLibrary({}), self._log.append)
        # The emulator's log has what passes in a session; what passes to the service is logged by the decoder.
        log = no_log if relay else self._log.append
        server = run_emulator(tls=Tls(kept.context), options=lambda: self._options, log=log, relay=relay)
        emulator = self._thread.run(_entered(server))
        variables = exports(emulator, "localhost", kept, self._options, self._environ)
        if relay and not relay.takes_any_credential:
            variables.pop("GOOGLE_API_KEY", None)
        self._apply(variables)
        return server

    def _stop(self) -> None:
        self._thread.run(_left(self._server))

    def _follow(self, script: str | None, *, hear: bool) -> None:
        made = _options(script=script, hear=hear)
        self._leave_service()
        observers = [*self._options.observers[:2], *made.observers]
        new = {name: getattr(made, name) for name in ("behaviour", "check", "script", "hears")}
        self._options, self._script = replace(self._options, observers=observers, replay=None, **new), script

    def _leave_service(self) -> None:
        """Let the emulator take the sessions from now on, whatever the options of the command line say."""
        live, self._live = self._live, None
        if live and live.records:
            self._stop()
            self._server = self._start()
        elif live:
            self._options = replace(self._options, replay=None)

    def _observe(self, number: int, service: Service) -> SessionObserver:
        observer = self._record.observe(number, service)
        if self._live and self._live.records:
            log = SessionLog(lambda line: self._log.append(safe_line(f"[{number}] {line}")), service, MODELS)
            return _FrameDecoder(observer, log)
        return _FrameDecoder(observer) if self._options.replay else observer

    def _current_record(self) -> _TestRecord:
        """The record, with what clients have sent until now."""
        self._thread.run(_run_ready_callbacks())
        return self._record


def _options(
    script: str | None = None, replay: str | None = None, faults: Sequence[str] = (), *, hear: bool = False
) -> EmulatorOptions:
    from .emulator.option_files import emulator_options

    return emulator_options(script=script, replay=replay, faults=faults, pace=Pace.INSTANT, hear=hear)


async def _run_ready_callbacks() -> None:
    for _ in range(LOOP_STEPS):
        await asyncio.sleep(0)


async def _entered(server: AbstractAsyncContextManager[EmulatorAddress]) -> EmulatorAddress:
    return await server.__aenter__()


async def _left(server: AbstractAsyncContextManager[EmulatorAddress]) -> None:
    await server.__aexit__(None, None, None)


def live_folder(folder: Path, test: str, *, records: bool) -> LiveFolder:
    """The folder of a test in that of `--live-record` or `--live-replay`. `test` is its id, `test_a.py::test_b`."""
    file, *names = test.split("::")
    name = ".".join(names)
    safe = re.sub(r"[^\w.\[\]-]", "_", name)[:NAME_CHARACTERS]
    if safe != name:
        # Other names may become the same.
        safe += f"-{hashlib.sha256(name.encode()).hexdigest()[:8]}"
    return LiveFolder(folder / Path(file).with_suffix("") / safe, records)


def _recordings_in(folder: Path) -> ReplayLibrary:
    """The recordings of a folder, replayed as fast as clients take them; none where there is no folder."""
    from .emulator.replay_library import ReplayLibrary, load

    return ReplayLibrary(load(str(folder)) if folder.is_dir() else {}, speed=0, repeats=True)
