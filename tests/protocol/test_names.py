"""Names as users write them: case, accents, codes and English names of languages."""

import pytest

from livecli.errors import UsageError
from livecli.protocol.models import MODELS
from livecli.protocol.names import LANGUAGES, VOICES, language_code, model_named, nearest, voice_named
from tests.cases import in_one_test


def test_the_documented_numbers_of_names() -> None:
    assert (len(VOICES), len(LANGUAGES)) == (30, 24)


@in_one_test("voice", VOICES)
def test_a_voice_in_any_case(voice: str) -> None:
    for text in (voice, voice.lower(), voice.upper(), f" {voice} "):
        assert voice_named(text, is_complete=True) == voice


@in_one_test(
    ("text", "message"),
    [
        ("Koré", "no voice 'Koré'; did you mean Kore?"),
        ("zephir", "no voice 'zephir'; did you mean Zephyr?"),
        ("zubenelgenub", "no voice 'zubenelgenub'; did you mean Zubenelgenubi?"),
        ("alloy", "no voice 'alloy'"),
        ("", "no voice ''"),
        ("x" * 100, f"no voice '{'x' * 60}'"),
    ],
)
def test_an_unknown_voice_is_refused_where_all_are_known(text: str, message: str) -> None:
    with pytest.raises(UsageError) as caught:
        voice_named(text, is_complete=True)
    assert (caught.value.message, caught.value.hint) == (message, "livecli help voices")
    assert voice_named(text, is_complete=False) == text


@in_one_test(("code", "name"), LANGUAGES.items())
def test_a_language_by_its_code_and_by_its_whole_name(code: str, name: str) -> None:
    for text in (code, code.lower(), code.upper(), code.replace("-", "_"), name, name.upper()):
        assert language_code(text) == code


@in_one_test(
    ("text", "code"),
    [
        ("german", "de-DE"),
        ("Spanish", "es-US"),
        ("de", "de"),
        ("DE", "de"),
        ("de-ch", "de-CH"),
        ("cmn-hans-cn", "cmn-Hans-CN"),
        ("es-419", "es-419"),
        ("sl-ROZAJ", "sl-rozaj"),
    ],
)
def test_a_language_by_its_short_name_and_by_a_code_that_is_not_documented(text: str, code: str) -> None:
    assert language_code(text) == code


@pytest.mark.parametrize(
    ("text", "message", "hint"),
    [
        ("English", "English is en-IN or en-US", "--language en-US"),
        ("Germn", "no language 'Germn'; did you mean German (de-DE)?", "livecli help languages"),
        ("französisch", "no language 'französisch'", "livecli help languages"),
        ("en-", "no language 'en-'; did you mean en-US?", "livecli help languages"),
        ("", "no language ''", "livecli help languages"),
    ],
)
def test_other_words_are_no_language(text: str, message: str, hint: str) -> None:
    with pytest.raises(UsageError) as caught:
        language_code(text)
    assert (caught.value.message, caught.value.hint) == (message, hint)


@in_one_test("model", MODELS)
def test_a_model_in_any_case(model: str) -> None:
    assert model_named(model.upper()) == model_named(model.replace("-", " ")) == model


def test_another_model_is_as_it_was_written() -> None:
    assert model_named("My-Tuned-Model") == "My-Tuned-Model"


def test_the_nearest_of_no_names() -> None:
    assert nearest("anything", []) is None
