"""Chats in the test's own loop: the objects that a command line would make, and a reporter that keeps its reports."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager

import pytest

from livecli.chat.chat import open_chat
from livecli.chat.options import ChatOptions
from livecli.chat.recordings import Recordings
from livecli.chat.voice import Voice
from livecli.protocol.endpoint import Target
from livecli.report.reporter import Reporter

SECONDS_AT_MOST = 20


class ReportLog(Reporter):
    """Keeps all reports, in order."""

    def __init__(self):
        self.received, self.sent, self.summaries, self.warnings, self.remarks, self.connections = [], [], [], [], [], 1
        self.losses = []

    def event(self, direction, event, at):
        getattr(self, direction).append(event)

    def finished(self, summary):
        self.summaries.append(summary)

    def warning(self, text):
        self.warnings.append(text)

    def remark(self, text):
        self.remarks.append(text)

    def retrying(self, retry):
        self.losses.append(retry.error)

    def resumed(self, connections, error, again):
        self.connections = connections
        self.losses += [error] if error is not None else []


@pytest.fixture
def chat():
    """Opens a chat on a server's URL. Its reporter is `reports`, and `voice` has the options of its devices."""

    @asynccontextmanager
    async def opened(url, *, reports=None, folder=None, voice=None, model=None, **options):
        reports, recordings = reports or ReportLog(), Recordings(folder)
        devices = Voice(recordings, reports, **(voice or {}))
        chat_options = ChatOptions(Target(base_url=url, model=model), **options)
        try:
            async with asyncio.timeout(55), open_chat(chat_options, devices, recordings, reports) as made:
                made.reports = reports
                yield made
        finally:
            await devices.close(play_to_end=False)
            recordings.close()

    return opened


async def settled(true, seconds=SECONDS_AT_MOST):
    """Wait in the loop until it is true."""
    async with asyncio.timeout(seconds):
        while not true():
            await asyncio.sleep(0.005)
