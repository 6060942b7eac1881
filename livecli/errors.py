"""Every error that livecli raises on purpose. Each class owns its exit status; nothing of ours is imported here.

    LivecliError
    ├── CheckError          1   it ran, and what was asked for did not hold
    ├── UsageError          2   the words on the command line
    ├── FileError           3   a local file or audio device
    │   ├── OutputClosed    3   ... whoever read the output has gone; ends quietly
    │   └── CannotRun     127   ... the COMMAND is not there; 126 where it is, and cannot be run
    ├── AuthError           4   no credential, or it was refused
    ├── ConnectError        5   DNS, TCP, TLS, proxy, the upgrade
    ├── ServerError         6   the server refused or ended the session
    │   └── ProtocolError   6   ... or said what the protocol does not allow
    ├── DeadlineError       7   a timeout
    ├── QuotaError          8   quota or overload, worth trying again later
    └── Interrupted       130   Ctrl-C; 143 for SIGTERM

An exception outside this tree is a bug in livecli: status 70.
"""

from __future__ import annotations

TYPE_CHECKING = False  # type checkers know the name; importing `typing` would be a third of `--version`
if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import ClassVar, Literal

    Retry = Literal["never", "resume", "later"]

BUG_STATUS = 70
GRAVEST_FIRST = (4, 5, 6, 7, 8, 3, 1, 0)
"""With several inputs the gravest status wins (the order is public interface)."""


def gravest(statuses: Iterable[int]) -> int:
    """The exit status of a run of several inputs."""
    return min(statuses, key=lambda status: GRAVEST_FIRST.index(status) if status in GRAVEST_FIRST else -1)


class LivecliError(Exception):
    """One line that says what is wrong, and where there is one a second that says what to do about it.

    `close_code` and `close_reason` are those of the WebSocket close that caused the error, if one did. `retry` is what
    may help: "never", "resume" (the session, at once, on a new connection) or "later" (after a pause, a fresh one);
    `retry_after_seconds` is the pause that the server asks for.
    `cause` and `remedies` (in the order to try) are the longer version, `source` where that is known from; `blamed` are
    the fields of the setup that a bisection found.
    """

    status: ClassVar[int] = BUG_STATUS
    kind: ClassVar[str] = "bug"
    retry: Retry = "never"
    retry_after_seconds: float | None = None
    cause: str | None = None
    remedies: tuple[str, ...] = ()
    source: str | None = None
    blamed: tuple[str, ...] = ()

    def __init__(
        self, message: str, *, hint: str | None = None, close_code: int | None = None, close_reason: str | None = None
    ) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
        self.close_code = close_code
        self.close_reason = close_reason
        self.secrets: tuple[str, ...] = ()

    @property
    def exit_status(self) -> int:
        """The process's exit status when this error ends it."""
        return self.status

    def elide(self, secret: str) -> None:
        """Leave `secret`, which a server may have quoted, out of all that is told. Under 8 characters it is none."""
        if len(secret) >= 8:
            self.secrets = (*self.secrets, secret)
            self.message = self.without_secrets(self.message)
            self.close_reason = self.close_reason and self.without_secrets(self.close_reason)

    def without_secrets(self, text: str) -> str:
        """`text`, such as this error's traceback, without what was elided."""
        for secret in self.secrets:
            text = text.replace(secret, "…")
        return text


class CheckError(LivecliError):
    """It ran, and what was asked for did not hold: no reply audio from a model asked for audio."""

    status, kind = 1, "check"


class UsageError(LivecliError):
    """Usage: the options contradict one another or cannot be understood."""

    status, kind = 2, "usage"


class FileError(LivecliError):
    """A local file or audio device cannot be read or written."""

    status, kind = 3, "file"


class OutputClosed(FileError):
    """Whoever read the output has gone (`-o - | head -c 100`): there is nobody left to tell."""


class CannotRun(FileError):
    """Of `serve -- COMMAND`: it is not there (127) or no program (126), as with `env` and every shell."""

    def __init__(self, message: str, *, exit_status: int) -> None:
        super().__init__(message)
        self._exit_status = exit_status

    @property
    def exit_status(self) -> int:
        return self._exit_status


class AuthError(LivecliError):
    """There is no credential, or the service refused the one there is."""

    status, kind = 4, "auth"


class ConnectError(LivecliError):
    """No connection: DNS, TCP, TLS, proxy, or an HTTP status on the upgrade that has no class of its own."""

    status, kind = 5, "connect"


class ServerError(LivecliError):
    """The server refused or ended the session before the run's end."""

    status, kind = 6, "server"


class ProtocolError(ServerError):
    """A message that the protocol does not allow: not JSON, of the wrong type, or out of order."""


class DeadlineError(LivecliError):
    """A timeout: the connection, the server's silence, or the whole run."""

    status, kind = 7, "timeout"


class QuotaError(LivecliError):
    """Quota or overload: worth trying again later."""

    status, kind = 8, "quota"
    retry = "later"


class Interrupted(LivecliError):
    """Interrupted: Ctrl-C (130) or SIGTERM (143)."""

    status, kind = 130, "interrupted"

    def __init__(self, message: str = "interrupted", *, exit_status: int = 130) -> None:
        super().__init__(message)
        self._exit_status = exit_status

    @property
    def exit_status(self) -> int:
        return self._exit_status


def statuses() -> list[tuple[str, str]]:
    """Every exit status and what it means, in the words of the classes above."""
    graded = (CheckError, UsageError, FileError, AuthError, ConnectError, ServerError, DeadlineError, QuotaError)
    return [
        ("0", "Done."),
        *((str(error.status), _meaning(error)) for error in graded),
        (str(BUG_STATUS), "A bug in livecli: a traceback, and where to report it."),
        ("126, 127", _meaning(CannotRun)),
        ("130, 143", _meaning(Interrupted)),
    ]


def _meaning(error: type[LivecliError]) -> str:
    return (error.__doc__ or "").partition("\n")[0]
