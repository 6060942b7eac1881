"""One request from input to reply: what `send` does for each input."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

from ..client.open import Resolve, Timeouts, open_resumable, resolved
from ..client.sender import SendOptions
from ..client.turn import Turn
from ..errors import CheckError, DeadlineError, FileError, LivecliError, ServerError, UsageError
from ..media.file_source import SAMPLE, FileSource, open_source_async
from ..media.pcm import AudioSink, Tee, rechunk
from ..media.reply import IN_MEMORY, ReplyWriter, check_reply, open_reply_async, same_file
from ..media.reply_buffer import ReplyBuffer
from ..process.run import interrupted_error
from ..protocol import events
from ..protocol.codec import encode_client, setup_json
from ..protocol.endpoint import Endpoint, Target
from ..protocol.models import Prices
from ..protocol.setup import Activity, SetupOptions, Until, setup
from ..report.prices import PRICES
from ..report.reporter import Reporter, Reporters
from ..report.summary import Summary
from ..tools.calls import Confirm
from ..tools.toolbox import Toolbox
from .resume_from import file_stamp

if TYPE_CHECKING:
    from ..checks.expectations import RunCheck

# Longer audio is sent with context compression: a session without it ends after 15 minutes of audio, answers included
# (documented).
ENDLESS_FROM_SECONDS = 600.0


@dataclass(frozen=True)
class Request:
    """One request and its options. `input` is a file, "-", or None for the bundled sample; or there is a `text`.

    `images` are files that are sent with it; `toolbox` has the functions that the model may call, and `confirm` asks
    the user before each call. `until` is the event that ends the answer. `bisects` is whether the refused field is
    searched for after an unspecific refusal of the setup. `at_once` is whether other requests are sent meanwhile.
    `prices` are those of each model. `run` counts the runs with the same input, and `check` judges this one. `buffer`
    gets the samples of the reply; with it and without an `output`, there is no file.
    """

    input: str | None = None
    text: str | None = None
    output: str | None = None
    buffer: ReplyBuffer | None = None
    raw_output: bool = False
    raw_rate: int | None = None
    play: bool = False
    devices: Sequence[str] = ()
    sending: SendOptions = field(default_factory=SendOptions)
    configuration: SetupOptions = field(default_factory=SetupOptions)
    timeouts: Timeouts = field(default_factory=Timeouts)
    images: tuple[str, ...] = ()
    toolbox: Toolbox = field(default_factory=Toolbox)
    confirm: Confirm | None = None
    until: Until = Until.TURN
    bisects: bool = False
    at_once: bool = False
    prices: Mapping[str, Prices] = field(default_factory=lambda: PRICES)
    run: int = 1
    check: RunCheck | None = None

    @property
    def name(self) -> str:
        """Name of the request in reports."""
        name = "text" if self.text is not None else Path(SAMPLE).name if self.input is None else self.input
        return name if self.run == 1 else f"{name} ({self.run})"

    @property
    def reply(self) -> str:
        """Path of the reply: `-o`, or NAME.reply.wav in the current folder."""
        return self.output if self.output is not None else f"{self.stem}.reply.{'pcm' if self.raw_output else 'wav'}"

    @property
    def stem(self) -> str:
        """The beginning of the names of files about the run."""
        first = replace(self, run=1).name
        stem = "stdin" if first == "-" else Path(first).stem
        return stem if self.run == 1 else f"{stem}-{self.run}"

    def repeated(self, run: int) -> Request:
        """The same request for another run, with a reply of its own: `NAME-2.reply.wav`."""
        if run == 1 or self.output is None:
            return replace(self, run=run)
        folder, name = os.path.split(self.output)
        stem, dot, extensions = name.partition(".")
        return replace(self, run=run, output=os.path.join(folder, f"{stem}-{run}{dot}{extensions}"))  # noqa: PTH118

    def setup(self, endpoint: Endpoint, seconds: float | None = 0.0) -> events.Setup:
        """The setup of the session. `seconds` is the length of the audio, None where that is not known.

        A text turn has no activity, so its setup configures no detection. Raises UsageError where the model does not
        take a function as it is declared.
        """
        options = replace(
            self.configuration,
            activity=None if self.text is not None else self.configuration.activity,
            functions=self.toolbox.declarations(endpoint.model),
            pictures=bool(self.images),
            endless=seconds is None or seconds > ENDLESS_FROM_SECONDS,
        )
        return setup(endpoint, options)


async def exchange(request: Request, target: Target, summary: Summary, reporter: Reporter, resolve: Resolve) -> None:
    """Send `request`, write the reply, and record both in `summary`. Raises what `ask` puts into the summary."""
    try:
        await _ask(request, target, summary, reporter, resolve)
    except ServerError as error:
        from ..client.bisect import bisect, is_unspecific, with_blame

        if request.bisects and summary.setup_seconds is None and is_unspecific(error):
            endpoint, credential = await resolve(target)
            opening = request.setup(endpoint)
            blame = await bisect(opening, endpoint, credential, request.timeouts, reporter)
            raise with_blame(error, blame) from error.__cause__
        raise


Exchange = Callable[[Request, Target, Summary, Reporter, Resolve], Awaitable[None]]
"""Sends a request, as `exchange` does."""


async def ask(
    request: Request,
    target: Target,
    reporter: Reporter,
    resolve: Resolve = resolved,
    exchange: Exchange = exchange,
) -> Summary:
    """Send `request` and write the reply. An error is the summary's `error`, which `reporter` is told.

    Raises UsageError where the options contradict one another. When the task is cancelled, the part of the reply that
    was received is kept, the summary is reported, and CancelledError goes on.
    """
    summary = Summary(request.name, prices=request.prices)
    if request.check is not None:
        reporter = Reporters(reporter, request.check)
    try:
        async with asyncio.timeout(request.timeouts.total) as total:
            await exchange(request, target, summary, reporter, resolve)
    except UsageError:
        raise
    except LivecliError as error:
        summary.error = error
    except TimeoutError as error:
        if not total.expired():
            raise
        message = f"the run was not over after {request.timeouts.total:g} s"
        summary.error = DeadlineError(message, hint="--timeout gives it longer")
        summary.error.__cause__ = error
    except asyncio.CancelledError as cancelled:
        summary.error = interrupted_error(cancelled)
        _note_output(summary)
        reporter.finished(summary)
        raise
    _note_output(summary)
    if request.check is not None:
        request.check.judge(summary)
    reporter.finished(summary)
    return summary


async def _ask(request: Request, target: Target, summary: Summary, reporter: Reporter, resolve: Resolve) -> None:
    async with AsyncExitStack() as stack:
        summary.input_file = file_stamp(request.input) if request.input is not None else None
        source = await _input(request, stack)
        pictures = await _pictures(request)
        speakers = await _speakers(request, stack, reporter)
        reply = await stack.enter_async_context(_kept(await _output(request), summary))
        reporter.started(summary, source.description if source else None, source.seconds if source else None)
        if source:
            source.recognised = reporter.recognised
        endpoint, credential = await resolve(target)
        summary.endpoint = endpoint
        opening = request.setup(endpoint, source.seconds if source else 0.0)
        reporter.connecting(endpoint)
        if credential.warning:
            reporter.warning(credential.warning)
        session = await stack.enter_async_context(
            open_resumable(endpoint, credential, opening, request.timeouts, reporter)
        )
        if reply.waits:
            session.disable_pong_timeout()
        summary.stats.known_secrets = session.first.secrets
        summary.note_opened(session.first.session_id, session.first.timings.connect, session.first.timings.setup)
        reporter.connected(summary)
        sink = Tee(*speakers, *_copies(request, stack), reply)
        turn = Turn(
            session,
            sink,
            summary.stats,
            reporter,
            toolbox=request.toolbox,
            confirm=request.confirm,
            until=request.until,
        )
        if source is None:
            sending = turn.type(request.text or "", pictures)
        else:
            sending = turn.speak(source, request.sending, pictures, activity=request.configuration.activity)
        try:
            await turn.run(sending, request.timeouts.idle)
        finally:
            summary.connections = session.connections
        if source and source.warning:
            reporter.warning(source.warning)
        _check_answer(opening, reply, summary, reporter)


async def _output(request: Request) -> ReplyWriter:
    if request.output is None and request.buffer is not None:
        return ReplyWriter(IN_MEMORY, request.buffer)
    return await open_reply_async(request.reply, raw=request.raw_output)


def _copies(request: Request, stack: AsyncExitStack) -> list[AudioSink]:
    """The buffer of a request whose reply is written to a file too."""
    if request.output is None or request.buffer is None:
        return []
    writer = ReplyWriter(IN_MEMORY, request.buffer)
    stack.callback(writer.commit)
    return [writer]


async def _input(request: Request, stack: AsyncExitStack) -> FileSource | None:
    if request.text is not None:
        return None
    if request.input is not None and request.reply != "-" and same_file(request.reply, request.input):
        raise FileError(f"{request.reply} is the input itself", hint="-o names another file")
    name = SAMPLE if request.input is None else request.input
    opening = open_source_async(name, raw_rate=request.raw_rate, in_threads=request.at_once)
    return stack.enter_context(await opening)


async def _pictures(request: Request) -> list[events.Image]:
    if not request.images:
        return []
    from ..media.images import open_image

    return [await asyncio.to_thread(open_image, path) for path in request.images]


async def _speakers(request: Request, stack: AsyncExitStack, reporter: Reporter) -> list[AudioSink]:
    if not request.play:
        return []
    from ..media.sound_devices.speaker_sink import play_reply

    return [await stack.enter_async_context(play_reply(request.devices, reporter.warning))]


@asynccontextmanager
async def _kept(reply: ReplyWriter, summary: Summary) -> AsyncIterator[ReplyWriter]:
    """Give the reply its final name at the end of the block; after an error, keep what was received under another."""
    try:
        yield reply
        await reply.commit_async()
    finally:
        partial = reply.abandon()
        complete = reply.path if reply.is_complete and reply.has_audio and reply.path != IN_MEMORY else None
        summary.output = str(partial) if partial else complete
        summary.output_bytes = reply.file_bytes if summary.output else None


def _note_output(summary: Summary) -> None:
    if summary.error and summary.output:
        message = f"{summary.error.message}; what came of the reply is in {summary.output}"
        summary.error = summary.error.revised(message=message)


def _check_answer(opening: events.Setup, reply: ReplyWriter, summary: Summary, reporter: Reporter) -> None:
    # Imported here, since nothing before the end of a run needs it.
    from ..client.diagnosis import silence_sent, truncation_warnings

    for warning in truncation_warnings(summary.stats):
        reporter.warning(warning)
    if _asks_for_audio(opening) and not reply.has_audio:
        reason = summary.stats.turn_reason
        speech = "was there speech in the input? the transcript says what was heard"
        raise CheckError(
            f"the turn ended without any reply audio{f' ({reason})' if reason else ''}",
            hint=silence_sent(summary.stats) or (None if summary.stats.heard else speech),
        )


def _asks_for_audio(opening: events.Setup) -> bool:
    match setup_json(opening):
        case {"generationConfig": {"responseModalities": list(modalities)}}:
            return "AUDIO" in modalities
    return True


async def dry_run(request: Request, target: Target) -> str:
    """The messages that `ask` would send, as text: request line, headers without secrets, setup, first audio or text.

    Makes no connection, and refreshes no token. Raises the errors that `ask` would raise before it connects.
    """
    async with AsyncExitStack() as stack:
        source = await _input(request, stack)
        pictures = await _pictures(request)
        check_reply(request.reply, raw=request.raw_output)
        endpoint, credential = await resolved(target)
        outgoing: list[events.Event] = [request.setup(endpoint, source.seconds if source else 0.0)]
        if source is None:
            from ..client.sender import text_turn

            outgoing += text_turn(endpoint.model, request.text or "", pictures)
        else:
            if request.configuration.activity is Activity.MANUAL:
                outgoing.append(events.ActivityStart())
            outgoing += pictures
            first = await anext(rechunk(aiter(source), request.sending.chunk_bytes))
            outgoing.append(events.AudioChunk(first, source.rate))
        headers = [f"{name}: {value}" for name, value in credential.elided_headers().items()]
        return "\n".join([f"GET {endpoint.url}", *headers, "", *(encode_client(event).decode() for event in outgoing)])
