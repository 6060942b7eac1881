"""Benchmarks of livecli and its peers: `make bench`, or `python -m tests.benchmarks --help`.

    measure.py         runs child processes in turn and makes figures of them: ratios within one round
    environment.py     the virtual environments of the peers, and their versions
    bare_server.py     a server for one client at a time, at next to no cost
    starts.py          time from start to end of `--version`, `--help` and errors
    first_byte.py      time from the start of the process to the first bytes and frames at the server
    memory.py          peak memory: a long file against a short one, and against google-genai
    throughput.py      chunks per second, unpaced
    reply.py           reply frames per second, decoded and written
    latency.py         time from the server's answer to the first byte of the reply on disk
    pace.py            real time: CPU per minute of audio, and how late each chunk arrives
    load.py            one emulator and many users in real time: when replies begin, memory and CPU
    load_clients.py    these users: a process of their own, on bare sockets
    sessions.py        one `livecli send --jobs` and many sessions in real time
    sessions_server.py the server of these sessions
    processes.py       such sessions in two processes, and in one
    sessions_chart.py  their figures as a picture
    clients.py         the command lines of livecli and its peers for the same job
    unbatched.py       a client that sends one message per write through the Python API
    sounds.py          the audio files that are sent
    peak.py            runs a command and writes down its peak memory
    table.py           the figures as a table, and as JSON
    chart.py           the figures as a picture
    peers/             the peers, each a script of its own

All traffic stays on loopback. Bounds are ratios, since ratios carry over to another machine and milliseconds do not.
"""
