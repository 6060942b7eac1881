"""The frame of a page: its policy, style and script, and the escaping of all that a peer sent. No network.

The policy allows the style and the script by their hashes alone, so that nothing in the contents can run.
"""

from __future__ import annotations

import base64
import hashlib
import html
import re
from collections.abc import Iterable, Iterator
from pathlib import Path

STYLE = Path(__file__).with_name("page.css").read_text(encoding="utf-8")
FORBIDDEN = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff\u202a-\u202e\u2066-\u2069]")
"""Control characters, among them those that turn the direction of writing, and halves of pairs, which are no UTF-8."""
SCRIPT = Path(__file__).with_name("page.js").read_text(encoding="utf-8")


def escaped(text: object) -> str:
    """Text for an element or an attribute. Characters that no page may hold become U+FFFD."""
    return html.escape(FORBIDDEN.sub("\ufffd", str(text)))


def policy() -> str:
    """The content security policy: no network, no script or style but livecli's own."""
    script, style = (_digest(text) for text in (SCRIPT, STYLE))
    return f"default-src 'none'; script-src '{script}'; style-src '{style}'; media-src data:; base-uri 'none'"


def _digest(text: str) -> str:
    return f"sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}"


def document(title: str, body: Iterable[str]) -> Iterator[bytes]:
    """The parts of a page. `body` is HTML."""
    yield (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{policy()}">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        '<meta name="color-scheme" content="light dark">\n'
        f"<title>{escaped(title)}</title>\n<style>{STYLE}</style>\n</head>\n<body>\n<main>\n"
    ).encode()
    for part in body:
        yield part.encode()
    yield f"</main>\n<script>{SCRIPT}</script>\n</body>\n</html>\n".encode()


def section(title: str, body: str) -> str:
    """A part of a page with a heading. `body` is HTML."""
    return f"<section>\n<h2>{escaped(title)}</h2>\n{body}\n</section>\n"


def figures(rows: Iterable[tuple[str, str]]) -> str:
    """Names and values, side by side."""
    cells = "".join(f"<div><dt>{escaped(name)}</dt><dd>{escaped(value)}</dd></div>" for name, value in rows)
    return f'<dl class="figures">{cells}</dl>'
