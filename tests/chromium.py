"""Chromium without a window, driven through the protocol of its developer tools."""

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

from tests.needs import needs


class Target:
    """A page of Chromium."""

    def __init__(self, socket: ClientConnection) -> None:
        self._socket, self._calls = socket, 0
        self.complaints: list[Any] = []
        """What the console was told, and errors, where `Log.enable` and `Runtime.enable` were called."""

    async def call(self, method: str, **params: Any) -> Any:
        self._calls += 1
        await self._socket.send(json.dumps({"id": self._calls, "method": method, "params": params}))
        while (answer := json.loads(await self._socket.recv())).get("id") != self._calls:
            if answer["method"] in ("Log.entryAdded", "Runtime.exceptionThrown", "Runtime.consoleAPICalled"):
                self.complaints.append(answer["params"])
        return answer["result"]

    async def evaluate(self, expression: str) -> Any:
        result = await self.call("Runtime.evaluate", expression=expression, awaitPromise=True, returnByValue=True)
        assert "exceptionDetails" not in result, result["exceptionDetails"]
        return result["result"].get("value")


@asynccontextmanager
async def chromium(folder: Path) -> AsyncIterator[tuple[str, Target, str]]:
    """The address of its developer tools, its page, and the page's id. `folder` keeps its state."""
    flags = ["--headless=new", "--no-sandbox", "--disable-gpu", "--remote-debugging-port=0", "--remote-allow-origins=*"]
    flags.append("--autoplay-policy=no-user-gesture-required")
    command = [needs("chromium"), *flags, f"--user-data-dir={folder}", "about:blank"]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        try:
            while not (port_file := folder / "DevToolsActivePort").exists() or not port_file.read_text():
                assert process.poll() is None
                await asyncio.sleep(0.05)
            address = f"127.0.0.1:{port_file.read_text().splitlines()[0]}"
            [page] = [each for each in await http(f"http://{address}/json/list") if each["type"] == "page"]
            async with connect(page["webSocketDebuggerUrl"], max_size=None) as socket:
                yield address, Target(socket), page["id"]
        finally:
            process.terminate()


async def http(url: str, method: str = "GET") -> Any:
    request = urllib.request.Request(url, method=method)
    return json.loads(await asyncio.to_thread(lambda: urllib.request.urlopen(request, timeout=10).read()))
