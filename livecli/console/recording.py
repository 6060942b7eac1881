"""The output of `--record`: a recording of the frames of one run."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence

from .. import __version__
from ..protocol.endpoint import Endpoint
from ..recording.format import By, Direction, Header
from ..recording.redaction import Redactor, clean_url
from ..recording.writer import LiveFile, Recorder, now
from ..report.reporter import Reporter
from ..report.summary import Summary


class SessionRecording(Reporter):
    """Records every frame of a run, of each of its connections, into the file that `open_file` opens.

    The file is opened when the run is about to connect; what that raises is raised there. It is closed when the run is
    finished; with `several_turns`, each of which is finished, by `close`.
    """

    wants_frames = True

    def __init__(self, open_file: Callable[[], LiveFile], redactor: Redactor, *, several_turns: bool = False) -> None:
        self._open_file, self._redactor, self._several_turns = open_file, redactor, several_turns
        self._file: LiveFile | None = None
        self._recorder: Recorder | None = None
        self._endpoint: Endpoint | None = None
        self._is_open = False

    def connecting(self, endpoint: Endpoint) -> None:
        self._endpoint = endpoint
        if self._file is None:
            self._file = self._open_file()
            self._recorder = Recorder(self._file, self._redactor)

    def authorised(self, secrets: Sequence[str]) -> None:
        self._redactor.know(secrets)

    def frame(self, direction: str, frame: bytes | str, at: float, *, is_binary: bool = False) -> None:
        assert self._recorder is not None, "a frame follows `connecting`"
        data = frame.encode() if isinstance(frame, str) else frame
        if not self._is_open:
            self._is_open = True
            self._recorder.begin(self._header(data), at)
        side = Direction.CLIENT if direction == "sent" else Direction.SERVER
        self._recorder.frame(side, data, at, is_binary=is_binary)

    def closed(self, direction: str, code: int | None, reason: str | None, at: float) -> None:
        if self._recorder is not None and self._is_open:
            self._is_open = False
            by = By.NETWORK if code in (None, 1006) else By.CLIENT if direction == "sent" else By.SERVER
            self._recorder.close(code or 1006, reason or "", by, at)

    def finished(self, summary: Summary) -> None:
        if not self._several_turns:
            self.close()

    def close(self) -> None:
        """Close the file. There is none where the run never was about to connect."""
        if self._file is not None:
            self._file.close()

    def _header(self, setup: bytes) -> Header:
        assert self._endpoint is not None, "a frame follows `connecting`"
        model = str(json.loads(setup)["setup"]["model"]).rpartition("/")[2]
        url = clean_url(self._endpoint.url)
        return Header(str(self._endpoint.platform), model, url, f"livecli/{__version__}", now())
