"""What `chat` does with its values: the devices, the chat and whoever sits before it, in the order they are opened."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from ..chat.chat import Chat, open_chat
from ..chat.options import ChatOptions
from ..chat.pipe import converse as converse_piped
from ..chat.pipe import typed_lines
from ..chat.recordings import Recordings
from ..chat.voice import Voice
from ..console import has_prompt
from ..console.chat_pipe import PipeChat
from ..embedded import reachable
from ..errors import Interrupted, LivecliError, OutputClosed, UsageError, gravest
from ..process.stdio import complain
from ..report.reporter import Reporter, Reporters
from ..report.summary import Summary
from .confirm import confirmer

if TYPE_CHECKING:
    from ..console.prompt import Prompt
    from ..tools.calls import Confirm
    from .options import ChatDeviceFlags


@dataclass(frozen=True)
class Plan:
    """The chat, and what it is heard with."""

    options: ChatOptions
    devices: ChatDeviceFlags
    save: str | None
    confirm: bool


async def converse(plan: Plan, told: Sequence[Reporter]) -> int:
    """The whole chat; returns its exit status. Raises LivecliError where there is none to be had."""
    devices = plan.devices
    if devices.push_to_talk and not has_prompt():
        raise UsageError("--push-to-talk needs a terminal, whose space bar is pressed")
    everybody = Reporters(*told)
    takes = Recordings(plan.save)
    sounding = Voice(
        takes,
        everybody,
        devices.device or (),
        half_duplex=devices.half_duplex,
        push_to_talk=devices.push_to_talk,
    )
    prompt = _prompt(told[0]) if has_prompt() else None
    heard = False
    try:
        status = await _sounding(plan, sounding, takes, prompt, told[0], everybody)
        heard = prompt is None
    except (Interrupted, OutputClosed):
        raise
    except LivecliError as error:
        status = error.exit_status
        everybody.finished(Summary("", error=error))
    finally:
        await sounding.close(heard=heard)
    return status


async def _sounding(
    plan: Plan, sounding: Voice, takes: Recordings, prompt: Prompt | None, shown: Reporter, everybody: Reporter
) -> int:
    if plan.devices.play:
        await sounding.speaker(True)
    if plan.devices.mic:
        await sounding.microphone(True)
    async with AsyncExitStack() as stack:
        where = await stack.enter_async_context(reachable(plan.options.wanted))
        confirm: Confirm | None = None
        if plan.confirm:
            confirm = prompt.confirm if prompt else stack.enter_context(confirmer(everybody))
        options = replace(plan.options, wanted=where, confirm=confirm)
        async with open_chat(options, sounding, takes, everybody) as chat:
            try:
                if prompt is not None:
                    return await _typed(chat, prompt, shown, debug=shown.wants_frames)
                return await _piped(chat, shown, everybody)
            except BaseException:
                sounding.hush()  # before the session is closed, which takes its time
                raise


async def _piped(chat: Chat, answers: Reporter, everybody: Reporter) -> int:
    assert isinstance(answers, PipeChat)

    def show(lines: Iterable[str]) -> None:
        for line in lines:
            answers.remark(line)

    statuses = await converse_piped(chat, typed_lines(), everybody, show)
    # Where nobody types it is over when the microphone is off, or by a signal.
    chat.sounding.tells = True
    await chat.sounding.ended
    return gravest(statuses or [0])


def _prompt(shown: Reporter) -> Prompt:
    from ..chat.commands import COMMANDS
    from ..console.chat_terminal import TerminalChat
    from ..console.prompt import Prompt

    assert isinstance(shown, TerminalChat)
    return Prompt(shown.screen, COMMANDS.values())


async def _typed(chat: Chat, prompt: Prompt, shown: Reporter, *, debug: bool) -> int:
    from ..chat.terminal import TerminalInput
    from ..console.chat_terminal import ChatState, TerminalChat

    assert isinstance(shown, TerminalChat)
    chat.be_persistent()
    typed = TerminalInput(
        chat,
        echo=prompt.echo,
        show=shown.show,
        complain=lambda error: complain(error, debug=debug),
        cut=shown.cut,
        leave=prompt.leave,
    )
    sounding = chat.sounding

    def state() -> ChatState:
        return ChatState(typed.doing, sounding.level_dbfs, sounding.speaks)

    async with typed:
        await prompt.run(typed, lambda: shown.toolbar(state()))
    return 0
