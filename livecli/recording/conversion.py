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
from typing import TYPE_CHECKING

import msgspec

from ..errors import UsageError
from ..process.text_files import parse_file, parsed_lines
from ..protocol.platform import Platform
from ..toml_reader import LineError
from .audio_lines import AudioLines
from .cassette import read_cassette, write_cassette
from .format import (
    BYTE_ORDER_MARK,
    Direction,
    Frame,
    Header,
    RecordedConnection,
    RecordedItem,
    Recording,
    live_items,
    read_live,
    write_live,
)
from .har import read_har, write_har
from .redaction import Redactor, clean_url
from .websocket_log import read_websocket_log, write_websocket_log

if TYPE_CHECKING:
    from .audio_files import StoredAudio


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
    """The format of a file, by its first bytes. Raises LineError where they are of none."""
    start = data.removeprefix(BYTE_ORDER_MARK).lstrip()
    extension = next((BEGINNINGS[each] for each in BEGINNINGS if start.startswith(each)), None)
    if extension is None:
        raise LineError(1, "not a recording", hint=f"the extension of one is {', '.join(FORMATS)}")
    return FORMATS[extension]


def parse_recording(path: str, data: bytes) -> Recording:
    """The recording in a file's bytes, with what is known of each connection.

    The format is that of the extension, and otherwise that of the first bytes. Raises LineError, and FileError for a
    file of its audio.
    """
    return Recording.of(_complete(path, (format_of(path) or _format_in(data)).read(data)))


def read_recording(path: str) -> Recording:
    """The recording in a file. Raises FileError, which names the line that is wrong."""
    return parse_file(path, partial(parse_recording, path))


def recorded_items(path: str) -> Iterator[RecordedItem]:
    """The items of the recording in a file, as `read_recording` has them. A `.live` file is read line by line.

    Raises FileError as `read_recording` does, when the line is reached that is wrong.
    """
    if format_of(path) is FORMATS[".live"]:
        yield from _complete(path, parsed_lines(path, partial(live_items, audio_lines=AudioLines())))
    else:
        yield from read_recording(path)


def _complete(path: str, items: Iterable[RecordedItem]) -> Iterator[RecordedItem]:
    """The items of a recording, with its audio in its frames, and what is known of each connection in its header."""
    return _described(_with_audio(items, Path(path).parent))


def _with_audio(items: Iterable[RecordedItem], folder: Path) -> Iterator[RecordedItem]:
    """The items of a recording with its audio in its frames. Raises FileError where a file of it cannot be read."""
    stored: StoredAudio | None = None
    for each in items:
        if not (isinstance(each, Frame) and each.audio is None and b'"offset"' in each.data and b'"file"' in each.data):
            yield each
            continue
        if stored is None:
            from .audio_files import StoredAudio

            stored = StoredAudio(folder)
        yield stored.restored(each)


def cleaned(items: Iterable[RecordedItem], secrets: Iterable[str] = (), *, anonymous: bool = False) -> Recording:
    """The recording without secrets: those that are known, and those that `Redactor` finds."""
    return Recording.of(cleaned_items(items, secrets, anonymous=anonymous))


def cleaned_items(
    items: Iterable[RecordedItem], secrets: Iterable[str] = (), *, anonymous: bool = False
) -> Iterator[RecordedItem]:
    """The items of a recording without secrets."""
    redactor = Redactor(secrets, anonymous=anonymous)
    for each in items:
        if isinstance(each, Frame):
            data = redactor.clean(each.direction, each.data)
            yield each if data is each.data else msgspec.structs.replace(each, data=data, audio=None)
        elif isinstance(each, Header):
            yield redactor.clean_header(each)
        else:
            yield replace(each, reason=redactor.clean_text(each.reason))


def _described(items: Iterable[RecordedItem]) -> Iterator[RecordedItem]:
    """The items, each header with the platform and the model where the URL and the setup name them."""
    header: Header | None = None
    for each in items:
        if header is not None:
            yield _with_setup(header, each)
        header = each if isinstance(each, Header) else None
        if header is None:
            yield each
    if header is not None:
        yield _with_setup(header, None)


def _with_setup(header: Header, first: RecordedItem | None) -> Header:
    """The header with what is known from its URL and from the first frame."""
    model = _model(first) if isinstance(first, Frame) else None
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
