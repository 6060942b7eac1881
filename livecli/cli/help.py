"""The command `livecli help`: topics that belong to no single command, printed on standard output."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Annotated

import typer

from ..errors import UsageError, statuses
from ..process.stdio import write_stdout

ENVIRONMENT = (
    ("GOOGLE_GENAI_USE_ENTERPRISE", "`true` or `1` is Vertex AI, `false` the Developer API"),
    ("GOOGLE_GENAI_USE_VERTEXAI", "the older name of GOOGLE_GENAI_USE_ENTERPRISE"),
    ("GOOGLE_CLOUD_PROJECT", "--project"),
    ("GOOGLE_CLOUD_LOCATION", "--location"),
    ("LIVECLI_MODEL", "--model"),
    ("LIVECLI_BASE_URL", "--base-url, on either platform"),
    ("GOOGLE_VERTEX_BASE_URL", "--base-url, on Vertex AI"),
    ("GOOGLE_GEMINI_BASE_URL", "--base-url, on the Developer API"),
    ("GOOGLE_GENAI_API_VERSION", "--api-version"),
    ("LIVECLI_ACCESS_TOKEN", "a bearer token"),
    ("GOOGLE_API_KEY", "an API key; takes precedence over GEMINI_API_KEY; `local` is none for a loopback address"),
    ("GEMINI_API_KEY", "an API key"),
    ("GOOGLE_APPLICATION_CREDENTIALS", "a file of Application Default Credentials"),
    ("GOOGLE_CLOUD_QUOTA_PROJECT", "the project that is billed, if it differs from --project"),
    ("CLOUDSDK_CONFIG", "gcloud's configuration folder, which has its credentials"),
    ("CLOUDSDK_ACTIVE_CONFIG_NAME", "gcloud's configuration, which may name a project"),
    ("CLOUDSDK_CORE_PROJECT", "gcloud's project"),
    ("GCE_METADATA_HOST", "the metadata server of a cloud machine; also GCE_METADATA_IP and GCE_METADATA_ROOT"),
    ("SSL_CERT_FILE", "the certificate authorities to trust"),
    ("HTTPS_PROXY", "a proxy; not used for loopback addresses and those in NO_PROXY"),
    ("NO_COLOR", "no colour, as with CI or TERM=dumb"),
)


def help(
    context: typer.Context,
    topic: Annotated[str | None, typer.Argument(help="A topic, or a command; without one they are listed.")] = None,
) -> None:
    """Print a guide, the exit statuses, the environment variables, or a command's help.

    livecli help exit-statuses
    """
    commands: dict[str, typer.core.TyperCommand] = getattr(context.find_root().command, "commands", {})
    if topic is None:
        summaries = [(name, summary) for name, (summary, _) in TOPICS.items()]
        write_stdout(_table(summaries + [(name, command.get_short_help_str(80)) for name, command in commands.items()]))
    elif topic in TOPICS:
        _, text = TOPICS[topic]
        write_stdout(text())
    elif topic in commands:
        command = commands[topic]
        inner = type(context)(command, info_name=topic, parent=context.find_root())
        write_stdout(command.get_help(inner) + "\n")
    else:
        raise UsageError(f"there is no help about {topic!r}", hint=_nearest(topic, [*TOPICS, *commands]))


def _table(rows: Sequence[tuple[str, str]]) -> str:
    width = max(len(name) for name, _ in rows)
    return "".join(f"{name:{width}}  {text}\n" for name, text in rows)


def _nearest(topic: str, topics: Sequence[str]) -> str:
    from difflib import get_close_matches

    near = get_close_matches(topic, topics, n=1, cutoff=0.4)
    return f"did you mean {near[0]}?" if near else f"the topics are {', '.join(topics)}"


def _guide(name: str) -> str:
    return (Path(__file__).parents[1] / "help" / f"{name}.md").read_text(encoding="utf-8")


def _models() -> str:
    from . import model_help

    return _guide("models") + model_help.models()


def _accuracy() -> str:
    from . import model_help

    return _guide("accuracy") + model_help.accuracy()


TOPICS: dict[str, tuple[str, Callable[[], str]]] = {
    "architecture": (
        "How livecli is built: its packages, the reading order, and which files a change touches.",
        lambda: _guide("architecture"),
    ),
    "clients": (
        "How programs reach `livecli serve`, also those with Google's host written in.",
        lambda: _guide("clients"),
    ),
    "models": ("The models of the Live API: what each takes, sends and costs.", _models),
    "accuracy": ("Where each fact about the service is from: its evidence and date.", _accuracy),
    "exit-statuses": ("What each exit status means.", lambda: _table(statuses())),
    "environment": ("The environment variables that livecli reads.", lambda: _table(ENVIRONMENT)),
}
"""Each topic's summary, and what prints it."""
