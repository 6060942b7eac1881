"""Functions that the model may call, each answered by a command that the user named.

`toolbox` has the tools, `tools_file` reads them from TOML, `schema` puts their parameters in the API's form, `command`
runs one, and `calls` connects them to a session.
"""
