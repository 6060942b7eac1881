"""State that all connections of an emulator share: numbers, tokens, sessions to resume, and the message log.

This is the state of an emulator in one process. With several, it is in the first one, and `worker` has the class by
which the others use it.
"""

from __future__ import annotations

import itertools
import os
from collections.abc import Callable, Sequence
from datetime import UTC, datetime

from .access import CredentialError, RequiredCredentials, UpgradeRefusal
from .core.handles import HandleStore
from .ephemeral_tokens import EphemeralToken, TokenMint
from .message_log import LogStream, MessageLog

Headers = Sequence[tuple[str, str]]


class SharedState:
    """The state of an emulator that requires the credentials `required`, and whose message log goes to `sinks`.

    `sessions` are those that the connections of this process can resume, and `messages` is their log. `pid` is the
    process that ends the emulator, and `worker_pid` this one where it is another.
    """

    worker_pid: int | None = None

    def __init__(self, required: RequiredCredentials, sinks: Sequence[Callable[[str], None]] = ()) -> None:
        self.pid = os.getpid()
        self.sessions = HandleStore()
        self.messages = MessageLog(*sinks)
        self._numbers = itertools.count(1)
        self._mint = TokenMint(required)

    async def next_number(self) -> int:
        """The number of a new connection, from 1."""
        return next(self._numbers)

    async def create_token(self, path: str, headers: Headers, body: bytes) -> tuple[str, UpgradeRefusal | None]:
        """Create an ephemeral token. Returns the body of the response, and the refusal where it is one."""
        return self._mint.create(path, headers, body, datetime.now(UTC))

    async def token_in(self, path: str, headers: Headers) -> EphemeralToken | None:
        """The token of this emulator that a request holds, if it holds one."""
        return self._mint.token_in(path, headers)

    async def use_token(self, name: str, *, resumes: bool) -> CredentialError | None:
        """Open a session with a token, or resume one. Returns what is wrong with that, if anything."""
        return self._mint.use(name, datetime.now(UTC), resumes=resumes)

    async def find_session(self, handle: str) -> None:
        """Have the session of a handle among `sessions`, wherever it is. Raises Refusal where it has a connection."""

    async def log_stream(self, head: bytes) -> LogStream:
        """An HTTP response that begins with `head` and goes on with the lines of all connections, from now on."""
        return self.messages.stream(head)
