"""The frame of a page."""

from __future__ import annotations

import base64
import hashlib
import re

from livecli.page.document import SCRIPT, document, escaped


def test_whatever_a_peer_sent_is_text() -> None:
    assert escaped("<b onclick='x'>&\"") == "&lt;b onclick=&#x27;x&#x27;&gt;&amp;&quot;"
    assert escaped("a\x00\x1b\x9b\ud800\u202eb\tc\n") == "a\ufffd\ufffd\ufffd\ufffd\ufffdb\tc\n"


def test_nothing_runs_but_the_script_of_the_page_and_nothing_is_fetched() -> None:
    page = b"".join(document("<i>", ["body"])).decode()
    assert "<title>&lt;i&gt;</title>" in page
    [policy] = re.findall(r'Content-Security-Policy" content="(.*?)"', page)
    for kind, pattern in (("script", r"<script>(.*?)</script>"), ("style", r"<style>(.*?)</style>")):
        [text] = re.findall(pattern, page, re.DOTALL)
        digest = base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
        assert f"{kind}-src 'sha256-{digest}'" in policy
    assert policy.startswith("default-src 'none'; ")
    assert "unsafe" not in policy
    assert "http" not in page.replace("http-equiv", "")
    assert len(SCRIPT) < 60_000
