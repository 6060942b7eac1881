"""`--explain`: what was seen, why, and what to try, after a run that failed."""

import json

import pytest

from tests.live_server import live_server


def explained(err):
    """The rows after the hint, by label; rows without a label belong to the one before."""
    rows, label = {}, ""
    for line in err.splitlines():
        if line.startswith("  "):
            label = line[2:10].strip() or label
            rows.setdefault(label, []).append(line[12:])
    return rows


def test_a_refused_setup_is_explained(livecli, tmp_path):
    setup = tmp_path / "setup.json"
    setup.write_text(json.dumps({"tools": [{"urlContext": {}}]}))
    ran = livecli("send", "--local", "--setup", setup, "--explain", "-q")
    assert (ran.status, ran.out) == (6, "")
    rows = explained(ran.err)
    assert rows["cause"] == ["gemini-3.8-live does not read URLs"]
    assert rows["seen"] == ['close 1007, "Request contains an invalid argument."']
    assert rows["where"][0] == "vertex, gemini-3.8-live, us-central1"
    assert [row[:2] for row in rows["try"]] == ["1.", "2."]
    assert rows["retry"] == ["does not help: the same request fails in the same way"]
    assert rows["status"][0].startswith("6: The server refused")
    assert "reports of users" in rows["source"][0]


def test_without_it_only_the_hint_is_told(livecli):
    ran = livecli("send", "--local", "--model", "gemini-3.8-lvie", "-q")
    assert ran.status == 6
    assert "did you mean gemini-3.8-live?" in ran.err
    assert not explained(ran.err)


def test_nothing_is_explained_of_a_run_that_went_well(livecli):
    ran = livecli("send", "--local", "--speed", "0", "--explain", "-q")
    assert (ran.status, ran.err) == (0, "")


def test_an_error_without_a_close_is_explained_as_far_as_it_goes(livecli):
    ran = livecli("send", "--base-url", "ws://127.0.0.1:1", "--explain", "-q")
    assert ran.status == 5
    rows = explained(ran.err)
    assert rows["try"] == ["1. is the server running?"]
    assert rows["status"][0].startswith("5: ")
    assert "cause" not in rows


@pytest.mark.parametrize(
    ("code", "reason", "status", "again"),
    [
        (1011, "You exceeded your current quota", 8, "after a pause"),
        (1011, "Deadline expired before operation could complete.", 6, "at once"),
        (1000, "", 6, "at once"),
        (4000, "\x1b[2J[bold]", 6, "does not help"),
    ],
)
def test_whether_to_try_again_is_told(livecli, code, reason, status, again):
    def refuse(server):
        server.receive()
        server.close(code, reason)

    with live_server(refuse) as server:
        ran = livecli("send", "--base-url", server.url, "--explain", "--json", "-q")
    assert ran.status == status
    assert ran.summary["exit_code"] == status
    assert again in explained(ran.err)["retry"][0]
    assert "\x1b" not in ran.err


def test_a_key_that_the_server_quotes_is_left_out(livecli, monkeypatch):
    monkeypatch.setenv("GEMINI_API_KEY", "AIza-secret-key")

    def refuse(server):
        server.receive()
        server.close(1007, "API key not valid: AIza-secret-key")

    with live_server(refuse) as server:
        ran = livecli("send", "--base-url", server.url, "--platform", "developer", "--explain", "-q")
    assert ran.status == 4
    assert explained(ran.err)["seen"] == ['close 1007, "API key not valid: …"']
    assert "secret" not in ran.err
