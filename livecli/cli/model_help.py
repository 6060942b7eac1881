"""The topics `models` and `accuracy` of `livecli help`: what the table of models holds, in 80 columns."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from textwrap import wrap

from ..protocol.models import (
    MODELS,
    AnswerEnd,
    CallBehaviour,
    Evidence,
    HandleTime,
    Model,
    Prices,
    ThinkingControl,
    Thoughts,
)
from ..protocol.names import VOICES
from ..protocol.setup_rules import RULES, SetupRule

WIDTH = 80
LABEL = 14
"""Columns of the label before each fact of a model."""

PACKAGE = Path(__file__).parents[1]

GROUPS = {
    "evidence": "What a setup may ask for",
    "turns": "How turns begin and end",
    "unasked": "What is sent unasked",
    "frames": "What the frames of an answer look like",
    "calls": "What function calls do",
    "images": "What the model sees",
    "prompt": "What a prompt counts before anything was said",
    "locations": "Where Vertex AI serves a model",
    "limits": "How long a connection lasts",
    "prices": "Prices",
}
"""The groups of facts in a `Model`, and their headings. `evidence` stands for the fields before it."""

ENDS = {
    AnswerEnd.TURN: "turnComplete",
    AnswerEnd.ACTIVITY: "the end of the user's activity",
    AnswerEnd.NEVER: "nothing: the answer goes on",
}


def models() -> str:
    """The current models and their facts."""
    current = [model for model in MODELS.values() if not model.retired]
    retired = [model.name for model in MODELS.values() if model.retired]
    overview = [f"{model.name:46} {_platforms(model):18} {_modalities(model)}" for model in current]
    blocks = ["\n".join([model.name, *_lines(model)]) for model in current]
    rest = [_paragraph("Retired", retired), _paragraph("Voices", sorted(VOICES))]
    return "\n\n".join(["\n".join(overview), *blocks, *rest]) + "\n"


def _lines(model: Model) -> Iterator[str]:
    for label, text in _facts(model):
        yield from wrap(f"{label:{LABEL}}{text}", WIDTH, initial_indent="  ", subsequent_indent=" " * (LABEL + 2))


def _paragraph(heading: str, names: list[str]) -> str:
    lines = wrap(", ".join(names), WIDTH, initial_indent="  ", subsequent_indent="  ", break_on_hyphens=False)
    return "\n".join([heading, *lines])


def _facts(model: Model) -> Iterator[tuple[str, str]]:
    yield "platform", _platforms(model)
    if places := model.locations:
        if places.names:
            yield "locations", ", ".join(places.names)
        if places.disputed:
            yield "", f"but {', '.join(places.disputed)}: {places.contradicted_by}"
    yield "answers in", _modalities(model)
    yield "typed text", "realtimeInput.text" if model.text_in else "clientContent"
    yield "thinking", _thinking(model)
    yield "functions", "; ".join([*_calls(model), f"ids {model.calls.id_form}", *_scheduling(model)])
    yield "unasked", ", ".join(_unasked(model)) or "nothing"
    frames = model.frames
    if model.audio_out:
        yield "audio frames", f"{frames.shortest_ms} to {frames.longest_ms} ms, transcript {frames.transcript}"
    yield "ends at", ENDS[model.turns.ends_at]
    yield "context", f"{model.context_tokens:,} tokens; a picture is {model.images.tokens}"
    yield "connection", _limits(model)
    yield "USD/M tokens", _prices(model.prices)


def _platforms(model: Model) -> str:
    return ", ".join(sorted(model.platforms))


def _modalities(model: Model) -> str:
    return ", ".join(["AUDIO"] * model.audio_out + ["TEXT"] * model.text_out)


def _thinking(model: Model) -> str:
    levels = ", ".join(level for level in ("MINIMAL", "LOW", "MEDIUM", "HIGH") if level in model.thinking_levels)
    control = {
        ThinkingControl.NONE: "no level",
        ThinkingControl.BUDGET: "by budget",
        ThinkingControl.LEVEL: "by level",
    }[model.thinking]
    required = [f"required, {model.default_level} if none is named"] if model.level_required else []
    return "; ".join([control, *filter(None, [levels]), *required])


def _calls(model: Model) -> Iterator[str]:
    for calling in model.calling:
        yield f"{calling} {model.calls.blocking if calling is CallBehaviour.BLOCKING else model.calls.non_blocking}"


def _scheduling(model: Model) -> list[str]:
    return [] if model.calls.takes_scheduling else ["no scheduling"]


def _unasked(model: Model) -> Iterator[str]:
    sent = model.unasked
    if sent.handle in (HandleTime.AFTER_SETUP, HandleTime.AFTER_TOOL_RESPONSE):
        yield f"handle {sent.handle}"
    if sent.input_transcript:
        yield "input transcript"
    if sent.output_transcript:
        yield "output transcript"
    if sent.voice_activity:
        yield "voiceActivity"
    if sent.empty_frames:
        yield "{} frames"
    if sent.thoughts is not Thoughts.NONE:
        yield f"thoughts {sent.thoughts}"


def _limits(model: Model) -> str:
    limits = model.limits
    reported = f", {limits.reported_seconds:.0f} s as users measured" if limits.reported_seconds else ""
    return f"{limits.connection_seconds:.0f} s{reported}"


def _prices(prices: Prices) -> str:
    known = {name: getattr(prices, name) for name in ("text_in", "audio_in", "image_in", "text_out", "audio_out")}
    named = ", ".join(f"{name.replace('_', ' ')} {price:.2f}" for name, price in known.items() if price is not None)
    return f"{named} ({prices.date})" if named else "not known"


def accuracy() -> str:
    """The evidence for each group of facts and for each refusal, and the modules that use the group."""
    groups = ["\n".join([*_heading(group, title), *_evidence_rows(group)]) for group, title in GROUPS.items()]
    rules = [line for rule in RULES for line in _row(rule.evidence, refused_field(rule))]
    return "\n\n".join([*groups, "\n".join(["Setups that are refused", *rules])]) + "\n"


def refused_field(rule: SetupRule) -> str:
    """The field that a rule is about, and what is wrong with it."""
    reason = rule.reason.format(model="the model", platform="the platform")
    return f"{rule.path.rpartition('.')[2]}: {reason}"


def _heading(group: str, title: str) -> list[str]:
    return [title, *wrap(f"used by {', '.join(users(group)) or 'nothing yet'}", WIDTH, subsequent_indent="  ")]


def users(group: str) -> list[str]:
    """The modules whose source asks a model for this group of facts."""
    if group == "evidence":
        return [name for name, source in _sources().items() if "setup_rules import" in source]
    pattern = re.compile(rf"\b_?(?:model|known)\w*\W{{0,2}}\.{group}\b")
    # Few sources have the name at all, and to look for a text takes a hundredth of the time that the pattern takes.
    return [name for name, source in _sources().items() if f".{group}" in source and pattern.search(source)]


@cache
def _sources() -> dict[str, str]:
    """The source of each module but those that hold or print the facts, by its path in the package."""
    texts = {path.relative_to(PACKAGE).as_posix(): path.read_text(encoding="utf-8") for path in PACKAGE.rglob("*.py")}
    return {name: texts[name] for name in sorted(texts) if name not in ("protocol/models.py", "cli/model_help.py")}


def _evidence_rows(group: str) -> Iterator[str]:
    rows: dict[Evidence, list[str]] = {}
    for model in MODELS.values():
        evidence = model.evidence if group == "evidence" else getattr(model, group).evidence
        if evidence.source and not model.retired:
            rows.setdefault(evidence, []).append(model.name)
    for evidence, names in rows.items():
        yield from _row(evidence, ", ".join(names))


def _row(evidence: Evidence, text: str) -> Iterator[str]:
    first = f"  {evidence.kind:10}  {evidence.date:10}  "
    indent = " " * len(first)
    yield from wrap(text, WIDTH, initial_indent=first, subsequent_indent=indent, break_on_hyphens=False)
    yield from wrap(f"({evidence.source})", WIDTH, initial_indent=indent, subsequent_indent=indent)
