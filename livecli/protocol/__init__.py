"""The Live API without I/O: no asyncio, no clock, no files."""
