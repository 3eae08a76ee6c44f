"""A real browser, headless, spoken to over the DevTools protocol; it can reach nothing but this machine."""

import asyncio
import itertools
import json
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from aiohttp import ClientSession, ClientWebSocketResponse

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
_KEYS = {"Tab": 9, "Enter": 13, "Escape": 27}
_PATIENCE = 15.0
_FLAGS = (
    *("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-dev-shm-usage"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync", "--disable-default-apps"),
    *("--no-proxy-server", "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1"),
    *("--remote-debugging-port=0", "about:blank"),
)
# Resolves once the expression holds; looks again whenever the page changes, and now and then for what is no change.
_UNTIL = """new Promise((resolve) => {
  const look = () => { const found = (%s); if (found) { watch.disconnect(); clearInterval(often); resolve(found); } };
  const watch = new MutationObserver(look), often = setInterval(look, 50);
  watch.observe(document, {subtree: true, childList: true, attributes: true, characterData: true});
  look();
})"""


class Page:
    """A tab.  *complaints* are the errors of its console: exceptions, violated policies, requests that failed."""

    def __init__(self, socket: ClientWebSocketResponse) -> None:
        self.complaints: list[str] = []
        self._socket = socket
        self._numbers = itertools.count(1)
        self._answers: dict[int, asyncio.Future[dict[str, Any]]] = {}
        self._downloads: asyncio.Queue[str] = asyncio.Queue()

    async def call(self, method: str, **parameters: Any) -> dict[str, Any]:
        """Return the result of a DevTools command."""
        number = next(self._numbers)
        answer = self._answers[number] = asyncio.get_running_loop().create_future()
        await self._socket.send_json({"id": number, "method": method, "params": parameters})
        async with asyncio.timeout(_PATIENCE):
            return await answer

    async def open(self, url: str) -> None:
        await self.call("Page.navigate", url=url)
        await self.until("document.readyState === 'complete'")

    async def run(self, expression: str) -> Any:
        """Return the value of a JavaScript expression, awaited."""
        done = await self.call("Runtime.evaluate", expression=expression, awaitPromise=True, returnByValue=True)
        if "exceptionDetails" in done:
            raise AssertionError(done["exceptionDetails"].get("exception", {}).get("description"))
        return done["result"].get("value")

    async def until(self, expression: str) -> Any:
        """Return the value of *expression* once it is true."""
        try:
            return await self.run(_UNTIL % expression)
        except TimeoutError:
            text = await self.run("document.body.innerText")
            raise AssertionError(f"never: {expression}\n{self.complaints}\n{text}") from None

    async def press(self, key: str) -> None:
        """Press and release a key, such as `Tab`, `Enter` or `Escape`."""
        told: dict[str, Any] = {"key": key, "code": key, "windowsVirtualKeyCode": _KEYS[key]}
        text = {"text": "\r"} if key == "Enter" else {}
        await self.call("Input.dispatchKeyEvent", type="keyDown", **told, **text)
        await self.call("Input.dispatchKeyEvent", type="keyUp", **told)

    async def downloaded(self) -> None:
        """Wait until a file has been saved."""
        async with asyncio.timeout(_PATIENCE):
            await self._downloads.get()

    async def listen(self) -> None:
        """Hand answers to whoever waits for them, until the socket is closed."""
        async for message in self._socket:
            told = json.loads(message.data)
            if "id" in told:
                answer = self._answers.pop(told["id"])
                if not answer.done():
                    answer.set_result(told.get("result", told))
            else:
                self._note(told["method"], told["params"])

    def _note(self, event: str, told: dict[str, Any]) -> None:
        if event == "Runtime.exceptionThrown":
            self.complaints.append(str(told["exceptionDetails"].get("exception", told)))
        elif event == "Runtime.consoleAPICalled" and told["type"] in {"error", "warning", "assert"}:
            self.complaints.append(str(told["args"]))
        elif event == "Log.entryAdded" and told["entry"]["level"] in {"error", "warning"}:
            self.complaints.append(f"{told['entry']['text']} {told['entry'].get('url', '')}")
        elif event == "Browser.downloadProgress" and told["state"] == "completed":
            self._downloads.put_nowait(told["guid"])


@asynccontextmanager
async def browsing(folder: Path) -> AsyncIterator[Page]:
    """Yield a tab of a new browser whose profile lies in *folder*."""
    assert CHROMIUM is not None
    process = await asyncio.create_subprocess_exec(
        CHROMIUM,
        *_FLAGS,
        f"--user-data-dir={folder}",
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        async with asyncio.timeout(_PATIENCE):
            port = await _port(process)
        async with ClientSession(f"http://127.0.0.1:{port}") as http:
            tab = next(each for each in await (await http.get("/json")).json() if each["type"] == "page")
            async with http.ws_connect(tab["webSocketDebuggerUrl"], max_msg_size=2**26) as socket:
                page = Page(socket)
                listening = asyncio.create_task(page.listen())
                for domain in ("Page", "Runtime", "Log"):
                    await page.call(f"{domain}.enable")
                yield page
                await page.call("Browser.close")
                await listening
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


async def _port(process: asyncio.subprocess.Process) -> str:
    assert process.stderr is not None
    while line := await process.stderr.readline():
        if line.startswith(b"DevTools listening on ws://"):
            return line.decode().split(":")[2].partition("/")[0]
    raise RuntimeError("the browser did not start")
