"""A real Chromium without a window, driven over its DevTools protocol, for slow tests.

::

    async with chromium(trusted=[certificate]) as browser:
        page = await browser.page()
        await page.open("https://localhost:1234/")

Its profile, cache and crash reports lie in ``folder``; it ends with the block, by signal to its
own process group.  A page's ``do`` runs an expression in it and waits for what it promises.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import hashlib
import json
import os
import shutil
import signal
import tempfile
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from websockets.asyncio.client import ClientConnection, connect

START_S = 30.0
ANSWER_S = 20.0
NAMES = ("chromium", "chromium-browser", "google-chrome")
_LARGEST = 32 * 1024 * 1024


def installed() -> str:
    """Where a Chromium is; empty where there is none."""
    return next((found for each in NAMES if (found := shutil.which(each))), "")


class Failed(AssertionError):
    """The browser refused a command, or an expression threw."""


class Chromium:
    """A running browser; commands are answered in any order."""

    def __init__(self, socket: ClientConnection) -> None:
        self._socket = socket
        self._next = 0
        self._waiting: dict[int, asyncio.Future[dict[str, Any]]] = {}

    async def read(self) -> None:
        """Hand answers to whoever waits for them, until the browser goes."""
        async for text in self._socket:
            message = json.loads(text)
            waiting = self._waiting.pop(message.get("id", 0), None)
            if waiting is not None and not waiting.done():
                waiting.set_result(message)

    async def ask(self, method: str, session: str = "", **fields: object) -> dict[str, Any]:
        """What a command of the protocol answers; raises ``Failed``."""
        self._next += 1
        sent: dict[str, object] = {"id": self._next, "method": method, "params": fields}
        if session:
            sent["sessionId"] = session
        waiting = self._waiting[self._next] = asyncio.get_running_loop().create_future()
        await self._socket.send(json.dumps(sent))
        answer = await asyncio.wait_for(waiting, ANSWER_S)
        if "error" in answer:
            raise Failed(f"{method}: {answer['error']['message']}")
        result: dict[str, Any] = answer["result"]
        return result

    async def page(self) -> Tab:
        """A tab with cookies of its own."""
        context = (await self.ask("Target.createBrowserContext"))["browserContextId"]
        made = await self.ask("Target.createTarget", url="about:blank", browserContextId=context)
        target = made["targetId"]
        session = (await self.ask("Target.attachToTarget", targetId=target, flatten=True))[
            "sessionId"
        ]
        return Tab(self, session)


class Tab:
    """One tab."""

    def __init__(self, browser: Chromium, session: str) -> None:
        self._browser = browser
        self._session = session

    async def ask(self, method: str, **fields: object) -> dict[str, Any]:
        """As ``Chromium.ask``, of this tab."""
        return await self._browser.ask(method, self._session, **fields)

    async def open(self, url: str) -> None:
        """Go to ``url``, and wait until it is there."""
        told = await self.ask("Page.navigate", url=url)
        if told.get("errorText"):
            raise Failed(f"{url}: {told['errorText']}")
        await self.until("document.readyState === 'complete'")

    async def do(self, expression: str) -> Any:
        """The value of an expression in the page; raises ``Failed`` for what it throws."""
        told = await self.ask(
            "Runtime.evaluate", expression=expression, awaitPromise=True, returnByValue=True,
            userGesture=True,
        )  # fmt: skip
        if "exceptionDetails" in told:
            raise Failed(str(told["exceptionDetails"].get("exception", told))[:500])
        return told["result"].get("value")

    async def until(self, expression: str) -> None:
        """Wait until an expression is true; a page that is just being left is asked again."""
        seen = ""
        try:
            async with asyncio.timeout(ANSWER_S):
                while True:
                    with contextlib.suppress(Failed):
                        if await self.do(expression):
                            return
                        seen = await self.do("location.href + ' ' + document.body.innerText")
                    await asyncio.sleep(0.05)
        except TimeoutError:
            raise Failed(f"{expression} does not come true; seen: {seen[:1000]}") from None

    async def text(self) -> str:
        """What the page says."""
        return str(await self.do("document.body.innerText"))

    async def type(self, selector: str, text: str) -> None:
        """Type into a field as a keyboard does."""
        await self.do(f"document.querySelector({json.dumps(selector)}).focus()")
        await self.ask("Input.insertText", text=text)

    async def click(self, selector: str) -> None:
        """Press the left button over the first element that ``selector`` finds."""
        found = json.dumps(selector)
        place = await self.do(
            f"(() => {{ const e = document.querySelector({found}); e.scrollIntoView();"
            " const r = e.getBoundingClientRect();"
            " return [r.x + r.width / 2, r.y + r.height / 2]; })()"
        )
        for kind in ("mousePressed", "mouseReleased"):
            await self.ask(
                "Input.dispatchMouseEvent", type=kind, x=place[0], y=place[1], button="left",
                clickCount=1,
            )  # fmt: skip


@contextlib.asynccontextmanager
async def chromium(trusted: Sequence[str] = ()) -> AsyncIterator[Chromium]:
    """A browser; ``trusted`` are certificates (PEM) of servers that it takes for proven.

    Its folder has a short path: it makes a socket there, and gives up where that is too long.
    """
    with tempfile.TemporaryDirectory(prefix="helio-web-", ignore_cleanup_errors=True) as name:
        async with _running(Path(name), trusted) as browser:
            yield browser


@contextlib.asynccontextmanager
async def _running(folder: Path, trusted: Sequence[str]) -> AsyncIterator[Chromium]:
    profile = folder / "profile"
    profile.mkdir(parents=True)
    argv = [
        installed(), "--headless=new", "--no-sandbox", "--disable-gpu", "--no-first-run",
        "--disable-dev-shm-usage", "--disable-background-networking", "--disable-sync",
        "--no-proxy-server", "--disable-breakpad", "--remote-debugging-port=0",
        f"--user-data-dir={profile}", "--disable-component-update",
        f"--ignore-certificate-errors-spki-list={','.join(map(_pin, trusted))}",
        "about:blank",
    ]  # fmt: skip
    environ = {**os.environ, "HOME": str(folder), "TMPDIR": str(folder)}
    with (folder / "chromium.log").open("wb") as log:
        process = await asyncio.create_subprocess_exec(
            *argv, env=environ, stdin=asyncio.subprocess.DEVNULL, stdout=log, stderr=log,
            start_new_session=True,
        )  # fmt: skip
    try:
        address = await _address(profile / "DevToolsActivePort", process)
        async with connect(address, max_size=_LARGEST, proxy=None) as socket:
            browser = Chromium(socket)
            reading = asyncio.create_task(browser.read())
            try:
                yield browser
            finally:
                reading.cancel()
                with contextlib.suppress(asyncio.CancelledError):
                    await reading
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        await process.wait()


async def _address(told: Path, process: asyncio.subprocess.Process) -> str:
    async with asyncio.timeout(START_S):
        while True:
            lines = _lines(told)
            if len(lines) > 1:
                return f"ws://127.0.0.1:{lines[0]}{lines[1]}"
            if process.returncode is not None:
                raise Failed(f"the browser ended with {process.returncode}")
            await asyncio.sleep(0.05)


def _lines(told: Path) -> list[str]:
    return told.read_text().splitlines() if told.exists() else []


def _pin(certificate: str) -> str:
    key = x509.load_pem_x509_certificate(certificate.encode()).public_key()
    spki = key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return base64.b64encode(hashlib.sha256(spki).digest()).decode()
