"""A chat at a terminal, by prompt_toolkit: the prompt at the bottom, and the conversation that is printed above it."""
