"""A third-party program, on the official Python SDK: it makes ephemeral tokens, some of which lock
fields of the setup, and opens sessions with them."""

import asyncio
import datetime
import warnings

from google import genai
from google.genai import errors

MODEL = "gemini-3.8-live"


async def opens(token):
    client = genai.Client(api_key=token, http_options={"api_version": "v1alpha"})
    try:
        async with client.aio.live.connect(model=MODEL, config={"response_modalities": ["AUDIO"]}):
            return True
    except errors.APIError as error:
        return error.code


async def transcript(token):
    """The transcript of an answer, which this client does not ask for."""
    client = genai.Client(api_key=token, http_options={"api_version": "v1alpha"})
    async with client.aio.live.connect(model=MODEL, config={"response_modalities": ["AUDIO"]}) as session:
        await session.send_client_content(turns={"role": "user", "parts": [{"text": "hello"}]})
        contents = [message.server_content async for message in session.receive() if message.server_content]
    return "".join(content.output_transcription.text or "" for content in contents if content.output_transcription)


async def main():
    client = genai.Client(api_key="the-key", http_options={"api_version": "v1alpha"})
    end = datetime.datetime.now(datetime.UTC) + datetime.timedelta(minutes=5)
    wanted = {"uses": 1, "expire_time": end, "live_connect_constraints": {"model": MODEL}}
    token = client.auth_tokens.create(config=wanted).name
    print(token.partition("/")[0], await opens(token), await opens(token), sep="\n")
    setup = {"model": MODEL, "config": {"output_audio_transcription": {}, "temperature": 0.5}}
    for locked in (None, [], ["top_k", "input_audio_transcription"]):
        wanted = {"live_connect_constraints": setup, "lock_additional_fields": locked}
        print(await transcript(client.auth_tokens.create(config=wanted).name))


warnings.simplefilter("ignore")  # it calls itself experimental
asyncio.run(main())
