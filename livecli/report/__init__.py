"""Figures and summaries of runs, and the interface of what shows them. No I/O."""
