"""The commands `livecli auth`: status, token, login and logout.

The decisions are made in `credentials`, and the secrets stay there.
"""

from __future__ import annotations

import typer

from .auth_login import login, logout
from .auth_status import status
from .auth_token import token

app = typer.Typer(name="auth", pretty_exceptions_enable=False)
app.command()(status)
app.command()(token)
app.command()(login)
app.command()(logout)
