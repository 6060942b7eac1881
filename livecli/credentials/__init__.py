"""Token or key -> headers: which credential there is, which one wins, and what of it goes into the handshake.

    credential.py      a credential as headers, and those the environment holds ready
    adc.py             Application Default Credentials; the only file that imports google.auth
    gcloud.py          where gcloud keeps its files, and the project it is set to
    stored.py          the API key that `auth login` stored
    system_keyring.py  ... in the system's keyring; the only file that imports keyring
    minting.py         an ephemeral token for a key
    reasons.py         why a token was not given, in words that are safe to print
    decision.py        the whole decision, as data that `auth status` prints and `resolve` acts upon
    notes.py           what in it contradicts itself, or will not work

No secret leaves this folder but through `Credential.headers` and `Credential.bearer`, and for what `stored` keeps: not
in a repr, not in an error.
"""

from .credential import KEY_VARIABLES, Credential, CredentialKind, Source, pasted_key
from .decision import Decision, bearer, decide, resolve

__all__ = [
    "KEY_VARIABLES",
    "Credential",
    "CredentialKind",
    "Decision",
    "Source",
    "bearer",
    "decide",
    "pasted_key",
    "resolve",
]
