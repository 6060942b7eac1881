"""The pictures of what a terminal shows, from real runs: `make pictures`.

A terminal is driven as in the tests, what it shows is read back with its colours, and rich makes an SVG of it. It
loads no font from a server.
"""

from __future__ import annotations

import io
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import wave
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.ansi import AnsiDecoder
from rich.console import Console
from rich.terminal_theme import MONOKAI

from livecli.emulator.core.behaviour import Behaviour, Echo
from livecli.emulator.core.script import ScriptedBehaviour
from livecli.emulator.core.script_file import read_script
from livecli.emulator.pace import Pace
from livecli.media.file_source import SAMPLE, read_sound
from livecli.protocol.audio_rates import OUTPUT_RATE
from tests.environment import cleaned
from tests.serving import serving
from tests.terminal import Terminal, Tmux

IMAGES = Path(__file__).parents[1] / ".github/images"
COLUMNS, LINES = 84, 24
CHAT = ["chat", "--model", "gemini-live-2.5-flash-native-audio", "--tool", "departures=echo 'U2 in 3 minutes'"]
CONVERSATION = """
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


ANSWER = "Alexanderplatz, four minutes on foot."
DIRECTIONS = f"""
[[turn]]
steps = [{{delay_ms = 400}}, {{say = "{ANSWER}", audio = "answer.wav"}}]
"""
"""An answer that takes a while to begin, and sounds as the bundled question does."""

STATION = """
[[turn]]
call = {name = "find_station", args = {near = "me"}}
then = ["It is around the corner."]
"""

FEW, MANY = 4, 12
"""How many of the files are answered when the picture of many files is taken, and how many there are."""


@dataclass(frozen=True)
class Picture:
    """A picture of a terminal: `draw` is given a function that opens one with a command line, and returns its screen.

    The emulator answers at `pace`, as `script` says; without one it echoes. Where `connects` is false, the command does
    not connect to it.
    """

    title: str
    draw: Callable[[Callable[..., Terminal]], str]
    pace: Pace = Pace.INSTANT
    script: str = ""
    connects: bool = True


def chat(open_terminal: Callable[..., Terminal]) -> str:
    """A conversation, in the middle of its last answer."""
    terminal = open_terminal(*CHAT)
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
    screen = terminal.screen(colours=True, history=False)
    terminal.press("C-u", "C-d")
    assert terminal.left() == 0
    return screen


def live(open_terminal: Callable[..., Terminal]) -> str:
    """A run in the middle of its answer."""
    terminal = open_terminal("send", "question.wav")
    terminal.wait("four minutes", "sent")
    screen = terminal.screen(colours=True)
    assert terminal.left() == 0
    return screen


def result(open_terminal: Callable[..., Terminal], *options: str) -> str:
    """A run that is over."""
    terminal = open_terminal("send", "question.wav", *options)
    assert terminal.left() == 0
    return terminal.screen(colours=True).partition("[the end]")[0]


def many(open_terminal: Callable[..., Terminal]) -> str:
    """Many files, some of which are done."""
    terminal = open_terminal(
        "send", "many", "-o", "replies", "--jobs", "4", "--connect-rate", "100", stdout="answers.txt"
    )
    terminal.wait("running", until=lambda screen: screen.count("✓") >= FEW)
    screen = terminal.screen(colours=True)
    assert terminal.left() == 3, "one of the files is no audio"
    return screen


def serve(open_terminal: Callable[..., Terminal]) -> str:
    """A server that has answered a client."""
    terminal = open_terminal("serve", "--port", "0", "--tls-port", "0", "--script", "station.toml")
    url = re.search(r"ws://127\.0\.0\.1:\d+", terminal.wait("ws://127.0.0.1:", "Ctrl-C"))
    assert url is not None
    words = ["send", "question.wav", "--tool", "find_station=echo me Central", "--base-url", url[0], "-q"]
    subprocess.run(
        [sys.executable, "-m", "livecli", *words],
        cwd=terminal.folder,
        env={**cleaned(os.environ), "PYTHONPATH": str(IMAGES.parents[1]), "HOME": str(terminal.folder)},
        capture_output=True,
        check=True,
        timeout=60,
    )
    terminal.wait("closed by the client")
    screen = terminal.screen(colours=True)
    os.kill(terminal.pid, signal.SIGTERM)
    assert terminal.left() == 143
    return screen.replace(str(terminal.folder), "~")


def auth(open_terminal: Callable[..., Terminal]) -> str:
    """Which credential would be used, where variables contradict one another."""
    variables = {"GOOGLE_API_KEY": "0" * 39, "GOOGLE_CLOUD_PROJECT": "my-project"}
    terminal = open_terminal("auth", "status", "--platform", "developer", **variables)
    assert terminal.left() == 0
    return terminal.screen(colours=True).partition("[the end]")[0]


PICTURES = {
    "chat": Picture("livecli chat", chat, script=CONVERSATION),
    "result": Picture("livecli send question.wav", result, Pace.BURST, DIRECTIONS),
    "live": Picture("livecli send question.wav", live, Pace.REALTIME, DIRECTIONS),
    "stats": Picture(
        "livecli send question.wav --stats",
        lambda open_terminal: result(open_terminal, "--stats"),
        Pace.BURST,
        DIRECTIONS,
    ),
    "many": Picture("livecli send many -o replies --jobs 4 > answers.txt", many, Pace.BURST),
    "serve": Picture("livecli serve --script station.toml", serve, connects=False),
    "auth": Picture("livecli auth status --platform developer", auth, connects=False),
}
"""The pictures, by the names of their files."""


def svg(screen: str, name: str, title: str) -> str:
    """The screen of a terminal as an SVG picture."""
    console = Console(record=True, width=COLUMNS, file=io.StringIO(), force_terminal=True, color_system="truecolor")
    # A line begins in the colours in which the one before ended.
    for line in AnsiDecoder().decode(screen.rstrip()):
        console.print(line, soft_wrap=True)
    drawn = console.export_svg(title=title, theme=MONOKAI, unique_id=name)
    drawn = re.sub(r"@font-face \{.*?\}\s*", "", drawn, flags=re.DOTALL)
    return re.sub(r"font-family: (Fira Code, monospace|arial);", f"font-family: {FONT};", drawn)


def prepare(folder: Path) -> None:
    """Make the files that the pictures are about: a question, an answer, and many of different lengths."""
    shutil.copy(SAMPLE, folder / "question.wav")
    shutil.copy(SAMPLE, folder / "answer.wav")
    (folder / "station.toml").write_text(STATION)
    (folder / "many").mkdir()
    with wave.open(SAMPLE) as sample:
        parameters, pcm = sample.getparams(), sample.readframes(sample.getnframes())
    for number in range(1, MANY):
        with wave.open(str(folder / "many" / f"q{number}.wav"), "wb") as file:
            file.setparams(parameters)
            file.writeframes(pcm * (1 + number % 3))
    (folder / "many" / "notes.wav").write_text("These are words and no sound.\n")


def draw(picture: Picture, name: str, tmux: Tmux, folder: Path) -> str:
    """Run what the picture shows, in `folder`, and draw it."""

    def behaviour() -> Behaviour:
        if not picture.script:
            return Echo()
        return ScriptedBehaviour(
            read_script(picture.script, lambda sound: read_sound(str(folder / sound), OUTPUT_RATE))
        )

    with serving(behaviour=behaviour, pace=picture.pace) as served:

        def open_terminal(*words: str, **how: Any) -> Terminal:
            command = [*words, "--base-url", served.url] if picture.connects else [*words]
            return Terminal(tmux, folder, command, columns=COLUMNS, lines=LINES, **how)

        return svg(picture.draw(open_terminal), name, picture.title)


def main(images: Path = IMAGES) -> None:
    """Write the pictures."""
    images.mkdir(parents=True, exist_ok=True)
    tmux = Tmux()
    try:
        for name, picture in PICTURES.items():
            with tempfile.TemporaryDirectory() as folder:
                prepare(Path(folder))
                (images / f"{name}.svg").write_text(draw(picture, name, tmux, Path(folder)))
    finally:
        tmux.close()


if __name__ == "__main__":
    main()
