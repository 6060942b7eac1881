"""Chromium's network panel: it saves a page's session with the emulator as HAR, and opens what livecli writes.

The panel is a page of Chromium's own, so its modules can be called through the protocol of the developer tools.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from websockets.asyncio.client import connect

from livecli.emulator.options import EmulatorOptions
from livecli.emulator.server import run_emulator
from livecli.recording.conversion import cleaned, parse_recording, rendered
from livecli.recording.validation import problems
from tests.chromium import Target, chromium, http
from tests.needs import needs

BOUND_SECONDS = 60
PATH = "/ws/google.ai.generativelanguage.v1beta.GenerativeService.BidiGenerateContent"
TALK = """new Promise((done, fail) => {
  const socket = new WebSocket("%s?key=AIza" + "k".repeat(35))
  const say = message => socket.send(JSON.stringify(message))
  socket.onopen = () => say({setup: {model: "models/gemini-3.8-live"}})
  socket.onerror = () => fail("no connection")
  socket.onmessage = async event => {
    const message = JSON.parse(await new Response(event.data).text())
    if (message.setupComplete) say({realtimeInput: {text: "Good morning"}})
    if (message.serverContent?.turnComplete) done("complete")
  }
})"""
IS_READY = """(async () => {
  const sdk = await import("./core/sdk/sdk.js")
  return sdk.TargetManager.TargetManager.instance().targets().length > 0
})()"""
SAVE = """(async () => {
  const har = await import("./models/har/har.js"), logs = await import("./models/logs/logs.js")
  const requests = logs.NetworkLog.NetworkLog.instance().requests()
  return JSON.stringify({log: await har.Log.Log.build(requests, {sanitize: false})})
})()"""
OPEN = """(async () => {
  const har = await import("./models/har/har.js")
  const log = new har.HARFormat.HARRoot(JSON.parse(%s)).log
  const frames = request => request.frames().map(frame => [frame.type, frame.opCode, frame.text])
  return har.Importer.Importer.requestsFromHARLog(log).map(request => [
    request.statusCode, request.resourceType().name(), frames(request)
  ])
})()"""


@asynccontextmanager
async def page_and_panel(folder: Path) -> AsyncIterator[tuple[Target, Target]]:
    async with chromium(folder) as (address, page, name):
        inspector = f"http://{address}/devtools/inspector.html%3Fws={address}/devtools/page/{name}"
        panel = await http(f"http://{address}/json/new?{inspector}", "PUT")
        async with connect(panel["webSocketDebuggerUrl"], max_size=None) as socket:
            yield page, Target(socket)


async def test_what_the_panel_saves_is_read_and_what_livecli_writes_is_opened(tmp_path: Path) -> None:
    needs("chromium")
    async with (
        asyncio.timeout(BOUND_SECONDS),
        run_emulator(options=EmulatorOptions()) as emulator,
        page_and_panel(tmp_path) as (page, panel),
    ):
        while not await is_ready(panel):
            await asyncio.sleep(0.1)
        await page.call("Page.navigate", url=f"{emulator.url.replace('ws:', 'http:')}/healthz")
        assert await page.evaluate(TALK % (emulator.url + PATH)) == "complete"
        saved = (await panel.evaluate(SAVE)).encode()
        recording = cleaned(parse_recording("page.har", saved))
        assert not [*problems(recording)]
        written = b"".join(rendered("run.har", recording))
        assert b"AIza" not in written
        [[status, kind, frames]] = await panel.evaluate(OPEN % json.dumps(written.decode()))
    assert (status, kind) == (101, "websocket")
    assert [each[:2] for each in frames] == [
        ["send" if frame.direction == ">" else "receive", 2 if frame.is_binary else 1] for frame in recording.frames
    ]
    assert json.loads(frames[0][2])["setup"]["model"] == "models/gemini-3.8-live"


async def is_ready(panel: Target) -> bool:
    try:
        return bool(await panel.evaluate(IS_READY))
    except AssertionError:
        # Its modules are still being loaded.
        return False
