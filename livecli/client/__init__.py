"""The client's side of a session: its connection, the session over several connections, and one turn.

`open` opens sessions, `connection` is the socket, `session` a session on one connection, `resumable` a session that
outlives its connections, and `turn` one request and its answer.
"""
