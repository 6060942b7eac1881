"""A report in Chromium, from disk: no error in the console, and it plays, seeks and filters."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

from livecli.page.session import session_page
from tests.chromium import Target, chromium
from tests.needs import needs
from tests.page.recordings import HOSTILE, session

BOUND_SECONDS = 60
STATE = """(async () => {
  const wait = (target, name) => new Promise(done => target.addEventListener(name, done, {once: true}))
  const player = document.querySelector("audio"), form = document.querySelector("form.filter")
  if (player.readyState < 2) await wait(player, "loadeddata")
  const lines = [...document.querySelectorAll("ol.transcript li")], last = lines.at(-1)
  const sought = wait(player, "seeked")
  last.click()
  await sought
  const at = player.currentTime
  const played = wait(player, "timeupdate")
  await played
  player.pause()
  const rows = () => [...document.querySelectorAll("table.frames tbody tr")].filter(row => !row.hidden).length
  const all = rows()
  form.text.value = "totaltokencount"
  form.text.dispatchEvent(new Event("input", {bubbles: true}))
  return {
    duration: player.duration, at, asked: Number(last.dataset.at), now: last.classList.contains("now"),
    all, filtered: rows(), count: form.querySelector("output").textContent,
    scripts: document.scripts.length,
    overflow: document.documentElement.scrollWidth - document.documentElement.clientWidth,
  }
})()"""


async def opened(page: Target, path: Path, width: int) -> dict[str, Any]:
    await page.call("Emulation.setDeviceMetricsOverride", width=width, height=900, deviceScaleFactor=1, mobile=False)
    await page.call("Page.navigate", url=path.as_uri())
    while await page.evaluate("document.readyState + location.protocol") != "completefile:":
        await asyncio.sleep(0.05)
    state: dict[str, Any] = await page.evaluate(STATE)
    return state


async def test_a_page_plays_seeks_and_filters(tmp_path: Path) -> None:
    needs("chromium")
    path = tmp_path / "report.html"
    path.write_bytes(b"".join(session_page(session(HOSTILE), "run.live")))
    async with asyncio.timeout(BOUND_SECONDS), chromium(tmp_path / "state") as (_, page, _):
        await page.call("Log.enable")
        await page.call("Runtime.enable")
        for width in (1280, 400):
            state = await opened(page, path, width)
            assert abs(state["duration"] - 2.9) < 0.3
            assert abs(state["at"] - state["asked"]) < 0.3
            assert state["now"]
            assert (state["scripts"], state["overflow"]) == (1, 0)
            assert state["all"] > 15
            assert (state["filtered"], state["count"]) == (1, f"1 of {state['all']}")
        assert page.complaints == []
