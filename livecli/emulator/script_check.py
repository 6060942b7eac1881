"""The observer that reports sessions to the check of a script: how many there are, and how they end."""

from __future__ import annotations

from dataclasses import dataclass

from .access import Service
from .expectations import ScriptCheck
from .observer import ClosedBy, SessionObserver


@dataclass(frozen=True)
class CheckedSessions:
    """Makes the observers of the sessions that `check` counts."""

    check: ScriptCheck

    def observe(self, number: int, service: Service) -> SessionObserver:
        """The observer of one session; see Observe."""
        self.check.note_connection()
        return _CheckedSession(self.check)


class _CheckedSession(SessionObserver):
    def __init__(self, check: ScriptCheck) -> None:
        self._check = check

    def closed(self, by: ClosedBy, code: int, reason: str) -> None:
        self._check.note_close(code)
