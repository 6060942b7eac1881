"""The other side of the same protocol: a local Live API. `server.running` is the way in.

Read `conversation` first (one session's life, without sockets or clocks), then what it is made of: `admission` (may
this session be), `resumption` and `lifetime` (has it been before, when does it end), and `dialogue` (who speaks when).

A dialogue has `hearing` on `voice_activity` and `utterance`, and an `inbox` (what the user said), `behaviours` (what
the model says to it), `answer` with `tools` and `usage` (how the platform says that), and `delivery` (when).

`session` joins a conversation to a socket. `server` listens, and lets clients in by `paths` and `handshake`, on TLS
with `certificates`. `options` is what all sessions share.
"""
