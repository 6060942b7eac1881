"""`livecli completion`: the words that it offers, and what real shells make of its scripts."""

import os
import re
import select
import subprocess
import time

import pytest

from livecli.__main__ import main
from livecli.cli.app import COMMANDS
from livecli.cli.completion import Shell, candidates
from livecli.cli.help import TOPICS
from livecli.emulator.faults import FAULT_KINDS, parse_fault
from livecli.media.sound_devices import devices
from livecli.media.sound_devices.devices import Device, DeviceKind
from livecli.protocol.models import MODELS
from livecli.protocol.names import LANGUAGES, VOICES
from tests.cases import in_one_test
from tests.needs import needs


def offered(line):
    """The values for the last word of a line; those that describe nothing are fine."""
    return [value for value, _ in candidates(line.split(" ")[1:])]


@in_one_test(
    ("line", "expected"),
    [
        ("livecli ", list(COMMANDS)),
        ("livecli ser", ["serve"]),
        ("livecli auth ", ["status", "token", "login", "logout"]),
        ("livecli auth status --onl", ["--online"]),
        ("livecli send --voice ko", ["Kore"]),
        ("livecli send --voice=KO", ["--voice=Kore"]),
        ("livecli send --activity ", ["manual", "auto"]),
        ("livecli send -o reply.wav --json --dry", ["--dry-run"]),
        ("livecli chat --language en-", ["en-IN", "en-US"]),
        ("livecli chat --location us-c", ["us-central1"]),
        ("livecli help voi", ["voices"]),
        ("livecli help auth st", ["status"]),
        ("livecli help send ", []),
        ("livecli completion ", ["bash", "zsh", "fish"]),
        ("livecli serve --fault http", ["http="]),
        ("livecli serve --fault drop", ["drop@"]),
        ("livecli serve --fault close=1011:a@b@tu", ["close=1011:a@b@turn:"]),
        ("livecli serve --pace i", ["instant"]),
        ("livecli auth --color a", ["auto", "always"]),
    ],
)  # fmt: skip
def test_the_words_that_may_follow(line, expected):
    assert offered(line) == list(dict.fromkeys(expected))


@pytest.mark.parametrize("line", ["livecli send ", "livecli send --setup ", "livecli send -o ", "livecli serve -- py"])
def test_where_a_file_may_stand_nothing_is_offered(line):
    assert offered(line) == []


def test_voices_models_topics_and_faults_are_complete():
    assert set(offered("livecli send --voice ")) == set(VOICES)
    assert set(offered("livecli send --model ")) == {name for name, model in MODELS.items() if not model.retired}
    assert set(offered("livecli help ")) == {*TOPICS, *COMMANDS}
    assert [value.rstrip("=@") for value in offered("livecli serve --fault ")] == list(FAULT_KINDS)
    assert set(offered("livecli send --language ")) == set(LANGUAGES)


def test_each_moment_that_is_offered_is_one():
    for value in offered("livecli serve --fault drop@"):
        assert parse_fault(f"{value}1" if value.endswith(":") else value).kind == "drop"


def test_devices_are_those_of_this_machine(monkeypatch):
    monkeypatch.setattr(devices, "list_devices", lambda: [Device(0, "A Headset", DeviceKind.PLAYBACK)])
    assert offered("livecli send --device ") == ["A Headset"]


def test_profiles_are_those_of_the_file(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    assert offered("livecli chat --profile ") == []
    (tmp_path / "livecli").mkdir()
    (tmp_path / "livecli" / "config.toml").write_text(
        '[profile.work]\nvoice = "Kore"\n[profile.home]\nvoice = "Puck"\n'
    )
    assert offered("livecli chat --profile ") == ["home", "work"]
    (tmp_path / "livecli" / "config.toml").write_text("not TOML")
    assert offered("livecli chat --profile ") == []


def test_every_option_is_offered():
    names = offered("livecli send -")
    assert {"--help", "-h", "-o", "--output", "--jobs", "--from", "--dry-run"} <= set(names)


@pytest.mark.parametrize("shell", Shell)
def test_the_script_of_each_shell_is_printed_whatever_shell_runs_it(shell, capfd, monkeypatch):
    monkeypatch.setenv("SHELL", "/bin/false")
    assert main(["completion", shell]) == 0
    printed = capfd.readouterr()
    assert printed.err == ""
    assert f"livecli completion {shell} -- " in printed.out


def test_another_shell_is_a_usage_error(capfd):
    assert main(["completion", "csh"]) == 2
    assert "'csh' is not one of 'bash', 'zsh', 'fish'" in capfd.readouterr().err


@pytest.fixture
def environment(tmp_path, forked_livecli):
    """Variables for a shell that finds livecli, and whose home has one file."""
    (tmp_path / "question.wav").touch()
    path = f"{forked_livecli}{os.pathsep}{os.environ['PATH']}"
    return {**os.environ, "PATH": path, "HOME": str(tmp_path), "PS1": "> ", "TERM": "dumb"}


def completed(command, setup, keys, environment):
    """The line that an interactive shell makes of `keys` and a tab, in which it is told to print the line."""
    ours, theirs = os.openpty()
    streams = dict.fromkeys(("stdin", "stdout", "stderr"), theirs)
    shell = subprocess.Popen(command, env=environment, start_new_session=True, **streams)
    os.close(theirs)
    seen, end = "", time.monotonic() + 30
    try:
        # Control-A goes to the start of the line, and Control-E to its end.
        os.write(ours, f"{setup}\n{keys}\t\x01echo 'the line:'\x05.\n".encode())
        while not (printed := re.search(r"^the line:(.*)\.\r$", seen, re.MULTILINE)):
            assert time.monotonic() < end, seen
            if select.select([ours], [], [], 1)[0]:
                seen += os.read(ours, 65536).decode(errors="replace")
    finally:
        shell.kill()
        shell.wait(10)
        os.close(ours)
    return printed[1]


LINES = [
    ("livecli send --voice ko", "livecli send --voice Kore "),
    ("livecli send --voice=zep", "livecli send --voice=Zephyr "),
    ("livecli serve --fault drop@re", "livecli serve --fault drop@reply:"),
    ("livecli help exit", "livecli help exit-statuses "),
    ("livecli auth stat", "livecli auth status "),
    ("livecli send ques", "livecli send question.wav "),
]


@pytest.mark.parametrize(("keys", "expected"), LINES)
def test_bash(keys, expected, environment):
    setup = 'cd; eval "$(livecli completion bash)"'
    assert completed([needs("bash"), "--norc", "-i"], setup, keys, environment) == expected


@pytest.mark.parametrize(("keys", "expected"), LINES)
def test_zsh(keys, expected, environment, tmp_path_factory):
    # The functions of zsh are in this file from the second test on: looking for them takes most of the time.
    found = tmp_path_factory.getbasetemp() / "zcompdump"
    setup = f'cd; autoload -U compinit; compinit -u -d {found}; eval "$(livecli completion zsh)"'
    assert completed([needs("zsh"), "-f", "-i"], setup, keys, environment).rstrip() == expected.rstrip()


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("livecli send --voice ko", ["Kore\tfirm"]),
        ("livecli send --voice=zep", ["--voice=Zephyr\tbright"]),
        ("livecli serve --fault drop@re", ["drop@reply:\tbefore the N-th chunk of audio to the client"]),
        ("livecli completion ", ["bash", "fish", "zsh"]),
        ("livecli send ques", ["question.wav"]),
    ],
)
def test_fish(line, expected, environment):
    command = [needs("fish"), "--no-config", "-c", f"cd; livecli completion fish | source; complete -C '{line}'"]
    ran = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=50)
    assert (ran.stderr, sorted(ran.stdout.splitlines())) == ("", expected)


@pytest.mark.parametrize(
    ("shell", "words", "code"),
    [
        (
            Shell.BASH,
            ["bash", "--norc"],
            "set -o; shopt; complete -p | grep -v livecli; declare -F | grep -v livecli; typeset -p IFS",
        ),
        (
            Shell.ZSH,
            ["zsh", "-f"],
            "setopt; zstyle -L; typeset -p IFS; print -l ${(k)functions} | grep -v livecli",
        ),
    ],
)
def test_a_script_changes_nothing_else_in_the_shell(shell, words, code, environment):
    needs(words[0])
    load = f'eval "$(livecli completion {shell})"'
    compinit = "autoload -U compinit; compinit -u -D; " if shell is Shell.ZSH else ""
    before, after = (
        subprocess.run([*words, "-c", text], env=environment, capture_output=True, text=True, timeout=50).stdout
        for text in (compinit + code, compinit + load + "; " + code)
    )
    assert before
    assert sorted(after.splitlines()) == sorted(before.splitlines())
