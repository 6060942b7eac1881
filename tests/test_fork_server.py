"""The program that stands for livecli in tests: what goes in and comes out is what the real one has."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from tests.end_to_end.conftest import wait_until

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="livecli is the real one there")


def test_arguments_variables_folder_streams_and_status(forked_livecli: Path, tmp_path: Path) -> None:
    def run(*words: str, **variables: str) -> tuple[int, str, str]:
        command, environ = [forked_livecli / "livecli", "send", *words, "-q"], {**os.environ, **variables}
        ran = subprocess.run(
            command, input="good morning", capture_output=True, text=True, cwd=tmp_path, env=environ, timeout=30
        )
        return ran.returncode, ran.stdout, ran.stderr

    assert run("--text", "-", "--local", "-o", "said.wav") == (0, "good morning\n", "")
    assert (tmp_path / "said.wav").exists()
    status, _, err = run("none.wav")
    assert (status, err.splitlines()[0]) == (3, "error: there is no file none.wav")
    status, _, err = run("--text", "hi", LIVECLI_PROFILE="none")
    assert (status, "none" in err) == (2, True)


def is_listening(port: int) -> bool:
    with socket.socket() as client:
        return client.connect_ex(("127.0.0.1", port)) == 0


@pytest.mark.parametrize(("number", "status"), [(signal.SIGTERM, 143), (signal.SIGKILL, -signal.SIGKILL)])
def test_a_signal_ends_both_processes(forked_livecli: Path, number: int, status: int) -> None:
    words = [forked_livecli / "livecli", "serve", "-q", "--port", "0", "--tls-port", "0"]
    with subprocess.Popen(words, stdout=subprocess.PIPE, text=True) as serving:
        port = urlsplit(serving.stdout.readline().partition("=")[2].strip()).port
        assert is_listening(port)
        serving.send_signal(number)
        assert serving.wait(20) == status
        wait_until(lambda: not is_listening(port))


def test_a_script_has_its_arguments_and_its_end(forked_python: str, tmp_path: Path) -> None:
    (tmp_path / "script.py").write_text("import sys\nprint(__name__, sys.argv[1:])\nassert len(sys.argv) == 2\n")

    def run(*words: str) -> tuple[int, str, str]:
        command = [forked_python, "script.py", *words]
        ran = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, timeout=30)
        return ran.returncode, ran.stdout, ran.stderr

    assert run("a b") == (0, "__main__ ['a b']\n", "")
    status, out, err = run()
    assert (status, out, err.splitlines()[-1]) == (1, "__main__ []\n", "AssertionError")
