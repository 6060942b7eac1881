"""`python -I -S peak.py NOTED COMMAND...`: run a command, note the most memory it held, end with its status.

As small as a Python can be, since the system counts the memory of whoever starts a process into that process's peak.
"""

import os
import sys

process = os.posix_spawn(sys.argv[2], sys.argv[2:], os.environ)
_, status, usage = os.wait4(process, 0)
with open(sys.argv[1], "w") as noted:
    noted.write(str(usage.ru_maxrss))
sys.exit(os.waitstatus_to_exitcode(status))
