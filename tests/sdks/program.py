"""A third-party program, on the official Python SDK: it knows nothing of livecli. Prints a line for each turn."""

import asyncio
import json
import sys

from google import genai
from google.genai import types
from google.oauth2.credentials import Credentials

CONFIG = {
    "response_modalities": ["AUDIO"],
    "input_audio_transcription": {},
    "output_audio_transcription": {},
    "realtime_input_config": {"automatic_activity_detection": {"disabled": True}},
}
HALF_A_SECOND = bytes([1, 2]) * 8_000


async def turn(session):
    audio, heard, said = 0, "", ""
    async for message in session.receive():
        audio += len(message.data or b"")
        content = message.server_content
        if content and content.input_transcription:
            heard += content.input_transcription.text or ""
        if content and content.output_transcription:
            said += content.output_transcription.text or ""
    print(json.dumps({"audio": audio, "heard": heard, "said": said}), flush=True)


async def main(platform):
    if platform == "from the environment":
        client = genai.Client()
    elif platform == "vertex":
        login = Credentials(token="any")
        client = genai.Client(vertexai=True, project="p1", location="us-central1", credentials=login)
    else:
        client = genai.Client(api_key="any")
    async with client.aio.live.connect(model="gemini-3.8-live", config=CONFIG) as session:
        await session.send_realtime_input(activity_start=types.ActivityStart())
        for start in range(0, len(HALF_A_SECOND), 1_024):
            chunk = HALF_A_SECOND[start : start + 1_024]
            await session.send_realtime_input(audio=types.Blob(data=chunk, mime_type="audio/pcm;rate=16000"))
        await session.send_realtime_input(activity_end=types.ActivityEnd())
        await turn(session)
        await session.send_realtime_input(text="hello")
        await turn(session)
        await session.send_client_content(turns={"role": "user", "parts": [{"text": "again"}]}, turn_complete=True)
        await turn(session)


asyncio.run(main(sys.argv[1]))
