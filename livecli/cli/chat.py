"""The command `livecli chat`: options become a plan, which `run_chat` carries out."""

from __future__ import annotations

from typing import Annotated

import typer

from ..emulator.pace import Pace
from ..errors import FileError, UsageError
from ..protocol.setup import Activity
from .groups import COMMON, HelpEntry, Only, takes_groups
from .options import ChatDeviceFlags, Limits, OutputFlags, SendFlags, SetupFlags, ToolFlags, Where, check_utf8
from .reporters import chat_reporters
from .serve_options import LocalFlags, report_sessions


@takes_groups
def chat(
    *,
    devices: ChatDeviceFlags,
    save: Annotated[
        str | None,
        typer.Option(
            metavar="FOLDER",
            help="Save conversation.md there, and turn-001.wav, turn-001-you.wav and so on.",
        ),
        HelpEntry("Output", common=True),
    ] = None,
    save_stereo: Annotated[
        str | None,
        typer.Option(metavar="NEW.wav", help="Record both sides in a new stereo file: you left, the model right."),
        HelpEntry("Output"),
    ] = None,
    question: Annotated[
        str | None, typer.Argument(metavar="[QUESTION]", help="The first message, before others are typed or piped.")
    ] = None,
    no_commands: Annotated[
        bool, typer.Option("--no-commands", help="Send each line as text, also one such as /quit.")
    ] = False,
    resume: Annotated[
        str | None,
        typer.Option(metavar="[N|NAME]", help="Continue the last conversation, or that with this number or name."),
        COMMON,
    ] = None,
    list_conversations: Annotated[
        bool, typer.Option("--list", help="List the conversations, newest first: number, time, turns, first words.")
    ] = False,
    no_history: Annotated[
        bool, typer.Option("--no-history", help="Keep neither the conversation nor what is typed.")
    ] = False,
    sending: Annotated[SendFlags, Only("speed")],
    setup: SetupFlags,
    tools: ToolFlags,
    limits: Annotated[Limits, Only("connect_timeout", "idle_timeout", "retries")],
    where: Where,
    emulator: LocalFlags,
    output: OutputFlags,
) -> None:
    """Hold a conversation, typed or spoken, or through a pipe.

    Examples:

    livecli chat --local

    livecli chat "What is a live API?"

    livecli chat --mic --play

    livecli chat --list

    livecli chat --resume 3

    printf 'hello\\nand then?\\n' | livecli chat -q
    """
    if devices.list_devices:
        _list_devices()
        return
    if list_conversations:
        _list_conversations()
        return

    from ..chat.options import ChatOptions
    from ..process.run import run
    from .files import named_files
    from .run_chat import Plan, converse

    check_utf8("QUESTION", question)
    if question is not None and not question.strip():
        raise UsageError("the QUESTION is empty")
    if save_stereo is not None and not save_stereo.lower().endswith(".wav"):
        raise UsageError(f"--save-stereo writes a WAV file, not {save_stereo}", hint="--save-stereo call.wav")
    named_files(setup, tools, output, emulator).check()

    server_detects = devices.mic and not devices.push_to_talk
    target = where.target()
    activity = Activity.AUTO if server_detects else Activity.MANUAL
    options = setup.options(search=tools.search, activity=activity, profile=target.profile.values)
    # The service's pace, so that a conversation feels like one.
    local = emulator.options(local=where.local, pace=Pace.BURST)
    plan = Plan(
        ChatOptions(
            target=target,
            configuration=options,
            sending=sending.options(),
            timeouts=limits.timeouts(),
            toolbox=tools.toolbox(options.extra),
            resume=resume,
            is_kept=not no_history,
            prices=output.price_table(),
        ),
        devices=devices,
        save=save,
        save_stereo=save_stereo,
        confirm=tools.confirm,
        emulator=local,
        question=question,
        has_commands=not no_commands,
    )
    with chat_reporters(output) as (display, reporter):
        status = run(converse(plan, display, reporter))
    not_followed = report_sessions(local)
    raise typer.Exit(status or not_followed)


def _list_conversations() -> None:
    from ..chat.conversation_file import list_conversations, table
    from ..process.stdio import print_error, write_stdout

    found = list_conversations()
    for error in found.errors:
        print_error(error)
    write_stdout(table(found.conversations))


def _list_devices() -> None:
    from ..media.sound_devices.device_choice import table
    from ..media.sound_devices.devices import list_devices
    from ..process.stdio import write_stdout

    devices = list_devices()
    if not devices:
        raise FileError("there are no sound devices here", hint="is a sound server running?")
    write_stdout(table(devices))
