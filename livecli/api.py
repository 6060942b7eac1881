"""The public API for programs and notebooks: `ask`, `send`, `connect` and `serve`.

Platform, model and credential are resolved as on the command line: an argument overrides the environment, which
overrides the default. Everything works where an event loop already runs.
"""

from __future__ import annotations

import asyncio
import inspect
import math
import os
import warnings
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager, contextmanager
from dataclasses import replace
from enum import StrEnum
from functools import partial
from pathlib import Path
from typing import Any, Literal, TypedDict, TypeVar, Unpack, cast, get_args, get_type_hints

from .client.open import Timeouts, open_authorised, resolved
from .client.sender import SendOptions
from .client.session import Session
from .credentials import Credential, known_secrets
from .credentials.profiles import load_profile
from .embedded import LocalServer, reachable, served
from .emulator.option_files import emulator_options
from .emulator.pace import Pace
from .errors import UsageError
from .media.reply_buffer import ReplyBuffer
from .protocol.endpoint import Endpoint, Profile, Target
from .protocol.platform import Platform
from .protocol.setup import Activity, SetupOptions, ThinkingLevel, Until, setup
from .recording.match import Match
from .report.price_file import load_prices
from .report.prices import PRICES
from .report.reply import Reply
from .report.reporter import Reporter, Reporters
from .runs import request as runs
from .tools.calls import Confirm
from .tools.toolbox import Toolbox, parse_tool
from .tools.tools_file import load_tools

T = TypeVar("T")
E = TypeVar("E", bound=StrEnum)
F = TypeVar("F", bound=Callable[..., Any])


class SessionOptions(TypedDict, total=False):
    """The options of `connect`, `send` and `ask`; names, meanings and defaults are the command line's.

    `setup` is JSON in the spelling of the wire, merged over the other options. `local` connects to the embedded
    emulator. `insecure` lets a credential go to another machine unencrypted. `retries` are further attempts to connect.
    Timeouts are in seconds, and 0 is no limit.
    """

    platform: Literal["vertex", "developer"] | None
    project: str | None
    location: str | None
    model: str | None
    base_url: str | None
    api_version: str | None
    local: bool
    insecure: bool
    profile: str | None
    voice: str | None
    language: str | None
    system: str | None
    temperature: float | None
    thinking: Literal["low", "medium", "high"] | None
    transcripts: bool
    activity: Literal["manual", "auto"]
    search: bool
    setup: Mapping[str, Any]
    connect_timeout: float
    idle_timeout: float
    retries: int


class AskOptions(SessionOptions, total=False):
    """The options of `send` and `ask`.

    The answer is written to `output`; None leaves it in memory, and `raw_output` writes samples without a header.
    `images` are files of pictures that are sent with the question. `raw` is the sample rate, in Hz, of an
    input "-" without a header. Audio is sent in messages of `chunk_bytes` bytes of PCM, at `speed` times real time (0:
    as fast as the connection takes it), with `trailing_silence` seconds after it where `activity` is "auto". The run is
    over `until` the turn is, or once all audio is generated; then there is no usage. `timeout` is for the whole run.

    With `play` the answer is also played, on the devices named by `device`, and the call returns when it is over.
    `tool` are functions of the model, written "NAME=COMMAND", and `tools` is a TOML file of them; `confirm` is awaited
    before each call, and False refuses it. `prices` is a TOML file of prices for `cost_usd`. `bisect_setup` finds the
    field to blame where the setup is refused without a reason. Every frame is written to the file `record`, with
    `record_anonymous` under other ids, and its sound into FLAC files beside it where `record_audio` is "flac".
    """

    output: str | os.PathLike[str] | None
    raw_output: bool
    images: Sequence[str | os.PathLike[str]]
    raw: int | None
    chunk_bytes: int
    speed: float
    trailing_silence: float
    until: Literal["turn", "generated"]
    timeout: float | None
    play: bool
    device: str | Sequence[str] | None
    tool: Sequence[str]
    tools: str | os.PathLike[str] | None
    confirm: Confirm | None
    prices: str | os.PathLike[str] | None
    bisect_setup: bool
    record: str | os.PathLike[str] | None
    record_anonymous: bool
    record_audio: Literal["inline", "flac"]


DEFAULTS: AskOptions = {
    "platform": None,
    "project": None,
    "location": None,
    "model": None,
    "base_url": None,
    "api_version": None,
    "local": False,
    "insecure": False,
    "profile": None,
    "voice": None,
    "language": None,
    "system": None,
    "temperature": None,
    "thinking": None,
    "transcripts": True,
    "activity": "manual",
    "search": False,
    "setup": {},
    "connect_timeout": 10.0,
    "idle_timeout": 30.0,
    "retries": 3,
    "output": None,
    "raw_output": False,
    "images": (),
    "raw": None,
    "chunk_bytes": 1024,
    "speed": 3.2,
    "trailing_silence": 1.0,
    "until": "turn",
    "timeout": None,
    "play": False,
    "device": None,
    "tool": (),
    "tools": None,
    "confirm": None,
    "prices": None,
    "bisect_setup": False,
    "record": None,
    "record_anonymous": False,
    "record_audio": "inline",
}
"""The options that are not given. A test compares them with the command line's."""


def _member(values: type[E], name: str, value: str) -> E:
    """The member of `values` with this value. Raises UsageError, naming the option, where there is none."""
    try:
        return values(value)
    except ValueError:
        allowed = " or ".join(repr(str(member)) for member in values)
        raise UsageError(f"{name} is {value!r}, not {allowed}") from None


def _with_defaults(options: Mapping[str, Any], known: type) -> AskOptions:
    """All options, those not given by default. Raises TypeError for one that is not in `known`, as Python does."""
    if unknown := options.keys() - get_type_hints(known).keys():
        from difflib import get_close_matches

        known_names = get_type_hints(known)
        near = {match for name in unknown for match in get_close_matches(name, known_names, n=1)}
        hint = f"; did you mean {' and '.join(sorted(near))}?" if near else ""
        raise TypeError(f"unexpected option: {', '.join(sorted(unknown))}{hint}")
    return cast("AskOptions", {**DEFAULTS, **options})


def _target(options: AskOptions) -> Target:
    platform = options["platform"]
    return Target(
        platform=_member(Platform, "platform", platform) if platform else None,
        project=options["project"],
        location=options["location"],
        model=options["model"],
        base_url=options["base_url"],
        api_version=options["api_version"],
        local=options["local"],
        insecure=options["insecure"],
        profile=load_profile(options["profile"], os.environ),
    )


def _setup_options(options: AskOptions, profile: Profile) -> SetupOptions:
    thinking = options["thinking"]
    return SetupOptions(
        voice=options["voice"] or profile.values.get("voice"),
        language=options["language"] or profile.values.get("language"),
        system=options["system"],
        temperature=options["temperature"],
        transcripts=options["transcripts"],
        activity=_member(Activity, "activity", options["activity"]),
        search=options["search"],
        thinking=_member(ThinkingLevel, "thinking", thinking) if thinking else None,
        extra=options["setup"],
    )


def _timeouts(options: AskOptions) -> Timeouts:
    return Timeouts(
        connect=options["connect_timeout"] or math.inf,
        idle=options["idle_timeout"] or math.inf,
        total=options["timeout"] or None,
        retries=options["retries"],
    )


def _with_signature(function: F) -> F:
    """`function` with its options as keyword arguments in its signature, which `help` and notebooks show."""
    own = [*inspect.signature(function).parameters.values()]
    [kind] = get_args(get_type_hints(function, include_extras=True)[own[-1].name])
    options = [
        inspect.Parameter(
            name, inspect.Parameter.KEYWORD_ONLY, default=cast("dict[str, Any]", DEFAULTS)[name], annotation=annotation
        )
        for name, annotation in get_type_hints(kind).items()
    ]
    signature = inspect.signature(function)
    vars(function)["__signature__"] = signature.replace(parameters=[*own[:-1], *options])
    return function


async def _resolved(target: Target) -> tuple[Endpoint, Credential]:
    """As `client.open.resolved`. The credential's warning is a Python warning."""
    endpoint, credential = await resolved(target)
    if credential.warning:
        warnings.warn(credential.warning, stacklevel=2)
    return endpoint, credential


@_with_signature
@asynccontextmanager
async def connect(**options: Unpack[SessionOptions]) -> AsyncIterator[Session]:
    """A session with the Live API: set up at the start of the block, closed at its end.

    `await session.send(event)` sends an event (AudioChunk, Text, ActivityStart ...). `async for event in session`
    yields the service's events; the loop may be left and entered again without losing any. With manual activity, the
    default, speech goes between ActivityStart and ActivityEnd; with `activity="auto"` the service detects it.

    Raises LivecliError: AuthError, ConnectError, ServerError, QuotaError, DeadlineError, UsageError; and TypeError for
    an unknown option.
    """
    given = _with_defaults(options, SessionOptions)
    async with reachable(_target(given)) as target:
        endpoint, credential = await _resolved(target)
        opening = setup(endpoint, replace(_setup_options(given, target.profile), resumes=False))
        async with open_authorised(endpoint, credential, opening, _timeouts(given), Reporter()) as session:
            yield session


@asynccontextmanager
async def serve(
    *,
    script: str | os.PathLike[str] | None = None,
    replay: str | os.PathLike[str] | None = None,
    replay_match: Literal["strict", "kinds", "loose"] = "kinds",
    speed: float = 1.0,
    pace: Literal["burst", "realtime", "instant"] = "instant",
    faults: Sequence[str] = (),
    connection_seconds: float = 600.0,
    goaway_seconds: float = 60.0,
    session_seconds: float | None = None,
    model_table: str | os.PathLike[str] | None = None,
    require_key: str | None = None,
    require_token: str | None = None,
    hear: bool = False,
) -> AsyncIterator[LocalServer]:
    """Run the emulator in this process, on free ports of this machine, until the end of the block.

    The options are those of `livecli serve`: `script` is a file, or the text of a script; `faults` are texts as
    "drop@turn:1"; `speed` is that of a `replay`. Nothing of this process is changed: give `server.env` to the programs
    that should use the emulator.

    Raises FileError for a file that cannot be read or understood, UsageError, and ConnectError where there is no port.
    """
    options = emulator_options(
        script=None if script is None else os.fspath(script),
        replay=None if replay is None else os.fspath(replay),
        replay_match=_member(Match, "replay_match", replay_match),
        speed=speed,
        pace=_member(Pace, "pace", pace),
        connection_seconds=connection_seconds,
        goaway_seconds=goaway_seconds,
        session_seconds=session_seconds,
        model_table=None if model_table is None else os.fspath(model_table),
        faults=faults,
        require_key=require_key,
        require_token=require_token,
        hear=hear,
    )
    async with served(options, os.environ) as server:
        yield server


@_with_signature
async def send(
    input: str | os.PathLike[str] | None = None,
    *,
    text: str | None = None,
    **options: Unpack[AskOptions],
) -> Reply:
    """Stream a file (or `text`, or the bundled sample), and return the answer, as `livecli send`.

    Its sound stays in memory, and is written to `output` too, where that is given. `AskOptions` describes the options.

    Raises LivecliError where the run fails, with the answer so far as its `reply`, UsageError for a wrong option value,
    and TypeError for an unknown option.
    """
    if input is not None and text is not None:
        raise UsageError("text cannot be combined with an input")
    given = _with_defaults(options, AskOptions)
    buffer, remarks = ReplyBuffer(), _Warnings()
    to = _target(given)
    request = _request(input, text, buffer, given, to.profile)
    for warning in request.toolbox.warnings:
        remarks.warning(warning)
    with _recorded(given, remarks) as reporter:
        async with reachable(to) as target:
            summary = await runs.ask(request, target, reporter, _resolved)
    reply = Reply(summary, tuple(remarks.warnings), buffer)
    if summary.error:
        raise summary.error.revised(reply=reply)
    return reply


@_with_signature
def ask(
    text: str | None = None, *, input: str | os.PathLike[str] | None = None, **options: Unpack[AskOptions]
) -> Reply:
    """Ask a question in words (or the file `input`, or the bundled sample), and wait for the answer.

    It is `send`, with the same options, for programs without an event loop. It also works where one runs, as in a
    notebook: that loop stands still until the answer is there.

    Raises the errors of `send`: LivecliError, with the answer so far as its `reply`, and TypeError for an unknown
    option.
    """
    return _result(send(input, text=text, **options))


@contextmanager
def _recorded(options: AskOptions, remarks: Reporter) -> Iterator[Reporter]:
    """A reporter that passes everything on to `remarks`, and makes the recording that is asked for."""
    if options["record"] is None:
        yield remarks
        return
    from .console.recording import SessionRecording
    from .recording.redaction import Redactor
    from .recording.writer import DiskThread, LiveFile

    path, late = Path(options["record"]), list[str]()
    with DiskThread(late.append) as disk:
        redactor = Redactor(known_secrets(os.environ), anonymous=options["record_anonymous"])
        moves_audio = options["record_audio"] == "flac"
        open_file = partial(LiveFile, path, disk, moves_audio=moves_audio)
        yield Reporters(remarks, SessionRecording(open_file, redactor))
    for warning in late:
        remarks.warning(warning)


def _request(
    input: str | os.PathLike[str] | None, text: str | None, buffer: ReplyBuffer, options: AskOptions, profile: Profile
) -> runs.Request:
    output, device = options["output"], options["device"]
    return runs.Request(
        input=None if input is None else os.fspath(input),
        text=text,
        output=None if output is None else os.fspath(output),
        buffer=buffer,
        raw_output=options["raw_output"],
        raw_rate=options["raw"],
        play=options["play"],
        devices=[device] if isinstance(device, str) else device or (),
        sending=SendOptions(options["chunk_bytes"], options["speed"], options["trailing_silence"]),
        configuration=_setup_options(options, profile),
        timeouts=_timeouts(options),
        images=tuple(os.fspath(image) for image in options["images"]),
        toolbox=_toolbox(options),
        confirm=options["confirm"],
        until=_member(Until, "until", options["until"]),
        bisects=options["bisect_setup"],
        prices=PRICES if options["prices"] is None else load_prices(os.fspath(options["prices"])),
    )


def _toolbox(options: AskOptions) -> Toolbox:
    file = options["tools"]
    from_file = () if file is None else load_tools(os.fspath(file))
    return Toolbox([*(parse_tool(text) for text in options["tool"]), *from_file])


class _Warnings(Reporter):
    """The warnings of a run."""

    def __init__(self) -> None:
        self.warnings: list[str] = []

    def warning(self, text: str) -> None:
        self.warnings.append(text)


def _has_running_loop() -> bool:
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return False
    return True


def _result(main: Coroutine[Any, Any, T]) -> T:
    """The result of `main`, run in an event loop of its own: in another thread where a loop runs in this one."""
    if not _has_running_loop():
        return asyncio.run(main)
    runner = asyncio.Runner(loop_factory=asyncio.new_event_loop)
    loop = runner.get_loop()
    task = loop.create_task(main)

    async def finished() -> T:
        return await task

    def work() -> T:
        with runner:
            return runner.run(finished())

    with ThreadPoolExecutor(1, "livecli.ask") as thread:
        try:
            return thread.submit(work).result()
        except KeyboardInterrupt:
            # The thread would go on until the answer is there.
            loop.call_soon_threadsafe(task.cancel)
            raise
