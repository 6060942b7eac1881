"""What `chat` does with its values: the devices, the chat and whoever sits before it, in the order they are opened."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from ..chat.chatting import Chat, open_chat
from ..chat.options import Options
from ..chat.piped import converse as converse_piped
from ..chat.piped import typed_lines
from ..chat.sounding import Sounding
from ..chat.takes import Takes
from ..console import is_typed_at
from ..console.answers import Answers
from ..errors import Interrupted, LivecliError, OutputClosed, UsageError, gravest
from ..figures import Summary
from ..opening import reachable
from ..report import Reporter, Reporters
from .tooling import confirmer


@dataclass(frozen=True)
class Plan:
    """The chat, and what it is heard with."""

    options: Options
    mic: bool = False
    play: bool = False
    devices: Sequence[str] = ()
    half_duplex: bool | None = None
    push_to_talk: bool = False
    save: str | None = None
    confirm: bool = False


async def converse(plan: Plan, told: Sequence[Reporter]) -> int:
    """The whole chat; returns its exit status. Raises LivecliError where there is none to be had."""
    if plan.push_to_talk and not is_typed_at():
        raise UsageError("--push-to-talk needs a terminal, whose space bar is pressed")
    everybody = Reporters(*told)
    takes = Takes(plan.save)
    sounding = Sounding(takes, everybody, plan.devices, half_duplex=plan.half_duplex, push_to_talk=plan.push_to_talk)
    heard = False
    try:
        status = await _sounding(plan, sounding, takes, told[0], everybody)
        heard = True
    except (Interrupted, OutputClosed):
        raise
    except LivecliError as error:
        status = error.exit_status
        everybody.finished(Summary("", error=error))
    finally:
        await sounding.close(heard=heard)
    return status


async def _sounding(plan: Plan, sounding: Sounding, takes: Takes, answers: Reporter, everybody: Reporter) -> int:
    if plan.play:
        await sounding.speaker(True)
    if plan.mic:
        await sounding.microphone(True)
    async with reachable(plan.options.wanted) as where:
        options = replace(plan.options, wanted=where, confirm=confirmer(everybody) if plan.confirm else None)
        async with open_chat(options, sounding, takes, everybody) as chat:
            try:
                return await _piped(chat, answers, everybody)
            except BaseException:
                sounding.hush()  # before the session is closed, which takes its time
                raise


async def _piped(chat: Chat, answers: Reporter, everybody: Reporter) -> int:
    assert isinstance(answers, Answers)

    def show(lines: Iterable[str]) -> None:
        for line in lines:
            answers.remark(line)

    statuses = await converse_piped(chat, typed_lines(), everybody, show)
    # Where nobody types it is over when the microphone is off, or by a signal.
    chat.sounding.tells = True
    await chat.sounding.ended
    return gravest(statuses or [0])
