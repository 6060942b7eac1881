"""How exactly a client has to follow a recording that is replayed."""

from enum import StrEnum


class Match(StrEnum):
    """How much a client's message has to be like the recorded one.

    STRICT: of the same kind and with the same content, audio apart. KINDS: of the same kind. LOOSE: of the same kind,
    where both kinds of text are the same; messages in between may be missing.
    """

    STRICT = "strict"
    KINDS = "kinds"
    LOOSE = "loose"
