"""The topics `models` and `accuracy`: what the table of models holds, in 80 columns, and the evidence for it."""

import re
from pathlib import Path

import pytest

from livecli.__main__ import main
from livecli.cli import model_help
from livecli.protocol.models import MODELS, Model
from livecli.protocol.names import VOICES
from livecli.protocol.setup_rules import RULES

GUIDES = Path(__file__).parents[2] / "livecli" / "help"
CURRENT = [model for model in MODELS.values() if not model.retired]


@pytest.fixture(scope="module")
def models():
    return model_help.models()


@pytest.fixture(scope="module")
def accuracy():
    """It reads all of livecli."""
    return model_help.accuracy()


def block(model: Model, text: str) -> str:
    """The facts of one model: the lines after its name alone."""
    return text.partition(f"\n\n{model.name}\n")[2].partition("\n\n")[0]


@pytest.mark.parametrize("topic", ["models", "accuracy"])
def test_a_topic_is_its_guide_and_its_table(capfd, topic):
    assert main(["help", topic]) == 0
    printed = capfd.readouterr()
    assert printed.err == ""
    table = getattr(model_help, topic)()
    assert printed.out == (GUIDES / f"{topic}.md").read_text() + f"\n```text\n{table}```\n"
    assert max(map(len, table.splitlines())) <= 80


@pytest.mark.parametrize("model", CURRENT, ids=lambda model: model.name)
def test_each_current_model_has_its_facts(model, models):
    facts = " ".join(block(model, "\n\n" + models).split())
    assert facts.startswith(f"platform {', '.join(sorted(model.platforms))} ")
    assert all(name in facts for name in model.locations.names)
    assert all(level in facts for level in model.thinking_levels)
    assert f"ids {model.calls.id_form}" in facts
    assert f"{model.context_tokens:,} tokens; a picture is {model.images.tokens}" in facts
    assert (f"audio out {model.prices.audio_out:.2f}" in facts) if model.prices.audio_out else "audio out" not in facts
    assert ("no scheduling" in facts) is not model.calls.takes_scheduling
    assert ("voiceActivity" in facts) is model.unasked.voice_activity


def test_both_sources_of_a_disputed_location_are_named(models):
    facts = " ".join(block(MODELS["gemini-live-2.5-flash"], models).split())
    assert "locations us-central1, global but global: documented 2026: Firebase" in facts


def test_retired_models_and_voices_are_listed(models):
    words = set(models.replace(",", "").split())
    assert set(MODELS) <= words
    assert words >= set(VOICES)


def test_each_group_of_each_current_model_has_a_row_of_evidence(accuracy):
    sections = accuracy.strip().split("\n\n")
    assert [section.splitlines()[0] for section in sections] == [*model_help.GROUPS.values(), "Setups that are refused"]
    for group, section in zip(model_help.GROUPS, sections, strict=False):
        for model in CURRENT:
            evidence = model.evidence if group == "evidence" else getattr(model, group).evidence
            assert (model.name in re.split(r"[,\s]+", section)) is bool(evidence.source)
            assert f"{evidence.kind:10}  {evidence.date:10}" in section or not evidence.source


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: f"{rule.path}: {rule.reason}")
def test_each_refused_field_has_a_row_of_evidence(rule, accuracy):
    rules = " ".join(accuracy.partition("Setups that are refused\n")[2].split())
    field = model_help.refused_field(rule)
    assert f"{rule.evidence.kind} {rule.evidence.date} {field} ({rule.evidence.source})" in rules


@pytest.mark.parametrize(
    ("group", "user"),
    [
        ("evidence", "emulator/core/admission.py"),
        ("turns", "client/turn.py"),
        ("turns", "protocol/machine.py"),
        ("calls", "emulator/core/dialogue.py"),
        ("locations", "credentials/advice.py"),
        ("prices", "report/prices.py"),
    ],
)
def test_the_modules_that_use_a_group_are_named(group, user):
    assert user in model_help.users(group)
    assert "protocol/models.py" not in model_help.users(group)
