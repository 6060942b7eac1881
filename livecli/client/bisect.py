"""`--bisect-setup`: which field of a setup the service refuses without saying so, found by leaving parts of it out.

Each attempt is a session that is set up and closed again; nothing is ever said in one.
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

# A setup taken apart into the fields that it can do without, and put together again from some of them. Pure.
#
# What makes no sense in pieces (a system instruction, a function's declaration) is one leaf; the model is none.
Path = tuple[str | int, ...]
Leaf = tuple[Path, Any]

WHOLE = frozenset({"systemInstruction", "slidingWindow", "replicatedVoiceConfig", "customizedAvatar", "labels"})


def leaves(setup: dict[str, Any]) -> list[Leaf]:
    """Every field of `setup` but the model, by its path."""
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
    """The setup for `model` that holds these leaves and no others; lists close up."""
    tree: dict[Any, Any] = {}
    for path, value in sorted(chosen, key=lambda leaf: [(isinstance(key, int), key) for key in leaf[0]]):
        node = tree
        for key in path[:-1]:
            node = node.setdefault(key, {})
        node[path[-1]] = value
    return {"model": model, **{key: _closed_up(inner) for key, inner in tree.items()}}


def _closed_up(value: Any) -> Any:
    if not isinstance(value, dict):
        return value
    if value and all(isinstance(key, int) for key in value):
        return [_closed_up(inner) for inner in value.values()]
    return {key: _closed_up(inner) for key, inner in value.items()}


def json_path(path: Path) -> str:
    """As people write it: `tools[0].functionDeclarations[2]`."""
    return "".join(f"[{key}]" if isinstance(key, int) else f".{key}" for key in path).lstrip(".")


def under(leaf: Leaf, path: Path) -> bool:
    """Whether this leaf is a part of what is at `path`."""
    return leaf[0][: len(path)] == path


MOST_ATTEMPTS = 24
FEW = 4
"""Fields that are still told by name."""
PAUSE_SECONDS = 0.2
"""Between attempts: a service that counts sessions should not be the next to refuse."""

Refuses = Callable[[Sequence[Leaf]], Awaitable[bool]]


class _Stopped(Exception):
    """No more can be found out, for this reason."""


@dataclass
class Blame:
    """What was found. Each of `fields` is a JSON path that is refused, or several that are refused together.

    `model_alone`: the model is refused with no field beside it. `stopped`: why the search ended before its time.
    `otherwise`: what the service says of the setup without the fields, where it does not accept that either.
    """

    fields: list[tuple[str, ...]] = field(default_factory=list)
    model_alone: bool = False
    stopped: str | None = None
    otherwise: str | None = None


def is_unspecific(error: LivecliError) -> bool:
    """Whether this is a 1007 that names nothing."""
    reason = error.close_reason or ""
    return error.close_code == 1007 and (not reason or re.search(r"invalid.argument\.?$", reason) is not None)


async def bisect(
    setup: events.Setup, endpoint: Endpoint, credential: Credential, timeouts: Timeouts, reporter: Reporter
) -> Blame:
    """Find the fields of `setup`, which was refused, that are to blame. At most MOST_ATTEMPTS sessions are opened."""
    asked = setup_json(setup)
    attempts = _Attempts(asked, endpoint, credential, timeouts, reporter)
    blame = Blame()
    try:
        await _search(leaves(asked), attempts.refuses, blame)
    except _Stopped as stopped:
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
    """The fewest leaves that are refused together, by halving: one round finds the last leaf that it takes."""
    chosen: list[Leaf] = []
    while not chosen or not await refuses(chosen):
        if not candidates:
            raise _Stopped("what is refused differs from one attempt to the next")
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
    """The object around this field, if that is refused even with nothing in it."""
    while len(path) > 1 and not any(isinstance(key, int) for key in path) and await refuses([(path[:-1], {})]):
        path = path[:-1]
    return path


class _Attempts:
    """Sessions opened one after another. `otherwise` is what the last that was refused in other words was told."""

    def __init__(
        self,
        asked: dict[str, Any],
        endpoint: Endpoint,
        credential: Credential,
        timeouts: Timeouts,
        reporter: Reporter,
    ) -> None:
        self._model = asked["model"]
        self._fields = len(leaves(asked))
        self._where = (endpoint, credential)
        self._timeouts = timeouts
        self._reporter = reporter
        self._known: dict[tuple[Path, ...], bool] = {}
        self.otherwise: str | None = None

    async def refuses(self, chosen: Sequence[Leaf]) -> bool:
        """Whether a setup of these leaves alone is refused as the whole was."""
        paths = tuple(path for path, _ in chosen)
        if paths not in self._known:
            if len(self._known) == MOST_ATTEMPTS:
                raise _Stopped(f"stopped after {MOST_ATTEMPTS} attempts")
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
            async with open_authorised(*self._where, setup, self._timeouts, Reporter()):
                return None
        except ServerError as error:
            if error.close_code in (1007, 1008):
                return error
            raise _Stopped(error.message) from error
        except LivecliError as error:  # quota, the network, a timeout: nothing about the setup
            raise _Stopped(error.message) from error


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
    """What was found, in a sentence."""
    if blame.model_alone:
        return "the model alone is refused too, so no field is to blame: try another --model, --location or --platform"
    *first, last = ["", *(" together with ".join(paths) for paths in blame.fields)]
    named = f"{', '.join(first[1:])} and {last}" if first[1:] else last
    if not named:
        return f"the field to blame was not found: {blame.stopped}"
    said = f"{named} {'are each' if len(blame.fields) > 1 else 'is'} to blame"
    if blame.stopped:
        return f"{said}, and perhaps more: {blame.stopped}"
    if blame.otherwise:
        return f"{said}; without, {blame.otherwise}"
    return f"{said}: the setup is accepted without"
