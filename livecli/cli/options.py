"""The option groups that several commands share. Each option is declared once, here."""

# Annotations are evaluated here, once: Typer would otherwise compile each of them at every start.
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Any

from typer import Argument, Option

from ..errors import UsageError
from ..process.stdio import stdin_has_data
from ..protocol.platform import Platform
from ..protocol.setup import Activity, ThinkingLevel, Until
from .groups import COMMON, Group, HelpEntry

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from ..checks.expectations import Judge
    from ..client.open import Timeouts
    from ..client.sender import SendOptions
    from ..protocol.endpoint import Target
    from ..protocol.models import Prices
    from ..protocol.setup import SetupOptions
    from ..runs.request import Request
    from ..tools.toolbox import Toolbox
    from .serve_options import LogFlags


class Where(Group, panel="Network"):
    """The server, the project and the model."""

    platform: Annotated[
        Platform | None, Option(help="Vertex AI or the Gemini Developer API. [env: GOOGLE_GENAI_USE_VERTEXAI]")
    ] = None
    project: Annotated[
        str | None, Option(metavar="PROJECT", help="Google Cloud project. [env: GOOGLE_CLOUD_PROJECT]")
    ] = None
    location: Annotated[
        str | None,
        Option(metavar="LOCATION", help="Google Cloud location. [env: GOOGLE_CLOUD_LOCATION] [default: us-central1]"),
    ] = None
    model: Annotated[
        str | None,
        Option(metavar="NAME", help="The model. [env: LIVECLI_MODEL] [default: gemini-3.8-live]"),
        HelpEntry("Model", common=True),
    ] = None
    base_url: Annotated[
        str | None, Option(metavar="URL", help="Another server: a ws, wss, http or https URL. [env: LIVECLI_BASE_URL]")
    ] = None
    api_version: Annotated[
        str | None, Option(metavar="VERSION", help="Version of the API. [env: GOOGLE_GENAI_API_VERSION]")
    ] = None
    local: Annotated[bool, Option("--local", help="Talk to the built-in emulator, without a credential."), COMMON] = (
        False
    )
    insecure: Annotated[
        bool, Option("--insecure", help="Allow sending a credential unencrypted (ws://) to another machine.")
    ] = False
    profile: Annotated[
        str | None, Option(metavar="NAME", help="Values of [profile.NAME] in config.toml. [env: LIVECLI_PROFILE]")
    ] = None

    def check(self) -> None:
        if self.local and self.base_url:
            raise UsageError("--local cannot be combined with --base-url")

    def target(self) -> "Target":
        """The same values, for `decision.resolve`, with those of the profile. Raises as `load_profile` does."""
        import os

        from ..credentials.profiles import load_profile
        from ..protocol.endpoint import Target

        return Target(**{**vars(self), "profile": load_profile(self.profile, os.environ)})


class SetupFlags(Group, panel="Model"):
    """The options of a session's setup."""

    voice: Annotated[str | None, Option(metavar="NAME", help="Voice of the reply, such as Kore or Puck."), COMMON] = (
        None
    )
    language: Annotated[str | None, Option(metavar="CODE", help="Language of the reply, such as en-US.")] = None
    system: Annotated[str | None, Option(metavar="TEXT|@FILE", help="System instruction."), COMMON] = None
    temperature: Annotated[
        float | None, Option(min=0, max=2, metavar="N", help="Sampling temperature, from 0 to 2.")
    ] = None
    thinking: Annotated[ThinkingLevel | None, Option(help="How long the model thinks first, if it takes a level.")] = (
        None
    )
    setup: Annotated[
        str | None, Option(metavar="FILE.json|JSON", help="JSON that is merged over the setup message.")
    ] = None
    no_transcripts: Annotated[bool, Option("--no-transcripts", help="Do not ask for transcripts.")] = False

    def check(self) -> None:
        for option, text in (("--system", self.system), ("--voice", self.voice), ("--language", self.language)):
            check_utf8(option, text)

    def options(self, *, search: bool, activity: Activity, profile: "Mapping[str, str]") -> "SetupOptions":
        """The setup, with the voice and the language of a profile where no option names one.

        Raises FileError where a file that an option names cannot be read or understood.
        """
        from ..protocol.setup import SetupOptions
        from .files import setup_from_json, system_instruction

        return SetupOptions(
            voice=self.voice or profile.get("voice"),
            language=self.language or profile.get("language"),
            system=system_instruction(self.system),
            temperature=self.temperature,
            transcripts=not self.no_transcripts,
            activity=activity,
            extra=setup_from_json(self.setup),
            search=search,
            thinking=self.thinking,
        )


class SendFlags(Group, panel="Input"):
    """How audio is sent."""

    chunk_bytes: Annotated[
        int, Option(min=2, max=65536, metavar="N", help="Bytes of PCM in each message, an even number.")
    ] = 1024
    speed: Annotated[float, Option(min=0, metavar="N", help="Multiple of real time to send at; 0: no limit.")] = 3.2
    activity: Annotated[
        Activity, Option(help="Mark the file as one utterance, or leave that to the server's voice detection.")
    ] = Activity.MANUAL
    trailing_silence: Annotated[
        float, Option(min=0, max=3600, metavar="SECONDS", help="Silence after the input, with --activity auto.")
    ] = 1.0
    until: Annotated[
        Until,
        Option(help="End with the turn, or as soon as all audio is there (then without usage)."),
        HelpEntry("Output"),
    ] = Until.TURN

    def options(self) -> "SendOptions":
        """The same values, for the sender. Raises UsageError for a chunk that is not whole samples."""
        from ..client.sender import SendOptions

        return SendOptions(self.chunk_bytes, self.speed, self.trailing_silence)


class Limits(Group, panel="Network"):
    """How long to wait, and how often to try. Seconds."""

    connect_timeout: Annotated[
        float, Option(min=0, metavar="SECONDS", help="Limit for connecting, upgrade included; 0: none.")
    ] = 10.0
    idle_timeout: Annotated[
        float, Option(min=0, metavar="SECONDS", help="Limit for silence while an answer is due; 0: none.")
    ] = 30.0
    timeout: Annotated[
        float | None, Option(min=0, metavar="SECONDS", help="Limit for the whole run. [default: none]")
    ] = None
    retries: Annotated[
        int, Option(min=0, metavar="N", help="Further attempts to connect, after temporary failures.")
    ] = 3

    def timeouts(self) -> "Timeouts":
        """The same values, for the client: 0 means that there is no limit."""
        import math

        from ..client.open import Timeouts

        return Timeouts(
            connect=self.connect_timeout or math.inf,
            idle=self.idle_timeout or math.inf,
            total=self.timeout or None,
            retries=self.retries,
        )


class ToolFlags(Group, panel="Tools"):
    """The functions that the model may call."""

    tool: Annotated[
        list[str] | None,
        Option(metavar="NAME=COMMAND", help="A function that the model may call, and its command; repeatable."),
        COMMON,
    ] = None
    tools: Annotated[
        str | None,
        Option(metavar="FILE.toml", help="Functions with descriptions and parameters: see `livecli help tools`."),
    ] = None
    confirm: Annotated[bool, Option("--confirm", help="Ask before each call.")] = False
    search: Annotated[bool, Option("--search", help="Let the model use Google Search, and list its sources.")] = False

    def toolbox(self, extra_setup: "Mapping[str, Any]") -> "Toolbox":
        """The functions of `--tool` and `--tools`.

        Raises UsageError for a function that cannot be declared so, and where `extra_setup`, the JSON of `--setup`, has
        tools of its own; FileError where the file cannot be read or understood.
        """
        from ..tools.toolbox import Toolbox, parse_tool

        tools = [parse_tool(text) for text in self.tool or []]
        if self.tools is not None:
            from ..tools.tools_file import load_tools

            tools += load_tools(self.tools)
        if self.confirm and not tools:
            raise UsageError("--confirm asks before a tool runs, and there is none", hint="add --tool or --tools")
        if (tools or self.search) and "tools" in extra_setup:
            option = "--search" if self.search else "--tool"
            raise UsageError(
                f"--setup has tools of its own, which would replace those of {option}",
                hint="name all of them in one place",
            )
        return Toolbox(tools)


class RecordedAudio(StrEnum):
    """Where the audio of a recording is: in its lines, or in FLAC files beside it."""

    INLINE = "inline"
    FLAC = "flac"


RecordAnonymous = Annotated[bool, Option("--record-anonymous", help="Rename ids and projects in the recording.")]
"""Whether ids and projects are renamed in what is recorded."""

RecordAudio = Annotated[
    RecordedAudio, Option(help="Keep the audio in the recording's lines, or in FLAC files beside it.")
]
"""Where the audio of what is recorded is kept."""


def check_recording(flags: "OutputFlags | LogFlags", recordings: str, example: str) -> None:
    """Raises UsageError for options about `recordings` where there are none without --record, such as `example`."""
    given = {
        "--record-anonymous": flags.record_anonymous,
        "--record-audio": flags.record_audio is not RecordedAudio.INLINE,
    }
    if flags.record is None and (option := next((name for name, is_given in given.items() if is_given), None)):
        raise UsageError(f"{option} is for {recordings}", hint=f"add --record {example}")


class OutputFlags(Group, panel="Output"):
    """The options of printed and written output."""

    json_lines: Annotated[bool, Option("--json", help="Print a summary as a line of JSON."), COMMON] = False
    events: Annotated[
        str | None, Option(metavar="PATH|-", help="Write every event as a line of JSON, without audio.")
    ] = None
    record: Annotated[
        str | None, Option(metavar="FILE.live|FOLDER/", help="Record every frame: see `livecli help recordings`.")
    ] = None
    record_anonymous: RecordAnonymous = False
    record_audio: RecordAudio = RecordedAudio.INLINE
    report: Annotated[
        str | None, Option(metavar="FILE.html", help="Write a page with sounds, transcript and frames of the session.")
    ] = None
    quiet: Annotated[bool, Option("--quiet", "-q", help="Print only the answer, warnings and errors."), COMMON] = False
    verbose: Annotated[
        int,
        Option("--verbose", "-v", count=True, help="Print the conversation with the service; -vv: every chunk."),
        HelpEntry("Diagnostics", common=True),
    ] = 0
    stats: Annotated[
        bool, Option("--stats", help="Print every figure of a run, and where its time went."), HelpEntry("Diagnostics")
    ] = False
    debug: Annotated[
        bool,
        Option("--debug", help="Print frames, without audio and secrets, and tracebacks."),
        HelpEntry("Diagnostics"),
    ] = False
    explain: Annotated[
        bool,
        Option("--explain", help="After a failure, print its cause and what to try."),
        HelpEntry("Diagnostics"),
    ] = False
    prices: Annotated[str | None, Option(metavar="FILE.toml", help="Prices of models: see `livecli help costs`.")] = (
        None
    )

    @property
    def on_stdout(self) -> list[str]:
        """The options given that write data to standard output."""
        given = {"--json": self.json_lines, "--events -": self.events == "-"}
        return [option for option, is_given in given.items() if is_given]

    def check(self) -> None:
        check_stdout(self.on_stdout)
        if self.record is not None and not self.record_folder and not self.record.endswith(".live"):
            raise UsageError(
                f"--record {self.record}: a recording is a .live file, or in a folder", hint="--record run.live"
            )
        if self.report is not None and not self.report.lower().endswith((".html", ".htm")):
            raise UsageError(f"--report {self.report}: a report is an .html file", hint="--report report.html")
        check_recording(self, "a recording", "run.live")

    @property
    def record_folder(self) -> "Path | None":
        """The folder that `--record` names: it ends with a slash, or is one."""
        import os.path
        from pathlib import Path

        path = self.record
        # A name that is too long is that of no folder.
        return Path(path) if path and (path.endswith("/") or os.path.isdir(path)) else None  # noqa: PTH112

    def price_table(self) -> "Mapping[str, Prices]":
        """The prices of each model. Raises as `price_file.load_prices` does."""
        from ..report.prices import PRICES

        if self.prices is None:
            return PRICES
        from ..report.price_file import load_prices

        return load_prices(self.prices)


class ManyFlags(Group, panel="Many files"):
    """Which inputs are sent, and how many at once."""

    source: Annotated[
        str | None,
        Option(
            "--from",
            metavar="FILE|-",
            help="File with more inputs, one path on each line.",
        ),
    ] = None
    jobs: Annotated[
        int | None, Option(min=1, metavar="N", help="Sessions at once. [default: one in each process]"), COMMON
    ] = None
    processes: Annotated[
        str | None, Option(metavar="N|auto", help="Processes that share the sessions; auto: the cores. [default: 1]")
    ] = None
    connect_rate: Annotated[float, Option(metavar="N", help="Sessions to start per second, at most.")] = 10.0
    resume_from: Annotated[
        str | None, Option(metavar="FILE.jsonl", help="Skip the inputs that succeeded according to this --json output.")
    ] = None
    shard: Annotated[
        str | None, Option(metavar="I/N|auto", help="Every N-th input, I from 0; auto: as the scheduler says.")
    ] = None
    max_cost: Annotated[
        float | None, Option(metavar="USD", help="Start no more sessions once these cost that much.")
    ] = None

    @property
    def is_given(self) -> bool:
        """Whether an option is given that is for several inputs, however many there are in the end."""
        options = (self.source, self.jobs, self.processes, self.resume_from, self.shard)
        return any(option is not None for option in options)

    @property
    def process_count(self) -> int:
        """The number of processes that have sessions. Raises UsageError for a value that is not valid."""
        if self.processes is None:
            return 1
        from ..process.worker import process_count

        return process_count(self.processes)

    @property
    def sessions(self) -> int:
        """The most sessions at once: without `--jobs` one in each process."""
        return self.jobs or self.process_count

    def check(self) -> None:
        _ = self.process_count
        if not 0 < self.connect_rate < float("inf"):
            raise UsageError(f"--connect-rate must be more than 0, not {self.connect_rate:g}")
        if self.max_cost is not None and not 0 < self.max_cost < float("inf"):
            raise UsageError(f"--max-cost must be more than 0, not {self.max_cost:g}")


class SubtitleFlags(Group, panel="Output"):
    """Where subtitles are written."""

    subtitles: Annotated[
        str | None,
        Option(
            metavar="FILE.srt|.vtt",
            help="Write what both said as subtitles; with several inputs each has FILE-NAME.srt.",
        ),
    ] = None

    def check(self) -> None:
        if self.subtitles is not None and not self.subtitles.lower().endswith((".srt", ".vtt")):
            raise UsageError(
                f"--subtitles {self.subtitles}: subtitles are .srt or .vtt files", hint="--subtitles talk.srt"
            )

    def file(self, request: "Request", *, several: bool) -> "Path | None":
        """The file of a request: with `several`, its name follows that of the option."""
        if self.subtitles is None:
            return None
        from pathlib import Path

        path = Path(self.subtitles)
        return path.with_stem(f"{path.stem}-{request.stem}") if several else path


class CheckFlags(Group, panel="Diagnostics"):
    """The options of expectations and of repeated runs."""

    expect: Annotated[
        list[str] | None,
        Option(metavar="EXPR", help="What must hold, else status 1; repeatable: see `livecli help expect`."),
    ] = None
    expect_file: Annotated[
        str | None, Option(metavar="FILE.toml", help='Such expressions under names: NAME = "EXPR".')
    ] = None
    runs: Annotated[int, Option(min=1, max=1000, metavar="N", help="Send each input so many times.")] = 1
    pass_rate: Annotated[
        float, Option(min=0, max=1, metavar="P", help="The share of runs in which each expectation must hold.")
    ] = 1.0
    junit: Annotated[str | None, Option(metavar="FILE.xml", help="Write the results as JUnit XML.")] = None
    tap: Annotated[str | None, Option(metavar="FILE", help="Write the results as TAP.")] = None
    write_expect: Annotated[
        str | None, Option(metavar="FILE.toml", help="Write expectations that this run fulfils, with margins.")
    ] = None

    def check(self) -> None:
        given = self.expect or self.expect_file
        for name, value in (("pass-rate", self.pass_rate != 1), ("junit", self.junit), ("tap", self.tap)):
            if value and not given:
                raise UsageError(f"--{name} is for expectations", hint="add --expect 'first_sound < 1500ms'")
        if self.write_expect and given:
            raise UsageError("--write-expect cannot be combined with --expect or --expect-file")

    def judge(self) -> "Judge | None":
        """The judge of the runs; None without expectations. Raises UsageError and FileError."""
        if not (self.expect or self.expect_file or self.write_expect):
            return None
        from ..checks.expectations import Judge, read_expectations

        expectations = read_expectations(self.expect or [], self.expect_file)
        return Judge(expectations, self.pass_rate, observes=self.write_expect is not None)


Play = Annotated[bool, Option("--play", help="Play the reply while it arrives.")]
"""Whether a speaker plays what the model says."""


class DeviceFlags(Group, panel="Output"):
    """The speaker of `send`."""

    play: Annotated[Play, COMMON] = False
    device: Annotated[
        list[str] | None,
        Option(
            metavar="NAME|INDEX",
            help="Sound device, by part of its name or by number; repeatable.",
        ),
    ] = None

    def check(self) -> None:
        if self.device and not self.play:
            raise UsageError("--device has no effect without --play", hint="add --play")


class EchoMode(StrEnum):
    """Whether the speaker's echo is cancelled: where the package is installed, or not at all."""

    AUTO = "auto"
    OFF = "off"


class ChatDeviceFlags(DeviceFlags, panel="Input"):
    """The speaker and the microphone of `chat`, which can also be turned on while it lasts."""

    play: Annotated[Play, HelpEntry("Output", common=True, help="Play the answers.")] = False
    mic: Annotated[bool, Option("--mic", help="Speak into the microphone."), COMMON] = False
    list_devices: Annotated[
        bool, Option("--list-devices", help="Print the speakers and microphones."), HelpEntry("Output")
    ] = False
    half_duplex: Annotated[
        bool | None,
        Option(
            "--half-duplex/--full-duplex",
            help="Mute the microphone while an answer plays. [default: if it would hear it]",
        ),
    ] = None
    echo: Annotated[
        EchoMode, Option(help="Cancel the speaker's echo in the microphone, with the extra livecli[audio].")
    ] = EchoMode.AUTO
    push_to_talk: Annotated[
        bool, Option("--push-to-talk", help="Listen between two presses of the space bar only.")
    ] = False
    screen: Annotated[
        float | None, Option(metavar="SECONDS", help="Send a picture of the screen so often (livecli[images]).")
    ] = None
    frames: Annotated[
        str | None, Option(metavar="COMMAND|-", help="Send a frame a second of the MJPEG that COMMAND or stdin gives.")
    ] = None

    def check(self) -> None:
        if self.screen is not None and not 1 <= self.screen < float("inf"):
            raise UsageError(f"--screen must be 1 second or more, not {self.screen:g}")
        if self.screen is not None and self.frames is not None:
            raise UsageError("--screen and --frames cannot be used together")
        if self.push_to_talk and not self.mic:
            raise UsageError("--push-to-talk needs --mic")


class RequestFlags(Group, panel="Input"):
    """The inputs of `send`, and the destination of the reply."""

    inputs: Annotated[
        list[str] | None,
        Argument(
            metavar="[INPUT]...",
            help="Audio files, folders, quoted patterns, or - for standard input [default: standard input if it is a "
            "pipe or a file, else the bundled question].",
        ),
    ] = None
    sample: Annotated[
        bool, Option("--sample", help="Send the bundled question, whatever standard input is."), COMMON
    ] = False
    text: Annotated[str | None, Option(metavar="TEXT|@FILE|-", help="Send a text turn instead of audio."), COMMON] = (
        None
    )
    output: Annotated[
        str | None,
        Option(
            "--output",
            "-o",
            metavar="PATH",
            help="The reply: a wav, flac, ogg, opus, mp3 or pcm file, - for standard output, or a folder for several "
            "inputs. [default: NAME.reply.wav]",
        ),
        HelpEntry("Output", common=True),
    ] = None
    raw_output: Annotated[
        bool, Option("--raw-output", help="Write the reply as PCM without a header."), HelpEntry("Output")
    ] = False
    image: Annotated[
        list[str] | None, Option(metavar="PATH", help="Send a JPEG, PNG or WebP picture with the question; repeatable.")
    ] = None
    raw: Annotated[
        int | None,
        Option(metavar="RATE", min=1000, max=384000, help="Standard input is 16-bit mono PCM at RATE."),
    ] = None

    def check(self) -> None:
        check_utf8("--text", self.text)
        if self.text is not None and self.inputs:
            raise UsageError("--text cannot be combined with a file", hint="send one after the other")
        if self.sample and (self.inputs or self.text is not None):
            other = "--text" if self.text is not None else "an INPUT"
            raise UsageError(f"--sample cannot be combined with {other}", hint="send one after the other")
        if self.output is not None and self.output.startswith("-") and self.output != "-":
            # A name with an extension was meant; anything else is an option that follows -o.
            hint = f"-o ./{self.output}" if "." in self.output else f"-o reply.wav {self.output}"
            raise UsageError(f"-o {self.output}: the name of a reply does not begin with -", hint=hint)

    def words(self, *, has_list: bool) -> list[str]:
        """The inputs that are named, or standard input where it is one; none for the bundled question and for text.

        With `has_list`, another option names inputs. Raises UsageError for `--raw` where standard input is not sent.
        """
        words = list(self.inputs or [])
        if not (words or self.sample or has_list or self.text is not None) and stdin_has_data():
            words = ["-"]
        if self.raw is not None and words != ["-"]:
            raise UsageError("--raw describes standard input", hint="livecli send - --raw 16000 < speech.pcm")
        return words


def check_stdout(options: "Sequence[str]") -> None:
    """Raises UsageError where more than one of the `options` given writes to standard output."""
    if len(options) > 1:
        raise UsageError(f"{' and '.join(options)} both write to standard output", hint="give one of them a file")


def check_utf8(option: str, text: str | None) -> None:
    """Raises UsageError for text that JSON cannot carry: the bytes of a command line need not be UTF-8."""
    try:
        (text or "").encode()
    except UnicodeEncodeError as error:
        raise UsageError(f"{option} is not UTF-8 text") from error
