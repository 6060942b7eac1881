"""What every session of one emulator shares: decided once, where it is started, and handed in. Pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from ..protocol.models import MODELS, Model
from .access import NOTHING_REQUIRED, Required
from .core.behaviour import Behaviour, Echo
from .core.lifetime import UNLIMITED, Limits
from .faults import Faults
from .replay import Play


@dataclass(frozen=True)
class EmulatorOptions:
    """`behaviour` makes what one session's model says; `required` is the credential without which nobody gets in.

    `models` are those that there are, by name; `limits` how long connections and sessions last; `realtime` lets a reply
    take as long as its sound. `faults` go wrong on every connection. With a `play` no model speaks at all: a recorded
    session is said again, at `play_speed` times its own pace (0: as fast as it is taken).
    """

    behaviour: Callable[[], Behaviour] = Echo
    required: Required = NOTHING_REQUIRED
    models: Mapping[str, Model] = field(default_factory=lambda: MODELS)
    limits: Limits = UNLIMITED
    realtime: bool = False
    faults: Faults = field(default_factory=Faults)
    play: Play | None = None
    play_speed: float = 1.0


AS_GOOGLE = EmulatorOptions()
