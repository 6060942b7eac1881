"""The proxy: listens as the emulator does, and forwards each session to the service.

`relay` forwards a session frame by frame. Recordings that are replayed instead are those of `emulator.replay_library`.
"""
