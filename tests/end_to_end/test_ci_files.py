"""The files for CI: the steps of the GitHub action are run, and the others are well-formed."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

GITHUB = Path(__file__).parents[2] / ".github"
ACTION = yaml.safe_load((GITHUB / "actions" / "livecli" / "action.yml").read_text())


def run_step(tmp_path: Path, **inputs: str) -> subprocess.CompletedProcess[str]:
    """Run the step that starts the emulator, as a runner of GitHub does: with the inputs in its variables."""
    [step] = [each for each in ACTION["runs"]["steps"] if "serve" in each.get("run", "")]
    values = {name: str(each["default"]) for name, each in ACTION["inputs"].items()} | inputs
    variables = {
        name: values[text.removeprefix("${{ inputs.").removesuffix(" }}")] for name, text in step["env"].items()
    }
    environ = {**os.environ, **variables, "RUNNER_TEMP": str(tmp_path), "GITHUB_ENV": str(tmp_path / "env")}
    environ["PATH"] = f"{Path(sys.executable).parent}:{environ['PATH']}"
    command = ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", step["run"]]
    return subprocess.run(command, env=environ, cwd=tmp_path, capture_output=True, text=True, timeout=60)


def test_commands_run_against_the_emulator_and_their_status_is_the_step_s(tmp_path: Path) -> None:
    (tmp_path / "s.toml").write_text('[[turn]]\nsay = "Here."\n')
    ran = run_step(tmp_path, run="livecli send --text hi -q", script="s.toml", pace="instant")
    assert (ran.returncode, ran.stdout) == (0, "Here.\n"), ran.stderr
    assert (tmp_path / "livecli" / "log.jsonl").read_text().count('"type": "close"') == 1
    assert len(list((tmp_path / "livecli" / "recordings").iterdir())) == 1
    assert run_step(tmp_path, run="false\ntrue").returncode == 1


def test_without_commands_later_steps_have_the_variables(tmp_path: Path) -> None:
    ran = run_step(tmp_path, pace="instant")
    assert (ran.returncode, ran.stdout) == (0, ""), ran.stderr
    variables = dict(line.split("=", 1) for line in (tmp_path / "env").read_text().splitlines())
    livecli = [sys.executable, "-m", "livecli"]
    environ: dict[str, Any] = {**os.environ, **variables}
    try:
        ask = [*livecli, "send", "--text", "hi", "-q", "-o", str(tmp_path / "r.wav")]
        assert subprocess.check_output(ask, env=environ, text=True, timeout=60) == "hi\n"
    finally:
        subprocess.run([*livecli, "serve", "--stop"], env=environ, timeout=60, check=True)


@pytest.mark.parametrize("path", sorted(GITHUB.rglob("*.y*ml")), ids=lambda path: path.name)
def test_the_yaml_is_well_formed(path: Path) -> None:
    assert isinstance(yaml.safe_load(path.read_text()), dict)


def test_the_paths_in_the_files_exist() -> None:
    root = GITHUB.parent
    compose = yaml.safe_load((GITHUB / "docker" / "compose.yaml").read_text())
    for service in compose["services"].values():
        context = (GITHUB / "docker" / service["build"]["context"]).resolve()
        assert (context / service["build"]["dockerfile"]).is_file()
    workflow = yaml.safe_load((GITHUB / "workflows" / "emulator.yml").read_text())
    used = [step["uses"] for step in workflow["jobs"]["action"]["steps"] if step.get("uses", "").startswith("./")]
    assert used
    assert all((root / each / "action.yml").is_file() for each in used)
