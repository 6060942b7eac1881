"""The files that options name, and the contents of those of `--system`, `--text` and `--setup`."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

from ..errors import FileError, UsageError
from ..process.text_files import decode_text, read_text

if TYPE_CHECKING:
    from ..runs.named_files import NamedFiles
    from .options import CheckFlags, ManyFlags, OutputFlags, RequestFlags, SetupFlags, SubtitleFlags, ToolFlags
    from .serve_options import LocalFlags


def named_files(
    setup: SetupFlags,
    tools: ToolFlags,
    output: OutputFlags,
    local: LocalFlags,
    *,
    request: RequestFlags | None = None,
    many: ManyFlags | None = None,
    checks: CheckFlags | None = None,
    subtitles: SubtitleFlags | None = None,
) -> NamedFiles:
    """The files that these options name. The inputs and the replies of `request` are not among them."""
    from ..runs.named_files import NamedFiles

    read = [
        ("--setup", None if is_json(setup.setup) else setup.setup),
        ("--system", _after_at(setup.system)),
        ("--tools", tools.tools),
        ("--prices", output.prices),
        ("--script", local.script),
        ("--replay", local.replay),
    ]
    if request is not None:
        read += [("--text", _after_at(request.text)), *(("--image", path) for path in request.image or ())]
    if many is not None:
        read += [("--from", many.source), ("--resume-from", many.resume_from)]
    if checks is not None:
        read.append(("--expect-file", checks.expect_file))
    recorded = None if output.record_folder else output.record
    written = [("--events", output.events), ("--record", recorded), ("--report", output.report)]
    if subtitles is not None:
        written.append(("--subtitles", subtitles.subtitles))
    if checks is not None:
        written += [("--junit", checks.junit), ("--tap", checks.tap), ("--write-expect", checks.write_expect)]
    return NamedFiles(
        [(option, path) for option, path in read if path], [(option, path) for option, path in written if path]
    )


def _after_at(text: str | None) -> str | None:
    """The path in the value of an option that takes a text or `@FILE`."""
    return text[1:] if text and text.startswith("@") else None


def system_instruction(text: str | None) -> str | None:
    """The value of `--system TEXT|@FILE`. Raises FileError where the file cannot be read."""
    path = _after_at(text)
    return text if path is None else read_text(path)


def text_turn(text: str | None) -> str | None:
    """The value of `--text TEXT|@FILE|-`, of which line feeds at the end of a file or of standard input are no part.

    Raises FileError where it cannot be read, and UsageError where nothing but white space is in it.
    """
    if text is None:
        return None
    if text == "-":
        if sys.stdin is None:
            raise FileError("standard input is closed")
        try:
            text = decode_text("standard input", sys.stdin.buffer.read()).rstrip("\r\n")
        except OSError as error:
            raise FileError(f"cannot read standard input: {error.strerror}") from error
    elif text.startswith("@"):
        text = read_text(text[1:]).rstrip("\r\n")
    if not text.strip():
        raise UsageError("--text is empty")
    return text


def is_json(text: str | None) -> bool:
    """Whether the value of `--setup` is JSON, and not the name of a file."""
    return (text or "").lstrip().startswith("{")


def setup_from_json(text: str | None) -> dict[str, Any]:
    """The object in `--setup FILE.json|JSON`, or the `setup` that is its only member.

    Raises FileError for a file with other content, and UsageError for other JSON.
    """
    if text is None:
        return {}
    import json

    from ..protocol.codec.proto_json import MAX_NESTING, is_too_deep

    name, refused = ("--setup", UsageError) if is_json(text) else (text, FileError)
    try:
        setup = json.loads(text if is_json(text) else read_text(text))
        sendable = json.dumps(setup, ensure_ascii=False, allow_nan=False).encode()
    except (ValueError, RecursionError) as error:
        raise refused(f"{name} is not JSON: {error}") from error
    if is_too_deep(sendable):
        raise refused(f"{name} has more than {MAX_NESTING} levels")
    if not isinstance(setup, dict):
        raise FileError(
            f"{name} is not a JSON object", hint='it is merged over the setup, such as {"generationConfig": {...}}'
        )
    inner = setup.get("setup")
    return inner if len(setup) == 1 and isinstance(inner, dict) else setup
