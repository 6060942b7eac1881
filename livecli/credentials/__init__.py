"""Token or key -> headers: which credential there is, which one wins, and what of it goes into the handshake.

    credential.py  a credential as headers, and those the environment holds ready
    adc.py         Application Default Credentials; the only file that imports google.auth
    gcloud.py      where gcloud keeps its files, and the project it is set to
    reasons.py     why a token was not given, in words that are safe to print
    decision.py    the whole decision, as data that `auth status` prints and `resolve` acts upon

No secret leaves this folder but through `Credential.headers` and `Credential.bearer`: not in a repr, not in an error.
"""

from .credential import Credential, Kind, Source
from .decision import Decision, bearer, decide, resolve

__all__ = ["Credential", "Decision", "Kind", "Source", "bearer", "decide", "resolve"]
