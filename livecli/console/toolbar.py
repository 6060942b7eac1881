"""The line below the prompt: what the model does, how fast it answered, and how loud it is at the microphone. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from prompt_toolkit.formatted_text import StyleAndTextTuples

from ..process.stdio import one_line
from . import formatting

BAR_CELLS = 12
QUIETEST_DBFS = -60.0


@dataclass(frozen=True)
class State:
    """`doing` is one word or a few; `level_dbfs` None where there is no microphone."""

    doing: str
    level_dbfs: float | None = None
    speaks: bool = False


def toolbar(state: State, model: str, latency_ms: float | None, trouble: str) -> StyleAndTextTuples:
    """Only what there is. `trouble` is what is wrong with the connection."""
    kind = "trouble" if trouble else state.doing.partition(" ")[0]
    others = [
        one_line(model),
        formatting.milliseconds(latency_ms) if latency_ms is not None else "",
        "speaker" if state.speaks else "",
        f"mic {meter(state.level_dbfs)}" if state.level_dbfs is not None else "",
    ]
    shown = "".join(f"  {fact}" for fact in others if fact)
    return [(f"class:state class:state.{kind}", trouble or state.doing), ("", shown)]


def meter(level_dbfs: float) -> str:
    """A bar that is full at 0 dBFS."""
    full = round(BAR_CELLS * (1 - max(min(level_dbfs, 0.0), QUIETEST_DBFS) / QUIETEST_DBFS))
    return "▮" * full + "▯" * (BAR_CELLS - full)
