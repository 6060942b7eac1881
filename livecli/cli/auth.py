"""`livecli auth`: which credential would be used and why, a token for other programs, and a key to keep.

Only words and wiring. What is decided, and from what, is `credentials`' to say; the secrets stay there.
"""

from __future__ import annotations

import typer

from .auth_login import login, logout
from .auth_status import status
from .auth_token import token

app = typer.Typer(
    name="auth",
    help="Which credential would be used and why; a token for other programs; a key to keep.",
    pretty_exceptions_enable=False,
)
app.command()(status)
app.command()(token)
app.command()(login)
app.command()(logout)
