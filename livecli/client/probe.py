"""Probe for `auth status --online` and `auth login`: opens a session and closes it, to see whether that works."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from ..credentials import Credential
from ..errors import AuthError, LivecliError, QuotaError, ServerError
from ..protocol import events
from ..protocol.endpoint import Endpoint
from ..protocol.setup import SetupOptions, setup
from ..report.reporter import Reporter
from ..report.summary import milliseconds, rounded
from .open import Timeouts, open_authorised

_MISSING = re.compile(r"is not supported in the live api|is not found for API version|Publisher Model .* was not found")


@dataclass(frozen=True)
class Probe:
    """Result of a probe. None is unknown; latencies are in seconds."""

    error: LivecliError | None = None
    connected: bool = False
    connect_seconds: float | None = None
    setup_seconds: float | None = None

    @property
    def reachable(self) -> bool:
        """Whether a server answered, if only to refuse."""
        return self.connected or isinstance(self.error, (AuthError, QuotaError))

    @property
    def accepted(self) -> bool | None:
        """Whether the credential was accepted."""
        known = ((type(None), True), (AuthError, False), (ServerError, True))
        return next((accepted for kind, accepted in known if isinstance(self.error, kind)), None)

    @property
    def model_available(self) -> bool | None:
        """Whether the model is available. Not every refusal says so."""
        if self.error is None:
            return True
        return False if _MISSING.search(self.error.close_reason or "") else None

    def as_json(self) -> dict[str, Any]:
        """The object of `--json`."""
        return {
            "reachable": self.reachable,
            "accepted": self.accepted,
            "model_available": self.model_available,
            "latency_ms": {
                "connect": rounded(milliseconds(self.connect_seconds), 3),
                "setup": rounded(milliseconds(self.setup_seconds), 3),
            },
        }


async def probe(endpoint: Endpoint, credential: Credential, timeouts: Timeouts) -> Probe:
    """Open a session, complete its setup, close it. An error is the probe's `error`, and not raised."""
    watch = _Watch()
    # The setup of a text turn: it has nothing that a model could refuse but the model.
    opening = setup(endpoint, SetupOptions(transcripts=False, activity=None))
    try:
        async with open_authorised(endpoint, credential, opening, timeouts, watch) as session:
            return Probe(None, True, session.timings.connect, session.timings.setup)
    except LivecliError as error:
        return Probe(error, watch.was_connected)


class _Watch(Reporter):
    """Notes that the connection was made, which a later error does not say."""

    def __init__(self) -> None:
        self.was_connected = False

    def event(self, direction: str, event: events.Event, at: float) -> None:
        self.was_connected = True
