"""Runs a chat: opens the devices, the session, and the terminal or the pipe, in this order, and closes them again."""

from __future__ import annotations

import asyncio
import shlex
from contextlib import AsyncExitStack, suppress
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from ..chat.chat import Chat, open_chat
from ..chat.options import ChatOptions
from ..chat.pipe import converse as converse_piped
from ..chat.pipe import no_lines, read_lines
from ..chat.recordings import Recordings
from ..chat.voice import Voice
from ..console import is_interactive
from ..console.chat_pipe import PipeChat
from ..embedded import reachable
from ..errors import Interrupted, LivecliError, OutputClosed, UsageError, gravest
from ..process.stdio import print_error
from ..process.tasks import cancel_and_wait
from ..report.reporter import Reporter
from ..report.summary import Summary
from .confirm import confirmer
from .options import EchoMode

if TYPE_CHECKING:
    from ..chat.frames import TakeFrame
    from ..console.terminal.prompt import Prompt
    from ..emulator.options import EmulatorOptions
    from ..protocol.messages import FunctionCall
    from ..tools.calls import Confirm
    from .options import ChatDeviceFlags

RESUMED_TURNS = 3
"""The last turns that are shown of a conversation that is resumed."""


@dataclass(frozen=True)
class Plan:
    """The options of a chat: of its session, of its devices, where it is kept, and of the emulator of `--local`."""

    options: ChatOptions
    devices: ChatDeviceFlags
    save: str | None
    save_stereo: str | None
    confirm: bool
    emulator: EmulatorOptions | None
    question: str | None = None
    has_commands: bool = True


async def converse(plan: Plan, display: Reporter, reporter: Reporter) -> int:
    """The exit status of the whole chat. `reporter` includes `display`. Raises LivecliError where it cannot begin."""
    devices = plan.devices
    if devices.push_to_talk and not is_interactive():
        raise UsageError("--push-to-talk needs a terminal, whose space bar is pressed")
    recordings = Recordings(plan.save, stereo=plan.save_stereo, warn=reporter.warning)
    voice = Voice(
        recordings,
        reporter,
        devices.device or (),
        half_duplex=devices.half_duplex,
        cancels_echo=devices.echo is EchoMode.AUTO,
        push_to_talk=devices.push_to_talk,
    )
    if devices.frames == "-" and is_interactive():
        raise UsageError("--frames - reads standard input, which is the keyboard", hint="livecli help pictures")
    if devices.frames == "-" and not devices.mic and plan.question is None:
        raise UsageError("--frames - leaves no standard input for questions", hint="add --mic, or a QUESTION")
    prompt = _prompt(plan, display) if is_interactive() else None
    plays_to_the_end = False
    try:
        status = await _open_and_run(plan, voice, recordings, prompt, display, reporter)
        plays_to_the_end = prompt is None
    except (Interrupted, OutputClosed):
        raise
    except LivecliError as error:
        status = error.exit_status
        reporter.finished(Summary("", error=error))
    finally:
        await voice.close(play_to_end=plays_to_the_end)
        recordings.close()
    return status


async def _open_and_run(
    plan: Plan, voice: Voice, recordings: Recordings, prompt: Prompt | None, display: Reporter, reporter: Reporter
) -> int:
    for warning in plan.options.toolbox.warnings:
        reporter.warning(warning)
    if plan.devices.play:
        await voice.switch_speaker(True)
    if plan.devices.mic:
        await voice.switch_microphone(True)
    async with AsyncExitStack() as stack:
        target = await stack.enter_async_context(reachable(plan.options.target, plan.emulator))
        confirm: Confirm | None = None
        if plan.confirm:
            confirm = _confirmer(prompt, display) if prompt else stack.enter_context(confirmer(reporter))
        options = replace(plan.options, target=target, confirm=confirm)
        take_frame = await _open_frames(plan, stack, reporter)
        async with open_chat(options, voice, recordings, reporter) as chat, AsyncExitStack() as sending:
            if take_frame is not None:
                await _send_frames(chat, plan, take_frame, sending, reporter)
            if prompt is not None:
                # The file of the conversation is complete when the chat is closed, which is before this.
                stack.callback(_show_way_back, chat, plan, display)
            try:
                if prompt is not None:
                    return await _run_at_terminal(chat, plan, prompt, display)
                return await _run_through_pipe(chat, plan, display, reporter)
            except BaseException:
                # The speaker stops before the session is closed, which takes a while.
                recordings.flush()
                raise


def _show_way_back(chat: Chat, plan: Plan, display: Reporter) -> None:
    """Say how to go on with the conversation, where it is on disk."""
    if (key := chat.store.key) is not None:
        local = "" if plan.emulator is None else "--local "
        display.remark(f"go on with: livecli chat {local}--resume {shlex.quote(key)}")


async def _open_frames(plan: Plan, stack: AsyncExitStack, reporter: Reporter) -> TakeFrame | None:
    """The frames that the options ask for, which end with `stack`; None without such an option."""
    if plan.devices.screen is None and plan.devices.frames is None:
        return None
    from ..chat.frames import frames_command, open_frames, take_screen

    if plan.devices.frames is None:
        # An error of the first picture is raised before anything is connected.
        await take_screen()
        return take_screen
    return await stack.enter_async_context(open_frames(frames_command(plan.devices.frames), reporter))


async def _send_frames(
    chat: Chat, plan: Plan, take_frame: TakeFrame, stack: AsyncExitStack, reporter: Reporter
) -> None:
    """Send frames until the end of `stack`. A question of the command line waits for the first one."""
    from ..chat.frames import FIRST_SECONDS, FRAME_SECONDS, send_frames

    seconds, first = plan.devices.screen or FRAME_SECONDS, asyncio.Event()
    sending = asyncio.create_task(send_frames(chat, take_frame, seconds, reporter, first))
    stack.push_async_callback(cancel_and_wait, sending)
    if plan.question is not None:
        with suppress(TimeoutError):
            async with asyncio.timeout(FIRST_SECONDS):
                await first.wait()


async def _run_through_pipe(chat: Chat, plan: Plan, display: Reporter, reporter: Reporter) -> int:
    assert isinstance(display, PipeChat)

    lines = no_lines() if plan.devices.frames == "-" else read_lines()
    statuses = await converse_piped(
        chat, lines, reporter, display.show_lines, question=plan.question, has_commands=plan.has_commands
    )
    # After the end of the input a chat with a microphone goes on until that is off, or until a signal.
    await chat.voice.wait_until_off()
    return gravest(statuses or [0])


def _prompt(plan: Plan, display: Reporter) -> Prompt:
    from ..chat.commands import COMMANDS
    from ..console.terminal.chat_terminal import TerminalChat
    from ..console.terminal.prompt import Prompt

    assert isinstance(display, TerminalChat)
    commands = COMMANDS.values() if plan.has_commands else ()
    return Prompt(display.screen, commands, is_remembered=plan.options.is_kept)


def _confirmer(prompt: Prompt, display: Reporter) -> Confirm:
    from ..console.terminal.chat_terminal import TerminalChat

    assert isinstance(display, TerminalChat)

    async def confirm(call: FunctionCall) -> bool:
        display.note_question()
        return await prompt.confirm(call)

    return confirm


async def _run_at_terminal(chat: Chat, plan: Plan, prompt: Prompt, display: Reporter) -> int:
    from ..chat.terminal import TerminalInput
    from ..console.terminal.chat_terminal import ChatState, TerminalChat

    assert isinstance(display, TerminalChat)
    chat.retry_without_bound()
    terminal = TerminalInput(
        chat,
        echo=prompt.echo,
        show=display.show_lines,
        show_error=lambda error: print_error(error, debug=display.options.debug),
        show_interruption=display.show_interruption,
        actions={
            "quit": lambda _: prompt.leave(),
            "edit": lambda _: prompt.edit(),
            "copy": display.copy,
        },
    )
    voice = chat.voice
    for entry in [*chat.transcript.entries][-RESUMED_TURNS:]:
        if entry.question:
            prompt.echo(entry.question)
        display.show_lines(entry.answer.splitlines())
    display.remark("/help lists the commands" if plan.has_commands else "Ctrl-D ends the chat")

    def state() -> ChatState:
        return ChatState(terminal.activity, voice.level_dbfs, voice.speaker_is_on, voice.lost_devices)

    async with terminal:
        if plan.question is not None:
            terminal.submit(plan.question, is_text=True)
        await prompt.run(terminal, lambda: display.toolbar(state()))
    return 0
