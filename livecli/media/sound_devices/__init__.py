"""The sound devices of this machine: the microphone, the speaker, and the echo between them."""
