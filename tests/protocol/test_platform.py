"""Platforms: their names, and which code may ask for one by name."""

import re
from pathlib import Path

import pytest

import livecli
from livecli.protocol.platform import DEFAULT_PLATFORM, KEY_PLATFORM, PROJECT_PLATFORM, Platform

PACKAGE = Path(livecli.__file__).parent

# The platforms themselves, the order of credentials, and the rows of the models.
MAY_NAME_A_PLATFORM = {"protocol/platform.py", "credentials/decision.py", "protocol/models.py"}


def test_a_platform_is_printed_as_options_spell_it():
    assert [str(platform) for platform in Platform] == ["vertex", "developer"]
    assert [f"{platform}" for platform in Platform] == ["vertex", "developer"]


def test_defaults_go_where_their_credential_is_taken():
    assert PROJECT_PLATFORM.facts.needs_project
    assert DEFAULT_PLATFORM.facts.takes_google_credentials
    assert not KEY_PLATFORM.facts.needs_project
    assert KEY_PLATFORM.facts.takes_ephemeral_tokens


@pytest.mark.parametrize("platform", Platform)
def test_a_service_path_is_recognised_with_each_version(platform):
    facts = platform.facts
    assert {facts.default_version, facts.beta_version} <= facts.api_versions
    for version in facts.api_versions:
        path = facts.service_path.format(version=version)
        assert re.fullmatch(f"/ws/{facts.path_pattern}", path)[1] == version


def test_code_asks_a_platform_for_its_facts_and_not_for_its_name():
    named = {
        str(path.relative_to(PACKAGE).as_posix())
        for path in PACKAGE.rglob("*.py")
        if re.search(r"\bPlatform\.[A-Z]+\b|platform (?:==|is|is not) Platform", path.read_text())
    }
    assert named <= MAY_NAME_A_PLATFORM
