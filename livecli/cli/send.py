"""`livecli send`: words become values, the values a run for each input."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import replace
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ..errors import gravest
from ..protocol.setup import Activity
from . import options
from .checks import check_devices, check_many, check_numbers, check_usage, check_words
from .files import json_setup, system_words
from .reporters import Telling, remarks, telling
from .tool_options import check_tools, confirmer, toolbox

if TYPE_CHECKING:
    from ..protocol.endpoint import Target
    from ..runs.request import Request
    from .reporters import Audience


def send(
    context: typer.Context,
    inputs: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[INPUT]...",
            help="Audio files, folders of them, - for standard input; none: the bundled question.",
        ),
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
    source: options.FromOption = None,
    jobs: options.JobsOption = None,
    connect_rate: options.ConnectRateOption = 10.0,
    resume_from: options.ResumeFromOption = None,
    shard: options.ShardOption = None,
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
    from ..runs.inputs import is_list

    words = inputs or []
    several = is_list(words, source) or jobs is not None or shard is not None or resume_from is not None
    stdout = {"--json": json_lines, "--events -": events == "-"}
    check_usage(words, text, output, raw, chunk_bytes, stdout, several=several)
    check_many(jobs, connect_rate, confirm, play)
    check_devices(device, play)
    check_words({"--text": text, "--system": system, "--voice": voice, "--language": language})
    seconds = {"--connect-timeout": connect_timeout, "--idle-timeout": idle_timeout, "--timeout": timeout}
    check_numbers({"--speed": speed, "--trailing-silence": trailing_silence, "--temperature": temperature, **seconds})

    from ..client.open import Timeouts
    from ..client.sender import SendOptions
    from ..protocol.endpoint import Target
    from ..protocol.setup import SetupOptions
    from ..runs.request import Request

    extra, box = json_setup(setup), toolbox(tool or [], tools)
    check_tools(box, search=search, confirm=confirm, extra=extra)
    common: dict[str, Any] = {
        "raw_output": raw_output,
        "bisects": bisect_setup,
        "play": play,
        "devices": device or (),
        "sending": SendOptions(chunk_bytes, speed, activity, trailing_silence),
        "configuration": SetupOptions(
            voice, language, system_words(system), temperature, not no_transcripts, activity, extra, search
        ),
        "images": tuple(image or ()),
        "toolbox": box,
        "timeouts": Timeouts(connect_timeout or math.inf, idle_timeout or math.inf, timeout or None, retries),
    }
    if several:
        from ..runs import inputs as many

        choice = many.Choice(words, source, shard, resume_from, output)
        questions = many.questions(choice, Request(**common), remarks(quiet=quiet), rehearsal=dry_run)
    else:
        questions = [Request(words[0] if words else None, text, output, raw_rate=raw, **common)]
    wanted = Target(platform, project, location, model, base_url, api_version, local)

    from ..process.run import run

    if not questions:
        return
    if dry_run:
        run(_rehearse(questions, wanted))
        return
    how = Telling(quiet=quiet, verbose=verbose, debug=debug, explain=explain, events=events, json_lines=json_lines)
    with ExitStack() as stack:
        audience = stack.enter_context(telling(how, len(questions), several=several, at_once=jobs is not None))
        if confirm:
            asked = stack.enter_context(confirmer(audience.told))
            questions = [replace(question, confirm=asked) for question in questions]
        pace = (jobs or 1, connect_rate) if several else None
        statuses = run(_ask_all(questions, wanted, audience, pace, context.obj))
    raise typer.Exit(gravest(statuses))


async def _ask_all(
    questions: Sequence[Request],
    wanted: Target,
    audience: Audience,
    pace: tuple[int, float] | None,
    allow_files: Callable[[int], str | None],
) -> list[int]:
    """`pace` is how many sessions at once, and how many of them are started a second; None where there is but one.

    `allow_files` lets this process open so many files, and returns a warning where it cannot.
    """
    from ..embedded import reachable

    async with reachable(wanted) as where, audience.watching():
        if pace is None:
            from ..runs.request import ask

            return [(await ask(question, where, audience.told)).exit_code for question in questions]
        from ..runs.batch import BatchLimits, ask_all, files_open

        if shortage := allow_files(files_open(min(pace[0], len(questions)))):
            audience.told.warning(shortage)
        return await ask_all(questions, where, audience.told, audience.told_of, BatchLimits(*pace))


async def _rehearse(questions: Sequence[Request], wanted: Target) -> None:
    from ..embedded import reachable
    from ..process.stdio import write_out
    from ..runs.request import dry_run

    async with reachable(wanted) as where:
        for question in questions:
            write_out(await dry_run(question, where) + "\n")
