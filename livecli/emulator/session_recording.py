"""The output of `serve --record`: a recording of each session, in a folder."""

from __future__ import annotations

import json
import string
import time
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from pathlib import Path

from ..errors import FileError
from ..recording.format import By, Direction, Header
from ..recording.redaction import Redactor, clean_url
from ..recording.writer import DiskThread, LiveFile, Recorder, now
from .access import Service
from .observer import ClosedBy, SessionObserver


class SessionRecordings:
    """Records each session of an emulator into a file in `folder`: the time it was opened at, and its number.

    `secrets` are the credentials that the emulator requires. With `anonymous`, ids are renamed,
    and with `moves_audio`, the audio is in FLAC files beside each recording.
    """

    def __init__(
        self,
        folder: Path,
        disk: DiskThread,
        secrets: Iterable[str] = (),
        *,
        anonymous: bool = False,
        moves_audio: bool = False,
    ) -> None:
        self._folder, self._disk = folder, disk
        self._secrets, self._anonymous, self._moves_audio = [*secrets], anonymous, moves_audio

    def observe(self, number: int, service: Service) -> SessionObserver:
        """The observer of one session; see Observe."""
        stem = f"{datetime.now():%Y%m%d-%H%M%S}-{number}"
        # Another process may have recorded its session of this number within the same second.
        names = (f"{stem}{letter}.live" for letter in ("", *string.ascii_lowercase))
        path = next(
            (each for name in names if not (each := self._folder / name).exists()), self._folder / f"{stem}.live"
        )

        def recorder(secrets: Iterable[str]) -> Recorder:
            redactor = Redactor([*self._secrets, *secrets], anonymous=self._anonymous)
            return Recorder(LiveFile(path, self._disk, moves_audio=self._moves_audio), redactor)

        return _SessionRecording(recorder, service, self._disk.warn)


class _SessionRecording(SessionObserver):
    wants_frames = True

    def __init__(
        self, recorder: Callable[[Iterable[str]], Recorder], service: Service, warn: Callable[[str], None]
    ) -> None:
        self._new_recorder, self._warn = recorder, warn
        self._platform = str(service.platform)
        self._url: str | None = None
        self._client: str | None = None
        self._secrets: Sequence[str] = ()
        # None before the first frame, and where the file cannot be written.
        self._recorder: Recorder | None = None
        self._has_begun = False

    def opened(self, url: str, client: str | None, secrets: Sequence[str]) -> None:
        self._url, self._client, self._secrets = clean_url(url), client, secrets

    def frame(self, direction: Direction, data: bytes, *, is_binary: bool) -> None:
        at = time.monotonic()
        self._begin(data, at)
        if self._recorder is not None:
            self._recorder.frame(direction, data, at, is_binary=is_binary)

    def closed(self, by: ClosedBy, code: int, reason: str) -> None:
        if self._recorder is not None:
            side = By.NETWORK if code == 1006 else By.CLIENT if by is ClosedBy.CLIENT else By.SERVER
            self._recorder.close(code, reason, side, time.monotonic())
            self._recorder.end()

    def _begin(self, first: bytes, at: float) -> None:
        """Open the file with the first frame, which names the model."""
        if self._has_begun:
            return
        self._has_begun = True
        try:
            self._recorder = self._new_recorder(self._secrets)
        except FileError as error:
            self._warn(error.message)
            return
        self._recorder.begin(Header(self._platform, _model_in(first), self._url, self._client, now()), at)


def _model_in(frame: bytes) -> str | None:
    try:
        model = json.loads(frame)["setup"]["model"]
    except (ValueError, RecursionError, LookupError, TypeError):
        return None
    return model.rpartition("/")[2] if isinstance(model, str) else None
