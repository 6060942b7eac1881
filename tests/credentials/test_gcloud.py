"""gcloud's folder, credential file and project."""

from __future__ import annotations

from pathlib import Path

import pytest

from livecli.credentials import gcloud


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """gcloud's folder with two configurations, of which `default` is active."""
    folder = tmp_path / "gcloud"
    (folder / "configurations").mkdir(parents=True)
    (folder / "active_config").write_text("default\n")
    (folder / "configurations" / "config_default").write_text("[core]\nproject = first\naccount = a%b@example.com\n")
    (folder / "configurations" / "config_other").write_text("[core]\nproject = second\n")
    return folder


def test_the_credential_file_is_in_gclouds_folder(folder: Path) -> None:
    file = "application_default_credentials.json"
    assert gcloud.credentials_file({"CLOUDSDK_CONFIG": str(folder)}) == folder / file
    assert gcloud.credentials_file({}) == Path("~/.config/gcloud").expanduser() / file


@pytest.mark.parametrize(
    ("variables", "project"),
    [
        ({}, "first"),
        ({"CLOUDSDK_ACTIVE_CONFIG_NAME": "other"}, "second"),
        ({"CLOUDSDK_ACTIVE_CONFIG_NAME": "missing"}, None),
        ({"CLOUDSDK_CORE_PROJECT": "third", "CLOUDSDK_ACTIVE_CONFIG_NAME": "other"}, "third"),
        ({"CLOUDSDK_CORE_PROJECT": ""}, "first"),
    ],
)
def test_the_project_is_that_of_the_active_configuration(
    folder: Path, variables: dict[str, str], project: str | None
) -> None:
    assert gcloud.project({"CLOUDSDK_CONFIG": str(folder), **variables}) == project


@pytest.mark.parametrize(
    "content", [b"", b"[core]\n", b"[core]\nproject = \n", b"project = p\n", b"[core]\nproject\n", b"\xff\xfe[core]"]
)
def test_a_configuration_without_a_project_or_that_is_damaged(folder: Path, content: bytes) -> None:
    (folder / "configurations" / "config_default").write_bytes(content)
    assert gcloud.project({"CLOUDSDK_CONFIG": str(folder)}) is None


def test_without_gcloud_there_is_no_project(tmp_path: Path) -> None:
    assert gcloud.project({"CLOUDSDK_CONFIG": str(tmp_path / "missing")}) is None
