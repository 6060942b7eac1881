"""A third-party program, on the official Python SDK: it makes an ephemeral token, and opens sessions with it."""

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


async def main():
    client = genai.Client(api_key="the-key", http_options={"api_version": "v1alpha"})
    end = datetime.datetime.now(datetime.UTC) + datetime.timedelta(minutes=5)
    wanted = {"uses": 1, "expire_time": end, "live_connect_constraints": {"model": MODEL}}
    token = client.auth_tokens.create(config=wanted).name
    print(token.partition("/")[0], await opens(token), await opens(token), sep="\n")


warnings.simplefilter("ignore")  # it calls itself experimental
asyncio.run(main())
