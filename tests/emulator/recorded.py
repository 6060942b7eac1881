"""Google's nine recorded sessions, for tests.

`recordings/` holds their facts: framing, kinds, order, fields and spelling, byte for byte. Texts are replaced by others
of the same length, and sounds by silence of the same length, which is written as `"A*12800"`.
"""

from __future__ import annotations

import re
from pathlib import Path

_FILES = {path.stem: path for path in sorted((Path(__file__).parent / "recordings").glob("*.log"))}

NAMES = list(_FILES)


def recorded_log(name: str) -> bytes:
    return re.sub(rb'"A\*(\d+)"', lambda silence: b'"%b"' % (b"A" * int(silence[1])), _FILES[name].read_bytes())
