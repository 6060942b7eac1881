"""The path to which the tutorial connects, and its setup message."""

SERVICE = "/ws/google.cloud.aiplatform.v1.LlmBidiService/BidiGenerateContent"
SETUP = {
    "setup": {
        "model": "projects/p1/locations/us-central1/publishers/google/models/gemini-live-2.5-flash-native-audio",
        "generationConfig": {"responseModalities": ["AUDIO"]},
        "realtimeInputConfig": {"automaticActivityDetection": {"disabled": True}},
    }
}
