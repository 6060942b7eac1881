"""Names of voices, languages and models, as the API spells them, and the resolver of what a user writes for them.

Upper and lower case matter to the API, and not to a user. A name that a complete table does not have is refused, with
the nearest one that it has.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from ..errors import UsageError

VOICES = {
    "Achernar": "soft",
    "Achird": "friendly",
    "Algenib": "gravelly",
    "Algieba": "smooth",
    "Alnilam": "firm",
    "Aoede": "breezy",
    "Autonoe": "bright",
    "Callirrhoe": "easy-going",
    "Charon": "informative",
    "Despina": "smooth",
    "Enceladus": "breathy",
    "Erinome": "clear",
    "Fenrir": "excitable",
    "Gacrux": "mature",
    "Iapetus": "clear",
    "Kore": "firm",
    "Laomedeia": "upbeat",
    "Leda": "youthful",
    "Orus": "firm",
    "Puck": "upbeat",
    "Pulcherrima": "forward",
    "Rasalgethi": "informative",
    "Sadachbia": "lively",
    "Sadaltager": "knowledgeable",
    "Schedar": "even",
    "Sulafat": "warm",
    "Umbriel": "easy-going",
    "Vindemiatrix": "gentle",
    "Zephyr": "bright",
    "Zubenelgenubi": "casual",
}
"""The prebuilt voices, and how each is described.

Documented for all models of the Live API that speak: Google, "Configure language and voice", 2026-11. Vertex AI refuses
any other, as do some models of the Developer API; gemini-3.8-live accepts any name there (probed in 2026).
"""

LANGUAGES = {
    "ar-EG": "Arabic (Egypt)",
    "bn-BD": "Bengali (Bangladesh)",
    "de-DE": "German (Germany)",
    "en-IN": "English (India)",
    "en-US": "English (United States)",
    "es-US": "Spanish (United States)",
    "fr-FR": "French (France)",
    "hi-IN": "Hindi (India)",
    "id-ID": "Indonesian (Indonesia)",
    "it-IT": "Italian (Italy)",
    "ja-JP": "Japanese (Japan)",
    "ko-KR": "Korean (South Korea)",
    "mr-IN": "Marathi (India)",
    "nl-NL": "Dutch (Netherlands)",
    "pl-PL": "Polish (Poland)",
    "pt-BR": "Portuguese (Brazil)",
    "ro-RO": "Romanian (Romania)",
    "ru-RU": "Russian (Russia)",
    "ta-IN": "Tamil (India)",
    "te-IN": "Telugu (India)",
    "th-TH": "Thai (Thailand)",
    "tr-TR": "Turkish (Turkey)",
    "uk-UA": "Ukrainian (Ukraine)",
    "vi-VN": "Vietnamese (Vietnam)",
}
"""The BCP-47 codes for `speechConfig.languageCode`, and their languages.

Documented: Google, "Configure language and voice", 2026-11. The service may take further codes.
"""

# A language of two or three letters, and its script, region or variant.
_CODE = r"[a-z]{2,3}(-[a-z0-9]{2,8})*"


def voice_named(text: str, *, is_complete: bool) -> str:
    """The voice that `text` names, as the API spells it.

    `is_complete` is whether VOICES has all voices of the model: then UsageError is raised for another name, and else
    the name is returned unchanged.
    """
    voice = _same(text, VOICES)
    if voice is None and is_complete:
        raise _unknown("voice", text, nearest(text, VOICES))
    return voice or text


def language_code(text: str) -> str:
    """The code of the language that `text` names: a code in any case, or an English name such as German.

    Any code in the form of BCP-47 is taken. Raises UsageError for other words, and where a name has several codes.
    """
    plain = text.strip().replace("_", "-")
    code = _same(plain, LANGUAGES)
    if code is not None:
        return code
    names = {name: code for code, name in LANGUAGES.items()}
    full_name = _same(text, names)
    if full_name is not None:
        return names[full_name]
    codes = [code for name, code in names.items() if _folded(name.partition(" (")[0]) == _folded(text)]
    if len(codes) > 1:
        raise UsageError(f"{text} is {' or '.join(codes)}", hint=f"--language {codes[-1]}")
    if codes:
        return codes[0]
    if re.fullmatch(_CODE, plain.lower()):
        return _cased(plain)
    short_names = {name.partition(" (")[0]: code for name, code in names.items()}
    near = nearest(text, [*short_names, *LANGUAGES])
    raise _unknown("language", text, f"{near} ({short_names[near]})" if near in short_names else near)


def model_named(text: str) -> str:
    """The model that `text` names, as the API spells it. Another name is returned unchanged: new models appear."""
    from .models import MODELS

    return _same(text.replace(" ", "-"), MODELS) or text


def nearest(text: str, names: Iterable[str]) -> str | None:
    """The name that is most like `text`, without regard to case and accents; None if none is like it."""
    from difflib import get_close_matches

    by_folded = {_folded(name): name for name in names}
    near = get_close_matches(_folded(text), by_folded, n=1)
    return by_folded[near[0]] if near else None


def _same(text: str, names: Iterable[str]) -> str | None:
    """The one of `names` that differs in case only."""
    return next((name for name in names if name.casefold() == text.strip().casefold()), None)


def _folded(text: str) -> str:
    """The letters of `text` without case and accents."""
    from unicodedata import combining, normalize

    letters = normalize("NFKD", text.strip())
    return "".join(letter for letter in letters if not combining(letter)).casefold()


def _cased(code: str) -> str:
    """A code in the usual case: language lower, Script capitalised, REGION upper."""
    first, *rest = code.split("-")
    cased = {2: str.upper, 4: str.capitalize}
    return "-".join([first.lower(), *(cased.get(len(part), str.lower)(part) for part in rest)])


def _unknown(kind: str, text: str, near: str | None) -> UsageError:
    suggestion = f"; did you mean {near}?" if near else ""
    return UsageError(f"no {kind} {text[:60]!r}{suggestion}", hint=f"livecli help {kind}s")
