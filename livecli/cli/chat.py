"""`livecli chat`: words become values; what is done with them is `conversing`'s."""

from __future__ import annotations

import math
from contextlib import ExitStack
from typing import TYPE_CHECKING, Annotated

import typer

from ..errors import FileError, UsageError
from . import options
from .checks import check_numbers, check_words
from .files import json_setup, system_words
from .tool_options import check_tools, toolbox

if TYPE_CHECKING:
    from ..report.reporter import Reporter


def chat(
    mic: Annotated[bool, typer.Option("--mic", help="Speak into the microphone.")] = False,
    play: Annotated[bool, typer.Option("--play", help="Hear the answers.")] = False,
    device: options.DeviceOption = None,
    list_devices: Annotated[
        bool, typer.Option("--list-devices", help="Print the speakers and microphones there are.")
    ] = False,
    half_duplex: Annotated[
        bool | None,
        typer.Option("--half-duplex/--full-duplex", help="Mute the microphone while it speaks [if it would hear it]."),
    ] = None,
    push_to_talk: Annotated[
        bool, typer.Option("--push-to-talk", help="Speak between two presses of space; else the server listens.")
    ] = False,
    save: Annotated[
        str | None, typer.Option(metavar="FOLDER", help="Keep its text there, and the sound of each answer.")
    ] = None,
    resume: Annotated[bool, typer.Option("--resume", help="Go on with the last conversation.")] = False,
    speed: options.SpeedOption = 3.2,
    voice: options.VoiceOption = None,
    language: options.LanguageOption = None,
    system: options.SystemOption = None,
    temperature: options.TemperatureOption = None,
    setup: options.SetupOption = None,
    no_transcripts: options.NoTranscriptsOption = False,
    tool: options.ToolOption = None,
    tools: options.ToolsOption = None,
    confirm: options.ConfirmOption = False,
    search: options.SearchOption = False,
    connect_timeout: options.ConnectTimeoutOption = 10.0,
    idle_timeout: options.IdleTimeoutOption = 30.0,
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
    quiet: options.QuietOption = False,
    verbose: options.VerboseOption = False,
    debug: options.DebugOption = False,
    explain: options.ExplainOption = False,
) -> None:
    """Converse with the Live API: typed or spoken, at a terminal or through a pipe.

    livecli chat --play

    printf 'hello\\nand then?\\n' | livecli chat
    """
    if list_devices:
        _list_devices()
        return
    if json_lines and events == "-":
        raise UsageError("--json and --events - both want standard output", hint="give one of them a file")
    if push_to_talk and not mic:
        raise UsageError("--push-to-talk is for --mic")
    if local and base_url:
        raise UsageError("--local and --base-url contradict one another")
    check_words({"--system": system, "--voice": voice, "--language": language})
    check_numbers(
        {
            "--speed": speed,
            "--temperature": temperature,
            "--connect-timeout": connect_timeout,
            "--idle-timeout": idle_timeout,
        }
    )

    from ..chat.options import ChatOptions
    from ..client.open import Timeouts
    from ..client.sender import SendOptions
    from ..process.run import run
    from ..protocol.endpoint import Target
    from ..protocol.setup import Activity, SetupOptions
    from .run_chat import Plan, converse

    extra, box = json_setup(setup), toolbox(tool or [], tools)
    check_tools(box, search=search, confirm=confirm, extra=extra)
    activity = Activity.AUTO if mic and not push_to_talk else Activity.MANUAL
    plan = Plan(
        ChatOptions(
            Target(platform, project, location, model, base_url, api_version, local),
            SetupOptions(
                voice, language, system_words(system), temperature, not no_transcripts, activity, extra, search
            ),
            SendOptions(speed=speed),
            Timeouts(connect_timeout or math.inf, idle_timeout or math.inf, retries=retries),
            box,
            resume=resume,
        ),
        mic=mic,
        play=play,
        devices=device or [],
        half_duplex=half_duplex,
        push_to_talk=push_to_talk,
        save=save,
        confirm=confirm,
    )
    from ..console import chat_reporter
    from ..console.explain import ExplanationLines
    from ..console.json_lines import EventLog, JsonSummaries

    with ExitStack() as files:
        told: list[Reporter] = [
            chat_reporter(silent=json_lines or events == "-", quiet=quiet, verbose=verbose, debug=debug)
        ]
        if explain:
            told.append(ExplanationLines())
        if events:
            told.append(files.enter_context(EventLog(events)))
        if json_lines:
            told.append(JsonSummaries())
        status = run(converse(plan, told))
    raise typer.Exit(status)


def _list_devices() -> None:
    from ..media.device_choice import table
    from ..media.devices import list_devices
    from ..process.stdio import write_out

    devices = list_devices()
    if not devices:
        raise FileError("there are no sound devices here", hint="is a sound server running?")
    write_out(table(devices))
