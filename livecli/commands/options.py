"""The options that several verbs share, each declared once."""

from __future__ import annotations

from typing import Annotated

import typer

from ..protocol.models import Platform

WHERE = "Where it connects"
TALK = "What it prints"

PlatformOption = Annotated[
    Platform | None,
    typer.Option(help="Vertex AI or the Gemini Developer API [env: GOOGLE_GENAI_USE_VERTEXAI].", rich_help_panel=WHERE),
]
ProjectOption = Annotated[
    str | None, typer.Option(help="Google Cloud project [env: GOOGLE_CLOUD_PROJECT].", rich_help_panel=WHERE)
]
LocationOption = Annotated[
    str | None,
    typer.Option(
        help="Google Cloud location [env: GOOGLE_CLOUD_LOCATION; default: us-central1].", rich_help_panel=WHERE
    ),
]
ModelOption = Annotated[
    str | None,
    typer.Option(help="Model id [env: LIVECLI_MODEL; default: gemini-3.8-live].", rich_help_panel=WHERE),
]
BaseUrlOption = Annotated[
    str | None,
    typer.Option(help="Another server: ws, wss, http or https URL [env: LIVECLI_BASE_URL].", rich_help_panel=WHERE),
]
ApiVersionOption = Annotated[
    str | None,
    typer.Option(help="API version [env: GOOGLE_GENAI_API_VERSION].", rich_help_panel=WHERE),
]
LocalOption = Annotated[
    bool, typer.Option("--local", help="Talk to the embedded emulator; needs no credential.", rich_help_panel=WHERE)
]
QuietOption = Annotated[bool, typer.Option("--quiet", "-q", help="Warnings and errors only.", rich_help_panel=TALK)]
VerboseOption = Annotated[bool, typer.Option("--verbose", "-v", help="A line for every chunk.", rich_help_panel=TALK)]
DebugOption = Annotated[
    bool,
    typer.Option("--debug", help="Frames (audio and secrets elided) and tracebacks.", rich_help_panel=TALK),
]
JsonOption = Annotated[bool, typer.Option("--json", help="One line of JSON on standard output.", rich_help_panel=TALK)]
