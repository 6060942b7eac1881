"""The commands `livecli auth login` and `livecli auth logout`: store an API key and delete it, or run gcloud's login.

The key is typed or read from a pipe. It is never an argument or a variable, which other processes could read.
"""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING, Annotated

import typer

from ..errors import AuthError, FileError, Interrupted, LivecliError, UsageError
from ..process.stdio import one_line, write_stderr
from .groups import Only, takes_groups
from .options import Limits, Where

if TYPE_CHECKING:
    from ..client.open import Timeouts
    from ..credentials import Credential
    from ..protocol.endpoint import Endpoint, Target

LONGEST_KEY = 4096
"""The most characters that are read from a pipe. A key has 39."""

FROM_A_PIPE = "livecli auth login < key.txt"
GET_GCLOUD = (
    "install the Google Cloud CLI (https://cloud.google.com/sdk/docs/install), or let GOOGLE_APPLICATION_CREDENTIALS "
    "name the key file of a service account"
)


@takes_groups
def login(
    *,
    adc: Annotated[
        bool, typer.Option("--adc", help="Run `gcloud auth application-default login` instead of storing a key.")
    ] = False,
    keyring: Annotated[
        bool,
        typer.Option("--keyring", help="Store the key in the system keyring (with the extra keyring), not in a file."),
    ] = False,
    no_check: Annotated[bool, typer.Option("--no-check", help="Store the key without checking it first.")] = False,
    limits: Annotated[Limits, Only("connect_timeout", "idle_timeout")],
    where: Annotated[Where, Only("platform", "model", "base_url", "api_version", "insecure", "profile")],
) -> None:
    """Store an API key.

    The key is typed without echo, or read from standard input. It is checked first: it opens a session on the Developer
    API (with --platform vertex, on Vertex AI in express mode). It is stored in a file that only you can read. With
    --base-url it is checked at that host, and stored for it.

    Examples:

    livecli auth login

    livecli auth login < key.txt

    livecli auth login --adc
    """
    from ..process.run import run

    if adc:
        if keyring or no_check:
            raise UsageError("--adc stores no key: it cannot be combined with --keyring or --no-check")
        run(_gcloud_login())
        return
    from dataclasses import replace
    from urllib.parse import urlsplit

    from ..credentials import pasted_key, stored_key, system_keyring
    from ..protocol.endpoint import BASE_URL_OPTION, is_google

    # A host that is none and a missing keyring are errors before the key is asked for.
    endpoint = _endpoint(where.target())
    if keyring:
        system_keyring.backend_name()
    credential = pasted_key(_read_key())
    if not no_check:
        _warn(endpoint, replace(credential, place=stored_key.PLACE), insecure=where.insecure)
        run(_check(endpoint, credential, limits.timeouts()))
    # A key that nothing tried is not for a host that the environment alone names.
    is_for_google = is_google(endpoint.host) or (no_check and endpoint.named_by != BASE_URL_OPTION)
    host = None if is_for_google else urlsplit(endpoint.url).netloc
    place = stored_key.store(credential.secret, keyring=keyring, host=host)
    write_stderr(f"stored {f'for {host} ' if host else ''}{place}\n")
    _note_precedence()


def logout() -> None:
    """Delete the stored API key.

    Examples:

    livecli auth logout
    """
    from ..credentials import KEY_VARIABLES, stored_key

    write_stderr("the stored key is deleted\n" if stored_key.forget() else "there was no stored key\n")
    for name in KEY_VARIABLES:
        if os.environ.get(name, "").strip():
            write_stderr(f"note: {name} is set, and is still used\n")


def _read_key() -> str:
    if sys.stdin is None:
        raise FileError("standard input is closed", hint=FROM_A_PIPE)
    if sys.stdin.isatty():
        return _ask_for_key()
    try:
        # Editors on Windows begin a file with a byte order mark.
        return sys.stdin.readline(LONGEST_KEY).removeprefix("\ufeff")
    except (OSError, UnicodeDecodeError) as error:
        raise FileError("the key cannot be read from standard input", hint=FROM_A_PIPE) from error


def _ask_for_key() -> str:
    import getpass
    import warnings

    with warnings.catch_warnings():
        # getpass warns before it falls back to echoing the key.
        warnings.simplefilter("error", getpass.GetPassWarning)
        try:
            return getpass.getpass("API key (it is not shown): ")
        except EOFError:
            return ""
        except getpass.GetPassWarning as error:
            raise FileError("this terminal cannot hide what is typed", hint=FROM_A_PIPE) from error


def _endpoint(target: Target) -> Endpoint:
    """The endpoint that the key is checked at, and stored for."""
    from ..protocol.endpoint import build
    from ..protocol.platform import KEY_PLATFORM

    platform = target.platform or KEY_PLATFORM
    return build(target, os.environ, platform, express=platform.facts.needs_project)


def _warn(endpoint: Endpoint, credential: Credential, *, insecure: bool) -> None:
    """Print what is wrong with sending the key to the endpoint. Raises UsageError where it may not be sent."""
    from ..credentials.destination import destination_warning

    if warning := destination_warning(credential, endpoint.url, endpoint.named_by, insecure=insecure):
        write_stderr(f"warning: {warning}\n")


async def _check(endpoint: Endpoint, credential: Credential, timeouts: Timeouts) -> None:
    """Open and close a session with the key. Raises the error with which the service refuses it."""
    from ..client.probe import probe

    result = await probe(endpoint, credential, timeouts)
    if result.error:
        raise _not_stored(result.error)
    assert result.connect_seconds is not None and result.setup_seconds is not None, "both phases succeeded"
    write_stderr(
        f"{endpoint.host} accepts the key: connected in {result.connect_seconds * 1000:.0f} ms, "
        f"set up in {result.setup_seconds * 1000:.0f} ms\n"
    )


def _not_stored(error: LivecliError) -> LivecliError:
    hint = error.hint
    if not isinstance(error, AuthError):
        hint = f"{hint}; or store it unchecked with --no-check" if hint else "--no-check stores it unchecked"
    return error.revised(message=f"{error.message}; nothing was stored", hint=hint)


def _note_precedence() -> None:
    """Print a note if another credential is used instead of the key that has just been stored."""
    from ..credentials.decision import decide
    from ..credentials.stored_key import PLACE
    from ..protocol.endpoint import Target

    decision = decide(Target(), os.environ)
    if decision.credential and decision.credential.place != PLACE:
        write_stderr(f"note: {one_line(decision.credential.source)} takes precedence: see `livecli auth status`\n")


async def _gcloud_login() -> None:
    """Run gcloud, which gets the terminal and the signals. Raises AuthError if it stores no credential."""
    import shutil

    from ..process.child import run_child

    gcloud = shutil.which("gcloud")
    if gcloud is None:
        raise AuthError("gcloud is not installed, and --adc needs it", hint=GET_GCLOUD)
    status = await run_child([gcloud, "auth", "application-default", "login"], os.environ)
    if status > 128:
        raise Interrupted("gcloud was interrupted", exit_status=status)
    if status:
        raise AuthError(f"gcloud ended with status {status}", hint="its own message is above")
    if os.environ.get("GOOGLE_APPLICATION_CREDENTIALS", "").strip():
        write_stderr("note: GOOGLE_APPLICATION_CREDENTIALS is set, and takes precedence over what gcloud has stored\n")
