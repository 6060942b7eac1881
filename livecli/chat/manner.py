"""What every turn of a conversation has, whoever begins it."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass

from ..media.pcm import AudioSink
from ..tools.calls import Confirm
from ..tools.toolbox import Toolbox
from .transcript import Entry


@dataclass(frozen=True)
class Manner:
    """What every turn has: where its sound goes, what the model may call, and how long a silence may last (seconds).

    `hush` is called where the answer is interrupted, `finish` where the last of its sound has come, `write` with what
    was said in a turn, once, `secured` where between two turns there is a new handle.
    """

    sink: Callable[[], AbstractContextManager[AudioSink]]
    toolbox: Toolbox
    confirm: Confirm | None = None
    idle_timeout: float = 30.0
    hush: Callable[[], None] = lambda: None
    finish: Callable[[], None] = lambda: None
    write: Callable[[Entry], None] = lambda entry: None
    secured: Callable[[], None] = lambda: None
