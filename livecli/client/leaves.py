"""A setup taken apart into the fields that it can do without, and put together again from some of them. Pure.

What makes no sense in pieces (a system instruction, a function's declaration) is one leaf; the model is none.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

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
