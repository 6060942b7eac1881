"""A conversation at a real terminal that lasts: typed, spoken, interrupted, on connections of 20 s, with faults.

`--share 1` takes ten minutes, `--share 12` two hours. What was asked, answered and measured is written as it goes to
`.soak/chat`: see `long_chat`.
"""

from __future__ import annotations

import shutil
from contextlib import ExitStack

from tests.soak.conftest import REPORT
from tests.soak.long_chat import converse, judge
from tests.sound_server import running

SECONDS_OF_A_SHARE = 600


def test_a_long_chat(attack, terminal, request):
    attack.tried = 1
    folder = REPORT.parent / "chat"
    shutil.rmtree(folder, ignore_errors=True)
    with ExitStack() as stack:
        program = shutil.which("pulseaudio")
        sounds = stack.enter_context(running(program)) if program else None
        converse(folder, terminal, sounds, request.config.getoption("--seed"), attack.share * SECONDS_OF_A_SHARE)
    judged = judge(folder)
    print(judged.figures)
    for label, problem in judged.problems:
        with attack.attempt(label):
            raise AssertionError(problem)
    attack.tried = judged.figures["typed"] + judged.figures["spoken"]
