"""`google_genai.py URL FILE.wav [SPEED]`: the official SDK's live client sends a file, as `livecli send` does.

It has a ready token, and sends at SPEED times real time where that is given. It connects without TLS through two
private attributes of the SDK, so it is not an example of good use.
"""

import asyncio
import sys
import wave

from google import genai
from google.genai import types
from google.oauth2.credentials import Credentials

CONFIG = {
    "response_modalities": ["AUDIO"],
    "realtime_input_config": {"automatic_activity_detection": {"disabled": True}},
    "input_audio_transcription": {},
    "output_audio_transcription": {},
}


def client(url):
    made = genai.Client(vertexai=True, project="p1", location="us-central1", credentials=Credentials("ya29.bench"))
    made._api_client._websocket_ssl_ctx = {}
    made._api_client._websocket_base_url = lambda http_options=None: url
    return made


async def send(session, path, speed):
    await session.send_realtime_input(activity_start=types.ActivityStart())
    clock = asyncio.get_running_loop().time
    deadline = clock()
    with wave.open(path) as file:
        while chunk := file.readframes(512):
            if speed:
                await asyncio.sleep(deadline - clock())
                deadline += len(chunk) / (32_000 * speed)
            await session.send_realtime_input(audio=types.Blob(data=chunk, mime_type="audio/pcm;rate=16000"))
    await session.send_realtime_input(activity_end=types.ActivityEnd())


async def receive(session):
    return [message.data async for message in session.receive()]


async def converse(client, path, speed):
    model = "gemini-live-2.5-flash-native-audio"
    async with client.aio.live.connect(model=model, config=CONFIG) as session:
        await asyncio.gather(send(session, path, speed), receive(session))


if __name__ == "__main__":
    _, url, file, *rest = sys.argv
    asyncio.run(converse(client(url), file, float(*rest)))
