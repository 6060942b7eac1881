"""Several inputs of `send`: which they are, where their replies go, and which of them are to be asked here and now."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from ..cli.checks import check_replies
from ..errors import FileError
from ..record import record
from .inputs import listed
from .request import Question


@record
class Choice:
    """What the options say: words of the command line, `--from`, `--shard`, `--resume-from`, and `-o`."""

    words: list[str]
    source: str | None
    shard: str | None
    resume_from: str | None
    folder: str | None


def questions(choice: Choice, like: Question, remark: Callable[[str], None], *, rehearsal: bool) -> list[Question]:
    """One for each input that is to be asked, else `like` that one. The folder for the replies is made.

    That no two replies share a name is checked for all of the list, whatever the shard. Raises UsageError and FileError
    for what cannot be.
    """
    part = None
    if choice.shard is not None:
        from .shards import parse_shard

        part = parse_shard(choice.shard)
    names: list[str | None] = [*listed(choice.words, choice.source, remark)] or [None]
    asked = [replace(like, input=name, output=_in_folder(choice.folder, name, like)) for name in names]
    check_replies(asked)
    if part is not None:
        asked = part.of(asked, remark)
    if choice.resume_from is not None:
        from .resume_from import unanswered

        asked = unanswered(asked, choice.resume_from, remark)
    if choice.folder is not None and asked and not rehearsal:
        _make_folder(choice.folder)
    return asked


def _in_folder(folder: str | None, name: str | None, like: Question) -> str | None:
    """The reply of one of several inputs: NAME.reply.wav in the folder that -o names."""
    if folder is None:
        return None
    own = Question(name, raw_output=like.raw_output).reply
    return os.path.join(folder, own)  # noqa: PTH118 - "./x" stays as typed


def _make_folder(folder: str) -> None:
    try:
        Path(folder).mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise FileError(f"-o {folder} cannot be a folder: {error.strerror}") from error
