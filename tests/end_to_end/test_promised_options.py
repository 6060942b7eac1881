"""The options that scripts depend on are in `--help`, in the manual page and in the completion of a command."""

import re

import pytest

from livecli.cli.completion import candidates
from livecli.cli.man_pages import pages

WHERE = "--platform --project --location --model --base-url --api-version --local --profile --insecure"
LIMITS = "--connect-timeout --idle-timeout --timeout --retries"
SETUP = "--voice --language --system --temperature --setup --no-transcripts"
TOOLS = "--tool --tools --confirm --search"
OUTPUT = "-q --quiet -v --verbose --debug --color --json --events --explain --stats"
EMULATOR = "--script --replay --replay-match --replay-speed --fault --pace"
OPTIONS = {
    "": "-V --version -h --help",
    "send": f"""{WHERE} {LIMITS} {SETUP} {TOOLS} {OUTPUT} {EMULATOR} --sample --text --image --raw -o --output
        --raw-output --chunk-bytes --speed --activity --trailing-silence --bisect-setup --until --jobs --processes
        --connect-rate
        --from --shard --resume-from --play --device --dry-run --record --pass-rate
        --junit --report
        --subtitles --max-cost -h --help""",
    "chat": f"""{WHERE} {SETUP} {TOOLS} {EMULATOR} -q -v --debug --color --json --events --mic --play --device
        --list-devices --resume --no-history --list --no-commands -h --help""",
    "serve": f"""{EMULATOR} --speed --host --port --tls-port
        --log --realtime --record --allow-host --allow-origin --background
        --stop --tls-name --hear -q -h --help""",
    "auth status": f"{WHERE} -v --json --online -h --help",
    "auth token": "--ephemeral -h --help",
    "auth login": "--keyring --no-check --adc -h --help",
    "auth logout": "-h --help",
}
"""The options of each command that are public interface. Renaming or removing one breaks what is built on it."""

CASES = [(command, option) for command, options in OPTIONS.items() for option in options.split()]


@pytest.fixture(scope="module")
def man_pages():
    return pages()


@pytest.mark.parametrize("command", OPTIONS)
def test_a_promised_option_is_everywhere(livecli, man_pages, command):
    options = [option for name, option in CASES if name == command]
    listed = " ".join(re.findall(r"^ +(-.*?)(?:  |$)", livecli(*command.split(), "--help").out, re.MULTILINE))
    page = man_pages[f"livecli-{command.replace(' ', '-')}.1".replace("-.1", ".1")].replace("\\-", "-")
    completed = {value for value, _ in candidates([*command.split(), "-"])}
    assert [option for option in options if not re.search(rf"(^|[ ,]){option}\b", listed)] == []
    assert [option for option in options if not re.search(rf"\\fB{option}\\fR", page)] == []
    assert [option for option in options if option not in completed] == []
