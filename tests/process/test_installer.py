"""The command of the installer that was used."""

import importlib.metadata
import importlib.util
import shlex
import subprocess
import sys

import pytest

from livecli.process import installer
from livecli.process.installer import extra_requirements, install_command, install_extra_command


@pytest.fixture
def prefix(tmp_path, monkeypatch):
    """The folder of an environment, as `pipx` names one."""
    folder = tmp_path / "livecli"
    folder.mkdir()
    monkeypatch.setattr(sys, "prefix", str(folder))
    monkeypatch.setattr(sys, "executable", str(folder / "a python"))
    return folder


def test_pip(prefix):
    assert install_command("miniaudio") == f"'{prefix}/a python' -m pip install miniaudio"


def test_pipx(prefix):
    (prefix / "pipx_metadata.json").touch()
    assert install_command("miniaudio") == "pipx inject livecli miniaudio"


def test_a_tool_of_uv(prefix):
    (prefix / "uv-receipt.toml").touch()
    assert install_command("miniaudio") == f"uv pip install --python '{prefix}/a python' miniaudio"


def test_an_environment_without_pip(prefix, monkeypatch):
    monkeypatch.setattr(installer, "find_spec", lambda name: None)
    assert install_command("miniaudio") == f"uv pip install --python '{prefix}/a python' miniaudio"


def test_the_packages_of_an_extra(prefix, monkeypatch):
    assert [requirement[:9] for requirement in extra_requirements("audio")] == ["miniaudio", "pywebrtc-"]
    stated = ["rich>=13", "pillow>=10.1; extra == 'images'", 'pillow<13,>=9; extra == "all"', "x; extra == 'images2'"]
    monkeypatch.setattr(importlib.metadata, "requires", lambda name: stated)
    assert install_extra_command("images") == f"'{prefix}/a python' -m pip install 'pillow>=10.1'"
    (prefix / "pipx_metadata.json").touch()
    assert install_extra_command("all") == "pipx inject livecli 'pillow<13,>=9'"


def test_pips_command_installs_into_the_environment(tmp_path):
    """With what needs no index: a package that is there already."""
    assert importlib.util.find_spec("pip")
    words = shlex.split(install_command("pip"))
    ran = subprocess.run([*words, "--no-index", "--dry-run"], capture_output=True, text=True, timeout=50, check=True)
    assert "Requirement already satisfied: pip in " in ran.stdout
