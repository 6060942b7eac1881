"""Functions that the model may call, each a command of the user's: declared, run, and their results returned.

`toolbox` and `table` say what there is, `command` runs one, `calls` goes from what the model asks to what it is told.
Only what the user named on the command line is run.
"""
