"""The public API for programs and notebooks: the coroutines `connect` and `send`.

Platform, model and credential are resolved as on the command line: an argument overrides the environment, which
overrides the default. Everything works where an event loop already runs.
"""

from __future__ import annotations

import os
import warnings
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from enum import StrEnum
from typing import Any, Literal, TypedDict, TypeVar, Unpack

from .client.open import Timeouts, open_authorised, resolved
from .client.sender import SendOptions
from .client.session import Session
from .credentials import Credential
from .embedded import reachable
from .errors import UsageError
from .protocol.endpoint import Endpoint, Target
from .protocol.platform import Platform
from .protocol.setup import Activity, SetupOptions, ThinkingLevel, Until, setup
from .report.reporter import Reporter
from .report.summary import Summary
from .runs.request import Request, ask


class SessionOptions(TypedDict, total=False):
    """The options of both `connect` and `send`; names and meanings are the command line's.

    `setup` is JSON in the spelling of the wire, merged over the other options. `local` connects to the embedded
    emulator. `insecure` lets a credential go to another machine unencrypted. Timeouts are in seconds.
    """

    platform: Literal["vertex", "developer"] | None
    project: str | None
    location: str | None
    model: str | None
    base_url: str | None
    api_version: str | None
    local: bool
    insecure: bool
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


E = TypeVar("E", bound=StrEnum)


def _member(values: type[E], name: str, value: str) -> E:
    """The member of `values` with this value. Raises UsageError, naming the option, where there is none."""
    try:
        return values(value)
    except ValueError:
        allowed = " or ".join(repr(str(member)) for member in values)
        raise UsageError(f"{name} is {value!r}, not {allowed}") from None


def _options_of(kind: type, options: SessionOptions) -> dict[str, Any]:
    """The options given that are fields of `kind`. Raises TypeError for an option that does not exist."""
    if unknown := options.keys() - SessionOptions.__annotations__.keys():
        raise TypeError(f"unexpected option: {', '.join(sorted(unknown))}")
    return {name: value for name, value in options.items() if name in kind.__annotations__}


def _target(options: SessionOptions) -> Target:
    values = _options_of(Target, options)
    if values.get("platform"):
        values["platform"] = _member(Platform, "platform", values["platform"])
    return Target(**values)


def _setup_options(options: SessionOptions) -> SetupOptions:
    values = _options_of(SetupOptions, options)
    values["activity"] = _member(Activity, "activity", values.get("activity", Activity.MANUAL))
    if values.get("thinking"):
        values["thinking"] = _member(ThinkingLevel, "thinking", values["thinking"])
    return SetupOptions(**values, extra=options.get("setup", {}))


def _timeouts(options: SessionOptions, total: float | None = None) -> Timeouts:
    return Timeouts(options.get("connect_timeout", 10.0), options.get("idle_timeout", 30.0), total)


async def _resolved(target: Target) -> tuple[Endpoint, Credential]:
    """As `client.open.resolved`. The credential's warning is a Python warning."""
    endpoint, credential = await resolved(target)
    if credential.warning:
        warnings.warn(credential.warning, stacklevel=2)
    return endpoint, credential


@asynccontextmanager
async def connect(**options: Unpack[SessionOptions]) -> AsyncIterator[Session]:
    """A session with the Live API: set up at the start of the block, closed at its end.

    `await session.send(event)` sends an event (AudioChunk, Text, ActivityStart ...). `async for event in session`
    yields the service's events; the loop may be left and entered again without losing any. With manual activity, the
    default, speech goes between ActivityStart and ActivityEnd; with `activity="auto"` the service detects it.

    Raises LivecliError: AuthError, ConnectError, ServerError, QuotaError, DeadlineError, UsageError.
    """
    async with reachable(_target(options)) as target:
        endpoint, credential = await _resolved(target)
        opening = setup(endpoint, replace(_setup_options(options), resumes=False))
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
    until: Literal["turn", "generated"] = "turn",
    timeout: float | None = None,  # noqa: ASYNC109 - the option's name
    play: bool = False,
    device: str | None = None,
    **options: Unpack[SessionOptions],
) -> Summary:
    """Stream a file (or `text`, or the bundled sample), save the spoken reply, and return a summary, as `livecli send`.

    The reply is written to `output`, by default NAME.reply.wav in the current folder. `images` are files of pictures
    that are sent with the question. Audio is sent in messages of `chunk_bytes` bytes of PCM, at `speed` times real time
    (0: as fast as the connection takes it). The run is over `until` the turn is, or once all audio is
    generated; then there is no usage. `timeout` is in seconds, for the whole run. With `play` the reply is also
    played, on `device` if one is named, and this function returns when it has been heard.

    Raises LivecliError where the run fails; the part of the reply that arrived is kept.
    """
    target, setup_options = _target(options), _setup_options(options)
    if input is not None and text is not None:
        raise UsageError("text cannot be combined with an input")
    request = Request(
        input=None if input is None else os.fspath(input),
        text=text,
        output=None if output is None else os.fspath(output),
        sending=SendOptions(chunk_bytes, speed),
        configuration=setup_options,
        images=tuple(os.fspath(image) for image in images),
        timeouts=_timeouts(options, timeout),
        until=_member(Until, "until", until),
        play=play,
        devices=[device] if device else [],
    )
    async with reachable(target) as reached:
        summary = await ask(request, reached, Reporter(), _resolved)
    if summary.error:
        raise summary.error
    return summary
