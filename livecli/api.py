"""The public way in for programs and notebooks: `connect` and `send`.

Platform, model and credential are found as the command line finds them: an argument beats the environment, which beats
the default. Works where an event loop already runs.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from enum import StrEnum
from typing import Any, Literal, TypedDict, TypeVar, Unpack

from .client.open import Timeouts, open_authorised
from .client.sender import SendOptions
from .client.session import Session
from .credentials import resolve
from .embedded import reachable
from .errors import UsageError
from .protocol.endpoint import Target
from .protocol.platform import Platform
from .protocol.setup import Activity, SetupOptions, setup
from .report.reporter import Reporter
from .report.summary import Summary
from .runs.request import Request, ask


class SessionOptions(TypedDict, total=False):
    """What `connect` and `send` both take; names and meanings are the command line's.

    `setup` is JSON in the wire's spelling, merged over everything else. `local` talks to the embedded emulator.
    Timeouts are in seconds.
    """

    platform: Literal["vertex", "developer"] | None
    project: str | None
    location: str | None
    model: str | None
    base_url: str | None
    api_version: str | None
    local: bool
    voice: str | None
    language: str | None
    system: str | None
    temperature: float | None
    transcripts: bool
    activity: Literal["manual", "auto"]
    search: bool
    setup: Mapping[str, Any]
    connect_timeout: float
    idle_timeout: float


WHERE = ("project", "location", "model", "base_url", "api_version", "local")
WHAT = ("voice", "language", "system", "temperature", "transcripts", "search")


E = TypeVar("E", bound=StrEnum)


def _one_of(values: type[E], name: str, value: str) -> E:
    """The member that has this value. Raises UsageError where there is none."""
    try:
        return values(value)
    except ValueError:
        allowed = " or ".join(repr(str(member)) for member in values)
        raise UsageError(f"{name} is {value!r}, not {allowed}") from None


def _wanted(options: SessionOptions) -> Target:
    if unknown := options.keys() - SessionOptions.__annotations__.keys():
        raise TypeError(f"unexpected option: {', '.join(sorted(unknown))}")
    platform = options.get("platform")
    named = {name: options[name] for name in WHERE if name in options}  # type: ignore[literal-required]
    return Target(platform=_one_of(Platform, "platform", platform) if platform else None, **named)


def _configuration(options: SessionOptions) -> SetupOptions:
    named = {name: options[name] for name in WHAT if name in options}  # type: ignore[literal-required]
    activity = _one_of(Activity, "activity", options.get("activity", "manual"))
    return SetupOptions(activity=activity, extra=options.get("setup", {}), **named)


def _timeouts(options: SessionOptions, total: float | None = None) -> Timeouts:
    return Timeouts(options.get("connect_timeout", 10.0), options.get("idle_timeout", 30.0), total)


@asynccontextmanager
async def connect(**options: Unpack[SessionOptions]) -> AsyncIterator[Session]:
    """A session with the Live API, set up and closed again at the end of the block.

    `await session.send(event)` says something (AudioChunk, Text, ActivityStart ...); `async for event in session`
    yields what the service says, and may be left and taken up again: nothing is lost. Activity is manual unless
    `activity="auto"`: speech goes between ActivityStart and ActivityEnd.

    Raises LivecliError: AuthError, ConnectError, ServerError, QuotaError, DeadlineError, UsageError.
    """
    async with reachable(_wanted(options)) as wanted:
        endpoint, credential = await asyncio.to_thread(resolve, wanted, os.environ)
        opening = setup(endpoint, replace(_configuration(options), resumes=False))
        async with open_authorised(endpoint, credential, opening, _timeouts(options), Reporter()) as session:
            yield session


async def send(
    input: str | os.PathLike[str] | None = None,
    *,
    text: str | None = None,
    output: str | os.PathLike[str] | None = None,
    images: Sequence[str | os.PathLike[str]] = (),
    chunk_bytes: int = 1024,
    speed: float = 3.2,
    timeout: float | None = None,  # noqa: ASYNC109 - the option's name
    play: bool = False,
    device: str | None = None,
    **options: Unpack[SessionOptions],
) -> Summary:
    """Stream a file (or `text`, or the bundled sample), save the spoken reply, and say how it went, as `livecli send`.

    The reply goes to `output`, or to NAME.reply.wav in the current folder. The pictures in the files `images` are shown
    with the question. `chunk_bytes` of PCM go in a message, at `speed` times real time (0: as fast as the socket takes
    them). With `play` it is heard too, on `device` where one is named, and this returns when it has been.

    Raises LivecliError where the run fails; what came of the reply is kept then.
    """
    wanted, configuration = _wanted(options), _configuration(options)
    if input is not None and text is not None:
        raise UsageError("text and an input are two questions")
    question = Request(
        input=None if input is None else os.fspath(input),
        text=text,
        output=None if output is None else os.fspath(output),
        sending=SendOptions(chunk_bytes, speed, configuration.activity or Activity.MANUAL),
        configuration=configuration,
        images=tuple(os.fspath(image) for image in images),
        timeouts=_timeouts(options, timeout),
        play=play,
        devices=[device] if device else [],
    )
    async with reachable(wanted) as where:
        summary = await ask(question, where, Reporter())
    if summary.error:
        raise summary.error
    return summary
