"""`livecli report`, and `--report` of send and chat: one page of a session or of a batch."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.end_to_end.conftest import tone, write_wav
from tests.recorded_sessions import FOLDER

Livecli = Callable[..., Any]
KEY = "key-of-this-process-0123456789"


def test_a_recording_has_a_page(livecli: Livecli, tmp_path: Path) -> None:
    assert livecli("send", "--local", "--text", "Good morning", "-q", "--record", "run.live").status == 0
    ran = livecli("report", "run.live")
    assert (ran.status, ran.out, ran.err) == (0, "", "")
    page = (tmp_path / "run.html").read_text()
    assert "closed by the client (1000)" in page
    assert (tmp_path / "run.html").stat().st_mode & 0o777 == 0o600


def test_a_secret_in_a_recording_of_others_is_not_in_the_page(
    livecli: Livecli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GOOGLE_API_KEY", KEY)
    text = (FOLDER / "developer_3.1-live_tool_typed.live").read_text().replace("Please", f"{KEY} Please")
    (tmp_path / "in.live").write_text(
        text + f'[0.0, "close", {{"code": 1008, "reason": "not {KEY}", "by": "server"}}]\n'
    )
    assert livecli("report", "in.live", "-o", "out.html").status == 0
    assert KEY not in (tmp_path / "out.html").read_text()


def test_send_writes_a_page_and_no_recording(livecli: Livecli, tmp_path: Path) -> None:
    ran = livecli("send", "--local", "--text", "Good morning", "-q", "--report", "run.html")
    assert (ran.status, ran.err) == (0, "")
    assert [path.name for path in tmp_path.iterdir() if path.suffix in (".html", ".live", ".partial")] == ["run.html"]
    assert "<audio" in (tmp_path / "run.html").read_text()


def test_a_failed_run_has_a_page_that_says_why(livecli: Livecli, tmp_path: Path) -> None:
    ran = livecli(
        "send", "--local", "--text", "hi", "-q", "--model", "nope", "--report", "run.html", "--record", "r.live"
    )
    assert ran.status == 6
    assert "<b>failed</b>closed by the server (1008)" in (tmp_path / "run.html").read_text()
    assert (tmp_path / "r.live").exists()


def test_a_chat_has_one_page(converse: Livecli, tmp_path: Path) -> None:
    assert converse("one\ntwo\n", "--local", "-q", "--report", "talk.html").status == 0
    assert "2 turns answered" in (tmp_path / "talk.html").read_text()


def test_a_batch_has_a_row_for_each_file(livecli: Livecli, tmp_path: Path) -> None:
    for name in ("a.wav", "b<i>.wav"):
        write_wav(tmp_path / name, tone(1600))
    (tmp_path / "c.wav").write_bytes(b"RIFF")
    ran = livecli("send", "--local", "a.wav", "b<i>.wav", "c.wav", "-q", "--jobs", 2, "--report", "all.html")
    assert ran.status == 3
    page = (tmp_path / "all.html").read_text()
    assert re.findall(r'<a href="#run\d">(.*?)</a>', page) == ["a", "b&lt;i&gt;", "c"]
    assert page.count("<details") == 3
    assert page.count("<svg") == 2
    assert "1 failed" in page
    assert "2 succeeded" in page
    assert re.search(r"<td>first sound</td>(<td class=\"number\">[\d,]+ ms</td>){4}", page)


@pytest.mark.parametrize(
    ("words", "status", "error"),
    [
        (["report", "none.live"], 3, "error: cannot read none.live: No such file or directory\n"),
        (["report", "kept.live", "-o", "kept.live"], 2, "error: kept.live is not named as a page\n"),
        (["report", "kept.live", "-o", "no/x.html"], 3, "error: cannot write no/x.html: No such file or directory\n"),
        (["send", "--local", "--text", "x", "--report", "no/x.html"], 3, "error: cannot write no/x.html: No such file"),
        (["send", "--local", "--text", "x", "--report", "d.html"], 3, "error: cannot write d.html: Is a directory\n"),
        (
            ["send", "--local", "--text", "x", "--report", "x.txt"],
            2,
            "error: --report x.txt: a report is an .html file",
        ),
    ],
)
def test_what_cannot_be_written_is_said_first(
    livecli: Livecli, tmp_path: Path, words: list[str], status: int, error: str
) -> None:
    kept = '{"livecli": 1}\n[0.0, ">", {"setup": {}}]\n'
    (tmp_path / "kept.live").write_text(kept)
    (tmp_path / "d.html").mkdir()
    ran = livecli(*words)
    assert (ran.status, ran.out) == (status, "")
    assert ran.err.startswith(error)
    assert (tmp_path / "kept.live").read_text() == kept
