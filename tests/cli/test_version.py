"""`livecli --version`, and with `--json` the versions of what it runs on."""

from __future__ import annotations

import json
import platform
from importlib import metadata

import pytest
import soundfile

import livecli as package
from livecli.__main__ import main
from livecli.cli import version


def printed(capsys, *words):
    assert main(words) == 0
    out, err = capsys.readouterr()
    assert (out.count("\n"), err) == (1, "")
    return out


@pytest.mark.parametrize("words", [["--version"], ["-V"], ["-V", "send"]])
def test_the_version(capsys, words):
    assert printed(capsys, *words) == f"livecli {package.__version__}\n"


@pytest.mark.parametrize("words", [["--version", "--json"], ["-V", "--json"], ["--json", "--version"]])
def test_the_versions_of_everything(capsys, words):
    found = json.loads(printed(capsys, *words))
    dependencies = found.pop("dependencies")
    assert dependencies["numpy"] == metadata.version("numpy")
    assert {"google-auth", "typer", "miniaudio", "pillow", "keyring"} < dependencies.keys()
    assert not {"pytest", "mypy"} & dependencies.keys()
    assert found == {
        "schema": "livecli/version@1",
        "livecli": package.__version__,
        "python": platform.python_version(),
        "platform": platform.platform(),
        "websockets": metadata.version("websockets"),
        "libsndfile": soundfile.__libsndfile_version__,
        "extras": ["audio", "images", "keyring", "speech", "yaml"],
        "models": found["models"],
    }
    assert "2026-11" <= found["models"] < "2100"


def test_an_extra_that_is_not_installed(capsys, monkeypatch):
    installed = metadata.version

    def found(name):
        if name == "miniaudio":
            raise metadata.PackageNotFoundError(name)
        return installed(name)

    monkeypatch.setattr(version.metadata, "version", found)
    versions = json.loads(printed(capsys, "--version", "--json"))
    assert (versions["extras"], versions["dependencies"]["miniaudio"]) == (
        ["images", "keyring", "speech", "yaml"],
        None,
    )


def test_livecli_that_is_not_installed(capsys, monkeypatch):
    def missing(name):
        raise metadata.PackageNotFoundError(name)

    monkeypatch.setattr(version.metadata, "requires", missing)
    versions = json.loads(printed(capsys, "--version", "--json"))
    assert (versions["dependencies"], versions["extras"], versions["websockets"]) == ({}, [], None)
