"""`livecli auth token`: a bearer token for other programs, or an ephemeral one for a browser or a phone."""

from __future__ import annotations

import os
import re
from datetime import timedelta
from typing import TYPE_CHECKING, Annotated

import typer

from ..errors import DeadlineError, UsageError
from ..process.stdio import say, write_out
from . import options
from .checks import check_numbers

if TYPE_CHECKING:
    from ..credentials import Credential
    from ..credentials.ephemeral import Terms

EPHEMERAL = "With --ephemeral"
SECONDS_OF = {"s": 1, "m": 60, "": 60, "h": 3600}
LONGEST = timedelta(hours=20)
"""The service takes less than that."""


def token(
    *,
    ephemeral: Annotated[
        bool, typer.Option("--ephemeral", help="Mint a short-lived token of the Developer API with the API key.")
    ] = False,
    uses: Annotated[int | None, typer.Option(min=1, help="Sessions it opens [1].", rich_help_panel=EPHEMERAL)] = None,
    expires: Annotated[
        str | None,
        typer.Option(metavar="DURATION", help="How long it lasts: minutes, 90s, 2h [30].", rich_help_panel=EPHEMERAL),
    ] = None,
    opens: Annotated[
        str | None,
        typer.Option(metavar="DURATION", help="How long it opens sessions [1].", rich_help_panel=EPHEMERAL),
    ] = None,
    model: Annotated[
        str | None, typer.Option(help="The one model it is good for [any].", rich_help_panel=EPHEMERAL)
    ] = None,
    timeout: Annotated[
        float, typer.Option(min=0, help="Seconds for the answer; 0: any.", rich_help_panel=EPHEMERAL)
    ] = 10.0,
    base_url: options.BaseUrlOption = None,
    api_version: options.ApiVersionOption = None,
) -> None:
    """Print a bearer token, as `gcloud auth print-access-token` does; refreshed where it has to be.

    With --ephemeral a token that opens a session or a few of the Developer API, for who must not have the key.
    """
    given = {"--uses": uses, "--expires": expires, "--opens": opens, "--model": model}
    given |= {"--base-url": base_url, "--api-version": api_version}
    if not ephemeral:
        if odd := next((option for option, word in given.items() if word is not None), None):
            raise UsageError(f"{odd} is about ephemeral tokens", hint="livecli auth token --ephemeral")
        from ..credentials import bearer

        write_out(bearer(os.environ).bearer() + "\n")
        return
    check_numbers({"--timeout": timeout})
    write_out(_minted(uses or 1, expires, opens, model, base_url, api_version, timeout) + "\n")


def _minted(
    uses: int,
    expires: str | None,
    opens: str | None,
    model: str | None,
    base_url: str | None,
    api_version: str | None,
    timeout: float,
) -> str:
    from ..credentials.ephemeral import Terms, in_the_clear, mint_url, minting_key
    from ..process.run import run
    from ..protocol.endpoint import Target

    lasts_for = _duration("--expires", expires) or timedelta(minutes=30)
    # A token that ends within the minute in which the service would let it open sessions must say so.
    opens_for = _duration("--opens", opens) or (lasts_for if lasts_for < timedelta(minutes=1) else None)
    if opens_for and opens_for > lasts_for:
        raise UsageError("--opens is longer than the token lasts", hint="--expires gives it longer")
    url = mint_url(Target(base_url=base_url, api_version=api_version), os.environ)
    key = minting_key(url, os.environ)
    if in_the_clear(url) and key.elided_headers():
        say("warning: the key goes out in the clear: https:// would protect it\n")
    return run(_mint(url, key, Terms(uses, lasts_for, opens_for, model), timeout))


async def _mint(url: str, key: Credential, terms: Terms, seconds: float) -> str:
    """In a thread that nobody waits for after so many seconds: a name lookup cannot be given an end."""
    import asyncio

    from ..credentials.ephemeral import mint

    try:
        async with asyncio.timeout(seconds or None):
            return await asyncio.to_thread(mint, url, key, terms, seconds or None)
    except TimeoutError as error:
        raise DeadlineError(f"no token within {seconds:g} s", hint="--timeout gives it longer") from error


def _duration(option: str, text: str | None) -> timedelta | None:
    if text is None:
        return None
    found = re.fullmatch(r"(\d{1,6})(s|m|h|)", text.strip())
    length = timedelta(seconds=int(found[1]) * SECONDS_OF[found[2]]) if found else timedelta(0)
    if not timedelta(0) < length < LONGEST:
        raise UsageError(f"{option} {text[:20]} is no length of time under 20 hours", hint="as 30, 90s or 2h")
    return length
