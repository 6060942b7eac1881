"""The command `livecli send`: one request for each input."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import replace
from typing import TYPE_CHECKING, Annotated

import typer

from ..emulator.pace import Pace
from ..errors import UsageError, gravest
from ..process.stdio import is_stdout
from .confirm import confirmer
from .groups import HelpEntry, takes_groups
from .options import (
    CheckFlags,
    DeviceFlags,
    Limits,
    ManyFlags,
    OutputFlags,
    RequestFlags,
    SendFlags,
    SetupFlags,
    SubtitleFlags,
    ToolFlags,
    Where,
    check_stdout,
)
from .reporters import batch_reporters, remarks, send_reporters
from .serve_options import LocalFlags, report_sessions

if TYPE_CHECKING:
    from ..checks.expectations import Judge
    from ..emulator.options import EmulatorOptions
    from ..protocol.endpoint import Target
    from ..report.reporter import Reporter
    from ..runs.request import Request
    from .reporters import RunReporters


@takes_groups
def send(
    context: typer.Context,
    *,
    request: RequestFlags,
    sending: SendFlags,
    setup: SetupFlags,
    bisect_setup: Annotated[
        bool,
        typer.Option("--bisect-setup", help="If the setup is refused without a reason, find the field to blame."),
        HelpEntry("Diagnostics"),
    ] = False,
    tools: ToolFlags,
    limits: Limits,
    where: Where,
    emulator: LocalFlags,
    many: ManyFlags,
    output: OutputFlags,
    devices: DeviceFlags,
    checks: CheckFlags,
    subtitles: SubtitleFlags,
    dry_run: Annotated[
        bool,
        typer.Option("--dry-run", help="Print what would be sent, without connecting."),
        HelpEntry("Diagnostics"),
    ] = False,
) -> None:
    """Send speech or text, print the answer, save the spoken reply.

    Examples:

    livecli send --sample --local

    livecli send question.wav -o reply.mp3 --voice Kore

    livecli send --text "Where is the nearest train station?" -q

    arecord -f S16_LE -r 16000 -d 3 -t wav | livecli send -

    livecli send talks/ -o replies --jobs 8 --json > done.jsonl
    """
    answers = not _takes_stdout(request, output) and not setup.no_transcripts

    from ..process.run import run
    from ..runs.inputs import is_list
    from ..runs.request import Request
    from .files import named_files, text_turn

    inputs = request.words(has_list=many.source is not None)
    several = many.is_given or is_list(inputs, many.source)
    if several:
        _check_several(request, output)
    if many.sessions > 1:
        _check_at_once(tools, devices)

    judge = checks.judge()
    if checks.runs > 1:
        _check_repeated(request, output, inputs)
    files = named_files(setup, tools, output, emulator, many=many, request=request, checks=checks, subtitles=subtitles)
    target = where.target()
    local = emulator.options(local=where.local, pace=Pace.INSTANT)
    options = setup.options(search=tools.search, activity=sending.activity, profile=target.profile.values)
    template = Request(
        text=text_turn(request.text),
        output=request.output,
        raw_output=request.raw_output,
        raw_rate=request.raw,
        play=devices.play,
        devices=devices.device or (),
        sending=sending.options(),
        configuration=options,
        timeouts=limits.timeouts(),
        images=tuple(request.image or ()),
        toolbox=tools.toolbox(options.extra),
        until=sending.until,
        bisects=bisect_setup,
        prices=output.price_table(),
    )
    if several:
        from ..runs.inputs import Choice, expand

        choice = Choice(inputs, many.source, many.shard, many.resume_from, request.output, files)
        requests = expand(choice, template, remarks(quiet=output.quiet), dry_run=dry_run)
    else:
        requests = [replace(template, input=inputs[0] if inputs else None)]
        files.check(requests)

    if checks.runs > 1:
        several = True
        requests = [request.repeated(run) for request in requests for run in range(1, checks.runs + 1)]
    if not requests:
        return
    if dry_run:
        run(_dry_run(requests, target))
        return
    with ExitStack() as stack:
        if several:
            reporters = stack.enter_context(
                batch_reporters(output, requests, request.output, subtitles, answers=answers)
            )
        else:
            reporters = stack.enter_context(send_reporters(output, requests[0], subtitles, answers=answers))
        _remark_on_input(request, many, inputs, reporters.shared)
        for warning in template.toolbox.warnings:
            reporters.shared.warning(warning)
        if tools.confirm:
            confirm = stack.enter_context(confirmer(reporters.shared))
            requests = [replace(request, confirm=confirm) for request in requests]
        if judge is not None:
            requests = [replace(request, check=judge.run()) for request in requests]
        pace = (many.sessions, many.connect_rate, many.max_cost, many.process_count) if several else None
        statuses = run(_ask_all(requests, target, local, reporters, pace, context.obj))
    raise typer.Exit(gravest([*statuses, *_verdict(judge, checks, quiet=output.quiet), report_sessions(local)]))


def _takes_stdout(request: RequestFlags, output: OutputFlags) -> bool:
    """Whether data takes standard output. Raises UsageError where two kinds of it would."""
    data_on_stdout = [*(["-o -"] if request.output == "-" else []), *output.on_stdout]
    check_stdout(data_on_stdout)
    return bool(data_on_stdout) or is_stdout(request.output) or is_stdout(output.events)


def _verdict(judge: Judge | None, checks: CheckFlags, *, quiet: bool) -> list[int]:
    """The exit statuses of the expectations, in addition to those of the runs."""
    if judge is None:
        return []
    from .verdict import report

    return report(judge, checks, quiet=quiet)


def _remark_on_input(request: RequestFlags, many: ManyFlags, inputs: Sequence[str], reporter: Reporter) -> None:
    if not (request.inputs or request.sample or many.source or request.text is not None):
        sent = "standard input" if inputs else "the bundled question"
        reporter.remark(f"no INPUT is named: {sent} is sent")


def _check_repeated(request: RequestFlags, output: OutputFlags, inputs: Sequence[str]) -> None:
    if request.output == "-":
        raise UsageError("--runs writes several replies, and standard output takes one", hint="-o replies/x.wav")
    if output.record is not None and output.record_folder is None:
        raise UsageError("with several runs --record names a folder", hint="--record recordings/")
    if "-" in inputs:
        raise UsageError("--runs sends the input again, and standard input can be read once", hint="name a file")


def _check_several(request: RequestFlags, output: OutputFlags) -> None:
    from ..runs.inputs import names_a_reply

    if request.text is not None:
        raise UsageError("--text cannot be combined with --from, --jobs, --processes, --shard or --resume-from")
    if request.raw is not None:
        raise UsageError("--raw describes standard input", hint="livecli send - --raw 16000 < speech.pcm")
    if request.output == "-":
        raise UsageError(
            "several replies cannot be written to standard output", hint="-o names a folder for several inputs"
        )
    if output.record is not None and output.record_folder is None:
        raise UsageError("with several inputs --record names a folder", hint="--record recordings/")
    if request.output is not None and names_a_reply(request.output):
        raise UsageError(f"with several inputs -o names a folder, and {request.output} is a file", hint="-o replies")


def _check_at_once(tools: ToolFlags, devices: DeviceFlags) -> None:
    for option, is_given in (("--confirm", tools.confirm), ("--play", devices.play)):
        if is_given:
            raise UsageError(f"{option} works with one session at a time", hint="leave out --jobs and --processes")


async def _ask_all(
    requests: Sequence[Request],
    target: Target,
    emulator: EmulatorOptions | None,
    reporters: RunReporters,
    pace: tuple[int, float, float | None, int] | None,
    allow_files: Callable[[int], str | None],
) -> list[int]:
    """The exit status of each request.

    `emulator` are the options of the one that `--local` starts.
    `pace` has the values of BatchLimits; it is None for a single request.
    `allow_files` raises the limit on open files, and returns a warning where it cannot.
    """
    from ..embedded import reachable

    async with reachable(target, emulator) as reached, reporters.watching():
        if pace is None:
            from ..client.open import resolved_once
            from ..runs.request import ask

            [request] = requests
            resolve = await resolved_once(reached, request.setup)
            return [(await ask(request, reached, reporters.shared, resolve)).exit_code]
        from ..runs.batch import BatchLimits, ask_all, files_open

        if shortage := allow_files(files_open(min(pace[0], len(requests)))):
            reporters.shared.warning(shortage)
        return await ask_all(requests, reached, reporters.shared, reporters.of, BatchLimits(*pace))


async def _dry_run(requests: Sequence[Request], target: Target) -> None:
    from ..embedded import reachable
    from ..process.stdio import write_stdout
    from ..runs.request import dry_run

    async with reachable(target) as reached:
        for request in requests:
            write_stdout(await dry_run(request, reached) + "\n")
