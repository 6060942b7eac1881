"""The emulated model without I/O: client events go in, server events come out, and time is an argument.

`conversation.EmulatedSession` is the entrance: one object for each session. It accepts the setup (`admission`), keeps
the limits of a connection (`lifetime`) and the handles that resume a session (`handles`). From the setup on, a
`dialogue.Dialogue` decides who speaks. Audio becomes utterances (`speech`, `voice_activity`, `utterance`), typed text
and pictures are gathered (`inbox`), and each makes a turn (`turn`). A behaviour answers a turn with steps (`behaviour`:
the echo; `script`, `script_file`: a script). `response` makes messages of the steps, as the model sends them, and
`delivery` decides when they are sent. `function_calls` knows which functions the model waits for, and `token_count`
what is used.
"""
