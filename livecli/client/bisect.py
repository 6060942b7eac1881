"""`--bisect-setup`: searches for the field of a setup that the service refuses without naming it.

Each attempt is a session that is set up with some of the fields and closed again. Nothing else is sent in one.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from ..credentials import Credential
from ..errors import Advice, LivecliError, ServerError
from ..protocol import events, messages
from ..protocol.codec import setup_json
from ..protocol.endpoint import Endpoint
from ..report.reporter import Reporter
from .open import Timeouts, open_authorised

Path = tuple[str | int, ...]
"""Keys and list indices that lead to a field."""

Leaf = tuple[Path, Any]
"""A field that can be left out, and its value."""

# What makes no sense in pieces is one leaf, as is a function's declaration.
WHOLE = frozenset({"systemInstruction", "slidingWindow", "replicatedVoiceConfig", "customizedAvatar", "labels"})


def leaves(setup: dict[str, Any]) -> list[Leaf]:
    """Every field of `setup` that can be left out: all but the model."""
    return [leaf for leaf in _leaves((), setup) if leaf[0] not in ((), ("model",))]


def _leaves(path: Path, value: Any) -> Iterator[Leaf]:
    inner = _parts(path, value)
    if not inner:
        yield path, value
    for key, part in inner:
        yield from _leaves((*path, key), part)


def _parts(path: Path, value: Any) -> list[tuple[str | int, Any]]:
    if isinstance(value, dict) and not WHOLE.intersection(path):
        inside_list = any(isinstance(key, int) for key in path)
        return [] if inside_list and not any(map(_is_list_of_objects, value.values())) else list(value.items())
    return list(enumerate(value)) if _is_list_of_objects(value) else []


def _is_list_of_objects(value: Any) -> bool:
    return isinstance(value, list) and bool(value) and all(isinstance(item, dict) for item in value)


def assemble(model: str, chosen: Iterable[Leaf]) -> dict[str, Any]:
    """The setup for `model` with the `chosen` leaves and no others. Lists have no gaps."""
    tree: dict[Any, Any] = {}
    for path, value in sorted(chosen, key=lambda leaf: [(isinstance(key, int), key) for key in leaf[0]]):
        node = tree
        for key in path[:-1]:
            node = node.setdefault(key, {})
        node[path[-1]] = value
    return {"model": model, **{key: _without_gaps(inner) for key, inner in tree.items()}}


def _without_gaps(value: Any) -> Any:
    if not isinstance(value, dict):
        return value
    if value and all(isinstance(key, int) for key in value):
        return [_without_gaps(inner) for inner in value.values()]
    return {key: _without_gaps(inner) for key, inner in value.items()}


def json_path(path: Path) -> str:
    """`path` as a JSON path: `tools[0].functionDeclarations[2]`."""
    return "".join(f"[{key}]" if isinstance(key, int) else f".{key}" for key in path).lstrip(".")


def under(leaf: Leaf, path: Path) -> bool:
    """Whether `leaf` is at `path`, or inside of it."""
    return leaf[0][: len(path)] == path


# Sessions that one search may open.
MOST_ATTEMPTS = 24

# Fewer fields than this are reported by name.
FEW = 4

# Pause between two attempts, so that the search does not meet a limit on the rate of sessions.
PAUSE_SECONDS = 0.2

Refuses = Callable[[Sequence[Leaf]], Awaitable[bool]]
"""Opens a session whose setup has these leaves, and returns whether it was refused as the whole setup was."""


class _SearchStopped(Exception):
    """The search cannot go on; the message says why."""


@dataclass
class Blame:
    """Result of a search. Each of `fields` is the JSON path of a refused field, or several refused only together.

    `model_alone` is whether the model is refused without any field. `stopped` is why the search ended early, if it did.
    `otherwise` is the service's message where it refuses the setup without those fields for another reason.
    """

    fields: list[tuple[str, ...]] = field(default_factory=list)
    model_alone: bool = False
    stopped: str | None = None
    otherwise: str | None = None


def is_unspecific(error: LivecliError) -> bool:
    """Whether `error` is a 1007 that names no field."""
    reason = error.close_reason or ""
    return error.close_code == 1007 and (not reason or re.search(r"invalid.argument\.?$", reason) is not None)


async def bisect(
    setup: events.Setup, endpoint: Endpoint, credential: Credential, timeouts: Timeouts, reporter: Reporter
) -> Blame:
    """Find the fields for which `setup` was refused. At most MOST_ATTEMPTS sessions are opened."""
    whole = setup_json(setup)
    attempts = _Attempts(whole, endpoint, credential, timeouts, reporter)
    blame = Blame()
    try:
        await _search(leaves(whole), attempts.refuses, blame)
    except _SearchStopped as stopped:
        blame.stopped = str(stopped)
    blame.otherwise = attempts.otherwise
    return blame


async def _search(rest: list[Leaf], refuses: Refuses, blame: Blame) -> None:
    if await refuses([]):
        blame.model_alone = True
        return
    refused = True
    while refused:
        found = await _smallest(rest, refuses)
        paths = [await _widest(found[0][0], refuses)] if len(found) == 1 else [path for path, _ in found]
        blame.fields.append(tuple(map(json_path, paths)))
        rest = [leaf for leaf in rest if not any(under(leaf, path) for path in paths)]
        refused = bool(rest) and await refuses(rest)


async def _smallest(candidates: list[Leaf], refuses: Refuses) -> list[Leaf]:
    """The fewest leaves that are refused together. Each round finds the last of them by halving."""
    chosen: list[Leaf] = []
    while not chosen or not await refuses(chosen):
        if not candidates:
            raise _SearchStopped("what is refused differs from one attempt to the next")
        accepted, refused = 0, len(candidates)
        while refused - accepted > 1:
            middle = (accepted + refused) // 2
            if await refuses([*chosen, *candidates[:middle]]):
                refused = middle
            else:
                accepted = middle
        chosen.append(candidates[refused - 1])
        candidates = candidates[: refused - 1]
    return chosen


async def _widest(path: Path, refuses: Refuses) -> Path:
    """The path of the outermost object around `path` that is refused even when it is empty, else `path`."""
    while len(path) > 1 and not any(isinstance(key, int) for key in path) and await refuses([(path[:-1], {})]):
        path = path[:-1]
    return path


class _Attempts:
    """Sessions opened one after another. `otherwise` is the message of the last that was refused for another reason."""

    def __init__(
        self,
        whole: dict[str, Any],
        endpoint: Endpoint,
        credential: Credential,
        timeouts: Timeouts,
        reporter: Reporter,
    ) -> None:
        self._model = whole["model"]
        self._fields = len(leaves(whole))
        self._endpoint, self._credential = endpoint, credential
        self._timeouts = timeouts
        self._reporter = reporter
        self._known: dict[tuple[Path, ...], bool] = {}
        self.otherwise: str | None = None

    async def refuses(self, chosen: Sequence[Leaf]) -> bool:
        """Whether a setup of the `chosen` leaves alone is refused as the whole was."""
        paths = tuple(path for path, _ in chosen)
        if paths not in self._known:
            if len(self._known) == MOST_ATTEMPTS:
                raise _SearchStopped(f"stopped after {MOST_ATTEMPTS} attempts")
            await asyncio.sleep(PAUSE_SECONDS)
            self._known[paths] = await self._try(chosen)
        return self._known[paths]

    async def _try(self, chosen: Sequence[Leaf]) -> bool:
        error = await self._error(events.Setup(messages.Setup(model=self._model), assemble(self._model, chosen)))
        refused = error is not None and is_unspecific(error)
        self.otherwise = error.message if error and not refused else None
        few = ", ".join(json_path(path) for path, _ in chosen) or "the model alone"
        fields = few if len(chosen) < FEW else f"{len(chosen)} of {self._fields} fields"
        self._reporter.remark(f"attempt {len(self._known) + 1}: {'refused' if error else 'accepted'} with {fields}")
        return refused

    async def _error(self, setup: events.Setup) -> LivecliError | None:
        try:
            async with open_authorised(self._endpoint, self._credential, setup, self._timeouts, Reporter()):
                return None
        except ServerError as error:
            if error.close_code in (1007, 1008):
                return error
            raise _SearchStopped(error.message) from error
        # Quota, the network, a timeout: nothing about the setup.
        except LivecliError as error:
            raise _SearchStopped(error.message) from error


def with_blame(error: LivecliError, blame: Blame) -> LivecliError:
    """`error` with the result of a bisection as its hint."""
    advice, hint = error.advice, verdict(blame)
    remedies = (hint, *(text for text in advice.remedies if "--bisect-setup" not in text))
    return error.revised(
        hint=hint,
        advice=Advice(advice.cause, remedies, advice.source),
        blamed=tuple(path for together in blame.fields for path in together),
    )


def verdict(blame: Blame) -> str:
    """The result in a sentence."""
    if blame.model_alone:
        return "the model alone is refused too, so no field is to blame: try another --model, --location or --platform"
    *first, last = ["", *(" together with ".join(paths) for paths in blame.fields)]
    named = f"{', '.join(first[1:])} and {last}" if first[1:] else last
    if not named:
        return f"the field to blame was not found: {blame.stopped}"
    found = f"{named} {'are each' if len(blame.fields) > 1 else 'is'} to blame"
    if blame.stopped:
        return f"{found}, and perhaps more: {blame.stopped}"
    if blame.otherwise:
        return f"{found}; without, {blame.otherwise}"
    return f"{found}: the setup is accepted without"
