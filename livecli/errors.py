"""The errors that livecli raises, each with its exit status. Nothing else of livecli is imported here.

    LivecliError
    ├── CheckError          1   the run completed without the result that was expected
    ├── UsageError          2   the command line
    ├── FileError           3   a local file or audio device
    │   ├── OutputClosed  141   ... standard output, whose reader has closed it; no message is printed
    │   └── CannotRun     127   ... COMMAND, which does not exist; 126 if it exists and cannot be run
    ├── AuthError           4   no credential, or a credential that was refused
    ├── ConnectError        5   DNS, TCP, TLS, proxy, the upgrade
    ├── ServerError         6   the server refused or ended the session
    │   └── ProtocolError   6   ... or sent a message that the protocol does not allow
    ├── DeadlineError       7   a timeout
    ├── QuotaError          8   quota or overload; trying again later may help
    │   └── BudgetError     8   ... or --max-cost is reached, and the input was not sent
    └── Interrupted       130   Ctrl-C; 143 for SIGTERM

An exception outside this tree is a bug in livecli: status 70.

An error is complete when it is raised: all that is known of it is an argument of its constructor. Code that learns more
on the way raises `error.revised(...)`, or adds a note for programmers with `add_note`.
"""

from __future__ import annotations

# Type checkers know the name. Importing `typing` would be a third of `--version`.
TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Any, ClassVar, Literal, Self

    Retry = Literal["never", "resume", "later"]

BUG_STATUS = 70

# With several inputs the gravest status is the run's. The order is public interface.
GRAVEST_FIRST = (4, 5, 6, 7, 8, 3, 1, 0)

# A shorter text may stand anywhere by chance, so it is not taken for a secret.
SHORTEST_SECRET = 8


def gravest(statuses: Iterable[int]) -> int:
    """The exit status of a run of several inputs."""
    return min(statuses, key=lambda status: GRAVEST_FIRST.index(status) if status in GRAVEST_FIRST else -1)


class Advice:
    """The long form of an error, which `--explain` shows: its cause, and remedies in the order in which to try them.

    `source` is where the cause is known from.
    """

    __slots__ = ("cause", "remedies", "source")

    def __init__(self, cause: str | None = None, remedies: Iterable[str] = (), source: str | None = None) -> None:
        self.cause = cause
        self.remedies = tuple(remedies)
        self.source = source


class LivecliError(Exception):
    """An error: `message` is one line that says what is wrong, `hint` a second line that says what to do about it.

    `retry` is what may help: "never", "resume" (the session, at once, on a new connection) or "later" (after a pause, a
    new session). `retry_after_seconds` is the pause that the server asks for. `close_code` and `close_reason` are those
    of the WebSocket close that caused the error. `blamed` are the JSON paths of the setup's fields that a bisection
    found. `reply` is what came of the answer, a `livecli.Reply`, where `livecli.ask` or `livecli.send` raised the error
    after the run had begun. `status` is the class's exit status, `kind` its name in JSON.
    """

    status: ClassVar[int] = BUG_STATUS
    kind: ClassVar[str] = "bug"
    default_retry: ClassVar[Retry] = "never"

    def __init__(
        self,
        message: str,
        *,
        hint: str | None = None,
        advice: Advice | None = None,
        retry: Retry | None = None,
        retry_after_seconds: float | None = None,
        close_code: int | None = None,
        close_reason: str | None = None,
        blamed: tuple[str, ...] = (),
    ) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
        self.advice = advice or Advice()
        self.retry = retry or self.default_retry
        self.retry_after_seconds = retry_after_seconds
        self.close_code = close_code
        self.close_reason = close_reason
        self.blamed = blamed
        self.secrets: tuple[str, ...] = ()
        self.reply: Any = None

    def __str__(self) -> str:
        return self.message

    @property
    def exit_status(self) -> int:
        """The process's exit status when this error ends it."""
        return self.status

    def revised(self, **changes: Any) -> Self:
        """A copy with other values of the constructor's arguments, to be raised instead of this error.

        It keeps the traceback, the cause, the notes and the exit status. Raises TypeError for an unknown argument.
        """
        if unknown := changes.keys() - vars(self).keys():
            raise TypeError(f"{type(self).__name__} has no {', '.join(sorted(unknown))}")
        copy = type(self).__new__(type(self))
        vars(copy).update(vars(self) | changes)
        copy.args = (copy.message,)
        if notes := getattr(self, "__notes__", None):
            copy.__notes__ = [*notes]
        copy.__cause__, copy.__context__ = self.__cause__, self.__context__
        copy.__suppress_context__ = self.__suppress_context__
        return copy.with_traceback(self.__traceback__)

    def elide(self, secret: str) -> None:
        """Replace `secret`, which a server may have quoted, in this error and in the exceptions that led to it.

        An exception of a library whose text quotes it is replaced by an ElidedError with the same traceback. Texts of
        under SHORTEST_SECRET characters are no secrets.
        """
        if len(secret) >= SHORTEST_SECRET:
            self._elide_in_texts(secret)
            _elide_links(self, self, secret, {id(self): self})

    def _elide_in_texts(self, secret: str) -> None:
        clean, advice = self.without_secrets, self.advice
        self.secrets = (*self.secrets, secret)
        self.message = clean(self.message)
        self.args = (self.message,)
        self.hint = self.hint and clean(self.hint)
        self.close_reason = self.close_reason and clean(self.close_reason)
        self.advice = Advice(advice.cause and clean(advice.cause), map(clean, advice.remedies), advice.source)
        self.blamed = tuple(map(clean, self.blamed))
        if notes := getattr(self, "__notes__", None):
            self.__notes__ = [clean(note) for note in notes]

    def without_secrets(self, text: str) -> str:
        """`text`, such as this error's traceback, without the elided secrets."""
        for secret in self.secrets:
            text = text.replace(secret, "…")
        return text


class ElidedError(Exception):
    """Stand-in for an exception of a library that quoted a secret: its type, and its text without the secret.

    It is never raised, but is the cause or the context of a LivecliError.
    """


def _elide_links(error: BaseException, original: BaseException, secret: str, done: dict[int, BaseException]) -> None:
    """Give `error` the cause and the context of `original`, cleaned. `done` has what is clean, by the original's id."""
    cause, context, suppresses = original.__cause__, original.__context__, original.__suppress_context__
    error.__cause__ = cause and _without_secret(cause, secret, done)
    error.__context__ = context and _without_secret(context, secret, done)
    # Setting a cause has changed it.
    error.__suppress_context__ = suppresses


def _without_secret(error: BaseException, secret: str, done: dict[int, BaseException]) -> BaseException:
    if id(error) in done:
        return done[id(error)]
    found, notes = error, getattr(error, "__notes__", [])
    if isinstance(error, LivecliError):
        error._elide_in_texts(secret)
    elif isinstance(error, BaseExceptionGroup):
        found = error.derive([_without_secret(member, secret, done) for member in error.exceptions])
    elif secret in "\n".join([str(error), repr(error), *notes]):
        text = str(error) if isinstance(error, ElidedError) else f"{type(error).__name__}: {error}"
        found = ElidedError(text.replace(secret, "…"))
    done[id(error)] = found
    if found is not error:
        found.__notes__ = [note.replace(secret, "…") for note in notes]
    _elide_links(found, error, secret, done)
    return found.with_traceback(error.__traceback__)


class CheckError(LivecliError):
    """The run completed, and its result is not the expected one: no reply audio from a model asked for audio."""

    status, kind = 1, "check"


class UsageError(LivecliError):
    """Usage: the options exclude one another or cannot be understood."""

    status, kind = 2, "usage"


class FileError(LivecliError):
    """A local file or audio device cannot be read or written."""

    status, kind = 3, "file"


class OutputClosed(FileError):
    """Standard output was closed by its reader (`-o - | head -c 100`). No message is printed."""

    status = 141


class CannotRun(FileError):
    """COMMAND of `serve -- COMMAND` does not exist (127) or cannot be run (126), as with `env` and every shell."""

    def __init__(self, message: str, *, exit_status: int) -> None:
        super().__init__(message)
        self._exit_status = exit_status

    @property
    def exit_status(self) -> int:
        return self._exit_status


class AuthError(LivecliError):
    """There is no credential, or the service refused it."""

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
    """Quota, overload or budget: trying again later may help."""

    status, kind = 8, "quota"
    default_retry: ClassVar[Retry] = "later"


class BudgetError(QuotaError):
    """`--max-cost` is reached, and the input was not sent. It is reported once, for all inputs that were not."""

    default_retry = "never"


class Interrupted(LivecliError):
    """Interrupted: Ctrl-C (130) or SIGTERM (143)."""

    status, kind = 130, "interrupted"

    def __init__(self, message: str = "interrupted", *, exit_status: int = 130) -> None:
        super().__init__(message)
        self._exit_status = exit_status

    @property
    def exit_status(self) -> int:
        return self._exit_status


class ProcessKilled(LivecliError):
    """A process of `--processes` ended before its sessions were over, as one that runs out of memory does."""

    status, kind = 137, "interrupted"


def statuses() -> list[tuple[str, str]]:
    """Every exit status and its meaning, which is the first line of the class's docstring."""
    graded = (CheckError, UsageError, FileError, AuthError, ConnectError, ServerError, DeadlineError, QuotaError)
    return [
        ("0", "Done."),
        *((str(error.status), _meaning(error)) for error in graded),
        (str(BUG_STATUS), "A bug in livecli: please report the traceback to the project's issue tracker."),
        ("126, 127", _meaning(CannotRun)),
        ("130, 143", _meaning(Interrupted)),
        (str(ProcessKilled.status), _meaning(ProcessKilled)),
        (str(OutputClosed.status), _meaning(OutputClosed)),
    ]


def _meaning(error: type[LivecliError]) -> str:
    return (error.__doc__ or "").partition("\n")[0]
