"""The command `livecli auth status`: which credential is used and why, as text or JSON, and a test of it."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ..errors import LivecliError, UsageError
from ..process.stdio import Span, is_terminal, one_line, print_spans, write_stderr, write_stdout
from .groups import HelpEntry, Only, takes_groups
from .options import Limits, OutputFlags, Where

if TYPE_CHECKING:
    from ..client.open import Timeouts
    from ..client.probe import Probe
    from ..credentials import Credential
    from ..credentials.decision import Decision
    from ..protocol.endpoint import Endpoint, Target

SCHEMA = "livecli/auth@1"

PLATFORM_NAMES = {"vertex": "Vertex AI", "developer": "Gemini Developer API"}


@takes_groups
def status(
    *,
    online: Annotated[
        bool,
        typer.Option("--online", help="Open a session, complete its setup and close it: a check for CI."),
        HelpEntry("Diagnostics"),
    ] = False,
    verbose: Annotated[
        bool,
        typer.Option("--verbose", "-v", help="Also print each value with its origin, and where a key was looked for."),
        HelpEntry("Diagnostics", common=True),
    ] = False,
    limits: Annotated[Limits, Only("connect_timeout", "idle_timeout")],
    where: Where,
    output: Annotated[OutputFlags, Only("json_lines")],
) -> None:
    """Show which credential is used, and why.

    A line says whether there is a credential, and for what. Contradictions between your settings follow, each on a
    line that begins with an exclamation mark. Without --online no token is refreshed and nothing is sent, except that a
    metadata server is asked if no other credential is found.

    Examples:

    livecli auth status

    livecli auth status --online --json
    """
    target = where.target()
    decision, notes, probe = _look_up(target, limits.timeouts() if online else None)
    if isinstance(decision.error, UsageError):
        for note in notes:
            write_stderr(f"note: {one_line(note)}\n")
        # An error of usage is printed on standard error only.
        raise decision.error
    if output.json_lines:
        write_stdout(_as_json(decision, notes, probe))
    else:
        _print_lines(_as_lines(decision, notes, probe, target, is_verbose=verbose))
    if error := _error(decision, probe):
        raise error


def _print_lines(lines: list[list[Span]]) -> None:
    for line in lines:
        print_spans(line)


def _look_up(target: Target, timeouts: Timeouts | None) -> tuple[Decision, list[str], Probe | None]:
    """The decision and notes about it; with `timeouts`, also the result of a session with the service."""
    from ..credentials.advice import notes
    from ..credentials.decision import decide

    if timeouts is None:
        decision = decide(target, os.environ)
        return decision, notes(decision, target, os.environ), None
    from ..process.run import run

    return run(_look_up_online(target, timeouts))


async def _look_up_online(target: Target, timeouts: Timeouts) -> tuple[Decision, list[str], Probe | None]:
    import asyncio

    from ..client.probe import probe
    from ..credentials.advice import notes
    from ..credentials.decision import decide, usable
    from ..embedded import reachable

    async with reachable(target) as reached:
        decision = await asyncio.to_thread(decide, reached, os.environ)
        remarks = await asyncio.to_thread(notes, decision, reached, os.environ)
        if decision.endpoint is None or decision.credential is None:
            return decision, remarks, None
        return decision, remarks, await probe(*usable(decision, reached), timeouts)


def _error(decision: Decision, probe: Probe | None) -> LivecliError | None:
    return decision.error or (probe.error if probe else None)


def _as_json(decision: Decision, notes: list[str], probe: Probe | None) -> str:
    import json

    from ..report.summary import error_json

    endpoint, error = decision.endpoint, _error(decision, probe)
    summary = {
        "schema": SCHEMA,
        "ok": error is None,
        "exit_code": error.exit_status if error else 0,
        "error": error_json(error) if error else None,
        "platform": decision.platform,
        "platform_why": decision.platform_why,
        "project": endpoint.project if endpoint else None,
        "location": endpoint.location if endpoint else None,
        "quota_project": decision.credential.quota_project if decision.credential else None,
        "model": endpoint.model if endpoint else None,
        "host": endpoint.host if endpoint else None,
        "url": endpoint.url if endpoint else None,
        "credential": _credential(decision.credential) if decision.credential else None,
        "sources": [vars(source) for source in decision.sources],
        "notes": notes,
        "online": probe.as_json() if probe else None,
    }
    return json.dumps(summary) + "\n"


def _credential(credential: Credential) -> dict[str, str | None]:
    expires_at = credential.expires_at
    return {
        "source": credential.source,
        "kind": credential.kind,
        "why": credential.why,
        "expires_at": expires_at.isoformat() if expires_at else None,
    }


def _as_lines(
    decision: Decision, notes: list[str], probe: Probe | None, target: Target, *, is_verbose: bool
) -> list[list[Span]]:
    """A line of spans for the credential, for the service's answer, and for each note; and the details if asked for."""
    from ..protocol.endpoint import BY_DEFAULT

    # Where nothing is set, nothing was meant for a platform either.
    is_bare = decision.credential is None and decision.platform_why == BY_DEFAULT
    named = [] if is_bare else [PLATFORM_NAMES[decision.platform]]
    lines = [_verdict(decision.error is None, [*named, *_facts(decision)])]
    if probe:
        lines.append(_verdict(probe.error is None, _answers(probe)))
    for note in notes:
        first, *more = _wrapped(one_line(note))
        lines += [[("yellow", "!"), ("", f" {first}")], *([("", f"  {line}")] for line in more)]
    if not is_verbose:
        return [*lines, [("dim", "details: livecli auth status -v")]]
    return [*lines, *([("", line)] for line in ["", *_details(decision, probe, target)])]


def _wrapped(text: str) -> list[str]:
    """`text` in lines that fit behind a mark at a terminal; one line elsewhere."""
    import shutil
    import sys
    import textwrap

    return textwrap.wrap(text, min(shutil.get_terminal_size().columns, 120) - 2) if is_terminal(sys.stdout) else [text]


def _verdict(is_good: bool, facts: list[str]) -> list[Span]:
    mark: Span = ("green", "✓") if is_good else ("red", "✗")
    return [mark, ("", f" {one_line(' · '.join(facts))}")]


def _facts(decision: Decision) -> list[str]:
    credential, endpoint = decision.credential, decision.endpoint
    if credential is None:
        return ["no usable credential"]
    used = next((source for source in decision.sources if source.used), None)
    length = used.detail.partition("set, ")[2] if used else ""
    name = f"{credential.source} ({length})" if length else credential.source
    facts = ["no credential needed" if credential.kind == "none" else name]
    if endpoint is None:
        return [*facts, "not usable"]
    place = [endpoint.project, endpoint.location] if endpoint.project else []
    return [*facts, *filter(None, place), endpoint.model, *([f"at {endpoint.host}"] if endpoint.named_by else [])]


def _answers(probe: Probe) -> list[str]:
    seconds = probe.connect_seconds
    took = f" {seconds * 1000:.0f} ms" if seconds is not None else ""
    words = [f"reachable{took}" if probe.reachable else "not reachable"]
    words += [] if probe.accepted is None else ["credential accepted" if probe.accepted else "credential refused"]
    served = probe.model_available
    return words + ([] if served is None else ["model served" if served else "model not served"])


def _details(decision: Decision, probe: Probe | None, target: Target) -> list[str]:
    """Each value and where it is from, and the places where a credential was looked for."""
    rows = [("platform", f"{decision.platform} ({decision.platform_why})")]
    if endpoint := decision.endpoint:
        rows += _value_rows(decision, endpoint, target)
    rows += _credential_rows(decision.credential) + (_online_rows(probe) if probe else [])
    lines = [f"{name:<14} {one_line(text)}" for name, text in rows]
    width = max(len(source.source) for source in decision.sources)
    return [
        *lines,
        "",
        "Searched in this order (* is used):",
        *(f"{'*' if each.used else ' '} {each.source:<{width}}  {one_line(each.detail)}" for each in decision.sources),
    ]


def _value_rows(decision: Decision, endpoint: Endpoint, target: Target) -> list[tuple[str, str]]:
    from ..protocol.endpoint import given

    def origin(key: str, used: str, otherwise: str = "default") -> str:
        named, where = given(key, target, os.environ)
        # The model may be named with its project and its location.
        return where if where and named and used in named.split("/") else otherwise

    full_name = (given("model", target, os.environ)[0] or "").split("/")
    own = decision.credential.project if decision.credential else None
    unnamed = "the credential's" if endpoint.project == own else "stands for none"
    unnamed = "the model's full name" if endpoint.project in full_name else unnamed
    host = "--local" if target.local else endpoint.named_by or "Google's"
    rows = [
        ("project", f"{endpoint.project} ({origin('project', endpoint.project, unnamed)})" if endpoint.project else ""),
        ("location", f"{endpoint.location} ({origin('location', endpoint.location)})" if endpoint.location else ""),
        ("model", f"{endpoint.model} ({origin('model', endpoint.model)})"),
        ("api version", f"{endpoint.version} ({origin('api_version', endpoint.version)})"),
        ("host", f"{endpoint.host} ({host})"),
        ("url", endpoint.url),
    ]
    rows += [
        (key, f"{target.profile.values[key]} ({target.profile.origins[key]})")
        for key in ("voice", "language")
        if key in target.profile.values
    ]
    return [(name, text or "none") for name, text in rows]


def _credential_rows(credential: Credential | None) -> list[tuple[str, str]]:
    if credential is None:
        return [("credential", "no usable one")]
    rows = [("credential", f"{credential.source} ({credential.why})")]
    if credential.kind in ("adc", "token"):
        expires_at = credential.expires_at
        unknown = "unknown before the first refresh" if credential.kind == "adc" else "unknown"
        rows.append(("expires", expires_at.isoformat() if expires_at else unknown))
        rows.append(("quota project", credential.quota_project or "none"))
    return rows


def _online_rows(probe: Probe) -> list[tuple[str, str]]:
    words: dict[Any, str] = {True: "yes", False: "no", None: "unknown"}
    rows = [
        ("reachable", words[probe.reachable]),
        ("accepted", words[probe.accepted]),
        ("model served", words[probe.model_available]),
    ]
    for name, seconds in (("connect", probe.connect_seconds), ("setup", probe.setup_seconds)):
        rows += [(name, f"{seconds * 1000:.1f} ms")] if seconds is not None else []
    return rows
