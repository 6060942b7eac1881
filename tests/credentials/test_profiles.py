"""Values of the user's config.toml: which one is used, and what is wrong with a file."""

import pytest

from livecli.credentials.profiles import load_profile, path, profile_names
from livecli.errors import FileError, UsageError

FILE = """
[default]
model = "gemini-live-2.5-flash"
voice = "Kore"

[profile.work]
platform = "vertex"
project = "my-project"
voice = "Puck"
"""


@pytest.fixture
def config(tmp_path, monkeypatch):
    """Writes config.toml. Another one, in the current folder, must play no part."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.chdir(tmp_path)
    (tmp_path / "config.toml").write_text('[default]\nmodel = "wrong"\n')

    def write(text):
        (tmp_path / "config" / "livecli").mkdir(parents=True, exist_ok=True)
        path().write_text(text)

    return write


def test_without_a_file_there_are_no_values(config):
    assert load_profile(None, {}).values == {}
    assert profile_names() == []


def test_the_default_holds_for_every_run(config):
    config(FILE)
    profile = load_profile(None, {})
    assert profile.values == {"model": "gemini-live-2.5-flash", "voice": "Kore"}
    assert set(profile.origins.values()) == {"[default] in config.toml"}


@pytest.mark.parametrize(("name", "environ"), [("work", {}), (None, {"LIVECLI_PROFILE": " work "})])
def test_a_profile_comes_before_the_default(config, name, environ):
    config(FILE)
    profile = load_profile(name, environ)
    assert profile.values == {
        "platform": "vertex",
        "project": "my-project",
        "voice": "Puck",
        "model": "gemini-live-2.5-flash",
    }
    assert profile.origins == {
        "platform": "profile work",
        "project": "profile work",
        "voice": "profile work",
        "model": "[default] in config.toml",
    }
    assert profile_names() == ["work"]


def test_the_option_comes_before_the_variable(config):
    config(FILE + "[profile.home]\n")
    assert load_profile("home", {"LIVECLI_PROFILE": "work"}).values["voice"] == "Kore"


@pytest.mark.parametrize(
    ("text", "name", "environ", "message", "hint"),
    [
        (FILE, "wrok", {}, "--profile: there is no profile 'wrok'", "did you mean work?"),
        (FILE, None, {"LIVECLI_PROFILE": "x"}, "LIVECLI_PROFILE: there is no profile 'x'", "config.toml has work"),
        ("", "x", {}, "--profile: there is no profile 'x'", "write [profile.x] in "),
        (FILE, "default", {}, "--profile: there is no profile 'default'", "config.toml has work"),
    ],
)
def test_a_profile_that_does_not_exist_is_refused(config, text, name, environ, message, hint):
    config(text)
    with pytest.raises(UsageError) as refused:
        load_profile(name, environ)
    assert refused.value.message == message
    assert hint in refused.value.hint


@pytest.mark.parametrize(
    ("text", "line", "message"),
    [
        ('[default]\nmodle = "m"\n', 2, "there is no 'modle' here"),
        ('[profile.a]\n\n[profile.b]\nplatform = "azure"\n', 4, "platform is 'azure', not 'vertex' or 'developer'"),
        ("[profile.a]\nvoice = 3\n", 2, "voice must be a text, and is a number"),
        ('[profile.a]\nvoice = ""\n', 2, "voice is empty"),
        ('profile = "work"\n', 1, "profile must be a table, and is a text"),
        ("[profiles.a]\n", 1, "there is no 'profiles' here"),
        ("[default\n", 1, "this is not TOML"),
    ],
)
def test_a_mistake_in_the_file_is_an_error_with_its_line(config, text, line, message):
    config(text)
    with pytest.raises(FileError) as refused:
        load_profile(None, {})
    assert refused.value.message.startswith(f"{path()}:{line}: {message}")
    assert profile_names() == []


def test_without_a_home_folder_only_a_named_profile_is_an_error(monkeypatch):
    monkeypatch.delenv("XDG_CONFIG_HOME", raising=False)
    monkeypatch.setenv("HOME", "")
    assert load_profile(None, {}).values == {}
    with pytest.raises(FileError, match="HOME is empty"):
        load_profile("work", {})
