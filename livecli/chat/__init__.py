"""Turn after turn with the model, typed or spoken. To read it: `turn` and `conversation` (the turns of one session),
`chatting` (a chat outlives its sessions), `record` and `remembered` (what was said, and what is kept of that for the
next time), `sounding` and `takes` (what is heard), `slash` (what is said to the chat itself), `piped`.
"""
