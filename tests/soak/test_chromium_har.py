"""Chromium's network panel: it saves a page's session with the emulator as HAR, and opens what livecli writes.

The panel is a page of Chromium's own, so its modules can be called through the protocol of the developer tools.
"""

from __future__ import annotations

import asyncio
import json
import subprocess
import urllib.request
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from websockets.asyncio.client import ClientConnection, connect

from livecli.emulator.options import EmulatorOptions
from livecli.emulator.server import run_emulator
from livecli.recording.conversion import cleaned, parse_recording, rendered
from livecli.recording.validation import problems
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


class Target:
    """A page of Chromium."""

    def __init__(self, socket: ClientConnection) -> None:
        self._socket, self._calls = socket, 0

    async def call(self, method: str, **params: Any) -> Any:
        self._calls += 1
        await self._socket.send(json.dumps({"id": self._calls, "method": method, "params": params}))
        while (answer := json.loads(await self._socket.recv())).get("id") != self._calls:
            pass
        return answer["result"]

    async def evaluate(self, expression: str) -> Any:
        result = await self.call("Runtime.evaluate", expression=expression, awaitPromise=True, returnByValue=True)
        assert "exceptionDetails" not in result, result["exceptionDetails"]
        return result["result"].get("value")


@asynccontextmanager
async def page_and_panel(folder: Path) -> AsyncIterator[tuple[Target, Target]]:
    flags = ["--headless=new", "--no-sandbox", "--disable-gpu", "--remote-debugging-port=0", "--remote-allow-origins=*"]
    command = [needs("chromium"), *flags, f"--user-data-dir={folder}", "about:blank"]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as chromium:
        try:
            while not (port_file := folder / "DevToolsActivePort").exists() or not port_file.read_text():
                assert chromium.poll() is None
                await asyncio.sleep(0.05)
            address = f"127.0.0.1:{port_file.read_text().splitlines()[0]}"
            [page] = [each for each in await http(f"http://{address}/json/list") if each["type"] == "page"]
            inspector = f"http://{address}/devtools/inspector.html%3Fws={address}/devtools/page/{page['id']}"
            panel = await http(f"http://{address}/json/new?{inspector}", "PUT")
            async with (
                connect(page["webSocketDebuggerUrl"], max_size=None) as first,
                connect(panel["webSocketDebuggerUrl"], max_size=None) as second,
            ):
                yield Target(first), Target(second)
        finally:
            chromium.terminate()


async def http(url: str, method: str = "GET") -> Any:
    request = urllib.request.Request(url, method=method)
    return json.loads(await asyncio.to_thread(lambda: urllib.request.urlopen(request, timeout=10).read()))


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
