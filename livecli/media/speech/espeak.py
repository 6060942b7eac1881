"""Speech synthesis by eSpeak NG. The only module that imports espeakng_loader, of the extra `livecli[speech]`.

espeakng_loader (GPL-3.0-or-later, as eSpeak NG) ships the library and its voices; `ctypes` calls it, and releases the
interpreter's lock meanwhile. The library has one state for the whole process, so that one thread uses it at a time.
"""

from __future__ import annotations

import ctypes
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from importlib.util import find_spec

from ...protocol.audio_rates import OUTPUT_RATE
from ..pcm import SAMPLE_BYTES, is_silent
from ..resample import Resampler

KEPT_SPEECHES = 16
"""The last texts whose speech is kept: a test says the same ones again and again."""

MAX_PATH_BYTES = 150
"""The longest path of its data: the library keeps it in 160 bytes, and looks elsewhere where it does not fit."""

# From speak_lib.h: the mode that returns when all is done, and the option that keeps the library from ending the
# process where it does not find its data.
_SYNCHRONOUS, _DONT_EXIT = 2, 0x8000
_UTF8 = 1
# The sound of a call back: each one takes the interpreter's lock.
_BUFFER_MS = 1000
_POS_CHARACTER = 1
_PITCH = 3
_OK = 0

_Callback = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.POINTER(ctypes.c_short), ctypes.c_int, ctypes.c_void_p)

_lock = threading.Lock()


class EspeakError(Exception):
    """eSpeak NG cannot be used, and why."""


def can_speak() -> bool:
    """Whether the package with eSpeak NG is installed."""
    return find_spec("espeakng_loader") is not None


@lru_cache(KEPT_SPEECHES)
def speech(words: str, languages: tuple[str, ...], variant: str = "", pitch: int = 50) -> bytes:
    """The speech of `words`, mono PCM16 at OUTPUT_RATE; empty where they have no sound, such as "...".

    The language is the first of `languages` that eSpeak NG has, such as "pt-br". A `variant` is one of its voices for
    all languages, such as "f2", and `pitch` is 0 to 99. Raises EspeakError. It takes a thread 15 ms for 3 s of speech.
    """
    with _lock, _library() as (library, rate):
        _set_voice(library, languages, variant)
        library.espeak_SetParameter(_PITCH, pitch, 0)
        pcm = bytearray()

        def keep(samples: ctypes._Pointer[ctypes.c_short], count: int, events: int) -> int:
            if samples and count > 0:
                pcm.extend(ctypes.string_at(samples, SAMPLE_BYTES * count))
            return 0

        callback = _Callback(keep)
        library.espeak_SetSynthCallback(callback)
        text = words.replace("\0", " ").encode(errors="replace")
        if library.espeak_Synth(text, len(text) + 1, 0, _POS_CHARACTER, 0, _UTF8, None, None) != _OK:
            raise EspeakError("eSpeak NG failed")
    # Some 30 ms of silence is all that comes of words without sound. More is not looked at, because that takes long.
    if len(pcm) < rate // 5 and is_silent(bytes(pcm)):
        return b""
    resampler = Resampler(rate, OUTPUT_RATE)
    return resampler.push(bytes(pcm)) + resampler.finish()


@contextmanager
def _library() -> Iterator[tuple[ctypes.CDLL, int]]:
    """The library, and the sample rate of its speech. Raises EspeakError.

    It is loaded for each text, because the sound of a text depends on those before it: the same words would not sound
    the same to the byte. That takes 5 ms.
    """
    import espeakng_loader

    folder = espeakng_loader.get_data_path().encode()
    if len(folder) > MAX_PATH_BYTES:
        raise EspeakError(f"the path of eSpeak NG's voices has more than {MAX_PATH_BYTES} bytes")
    try:
        library = ctypes.CDLL(espeakng_loader.get_library_path())
    except OSError as error:
        raise EspeakError(f"eSpeak NG cannot be loaded: {error}") from error
    try:
        rate = library.espeak_Initialize(_SYNCHRONOUS, _BUFFER_MS, folder, _DONT_EXIT)
        if rate <= 0:
            raise EspeakError("eSpeak NG does not find its voices")
        try:
            yield library, rate
        finally:
            # It has a thread, which has to end before the library is unloaded.
            library.espeak_Terminate()
    finally:
        handle = ctypes.c_void_p(library._handle)
        if sys.platform == "win32":
            ctypes.windll.kernel32.FreeLibrary(handle)
        else:
            ctypes.CDLL(None).dlclose(handle)


def _set_voice(library: ctypes.CDLL, languages: tuple[str, ...], variant: str) -> None:
    names = (f"{language}+{variant}" if variant else language for language in languages)
    if all(library.espeak_SetVoiceByName(name.encode()) != _OK for name in names):
        raise EspeakError(f"eSpeak NG has no voice for {languages[0]}")
