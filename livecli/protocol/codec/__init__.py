"""Encoding and decoding of frames: the only code that knows camelCase and base64. One module for each side."""

from .audio_fast_path import AudioShape, AudioShapes
from .client import decode_client, encode_client, encode_each, setup_json
from .server import decode_server, encode_server

__all__ = [
    "AudioShape",
    "AudioShapes",
    "decode_client",
    "decode_server",
    "encode_client",
    "encode_each",
    "encode_server",
    "setup_json",
]
