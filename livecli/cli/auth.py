"""The commands `livecli auth`: status, token, login and logout.

The decisions are made in `credentials`, and the secrets stay there.
"""

from __future__ import annotations

import typer

from .auth_login import login, logout
from .auth_status import status
from .auth_token import token
from .command_help import HelpCommand, HelpGroup

app = typer.Typer(name="auth", cls=HelpGroup, pretty_exceptions_enable=False)
app.command(cls=HelpCommand)(status)
app.command(cls=HelpCommand)(token)
app.command(cls=HelpCommand)(login)
app.command(cls=HelpCommand)(logout)
