"""Turn after turn with the model, typed or spoken. To read it: `conversation` (the turns of one session), `chatting` (a
chat outlives its sessions), `sounding` (its devices), `slash` (what is said to the chat itself), `piped`.
"""
