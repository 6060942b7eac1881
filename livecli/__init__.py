"""livecli: what curl is to HTTP, for Google's Gemini Live API.

To read the code, begin with `protocol.events` (the messages) and `protocol.machine` (their legal order); then
`client.session`, `client.turn` and `runs.request` (a session, a question with its answer, a whole run),
`emulator.core.conversation` (the other side) and `cli.send` (the options). Programs use `ask`, `send`, `connect` and
`serve`. Public names are imported when they are first used.
"""

from __future__ import annotations

__version__ = "0.1.0"

TYPE_CHECKING = False  # Type checkers know the name. Importing `typing` would be a third of `--version`.
if TYPE_CHECKING:
    from typing import Any

    from .api import ask as ask
    from .api import connect as connect
    from .api import send as send
    from .api import serve as serve
    from .client.session import Session as Session
    from .embedded import LocalServer as LocalServer
    from .errors import AuthError as AuthError
    from .errors import CheckError as CheckError
    from .errors import ConnectError as ConnectError
    from .errors import DeadlineError as DeadlineError
    from .errors import FileError as FileError
    from .errors import LivecliError as LivecliError
    from .errors import ProtocolError as ProtocolError
    from .errors import QuotaError as QuotaError
    from .errors import ServerError as ServerError
    from .errors import UsageError as UsageError
    from .protocol.events import ActivityEnd as ActivityEnd
    from .protocol.events import ActivityStart as ActivityStart
    from .protocol.events import AudioChunk as AudioChunk
    from .protocol.events import AudioStreamEnd as AudioStreamEnd
    from .protocol.events import ClientTurns as ClientTurns
    from .protocol.events import Event as Event
    from .protocol.events import GenerationComplete as GenerationComplete
    from .protocol.events import GoAway as GoAway
    from .protocol.events import Image as Image
    from .protocol.events import InputTranscript as InputTranscript
    from .protocol.events import Interrupted as Interrupted
    from .protocol.events import ModelText as ModelText
    from .protocol.events import OutputTranscript as OutputTranscript
    from .protocol.events import SetupComplete as SetupComplete
    from .protocol.events import Text as Text
    from .protocol.events import Thought as Thought
    from .protocol.events import ToolCall as ToolCall
    from .protocol.events import ToolCallCancellation as ToolCallCancellation
    from .protocol.events import ToolResponse as ToolResponse
    from .protocol.events import TurnComplete as TurnComplete
    from .protocol.events import Usage as Usage
    from .report.reply import Reply as Reply
    from .report.summary import Summary as Summary

_HOMES = {
    "api": "ask connect send serve",
    "client.session": "Session",
    "embedded": "LocalServer",
    "report.reply": "Reply",
    "report.summary": "Summary",
    "errors": "AuthError CheckError ConnectError DeadlineError FileError LivecliError ProtocolError QuotaError "
    "ServerError UsageError",
    "protocol.events": "ActivityEnd ActivityStart AudioChunk AudioStreamEnd ClientTurns Event GenerationComplete "
    "GoAway Image InputTranscript Interrupted ModelText OutputTranscript SetupComplete Text Thought ToolCall "
    "ToolCallCancellation ToolResponse TurnComplete Usage",
}
_HOME_OF = {name: module for module, names in _HOMES.items() for name in names.split()}

__all__ = ["__version__", *sorted(_HOME_OF)]  # noqa: PLE0604 - all are strings


def __getattr__(name: str) -> Any:
    if name not in _HOME_OF:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    value = getattr(import_module(f".{_HOME_OF[name]}", __name__), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return __all__
