"""The pytest plugin: the fixture and the marker `gemini_live`, and the options `--live-record` and `--live-replay`.

Every pytest that has livecli installed imports this module, so the emulator is imported by the fixture.
"""

from __future__ import annotations

from collections.abc import Generator, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from .emulator_fixture import EmulatorThread, GeminiLive

FIXTURE = "gemini_live"
"""The name of the fixture and of the marker."""

LIVE: pytest.StashKey[GeminiLive] = pytest.StashKey()
"""The value of the fixture, in the stash of a test that has it."""

MARKER = (
    "gemini_live(script=None, replay=None, fault=(), pace=None, hear=False): run the test against a local Gemini Live "
    "API, whose model follows the script, or replays a recording; `livecli help pytest`."
)


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("livecli", "Gemini Live API")
    # The last of the two options holds, so that one in `addopts` can be overridden.
    given = {"dest": "live", "metavar": "FOLDER", "default": None}
    group.addoption(
        "--live-record",
        type=lambda folder: ("record", folder),
        help="Send the sessions of gemini_live to the service, and record them in this folder.",
        **given,
    )
    group.addoption(
        "--live-replay",
        type=lambda folder: ("replay", folder),
        help="Replay the recordings of this folder in gemini_live, without the service.",
        **given,
    )


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", MARKER)


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    """Give a test with the marker the fixture: without it, the test would reach the service."""
    names: list[str] | None = getattr(item, "fixturenames", None)
    if names is not None and FIXTURE not in names and item.get_closest_marker(FIXTURE):
        # The list is shared with the other parameters of the test, which may lack the marker.
        item.fixturenames = [*names, FIXTURE]  # type: ignore[attr-defined]


@pytest.hookimpl(trylast=True)
def pytest_runtest_call(item: pytest.Item) -> None:
    """Fail a test that has passed, where something does not hold that the script expects."""
    live = item.stash.get(LIVE, None)
    if live is not None and (failures := live.failures):
        pytest.fail("\n".join(map(str, failures)), pytrace=False)


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, Any, None]:
    """Say in the report of a failed test what the client did."""
    outcome = yield
    live = item.stash.get(LIVE, None)
    report = outcome.get_result()
    if live is not None and report.when != "teardown" and report.failed:
        kept = f"The log, the recordings and their pages are in {live.kept_in}"
        report.sections.append(("gemini_live: → from the client, ← from the model", f"{live.description()}\n{kept}"))
        live.has_failed = True


@pytest.fixture(scope="session")
def _gemini_live_thread(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmulatorThread]:
    """The thread in which the emulators run, and their certificate."""
    from .emulator_fixture import EmulatorThread

    thread = EmulatorThread(tmp_path_factory.mktemp(FIXTURE))
    yield thread
    thread.close()


@pytest.fixture
def gemini_live(
    request: pytest.FixtureRequest, tmp_path: Path, _gemini_live_thread: EmulatorThread
) -> Iterator[GeminiLive]:
    """A local Gemini Live API for this test, at which the environment points all SDKs; `livecli help pytest`."""
    import os

    from .emulator_fixture import GeminiLive, live_folder
    from .errors import LivecliError

    service = None
    if chosen := request.config.getoption("live"):
        action, folder = chosen
        root = request.config.invocation_params.dir / folder
        service = live_folder(root, request.node.nodeid, records=action == "record")
    with pytest.MonkeyPatch.context() as environment:

        def apply(variables: Mapping[str, str]) -> None:
            for name, value in variables.items():
                environment.setenv(name, value)

        try:
            live = GeminiLive(_gemini_live_thread, os.environ, apply, tmp_path / FIXTURE, service)
        except LivecliError as error:
            raise pytest.fail.Exception(str(error), pytrace=False) from None
        try:
            try:
                _follow_marker(live, request.node, request.path.parent)
            except (LivecliError, TypeError) as error:
                raise pytest.fail.Exception(f"the marker gemini_live: {error}", pytrace=False) from None
            request.node.stash[LIVE] = live
            yield live
        finally:
            try:
                live.close()
            except (OSError, LivecliError) as error:
                message = f"gemini_live: cannot keep what the client did: {error}"
                request.node.warn(pytest.PytestWarning(message))


def _follow_marker(live: GeminiLive, test: pytest.Item, folder: Path) -> None:
    """Do what the marker of the test says. Files are those beside the test, else in the current folder."""
    marker = test.get_closest_marker(FIXTURE)
    if marker is not None:
        gemini_live_marker(live, folder, *marker.args, **marker.kwargs)


def gemini_live_marker(
    live: GeminiLive,
    folder: Path,
    *,
    script: str | None = None,
    replay: str | None = None,
    fault: str | Sequence[str] = (),
    pace: str | None = None,
    hear: bool = False,
) -> None:
    """Do what the arguments of the marker say. Python's message about others has the name of this function."""
    if script is not None:
        live.script(_beside(folder, script))
    if hear:
        live.hear()
    if replay is not None:
        live.replay(_beside(folder, replay))
    if fault:
        live.fault(*([fault] if isinstance(fault, str) else fault))
    if pace is not None:
        live.pace(pace)


def _beside(folder: Path, name: str) -> str:
    """The file of this name in the folder, if there is one; else `name`, which may be the text of a script."""
    if "\n" in name:
        return name
    path = folder / name
    return str(path) if path.exists() else name
