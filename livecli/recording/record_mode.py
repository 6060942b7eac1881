"""The modes of recording and replaying, as VCR has them."""

from enum import StrEnum


class RecordMode(StrEnum):
    """The sessions that are recorded, as VCR names it.

    ALL: every session; nothing is replayed. NEW: sessions that no recording has; the others are replayed. ONCE: as NEW
    where the folder has no recording at the start, else as NONE. NONE: nothing; what no recording has is refused.
    """

    ALL = "all"
    NEW = "new"
    ONCE = "once"
    NONE = "none"
