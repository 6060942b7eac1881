"""One question taken all the way: input, credential, session, exchange, reply. What `send` does for each input."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from contextlib import AsyncExitStack, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

from ..client.open import Resolve, Timeouts, open_resumable, resolved
from ..client.sender import SendOptions
from ..client.turn import Turn
from ..errors import CheckError, DeadlineError, FileError, LivecliError, ServerError, UsageError
from ..media.file_source import SAMPLE, FileSource, open_source_async
from ..media.pcm import AudioSink, Tee, rechunk
from ..media.reply import ReplyWriter, open_reply_async, same_file
from ..process.run import interrupted_error
from ..protocol import events
from ..protocol.codec import encode_client, setup_json
from ..protocol.endpoint import Endpoint, Target
from ..protocol.setup import Activity, SetupOptions, setup
from ..report.reporter import Reporter
from ..report.summary import Summary
from ..tools.calls import Confirm
from ..tools.toolbox import Toolbox

ENDLESS_FROM_SECONDS = 600.0
"""A session without compression ends after 15 minutes of audio, the answers to it included (documented)."""


@dataclass(frozen=True)
class Request:
    """One run. `input` is a file, "-", or None for the bundled sample, unless `text` is asked instead.

    `images` are files that are shown with it; `toolbox` is what the model may call, and `confirm` asks before it does.
    `bisects`: after an unspecific refusal of the setup the field to blame is looked for. `at_once`: beside other runs.
    """

    input: str | None = None
    text: str | None = None
    output: str | None = None
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
    bisects: bool = False
    at_once: bool = False

    @property
    def name(self) -> str:
        """What the user calls it."""
        return "text" if self.text is not None else Path(SAMPLE).name if self.input is None else self.input

    @property
    def reply(self) -> str:
        """Where its reply goes: `-o`, or NAME.reply.wav in the current folder."""
        stem = "stdin" if self.name == "-" else Path(self.name).stem
        return self.output if self.output is not None else f"{stem}.reply.{'pcm' if self.raw_output else 'wav'}"

    def setup(self, endpoint: Endpoint, seconds: float | None = 0.0) -> events.Setup:
        """What opens its session; `seconds` is the length of its audio, None where that is not known.

        A text turn needs no activity, so nothing is said about detection. Raises UsageError where the model does not
        take a function as it is declared.
        """
        asked = replace(
            self.configuration,
            activity=None if self.text is not None else self.configuration.activity,
            functions=self.toolbox.declarations(endpoint.model),
            pictures=bool(self.images),
            endless=seconds is None or seconds > ENDLESS_FROM_SECONDS,
        )
        return setup(endpoint, asked)


async def ask(question: Request, wanted: Target, reporter: Reporter, resolving: Resolve = resolved) -> Summary:
    """Ask `question` and keep the reply. Whatever goes wrong is the summary's `error`, and is told to `reporter`.

    Raises UsageError where the options contradict one another. When the task is cancelled, what came of the reply is
    kept, the summary is told, and CancelledError goes on.
    """
    summary = Summary(question.name)
    try:
        async with asyncio.timeout(question.timeouts.total) as total:
            await _ask_or_bisect(question, wanted, summary, reporter, resolving)
    except UsageError:
        raise
    except LivecliError as error:
        summary.error = error
    except TimeoutError as error:
        if not total.expired():
            raise
        message = f"the run was not over after {question.timeouts.total:g} s"
        summary.error = DeadlineError(message, hint="--timeout gives it longer")
        summary.error.__cause__ = error
    except asyncio.CancelledError as cancelled:
        summary.error = interrupted_error(cancelled)
        _say_what_was_kept(summary)
        reporter.finished(summary)
        raise
    _say_what_was_kept(summary)
    reporter.finished(summary)
    return summary


async def _ask_or_bisect(
    question: Request, wanted: Target, summary: Summary, reporter: Reporter, resolving: Resolve
) -> None:
    try:
        await _ask(question, wanted, summary, reporter, resolving)
    except ServerError as error:
        from ..client.bisect import bisect, is_unspecific, with_blame

        if question.bisects and summary.setup_seconds is None and is_unspecific(error):
            endpoint, credential = await resolving(wanted)
            opening = question.setup(endpoint)
            blame = await bisect(opening, endpoint, credential, question.timeouts, reporter)
            raise with_blame(error, blame) from error.__cause__
        raise


async def _ask(question: Request, wanted: Target, summary: Summary, reporter: Reporter, resolving: Resolve) -> None:
    async with AsyncExitStack() as stack:
        source = await _input(question, stack)
        pictures = await _pictures(question)
        heard = await _heard(question, stack, reporter)
        output = await open_reply_async(question.reply, raw=question.raw_output)
        reply = stack.enter_context(_kept(output, summary))
        reporter.started(summary, source.description if source else None, source.seconds if source else None)
        if source:
            source.recognised = reporter.recognised
        endpoint, credential = await resolving(wanted)
        summary.endpoint = endpoint
        opening = question.setup(endpoint, source.seconds if source else 0.0)
        reporter.connecting(endpoint)
        if endpoint.is_cleartext and not endpoint.is_loopback and credential.elided_headers():
            reporter.warning(f"the credential goes to {endpoint.host} in the clear: wss:// would protect it")
        session = await stack.enter_async_context(
            open_resumable(endpoint, credential, opening, question.timeouts, reporter)
        )
        if reply.waits:
            session.be_patient()
        summary.note_opened(session.first.session_id, session.first.timings.connect, session.first.timings.setup)
        reporter.connected(summary)
        sink = Tee(*heard, reply)
        exchange = Turn(session, sink, summary.stats, reporter, toolbox=question.toolbox, confirm=question.confirm)
        if source is None:
            asking = exchange.type(question.text or "", pictures)
        else:
            asking = exchange.speak(source, question.sending, pictures, activity=question.configuration.activity)
        await exchange.run(asking, question.timeouts.idle)
        _check_answer(opening, reply, summary, reporter)


async def _input(question: Request, stack: AsyncExitStack) -> FileSource | None:
    if question.text is not None:
        return None
    if question.input is not None and question.reply != "-" and same_file(question.reply, question.input):
        raise FileError(f"{question.reply} is the input itself", hint="-o names another file")
    name = SAMPLE if question.input is None else question.input
    opening = open_source_async(name, raw_rate=question.raw_rate, in_threads=question.at_once)
    return stack.enter_context(await opening)


async def _pictures(question: Request) -> list[events.Image]:
    if not question.images:
        return []
    from ..media.images import open_image

    return [await asyncio.to_thread(open_image, path) for path in question.images]


async def _heard(question: Request, stack: AsyncExitStack, reporter: Reporter) -> list[AudioSink]:
    if not question.play:
        return []
    from ..media.speaker_sink import play_reply

    return [await stack.enter_async_context(play_reply(question.devices, reporter.warning))]


@contextmanager
def _kept(reply: ReplyWriter, summary: Summary) -> Iterator[ReplyWriter]:
    """The reply takes its final name at the end of the block; after a failure what came of it stays beside that."""
    try:
        yield reply
        reply.commit()
    except BaseException:
        left = reply.abandon()
        summary.output = str(left) if left else None
        raise
    summary.output = reply.path if reply.has_audio else None


def _say_what_was_kept(summary: Summary) -> None:
    if summary.error and summary.output:
        message = f"{summary.error.message}; what came of the reply is in {summary.output}"
        summary.error = summary.error.revised(message=message)


def _check_answer(opening: events.Setup, reply: ReplyWriter, summary: Summary, reporter: Reporter) -> None:
    from ..client.diagnosis import (
        silence_sent,  # here: a start need not wait for what judges its end
        truncation_warnings,
    )

    for sign in truncation_warnings(summary.stats):
        reporter.warning(sign)
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


async def dry_run(question: Request, wanted: Target) -> str:
    """What `ask` would send, as text: request, headers with secrets elided, setup and first frame of audio or text.

    Connects nowhere, and refreshes no token.
    """
    async with AsyncExitStack() as stack:
        source = await _input(question, stack)
        pictures = await _pictures(question)
        endpoint, credential = await resolved(wanted)
        said: list[events.Event] = [question.setup(endpoint, source.seconds if source else 0.0)]
        if source is None:
            from ..client.sender import text_turn

            said += text_turn(endpoint.model, question.text or "", pictures)
        else:
            if question.configuration.activity is Activity.MANUAL:
                said.append(events.ActivityStart())
            said += pictures
            first = await anext(rechunk(aiter(source), question.sending.chunk_bytes))
            said.append(events.AudioChunk(first, source.rate))
        headers = [f"{name}: {value}" for name, value in credential.elided_headers().items()]
        return "\n".join([f"GET {endpoint.url}", *headers, "", *(encode_client(event).decode() for event in said)])
