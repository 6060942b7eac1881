"""Markdown that arrives in pieces."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from livecli.console.terminal.markdown_stream import MarkdownStream
from livecli.console.terminal.rows import plain
from tests.cases import in_one_test


def joined(fragments):
    """Neighbours of one style as one."""
    merged = []
    for style, text in fragments:
        if merged and merged[-1][0] == style:
            merged[-1] = style, merged[-1][1] + text
        else:
            merged.append((style, text))
    return merged


def shown(*pieces, **options):
    stream = MarkdownStream(**options)
    return joined([fragment for piece in pieces for fragment in stream.feed(piece)] + stream.finish())


@in_one_test(
    ("text", "fragments"),
    [
        ("plain", [("", "plain")]),
        ("a **b c** d", [("", "a "), ("class:strong", "b c"), ("", " d")]),
        ("a *b* d", [("", "a "), ("class:emphasis", "b"), ("", " d")]),
        ("run `ls **` now", [("", "run "), ("class:code", "ls **"), ("", " now")]),
        ("**b `c`**", [("class:strong", "b "), ("class:strong class:code", "c")]),
        ("## Title\ntext", [("class:heading", "Title"), ("", "\ntext")]),
        ("* one\n  - two", [("", "• one\n  • two")]),
        ("2 * 3 * 4, 2*3*4 and snake_case_name", [("", "2 * 3 * 4, 2*3*4 and snake_case_name")]),
        (r"\*not\* \`this\`", [("", "*not* `this`")]),
        (r"C:\dir\*.* and \alpha", [("", r"C:\dir*.* and \alpha")]),
        (
            "- a:\n      ```\n      **x**\n      ```",
            [
                ("", "• a:\n"),
                ("class:note", "      ```"),
                ("", "\n"),
                ("class:block", "      **x**"),
                ("", "\n"),
                ("class:note", "      ```"),
            ],
        ),
        ("**open\nnext", [("class:strong", "open"), ("", "\nnext")]),
        ("#hashtag", [("", "#hashtag")]),
        (
            "```py\n# **x**\n- y\n```\nend",
            [
                *[("class:note", "```py"), ("", "\n"), ("class:block", "# **x**"), ("", "\n"), ("class:block", "- y")],
                *[("", "\n"), ("class:note", "```"), ("", "\nend")],
            ],
        ),
        ("| a | b |\n[x](https://a.example)", [("", "| a | b |\n[x](https://a.example)")]),
    ],
)
def test_styles(text, fragments):
    assert shown(text) == fragments
    assert shown(*text) == fragments, "one character at a time"


def test_code_keeps_its_backquotes_where_there_are_no_colours():
    assert plain(shown("run `ls`", in_colour=False)) == "run `ls`"


def test_text_is_shown_as_soon_as_it_is_certain():
    stream = MarkdownStream()
    assert plain(stream.feed("one two")) == "one two"
    assert plain(stream.feed(" *")) == " "
    assert stream.feed("three") == [("class:emphasis", "three")]


@settings(max_examples=20)
@given(st.text("ab *`#-\\\n", max_size=40), st.integers(0, 40))
def test_the_pieces_make_no_difference(text, place):
    assert shown(text[:place], text[place:]) == shown(text)
