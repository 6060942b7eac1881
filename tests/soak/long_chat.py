"""A long conversation at a terminal, by a script with a fixed seed, and the judge of what came of it.

The folder of a conversation has `rows.jsonl` with a row for each step, `serve.log` of the emulators, `pane.log` with
what the terminal was sent, and the chat's own `saved/conversation.md`. `python tests/soak/long_chat.py FOLDER` judges
it, also while it goes on.
"""

from __future__ import annotations

import difflib
import json
import os
import random
import re
import socket
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).parents[2]))

from livecli.media.file_source import SAMPLE, read_sound
from tests.sound_server import RATE, SoundServer
from tests.terminal import STARTED, Terminal

CONNECTION_SECONDS = 20
GOAWAY_SECONDS = 4

CONNECTIONS_OF_A_SERVER = 400
"""The connections of one emulator that get faults: more than there are in two hours."""

TURN_SECONDS_AT_MOST = 75.0
"""The time that a turn may take: a silent service is given up after IDLE_SECONDS, and a connection may break twice."""

IDLE_SECONDS = 8

WORDS = ["amber", "river", "stone", "small", "cup", "green", "harbour", "seven", "maps", "quiet", "morning", "letter"]

SETUP = '{"realtimeInputConfig": {"turnCoverage": "TURN_INCLUDES_ONLY_ACTIVITY"}}'
"""Has the emulator echo the speech without the silence before it."""

SPEECH_SECONDS = (0.6, 1.0, 1.4, 1.8)

WARM_SECONDS = 600
"""The time after which the memory of a chat no longer grows: its caches are full, and its modules are loaded."""

TURN_KB_AT_MOST = 8.0
"""By how much the memory may grow with a turn after that.

prompt_toolkit 3.0 keeps the width of every text of fewer than 64 characters that the prompt has had (`get_cwidth`), so
of every beginning of a line that is typed: that is 4 to 6 KB a line.
"""


def random_fault(chance: random.Random) -> str:
    """A fault of the emulator at a moment that most connections reach."""
    reply, turn, seconds = chance.randint(2, 60), chance.randint(1, 3), chance.uniform(1, 10)
    return chance.choice(
        (
            f"drop@reply:{reply}",
            f"drop@turn:{turn}",
            f"drop@{seconds:.1f}s",
            f"close=1011@turn:{turn}",
            f"close=1011@reply:{reply}",
            f"stall=2@reply:{reply}",
            f"goaway=2@reply:{reply}",
            f"garbage@reply:{reply}",
            "http=503@connect",
            "drop@setup",
            f"slow=40000@reply:{reply}",
            f"truncate@reply:{reply}",
            f"no-audio@reply:{reply}",
            f"phantom-interrupt@reply:{reply}",
            f"phantom-interrupt@turn:{turn}",
            f"vad-split@audio:{chance.randint(30, 400)}",
            "stale-turn@setup",
            "idle-close=5@setup",
        )
    )


class FaultyServers:
    """`livecli serve` on one port, with faults at random, which can be killed and started again."""

    def __init__(self, log: Path, chance: random.Random) -> None:
        self._chance, self._log = chance, log
        with socket.create_server(("127.0.0.1", 0)) as free:
            self.port = free.getsockname()[1]
        self.starts = 0
        self.process = self._start()

    def _start(self) -> subprocess.Popen[bytes]:
        self.starts += 1
        faults = [
            word
            for number in range(2, CONNECTIONS_OF_A_SERVER)
            if self._chance.random() < 0.8
            for word in ("--fault", f"{random_fault(self._chance)}#{number}")
        ]
        words = ["serve", "--port", self.port, "--tls-port", 0, "--realtime"]
        words += ["--connection-seconds", CONNECTION_SECONDS, "--goaway-seconds", GOAWAY_SECONDS, *faults]
        command = [sys.executable, "-m", "livecli", *map(str, words)]
        with self._log.open("ab") as log:
            log.write(f"server {self.starts}\n".encode())
            log.flush()
            process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=log)
        limit = time.monotonic() + 20
        while True:
            with socket.socket() as probe:
                if not probe.connect_ex(("127.0.0.1", self.port)):
                    return process
            assert time.monotonic() < limit, "the emulator did not start"
            time.sleep(0.05)

    def kill(self) -> None:
        self.process.kill()
        self.process.wait(20)

    def restart(self) -> None:
        self.kill()
        time.sleep(self._chance.uniform(0, 3))
        self.process = self._start()


@dataclass
class Step:
    """One step of the script: what was done, and what was measured after it."""

    number: int
    kind: str
    text: str = ""
    cut: str = ""
    at: float = 0.0
    seconds: float = 0.0
    settled: bool = True
    errors: list[str] = field(default_factory=list)
    chat_kb: int = 0
    serve_kb: int = 0
    chat_cpu: float = 0.0


class Talker:
    """Types, speaks and interrupts as the seed has it, and writes a row for each step."""

    def __init__(
        self,
        folder: Path,
        terminal: Terminal,
        servers: FaultyServers,
        sounds: SoundServer | None,
        chance: random.Random,
    ) -> None:
        self._folder, self._terminal, self._servers = folder, terminal, servers
        self._sounds, self._chance = sounds, chance
        self._speech = b"".join(read_sound(SAMPLE, RATE)) if sounds else b""
        self._number = self._read_bytes = 0
        self._microphone = sounds is not None
        self._started = time.monotonic()
        terminal.record(folder / "pane.log")

    def step(self) -> None:
        """The next step of the script."""
        chance = self._chance
        roll = chance.random()
        if roll < 0.40:
            self._ask()
        elif roll < 0.62:
            self._ask_and_interrupt()
        elif roll < 0.80:
            self._speak()
        elif roll < 0.85:
            self._ask_while("server killed", self._servers.restart)
        elif roll < 0.90:
            self._command()
        elif roll < 0.92 and self._sounds is not None:
            self._switch_microphone()
        elif roll < 0.96:
            self._terminal.resize(chance.randint(40, 140), chance.randint(12, 40))
        else:
            time.sleep(chance.uniform(5, 25))

    # --- steps ---

    def _text(self) -> str:
        words = " ".join(self._chance.choice(WORDS) for _ in range(self._chance.randint(2, 10)))
        return f"q{self._number:05} {words}"

    def _begin(self, kind: str, cut: str = "") -> Step:
        self._number += 1
        step = Step(self._number, kind, cut=cut, at=time.monotonic() - self._started)
        if kind == "typed":
            step.text = self._text()
        return step

    def _enter(self, text: str) -> None:
        self._terminal.type(text)
        self._terminal.press("Enter")

    def _ask(self) -> None:
        step = self._begin("typed")
        with self._noted(step):
            self._enter(step.text)
            self._settle(step)

    def _ask_while(self, what: str, do: Any) -> None:
        step = self._begin("typed")
        step.kind = "typed"
        with self._noted(step):
            self._enter(step.text)
            time.sleep(self._chance.uniform(0, 2))
            do()
            self._settle(step)
            step.errors.append(what)

    def _ask_and_interrupt(self) -> None:
        ways = ["C-c", "typed", "spoken"] if self._microphone else ["C-c", "typed"]
        step = self._begin("typed", self._chance.choice(ways))
        with self._noted(step):
            self._enter(step.text)
            time.sleep(self._chance.uniform(0.05, 2.5))
            if step.cut == "C-c":
                # Twice within 1.5 s ends the chat where there is nothing to interrupt.
                self._terminal.press("C-c")
                time.sleep(1.6)
                self._settle(step)
        if step.cut == "typed":
            self._ask()
        elif step.cut == "spoken":
            self._speak()

    def _speak(self) -> None:
        if self._sounds is None:
            self._ask()
            return
        if not self._microphone:
            self._switch_microphone()
        seconds = self._chance.choice(SPEECH_SECONDS)
        interrupts = self._chance.random() < 0.25
        step = self._begin("spoken", "typed" if interrupts else "")
        step.text = f"{seconds} s"
        with self._noted(step):
            silence = bytes(RATE)
            self._sounds.say(self._speech[: round(seconds * RATE) * 2] + silence)
            if interrupts:
                time.sleep(self._chance.uniform(0.3, 1.5))
            else:
                time.sleep(1)
                self._settle(step)
        if interrupts:
            self._ask()

    def _command(self) -> None:
        step = self._begin("command")
        choices = ["/history", "/usage", "/latency", "/voice Kore", "/voice Puck", "/system Be brief.", "/tools"]
        step.text = self._chance.choice(choices)
        with self._noted(step):
            self._enter(step.text)
            time.sleep(0.5)
            self._settle(step)

    def _switch_microphone(self) -> None:
        step = self._begin("command")
        step.text = "/mic off" if self._microphone else "/mic on"
        with self._noted(step):
            self._enter(step.text)
            time.sleep(0.5)
            self._settle(step)
        self._microphone = not self._microphone

    # --- what came of it ---

    @contextmanager
    def _noted(self, step: Step) -> Iterator[None]:
        yield
        with (self._folder / "pane.log").open("rb") as pane:
            pane.seek(self._read_bytes)
            new = plain(pane.read())
            self._read_bytes = pane.tell()
        step.errors += [line.strip() for line in re.findall(r"error: [^\r\n]*|the microphone is off: [^\r\n]*", new)]
        step.seconds = round(time.monotonic() - self._started - step.at, 2)
        step.at = round(step.at, 2)
        step.chat_kb, step.chat_cpu = used(self._terminal.pid)
        step.serve_kb, _ = used(self._servers.process.pid)
        with (self._folder / "rows.jsonl").open("a") as rows:
            rows.write(json.dumps(step.__dict__) + "\n")
        if "the microphone is off: " in new and self._microphone:
            # A session that has ended for good has turned it off.
            self._enter("/mic on")
            time.sleep(1)

    def _settle(self, step: Step) -> None:
        """Wait until the toolbar has said twice that nothing goes on."""
        limit, idle = time.monotonic() + TURN_SECONDS_AT_MOST, 0
        while idle < 2:
            time.sleep(0.15)
            screen = self._terminal.screen(history=False)
            assert "[the end]" not in screen, f"the chat has ended:\n{screen}"
            last = screen.splitlines()[-1] if screen else ""
            idle = idle + 1 if re.match(r"\s*(ready|listening|hearing you|no session)", last) else 0
            if time.monotonic() > limit:
                step.settled = False
                (self._folder / f"unsettled-{step.number}.txt").write_text(screen)
                return


def plain(output: bytes) -> str:
    """What a terminal was sent, without control sequences."""
    return re.sub(r"\x1b(\[[0-?]*[ -/]*[@-~]|\][^\x07]*\x07|[()][0-9A-B]|[=>78])", "", output.decode(errors="replace"))


def used(pid: int) -> tuple[int, float]:
    """The resident memory of a process in KB, and the seconds of CPU time that it has used."""
    status = Path(f"/proc/{pid}/status").read_text()
    ticks = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    found = re.search(r"VmRSS:\s+(\d+)", status)
    assert found
    return int(found[1]), (int(ticks[11]) + int(ticks[12])) / os.sysconf("SC_CLK_TCK")


def converse(folder: Path, open_terminal: Any, sounds: SoundServer | None, seed: int, seconds: float) -> None:
    """Converse for so long, and leave."""
    folder.mkdir(parents=True)
    chance = random.Random(seed)
    servers = FaultyServers(folder / "serve.log", random.Random(seed + 1))
    with ExitStack() as stack:
        stack.callback(servers.kill)
        words = [
            "chat",
            "--base-url",
            f"ws://127.0.0.1:{servers.port}",
            "--save",
            folder / "saved",
            "--idle-timeout",
            8,
        ]
        variables: dict[str, Any] = {}
        if sounds is not None:
            words += ["--mic", "--play", "--full-duplex", "--echo", "off", "--setup", SETUP]
            variables = {name: sounds.env[name] for name in ("XDG_RUNTIME_DIR", "PULSE_RUNTIME_PATH", "PULSE_SERVER")}
        # A process of its own, whose memory is that of a chat.
        terminal = open_terminal(*words, program=STARTED, **variables)
        terminal.wait("/help lists the commands")
        talker = Talker(folder, terminal, servers, sounds, chance)
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            talker.step()
        terminal.press("C-d")
        assert terminal.left() == 0


# --- the judge ---


@dataclass
class Said:
    """What the emulator's log says of one turn: the question, the answer, and how it ended."""

    connection: str
    question: str
    answer: str = ""
    ending: str = ""
    faults: list[str] = field(default_factory=list)

    @property
    def has_failed(self) -> bool:
        """Whether a message that is not JSON, or silence in place of the rest, has ended the turn with an error."""
        kinds = {fault.split()[1] for fault in self.faults}
        return "garbage" in kinds or ("truncate" in kinds and not self.ending.startswith("turn "))

    @property
    def is_complete(self) -> bool:
        """Whether the answer came to its end, which the client was sent as well."""
        # The log has the turnComplete before which a fault ended the connection, or that a stall kept back until the
        # client had left the connection.
        is_lost = any(fault.startswith(("fault: drop", "fault: close", "fault: stall")) for fault in self.faults)
        return not is_lost and re.fullmatch(r"turn \d+", self.ending) is not None


def read_log(text: str) -> tuple[list[Said], Counter[str], int]:
    """The turns in the log of the emulators, the faults by their kind, and the number of connections."""
    said: list[Said] = []
    open_turns: dict[str, list[Said]] = {}
    faults: Counter[str] = Counter()
    server, connections = "", 0
    for line in text.splitlines():
        if found := re.match(r"server (\d+)$", line):
            server = found[1]
            if server != "1":
                faults["server killed"] += 1
            continue
        found = re.match(r"\S+ (?:\[(\d+)\] )?(.*)", line)
        if not found:
            continue
        name, rest = f"{server}:{found[1]}", found[2]
        if rest.startswith("fault: "):
            faults[rest.removeprefix("fault: ").split(" at ")[0]] += 1
            for turn in open_turns.get(name, []):
                turn.faults.append(rest)
        elif rest.startswith("● "):
            connections += 1
        elif rest.startswith("→ "):
            question = re.sub(r"  \d+ pictures?$", "", rest[2:]).strip("“”")
            turn = Said(name, question)
            said.append(turn)
            open_turns.setdefault(name, []).append(turn)
        elif rest.startswith("← ") and (answer := re.match(r"← (?:“(.*)” )?[\d.]+ s(?: of sound)?  (.*)", rest)):
            waiting = open_turns.setdefault(name, [])
            echoed = [turn for turn in waiting if turn.question.strip("[]") == (answer[1] or "").strip("[]")]
            begun = [turn for turn in waiting if answer[1] and turn.question.startswith(answer[1])]
            turn = (echoed or begun or waiting or [Said(name, "")])[0]
            if turn in waiting:
                del waiting[: waiting.index(turn) + 1]
            else:
                said.append(turn)
            turn.answer, turn.ending = answer[1] or "", answer[2]
    return said, faults, connections


def read_saved(text: str) -> list[tuple[str, str]]:
    """The questions and answers of `conversation.md`, one of which may be empty."""
    said = re.compile(r"^\*\*(You|Model):\*\* (.*?)\n(?=\n\*\*Model|\n\[turn-|\n?\Z)", re.MULTILINE | re.DOTALL)
    turns = []
    for turn in re.split(r"^## Turn .*\n", text, flags=re.MULTILINE)[1:]:
        texts = dict(said.findall(turn))
        turns.append((texts.get("You", "").strip(), texts.get("Model", "").strip()))
    return turns


def final_turns(said: list[Said]) -> list[Said]:
    """The turns without those that were taken back: a connection was lost, and the next one got the question again.

    A turn that has failed is left out too: the chat has said so.
    """
    final: list[Said] = []
    said = [turn for turn in said if not turn.has_failed]
    for place, turn in enumerate(said):
        again = any(
            later.question == turn.question and later.connection != turn.connection
            for later in said[place + 1 : place + 4]
        )
        if not (again and not turn.is_complete):
            final.append(turn)
    return final


def lost_speech(
    rows: list[Step], saved: list[tuple[str, str]], typed: set[str], counts: Counter[str]
) -> Iterator[tuple[str, str]]:
    """The spoken steps that have no turn between the typed ones before and after them."""
    spots = {question: place for place, (question, _) in enumerate(saved)}
    used_spots: set[int] = set()
    turns = [row for row in rows if row.kind in ("typed", "spoken")]
    for number, row in enumerate(turns):
        if row.kind != "spoken":
            continue
        before = max((spots[r.text] for r in turns[:number] if r.text in spots), default=-1)
        # Speech that a typed line interrupts may be over for the service only after that line.
        after = [spots[r.text] for r in turns[number + 1 :] if r.text in spots][1 if row.cut else 0 :]
        between = range(before + 1, min(after, default=len(saved)))
        free = [place for place in between if saved[place][0] not in typed and place not in used_spots]
        if free:
            used_spots.add(free[0])
        elif row.errors:
            counts["failed, and said so"] += 1
        else:
            counts["lost"] += 1
            yield (
                f"{row.number} spoken {row.text}{row.cut and ' (cut)'}",
                f"no spoken turn among {saved[before : before + 4]}",
            )


@dataclass
class Judged:
    """What came of a conversation. `problems` is empty where all is well."""

    figures: dict[str, Any]
    problems: list[tuple[str, str]]


def judge(folder: Path) -> Judged:
    """Compare the script, the emulator's log and the chat's own record."""
    rows = [Step(**json.loads(line)) for line in (folder / "rows.jsonl").read_text().splitlines()]
    said, faults, connections = read_log((folder / "serve.log").read_text(errors="replace"))
    saved_file = folder / "saved" / "conversation.md"
    saved = read_saved(saved_file.read_text()) if saved_file.exists() else []
    problems: list[tuple[str, str]] = []
    places: dict[str, list[int]] = {}
    for place, (question, _) in enumerate(saved):
        places.setdefault(question, []).append(place)
    asked: dict[str, list[Said]] = {}
    for turn in said:
        asked.setdefault(turn.question, []).append(turn)
    last, counts = -1, Counter[str]()
    for row in rows:
        if not row.settled:
            problems.append((f"{row.number} {row.kind} {row.text}", "did not settle"))
        counts[row.kind] += 1
        counts["interrupted"] += bool(row.cut)
        if row.kind != "typed":
            continue
        label = f"{row.text}{row.cut and f' (cut: {row.cut})'}"
        found, log = places.get(row.text, []), asked.get(row.text, [])
        errors = [error for error in row.errors if error.startswith("error: ")]
        if not found:
            if errors:
                counts["failed, and said so"] += 1
            elif row.cut and not log:
                counts["interrupted before it was sent"] += 1
            else:
                counts["lost"] += 1
                problems.append((label, f"lost: the log has {[(turn.answer, turn.ending) for turn in log]}"))
            continue
        if len(found) > 1:
            counts["doubled"] += 1
            problems.append((label, f"{len(found)} times in the transcript"))
        if found[0] < last:
            counts["out of order"] += 1
            problems.append((label, f"out of order, at {found[0]} after {last}"))
        last = found[0]
        answer = saved[found[0]][1]
        whole = answer == row.text
        excused = row.cut or errors or any(turn.faults for turn in log) or row.errors
        if not whole and not (excused and row.text.startswith(answer)):
            counts["wrong answers"] += 1
            problems.append(
                (label, f"answered {answer!r}; the log has {[(t.answer, t.ending, t.faults) for t in log]}")
            )
        complete = [turn for turn in log if turn.answer == row.text and turn.is_complete]
        if len(complete) > 1:
            counts["answered twice"] += 1
            problems.append((label, f"answered {len(complete)} times: {[turn.connection for turn in complete]}"))
        # A server that was killed has not written what it said last.
        is_written = log and (log[-1].ending or "server killed" not in row.errors)
        if is_written and answer and not log[-1].answer.startswith(answer) and answer != row.text:
            problems.append((label, f"the transcript has {answer!r}, the log {log[-1].answer!r}"))
    typed = {row.text for row in rows if row.kind == "typed"}
    # The row of the last question is written when its step is over.
    last_question = f"q{rows[-1].number:05}" if rows else ""
    spoken = [
        question
        for question, _ in saved
        if question not in typed and not (re.match(r"q\d{5} ", question) and question > last_question)
    ]
    # The fault ends an answer that goes on all the same: its rest is a turn without text.
    rests = faults["vad-split"]
    for question in [*spoken]:
        if not question and rests:
            rests -= 1
            spoken.remove(question)
        elif not re.fullmatch(r"\[[\d.]+ s of speech\]", question):
            problems.append((question or "(nothing)", "in the transcript, and nobody asked it"))
            counts["stray"] += 1
    heard, others = [], Counter[str]()
    final = [id(turn) for turn in final_turns(said)]
    for turn in said:
        question = turn.question.strip("[]")
        if question.endswith("of speech"):
            if id(turn) in final:
                heard.append(question)
            else:
                # The chat keeps the question of a turn that has failed, or of which the answer was lost.
                others[question] += 1
    spoken = [question.strip("[]") for question in spoken]
    differ = difflib.SequenceMatcher(None, heard, spoken, autojunk=False)
    for what, i, j, k, m in differ.get_opcodes():
        unknown = Counter(spoken[k:m]) - others
        if what != "equal" and (heard[i:j] or unknown):
            counts["speech that differs"] += 1
            problems.append((f"speech {i}", f"the log has {heard[i:j]}, the transcript {spoken[k:m]}"))
        elif what != "equal":
            others -= Counter(spoken[k:m])
    problems += lost_speech(rows, saved, typed, counts)
    if rows:
        first, end = rows[min(len(rows) - 1, 10)], rows[-1]
        span = end.at - first.at or 1
        counts["minutes"] = round(end.at / 60, 1)  # type: ignore[assignment]
        memory = {
            "chat_mb_start": round(first.chat_kb / 1024, 1),
            "chat_mb_end": round(end.chat_kb / 1024, 1),
            "serve_mb_end": round(end.serve_kb / 1024, 1),
            "chat_cpu_percent": round(100 * (end.chat_cpu - first.chat_cpu) / span, 1),
        }
        warm = next((row for row in rows if row.at >= WARM_SECONDS), end)
        memory["chat_mb_warm"] = round(warm.chat_kb / 1024, 1)
        turns = sum(row.kind in ("typed", "spoken") for row in rows if row.at >= warm.at)
        if (growth := end.chat_kb - warm.chat_kb) > TURN_KB_AT_MOST * turns:
            problems.append(("memory", f"the chat has grown by {growth / 1024:.1f} MB in {turns} turns"))
    else:
        memory = {}
    spoken_figures = {"speech in the log": len(heard), "speech in the transcript": len(spoken)}
    return Judged({**counts, **spoken_figures, **memory, "connections": connections, "faults": dict(faults)}, problems)


if __name__ == "__main__":
    judged = judge(Path(sys.argv[1]))
    print(json.dumps(judged.figures, indent=1))
    for label, problem in judged.problems:
        print(f"* {label}: {problem}")
