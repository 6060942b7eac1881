"""What is distributed: the source distribution installs, without a network, and has its manual pages and topics."""

import os
import subprocess
import sys
import tarfile
import tomllib
from email.parser import Parser
from pathlib import Path

import pytest

from livecli import __version__
from livecli.cli.help import TOPICS
from tests.needs import needs, needs_package

ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]


def run(*words, **options):
    ran = subprocess.run(
        [str(word) for word in words], capture_output=True, text=True, timeout=150, check=False, **options
    )
    assert ran.returncode == 0, ran.stdout + ran.stderr
    return ran.stdout


@pytest.fixture(scope="module")
def sdist(tmp_path_factory):
    """The source distribution, built by the packages that are installed here."""
    for module in ("build", "hatchling"):
        needs_package(module)
    folder = tmp_path_factory.mktemp("dist")
    run(sys.executable, "-m", "build", "--quiet", "--no-isolation", "--sdist", "--outdir", folder, ROOT)
    [path] = folder.iterdir()
    return path


@pytest.fixture(scope="module")
def installed(sdist, tmp_path_factory):
    """A folder in which the source distribution is installed. Its dependencies are those of these tests."""
    folder = tmp_path_factory.mktemp("installed")
    options = ["--quiet", "--disable-pip-version-check", "--no-index", "--no-deps", "--no-build-isolation"]
    run(sys.executable, "-m", "pip", "install", *options, "--ignore-installed", "--prefix", folder, sdist)
    return folder


def command(folder, *words):
    """Run the installed command in an empty folder."""
    [packages] = folder.glob("lib/python*/site-packages")
    place = folder / "place"
    place.mkdir(exist_ok=True)
    return run(folder / "bin" / "livecli", *words, cwd=place, env={**os.environ, "PYTHONPATH": str(packages)})


@pytest.mark.timeout(300)
def test_the_source_distribution_installs(installed):
    assert command(installed, "--version") == f"livecli {__version__}\n"
    assert "s of speech]" in command(installed, "send", "--sample", "--local", "-q")
    assert command(installed, "help", "voices").startswith("# Voices\n")
    assert {path.name for path in installed.glob("share/man/man1/*")} >= {
        *(f"livecli-{topic}.1" for topic in TOPICS),
        *("livecli.1", "livecli-send.1", "livecli-auth-status.1"),
    }


@pytest.mark.timeout(300)
def test_man_finds_the_pages_of_an_installation(installed):
    found = run(needs("man"), "-w", "livecli-send", env={**os.environ, "MANPATH": str(installed / "share" / "man")})
    assert found.strip().endswith("share/man/man1/livecli-send.1")


@pytest.mark.timeout(300)
def test_the_description_for_the_index_is_the_readme_without_links_to_files(installed):
    [metadata] = installed.glob("lib/python*/site-packages/livecli-*.dist-info/METADATA")
    message = Parser().parsestr(metadata.read_text())
    assert message["Description-Content-Type"] == "text/markdown"
    description = message.get_payload()
    assert "## With an API key" in description
    assert "[aistudio.google.com/apikey](https://aistudio.google.com/apikey)" in description
    assert "](" not in description.replace("](https://", "")
    assert ".svg" not in description
    assert message.get_all("Project-URL") is None


@pytest.mark.timeout(300)
def test_the_source_distribution_has_what_make_needs(sdist):
    with tarfile.open(sdist) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
    assert {"Makefile", "README.md", "LICENSE", "hatch_build.py", "pyproject.toml", "livecli/help/auth.md"} <= names


def test_no_address_is_invented():
    assert "urls" not in PROJECT


def test_without_its_dependencies_it_says_how_to_install_them(tmp_path):
    # -S leaves out the folder of installed packages.
    words = [sys.executable, "-S", "-m", "livecli", "send"]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    ran = subprocess.run(words, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=50, check=False)
    assert (ran.returncode, ran.stdout) == (3, "")
    assert ran.stderr == (
        "error: the library typer is not installed, and livecli needs it\n"
        f"hint: {sys.executable} -m venv .venv && .venv/bin/python -m pip install {ROOT}\n"
    )


def test_make_demo_says_what_to_type_next():
    said = run(needs("make"), "--dry-run", "-o", ".venv/ready", "demo", cwd=ROOT)
    assert "$(VENV)" not in said
    for words in ("send --text 'Good morning' --local", "chat --local", "help"):
        assert f"  .venv/bin/livecli {words}" in said
