"""Frames as Google's servers and the official SDKs write them (shapes copied from recordings of real sessions)."""

import base64
import itertools
import json

import pytest

from livecli.errors import ProtocolError
from livecli.protocol import events, messages
from livecli.protocol.close_reasons import Refusal
from livecli.protocol.codec import decode_client, decode_server, encode_client, encode_server
from livecli.protocol.codec.proto_json import duration
from livecli.protocol.models import Platform, Role
from tests.cases import in_one_test

VERTEX, DEVELOPER = Platform.VERTEX, Platform.DEVELOPER

# What Google's servers wrote, byte for byte but for the words said.
SERVER_FRAMES = {
    "setup complete, Developer": (DEVELOPER, '{\n  "setupComplete": {}\n}\n', [events.SetupComplete()]),
    "setup complete, Vertex": (
        VERTEX,
        '{\n  "setupComplete": {\n    "sessionId": "f162d11d-434a-4212-8a31-f1a4843cad11"\n  }\n}\n',
        [events.SetupComplete("f162d11d-434a-4212-8a31-f1a4843cad11")],
    ),
    "text": (
        DEVELOPER,
        '{\n  "serverContent": {\n    "modelTurn": {\n      "parts": [\n        {\n          "text": "Yes"\n'
        "        }\n      ]\n    }\n  }\n}\n",
        [events.ModelText("Yes")],
    ),
    "audio, Vertex": (
        VERTEX,
        '{\n  "serverContent": {\n    "modelTurn": {\n      "role": "model",\n      "parts": [\n        {\n'
        '          "inlineData": {\n            "mimeType": "audio/pcm",\n            "data": "AQAAAP//"\n'
        "          }\n        }\n      ]\n    }\n  }\n}\n",
        [events.AudioChunk(b"\x01\x00\x00\x00\xff\xff", 24_000)],
    ),
    "an empty transcript": (
        VERTEX,
        '{\n  "serverContent": {\n    "outputTranscription": {}\n  }\n}\n',
        [events.OutputTranscript("")],
    ),
    "generation complete": (
        DEVELOPER,
        '{\n  "serverContent": {\n    "generationComplete": true\n  }\n}\n',
        [events.GenerationComplete()],
    ),
    "turn complete with usage": (
        DEVELOPER,
        '{\n  "serverContent": {\n    "turnComplete": true\n  },\n  "usageMetadata": {\n    "promptTokenCount": 515,\n'
        '    "responseTokenCount": 38,\n    "totalTokenCount": 553,\n    "promptTokensDetails": [\n      {\n'
        '        "modality": "TEXT",\n        "tokenCount": 515\n      }\n    ],\n    "responseTokensDetails": [\n'
        '      {\n        "modality": "TEXT",\n        "tokenCount": 38\n      }\n    ]\n  }\n}\n',
        [
            events.Usage(
                {
                    "promptTokenCount": 515,
                    "responseTokenCount": 38,
                    "totalTokenCount": 553,
                    "promptTokensDetails": [{"modality": "TEXT", "tokenCount": 515}],
                    "responseTokensDetails": [{"modality": "TEXT", "tokenCount": 38}],
                }
            ),
            events.TurnComplete(),
        ],
    ),
    "code": (
        DEVELOPER,
        '{\n  "serverContent": {\n    "modelTurn": {\n      "parts": [\n        {\n          "executableCode": {\n'
        '            "language": "PYTHON",\n            "code": "print(1)"\n          }\n        }\n'
        "      ]\n    }\n  }\n}\n",
        [events.ModelCode({"executableCode": {"language": "PYTHON", "code": "print(1)"}})],
    ),
    "tool call": (
        DEVELOPER,
        '{\n  "toolCall": {\n    "functionCalls": [\n      {\n        "name": "get_weather",\n        "args": {\n'
        '          "place": "Redmond"\n        },\n        "id": "function-call-5831923424298605773"\n      }\n    ]\n'
        "  }\n}\n",
        [
            events.ToolCall(
                (
                    messages.FunctionCall(
                        name="get_weather", args={"place": "Redmond"}, id="function-call-5831923424298605773"
                    ),
                )
            )
        ],
    ),
}


@in_one_test("name", SERVER_FRAMES)
def test_server_frames_are_byte_for_byte_googles(name):
    platform, frame, said = SERVER_FRAMES[name]
    assert decode_server(frame.encode()) == said
    assert decode_server(frame) == said
    role = Role.BEFORE_PARTS if platform is VERTEX else Role.NONE
    assert encode_server(said, platform, role).decode() == frame


def test_the_audio_fast_path_writes_what_the_structs_write():
    chunk = events.AudioChunk(bytes(range(256)), 24_000)
    for platform, role in itertools.product(Platform, Role):
        alone = encode_server([chunk], platform, role)
        beside = encode_server([chunk, events.Interrupted()], platform, role)
        assert alone == beside.replace(b',\n    "interrupted": true', b"")


def test_a_role_stands_where_the_model_puts_it():
    frames = {role: json.loads(encode_server([events.ModelText("a")], DEVELOPER, role)) for role in Role}
    keys = {role: list(frame["serverContent"]["modelTurn"]) for role, frame in frames.items()}
    assert keys == {
        Role.NONE: ["parts"],
        Role.BEFORE_PARTS: ["role", "parts"],
        Role.AFTER_PARTS: ["parts", "role"],
    }


def test_messages_without_fields():
    assert encode_server([], VERTEX) == b"{}\n"
    assert json.loads(encode_server([events.EmptyContent()], VERTEX)) == {"serverContent": {}}
    both = json.loads(encode_server([events.EmptyContent(), events.VoiceActivity("ACTIVITY_END", 4.88)], VERTEX))
    assert both == {"serverContent": {}, "voiceActivity": {"type": "ACTIVITY_END", "audioOffset": "4.880s"}}
    assert decode_server(b'{"serverContent":{}}') == decode_server(b"{}") == []


@pytest.mark.parametrize(
    ("seconds", "text"), [(5.0, "5s"), (1.88, "1.880s"), (0.0015, "0.001500s"), (1e-9, "0.000000001s")]
)
def test_a_duration_has_0_3_6_or_9_decimals(seconds, text):
    assert duration(seconds) == text


SERVER_SIDE = [
    (events.AudioChunk(b"\1\0", 24_000), "audio"),
    (events.SetupComplete(), "setup_complete"),
    (events.ModelText("t"), "model_text"),
    (events.Thought("t"), "thought"),
    (events.InputTranscript("t", True), "input_transcript"),
    (events.InterimTranscript("t"), "interim_transcript"),
    (events.OutputTranscript("t", True), "output_transcript"),
    (events.ToolCallCancellation(("a",)), "tool_call_cancellation"),
    (events.Interrupted(), "interrupted"),
    (events.GenerationComplete(), "generation_complete"),
    (events.InteractionStatus("IDLE"), "interaction_status"),
    (events.TurnComplete("NEED_MORE_INPUT"), "turn_complete"),
    (events.WaitingForInput(), "waiting_for_input"),
    (events.GoAway(9.5), "go_away"),
    (events.ResumptionUpdate("h", True, 7), "resumption"),
    (events.VoiceActivity("ACTIVITY_START", 1.2), "voice_activity"),
    (events.Fault(13, "m", "INTERNAL"), "error"),
]


@in_one_test(("event", "log_name"), SERVER_SIDE)
@in_one_test("platform", Platform)
def test_each_row_of_the_servers_table_reads_what_it_writes(platform, event, log_name):
    assert event.log_name == log_name
    # A second event keeps audio from its fast path.
    marker = events.Usage({"promptTokenCount": 1})
    found = decode_server(encode_server([event, marker], platform))
    assert [one for one in found if one != marker] == [event]


def test_code_is_read_as_it_was_written():
    for part in ({"executableCode": {"code": "1"}}, {"codeExecutionResult": {"output": "1"}}):
        assert decode_server(encode_server([events.ModelCode(part)], VERTEX)) == [events.ModelCode(part)]


@pytest.mark.parametrize("event", [events.ActivityStart(), events.Text("x"), events.Unrecognised(("x",))])
def test_a_server_sends_only_what_its_table_has(event):
    with pytest.raises(TypeError, match=f"a server does not send {type(event).__name__}"):
        encode_server([event], DEVELOPER)


def test_usage_is_spelled_as_each_platform_does():
    said = [events.Usage({"promptTokenCount": 1, "responseTokenCount": 2})]
    assert json.loads(encode_server(said, VERTEX))["usageMetadata"] == {
        "promptTokenCount": 1,
        "candidatesTokenCount": 2,
    }
    assert json.loads(encode_server(said, DEVELOPER))["usageMetadata"] == {
        "promptTokenCount": 1,
        "responseTokenCount": 2,
    }


def test_one_server_frame_may_say_many_things_at_once():
    data = base64.b64encode(b"\1\0").decode()
    frame = {
        "serverContent": {
            "inputTranscription": {"text": "hi"},
            "modelTurn": {
                "parts": [
                    {"text": "hm", "thought": True},
                    {"inlineData": {"mimeType": "audio/pcm;rate=8000", "data": data}},
                    {"inlineData": {"mimeType": "audio/pcm", "data": data}},
                ]
            },
            "outputTranscription": {"text": "yo", "finished": True},
            "groundingMetadata": {"webSearchQueries": ["x"]},
            "interrupted": True,
            "interactionStatus": "IDLE",
            "turnComplete": True,
            "turnCompleteReason": "NEED_MORE_INPUT",
            "unknown": 1,
        },
        "usageMetadata": {"promptTokenCount": 1},
        "sessionResumptionUpdate": {"newHandle": "h", "resumable": True, "lastConsumedClientMessageIndex": "7"},
        "goAway": {"timeLeft": "9.5s"},
        "voiceActivity": {"type": "ACTIVITY_START", "audioOffset": "1.2s"},
        "toolCallCancellation": {"ids": ["a"]},
        "error": {"code": 1, "message": "m", "status": "s"},
    }
    assert decode_server(json.dumps(frame)) == [
        events.InputTranscript("hi"),
        events.Thought("hm"),
        events.AudioChunk(b"\1\0", 8000),
        events.AudioChunk(b"\1\0", 24_000),
        events.OutputTranscript("yo", True),
        events.Grounding({"webSearchQueries": ["x"]}),
        events.Interrupted(),
        events.InteractionStatus("IDLE"),
        events.Usage({"promptTokenCount": 1}),
        events.TurnComplete("NEED_MORE_INPUT"),
        events.ToolCallCancellation(("a",)),
        events.GoAway(9.5),
        events.ResumptionUpdate("h", True, 7),
        events.VoiceActivity("ACTIVITY_START", 1.2),
        events.Fault(1, "m", "s"),
    ]


@in_one_test(
    ("frame", "said"),
    [
        ("", []),
        ("{}", []),
        (b" \n", []),
        ('{"foo": 1}', [events.Unrecognised(("foo",))]),
        ('{"serverContent": {}}', []),
        ('{"serverContent": {"foo": 1}}', []),
        (
            '{"serverContent":{"modelTurn":{"parts":[{"inlineData":{"mimeType":"video/mp4","data":"AA=="}}]}}}',
            [events.Unrecognised(("inlineData video/mp4",))],
        ),
        ('{"goAway": {"timeLeft": "soon"}}', [events.GoAway(0.0)]),
    ],
)
def test_what_google_may_add_is_passed_over(frame, said):
    assert decode_server(frame) == said


@in_one_test(
    "frame",
    [
        "[]",
        "null",
        "7",
        '"x"',
        "{",
        b"\xff\xfe",
        '{"serverContent": []}',
        '{"serverContent": {"turnComplete": "yes"}}',
        '{"usageMetadata": 3}',
        '{"a": NaN}',
        '{"serverContent":{"modelTurn":{"parts":[{"inlineData":{"mimeType":"audio/pcm","data":"@@@"}}]}}}',
        '{"serverContent":{"modelTurn":{"parts":[{"inlineData":{"mimeType":"audio/pcm;rate=0","data":"AA=="}}]}}}',
        '{"a":' * 100_000,
        "[" * 100_000 + "]" * 100_000,
        '{"sessionResumptionUpdate": {"lastConsumedClientMessageIndex": []}}',
    ],
)
def test_what_cannot_be_understood_is_a_protocol_error(frame):
    with pytest.raises(ProtocolError):
        decode_server(frame)


# What the official SDKs sent to a local server: Python mixes spellings, uses URL-safe base64; JavaScript does not.
CLIENT_FRAMES = [
    (
        '{"client_content":{"turns":[{"parts":[{"text":"hi"}],"role":"user"}],"turnComplete":true}}',
        events.ClientTurns((messages.Content(role="user", parts=[messages.Part(text="hi")]),)),
    ),
    ('{"client_content":{"turnComplete":false}}', events.ClientTurns((), False)),
    ('{"clientContent":{"turns":null,"turnComplete":true}}', events.ClientTurns()),
    (
        '{"realtime_input":{"audio":{"data":"AAAA","mime_type":"audio/pcm;rate=8000"}}}',
        events.AudioChunk(bytes(3), 8000),
    ),
    (
        '{"realtimeInput":{"mediaChunks":[{"data":"AAAA","mimeType":"audio/pcm"}]}}',
        events.MediaChunks(events.AudioChunk(bytes(3))),
    ),
    ('{"realtime_input":{"video":{"data":"_9j_","mime_type":"image/jpeg"}}}', events.Image(b"\xff\xd8\xff")),
    ('{"realtime_input":{"video":{"data":"_9g","mime_type":"image/jpeg"}}}', events.Image(b"\xff\xd8")),
    ('{"realtime_input":{"text":"hello"}}', events.Text("hello")),
    ('{"realtime_input":{"activityStart":{}}}', events.ActivityStart()),
    ('{"realtimeInput":{"activityEnd":{}}}', events.ActivityEnd()),
    ('{"realtime_input":{"audioStreamEnd":true}}', events.AudioStreamEnd()),
    (
        '{"tool_response":{"functionResponses":[{"scheduling":"SILENT","id":"1","name":"f","response":{"a_b":1}}]}}',
        events.ToolResponse((messages.FunctionResponse(id="1", name="f", response={"a_b": 1}, scheduling="SILENT"),)),
    ),
]


@in_one_test(("frame", "said"), CLIENT_FRAMES)
def test_client_frames_of_the_sdks(frame, said):
    assert decode_client(frame) == [said]
    assert decode_client(frame.encode()) == [said]
    assert decode_client(encode_client(said)) == [said]


def test_enumerations_in_any_case():
    config = {"activityHandling": "no_interruption", "turnCoverage": "turn_includes_all_input"}
    detection = {"startOfSpeechSensitivity": "start_sensitivity_low", "endOfSpeechSensitivity": "end_sensitivity_low"}
    input_config = {**config, "automaticActivityDetection": detection}
    [setup] = decode_client(json.dumps({"setup": {"model": "models/m", "realtimeInputConfig": input_config}}))
    heard = setup.body.realtime_input_config
    assert (heard.activity_handling, heard.turn_coverage) == ("NO_INTERRUPTION", "TURN_INCLUDES_ALL_INPUT")
    assert heard.automatic_activity_detection.start_of_speech_sensitivity == "START_SENSITIVITY_LOW"
    assert heard.automatic_activity_detection.end_of_speech_sensitivity == "END_SENSITIVITY_LOW"


def test_the_python_sdks_full_setup_with_its_mixed_spelling():
    frame = {
        "setup": {
            "model": "models/m",
            "generationConfig": {
                "responseModalities": ["audio"],
                "topK": 40.0,
                "maxOutputTokens": "100",
                "speechConfig": {
                    "voice_config": {"prebuilt_voice_config": {"voice_name": "Kore"}},
                    "language_code": "en-US",
                },
                "thinkingConfig": {"include_thoughts": True, "thinking_budget": 0},
            },
            "tools": [
                {"googleSearch": {}},
                {"functionDeclarations": [{"name": "f", "parameters": {"properties": {"a_b": {"type": "STRING"}}}}]},
            ],
            "realtimeInputConfig": {
                "automatic_activity_detection": {
                    "start_of_speech_sensitivity": "START_SENSITIVITY_HIGH",
                    "silence_duration_ms": 500,
                }
            },
            "contextWindowCompression": {"trigger_tokens": 10000, "sliding_window": {"target_tokens": 512}},
            "labels": {"my_label": "b"},
        }
    }
    [setup] = decode_client(json.dumps(frame))
    body = setup.body
    assert body.generation_config.response_modalities == ["AUDIO"]
    assert body.generation_config.max_output_tokens == 100
    assert body.generation_config.speech_config.voice_config.prebuilt_voice_config.voice_name == "Kore"
    assert body.realtime_input_config.automatic_activity_detection.silence_duration_ms == 500
    assert body.context_window_compression.sliding_window.target_tokens == 512
    assert body.labels == {"my_label": "b"}, "a user's own keys are left alone"
    assert body.tools[1].function_declarations[0].parameters == {"properties": {"a_b": {"type": "STRING"}}}


@in_one_test(
    ("frame", "reason"),
    [
        ('{"setup":{"foo":1}}', "Invalid JSON payload received. Unknown name \"foo\" at 'setup': Cannot find field."),
        (
            '{"setup":{"generationConfig":{"top_x":1}}}',
            "Invalid JSON payload received. Unknown name \"top_x\" at 'setup.generation_config': Cannot find field.",
        ),
        (
            '{"setup":{"generation_config":{"enableDialog":true}}}',
            'Invalid JSON payload received. Unknown name "enableDialog" at '
            "'setup.generation_config': Cannot find field.",
        ),
        (
            '{"setup":{"tools":[{"googleSearch":{}},{"function_declarations":[{"name":"f","arg_s":1}]}]}}',
            'Invalid JSON payload received. Unknown name "arg_s" at '
            "'setup.tools[1].function_declarations[0]': Cannot find field.",
        ),
        (
            '{"setup":{"tools":{"functionDeclarations":{"name":"f","x":1}}}}',
            'Invalid JSON payload received. Unknown name "x" at '
            "'setup.tools[0].function_declarations[0]': Cannot find field.",
        ),
        ('{"bogus":{}}', 'Invalid JSON payload received. Unknown name "bogus": Cannot find field.'),
        (
            '{"setup":{"generationConfig":{"temperature":"warm"}}}',
            "Invalid value at 'setup.generation_config.temperature' (TYPE_FLOAT)",
        ),
        ("{}", "Request contains an invalid argument."),
        ("not json", "Request contains an invalid argument."),
        ('{"setup":{"model":"m"},"clientContent":{}}', "Request contains an invalid argument."),
        (
            '{"realtimeInput":{"audio":{"data":"@","mimeType":"audio/pcm"}}}',
            "Invalid value at 'realtime_input' (TYPE_BYTES)",
        ),
        (
            '{"realtimeInput":{"audio":{"data":"AA==","mimeType":"text/plain"}}}',
            "Request contains an invalid argument.",
        ),
        *(
            (
                f'{{"realtimeInput":{{"{field}":{{"data":"AA==","mimeType":"{kind}"}}}}}}',
                "Request contains an invalid argument.",
            )
            for field, kind in [
                ("audio", "audio/wav"),
                ("audio", "audio/mp3"),
                ("audio", "audio/webm;codecs=opus"),
                ("audio", "audio/pcm;rate=abc"),
                ("audio", "image/png"),
                ("audio", ""),
                ("video", "audio/pcm"),
                ("video", "image/gif"),
                ("video", "video/mp4"),
            ]
        ),
        ('{"a":' * 100_000, "Request contains an invalid argument."),
    ],
)
def test_what_google_refuses_is_refused_in_its_words(frame, reason):
    with pytest.raises(Refusal) as refused:
        decode_client(frame)
    assert (refused.value.code, refused.value.reason) == (1007, reason)


def test_the_audio_frame_is_the_tutorials():
    pcm = bytes(range(200))
    frame = json.loads(encode_client(events.AudioChunk(pcm)))
    assert frame == {
        "realtimeInput": {"audio": {"data": base64.b64encode(pcm).decode(), "mimeType": "audio/pcm;rate=16000"}}
    }


def test_a_setup_file_is_merged_over_everything_else():
    body = messages.Setup(
        model="models/m",
        generation_config=messages.GenerationConfig(response_modalities=["AUDIO"], temperature=0.5),
    )
    extra = {"generation_config": {"temperature": 1, "new_field": True}, "tools": [{"googleSearch": {}}]}
    assert json.loads(encode_client(events.Setup(body, extra))) == {
        "setup": {
            "model": "models/m",
            "generationConfig": {"responseModalities": ["AUDIO"], "temperature": 1, "newField": True},
            "tools": [{"googleSearch": {}}],
        }
    }


def test_a_refusals_reason_is_cut_at_123_bytes_and_stays_utf8():
    refusal = Refusal(1008, "é" * 100)
    assert refusal.reason == "é" * 61
