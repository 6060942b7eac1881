"""Errors: complete when raised, revised by copy, and without secrets."""

import ast
import traceback
from pathlib import Path

import pytest

from livecli import errors
from livecli.errors import (
    Advice,
    CannotRun,
    CheckError,
    Interrupted,
    LivecliError,
    QuotaError,
    ServerError,
)
from tests.cases import in_one_test

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


def chained(error: Exception, *, cause: Exception | None = None, context: Exception | None = None) -> Exception:
    """`error`, raised from `cause`, or raised while `context` was handled."""
    before = cause or context
    assert before is not None
    with pytest.raises(type(error)) as raised:
        try:
            raise before
        except type(before):
            if cause is not None:
                raise error from cause
            raise error  # noqa: B904 - the implicit chain is wanted
    return raised.value


class Close(Exception):
    """An exception whose text is no argument, as those of websockets."""

    def __init__(self, reason: str) -> None:
        super().__init__()
        self.reason = reason

    def __str__(self) -> str:
        return f"received 1008: {self.reason}"


def noted(error: Exception, note: str) -> Exception:
    error.add_note(note)
    return error


@in_one_test("link", ["cause", "context"])
@in_one_test(
    "origin",
    [
        lambda: ValueError(f"not valid: {SECRET}"),
        lambda: Close(SECRET),
        lambda: KeyError(SECRET),
        lambda: noted(OSError("reset"), f"sent {SECRET}"),
        lambda: ServerError(f"refused {SECRET}"),
        lambda: ExceptionGroup("several", [ValueError("harmless"), Close(SECRET)]),
        lambda: chained(ValueError("second"), cause=Close(SECRET)),
        lambda: chained(ServerError("second"), context=chained(OSError("third"), cause=Close(SECRET))),
    ],
)
def test_a_secret_is_in_no_exception_that_the_error_was_raised_from(origin, link):
    before = origin()
    error = chained(whole(), **{link: before})
    error.elide(SECRET)
    text = "".join(traceback.format_exception(error))
    assert SECRET not in text
    error.__suppress_context__ = False
    assert SECRET not in "".join(traceback.format_exception(error))
    # What is no secret is still there, with the lines that raised it.
    assert type(before).__name__ in text
    assert text.count("in chained") == "".join(traceback.format_exception(chained(whole(), **{link: origin()}))).count(
        "in chained"
    )


def test_exceptions_without_the_secret_stay_as_they_are():
    cause = chained(ValueError("harmless"), cause=OSError("reset"))
    error = chained(whole(), cause=cause)
    error.elide(SECRET)
    assert error.__cause__ is cause
    assert isinstance(cause.__cause__, OSError)
    assert error.__suppress_context__


def test_several_secrets_leave_one_stand_in():
    error = chained(whole(), cause=Close(f"{SECRET} and another-secret"))
    error.elide(SECRET)
    error.elide("another-secret")
    assert str(error.__cause__) == "Close: received 1008: … and …"


def test_a_chain_in_a_circle_is_cleaned_once():
    first, second = Close(SECRET), whole(SECRET)
    first.__context__, second.__cause__ = second, first
    error = chained(whole(), cause=first)
    error.elide(SECRET)
    assert SECRET not in "".join(traceback.format_exception(error))


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
