"""The other side of the same protocol: a local Live API. `server.running` is the way in.

Read `conversation` first (one session's life, without sockets or clocks), then what it is made of: `admission` (may
this session be), `hearing` on `voice_activity` and `utterance` (what the user said), `behaviours` (what the model says
to it), `answer` and `usage` (how the platform says that). `server` joins conversations to sockets, by `paths`.
"""
