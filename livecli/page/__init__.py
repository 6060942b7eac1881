"""Reports: one self-contained page of HTML for a recorded session or for a batch.

`session` is the page of a session and `batch` that of many; `picture` draws both sounds, `sound` encodes them,
`document` is what all pages share, and `output` is the option `--report`.
"""
