"""The options of a chat."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from ..client.open import Timeouts
from ..client.sender import SendOptions
from ..protocol.endpoint import Target
from ..protocol.models import Prices
from ..protocol.setup import SetupOptions
from ..report.prices import PRICES
from ..tools.calls import Confirm
from ..tools.toolbox import Toolbox


@dataclass(frozen=True)
class ChatOptions:
    """`target` names the server; others are as in Request.

    `resume` is the number or name of a saved conversation to go on with, empty for the newest, None for a new one.
    `is_kept` is whether the conversation is saved.
    """

    target: Target
    configuration: SetupOptions = field(default_factory=SetupOptions)
    sending: SendOptions = field(default_factory=SendOptions)
    timeouts: Timeouts = field(default_factory=Timeouts)
    toolbox: Toolbox = field(default_factory=Toolbox)
    confirm: Confirm | None = None
    resume: str | None = None
    is_kept: bool = True
    prices: Mapping[str, Prices] = field(default_factory=lambda: PRICES)
