"""A third-party agent, on the official Python SDK: a function that the model calls, a session that is resumed on a
second connection, a reply that is spoken over. Prints a line for each turn.
"""

import asyncio
import json
import sys

from google import genai
from google.genai import types
from google.oauth2.credentials import Credentials

WEATHER = {
    "name": "get_weather",
    "description": "The weather in a city.",
    "parameters": {"type": "OBJECT", "properties": {"city": {"type": "STRING"}}, "required": ["city"]},
}


def client(platform):
    if platform == "vertex":
        login = Credentials(token="any")
        return genai.Client(vertexai=True, project="p1", location="us-central1", credentials=login)
    return genai.Client(api_key="any")


class Agent:
    def __init__(self, platform, model):
        self.live = client(platform).aio.live
        self.model = model
        self.handle = None

    def connect(self, **config):
        asked = {"response_modalities": ["AUDIO"], "output_audio_transcription": {}, **config}
        asked["session_resumption"] = types.SessionResumptionConfig(handle=self.handle)
        return self.live.connect(model=self.model, config=asked)

    async def turn(self, session, interrupt_with=None):
        told = {"called": [], "said": "", "interrupted": False}
        async for message in session.receive():
            update = message.session_resumption_update
            if update and update.resumable:
                self.handle = update.new_handle
            if message.tool_call:
                told["called"] += [[call.name, call.args] for call in message.tool_call.function_calls]
                await session.send_tool_response(function_responses=list(map(run, message.tool_call.function_calls)))
            if content := message.server_content:
                told["said"] += (content.output_transcription and content.output_transcription.text) or ""
                told["interrupted"] |= bool(content.interrupted)
            if message.data and interrupt_with:
                await say(session, interrupt_with)
                interrupt_with = None
        print(json.dumps(told), flush=True)
        return told["said"]

    async def ask_for_the_weather(self, session):
        """The model may end its turn with the call, or keep it open for what the function returns."""
        await say(session, 'call get_weather {"city": "Bern"}')
        while not await self.turn(session):
            pass


def run(call):
    answer = {"output": f"sunny in {call.args['city']}"}
    return types.FunctionResponse(id=call.id, name=call.name, response=answer)


async def say(session, text):
    await session.send_client_content(turns=types.Content(role="user", parts=[types.Part(text=text)]))


async def main(platform, model):
    agent = Agent(platform, model)
    async with agent.connect(tools=[{"function_declarations": [WEATHER]}]) as session:
        await agent.ask_for_the_weather(session)
    async with agent.connect() as session:  # with the tools of the session that is resumed
        await agent.ask_for_the_weather(session)
        await say(session, "a long story " * 20)
        await agent.turn(session, interrupt_with="stop")
        await agent.turn(session)


asyncio.run(main(*sys.argv[1:]))
