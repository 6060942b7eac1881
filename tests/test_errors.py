"""Errors: complete when raised, revised by copy, and without secrets."""

import ast
import traceback
from pathlib import Path

import pytest

from livecli import errors
from livecli.errors import Advice, CannotRun, CheckError, Interrupted, LivecliError, QuotaError, ServerError

SECRET = "AIza-0123456789"
PACKAGE = Path(errors.__file__).parent


def whole(message: str = "refused", **changes) -> ServerError:
    """An error with a value for each argument."""
    fields = {
        "hint": "ask again",
        "advice": Advice("a cause", ("one", "two"), "a source"),
        "retry": "resume",
        "retry_after_seconds": 2.5,
        "close_code": 1008,
        "close_reason": "policy",
        "blamed": ("tools",),
    }
    return ServerError(message, **(fields | changes))


def test_all_that_is_known_is_an_argument():
    error = whole()
    assert (error.message, str(error), error.args) == ("refused", "refused", ("refused",))
    assert (error.hint, error.retry, error.retry_after_seconds) == ("ask again", "resume", 2.5)
    assert (error.close_code, error.close_reason, error.blamed) == (1008, "policy", ("tools",))
    advice = error.advice
    assert (advice.cause, advice.remedies, advice.source) == ("a cause", ("one", "two"), "a source")


def test_what_is_not_given_is_absent():
    error = LivecliError("x")
    assert (error.hint, error.retry, error.retry_after_seconds, error.close_code) == (None, "never", None, None)
    assert (error.advice.cause, error.advice.remedies, error.advice.source) == (None, (), None)


def test_each_class_has_its_own_retry_rule_and_an_argument_overrides_it():
    assert QuotaError("x").retry == "later"
    assert QuotaError("x", retry="never").retry == "never"
    assert CheckError("x").retry == "never"


def test_a_revised_error_differs_in_what_is_named_alone():
    error = whole()
    error.add_note("a note")
    revised = error.revised(message="refused (3 attempts)", hint=None)
    assert (str(revised), revised.args, revised.hint) == ("refused (3 attempts)", ("refused (3 attempts)",), None)
    assert (type(revised), revised.retry, revised.advice) == (ServerError, "resume", error.advice)
    assert revised.__notes__ == ["a note"]
    revised.add_note("another")
    assert (str(error), error.hint, error.__notes__) == ("refused", "ask again", ["a note"])


def test_a_revised_error_keeps_its_cause_and_its_traceback():
    with pytest.raises(ServerError) as raised:
        raise whole() from OSError("reset")
    revised = raised.value.revised(message="again")
    assert isinstance(revised.__cause__, OSError)
    assert revised.__traceback__ is raised.value.__traceback__


@pytest.mark.parametrize("error", [CannotRun("no such file", exit_status=126), Interrupted(exit_status=143)])
def test_a_revised_error_keeps_its_exit_status(error):
    assert error.revised(message="x").exit_status == error.exit_status


def test_an_argument_that_does_not_exist_cannot_be_revised():
    with pytest.raises(TypeError, match="ServerError has no colour"):
        whole().revised(colour="red")


def test_a_secret_is_in_no_text_of_the_error():
    error = whole(
        f"refused {SECRET}",
        hint=f"is {SECRET} right?",
        advice=Advice(f"the key {SECRET}", (f"replace {SECRET}",), "a source"),
        close_reason=f"bad key {SECRET}",
        blamed=(SECRET,),
    )
    error.add_note(f"sent with {SECRET}")
    error.elide(SECRET)
    texts = [str(error), repr(error), repr(vars(error) | {"secrets": ()}), *error.args, *error.__notes__]
    texts += ["".join(traceback.format_exception(error)), repr([error.advice.cause, *error.advice.remedies])]
    assert not [text for text in texts if SECRET in text]
    assert (str(error), error.close_reason) == ("refused …", "bad key …")
    assert error.without_secrets(f"raw {SECRET}") == "raw …"


def test_a_secret_stays_out_of_a_revised_error():
    error = whole(f"refused {SECRET}")
    error.elide(SECRET)
    revised = error.revised(message=f"{error.message}; kept")
    assert (str(revised), revised.without_secrets(SECRET)) == ("refused …; kept", "…")


def test_a_short_text_is_no_secret():
    error = whole("refused: denied")
    error.elide("denied")
    assert str(error) == "refused: denied"


def test_errors_are_changed_nowhere_after_they_are_raised():
    fields = vars(whole()).keys() | {"cause", "remedies"}
    changed = [
        f"{path.relative_to(PACKAGE)}:{node.lineno} {ast.unparse(node)}"
        for path in PACKAGE.rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store) and node.attr in fields
        if ast.unparse(node.value) != "self"
    ]
    assert not changed
