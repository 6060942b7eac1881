"""What is told of words that the command line does not take."""

import pytest

from livecli.__main__ import main

SEND, TOP = "`livecli send --help` lists what there is", "`livecli --help` lists what there is"


@pytest.mark.parametrize(
    ("words", "message", "hint"),
    [
        ("question.wav", "there is no command question.wav", "did you mean: livecli send question.wav"),
        ("login", "there is no command login", "did you mean: livecli auth login"),
        ("sned", "there is no command sned", "did you mean: livecli send"),
        ("xyz", "there is no command xyz", TOP),
        ("auth stats", "there is no command stats", "did you mean: livecli auth status"),
        ("auth q.wav", "there is no command q.wav", "`livecli auth --help` lists what there is"),
        ("send --bogus", "there is no option --bogus", SEND),
        ("send --api-key x", "there is no option --api-key", "set GOOGLE_API_KEY, or run: livecli auth login"),
        ("chat --key x", "there is no option --key", "set GOOGLE_API_KEY, or run: livecli auth login"),
        ("chat --token x", "there is no option --token", "set LIVECLI_ACCESS_TOKEN"),
        (
            "auth login AIzaSECRET",
            "a key is not given on the command line, where other processes and the shell's history see it",
            "livecli auth login, which asks for it; or: livecli auth login < key.txt",
        ),
        ("-q send --local", "there is no option -q", "did you mean: livecli send -q --local"),
        (
            "--voice Kore chat --local",
            "there is no option --voice",
            "did you mean: livecli chat --voice Kore --local",
        ),
        ("send --verbos", "there is no option --verbos", "did you mean: --verbose"),
        ("send --speed fast", "--speed takes a number, such as 1 or 3.2, not 'fast'", SEND),
        ("send --temperature warm", "--temperature takes a number, such as 1, not 'warm'", SEND),
        ("send --speed -1", "--speed must be 0 or more, not -1", SEND),
        ("send --speed -0.5", "--speed must be 0 or more, not -0.5", SEND),
        ("send --temperature 3", "--temperature must be from 0 to 2, not 3", SEND),
        ("send --jobs 1.5", "--jobs takes a whole number, not '1.5'", SEND),
        ("send --jobs 0", "--jobs must be 1 or more, not 0", SEND),
        ("send --platform azure", "Invalid value for '--platform': 'azure' is not one of 'vertex', 'developer'.", SEND),
    ],
)
def test_words_that_are_not_taken(capsys, words, message, hint):
    assert main(words.split()) == 2
    assert capsys.readouterr() == ("", f"error: {message}\nhint: {hint}\n")


@pytest.mark.parametrize(("option", "hint"), [("--speed", ""), ("-o", "hint: -o reply.wav\n")])
def test_an_option_without_its_value(capsys, option, hint):
    assert main(["send", option]) == 2
    assert capsys.readouterr() == ("", f"error: {option} needs a value\n{hint}")
