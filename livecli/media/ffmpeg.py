"""The program ffmpeg as a decoder of what libsndfile does not read, such as m4a, mp4 and webm.

It writes AU into a pipe: a format that libsndfile reads from there, although its header does not state the length.
"""

from __future__ import annotations

import io
import os
import re
import shutil
import subprocess
import sys
import tempfile
from contextlib import ExitStack
from pathlib import Path

from ..errors import FileError

_LOG_BYTES = 64 * 1024
"""Bytes of ffmpeg's log that are read: what it found in the file, and its first errors."""
_STDIN = Path("/dev/stdin")
_INSTALLERS = {
    "brew": "brew install ffmpeg",
    "apt-get": "sudo apt-get install ffmpeg",
    "dnf": "sudo dnf install ffmpeg-free",
    "pacman": "sudo pacman -S ffmpeg",
    "zypper": "sudo zypper install ffmpeg",
    "apk": "sudo apk add ffmpeg",
    "winget": "winget install ffmpeg",
}
"""Package managers, and the command with which each installs ffmpeg."""


class Ffmpeg:
    """A running ffmpeg, which decodes the first audio stream of `file` to `output`.

    `seekable` is whether the file can be read from its beginning and in any order, as MP4 needs. Closing `held` ends
    the program. Raises FileError, also where it cannot be started.
    """

    def __init__(self, program: str, file: io.FileIO, *, seekable: bool, held: ExitStack) -> None:
        # With the name of a descriptor ffmpeg can seek, and no file name is taken for an option or a protocol.
        self._input = f"file:{_STDIN}" if seekable and _STDIN.exists() else "pipe:0"
        # It is opened for appending, so that reading it does not move the end to which ffmpeg writes.
        self._log = held.enter_context(tempfile.TemporaryFile("a+b"))  # noqa: SIM115 - `held` closes it
        reading = ["-nostdin", "-hide_banner", "-nostats", "-loglevel", "level+info"]
        # A file that names others, as a playlist does, does not make it connect anywhere.
        source = ["-protocol_whitelist", "file,pipe", "-i", self._input]
        writing = ["-map", "0:a:0", "-c:a", "pcm_s16be", "-f", "au", "pipe:1"]
        # Ctrl-C is for livecli, which then ends ffmpeg: ffmpeg alone would end as if the file ended there.
        group = None if sys.platform == "win32" else 0
        try:
            self._process = subprocess.Popen(
                [program, *reading, *source, *writing],
                stdin=file,
                stdout=subprocess.PIPE,
                stderr=self._log,
                bufsize=0,
                env={**os.environ, "AV_LOG_FORCE_NOCOLOR": "1"},
                process_group=group,
            )
        except OSError as error:
            raise FileError(f"cannot run {program}: {error.strerror}") from error
        assert isinstance(self._process.stdout, io.FileIO)
        self.output = self._process.stdout
        held.callback(self._end)

    def _end(self) -> None:
        self._process.kill()
        self._process.wait()
        self.output.close()

    def problem(self) -> str | None:
        """The first error of ffmpeg, whose output was read to its end; None if it succeeded."""
        if self._process.wait() == 0:
            return None
        log = self._read_log()
        if "matches no streams" in log:
            return "there is no sound in it"
        return self._first_error(log) or f"ffmpeg ended with status {self._process.returncode}"

    def complaint(self) -> str | None:
        """The first error that ffmpeg went on after, as it does where a file is damaged."""
        return self._first_error(self._read_log())

    def is_guess(self) -> bool:
        """Whether the file might as well be something else than what ffmpeg took it for, such as random bytes."""
        return "misdetection possible" in self._read_log()

    def seconds(self) -> float | None:
        """The length of the file, where it states one."""
        found = re.search(r"Duration: (\d+):(\d\d):(\d\d\.\d+)", self._read_log())
        return int(found[1]) * 3600 + int(found[2]) * 60 + float(found[3]) if found else None

    def codec(self) -> str:
        """The name of the encoding, such as AAC."""
        found = re.search(r"Stream #0:.* Audio: (\w+)", self._read_log())
        return found[1].upper() if found else "audio"

    def _first_error(self, log: str) -> str | None:
        found = re.search(r"\[(?:error|fatal)\] (.*)", log)
        return found[1].removeprefix(f"{self._input}: ") if found else None

    def _read_log(self) -> str:
        self._log.seek(0)
        return self._log.read(_LOG_BYTES).decode(errors="replace")


def find_ffmpeg() -> str | None:
    """The path of the program; None where it is not installed."""
    return shutil.which("ffmpeg")


def how_to_install() -> str:
    """The command that installs ffmpeg here, or where to get it."""
    return next((line for name, line in _INSTALLERS.items() if shutil.which(name)), "ffmpeg.org/download.html")
