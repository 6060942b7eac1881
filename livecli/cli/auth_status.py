"""The command `livecli auth status`: which credential is used and why, as text or JSON, and a test of it."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ..errors import LivecliError, UsageError
from ..process.stdio import one_line, write_stderr, write_stdout
from .groups import Listed, Only, takes_groups
from .options import Limits, OutputFlags, Where

if TYPE_CHECKING:
    from ..client.open import Timeouts
    from ..client.probe import Probe
    from ..credentials import Credential, Decision
    from ..protocol.endpoint import Target

SCHEMA = "livecli/auth@1"


@takes_groups
def status(
    *,
    online: Annotated[
        bool,
        typer.Option("--online", help="Open a session, complete its setup and close it: a check for CI."),
        Listed("Diagnostics"),
    ] = False,
    limits: Annotated[Limits, Only("connect_timeout", "idle_timeout")],
    where: Where,
    output: Annotated[OutputFlags, Only("json_lines")],
) -> None:
    """Show which credential is used, and why.

    The places where a credential could come from are listed in their order, and the host that it is sent to. Without
    --online no token is refreshed and nothing is sent, except that a metadata server is asked if no other credential is
    found.

    Examples:

    livecli auth status

    livecli auth status --online --json
    """
    decision, notes, probe = _look_up(where.target(), limits.timeouts() if online else None)
    if isinstance(decision.error, UsageError):
        for note in notes:
            write_stderr(f"note: {one_line(note)}\n")
        # An error of usage is printed on standard error only.
        raise decision.error
    write_stdout(_as_json(decision, notes, probe) if output.json_lines else _as_lines(decision, notes, probe))
    if error := _error(decision, probe):
        raise error


def _look_up(target: Target, timeouts: Timeouts | None) -> tuple[Decision, list[str], Probe | None]:
    """The decision and notes about it; with `timeouts`, also the result of a session with the service."""
    from ..credentials import decide
    from ..credentials.advice import notes

    if timeouts is None:
        decision = decide(target, os.environ)
        return decision, notes(decision, target, os.environ), None
    from ..process.run import run

    return run(_look_up_online(target, timeouts))


async def _look_up_online(target: Target, timeouts: Timeouts) -> tuple[Decision, list[str], Probe | None]:
    import asyncio

    from ..client.probe import probe
    from ..credentials import decide
    from ..credentials.advice import notes
    from ..credentials.decision import usable
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


def _as_lines(decision: Decision, notes: list[str], probe: Probe | None) -> str:
    rows = [("platform", f"{decision.platform} ({decision.platform_why})")]
    if endpoint := decision.endpoint:
        rows += [
            ("project", endpoint.project or "none"),
            ("location", endpoint.location or "none"),
            ("model", endpoint.model),
            ("host", endpoint.host),
            ("url", endpoint.url),
        ]
    rows += _credential_rows(decision.credential) + (_online_rows(probe) if probe else [])
    lines = [f"{name:<14} {one_line(text)}" for name, text in rows]
    lines += ["", "Searched in this order (* is used):"]
    width = max(len(source.source) for source in decision.sources)
    lines += [
        f"{'*' if each.used else ' '} {each.source:<{width}}  {one_line(each.detail)}" for each in decision.sources
    ]
    if notes:
        lines += ["", "Notes:", *(f"- {one_line(note)}" for note in notes)]
    return "\n".join(lines) + "\n"


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
