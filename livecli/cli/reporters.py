"""The reporters of a run, built from its options: the only place that does so, for `send`, its batches, and `chat`.

A run is shown on a display, on standard error, and written to outputs. An output is a reporter in `console` that needs
neither a display nor other runs, and one line in `_outputs`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractAsyncContextManager, ExitStack, contextmanager, nullcontext
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pathlib import Path

    from ..report.reporter import DisplayOptions, Reporter
    from ..runs.batch import ReporterOf
    from ..runs.request import Request
    from .options import OutputFlags, SubtitleFlags


def _outputs(flags: OutputFlags, stack: ExitStack, *, several: bool = False) -> list[Callable[[], Reporter]]:
    """Makes the reporters that write to a file or to standard output. `several`: they name the input of each run.

    Their files are closed with `stack`. Raises FileError where one cannot be written, before anything is asked.
    """
    outputs: list[Callable[[], Reporter]] = []
    if flags.events:
        from ..console.json_lines import EventLog

        outputs.append(stack.enter_context(EventLog(flags.events, several=several)).for_run)
    if flags.json_lines:
        from ..console.json_lines import JsonSummaries
        from ..process.stdio import check_stdout

        check_stdout()
        outputs.append(JsonSummaries)
    return outputs


@dataclass(frozen=True)
class RunReporters:
    """The reporters of all requests of a `send`.

    `shared` is told what concerns all of them, and `of(request)` what concerns one. `watching` surrounds the runs.
    """

    shared: Reporter
    of: ReporterOf
    watching: Callable[[], AbstractAsyncContextManager[Any]] = nullcontext


def _recordings(
    flags: OutputFlags, stack: ExitStack, warn: Callable[[str], None], *, several: bool = False, chats: bool = False
) -> Callable[[str], list[Reporter]]:
    """Makes the recording of a run from its name, or nothing where neither one nor a report is asked for.

    What is left to be written is written at the end of `stack`, and then the report. Raises FileError where the folder
    cannot be made. `several`: there are runs of several inputs. `chats`: the run has several turns.
    """
    if flags.record is None and flags.report is None:
        return lambda name: []
    import os
    from pathlib import Path

    from ..console.recording import SessionRecording
    from ..credentials import known_secrets
    from ..recording.redaction import Redactor
    from ..recording.writer import DiskThread, LiveFile

    folder, path = _recording_place(flags, stack)
    report = _report(flags.report, stack, several=several) if flags.report is not None else lambda name, path: []
    disk = stack.enter_context(DiskThread(warn))
    secrets = known_secrets(os.environ)

    def recording(name: str) -> list[Reporter]:
        file = path if folder is None else Path(folder) / f"{name}.live"
        redactor = Redactor(secrets, anonymous=flags.record_anonymous)
        open_file = partial(LiveFile, file, disk, moves_audio=flags.record_audio == "flac")
        recorded = SessionRecording(open_file, redactor, several_turns=chats)
        if chats:
            stack.callback(recorded.close)
        return [recorded, *report(name, file)]

    return recording


def _recording_place(flags: OutputFlags, stack: ExitStack) -> tuple[Path | None, Path]:
    """The folder of the recordings, or else the file; for a report alone, a folder that is deleted with `stack`."""
    from pathlib import Path

    from ..errors import FileError

    if flags.record is None:
        from tempfile import TemporaryDirectory

        folder = Path(stack.enter_context(TemporaryDirectory(prefix="livecli-")))
        return folder, folder
    if (named := flags.record_folder) is not None:
        try:
            named.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise FileError(f"cannot make the folder {named}: {error.strerror}") from error
    return named, Path(flags.record)


def _report(path: str, stack: ExitStack, *, several: bool) -> Callable[[str, Path], list[Reporter]]:
    """Keeps the runs of which the report is written at the end of `stack`. Raises FileError where it cannot be."""
    from ..page.output import ReportedRun, write_report
    from ..process.whole_file import check_writable

    check_writable(path)
    runs: list[ReportedRun] = []
    stack.callback(lambda: write_report(path, runs, several=several))

    def run(name: str, recording: Path) -> list[Reporter]:
        runs.append(ReportedRun(name, recording))
        return [runs[-1]]

    return run


@contextmanager
def send_reporters(
    flags: OutputFlags, request: Request, subtitles: SubtitleFlags, *, answers: bool = False
) -> Iterator[RunReporters]:
    """The reporters of a single request. With `answers`, its text is written to standard output."""
    from ..console import run_display
    from ..report.reporter import Reporters

    _check_captions(subtitles, [request], several=False)
    with ExitStack() as stack:
        display = run_display(_display_options(flags, answers=answers))
        stack.callback(display.restore_terminal)
        text = _answer_lines(display, answers=answers, several=False)
        recording = _recordings(flags, stack, display.warning)(request.stem)
        captions = _captions(subtitles, request, several=False)
        shared = Reporters(*text, _with_outputs(display, flags, stack), *recording, *captions)
        yield RunReporters(shared, lambda request: shared)


@contextmanager
def batch_reporters(
    flags: OutputFlags,
    requests: Sequence[Request],
    folder: str | None,
    subtitles: SubtitleFlags,
    *,
    answers: bool = False,
) -> Iterator[RunReporters]:
    """Reporters for `requests`, several of which may run at once: one display, and outputs for each of them.

    `folder` is that of `-o`. With `answers`, their text is written to standard output.
    """
    from ..console import batch_display
    from ..report.reporter import Reporters

    _check_captions(subtitles, requests, several=True)
    with ExitStack() as stack:
        names = [request.name for request in requests]
        place = f"{folder.rstrip('/')}/" if folder else "./"
        display = batch_display(names, place, _display_options(flags, answers=answers))
        stack.callback(display.restore_terminal)
        outputs = _outputs(flags, stack, several=True)
        text = _answer_lines(display, answers=answers, several=True)
        recordings = _recordings(flags, stack, display.warning, several=True)

        def of(request: Request) -> Reporter:
            items = display.item_reporters(request.name)
            captions = _captions(subtitles, request, several=True)
            return Reporters(*text, *items, *(make() for make in outputs), *recordings(request.stem), *captions)

        yield RunReporters(display, of, display.progress_reports)


@contextmanager
def chat_reporters(flags: OutputFlags) -> Iterator[tuple[Reporter, Reporter]]:
    """The display of a chat, and all of its reporters as one, the display first."""
    from datetime import datetime

    from ..console import chat_display
    from ..report.reporter import Reporters

    with ExitStack() as stack:
        display = chat_display(_display_options(flags), silent=bool(flags.on_stdout))
        recordings = _recordings(flags, stack, display.warning, chats=True)
        recording = recordings(f"chat-{datetime.now():%Y%m%d-%H%M%S}")
        yield display, Reporters(_with_outputs(display, flags, stack), *recording)


def _check_captions(subtitles: SubtitleFlags, requests: Sequence[Request], *, several: bool) -> None:
    """Raise FileError where the subtitles of a run could not be written."""
    from ..process.whole_file import check_writable

    for request in requests:
        if (path := subtitles.file(request, several=several)) is not None:
            check_writable(str(path))


def _captions(subtitles: SubtitleFlags, request: Request, *, several: bool) -> list[Reporter]:
    """The reporter of a run's subtitles, where they are asked for."""
    path = subtitles.file(request, several=several)
    if path is None:
        return []
    from ..console.subtitles import Subtitles

    return [Subtitles(path)]


def _display_options(flags: OutputFlags, *, answers: bool = False) -> DisplayOptions:
    from ..process.stdio import is_same_file_as_stdout
    from ..report.reporter import DisplayOptions

    return DisplayOptions(
        quiet=flags.quiet,
        verbosity=flags.verbose,
        debug=flags.debug,
        explain=flags.explain,
        stats=flags.stats,
        has_answer=answers and is_same_file_as_stdout(),
    )


def _answer_lines(display: Reporter, *, answers: bool, several: bool) -> list[Reporter]:
    if not answers:
        return []
    from ..console.answer import AnswerLines

    return [AnswerLines(display, several=several)]


def _with_outputs(display: Reporter, flags: OutputFlags, stack: ExitStack) -> Reporter:
    from ..report.reporter import Reporters

    reporters = [display]
    if flags.explain:
        from ..console.explain import ExplanationLines

        reporters.append(ExplanationLines())
    reporters += [make() for make in _outputs(flags, stack)]
    return Reporters(*reporters)


def remarks(*, quiet: bool) -> Callable[[str], None]:
    """Prints what is reported before any run, on standard error."""
    from ..process.stdio import one_line, write_stderr

    return lambda text: None if quiet else write_stderr(f"{one_line(text)}\n")
