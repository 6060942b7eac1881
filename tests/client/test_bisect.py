"""A setup taken apart and put together: whole again from all its leaves, and legal from any of them."""

from hypothesis import given, settings
from hypothesis import strategies as st

from livecli.client.bisect import assemble, json_path, leaves

NAMES = st.sampled_from(["a", "b", "systemInstruction", "functionDeclarations", "labels"])
VALUES = st.recursive(
    st.none() | st.booleans() | st.text(max_size=3) | st.lists(st.integers(), max_size=2),
    lambda inner: st.dictionaries(NAMES, inner, max_size=3) | st.lists(st.dictionaries(NAMES, inner), max_size=3),
    max_leaves=12,
)


@settings(max_examples=20)
@given(st.dictionaries(NAMES, VALUES, max_size=4))
def test_all_leaves_make_the_whole(setup):
    assert assemble("m", leaves(setup | {"model": "m"})) == setup | {"model": "m"}


@settings(max_examples=20)
@given(st.dictionaries(NAMES, VALUES, max_size=4), st.data())
def test_some_leaves_make_a_setup_of_just_those(setup, data):
    every = leaves(setup)
    chosen = [leaf for leaf in every if data.draw(st.booleans())]
    left = leaves(assemble("m", chosen))  # an object may be a leaf of its own now that its lists are gone
    assert sorted(atoms(value for _, value in left)) == sorted(atoms(value for _, value in chosen))


def atoms(values):
    """What is in there, however it is nested."""
    for value in values:
        inner = list(value.values()) if isinstance(value, dict) else value if isinstance(value, list) else []
        yield from atoms(inner) if inner else [repr(value)]


def test_what_makes_no_sense_in_pieces_is_one_leaf():
    setup = {
        "model": "m",
        "systemInstruction": {"role": "user", "parts": [{"text": "x"}]},
        "tools": [{"functionDeclarations": [{"name": "f", "parameters": {"type": "OBJECT"}}]}, {"googleSearch": {}}],
        "generationConfig": {"temperature": 1, "thinkingConfig": {}},
    }
    assert [json_path(path) for path, _ in leaves(setup)] == [
        "systemInstruction",
        "tools[0].functionDeclarations[0]",
        "tools[1]",
        "generationConfig.temperature",
        "generationConfig.thinkingConfig",
    ]
