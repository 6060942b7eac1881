"""Acoustic echo cancellation: removes from the microphone's sound what the speaker plays. The only module that imports
pywebrtc_audio, WebRTC's AEC3 and noise suppression, of the extra `livecli[audio]`.

The canceller finds the delay of a room by itself, but that delay must not jump. So the two streams are paired by their
samples and not by the moments at which the devices call: sound from the microphone waits for its counterpart while the
speaker is late, and only a device that has stopped for SLACK_SECONDS is given up. A wait that
lasts for a second is shortened. Each change of the delay costs the canceller a second, so only the first second allows
no more than a period of waiting; later the limit is LONG_WAIT_BYTES, which is exceeded where a device has lost sound.
"""

from __future__ import annotations

import threading
from importlib.util import find_spec
from typing import Any

from ..pcm import SAMPLE_BYTES
from .devices import DEVICE_RATE, PERIOD_SECONDS

FRAME_SAMPLES = DEVICE_RATE // 100
"""The canceller works on 10 ms at a time."""

FRAME_BYTES = FRAME_SAMPLES * SAMPLE_BYTES

DITHER = [1, 0, -1, 0, 0, 1, -1]
"""Noise of one bit, repeated."""

SLACK_SECONDS = 0.1
"""How far the devices may be apart. The speaker takes up to three periods of 20 ms at once when it starts."""

RESIDUE = 0.01
"""The share of a frame's power that is left of an echo, at most. Speech over an echo leaves far more."""

QUIET_FRAMES = 100
"""The frames without sound from the speaker, one second, after which no echo is left to cancel."""

SLACK_BYTES = int(SLACK_SECONDS * DEVICE_RATE) * SAMPLE_BYTES

ANCHOR_BYTES = DEVICE_RATE * SAMPLE_BYTES
"""The sound of a second, after which the wait of the microphone is judged by its shortest."""

PERIOD_BYTES = round(PERIOD_SECONDS * DEVICE_RATE) * SAMPLE_BYTES
"""How much sound may wait when the devices have begun: they are called in turns."""

LONG_WAIT_BYTES = 3 * PERIOD_BYTES
"""How much sound may wait later: the moments at which the devices are called drift by a period."""


def can_cancel_echo() -> bool:
    """Whether the package for echo cancellation is installed."""
    return find_spec("pywebrtc_audio") is not None


class EchoCanceller:
    """Cancels the echo of one speaker in one microphone, both PCM16 mono at DEVICE_RATE.

    Measured by others with speech, a room of 0.3 s and an echo of -6 dB: 32 to 42 dB of the echo removed, 1 % of a
    core. `play` is called in the speaker's thread and `clean` in the microphone's. While the speaker is closed, or has
    played nothing for a second, the sound of the microphone passes unchanged: the chat waits most of the time.
    """

    def __init__(self) -> None:
        import pywebrtc_audio

        self._processor: Any = pywebrtc_audio.AudioProcessor(
            sample_rate=DEVICE_RATE, echo_cancellation=True, noise_suppression=True
        )
        self._lock = threading.Lock()
        self._far, self._near = bytearray(), bytearray()
        self._speaker_is_on = self._microphone_is_on = False
        # The least sound of the microphone that has waited, and the sound that was paired meanwhile.
        self._least_waiting, self._paired = SLACK_BYTES, 0
        self._wait_limit = PERIOD_BYTES
        self._quiet_frames = 0  # since the speaker last played a sound

    def play(self, pcm: bytes | bytearray, size: int) -> None:
        """Take what the speaker plays: `size` bytes, of which `pcm` is the beginning and the rest is silence."""
        with self._lock:
            self._speaker_is_on = True
            # Before the first sound of the microphone there is no counterpart. Sound that is played before its
            # counterpart is recorded gives the canceller a delay; the opposite would be an echo before its cause.
            if self._microphone_is_on:
                self._far += pcm + bytes(size - len(pcm))
                ahead = len(self._far) - len(self._near)
                if ahead > SLACK_BYTES:
                    del self._far[:ahead]

    def close_speaker(self) -> None:
        """Note that the speaker plays nothing more."""
        with self._lock:
            self._speaker_is_on = False
            self._far.clear()
            self._wait_limit = PERIOD_BYTES

    def close_microphone(self) -> None:
        """Note that the microphone records nothing more."""
        with self._lock:
            self._microphone_is_on = False
            self._near.clear()
            self._far.clear()
            self._wait_limit = PERIOD_BYTES

    def clean(self, pcm: bytes | bytearray) -> bytes:
        """The sound of the microphone without the echo, in whole frames: less or more than `pcm`."""
        with self._lock:
            self._microphone_is_on = True
            self._near += pcm
            if not self._speaker_is_on:
                passed = bytes(self._near)
                self._near.clear()
                return passed
            # Silence takes the place of sound that the speaker is too late with.
            self._far += bytes(max(0, len(self._near) - len(self._far) - SLACK_BYTES))
            size = min(len(self._near), len(self._far))
            size -= size % FRAME_BYTES
            near, far = bytes(self._near[:size]), bytes(self._far[:size])
            del self._near[:size], self._far[:size]
            self._shorten_wait(size)
        return self._process(near, far) if near else b""

    def _shorten_wait(self, size: int) -> None:
        """Note that `size` bytes were paired. Sound that has waited all the time is paired with silence."""
        self._least_waiting, self._paired = min(self._least_waiting, len(self._near)), self._paired + size
        if self._paired >= ANCHOR_BYTES:
            if self._least_waiting > self._wait_limit:
                self._far += bytes(self._least_waiting - PERIOD_BYTES)
            self._least_waiting, self._paired = SLACK_BYTES, 0
            self._wait_limit = LONG_WAIT_BYTES

    def _process(self, near: bytes, far: bytes) -> bytes:
        import numpy as np

        recorded, played = (np.frombuffer(pcm, np.int16).reshape(-1, FRAME_SAMPLES) for pcm in (near, far))
        self._quiet_frames = 0 if played.any() else self._quiet_frames + len(played)
        if self._quiet_frames > QUIET_FRAMES:
            return near
        frames = zip(_dithered(recorded), _dithered(played), strict=True)
        cleaned = np.stack([self._processor.process(*frame) for frame in frames])
        # A detector of speech may take the rest of a loud echo for speech, as it lasts 20 ms now and then.
        cleaned[_powers(cleaned) < RESIDUE * _powers(recorded)] = 0
        cleaned[~recorded.any(axis=1)] = 0
        return bytes(cleaned.tobytes())


def _dithered(frames: Any) -> Any:
    """The frames, with noise of one bit in place of those that are silent.

    In silence the numbers in the canceller's filters become so small that arithmetic takes ten times as long: measured,
    27 % of a core in place of 2 %.
    """
    import numpy as np

    dither = np.resize(np.array(DITHER, np.int16), FRAME_SAMPLES)
    return np.where(frames.any(axis=1, keepdims=True), frames, dither)


def _powers(frames: Any) -> Any:
    """The sum of the squares of each frame."""
    return (frames.astype("f4") ** 2).sum(axis=1)
