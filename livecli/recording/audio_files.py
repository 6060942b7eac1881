"""Audio of a recording in files beside it, instead of in its lines (`--record-audio flac`).

In the line of a frame, the base64 of audio is replaced by its place in a file:

    "data": {"file": "run.sent-16000.flac", "offset": 512, "samples": 512}

Offsets are in samples. While a session is recorded, each file is bare PCM16 with the extension `.pcm`, which can be
read at every moment; at the end it becomes FLAC. A file that is still PCM is taken where there is no FLAC.
"""

from __future__ import annotations

import base64
import io
import json
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import msgspec

from ..errors import FileError
from ..media.encoding import ENCODINGS, encode
from ..media.file_source import read_sound
from ..media.pcm import SAMPLE_BYTES
from ..protocol.audio_rates import INPUT_RATE, OUTPUT_RATE
from ..protocol.codec.proto_json import audio_rate
from .format import Direction, Frame

SIDES = {Direction.CLIENT: ("sent", INPUT_RATE), Direction.SERVER: ("received", OUTPUT_RATE)}
"""How the files of each side are named, and the rate of audio whose type names none."""

LOWEST_RATE, HIGHEST_RATE = 1_000, 384_000
"""The rates of audio that is moved. Other audio stays in its line."""

BLOCK_BYTES = 65_536
"""The PCM that is encoded at a time."""


class AudioFiles:
    """The audio files of the recording at `path`, while it is written."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._files: dict[str, tuple[io.FileIO, int]] = {}
        self._samples: dict[str, int] = {}

    def moved(self, direction: Direction, data: bytes) -> bytes:
        """The frame with its audio in a file. Raises OSError where that cannot be written."""
        if b'"data"' not in data:
            return data
        side, _ = SIDES[direction]
        message = json.loads(data)
        changed = _changed(message, direction, lambda text, rate: self._place(f"{side}-{rate}", text, rate))
        return data if changed == message else json.dumps(changed, ensure_ascii=False).encode()

    def close(self, step: Callable[[], None] = lambda: None) -> None:
        """Turn the files into FLAC; `step` is called now and then.

        Raises OSError and FileError where one cannot be written; it stays PCM then.
        """
        files, self._files = self._files, {}
        for name, (file, rate) in files.items():
            file.close()
            raw, target = self._named(name, ".pcm"), self._named(name, ".flac")
            partial = target.with_name(f"{target.name}.partial")
            try:
                with io.FileIO(partial, "w", opener=_private) as sink:
                    encode(_blocks(raw, step), rate, ENCODINGS["flac"], sink)
                partial.replace(target)
            finally:
                partial.unlink(missing_ok=True)
            raw.unlink()

    def _place(self, name: str, text: str, rate: int) -> object:
        """Where the audio is now; the text itself where it would not come back as it is."""
        try:
            pcm = base64.b64decode(text, validate=True)
        except ValueError:
            return text
        if not pcm or len(pcm) % SAMPLE_BYTES or base64.b64encode(pcm).decode() != text:
            return text
        if name not in self._files:
            self._named(name, ".flac").unlink(missing_ok=True)
            self._files[name] = io.FileIO(self._named(name, ".pcm"), "w", opener=_private), rate
        file, _ = self._files[name]
        offset, samples = self._samples.get(name, 0), len(pcm) // SAMPLE_BYTES
        while pcm:
            pcm = pcm[file.write(pcm) :]
        self._samples[name] = offset + samples
        return {"file": self._named(name, ".flac").name, "offset": offset, "samples": samples}

    def _named(self, name: str, extension: str) -> Path:
        return self._path.with_name(f"{self._path.stem}.{name}{extension}")


class StoredAudio:
    """The audio of a recording in `folder`, as it is read back."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._sounds: dict[tuple[str, int], bytes] = {}

    def restored(self, frame: Frame) -> Frame:
        """The frame with its audio in it. Raises FileError where a file of it cannot be read."""
        changed = _changed(json.loads(frame.data), frame.direction, self._text)
        return msgspec.structs.replace(frame, data=json.dumps(changed, ensure_ascii=False).encode())

    def _text(self, place: Any, rate: int) -> object:
        match place:
            case {"file": str(name), "offset": int(offset), "samples": int(samples)} if _is_file_name(name):
                if (name, rate) not in self._sounds:
                    self._sounds[name, rate] = _sound(self._folder / name, rate)
                sound, end = self._sounds[name, rate], SAMPLE_BYTES * (offset + samples)
                if offset < 0 or samples < 0 or end > len(sound):
                    raise FileError(f"{self._folder / name} has no {samples} samples from {offset} on")
                pcm = sound[SAMPLE_BYTES * offset : end]
                return base64.b64encode(pcm).decode()
        return place


def _is_file_name(name: str) -> bool:
    return Path(name).name == name and "\0" not in name


def _sound(path: Path, rate: int) -> bytes:
    raw = path.with_suffix(".pcm")
    if not path.exists() and raw.exists():
        try:
            return raw.read_bytes()
        except OSError as error:
            raise FileError(f"cannot read {raw}: {error.strerror}") from error
    return b"".join(read_sound(str(path), rate))


def _changed(value: Any, direction: Direction, change: Callable[[Any, int], object]) -> Any:
    """A value in which each `data` of PCM is what `change` makes of it."""
    match value:
        case {"mimeType": str(kind), "data": data} | {"mime_type": str(kind), "data": data} if _is_pcm(kind):
            rate = audio_rate(kind, SIDES[direction][1])
            if rate is not None and LOWEST_RATE <= rate <= HIGHEST_RATE:
                return {**value, "data": change(data, rate)}
        case dict():
            return {name: _changed(each, direction, change) for name, each in value.items()}
        case list():
            return [_changed(each, direction, change) for each in value]
    return value


def _is_pcm(mime_type: str) -> bool:
    return mime_type.strip().lower().startswith("audio/pcm")


def _blocks(path: Path, step: Callable[[], None]) -> Iterator[bytes]:
    with path.open("rb") as file:
        while block := file.read(BLOCK_BYTES):
            yield block
            step()


def _private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)
