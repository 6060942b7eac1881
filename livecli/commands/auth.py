"""`livecli auth`: which credential would be used and why, and a bearer token for other programs.

Only words and wiring. What is decided, and from what, is `credentials`' to say; the secrets stay there.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import typer

from ..complaint import one_line
from ..stdout import write_out
from . import options

if TYPE_CHECKING:
    from ..credentials import Credential, Decision

SCHEMA = "livecli/auth@1"

app = typer.Typer(
    name="auth",
    help="Which credential would be used and why; a token for other programs.",
    pretty_exceptions_enable=False,
)


@app.command()
def status(
    *,
    platform: options.PlatformOption = None,
    project: options.ProjectOption = None,
    location: options.LocationOption = None,
    model: options.ModelOption = None,
    base_url: options.BaseUrlOption = None,
    api_version: options.ApiVersionOption = None,
    local: options.LocalOption = False,
    as_json: options.JsonOption = False,
) -> None:
    """Show each place a credential could come from, which one wins and why, and the host it would be sent to.

    Nothing is refreshed and nothing is sent; a metadata server is asked only where nothing else is found.
    """
    from ..credentials import decide
    from ..endpoint import Wanted
    from ..errors import UsageError

    if local and base_url:
        raise UsageError("--local and --base-url contradict one another")
    decision = decide(Wanted(platform, project, location, model, base_url, api_version, local), os.environ)
    if isinstance(decision.error, UsageError):
        raise decision.error  # says its word on stderr only
    write_out(_as_json(decision) if as_json else _as_lines(decision))
    if decision.error:
        raise decision.error


@app.command()
def token() -> None:
    """Print a bearer token, as `gcloud auth print-access-token` does; refreshed where it has to be."""
    from ..credentials import bearer

    write_out(bearer(os.environ).bearer() + "\n")


def _as_json(decision: Decision) -> str:
    import json

    from ..figures import error_json

    endpoint = decision.endpoint
    summary = {
        "schema": SCHEMA,
        "ok": decision.error is None,
        "exit_code": decision.error.exit_status if decision.error else 0,
        "error": error_json(decision.error) if decision.error else None,
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


def _as_lines(decision: Decision) -> str:
    rows = [("platform", f"{decision.platform} ({decision.platform_why})")]
    if endpoint := decision.endpoint:
        rows += [
            ("project", endpoint.project or "none"),
            ("location", endpoint.location or "none"),
            ("model", endpoint.model),
            ("host", endpoint.host),
            ("url", endpoint.url),
        ]
    rows += _credential_rows(decision.credential)
    lines = [f"{name:<14} {one_line(text)}" for name, text in rows]
    lines += ["", "Looked at, in this order (* is used):"]
    width = max(len(source.source) for source in decision.sources)
    lines += [
        f"{'*' if each.used else ' '} {each.source:<{width}}  {one_line(each.detail)}" for each in decision.sources
    ]
    return "\n".join(lines) + "\n"


def _credential_rows(credential: Credential | None) -> list[tuple[str, str]]:
    if credential is None:
        return [("credential", "none that can be used")]
    rows = [("credential", f"{credential.source} ({credential.why})")]
    if credential.kind in ("adc", "token"):
        expires_at = credential.expires_at
        unknown = "unknown before the first refresh" if credential.kind == "adc" else "unknown"
        rows.append(("expires", expires_at.isoformat() if expires_at else unknown))
        rows.append(("quota project", credential.quota_project or "none"))
    return rows
