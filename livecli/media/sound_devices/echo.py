"""Acoustic echo cancellation: removes from the microphone's sound what the speaker plays. The only module that imports
pywebrtc_audio, WebRTC's AEC3 and noise suppression, of the extra `livecli[audio]`.

The canceller finds the delay of a room by itself, but each jump of that delay lets up to a second of echo through. So
the two streams are paired by their samples and not by the moments at which the devices call: sound from the microphone
waits for its counterpart while the speaker is late.

A device whose thread was late for long also loses sound: the speaker has played silence that is not in its stream. The
positions of the devices show it. While an answer plays the canceller follows the new delay; in silence the sound of the
speaker is shifted, so that the next answer has the delay of the last one.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from importlib.util import find_spec
from math import inf
from typing import Any

from ..pcm import SAMPLE_BYTES
from .devices import DEVICE_RATE, PERIOD_SECONDS

FRAME_SAMPLES = DEVICE_RATE // 100
"""The canceller works on 10 ms at a time."""

FRAME_BYTES = FRAME_SAMPLES * SAMPLE_BYTES

DITHER = [1, 0, -1, 0, 0, 1, -1]
"""Noise of one bit, repeated."""

SLACK_SECONDS = 0.1
"""How far the devices may be apart, and for how long they may be further apart. The speaker takes up to three periods
of 20 ms at once when it starts, and a device whose thread was late calls several times in a row."""

RESIDUE = 0.01
"""The share of a frame's power that is left of an echo, at most. Speech over an echo leaves far more."""

QUIET_FRAMES = 100
"""The frames without sound from the speaker, one second, after which no echo is left to cancel."""

BYTES_PER_SECOND = DEVICE_RATE * SAMPLE_BYTES

SLACK_BYTES = int(SLACK_SECONDS * DEVICE_RATE) * SAMPLE_BYTES

PERIOD_BYTES = round(PERIOD_SECONDS * DEVICE_RATE) * SAMPLE_BYTES
"""How much sound may wait when the devices have begun: they are called in turns."""

UNPAIRED_BYTES = BYTES_PER_SECOND
"""How much of the speaker's sound is kept for a microphone that is late: a second."""

WINDOW_CALLS = round(0.25 / PERIOD_SECONDS)
"""The calls of the microphone after which the positions of the devices are compared: a quarter of a second. One of them
has to be in time, and one of the speaker's."""

LOST_SECONDS = 1.5 * PERIOD_SECONDS
"""A smaller loss is left: the distance swings by a period at most as the devices drift against each other, by 6 ms with
PulseAudio, while the delay stays what it is (measured 2026-11)."""

SILENT_SECONDS = 1.0
"""The silence from which on the canceller follows no new delay."""


def can_cancel_echo() -> bool:
    """Whether the package for echo cancellation is installed."""
    return find_spec("pywebrtc_audio") is not None


class Position:
    """How far a device has got in its stream, apart from how late it was called."""

    def __init__(self) -> None:
        self._seconds = 0.0
        self._lead = -inf

    def advance(self, size: int, now: float) -> None:
        """Note that the device has called at `now` with `size` bytes."""
        self._seconds += size / BYTES_PER_SECOND
        self._lead = max(self._lead, self._seconds - now)

    def take_lead(self) -> float:
        """How far the stream is ahead of the clock, in seconds, by the earliest call since this was last taken."""
        lead, self._lead = self._lead, -inf
        return lead


class PairedSound:
    """The sound of a microphone and of a speaker, in pairs: sound that a device loses does not change their delay.

    `clock` returns seconds. The microphone has recorded `recorded` before.
    """

    def __init__(self, clock: Callable[[], float], recorded: bytes = b"") -> None:
        self._clock = clock
        self._far, self._near = bytearray(), bytearray(recorded)
        self._speaker, self._microphone = Position(), Position()
        self._shift = 0  # bytes of silence that were added to the speaker's sound, less those that were taken from it
        self._surplus = 0  # bytes that are still to be taken from it
        self._late_since = clock()
        self._distance: float | None = None  # seconds from the speaker to the microphone when a sound was last played
        self._lost = 0.0  # by how much it was longer in the last window
        self._sound_at = -inf  # when the speaker last played a sound
        self._begin_window()

    def _begin_window(self) -> None:
        self._waits: list[int] = []  # how much of the microphone's sound has waited after each call
        self._speaker.take_lead(), self._microphone.take_lead()

    def play(self, pcm: bytes | bytearray, size: int) -> None:
        """Append `size` bytes to the speaker's sound, of which `pcm` is the beginning and the rest is silence."""
        now = self._clock()
        self._speaker.advance(size, now)
        self._sound_at = now if pcm else self._sound_at
        self._far += pcm + bytes(size - len(pcm))
        self._drop_surplus()
        if len(self._far) > UNPAIRED_BYTES:
            self._shift_speaker(UNPAIRED_BYTES - len(self._far))

    def record(self, pcm: bytes | bytearray) -> tuple[bytes, bytes]:
        """Append to the microphone's sound. Returns what is paired by now: the microphone's sound and the speaker's."""
        self._microphone.advance(len(pcm), self._clock())
        self._near += pcm
        self._replace_late_sound()
        size = min(len(self._near), len(self._far))
        size -= size % FRAME_BYTES
        near, far = bytes(self._near[:size]), bytes(self._far[:size])
        del self._near[:size], self._far[:size]
        self._compare_positions()
        return near, far

    def take_unpaired(self) -> bytes:
        """The sound of the microphone that waits, which waits no longer."""
        near = bytes(self._near)
        self._near.clear()
        return near

    def _replace_late_sound(self) -> None:
        """Put silence in the place of sound that the speaker has been too late with for SLACK_SECONDS."""
        late = len(self._near) - len(self._far) - SLACK_BYTES
        if late <= 0:
            self._late_since = self._clock()
        elif self._clock() - self._late_since > SLACK_SECONDS:
            self._shift_speaker(late)
            self._begin_window()

    def _compare_positions(self) -> None:
        """Once in a window, see whether a device has lost sound in silence, and restore the delay of the last sound.

        While something is played the canceller follows a new delay itself. In the first window nothing is played yet,
        and the wait of the microphone is shortened to a period.
        """
        self._waits.append(len(self._near))
        if len(self._waits) < WINDOW_CALLS:
            return
        distance = self._microphone.take_lead() - self._speaker.take_lead() - self._shift / BYTES_PER_SECOND
        if distance == inf:  # the speaker has not called
            self._lost = 0.0
        elif self._distance is None:
            wait = max(0, min(self._waits) - PERIOD_BYTES)
            self._shift_speaker(wait)
            self._distance = distance - wait / BYTES_PER_SECOND
        else:
            # What two windows agree on. In one of them all calls may have been late.
            before, self._lost = self._lost, distance - self._distance
            lost = min(before, self._lost, key=abs) if before * self._lost > 0 else 0.0
            if self._clock() - self._sound_at < SILENT_SECONDS:
                self._distance += lost
                self._lost -= lost
            elif abs(lost) > LOST_SECONDS:
                self._shift_speaker(SAMPLE_BYTES * round(lost * DEVICE_RATE))
                self._lost = 0.0
        self._begin_window()

    def _shift_speaker(self, size: int) -> None:
        """Add `size` bytes of silence to the speaker's sound or, where it is negative, take as many away."""
        self._shift += size
        self._far += bytes(max(0, size))
        self._surplus += max(0, -size)
        self._drop_surplus()

    def _drop_surplus(self) -> None:
        dropped = min(self._surplus, len(self._far))
        del self._far[:dropped]
        self._surplus -= dropped


class EchoCanceller:
    """Cancels the echo of one speaker in one microphone, both PCM16 mono at DEVICE_RATE. `clock` returns seconds.

    Measured by others with speech, a room of 0.3 s and an echo of -6 dB: 32 to 42 dB of the echo removed, 1 % of a
    core. `play` is called in the speaker's thread and `clean` in the microphone's. While the speaker is closed, or has
    played nothing for a second, the sound of the microphone passes unchanged: the chat waits most of the time.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        import pywebrtc_audio

        self._processor: Any = pywebrtc_audio.AudioProcessor(
            sample_rate=DEVICE_RATE, echo_cancellation=True, noise_suppression=True
        )
        self._clock = clock
        self._lock = threading.Lock()
        self._pairs = PairedSound(clock)
        self._speaker_is_on = self._microphone_is_on = False
        self._quiet_frames = 0  # since the speaker last played a sound

    def play(self, pcm: bytes | bytearray, size: int) -> None:
        """Take what the speaker plays: `size` bytes, of which `pcm` is the beginning and the rest is silence."""
        with self._lock:
            self._speaker_is_on = True
            # Before the first sound of the microphone there is no counterpart. Sound that is played before its
            # counterpart is recorded gives the canceller a delay; the opposite would be an echo before its cause.
            if self._microphone_is_on:
                self._pairs.play(pcm, size)

    def close_speaker(self) -> None:
        """Note that the speaker plays nothing more."""
        with self._lock:
            self._speaker_is_on = False
            self._pairs = PairedSound(self._clock, self._pairs.take_unpaired())

    def close_microphone(self) -> None:
        """Note that the microphone records nothing more."""
        with self._lock:
            self._microphone_is_on = False
            self._pairs = PairedSound(self._clock)

    def clean(self, pcm: bytes | bytearray) -> bytes:
        """The sound of the microphone without the echo, in whole frames: less or more than `pcm`."""
        with self._lock:
            self._microphone_is_on = True
            if not self._speaker_is_on:
                return self._pairs.take_unpaired() + pcm
            near, far = self._pairs.record(pcm)
        return self._process(near, far) if near else b""

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
