"""Which inputs are meant: words of the command line, folders, patterns, lists in files; and which of them are ours."""

from __future__ import annotations

import os
import sys
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from ..errors import FileError, UsageError

if TYPE_CHECKING:
    from .request import Request


# Several inputs of `send`: which they are, where their replies go, and which of them are to be asked here and now.
@dataclass(frozen=True)
class Choice:
    """What the options say: words of the command line, `--from`, `--shard`, `--resume-from`, and `-o`."""

    words: list[str]
    source: str | None
    shard: str | None
    resume_from: str | None
    folder: str | None


def questions(choice: Choice, like: Request, remark: Callable[[str], None], *, rehearsal: bool) -> list[Request]:
    """One for each input that is to be asked, else `like` that one. The folder for the replies is made.

    That no two replies share a name is checked for all of the list, whatever the shard. Raises UsageError and FileError
    for what cannot be.
    """
    part = None
    if choice.shard is not None:
        from .shards import parse_shard

        part = parse_shard(choice.shard)
    names: list[str | None] = [*listed(choice.words, choice.source, remark)] or [None]
    asked = [replace(like, input=name, output=_reply_in_folder(choice.folder, name, like)) for name in names]
    check_replies(asked)
    if part is not None:
        asked = part.of(asked, remark)
    if choice.resume_from is not None:
        from .resume_from import unanswered

        asked = unanswered(asked, choice.resume_from, remark)
    if choice.folder is not None and asked and not rehearsal:
        _make_folder(choice.folder)
    return asked


def _reply_in_folder(folder: str | None, name: str | None, like: Request) -> str | None:
    """The reply of one of several inputs: NAME.reply.wav in the folder that -o names."""
    if folder is None:
        return None
    from .request import Request

    own = Request(name, raw_output=like.raw_output).reply
    return os.path.join(folder, own)  # noqa: PTH118 - "./x" stays as typed


def _make_folder(folder: str) -> None:
    try:
        Path(folder).mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise FileError(f"-o {folder} cannot be a folder: {error.strerror}") from error


AUDIO = frozenset(
    {".wav", ".wave", ".flac", ".ogg", ".oga", ".opus", ".mp3", ".aif", ".aiff", ".aifc", ".caf", ".au", ".snd"}
    | {".w64", ".rf64", ".voc", ".sph", ".nist"}
)
"""What is taken from a folder. Any other file can be named."""
OURS = (".reply", ".partial")
"""Replies of earlier runs: nobody means to ask them."""


def listed(names: Sequence[str], source: str | None, remark: Callable[[str], None]) -> list[str]:
    """All inputs in order: those of `names`, folders and patterns replaced by their files, then those of the list
    `source`, a file or "-". `remark` is told what was passed over.

    Raises FileError where a folder, a pattern or the list has nothing in it, or cannot be read.
    """
    if source == "-" and "-" in names:
        raise UsageError("--from - and the INPUT - both want standard input")
    found = [file for name in names for file in _files(name, remark)]
    return found + (_lines(source) if source is not None else [])


def is_list(names: Sequence[str], source: str | None) -> bool:
    """Whether more than one input may be meant, however many there are in the end."""
    return len(names) > 1 or source is not None or any(_is_pattern(name) or _is_folder(name) for name in names)


def _files(name: str, remark: Callable[[str], None]) -> list[str]:
    if _is_folder(name):
        return _in_folder(name, remark)
    return _matches(name) if _is_pattern(name) else [name]


def _is_folder(name: str) -> bool:
    return name != "-" and os.path.isdir(name)  # noqa: PTH112 - a name that no file can have is none


def _in_folder(folder: str, remark: Callable[[str], None]) -> list[str]:
    """Its audio files, sorted, those in its own folders left out as with every tool."""
    try:
        with os.scandir(folder) as entries:
            names = sorted(entry.name for entry in entries if not entry.name.startswith(".") and entry.is_file())
    except OSError as error:
        raise FileError(f"cannot read the folder {folder}: {error.strerror}") from error
    audio = [name for name in names if Path(name).suffix.lower() in AUDIO]
    taken = [name for name in audio if not Path(name).stem.endswith(OURS)]
    for count, what in ((len(names) - len(audio), "no audio files"), (len(audio) - len(taken), "replies")):
        if count:
            remark(f"{folder}: {count} passed over that are {what}")
    if not taken:
        raise FileError(f"there is no audio file in the folder {folder}", hint="its own folders are not looked into")
    return [os.path.join(folder, name) for name in taken]  # noqa: PTH118 - "./x" stays as typed


def _is_pattern(name: str) -> bool:
    """Whether it is for us to find what it means: it was quoted, or the shell found nothing."""
    return any(character in name for character in "*?[") and not os.path.lexists(name)


def _matches(pattern: str) -> list[str]:
    import glob

    found = sorted(path for path in glob.glob(pattern, recursive=True) if not Path(path).is_dir())  # noqa: PTH207
    if not found:
        raise FileError(f"no file matches {pattern}")
    return found


def _lines(source: str) -> list[str]:
    """A path a line, relative to the current folder; blank lines, and those that begin with #, are none."""
    if source == "-" and sys.stdin is None:
        raise FileError("standard input is closed")
    try:
        data = sys.stdin.buffer.read() if source == "-" else Path(source).read_bytes()
    except OSError as error:
        raise FileError(f"cannot read the list {source}: {error.strerror}") from error
    lines = (line.removesuffix(b"\r") for line in data.split(b"\n"))
    paths = [os.fsdecode(line) for line in lines if line.strip() and not line.startswith(b"#")]
    if not paths:
        raise FileError(f"the list {'on standard input' if source == '-' else source} names no input")
    return [f".{os.sep}-" if path == "-" else path for path in paths]


def check_replies(questions: Sequence[Request]) -> None:
    """Several replies must hit neither one another nor an input that is still to be sent."""
    inputs = {os.path.realpath(question.name): question.name for question in questions}
    replies = [question.reply for question in questions]
    for question, reply in zip(questions, replies, strict=True):
        hit = inputs.get(os.path.realpath(reply))
        if hit is not None:
            raise FileError(
                f"the reply to {question.name} would replace the input {hit}", hint="-o names another folder"
            )
    shared = [reply for reply, times in Counter(replies).items() if times > 1]
    if shared:
        raise UsageError(f"several inputs would share the reply {shared[0]}", hint="send them apart, each with its -o")
