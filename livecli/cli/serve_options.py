"""The option groups of `livecli serve`."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from typer import Option

from ..emulator.pace import Pace
from ..errors import CheckError, FileError, UsageError, gravest
from ..process.stdio import counted, one_line, print_error, write_stderr
from ..recording.match import Match
from .groups import COMMON, Group, HelpEntry
from .options import RecordAnonymous, RecordAudio, RecordedAudio, check_recording

if TYPE_CHECKING:
    from ..emulator.expectations import NewCheck, ScriptCheck
    from ..emulator.options import EmulatorOptions
    from ..emulator.replay_library import ReplayLibrary
    from ..emulator.request_source import AllowedSources

PORT, TLS_PORT = 8765, 8766

Script = Annotated[
    str | None,
    Option(metavar="FILE.toml", help="What the model says, instead of an echo. See `livecli help script`."),
]
"""The script that the emulator's model follows."""

Replay = Annotated[
    str | None,
    Option(metavar="FILE|FOLDER", help="Replay recorded sessions, byte for byte. See `livecli help recordings`."),
]
"""The recordings that the emulator replays."""

ReplayMatch = Annotated[
    Match,
    Option(
        help="How the client has to follow the recording. strict: with the same content; kinds: with messages of the "
        "same kinds; loose: some may be missing."
    ),
]
"""How exactly a client has to follow a recording."""


ReplaySpeed = Annotated[
    float, Option("--replay-speed", min=0, metavar="N", help="Multiple of the recorded speed; 0: at once.")
]
"""How fast the emulator replays a recording."""

Faults = Annotated[
    list[str] | None, Option(metavar="WHAT@WHEN", help="Inject a fault; repeatable. See `livecli help faults`.")
]
"""The faults that the emulator injects."""

AnswerPace = Annotated[
    Pace | None,
    Option(
        help="burst: four times as fast as speech, as the service; realtime: as fast as speech; instant: without "
        "delay. [default: burst]",
        show_default=False,
    ),
]
"""How fast the emulator answers."""

Hear = Annotated[
    bool, Option("--hear", help="Understand speech in US English (livecli[speech]). See `livecli help speech`.")
]
"""Whether the emulator understands speech."""


class LogFlags(Group, panel="Output"):
    """The logs, recordings and reports of the sessions."""

    quiet: Annotated[
        bool, Option("--quiet", "-q", help="Do not log on standard error; print warnings and errors."), COMMON
    ] = False
    log: Annotated[
        str | None,
        Option(metavar="FILE|-", help="Write each message of both directions as a line of JSON, without audio."),
        COMMON,
    ] = None
    record: Annotated[
        str | None, Option(metavar="FOLDER/", help="Record each session there: see `livecli help recordings`."), COMMON
    ] = None
    junit: Annotated[
        str | None, Option(metavar="FILE.xml", help="Write what the script expects as JUnit XML, at the end.")
    ] = None
    record_anonymous: Annotated[RecordAnonymous, HelpEntry(help="Rename ids and projects in the recordings.")] = False
    record_audio: Annotated[
        RecordAudio, HelpEntry(help="Keep the audio in the recordings' lines, or in FLAC files beside them.")
    ] = RecordedAudio.INLINE

    def check(self) -> None:
        if self.record in ("", "-"):
            raise UsageError(f"--record {self.record}: recordings are in a folder", hint="--record recordings/")
        check_recording(self, "recordings", "recordings/")


class LifetimeFlags(Group, panel="Output"):
    """The lifetime of the emulator, and the places to which its variables are written."""

    background: Annotated[
        bool, Option("--background", help="Return as soon as it listens, and leave it running."), COMMON
    ] = False
    stop: Annotated[
        bool, Option("--stop", help="End the one that is running in the background, or on --port."), COMMON
    ] = False
    env_file: Annotated[
        str | None, Option(metavar="FILE", help="Write the variables there too, as NAME=value lines.")
    ] = None
    ready_fd: Annotated[
        int | None,
        Option(min=1, metavar="N", help="Write the variables to this file descriptor instead, and close it."),
    ] = None

    @property
    def given(self) -> str | None:
        """One of these options that is given, as it is written; None where none is."""
        return next((f"--{name.replace('_', '-')}" for name, value in vars(self).items() if value), None)

    def check(self) -> None:
        if self.background and self.stop:
            raise UsageError("--background cannot be combined with --stop")
        if self.background and self.ready_fd is not None:
            raise UsageError(
                "--background cannot be combined with --ready-fd", hint="it returns once the emulator listens"
            )


class ListenFlags(Group, panel="Network"):
    """The address to listen on."""

    host: Annotated[str, Option(metavar="HOST", help="Address to listen on."), COMMON] = "127.0.0.1"
    port: Annotated[
        int | None,
        Option(
            min=0,
            max=65_535,
            metavar="PORT",
            help=f"Port without TLS; 0: a free one. [default: {PORT}; a free one with a COMMAND]",
        ),
        COMMON,
    ] = None
    tls_port: Annotated[
        int | None,
        Option(
            min=0,
            max=65_535,
            metavar="PORT",
            help=f"Port for TLS; 0: a free one. [default: {TLS_PORT}; a free one with a COMMAND]",
        ),
        COMMON,
    ] = None

    tls_name: Annotated[
        list[str] | None,
        Option(metavar="NAME", help="Another name in the certificate; repeatable. See `livecli help clients`."),
    ] = None

    allow_host: Annotated[
        list[str] | None,
        Option(metavar="NAME", help="Another host name by which clients may reach it; repeatable."),
    ] = None
    allow_origin: Annotated[
        list[str] | None,
        Option(metavar="ORIGIN", help="Another site whose pages may use it, such as https://app.example; repeatable."),
    ] = None

    def check(self) -> None:
        from ..emulator.request_source import host_in, normalized_origin

        for name in self.allow_host or []:
            if host_in(name) != name.lower().removesuffix("."):
                raise UsageError(f"--allow-host: {name!r} is not a host name", hint="give the name without the port")
        for origin in self.allow_origin or []:
            if normalized_origin(origin) is None:
                raise UsageError(
                    f"--allow-origin: {origin!r} is not an origin", hint="it looks like https://app.example:8443"
                )

    def sources(self) -> "AllowedSources":
        """The hosts and pages that may use the emulator besides those of this machine."""
        from ..emulator.request_source import AllowedSources, normalized_origin

        hosts = [self.host, *(self.tls_name or []), *(self.allow_host or [])]
        origins = filter(None, map(normalized_origin, self.allow_origin or []))
        return AllowedSources(tuple(hosts), tuple(origins))

    @property
    def names(self) -> list[str]:
        """The names that the certificate is for."""
        return [host_to_name(self.host), *(self.tls_name or [])]

    @property
    def is_public(self) -> bool:
        """Whether other machines can connect."""
        from ..protocol.endpoint import is_loopback

        return not is_loopback(self.host)

    def ports(self, *, free: bool) -> tuple[int, int]:
        """The ports in the clear and for TLS. With `free`, those that are not given are chosen by the system."""
        usual, usual_tls = (0, 0) if free else (PORT, TLS_PORT)
        return usual if self.port is None else self.port, usual_tls if self.tls_port is None else self.tls_port


class ProcessFlags(Group, panel="Network"):
    """How many processes run the emulator."""

    processes: Annotated[
        str,
        Option(
            metavar="N|auto",
            help="Spread the sessions over this many processes; auto: one on each core. See `livecli help serve`.",
        ),
    ] = "1"

    @property
    def count(self) -> int:
        """The number of processes. Raises UsageError for a value that is not valid."""
        from ..process.worker import process_count

        return process_count(self.processes)

    def check(self) -> None:
        if self.count > 1 and sys.platform == "win32":
            raise UsageError(
                "--processes needs a socket on which several processes accept connections, which Windows has not",
                hint="leave out --processes",
            )

    def check_replay(self, replay: str | None) -> None:
        """Raises UsageError where several processes are to replay a recording."""
        if self.count > 1 and replay is not None:
            raise UsageError(
                "--replay cannot be combined with --processes: one process gives out the recorded sessions in turn",
                hint="leave out --processes",
            )


class LocalFlags(Group, panel="Network"):
    """How the emulator behaves that `--local` starts."""

    script: Annotated[Script, HelpEntry(help="What the model of --local says. See `livecli help script`.")] = None
    replay: Annotated[Replay, HelpEntry(help="A recorded session, or several, that --local replays.")] = None
    replay_match: ReplayMatch = Match.KINDS
    replay_speed: ReplaySpeed = 1.0
    fault: Annotated[Faults, HelpEntry(help="A fault of --local; repeatable. See `livecli help faults`.")] = None
    pace: Annotated[AnswerPace, HelpEntry(help="How fast --local answers: see `livecli serve --help`.")] = None
    hear: Annotated[
        Hear, HelpEntry(help="Have --local understand speech in US English. See `livecli help speech`.")
    ] = False

    def options(self, *, local: bool, pace: Pace) -> "EmulatorOptions | None":
        """The same values, for the emulator, with `pace` where none is given; None where no emulator is started.

        Raises UsageError where an option has no emulator to apply to; FileError and UsageError as `option_files` does.
        """
        given = next((name for name, value in vars(self).items() if value != getattr(LocalFlags, name)), None)
        if not local:
            if given:
                option = given.replace("_", "-")
                raise UsageError(
                    f"--{option} is for the emulator", hint="add --local, or start `livecli serve` with it"
                )
            return None
        return _emulator_options(self, pace=self.pace or pace)


class EmulatorFlags(Group, panel="Model"):
    """How the emulator behaves."""

    require_key: Annotated[
        str | None,
        Option(metavar="KEY", help="Refuse clients without this API key."),
        HelpEntry("Network", common=True),
    ] = None
    require_token: Annotated[
        str | None,
        Option(metavar="TOKEN", help="Refuse clients without this bearer or ephemeral token."),
        HelpEntry("Network"),
    ] = None
    script: Annotated[Script, COMMON] = None
    replay: Annotated[Replay, COMMON] = None
    replay_match: ReplayMatch = Match.KINDS
    replay_speed: Annotated[ReplaySpeed, HelpEntry(also="--speed")] = 1.0
    pace: Annotated[AnswerPace, COMMON] = None
    realtime: Annotated[bool, Option("--realtime", help="The same as --pace realtime.")] = False
    hear: Hear = False
    connection_seconds: Annotated[
        float,
        Option(min=0, metavar="SECONDS", help="End each connection after this time, as Google does; 0: never."),
        HelpEntry("Network"),
    ] = 600.0
    goaway_seconds: Annotated[
        float, Option(min=0, metavar="SECONDS", help="Send goAway this long before that."), HelpEntry("Network")
    ] = 60.0
    session_seconds: Annotated[
        float | None,
        Option(
            min=0,
            metavar="SECONDS",
            help="End each session without context compression after this time. [default: never]",
        ),
        HelpEntry("Network"),
    ] = None
    model_table: Annotated[
        str | None, Option(metavar="FILE.toml", help="Models to add or to change. See `livecli help models`.")
    ] = None
    fault: Annotated[Faults, HelpEntry("Network", common=True)] = None

    def check(self) -> None:
        if self.realtime and self.pace not in (None, Pace.REALTIME):
            raise UsageError(f"--realtime cannot be combined with --pace {self.pace}")

    @property
    def source(self) -> str:
        """The source of the model's answers, in a few words."""
        return f"script {self.script}" if self.script else f"replay {self.replay}" if self.replay else "echo"

    def options(self, new_check: "NewCheck | None" = None) -> "EmulatorOptions":
        """The same values, for the emulator. Raises FileError and UsageError as `option_files` does.

        `new_check` makes the check of a script, by default one of this process.
        """
        from ..emulator.expectations import ScriptCheck

        return _emulator_options(
            self,
            pace=Pace.REALTIME if self.realtime else self.pace or Pace.BURST,
            connection_seconds=self.connection_seconds,
            goaway_seconds=self.goaway_seconds,
            session_seconds=self.session_seconds,
            model_table=self.model_table,
            require_key=self.require_key,
            require_token=self.require_token,
            new_check=new_check or ScriptCheck,
        )


def _emulator_options(flags: LocalFlags | EmulatorFlags, **others: Any) -> "EmulatorOptions":
    """The values that both groups have, and `others`, for the emulator."""
    from ..emulator.option_files import emulator_options

    given = {"--replay-match": flags.replay_match is not Match.KINDS, "--replay-speed": flags.replay_speed != 1}
    if flags.replay is None and (option := next((name for name, is_given in given.items() if is_given), None)):
        raise UsageError(f"{option} is for a recording", hint="add --replay FILE")
    return emulator_options(
        script=flags.script,
        replay=flags.replay,
        replay_match=flags.replay_match,
        speed=flags.replay_speed,
        faults=flags.fault or [],
        hear=flags.hear,
        **others,
    )


def report_sessions(options: "EmulatorOptions | None", junit: str | None = None) -> int:
    """Say what the script expects and did not hold, or what was not replayed as it was recorded, one line each.

    The results of the script are written to the file `junit` too. Returns the exit status.
    """
    if options is None:
        return 0
    return _report_script(options.check, junit) if options.check else _report_replay(options.replay)


def _report_script(check: "ScriptCheck", junit: str | None) -> int:
    results, statuses = check.results(), [0]
    failures = [each for each in results if not each.held]
    for failure in failures:
        write_stderr(f"{one_line(str(failure))}\n")
    if failures:
        broken = CheckError(f"{counted(len(failures), 'expectation')} of {check.file} did not hold")
        print_error(broken)
        statuses.append(broken.exit_status)
    if junit is not None:
        from ..checks.outputs import junit_of_suite

        cases = [(f"{each.subject} (line {each.line})", None if each.held else each.comparison) for each in results]
        try:
            Path(junit).write_bytes(junit_of_suite(check.file, cases))
        except OSError as error:
            unwritten = FileError(f"cannot write {junit}: {error.strerror}")
            print_error(unwritten)
            statuses.append(unwritten.exit_status)
    return gravest(statuses)


def _report_replay(library: "ReplayLibrary | None") -> int:
    if library is None:
        return 0
    is_strict = library.match is Match.STRICT
    for line in library.report():
        write_stderr(f"{'error' if is_strict else 'warning'}: replay: {one_line(line)}\n")
    return 0 if library.is_followed or not is_strict else CheckError.status


def host_to_name(host: str) -> str:
    """The name by which clients reach the address `host`; the certificate is for this name."""
    return {"": "localhost", "127.0.0.1": "localhost", "0.0.0.0": "localhost", "::": "::1"}.get(host, host)
