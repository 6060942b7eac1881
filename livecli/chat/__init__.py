"""A chat with the model: typed or spoken turns over sessions that are opened again when necessary.

`chat` is the whole, `turns` the turns of one session, `transcript` and `store` the text of the conversation and its
copy on disk, `voice` and `recordings` the audio, `commands` the slash commands, `terminal` and `pipe` the two inputs.
"""
