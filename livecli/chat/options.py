"""How a chat begins, as values."""

from __future__ import annotations

from dataclasses import dataclass, field

from ..client.open import Timeouts
from ..client.sender import SendOptions
from ..protocol.endpoint import Target
from ..protocol.setup import SetupOptions
from ..tools.calls import Confirm
from ..tools.toolbox import Toolbox


@dataclass(frozen=True)
class ChatOptions:
    """How it begins. `wanted` names the server; `resume` goes on with the last one; the rest is as in Question."""

    wanted: Target
    configuration: SetupOptions = field(default_factory=SetupOptions)
    sending: SendOptions = field(default_factory=SendOptions)
    timeouts: Timeouts = field(default_factory=Timeouts)
    toolbox: Toolbox = field(default_factory=Toolbox)
    confirm: Confirm | None = None
    resume: bool = False
