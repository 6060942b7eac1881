"""Inputs of `send`: words of the command line, folders, patterns and lists, expanded to one request each."""

from __future__ import annotations

import os
import shlex
import sys
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from ..errors import FileError, UsageError
from ..media.encoding import FORMATS
from ..media.file_source import AUDIO_SUFFIXES
from ..process.folders import is_file, natural_key
from .named_files import NamedFiles

if TYPE_CHECKING:
    from .request import Request


# Ends of the stems of replies of earlier runs, which are not taken from a folder.
REPLIES = (".reply", ".partial")


@dataclass(frozen=True)
class Choice:
    """The options that choose inputs: words of the command line, `--from`, `--shard`, `--resume-from`, and `-o`.

    `files` are those that all options name.
    """

    words: list[str]
    source: str | None
    shard: str | None
    resume_from: str | None
    folder: str | None
    files: NamedFiles


def expand(choice: Choice, template: Request, remark: Callable[[str], None], *, dry_run: bool) -> list[Request]:
    """One request as `template` for each input that is chosen, or for the bundled sample where none is named.

    The folder for the replies is made, unless it is a `dry_run`. Names of replies are checked over the whole list,
    whatever the shard. Raises UsageError for options that do not fit together, FileError for files that do not.
    """
    shard = None
    if choice.shard is not None:
        from .shards import parse_shard

        shard = parse_shard(choice.shard)
    _check_words(choice.words)
    names: list[str | None] = [*listed(choice.words, choice.source, remark)] or [None]
    chosen = [replace(template, input=name, output=_reply_in_folder(choice.folder, name, template)) for name in names]
    check_replies(chosen)
    choice.files.check(chosen)
    if shard is not None:
        chosen = shard.of(chosen, remark)
    if choice.resume_from is not None:
        from .resume_from import unanswered

        chosen = unanswered(chosen, choice.resume_from, remark)
    if choice.folder is not None and chosen and not dry_run:
        _make_folder(choice.folder)
    return chosen


def _check_words(words: Sequence[str]) -> None:
    """Raises FileError where several words are a text that was not quoted, and UsageError where one is there twice."""
    if len(words) > 1 and not any(os.path.lexists(word) or not word.isalpha() for word in words[:-1]):
        text = shlex.quote(" ".join(words))
        raise FileError(f"there is no file {words[0]}", hint=f"to send words: livecli send --text {text}")
    twice = next((word for word, times in Counter(words).items() if times > 1), None)
    if twice is not None:
        raise UsageError(f"{twice} is named twice")


def _reply_in_folder(folder: str | None, name: str | None, template: Request) -> str | None:
    """The reply of one of several inputs: NAME.reply.wav in the folder that -o names."""
    if folder is None:
        return None
    from .request import Request

    reply = Request(name, raw_output=template.raw_output).reply
    return os.path.join(folder, reply)  # noqa: PTH118 - "./x" stays as typed


def names_a_reply(output: str) -> bool:
    """Whether `-o` for several inputs names a file: an existing one, or a path with the extension of a sound format."""
    path = Path(output)
    return is_file(path) or (path.suffix[1:].lower() in FORMATS and not os.path.isdir(path))  # noqa: PTH112


def _make_folder(folder: str) -> None:
    try:
        Path(folder).mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise FileError(f"-o {folder} cannot be a folder: {error.strerror}") from error


def listed(names: Sequence[str], source: str | None, remark: Callable[[str], None]) -> list[str]:
    """All inputs in order: `names`, with folders and patterns replaced by their files, then the lines of `source`.

    `source` is a file, "-" or None. `remark` is told what was skipped. Raises FileError where a folder, a pattern or
    the list is empty, or cannot be read, UsageError where standard input is both the list and an input.
    """
    if source == "-" and "-" in names:
        raise UsageError("--from - and the INPUT - both want standard input")
    found = [file for name in names for file in _files(name, remark)]
    return found + (_lines(source) if source is not None else [])


def is_list(names: Sequence[str], source: str | None) -> bool:
    """Whether the options may name more than one input, however many there are in the end."""
    return len(names) > 1 or source is not None or any(_is_pattern(name) or _is_folder(name) for name in names)


def _files(name: str, remark: Callable[[str], None]) -> list[str]:
    if _is_folder(name):
        return _in_folder(name, remark)
    return _matches(name) if _is_pattern(name) else [name]


def _is_folder(name: str) -> bool:
    return name != "-" and os.path.isdir(name)  # noqa: PTH112 - Path.is_dir raises for a name that no file can have


def _in_folder(folder: str, remark: Callable[[str], None]) -> list[str]:
    """The audio files of `folder`, in natural order. Its subfolders are skipped."""
    try:
        with os.scandir(folder) as entries:
            files = (entry.name for entry in entries if not entry.name.startswith(".") and entry.is_file())
            names = sorted(files, key=natural_key)
    except OSError as error:
        raise FileError(f"cannot read the folder {folder}: {error.strerror}") from error
    audio = [name for name in names if Path(name).suffix.lower() in AUDIO_SUFFIXES]
    taken = [name for name in audio if not Path(name).stem.endswith(REPLIES)]
    for count, what in ((len(names) - len(audio), "non-audio files"), (len(audio) - len(taken), "replies")):
        if count:
            remark(f"{folder}: skipped {what}: {count}")
    if not taken:
        raise FileError(f"there is no audio file in the folder {folder}", hint="its own folders are not looked into")
    return [os.path.join(folder, name) for name in taken]  # noqa: PTH118 - "./x" stays as typed


def _is_pattern(name: str) -> bool:
    """Whether `name` is a pattern that the shell has not expanded: it was quoted, or matches nothing."""
    return any(character in name for character in "*?[") and not os.path.lexists(name)


def _matches(pattern: str) -> list[str]:
    import glob

    paths = (path for path in glob.glob(pattern, recursive=True) if not Path(path).is_dir())  # noqa: PTH207
    found = sorted(paths, key=natural_key)
    if not found:
        raise FileError(f"no file matches {pattern}")
    return found


def _lines(source: str) -> list[str]:
    """The paths in a list, one a line, relative to the current folder. Blank lines and those with # are skipped."""
    if source == "-" and sys.stdin is None:
        raise FileError("standard input is closed")
    try:
        data = sys.stdin.buffer.read() if source == "-" else Path(source).read_bytes()
    except OSError as error:
        raise FileError(f"cannot read the list {source}: {error.strerror}") from error
    lines = (line.removesuffix(b"\r") for line in data.split(b"\n"))
    paths = [os.fsdecode(line) for line in lines if line.strip() and not line.startswith(b"#")]
    if any("\0" in path for path in paths):
        raise FileError(f"the list {'on standard input' if source == '-' else source} contains a zero byte")
    if not paths:
        raise FileError(f"the list {'on standard input' if source == '-' else source} names no input")
    return [f".{os.sep}-" if path == "-" else path for path in paths]


def check_replies(requests: Sequence[Request]) -> None:
    """Check that no reply would replace an input or another reply. Raises FileError and UsageError."""
    inputs = {os.path.realpath(request.name): request.name for request in requests}
    replies = [request.reply for request in requests]
    for request, reply in zip(requests, replies, strict=True):
        hit = inputs.get(os.path.realpath(reply))
        if hit is not None:
            raise FileError(
                f"the reply to {request.name} would replace the input {hit}", hint="-o names another folder"
            )
    shared = [reply for reply, times in Counter(replies).items() if times > 1]
    if shared:
        raise UsageError(f"several inputs would share the reply {shared[0]}", hint="send them apart, each with its -o")
