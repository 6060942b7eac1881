"""The README's picture of a chat, from a real run: `make pictures`.

A terminal is driven as in the tests, what it shows is read back with its colours, and rich makes an SVG of it. It
loads no font from a server.
"""

from __future__ import annotations

import io
import re
import tempfile
from pathlib import Path

from rich.console import Console
from rich.terminal_theme import MONOKAI
from rich.text import Text

from livecli.emulator.core.script import ScriptedBehaviour
from livecli.emulator.core.script_file import read_script
from tests.serving import serving
from tests.terminal import Terminal, Tmux

TARGET = Path(__file__).parents[1] / ".github/images/chat.svg"
COLUMNS, LINES = 84, 24
WORDS = ["chat", "--model", "gemini-live-2.5-flash-native-audio", "--tool", "departures=echo 'U2 in 3 minutes'"]
SCRIPT = """
[[turn]]
match = "nearest"
say = "The nearest station is Alexanderplatz, four minutes on foot. 日本語でも、どうぞ。"

[[turn]]
match = "next train"
call = {name = "departures", args = {station = "Alexanderplatz"}}
then = ["The next train is the U2, in three minutes."]

[[turn]]
match = "history"
steps = ["It was named after the Tsar Alexander, who saw the city in 1805, and before that ", {delay_ms = 60000}]

[[turn]]
match = "short"
steps = ["A market for oxen, then a square ", {delay_ms = 60000}]
"""
FONT = "ui-monospace, 'SF Mono', Menlo, Consolas, 'DejaVu Sans Mono', monospace"


def run(terminal: Terminal) -> str:
    """Hold a conversation. Returns the screen in the middle of the last answer."""
    terminal.wait("ready  ")
    terminal.enter("Where is the nearest train station?")
    terminal.wait("どうぞ。", "ready  ")
    terminal.enter("And when is the next train?")
    terminal.wait("in three minutes.", "ready  ")
    terminal.enter("What is the history of the square?")
    terminal.wait("before that")
    terminal.enter("In short, please")
    terminal.wait("then a square", "speaking")
    terminal.type("/vo")
    terminal.wait("change the voice")
    return terminal.screen(colours=True, history=False)


def svg(screen: str) -> str:
    """The screen of a terminal as an SVG picture."""
    console = Console(record=True, width=COLUMNS, file=io.StringIO(), force_terminal=True, color_system="truecolor")
    for line in screen.splitlines():
        console.print(Text.from_ansi(line), soft_wrap=True)
    drawn = console.export_svg(title="livecli chat", theme=MONOKAI, unique_id="chat")
    drawn = re.sub(r"@font-face \{.*?\}\s*", "", drawn, flags=re.DOTALL)
    return re.sub(r"font-family: (Fira Code, monospace|arial);", f"font-family: {FONT};", drawn)


def main() -> None:
    """Write the picture."""
    turns = read_script(SCRIPT, lambda path: [])
    tmux = Tmux()
    try:
        with serving(behaviour=lambda: ScriptedBehaviour(turns)) as served, tempfile.TemporaryDirectory() as folder:
            words = [*WORDS, "--base-url", served.url]
            terminal = Terminal(tmux, Path(folder), words, columns=COLUMNS, lines=LINES)
            picture = svg(run(terminal))
            terminal.press("C-c", "C-c")
            assert terminal.left() == 0
    finally:
        tmux.close()
    TARGET.parent.mkdir(parents=True, exist_ok=True)
    TARGET.write_text(picture)


if __name__ == "__main__":
    main()
