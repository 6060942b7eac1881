"""The reporters of a run, built from its options: the only place that does so, for `send`, its batches, and `chat`.

A run is shown on a display, on standard error, and written to outputs. An output is a reporter in `console` that needs
neither a display nor other runs, and one line in `_outputs`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractAsyncContextManager, ExitStack, contextmanager, nullcontext
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ..report.reporter import Reporter
    from ..runs.batch import ReporterOf
    from ..runs.request import Request
    from .options import OutputFlags


def _outputs(flags: OutputFlags, stack: ExitStack, *, several: bool = False) -> list[Callable[[], Reporter]]:
    """Makes the reporters that write to a file or to standard output. `several`: they name the input of each run.

    Their files are closed with `stack`. Raises FileError where one cannot be written.
    """
    outputs: list[Callable[[], Reporter]] = []
    if flags.events:
        from ..console.json_lines import EventLog

        outputs.append(stack.enter_context(EventLog(flags.events, several=several)).for_run)
    if flags.json_lines:
        from ..console.json_lines import JsonSummaries

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


@contextmanager
def send_reporters(flags: OutputFlags, *, several: bool = False, answers: bool = False) -> Iterator[RunReporters]:
    """The same reporters for one request after another; with `several`, each is told apart by its name.

    With `answers`, their text is written to standard output.
    """
    from ..console import run_display
    from ..report.reporter import Reporters

    with ExitStack() as stack:
        display = run_display(quiet=flags.quiet, verbose=flags.verbose, debug=flags.debug, several=several)
        stack.callback(display.restore_terminal)
        shared = Reporters(
            *_answer_lines(display, answers=answers, several=several),
            _with_outputs(display, flags, stack, several=several),
        )
        yield RunReporters(shared, lambda request: shared)


@contextmanager
def batch_reporters(flags: OutputFlags, total: int, *, answers: bool = False) -> Iterator[RunReporters]:
    """Reporters for `total` requests, several of which run at once: one display, and outputs for each of them.

    With `answers`, their text is written to standard output.
    """
    from ..console import batch_display
    from ..report.reporter import Reporters

    with ExitStack() as stack:
        display = batch_display(
            total, quiet=flags.quiet, verbose=flags.verbose, debug=flags.debug, explain=flags.explain
        )
        stack.callback(display.restore_terminal)
        outputs = _outputs(flags, stack, several=True)
        text = _answer_lines(display, answers=answers, several=True)

        def of(request: Request) -> Reporter:
            return Reporters(*text, *display.item_reporters(request.name), *(make() for make in outputs))

        yield RunReporters(display, of, display.progress_reports)


@contextmanager
def chat_reporters(flags: OutputFlags) -> Iterator[tuple[Reporter, Reporter]]:
    """The display of a chat, and all of its reporters as one, the display first."""
    from ..console import chat_display

    with ExitStack() as stack:
        display = chat_display(
            silent=bool(flags.on_stdout), quiet=flags.quiet, verbose=flags.verbose, debug=flags.debug
        )
        yield display, _with_outputs(display, flags, stack)


def _answer_lines(display: Reporter, *, answers: bool, several: bool) -> list[Reporter]:
    if not answers:
        return []
    from ..console.answer import AnswerLines

    return [AnswerLines(display, several=several)]


def _with_outputs(display: Reporter, flags: OutputFlags, stack: ExitStack, *, several: bool = False) -> Reporter:
    from ..report.reporter import Reporters

    reporters = [display]
    if flags.explain:
        from ..console.explain import ExplanationLines

        reporters.append(ExplanationLines())
    reporters += [make() for make in _outputs(flags, stack, several=several)]
    return Reporters(*reporters)


def remarks(*, quiet: bool) -> Callable[[str], None]:
    """Prints what is reported before any run, on standard error."""
    from ..process.stdio import one_line, write_stderr

    return lambda text: None if quiet else write_stderr(f"{one_line(text)}\n")
