"""Who is told of the runs of `send`, as its options say: a person on standard error, a program on standard output."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractAsyncContextManager, ExitStack, contextmanager, nullcontext
from typing import TYPE_CHECKING, Any

from ..record import record

if TYPE_CHECKING:
    from ..report.reporter import Reporter
    from ..runs.batch import TellOf
    from .options import OutputFlags


@record
class Audience:
    """`told` hears what concerns all runs, `told_of` says who hears of one; `watching` is around them all."""

    told: Reporter
    told_of: TellOf
    watching: Callable[[], AbstractAsyncContextManager[Any]] = nullcontext


def remarks(*, quiet: bool) -> Callable[[str], None]:
    """Who says what is to be said before anything runs."""
    from ..process.stdio import one_line, say

    return lambda text: None if quiet else say(f"{one_line(text)}\n")


@contextmanager
def telling(how: OutputFlags, total: int, *, several: bool, at_once: bool) -> Iterator[Audience]:
    """`several` are told apart by name; `at_once` they are told together. Raises FileError as `EventLog` does."""
    with ExitStack() as stack:
        log = None
        if how.events:
            from ..console.json_lines import EventLog

            log = stack.enter_context(EventLog(how.events, several=several))
        yield _together(how, total, log, stack) if at_once else _in_turn(how, log, stack, several=several)


def _in_turn(how: OutputFlags, log: Any, stack: ExitStack, *, several: bool) -> Audience:
    """Each run is told in full, by the same people. `stack` gives the terminal back."""
    from ..console import reporter
    from ..report.reporter import Reporters

    view = reporter(quiet=how.quiet, verbose=how.verbose, debug=how.debug, several=several)
    stack.callback(view.leave)
    told: list[Reporter] = [view]
    if how.explain:
        from ..console.explain import ExplanationLines

        told.append(ExplanationLines())
    told += [log] if log else []
    if how.json_lines:
        from ..console.json_lines import JsonSummaries

        told.append(JsonSummaries())
    everybody = Reporters(*told)
    return Audience(everybody, lambda question: everybody)


def _together(how: OutputFlags, total: int, log: Any, stack: ExitStack) -> Audience:
    """Each has people of its own, who know one another. `stack` gives the terminal back."""
    from ..console import crowd_of
    from ..console.json_lines import JsonSummaries
    from ..report.reporter import Reporters
    from ..runs.request import Request

    view = crowd_of(total, quiet=how.quiet, verbose=how.verbose, debug=how.debug, explain=how.explain)
    stack.callback(view.leave)

    def told_of(question: Request) -> Reporter:
        each = view.one(question.name)
        each += [log.one()] if log else []
        each += [JsonSummaries()] if how.json_lines else []
        return Reporters(*each)

    return Audience(view, told_of, view.watching)
