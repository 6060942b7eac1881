"""Where an answer comes from: the web pages that `groundingMetadata` names. Pure; whatever it holds, nothing is raised.

Nothing here is made fit for a terminal: titles, addresses and words are the server's.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any

MAX_CITATIONS = 100
MAX_CHARACTERS = 2048
"""Of a title, an address and a part of the answer each: what is longer is cut, an address left out."""


@dataclass(frozen=True)
class Citation:
    """One page, and the parts of the answer that rest on it, as the server words them."""

    title: str
    uri: str
    said: tuple[str, ...] = ()

    def as_json(self) -> dict[str, str]:
        """As `--json` has it."""
        return {"title": self.title, "uri": self.uri}


def citations(metadata: Any) -> list[Citation]:
    """The pages of `groundingMetadata`, each once, in the order in which they are named."""
    chunks = _list(metadata, "groundingChunks")
    said: dict[int, list[str]] = {}
    for support in _list(metadata, "groundingSupports"):
        text = _text(_get(_get(support, "segment"), "text"))
        for index in _list(support, "groundingChunkIndices"):
            if text and isinstance(index, int):
                said.setdefault(index, []).append(text)
    found = (_citation(_get(chunk, "web"), said.get(n, [])) for n, chunk in enumerate(chunks))
    return merged([], (citation for citation in found if citation))


def merged(before: Iterable[Citation], more: Iterable[Citation]) -> list[Citation]:
    """Both, each address once: of one that is named again the parts of the answer are added."""
    by_uri: dict[str, Citation] = {}
    for citation in (*before, *more):
        known = by_uri.get(citation.uri)
        if known is None and len(by_uri) < MAX_CITATIONS:
            by_uri[citation.uri] = citation
        elif known is not None:
            said = tuple(dict.fromkeys((*known.said, *citation.said)))[:MAX_CITATIONS]
            by_uri[citation.uri] = replace(known, title=known.title or citation.title, said=said)
    return list(by_uri.values())


def _citation(web: Any, said: Iterable[str]) -> Citation | None:
    uri = _get(web, "uri")
    if not isinstance(uri, str) or not uri or len(uri) > MAX_CHARACTERS:
        return None
    title = _text(_get(web, "title")) or _text(_get(web, "domain"))
    return Citation(title, uri, tuple(dict.fromkeys(said))[:MAX_CITATIONS])


def _text(value: Any) -> str:
    return value[:MAX_CHARACTERS] if isinstance(value, str) else ""


def _get(value: Any, key: str) -> Any:
    return value.get(key) if isinstance(value, dict) else None


def _list(value: Any, key: str) -> list[Any]:
    items = _get(value, key)
    return items if isinstance(items, list) else []
