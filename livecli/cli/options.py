"""The options that several verbs share, each declared once."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from ..protocol.platform import Platform
from ..protocol.setup import Activity

if TYPE_CHECKING:
    from ..client.open import Timeouts

WHERE = "Where it connects"
TALK = "What it prints"
MAY = "What the model may use"
MANY = "Many inputs"

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
ExplainOption = Annotated[
    bool,
    typer.Option("--explain", help="After a failure: its cause, and what to try in which order.", rich_help_panel=TALK),
]
JsonOption = Annotated[bool, typer.Option("--json", help="One line of JSON on standard output.", rich_help_panel=TALK)]


VoiceOption = Annotated[str | None, typer.Option(help="Voice of the reply, as Kore or Puck.")]
LanguageOption = Annotated[str | None, typer.Option(help="Language code, as en-US.")]
SystemOption = Annotated[str | None, typer.Option(metavar="TEXT|@FILE", help="System instruction.")]
TemperatureOption = Annotated[float | None, typer.Option(min=0, max=2, help="Sampling temperature.")]
SetupOption = Annotated[
    str | None, typer.Option(metavar="FILE.json", help="Setup in JSON, merged over everything else.")
]
BisectSetupOption = Annotated[
    bool, typer.Option("--bisect-setup", help="If the setup is refused without a reason, find the field to blame.")
]
NoTranscriptsOption = Annotated[bool, typer.Option("--no-transcripts", help="Ask for no transcripts.")]

ChunkBytesOption = Annotated[int, typer.Option(min=2, max=65536, help="Bytes of PCM in a message, even.")]
SpeedOption = Annotated[float, typer.Option(min=0, help="Times real time; 0: as fast as the socket takes it.")]
ActivityOption = Annotated[
    Activity, typer.Option(help="Bracket the file as one utterance, or leave it to the server's voice detection.")
]
TrailingSilenceOption = Annotated[
    float, typer.Option(min=0, max=3600, help="Seconds of silence after the input, with --activity auto.")
]

ConnectTimeoutOption = Annotated[float, typer.Option(min=0, help="Seconds from DNS to the finished upgrade; 0: any.")]
RetriesOption = Annotated[int, typer.Option(min=0, help="Further attempts at a connection, where they may help.")]
IdleTimeoutOption = Annotated[float, typer.Option(min=0, help="Seconds of silence while an answer is due; 0: any.")]
TimeoutOption = Annotated[float | None, typer.Option(min=0, help="Seconds for the whole run [none].")]
PlayOption = Annotated[bool, typer.Option("--play", help="Play the reply while it arrives, too.")]
DeviceOption = Annotated[
    list[str] | None,
    typer.Option(
        metavar="NAME|INDEX",
        help="Sound device instead of the default, by (part of) its name; more than one if needed.",
    ),
]
EventsOption = Annotated[
    str | None, typer.Option(metavar="PATH|-", help="Write every event as a line of JSON, without audio.")
]

ToolOption = Annotated[
    list[str] | None,
    typer.Option(
        metavar="NAME=COMMAND", help="A function that the model may call, and what runs then.", rich_help_panel=MAY
    ),
]
ToolsOption = Annotated[
    str | None,
    typer.Option(metavar="FILE.toml", help="Functions with descriptions, parameters, timeouts.", rich_help_panel=MAY),
]
ConfirmOption = Annotated[
    bool, typer.Option("--confirm", help="Ask at the terminal before each call.", rich_help_panel=MAY)
]
SearchOption = Annotated[
    bool, typer.Option("--search", help="Google Search; what is cited is listed.", rich_help_panel=MAY)
]

FromOption = Annotated[
    str | None,
    typer.Option(
        "--from",
        metavar="FILE|-",
        help="More inputs: a path a line; not blank, nor with # first.",
        rich_help_panel=MANY,
    ),
]
JobsOption = Annotated[
    int | None, typer.Option(min=1, help="Sessions at once [one after another].", rich_help_panel=MANY)
]
ConnectRateOption = Annotated[
    float, typer.Option(metavar="RATE", help="Sessions started a second, at the most.", rich_help_panel=MANY)
]
ResumeFromOption = Annotated[
    str | None,
    typer.Option(
        metavar="FILE.jsonl", help="Leave out what the --json of that run says is done.", rich_help_panel=MANY
    ),
]
ShardOption = Annotated[
    str | None,
    typer.Option(
        metavar="I/N|auto", help="Every N-th input, I from 0; auto: as the scheduler says.", rich_help_panel=MANY
    ),
]


def timeouts(connect_seconds: float, idle_seconds: float) -> Timeouts:
    """What the two options say: 0 is any time."""
    import math

    from ..client.open import Timeouts

    return Timeouts(connect_seconds or math.inf, idle_seconds or math.inf)
