"""Recordings in every format, by the extension of the file: read, and written, with secrets removed on the way.

.live            livecli's own
.har             Chrome's network panel, mitmproxy
.websocket.log   js-genai's recorded sessions
.yaml            pydantic-ai's cassettes
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from itertools import chain
from pathlib import Path

from ..errors import UsageError
from ..process.text_files import parse_file
from ..protocol.platform import Platform
from .cassette import read_cassette, write_cassette
from .format import Direction, Frame, Header, RecordedConnection, Recording, read_live, write_live
from .har import read_har, write_har
from .redaction import Redactor, clean_url
from .websocket_log import read_websocket_log, write_websocket_log


@dataclass(frozen=True)
class RecordingFormat:
    """How recordings of one format are read, which raises LineError, and written, in parts."""

    read: Callable[[bytes], Recording]
    write: Callable[[Recording], Iterator[bytes]]


def _read_log(data: bytes) -> Recording:
    return Recording([RecordedConnection(frames=frames) for frames in _by_setup(read_websocket_log(data))])


def _by_setup(frames: Iterable[Frame]) -> Iterator[list[Frame]]:
    """The frames of each connection: the client begins one with its setup."""
    found: list[Frame] = []
    for frame in frames:
        if found and frame.direction is Direction.CLIENT and _setup(frame) is not None:
            yield found
            found = []
        found.append(frame)
    yield found


FORMATS = {
    ".live": RecordingFormat(read_live, write_live),
    ".har": RecordingFormat(read_har, write_har),
    ".websocket.log": RecordingFormat(_read_log, lambda recording: write_websocket_log(recording.frames)),
    ".yaml": RecordingFormat(read_cassette, lambda recording: write_cassette(recording.connections)),
}
"""The formats, by the extensions of their files."""

OTHER_EXTENSIONS = {".log": ".websocket.log", ".yml": ".yaml"}
"""Further extensions, and those that they stand for."""


BEGINNINGS = {b">": ".websocket.log", b"<": ".websocket.log", b'{"livecli"': ".live", b"{": ".har"}
"""How files of each format begin, for those whose extension is another one."""


def format_of(path: str) -> RecordingFormat | None:
    """The format of a file, by its extension; None for another one."""
    name = path.lower()
    for extension in (*FORMATS, *OTHER_EXTENSIONS):
        if name.endswith(extension):
            return FORMATS[OTHER_EXTENSIONS.get(extension, extension)]
    return None


def _format_in(data: bytes) -> RecordingFormat:
    start = data.removeprefix(b"\xef\xbb\xbf").lstrip()
    return FORMATS[next((BEGINNINGS[each] for each in BEGINNINGS if start.startswith(each)), ".websocket.log")]


def parse_recording(path: str, data: bytes) -> Recording:
    """The recording in a file's bytes, with what is known of each connection.

    The format is that of the extension, and otherwise that of the first bytes. Raises LineError, and FileError for a
    file of its audio.
    """
    recording = (format_of(path) or _format_in(data)).read(data)
    if b'"offset"' in data:
        from .audio_files import with_audio

        recording = with_audio(recording, Path(path).parent)
    return Recording([replace(each, header=_described(each)) for each in recording.connections])


def read_recording(path: str) -> Recording:
    """The recording in a file. Raises FileError, which names the line that is wrong."""
    return parse_file(path, partial(parse_recording, path))


def cleaned(recording: Recording, secrets: Iterable[str] = (), *, anonymous: bool = False) -> Recording:
    """The recording without secrets: those that are known, and those that `Redactor` finds."""
    redactor = Redactor(secrets, anonymous=anonymous)
    return Recording([_cleaned(connection, redactor) for connection in recording.connections])


def _cleaned(connection: RecordedConnection, redactor: Redactor) -> RecordedConnection:
    close = connection.close
    return RecordedConnection(
        redactor.clean_header(connection.header),
        [replace(frame, data=redactor.clean(frame.direction, frame.data)) for frame in connection.frames],
        close and replace(close, reason=redactor.clean_text(close.reason)),
    )


def _described(connection: RecordedConnection) -> Header:
    """The header, with the platform and the model where the URL and the setup name them."""
    header = connection.header
    model = next((model for model in map(_model, connection.frames[:1]) if model is not None), None)
    return replace(
        header,
        platform=header.platform or _platform(header.url or "", model or ""),
        model=header.model or (model and model.rpartition("/")[2]),
        url=header.url and clean_url(header.url),
    )


def _platform(url: str, model: str) -> str | None:
    """The platform that serves this path, or takes this name of a model."""
    for platform in Platform:
        if re.search(platform.facts.path_pattern, url) or re.fullmatch(platform.facts.resource_pattern, model):
            return str(platform)
    return None


def _model(frame: Frame) -> str | None:
    match _setup(frame):
        case {"model": str(model)}:
            return model
    return None


def _setup(frame: Frame) -> object | None:
    """The setup in a frame; None where it has none, or is not JSON."""
    if b'"setup"' not in frame.data:
        return None
    try:
        message = json.loads(frame.data)
    except (ValueError, RecursionError):
        return None
    return message.get("setup") if isinstance(message, dict) else None


def rendered(path: str, recording: Recording) -> Iterator[bytes]:
    """The parts of a file with this recording. Raises UsageError for its extension."""
    recording_format = format_of(path)
    if recording_format is None:
        raise UsageError(f"{path} is not named as a recording", hint=f"the extension is one of {' '.join(FORMATS)}")
    parts = recording_format.write(recording)
    # The first part, so that a missing package is an error before the file is opened.
    return chain([next(parts, b"")], parts)
