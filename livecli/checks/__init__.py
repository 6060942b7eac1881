"""Expectations: what a run must have brought, as one line each, such as `first_sound < 1500ms`.

`grammar` reads a line, `measurements` takes what it speaks of from a run, `expectations` judges runs, and `outputs`
writes the results for other programs. No expression is evaluated as code.
"""
