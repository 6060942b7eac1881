"""Markdown in a terminal: what the topics of `livecli help` use, in any width, and without a loss of words."""

import re

import pytest

from livecli.cli.help import TOPICS, topic_text
from livecli.console.markdown import render

DOCUMENT = """\
# Heading

A paragraph with `some code`, a **strong word**, *emphasis* and a [link](other.md)
over two lines.

![A picture](picture.svg)

* one
* two, which is longer than a line and goes on
  below the first

```console
$ livecli send
answer *as it is*
```

| name | meaning |
|---|---|
| `a \\| b` | first |
| c | the second, which has many words |
"""


def without_codes(text):
    return re.sub(r"\x1b\[[\d;]*m", "", text)


def test_a_document_in_plain_text():
    assert (
        render(DOCUMENT, width=40, in_colour=False)
        == """\
Heading

A paragraph with `some code`, a strong
word, emphasis and a link over two
lines.

* one
* two, which is longer than a line and
  goes on below the first

    $ livecli send
    answer *as it is*

name     meaning
───────  ───────────────────────────────
`a | b`  first
c        the second, which has many
         words
"""
    )


def test_colours_stand_for_the_marks():
    text = render(DOCUMENT, width=100, in_colour=True)
    assert "\x1b[1mHeading\x1b[0m" in text
    assert "\x1b[36msome\x1b[0m \x1b[36mcode\x1b[0m, a \x1b[1mstrong\x1b[0m \x1b[1mword\x1b[0m," in text
    assert "\x1b[3memphasis\x1b[0m" in text
    assert "\x1b[1;36m$ livecli send\x1b[0m\n" in text
    assert "\x1b[36ma\x1b[0m \x1b[36m|\x1b[0m \x1b[36mb\x1b[0m  first" in text
    assert "`" not in text


def test_the_address_of_a_link_that_leaves_the_project_is_kept():
    assert (
        render("See [a page](https://a.example/b).", width=80, in_colour=False) == "See a page (https://a.example/b).\n"
    )


def test_a_long_word_in_a_cell_is_broken_and_in_a_paragraph_is_not():
    word = "x" * 50
    assert render(word, width=20, in_colour=False) == f"{word}\n"
    table = render(f"| a | b |\n|---|---|\n| one | {word} |\n", width=30, in_colour=False)
    assert max(map(len, table.splitlines())) <= 30
    assert table.count("x") == 50


@pytest.mark.parametrize("topic", TOPICS)
@pytest.mark.parametrize("width", [60, 80, 120])
def test_each_topic_fits_and_keeps_its_words(topic, width):
    source = topic_text(topic)
    text = render(source, width=width, in_colour=True)
    plain = without_codes(text)
    code = {
        f"    {line}" for block in re.findall(r"^```\w*\n(.*?)^```", source, re.S | re.M) for line in block.splitlines()
    }
    assert not [line for line in plain.splitlines() if len(line) > width and line not in code and "http" not in line]
    shown = "".join(re.findall(r"\w+", plain))
    links = re.sub(r"!\[[^\]]*\]\([^)]*\)|\]\((?!http)[^)]*\)|^```\w*$", " ", source, flags=re.M)
    in_order = [word for line in links.splitlines() if not line.startswith("|") for word in re.findall(r"\w+", line)]
    at = 0
    for word in in_order:
        at = shown.index(word, at) + len(word)
