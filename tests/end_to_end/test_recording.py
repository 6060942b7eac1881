"""`livecli recording`: recordings checked, drawn and converted."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from livecli.recording.format import read_live
from tests.recorded_sessions import FOLDER

Livecli = Callable[..., Any]
TYPED = FOLDER / "developer_3.1-live_tool_typed.live"
KEY = "key-of-this-process-0123456789"


@pytest.fixture
def run(livecli: Livecli, tmp_path: Path) -> Iterator[Livecli]:
    assert livecli("send", "--local", "--text", "Good morning", "-q", "--record", "run.live").status == 0
    yield livecli


def test_a_recording_of_livecli_is_valid_and_is_drawn(run: Livecli) -> None:
    ran = run("recording", "validate", "run.live")
    assert (ran.status, ran.err) == (0, "")
    assert re.fullmatch(r"run\.live: 1 connection, \d+ frames, \d+\.\d s, closed by the client \(1000\)\n", ran.out)
    ran = run("recording", "show", "run.live")
    assert (ran.status, ran.err) == (0, "")
    assert ran.out.startswith("vertex · gemini-3.8-live · 20")
    assert "\n" + "gemini  " in ran.out
    assert "> text {" in ran.out
    assert ran.out.endswith("close 1000, by the client\n")


def test_every_line_fits_the_published_schema(run: Livecli, tmp_path: Path) -> None:
    [schema] = re.findall(r"^```json\n(.*?)^```", run("help", "recordings").out, re.DOTALL | re.MULTILINE)
    validator = jsonschema.Draft202012Validator(json.loads(schema))
    for path in (tmp_path / "run.live", *FOLDER.glob("*.live")):
        for line in path.read_text().splitlines():
            validator.validate(json.loads(line))
    for wrong in ({}, [0.0, "up", {}], [-1, ">", {}], [0.0, ">", []], [0.0, "close", {}], [0.0, ">", {}, "x"]):
        assert not validator.is_valid(wrong)


@pytest.mark.parametrize("extension", ["har", "yaml", "websocket.log"])
def test_a_recording_is_converted_there_and_back(run: Livecli, tmp_path: Path, extension: str) -> None:
    assert run("recording", "convert", "run.live", f"x.{extension}").status == 0
    assert run("recording", "convert", f"x.{extension}", "back.live").status == 0
    first, back = (read_live((tmp_path / name).read_bytes()) for name in ("run.live", "back.live"))
    assert [json.loads(frame.data) for frame in back.frames] == [json.loads(frame.data) for frame in first.frames]
    assert (tmp_path / "back.live").stat().st_mode & 0o777 == 0o600


def test_secrets_do_not_pass_a_conversion(livecli: Livecli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GOOGLE_API_KEY", KEY)
    text = TYPED.read_text() + f'[0.0, "close", {{"code": 1008, "reason": "not {KEY}", "by": "server"}}]\n'
    text = text.replace("Please", f"{KEY} Please").replace("}\n", f', "url": "ws://h/?key={KEY}"}}\n', 1)
    (tmp_path / "in.live").write_text(text)
    for name in ("out.har", "out.live", "out.yaml"):
        assert livecli("recording", "convert", "in.live", name).status == 0
        assert KEY not in (tmp_path / name).read_text()


def test_ids_are_renamed_on_request(livecli: Livecli, tmp_path: Path) -> None:
    [name] = set(re.findall(r'"id": "(.*?)"', TYPED.read_text()))
    assert livecli("recording", "convert", TYPED, "out.live", "--record-anonymous").status == 0
    assert name not in (tmp_path / "out.live").read_text()


@pytest.mark.parametrize(
    ("words", "status", "error"),
    [
        (["validate", "none.live"], 3, "error: cannot read none.live: No such file or directory\n"),
        (["show", "wrong.live"], 3, "error: wrong.live:2: it is neither a header nor a frame"),
        (["convert", "run.live", "run.json"], 2, "error: run.json is not named as a recording\n"),
        (["convert", "run.live", "./run.live"], 2, "error: ./run.live would overwrite the recording itself\n"),
        (["convert", "run.live", "none/run.har"], 3, "error: cannot write none/run.har: No such file or directory\n"),
        (["convert", "none.har", "run.live"], 3, "error: cannot read none.har: No such file or directory\n"),
    ],
)
def test_what_cannot_be_done_is_said_and_nothing_is_lost(
    livecli: Livecli, tmp_path: Path, words: list[str], status: int, error: str
) -> None:
    kept = '{"livecli": 1}\n[0.0, ">", {"setup": {}}]\n'
    (tmp_path / "run.live").write_text(kept)
    (tmp_path / "wrong.live").write_text('{"livecli": 1}\nnonsense\n')
    ran = livecli("recording", *words)
    assert (ran.status, ran.out) == (status, "")
    assert ran.err.startswith(error)
    assert (tmp_path / "run.live").read_text() == kept
    assert sorted(path.name for path in tmp_path.glob("*.*")) == ["run.live", "wrong.live"]


def test_what_is_wrong_in_a_recording_has_a_line(livecli: Livecli, tmp_path: Path) -> None:
    lines = ['{"livecli": 1}', '[0.0, ">", {"setup": {}}]', '[0.0, ">", {"set\\u001bups": 1}]', '[0.5, "']
    (tmp_path / "run.live").write_text("\n".join(lines))
    ran = livecli("recording", "validate", "run.live")
    assert ran.status == 1
    problem, contents = ran.out.splitlines()
    assert problem.startswith("run.live:3: not a message of a client: ")
    assert "\x1b" not in ran.out
    assert contents == "run.live: 1 connection, 2 frames, 0.0 s, cut off before the close"
