"""The environment of the tests, without the variables of the user that would change their results."""

from __future__ import annotations

from collections.abc import Mapping

PREFIXES = (
    *("LIVECLI_", "GOOGLE_", "GEMINI_", "CLOUDSDK_", "GCE_", "GCLOUD_"),
    *("XDG_", "PULSE_", "PIPEWIRE_", "ALSA_", "TMUX", "LC_", "NODE_", "NPM_"),
)
NETWORK = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "WS_PROXY", "WSS_PROXY", "NO_PROXY")
AUTHORITIES = ("SSL_CERT_FILE", "SSL_CERT_DIR", "SSLKEYLOGFILE", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE")
DISPLAY = ("NO_COLOR", "FORCE_COLOR", "CLICOLOR", "CLICOLOR_FORCE", "CI", "COLUMNS", "LINES", "LANG", "LANGUAGE")
PYTHON = ("PYTHONIOENCODING", "PYTHONUNBUFFERED", "PYTHONUTF8", "PYTHONWARNINGS", "PYTHON_KEYRING_BACKEND")
# Without bytecode on disk, each process compiles livecli first: it takes half as much CPU time again.
BYTECODE = "PYTHONDONTWRITEBYTECODE"
NAMES = {*NETWORK, *AUTHORITIES, *DISPLAY, *PYTHON, BYTECODE, "NO_GCE_CHECK"}


def cleaned(environ: Mapping[str, str]) -> dict[str, str]:
    """`environ` without the variables that livecli, its libraries or the programs beside it obey."""
    return {
        name: value
        for name, value in environ.items()
        if not name.upper().startswith(PREFIXES) and name.upper() not in NAMES
    }
