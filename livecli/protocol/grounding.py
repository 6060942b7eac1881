"""Citations: the web pages that `groundingMetadata` names as sources of an answer.

Malformed metadata raises no error. Titles, addresses and passages are the server's, and are not escaped.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any

MAX_CITATIONS = 100
"""Citations of an answer, and passages of a citation, that are kept."""

MAX_CHARACTERS = 2048
"""Characters of a title or a passage that are kept. A page with a longer address is left out."""


@dataclass(frozen=True)
class Citation:
    """A page, and the passages of the answer that rest on it."""

    title: str
    uri: str
    passages: tuple[str, ...] = ()

    def as_json(self) -> dict[str, str]:
        """The citation in the summary of `--json`."""
        return {"title": self.title, "uri": self.uri}


def citations(metadata: Any) -> list[Citation]:
    """The pages of `groundingMetadata`, each once, in its order."""
    chunks = _list(metadata, "groundingChunks")
    passages: dict[int, list[str]] = {}
    for support in _list(metadata, "groundingSupports"):
        text = _text(_get(_get(support, "segment"), "text"))
        for index in _list(support, "groundingChunkIndices"):
            if text and isinstance(index, int):
                passages.setdefault(index, []).append(text)
    found = (_citation(_get(chunk, "web"), passages.get(n, [])) for n, chunk in enumerate(chunks))
    return merged([], (citation for citation in found if citation))


def merged(before: Iterable[Citation], more: Iterable[Citation]) -> list[Citation]:
    """The citations of both, with one for each address, which has the passages of all."""
    by_uri: dict[str, Citation] = {}
    for citation in (*before, *more):
        known = by_uri.get(citation.uri)
        if known is None and len(by_uri) < MAX_CITATIONS:
            by_uri[citation.uri] = citation
        elif known is not None:
            passages = tuple(dict.fromkeys((*known.passages, *citation.passages)))[:MAX_CITATIONS]
            by_uri[citation.uri] = replace(known, title=known.title or citation.title, passages=passages)
    return list(by_uri.values())


def _citation(web: Any, passages: Iterable[str]) -> Citation | None:
    uri = _get(web, "uri")
    if not isinstance(uri, str) or not uri or len(uri) > MAX_CHARACTERS:
        return None
    title = _text(_get(web, "title")) or _text(_get(web, "domain"))
    return Citation(title, uri, tuple(dict.fromkeys(passages))[:MAX_CITATIONS])


def _text(value: Any) -> str:
    return value[:MAX_CHARACTERS] if isinstance(value, str) else ""


def _get(value: Any, key: str) -> Any:
    return value.get(key) if isinstance(value, dict) else None


def _list(value: Any, key: str) -> list[Any]:
    items = _get(value, key)
    return items if isinstance(items, list) else []
