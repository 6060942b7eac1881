"""The proxy: listens as the emulator does, and forwards each session to the service.

`relay` forwards a session frame by frame; `library` has recordings that are replayed instead.
"""
