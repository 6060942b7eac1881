"""A third-party agent with one function, on Google's Agent Development Kit. Prints what it says."""

import asyncio
import sys

from google.adk.agents import Agent
from google.adk.agents.live_request_queue import LiveRequestQueue
from google.adk.agents.run_config import RunConfig
from google.adk.runners import InMemoryRunner
from google.genai import types


def find_station(near: str) -> str:
    """The nearest station."""
    return f"Central, near {near}"


async def main(question):
    runner = InMemoryRunner(Agent(name="guide", model="gemini-3.8-live", tools=[find_station]), app_name="guide")
    session = await runner.session_service.create_session(app_name="guide", user_id="user")
    queue = LiveRequestQueue()
    queue.send_content(types.Content(role="user", parts=[types.Part(text=question)]))
    said = ""
    async for event in runner.run_live(
        user_id=session.user_id,
        session_id=session.id,
        live_request_queue=queue,
        run_config=RunConfig(response_modalities=["AUDIO"]),
    ):
        if event.output_transcription and event.output_transcription.finished:
            said += event.output_transcription.text
        if event.turn_complete and said:
            break
    print(said)


asyncio.run(main(sys.argv[1]))
