"""The command `livecli auth token`: a bearer token for other programs, or an ephemeral one for a browser or a phone."""

import os
import re
from datetime import timedelta
from typing import TYPE_CHECKING, Annotated

from typer import Option

from ..errors import DeadlineError, UsageError
from ..process.stdio import write_stderr, write_stdout
from .groups import Group, HelpEntry, Only, takes_groups
from .options import Where

if TYPE_CHECKING:
    from ..credentials import Credential
    from ..credentials.ephemeral import Terms

SECONDS_OF = {"s": 1, "m": 60, "": 60, "h": 3600}

LONGEST = timedelta(hours=20)
"""The service refuses tokens that last 20 hours or more."""


class EphemeralFlags(Group, panel="Ephemeral tokens"):
    """The limits of an ephemeral token."""

    uses: Annotated[int | None, Option(min=1, metavar="N", help="Sessions that it opens. [default: 1]")] = None
    expires: Annotated[
        str | None, Option(metavar="DURATION", help="How long it lasts, such as 30 (minutes), 90s or 2h. [default: 30]")
    ] = None
    opens: Annotated[
        str | None, Option(metavar="DURATION", help="How long it opens sessions, in the same form. [default: 1]")
    ] = None
    model: Annotated[
        str | None, Option(metavar="NAME", help="The only model that it opens sessions with. [default: any]")
    ] = None
    timeout: Annotated[
        float, Option(min=0, max=86400, metavar="SECONDS", help="Limit for the answer of the service; 0: none.")
    ] = 10.0

    def terms(self) -> "Terms":
        """The same values, for the service. Raises UsageError for lengths of time that it refuses."""
        from ..credentials.ephemeral import Terms

        lasts_for = _duration("--expires", self.expires) or timedelta(minutes=30)
        # The service's default is to open sessions for a minute, which is an error for a token that ends before.
        opens_for = _duration("--opens", self.opens) or (lasts_for if lasts_for < timedelta(minutes=1) else None)
        if opens_for and opens_for > lasts_for:
            raise UsageError("--opens is longer than the token lasts", hint="--expires gives it longer")
        return Terms(self.uses or 1, lasts_for, opens_for, self.model)


@takes_groups
def token(
    *,
    ephemeral: Annotated[
        bool,
        Option("--ephemeral", help="Mint a short-lived token of the Developer API with the API key."),
        HelpEntry("Ephemeral tokens"),
    ] = False,
    limits: EphemeralFlags,
    where: Annotated[Where, Only("base_url", "api_version", "insecure", "profile")],
) -> None:
    """Print a bearer token for another program.

    It is refreshed if necessary, as `gcloud auth print-access-token` does.

    With --ephemeral, print a short-lived token that opens sessions of the Developer API, for a program that must not
    have the key.

    Examples:

    livecli auth token

    livecli auth token --ephemeral --expires 5m
    """
    if ephemeral:
        write_stdout(_mint_token(limits, where) + "\n")
        return
    given = {
        "--uses": limits.uses,
        "--expires": limits.expires,
        "--opens": limits.opens,
        "--model": limits.model,
        "--base-url": where.base_url,
        "--api-version": where.api_version,
        "--insecure": where.insecure or None,
    }
    if unused := next((option for option, value in given.items() if value is not None), None):
        raise UsageError(f"{unused} needs --ephemeral", hint="livecli auth token --ephemeral")
    from ..credentials.decision import bearer

    write_stdout(bearer(os.environ).bearer() + "\n")


def _mint_token(limits: EphemeralFlags, where: Where) -> str:
    from ..credentials.ephemeral import mint_url, minting_key
    from ..process.run import run

    terms = limits.terms()
    url, key = mint_url(where.target(), os.environ), minting_key(where.target(), os.environ)
    if key.warning:
        write_stderr(f"warning: {key.warning}\n")
    return run(_mint(url, key, terms, limits.timeout))


async def _mint(url: str, key: "Credential", terms: "Terms", seconds: float) -> str:
    """Mints in a thread, which is abandoned after `seconds` (0: never): a name lookup cannot be interrupted."""
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
        raise UsageError(
            f"{option} takes a time under 20 hours, not {text[:20]!r}", hint="such as 30 (minutes), 90s or 2h"
        )
    return length
