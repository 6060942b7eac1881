"""The command line: one module for each command, the options that they share, and what turns options into values."""
