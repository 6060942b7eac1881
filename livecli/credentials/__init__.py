"""Credentials: where they are found, which one is used, and the headers of the handshake that carry it.

    credential.py      a credential and its headers, and the credentials that the environment holds
    adc.py             Application Default Credentials; the only file that imports google.auth
    gcloud.py          gcloud's credential file and project
    stored_key.py      the API key that `auth login` stored
    system_keyring.py  the same in the system's keyring; the only file that imports keyring
    ephemeral.py       ephemeral tokens of the Developer API
    token_errors.py    messages for a token that was refused, safe to print
    destination.py     the rules by which a credential goes to a host
    decision.py        the choice of platform, credential and endpoint, which `auth status` prints
    advice.py          notes on a decision: contradictions, and what will not work

Secrets leave this package through `Credential.headers`, `Credential.bearer` and the key that `stored_key` writes, and
in no other way: neither in a repr nor in an error.
"""

from .credential import KEY_VARIABLES, Credential, CredentialKind, Source, known_secrets, local_key, pasted_key

__all__ = [
    "KEY_VARIABLES",
    "Credential",
    "CredentialKind",
    "Source",
    "known_secrets",
    "local_key",
    "pasted_key",
]
