"""The emulator in a program's own process."""

import asyncio
import inspect
import os
import ssl
from pathlib import Path
from urllib.request import urlopen

import pytest

import livecli
from livecli.cli.serve_options import EmulatorFlags

STATION = """
[[turn]]
match = "station"
call = {name = "find_station", args = {near = "me"}}
then = ["Around the corner."]
"""


def question(server, **options):
    return livecli.send(text="a station?", base_url=server.url, tool=["find_station=echo Central"], **options)


async def test_a_server_follows_a_script_and_says_what_clients_did():
    async with livecli.serve(script=STATION) as server:
        reply = await question(server)
        await livecli.send(base_url=server.url, speed=0)
    assert reply.text == "Around the corner."
    assert server.said == ["a station?", "[2.2 s of speech]"]
    [call] = server.calls
    assert (call.name, call.args, call.response) == ("find_station", {"near": "me"}, {"output": "Central"})
    assert server.connections == 2


async def test_a_script_may_be_a_file(tmp_path):
    path = tmp_path / "station.toml"
    path.write_text(STATION)
    async with livecli.serve(script=path) as server:
        assert (await question(server)).text == "Around the corner."


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"script": "[[turn]]\nsya = 'hi'"}, livecli.FileError, "the script:2: there is no 'sya' here"),
        ({"script": "no-such.toml"}, livecli.FileError, "cannot read no-such.toml"),
        ({"faults": ["drop@never"]}, livecli.UsageError, "never"),
        ({"pace": "slow"}, livecli.UsageError, "pace is 'slow', not 'burst' or 'realtime' or 'instant'"),
        ({"script": STATION, "replay": "r.log"}, livecli.UsageError, "--script cannot be combined with --replay"),
    ],
)
async def test_what_cannot_be_understood_is_refused(options, error, message):
    with pytest.raises(error) as refused:
        async with livecli.serve(**options):
            pass
    assert message in str(refused.value)


async def test_a_fault_is_injected():
    async with livecli.serve(faults=["close=1011@turn:1"]) as server:
        with pytest.raises(livecli.LivecliError) as failed:
            await livecli.send(text="hi", base_url=server.url, retries=0)
    assert failed.value.close_code == 1011
    assert 0.1 < len(failed.value.reply.audio) / 48_000 < 1


async def test_what_a_script_expects_and_does_not_hold():
    script = STATION + 'expect = {response = {output = "North"}}\n\n[expect]\nclose = 1000\nturns = 1'
    async with livecli.serve(script=script) as server:
        assert [failure.subject for failure in server.failures] == ["close", "turns"]
        await question(server)
    [failure] = server.failures
    assert (failure.file, failure.line, failure.expected) == ("the script", 6, '{"output": "North"}')
    assert str(failure).endswith('actual {"output": "Central"}')


async def test_other_programs_reach_it_by_its_variables():
    async with livecli.serve() as server:
        assert set(server.env) == {
            "LIVECLI_BASE_URL",
            "GOOGLE_GEMINI_BASE_URL",
            "GOOGLE_VERTEX_BASE_URL",
            "SSL_CERT_FILE",
            "NODE_EXTRA_CA_CERTS",
            "GOOGLE_API_KEY",
        }
        assert server.env["LIVECLI_BASE_URL"] == server.url
        assert server.env["GOOGLE_GEMINI_BASE_URL"] == server.https_url
        trusting = ssl.create_default_context(cafile=server.env["SSL_CERT_FILE"])

        def health():
            with urlopen(f"{server.https_url}/healthz", context=trusting, timeout=20) as answer:
                return answer.status

        assert await asyncio.to_thread(health) == 200


async def test_a_key_that_stands_for_none_is_set_where_there_is_no_credential(monkeypatch):
    monkeypatch.setenv("GOOGLE_API_KEY", "own")
    async with livecli.serve() as server:
        assert "GOOGLE_API_KEY" not in server.env
    monkeypatch.delenv("GOOGLE_API_KEY")
    async with livecli.serve(require_key="secret") as server:
        assert "GOOGLE_API_KEY" not in server.env


async def test_nothing_is_left_of_it_after_an_error(monkeypatch, tmp_path):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    before, tasks = dict(os.environ), asyncio.all_tasks()
    with pytest.raises(ZeroDivisionError):
        async with livecli.serve() as server:
            await livecli.send(text="hi", base_url=server.url)
            assert Path(server.env["SSL_CERT_FILE"]).is_file()
            raise ZeroDivisionError
    assert not [path for path in tmp_path.iterdir() if path.name.startswith("livecli-")]
    assert (dict(os.environ), asyncio.all_tasks()) == (before, tasks)
    with pytest.raises(livecli.ConnectError):
        await livecli.send(text="hi", base_url=server.url, retries=0)


async def test_servers_run_side_by_side():
    async with livecli.serve() as first, livecli.serve() as second:
        await livecli.send(text="one", base_url=first.url)
        await livecli.send(text="two", base_url=second.url)
    assert (first.said, second.said) == (["one"], ["two"])


def test_the_keyword_arguments_are_the_command_lines_options_with_their_defaults():
    own = {name: value.default for name, value in inspect.signature(livecli.serve).parameters.items()}
    names = {"fault": "faults", "replay_speed": "speed"}
    given = {names.get(field.name, field.name): field.default for field in EmulatorFlags.fields()}
    # `pace` has another default here, and "--realtime" is another spelling of one of its values.
    assert given.pop("realtime") is False
    assert own == {**given, "faults": (), "pace": "instant"}
