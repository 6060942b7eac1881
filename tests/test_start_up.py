"""What a start costs: heavy libraries are loaded by the run that needs them, and by nothing else."""

import json
import subprocess
import sys

import pytest

import livecli

HEAVY = {
    *("rich", "prompt_toolkit", "websockets", "numpy", "soundfile", "soxr"),
    *("google.auth", "asyncio", "msgspec", "ssl", "requests"),
}


def loaded_by(*code: str) -> set[str]:
    probe = "\n".join(["import sys, json", *code, "sys.stderr.write(json.dumps(sorted(sys.modules)))"])
    ran = subprocess.run([sys.executable, "-c", probe], capture_output=True, text=True, timeout=60, check=True)
    return set(json.loads(ran.stderr))


def test_the_command_line_loads_nothing_heavy():
    assert not loaded_by("import livecli.cli.app") & HEAVY


VERBS = ("send", "chat", "serve", "auth")


@pytest.mark.parametrize("words", [["--help"], *([verb, "--help"] for verb in VERBS), ["--nope"]])
def test_help_and_usage_errors_load_nothing_heavy(words):
    quiet = "import io, contextlib; from livecli.__main__ import main"
    call = f"with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()): main({words})"
    assert not loaded_by(quiet, call) & HEAVY


def test_the_version_loads_not_even_the_command_line():
    loaded = loaded_by("import io, contextlib; from livecli.__main__ import main", "main(['--version'])")
    assert not loaded & {*HEAVY, "typer"}


def test_a_send_of_the_commonest_file_loads_neither_numpy_nor_rich(tmp_path):
    url = "ws://127.0.0.1:1"
    words = ["send", "--base-url", url, "-o", str(tmp_path / "r.wav")]
    loaded = loaded_by(
        "import io, contextlib; from livecli.__main__ import main",
        f"with contextlib.redirect_stderr(io.StringIO()): status = main({words})",
        "assert status == 5",
    )
    assert not loaded & {"numpy", "soundfile", "soxr", "rich", "google.auth", "requests"}


def test_a_start_collects_no_garbage_and_what_follows_it_does(tmp_path):
    words = ["livecli", "send", "--base-url", "ws://127.0.0.1:1", "-o", str(tmp_path / "r.wav")]
    loaded_by(
        "import contextlib, gc, io",
        "from livecli import __main__",
        "gc.set_threshold(0)",
        "collected = []",
        "gc.callbacks.append(lambda phase, info: collected.append(phase))",
        f"sys.argv = {words}",
        "with contextlib.redirect_stderr(io.StringIO()), contextlib.suppress(SystemExit): __main__.run()",
        "assert not collected, collected",
        "gc.collect()",
        "assert gc.get_threshold() == __main__.GC_THRESHOLDS, gc.get_threshold()",
    )


def test_importing_livecli_costs_nothing():
    assert not loaded_by("import livecli") & {*HEAVY, "typer"}


def test_every_public_name_resolves_and_says_what_it_is():
    for name in livecli.__all__:
        value = getattr(livecli, name)
        assert name == "__version__" or value.__doc__, f"{name} has no docstring"
    assert set(livecli.__all__) <= set(dir(livecli))
    with pytest.raises(AttributeError):
        livecli.nope  # noqa: B018
