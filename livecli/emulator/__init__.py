"""A local Live API: the server side of the protocol. `server.run_emulator` starts one.

`server` listens and answers HTTP, with `access` and `ephemeral_tokens` for credentials, `certificates` for TLS and
`websocket` for connections. `session` runs one session on a connection: it joins a conversation to the socket, and
`fault_injector` does what `faults` describes. Instead of a conversation, a session can be the `replay` of a recording
from the `replay_library`. `options` are the options that all sessions share.

`core` is the conversation itself, without I/O. Read `core.conversation` first, then `core.dialogue`.
"""
