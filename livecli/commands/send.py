"""`livecli send`: words become values, the values a run for each input."""

from __future__ import annotations

import math
import os
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ..configuration import Activity
from ..errors import FileError, gravest
from . import options
from .reading import json_setup, system_words
from .tooling import check_tools, confirmer, toolbox
from .usage import check_devices, check_numbers, check_replies, check_usage, check_words

if TYPE_CHECKING:
    from ..endpoint import Wanted
    from ..figures import Summary
    from ..question import Question
    from ..report import Reporter


def send(
    inputs: Annotated[
        list[str] | None,
        typer.Argument(metavar="[INPUT]...", help="Audio files, or - for standard input; none: the bundled question."),
    ] = None,
    text: Annotated[str | None, typer.Option(help="Send a text turn instead of audio.")] = None,
    output: Annotated[
        str | None,
        typer.Option(
            "--output", "-o", help="The reply: a file, - for standard output, a folder for several [NAME.reply.wav]."
        ),
    ] = None,
    raw_output: Annotated[bool, typer.Option("--raw-output", help="Bare PCM instead of WAV.")] = False,
    image: Annotated[
        list[str] | None, typer.Option(metavar="PATH", help="Show a picture with it: JPEG, PNG or WebP.")
    ] = None,
    raw: Annotated[
        int | None, typer.Option(metavar="RATE", min=1000, max=384000, help="Input - is bare 16-bit mono PCM at RATE.")
    ] = None,
    chunk_bytes: options.ChunkBytesOption = 1024,
    speed: options.SpeedOption = 3.2,
    activity: options.ActivityOption = Activity.MANUAL,
    trailing_silence: options.TrailingSilenceOption = 1.0,
    voice: options.VoiceOption = None,
    language: options.LanguageOption = None,
    system: options.SystemOption = None,
    temperature: options.TemperatureOption = None,
    setup: options.SetupOption = None,
    bisect_setup: options.BisectSetupOption = False,
    no_transcripts: options.NoTranscriptsOption = False,
    tool: options.ToolOption = None,
    tools: options.ToolsOption = None,
    confirm: options.ConfirmOption = False,
    search: options.SearchOption = False,
    connect_timeout: options.ConnectTimeoutOption = 10.0,
    idle_timeout: options.IdleTimeoutOption = 30.0,
    timeout: options.TimeoutOption = None,
    retries: options.RetriesOption = 3,
    platform: options.PlatformOption = None,
    project: options.ProjectOption = None,
    location: options.LocationOption = None,
    model: options.ModelOption = None,
    base_url: options.BaseUrlOption = None,
    api_version: options.ApiVersionOption = None,
    local: options.LocalOption = False,
    json_lines: options.JsonOption = False,
    events: options.EventsOption = None,
    play: options.PlayOption = False,
    device: options.DeviceOption = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Print what would be sent; connect nowhere.")] = False,
    quiet: options.QuietOption = False,
    verbose: options.VerboseOption = False,
    debug: options.DebugOption = False,
    explain: options.ExplainOption = False,
) -> None:
    """Stream audio to the Live API and save the spoken reply.

    livecli send question.wav -o reply.wav
    """
    names = inputs or []
    check_usage(names, text, output, raw, chunk_bytes, {"--json": json_lines, "--events -": events == "-"})
    check_devices(device, play)
    check_words({"--text": text, "--system": system, "--voice": voice, "--language": language})
    seconds = {"--connect-timeout": connect_timeout, "--idle-timeout": idle_timeout, "--timeout": timeout}
    check_numbers({"--speed": speed, "--trailing-silence": trailing_silence, "--temperature": temperature, **seconds})

    from ..asking import Sending
    from ..configuration import Configuration
    from ..endpoint import Wanted
    from ..opening import Timeouts
    from ..question import Question

    extra, box = json_setup(setup), toolbox(tool or [], tools)
    check_tools(box, search=search, confirm=confirm, extra=extra)
    common: dict[str, Any] = {
        "raw_output": raw_output,
        "bisects": bisect_setup,
        "play": play,
        "devices": device or (),
        "sending": Sending(chunk_bytes, speed, activity, trailing_silence),
        "configuration": Configuration(
            voice, language, system_words(system), temperature, not no_transcripts, activity, extra, search
        ),
        "images": tuple(image or ()),
        "toolbox": box,
        "timeouts": Timeouts(connect_timeout or math.inf, idle_timeout or math.inf, timeout or None, retries),
    }
    if len(names) > 1:
        questions = [Question(name, output=_in_folder(output, name, raw_output), **common) for name in names]
        check_replies(questions)
        if output is not None and not dry_run:
            _make_folder(output)
    else:
        questions = [Question(names[0] if names else None, text, output, raw_rate=raw, **common)]
    wanted = Wanted(platform, project, location, model, base_url, api_version, local)

    from ..running import run

    if dry_run:
        run(_rehearse(questions, wanted))
        return
    from ..console import reporter
    from ..console.explanations import Explanations
    from ..console.streams import EventLog, JsonSummaries
    from ..report import Reporters

    several = len(questions) > 1
    with ExitStack() as files:
        told: list[Reporter] = [reporter(quiet=quiet, verbose=verbose, debug=debug, several=several)]
        if explain:
            told.append(Explanations())
        if events:
            told.append(files.enter_context(EventLog(events, several=several)))
        if json_lines:
            told.append(JsonSummaries())
        everybody = Reporters(*told)
        if confirm:
            questions = [replace(question, confirm=confirmer(everybody)) for question in questions]
        summaries = run(_ask_all(questions, wanted, everybody))
    raise typer.Exit(gravest(summary.exit_code for summary in summaries))


async def _ask_all(questions: Sequence[Question], wanted: Wanted, told: Reporter) -> list[Summary]:
    from asyncio import CancelledError

    from ..figures import Summary
    from ..opening import reachable
    from ..question import ask
    from ..running import interruption

    summaries: list[Summary] = []
    async with reachable(wanted) as where:
        for place, question in enumerate(questions, 1):
            try:
                summaries.append(await ask(question, where, told))
            except CancelledError as cancelled:
                for unasked in questions[place:]:  # each has its line of JSON, this one too
                    told.finished(Summary(unasked.name, error=interruption(cancelled)))
                raise
    return summaries


async def _rehearse(questions: Sequence[Question], wanted: Wanted) -> None:
    from ..opening import reachable
    from ..question import rehearse
    from ..stdout import write_out

    async with reachable(wanted) as where:
        for question in questions:
            write_out(await rehearse(question, where) + "\n")


def _in_folder(folder: str | None, name: str, raw_output: bool) -> str | None:
    """The reply of one of several inputs: NAME.reply.wav in the folder that -o names."""
    if folder is None:
        return None
    from ..question import Question

    return os.path.join(folder, Question(name, raw_output=raw_output).reply)  # noqa: PTH118 - "./x" stays as typed


def _make_folder(folder: str) -> None:
    try:
        Path(folder).mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise FileError(f"-o {folder} cannot be a folder: {error.strerror}") from error
