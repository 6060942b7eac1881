"""The options of an emulator, which all of its sessions share. No I/O."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from ..protocol.models import MODELS, Model
from .access import NOTHING_REQUIRED, RequiredCredentials
from .core.behaviour import Behaviour, Echo
from .core.lifetime import UNLIMITED, Limits
from .faults import Faults
from .observer import Observe
from .pace import Pace
from .request_source import THIS_MACHINE, AllowedSources

if TYPE_CHECKING:
    from .core.script import Script
    from .expectations import ScriptCheck
    from .replay_library import ReplayLibrary


@dataclass(frozen=True)
class EmulatorOptions:
    """Options of an emulator.

    `behaviour` creates the model of a session; `required` are the credentials that clients need; `sources` are
    the hosts and pages that are answered; `models` are the known
    models by name; `limits` bound connections and sessions; `pace` is how fast audio is heard and sent. `faults` happen
    on every connection. With a `replay`, recorded connections are replayed instead of a model. `observers` are told
    what passes in each session, and `message_sinks` take the lines of the MessageLog. `check` is that of the script,
    whose observer is among `observers`, and `script` is what `behaviour` follows. Where it `speaks`, eSpeak NG says the
    words, and else they are tones. Where it `hears`, PocketSphinx recognizes speech, with the phrases of the script.
    """

    behaviour: Callable[[], Behaviour] = Echo
    required: RequiredCredentials = NOTHING_REQUIRED
    sources: AllowedSources = THIS_MACHINE
    models: Mapping[str, Model] = field(default_factory=lambda: MODELS)
    limits: Limits = UNLIMITED
    pace: Pace = Pace.INSTANT
    faults: Faults = field(default_factory=Faults)
    replay: ReplayLibrary | None = None
    observers: Sequence[Observe] = ()
    message_sinks: Sequence[Callable[[str], None]] = ()
    check: ScriptCheck | None = None
    script: Script | None = None
    speaks: bool = False
    hears: bool = False


DEFAULT_OPTIONS = EmulatorOptions()
"""An emulator that echoes, requires no credential and has no limits."""
