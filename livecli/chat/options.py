"""How a chat begins, as values."""

from __future__ import annotations

from dataclasses import dataclass, field

from ..client.open import Timeouts
from ..client.sender import Sending
from ..protocol.endpoint import Wanted
from ..protocol.setup import Configuration
from ..tools.calls import Confirm
from ..tools.toolbox import Toolbox


@dataclass(frozen=True)
class Options:
    """How it begins. `wanted` names the server; `resume` goes on with the last one; the rest is as in Question."""

    wanted: Wanted
    configuration: Configuration = field(default_factory=Configuration)
    sending: Sending = field(default_factory=Sending)
    timeouts: Timeouts = field(default_factory=Timeouts)
    toolbox: Toolbox = field(default_factory=Toolbox)
    confirm: Confirm | None = None
    resume: bool = False
