"""`python -I -S peak.py FILE COMMAND...`: runs a command, writes its peak memory to FILE, ends with its status.

It imports as little as possible, since the system counts the memory of the parent into the peak of a child.
"""

import os
import sys

process = os.posix_spawn(sys.argv[2], sys.argv[2:], os.environ)
_, status, usage = os.wait4(process, 0)
with open(sys.argv[1], "w") as noted:
    noted.write(str(usage.ru_maxrss))
sys.exit(os.waitstatus_to_exitcode(status))
