"""Runs of `send`: inputs expanded to requests, one request from input to reply, and batches of many.

`request` is one request, `batch` many in one event loop, and `processes` many in several processes. `inputs`, `shards`
and `resume_from` choose the requests, and `rate` is the rate at which their sessions start.
"""
