"""The value of the fixture `gemini_live`, in this process: what it tells of clients, and where its files go."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import livecli
from livecli.embedded import served
from livecli.emulator_fixture import EmulatorThread, GeminiLive, LiveFolder, live_folder
from livecli.pytest_plugin import gemini_live_marker
from tests.needs import needs_package

STATION = """
[[turn]]
match = "station"
call = {name = "find_station", args = {near = "me"}}
then = "Around the corner."
"""
BUSY_SECONDS = 10.0


@pytest.fixture(scope="module")
def thread(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmulatorThread]:
    with pytest.MonkeyPatch.context() as patched:
        patched.setenv("HOME", str(tmp_path_factory.mktemp("home")))
        made = EmulatorThread(tmp_path_factory.mktemp("emulators"))
    yield made
    made.close()


Make = Callable[..., GeminiLive]


@pytest.fixture
def make(thread: EmulatorThread, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Make]:
    """A function that starts an emulator and lets the environment point at it."""
    made: list[GeminiLive] = []

    def start(live: LiveFolder | None = None, environ: dict[str, str] | None = None) -> GeminiLive:
        def apply(variables: Any) -> None:
            for name, value in variables.items():
                monkeypatch.setenv(name, value)

        made.append(GeminiLive(thread, environ or {}, apply, tmp_path / "gemini_live", live))
        return made[-1]

    yield start
    for each in made:
        each.close()


def ask(text: str, **options: Any) -> livecli.Reply:
    return livecli.ask(text, tool=["find_station=echo Central"], **options)


def test_it_tells_what_a_client_typed_called_and_returned(make: Make) -> None:
    live = make()
    live.script(STATION)
    assert ask("a station?").text == "Around the corner."
    assert live.said == ["a station?"]
    [call] = live.calls
    assert (call.name, call.args, call.response) == ("find_station", {"near": "me"}, {"output": "Central"})
    assert live.responses == [call]
    assert live.connections == 1
    assert live.usage["totalTokenCount"] > 0
    assert [each.direction for each in live.frames][:2] == [">", "<"]
    assert b'"setup"' in live.frames[0].data
    assert live.failures == []


def test_it_has_the_sound_that_a_client_sent(make: Make, tmp_path: Path) -> None:
    live = make()
    livecli.ask(speed=0)
    assert live.said == ["[2.2 s of speech]"]
    assert live.heard.seconds == pytest.approx(2.2, abs=0.2)
    live.heard.save(tmp_path / "heard.wav")
    assert (tmp_path / "heard.wav").stat().st_size > 60_000


def test_it_recognizes_speech_with_the_phrases_of_its_script(make: Make, tmp_path: Path) -> None:
    needs_package("pocketsphinx")
    live = make()
    script = 'hear = ["where is the nearest train station"]\n' + STATION
    gemini_live_marker(live, tmp_path, script=script, hear=True)
    assert livecli.ask(speed=0, tool=["find_station=echo Central"]).text == "Around the corner."
    assert live.said == ["where is the nearest train station"]
    with pytest.raises(livecli.FileError, match=r"the script:1: .* livecli$"):
        live.script('hear = ["call livecli"]\n' + STATION)


def test_a_fault_is_added_to_those_before_and_a_session_that_runs_keeps_its_own(make: Make) -> None:
    live = make()
    live.fault("close=4000:one@turn:1#1")
    live.fault("close=4001:two@setup#2")
    for reason in ("one", "two"):
        with pytest.raises(livecli.ServerError, match=reason):
            ask("a station?", retries=0)
    assert ask("a station?").complete
    assert live.connections == 3


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda live: live.script("[[turn]]\nsays = 'a'\n"), "says"),
        (lambda live: live.script("missing.toml"), "missing.toml"),
        (lambda live: live.fault("drop"), "drop"),
        (lambda live: live.replay("missing.live"), "missing.live"),
        (lambda live: live.pace("slow"), "'instant'"),
    ],
)
def test_a_mistake_is_named_and_changes_nothing(make: Make, change: Any, message: str) -> None:
    live = make()
    with pytest.raises(livecli.LivecliError, match=message):
        change(live)
    assert ask("Hello").text == "Hello"


def test_what_a_script_expects_is_in_the_failures(make: Make) -> None:
    live = make()
    live.script(STATION.replace("then", 'expect = {response = {output = "North"}}\nthen') + "[expect]\nclose = 1000\n")
    ask("a station?")
    assert [each.subject for each in live.failures] == ["response of find_station"]


def test_the_files_are_kept_where_the_test_has_failed(make: Make, tmp_path: Path) -> None:
    live = make()
    ask("Hello")
    assert "→ “Hello”" in live.description()
    live.has_failed = True
    live.close()
    live.has_failed, live.close = False, lambda: None  # type: ignore[method-assign]
    kept = sorted(path.suffix for path in (tmp_path / "gemini_live").iterdir())
    assert kept == [".html", ".live", ".txt"]
    assert "→ “Hello”" in (tmp_path / "gemini_live" / "log.txt").read_text()


def test_sessions_are_recorded_from_the_service_and_replayed_without_it(make: Make, tmp_path: Path) -> None:
    """An emulator with a script stands for the service."""
    from livecli.emulator.option_files import emulator_options
    from livecli.emulator.pace import Pace

    folder = live_folder(tmp_path / "kept", "tests/test_a.py::test_b[1]", records=True)
    options = emulator_options(script=STATION, replay=None, faults=(), pace=Pace.INSTANT)

    async def record() -> None:
        async with served(options, {}) as service:
            live = make(folder, {"LIVECLI_BASE_URL": service.url})
            await livecli.send(text="a station?", tool=["find_station=echo Central"])
            assert live.said == service.said == ["a station?"]
            assert [each.response for each in live.responses] == [{"output": "Central"}]
            assert "→ “a station?”" in live.description()
            await asyncio.to_thread(live.close)
            live.close = lambda: None  # type: ignore[method-assign]

    asyncio.run(asyncio.wait_for(record(), BUSY_SECONDS))
    [kept] = (tmp_path / "kept" / "tests" / "test_a" / "test_b[1]").iterdir()
    assert kept.suffix == ".live"
    live = make(LiveFolder(folder.path, False))
    assert ask("a station?").text == "Around the corner."
    assert live.said == ["a station?"]


def test_a_test_without_a_recording_is_refused(make: Make, tmp_path: Path) -> None:
    make(LiveFolder(tmp_path / "none", False))
    with pytest.raises(livecli.ServerError, match="no recording has a session with this setup"):
        ask("Hello", retries=0)


@pytest.mark.parametrize("records", [True, False])
def test_a_script_is_followed_whatever_the_command_line_says(make: Make, tmp_path: Path, records: bool) -> None:
    live = make(LiveFolder(tmp_path / "none", records), {"LIVECLI_BASE_URL": "ws://127.0.0.1:1"})
    live.script(STATION)
    assert ask("a station?").text == "Around the corner."
    assert live.said == ["a station?"]


def test_names_of_tests_that_make_no_folder_stay_different() -> None:
    one, other = (live_folder(Path("kept"), f"test_a.py::test_b[{name}]", records=True).path for name in ("a/b", "a:b"))
    assert one != other
    assert one.parent == Path("kept/test_a")
