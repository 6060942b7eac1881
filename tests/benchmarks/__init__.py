"""What is timed, beside its peers: `make bench`, or `python -m tests.benchmarks --help`.

    measure.py     children run in turn, what they took, and the figures made of it: ratios within one run
    environment.py where the peers are installed, and their versions
    sink.py        the server's end at next to no cost, the same for everybody
    starts.py      how long the command line takes to say something
    first_byte.py  from the start of the process to what the server sees first
    memory.py      the peak of a long file beside that of a short one, and beside google-genai's
    throughput.py  chunks a second, as fast as the socket takes them
    reply.py       reply frames a second, decoded and on disk
    latency.py     from the server's answer to the first byte of the reply on disk
    pace.py        in real time: what a minute costs, and how close to its deadline each chunk comes
    load.py        one emulator and many users in real time: when replies begin, and what it costs
    crowd.py       those users: a process of their own, on bare sockets
    clients.py     the command lines of livecli and its peers for the same job
    one_by_one.py  livecli from a program, without catching up
    sounds.py      the files that are sent
    peak.py        starts a command and notes the most memory it held
    table.py       how it is shown, and saved
    chart.py       the same as a picture
    peers/         what livecli is measured against, each a script of its own

Everything stays on loopback. Ratios travel from one machine to the next, milliseconds do not.
"""
