"""What an answer cites, from metadata that may be anything."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from livecli.protocol.grounding import MAX_CHARACTERS, MAX_CITATIONS, Citation, citations, merged

KEYS = ["groundingChunks", "groundingSupports", "web", "uri", "title", "domain", "segment", "text"]
KEYS += ["groundingChunkIndices", "startIndex"]
anything = st.recursive(
    st.none() | st.booleans() | st.integers(-2, 5) | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from(KEYS), inner, max_size=4),
    max_leaves=30,
)


def chunk(uri: str, title: str = "") -> dict[str, object]:
    return {"web": {"uri": uri, "title": title}}


def test_pages_in_their_order_each_once_with_what_rests_on_them():
    metadata = {
        "groundingChunks": [chunk("u1", "One"), {"web": {"uri": "u2", "domain": "two.org"}}, chunk("u1", "Again")],
        "groundingSupports": [
            {"segment": {"text": "first"}, "groundingChunkIndices": [0, 1]},
            {"segment": {"text": "second"}, "groundingChunkIndices": [2, 9, -1, "0"]},
            {"segment": {"text": ""}, "groundingChunkIndices": [0]},
        ],
    }
    assert citations(metadata) == [Citation("One", "u1", ("first", "second")), Citation("two.org", "u2", ("first",))]


def test_a_second_report_adds_to_the_first():
    before = citations({"groundingChunks": [chunk("a"), chunk("b", "B")]})
    more = citations({"groundingChunks": [chunk("c"), chunk("a", "A")]})
    assert merged(before, more) == [Citation("A", "a"), Citation("B", "b"), Citation("", "c")]


def test_there_is_an_end_to_it():
    many = {"groundingChunks": [chunk(f"u{n}", "t" * 10_000) for n in range(1000)] + [chunk("x" * 10_000)]}
    found = citations(many)
    assert len(found) == MAX_CITATIONS
    assert {len(citation.title) for citation in found} == {MAX_CHARACTERS}


@settings(max_examples=20)
@given(anything)
def test_whatever_it_is_nothing_is_raised(metadata):
    for citation in citations(metadata):
        assert isinstance(citation.title, str)
        assert isinstance(citation.uri, str)
        assert all(isinstance(words, str) for words in citation.said)
