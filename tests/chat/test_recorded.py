"""A chat against recorded sessions in which the user speaks into a microphone."""

from livecli.client.open import Timeouts
from livecli.protocol.setup import Activity, SetupOptions
from livecli.tools.toolbox import Toolbox, parse_tool
from tests.chat.conftest import settled
from tests.chat.test_turns import speak
from tests.live_server import live_server
from tests.recorded_service import recorded_service

SPOKEN = SetupOptions(activity=Activity.AUTO)
IDLE_SECONDS = 10


async def test_who_speaks_over_an_answer_begins_the_next_turn(chat):
    with live_server(recorded_service("developer_2.5-native_barge_in", hears="audio")) as server:
        async with chat(server.url, configuration=SPOKEN, timeouts=Timeouts(idle=IDLE_SECONDS)) as spoken:
            await speak(spoken, 0.2, quiet=0)
            await settled(lambda: len(spoken.reports.summaries) == 2)
            first, second = spoken.reports.summaries
    assert (first.ok, first.stats.interrupted) == (True, True)
    assert first.stats.said == "Hello Marcelo, it's nice to meet you. How can I help you today?"
    assert (second.ok, second.stats.interrupted, second.stats.said) == (True, False, "Hello again, Marcelo.")
    assert [summary.stats.heard for summary in (first, second)] == [" Hello, my name is Marcelo."] * 2


async def test_a_pause_inside_the_question_is_part_of_it(chat):
    box = Toolbox([parse_tool("get_weather=echo fog")])
    with live_server(recorded_service("developer_2.5-native_tool_spoken_vad_split", hears="audio")) as server:
        timeouts, model = Timeouts(idle=IDLE_SECONDS), "gemini-2.5-flash-native-audio-latest"
        async with chat(server.url, configuration=SPOKEN, timeouts=timeouts, toolbox=box, model=model) as spoken:
            await speak(spoken, 0.2, quiet=0)
            await settled(lambda: spoken.reports.summaries)
            [summary] = spoken.reports.summaries
    assert summary.ok
    assert summary.stats.heard == " What will the weather be in Amsterdam tomorrow? Please look it up."
    assert summary.stats.said == "Tomorrow in Amsterdam, it will be foggy and 12 degrees."
    assert [entry.question for entry in spoken.transcript.entries] == [summary.stats.heard]
