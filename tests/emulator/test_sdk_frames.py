"""The official Python SDK's own frames, as google-genai 3.4.0 sent them to a local server: snake_case and camelCase
mixed at every depth, URL-safe base64, text frames. Changed are model names and a handle that was made up; on the
Developer API the version, since only v1alpha takes proactivity, and codeExecution, which its models refuse.
"""

from __future__ import annotations

import asyncio
import json

import pytest
from websockets.asyncio.client import connect

from livecli.emulator.server import run_emulator

DEVELOPER = "//ws/google.ai.generativelanguage.v1alpha.GenerativeService.BidiGenerateContent"
VERTEX = "//ws/google.cloud.aiplatform.v1beta1.LlmBidiService/BidiGenerateContent"

GENERATION = (
    '"responseModalities":["AUDIO"],"temperature":0.7,"topP":0.9,"topK":40.0,"maxOutputTokens":100,'
    '"mediaResolution":"MEDIA_RESOLUTION_LOW","seed":7,'
)
THINKING = (
    '"thinkingConfig":{"include_thoughts":true,"thinking_budget":0},'
    '"enableAffectiveDialog":true,"translationConfig":{"echoTargetLanguage":true,"targetLanguageCode":"es"}}'
)
REST = (
    '"systemInstruction":{"parts":[{"text":"Be brief"}],"role":"user"},'
    '"tools":[{"googleSearch":{}},{"codeExecution":{}},{"urlContext":{}},{"functionDeclarations":[{"description":"d",'
    '"name":"f","parameters":{"properties":{"a":{"type":"STRING"}},"required":["a"],"type":"OBJECT"},'
    '"behavior":"NON_BLOCKING"}]}],'
    '"sessionResumption":{},"inputAudioTranscription":{},'
    '"outputAudioTranscription":{"language_codes":["en-US"]},'
    '"realtimeInputConfig":{"automatic_activity_detection":{"disabled":%s,'
    '"start_of_speech_sensitivity":"START_SENSITIVITY_HIGH","end_of_speech_sensitivity":"END_SENSITIVITY_LOW",'
    '"prefix_padding_ms":20,"silence_duration_ms":500},"activity_handling":"NO_INTERRUPTION",'
    '"turn_coverage":"TURN_INCLUDES_ONLY_ACTIVITY"},'
    '"contextWindowCompression":{"trigger_tokens":10000,"sliding_window":{"target_tokens":512}},'
    '"proactivity":{"proactive_audio":true},"historyConfig":{"initial_history_in_client_content":false},'
    '"safetySettings":[{"category":"HARM_CATEGORY_HARASSMENT","threshold":"BLOCK_NONE"}],"labels":{"a":"b"}'
)
SPEECH = {
    DEVELOPER: '"speechConfig":{"voice_config":{"prebuilt_voice_config":{"voice_name":"Kore"}},'
    '"language_code":"en-US"},',
    VERTEX: '"speechConfig":{"voiceConfig":{"prebuiltVoiceConfig":{"voice_name":"Kore"}},"languageCode":"en-US"},',
}
MODEL = {
    DEVELOPER: "models/gemini-2.5-flash-native-audio-preview-12-2025",
    VERTEX: "projects/p1/locations/us-central1/publishers/google/models/gemini-live-2.5-flash-native-audio",
}

PCM = '"data":"' + "-_8A" * 400 + '","mime_type":"audio/pcm;rate=16000"'  # URL-safe base64, 1,200 bytes
TURN = '{"client_content":{"turns":[{"parts":[{"text":"hi"}],"role":"user"}],"turnComplete":true}}'
SILENT = (
    '{"realtime_input":{"audio":{' + PCM + "}}}",
    '{"realtime_input":{"mediaChunks":[{' + PCM + "}]}}",
    '{"realtime_input":{"video":{"data":"_9j_","mime_type":"image/jpeg"}}}',
    '{"client_content":{"turnComplete":false}}',
    '{"contextUpdate":{"systemInstruction":{"parts":[{"text":"New"}],"role":"user"},'
    '"tools":{"tools":[{"functionDeclarations":[{"name":"f"}]}]}}}',
    '{"contextUpdate":{"tools":{"tools":[]}}}',
    '{"tool_response":{"functionResponses":[{"scheduling":"SILENT","id":"fc1","name":"f","response":{"ok":1}}]}}',
)


def setup(path: str, *, manual: bool) -> str:
    generation = '"generationConfig":{' + GENERATION + SPEECH[path] + THINKING
    model = f'{{"setup":{{"model":"{MODEL[path]}",'
    rest = REST.replace("%s", "true" if manual else "false")
    return model + generation + "," + (rest.replace('{"codeExecution":{}},', "") if path == DEVELOPER else rest) + "}}"


async def turn(ws) -> list[dict]:
    said = []
    while not (said and said[-1].get("serverContent", {}).get("turnComplete")):
        said.append(json.loads(await asyncio.wait_for(ws.recv(), 10)))
    return said


def transcript(said: list[dict], kind: str) -> str:
    return "".join(message.get("serverContent", {}).get(kind, {}).get("text", "") for message in said)


@pytest.mark.parametrize("path", [DEVELOPER, VERTEX])
async def test_every_frame_of_the_sdk_is_understood(path: str) -> None:
    async with run_emulator() as emulator, connect(emulator.url + path) as ws:
        await ws.send(setup(path, manual=False))
        assert "setupComplete" in json.loads(await asyncio.wait_for(ws.recv(), 10))
        for frame in SILENT:
            await ws.send(frame)
        await ws.send('{"realtime_input":{"audioStreamEnd":true}}')
        assert transcript(await turn(ws), "inputTranscription") == "[0.1 s of speech]"  # both chunks were heard
        await ws.send('{"realtime_input":{"text":"hello"}}')
        assert transcript(await turn(ws), "outputTranscription") == "hello"
        await ws.send(TURN)
        assert transcript(await turn(ws), "outputTranscription") == "hi"


@pytest.mark.parametrize("path", [DEVELOPER, VERTEX])
async def test_a_manual_turn_of_the_sdk(path: str) -> None:
    async with run_emulator() as emulator, connect(emulator.url + path) as ws:
        await ws.send(setup(path, manual=True))
        await ws.recv()
        await ws.send('{"realtime_input":{"activityStart":{}}}')
        for _ in range(40):
            await ws.send(SILENT[0])
        await ws.send('{"realtime_input":{"activityEnd":{}}}')
        assert transcript(await turn(ws), "inputTranscription") == "[1.5 s of speech]"
