"""Request and response examples as data: read, sent, and compared.

An example names things of the furnished site as ``<vm-stopped>`` and its URL as
``<base>``; ``<id>`` in an expected answer stands for any fresh id, ``<any>`` for
anything that is not empty.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp

from heliostat.testing.site import Site
from heliostat.wire.events import EVENT_STREAM
from heliostat.wire.route import Route

_NAME = re.compile(r"<([a-z][a-z0-9-]*)>")
_ID = "[0-9a-f]{8}-[0-9a-f]{4}-[48][0-9a-f]{3}-[0-9a-f]{4}-[0-9a-f]{12}"
_WILD = {"<id>": _ID, "<any>": ".+"}
TIMEOUT = aiohttp.ClientTimeout(total=20)


@dataclass(frozen=True, slots=True)
class Example:
    """One exchange; ``body`` and ``answer`` are JSON values, ``None`` for no body.

    Of a stream, the first ``events`` events are the answer.
    """

    operation: str
    title: str
    caller: str
    path: str
    status: int
    headers: dict[str, str] = field(default_factory=dict)
    body: Any = None
    upload: dict[str, str] | None = None
    hears: list[str] | None = None
    events: int = 0
    answer: Any = None


def load(path: Path) -> list[Example]:
    """The examples of one operation; the file is named after it."""
    return [_example(path.stem, each) for each in json.loads(path.read_text())]


def _example(operation: str, raw: dict[str, Any]) -> Example:
    request, response = raw["request"], raw["response"]
    return Example(
        operation=operation,
        title=raw["title"],
        caller=raw.get("as", ""),
        path=request["path"],
        headers=request.get("headers", {}),
        body=request.get("body"),
        upload=request.get("upload"),
        hears=request.get("websocket"),
        events=request.get("events", 0),
        status=response["status"],
        answer=response.get("body"),
    )


def filled(value: Any, names: dict[str, str]) -> Any:
    """``value`` with the names in it replaced; wild ones stay."""
    if isinstance(value, str):
        return _NAME.sub(lambda found: names.get(found[1], found[0]), value)
    if isinstance(value, list):
        return [filled(each, names) for each in value]
    if isinstance(value, dict):
        return {filled(key, names): filled(each, names) for key, each in value.items()}
    return value


def matches(expected: Any, found: Any) -> bool:
    """Whether ``found`` is exactly ``expected``, wild strings aside."""
    if expected == "<any>":
        return bool(found)
    if isinstance(expected, str) and isinstance(found, str):
        pattern = re.escape(expected)
        for wild, allowed in _WILD.items():
            pattern = pattern.replace(re.escape(wild), allowed)
        return re.fullmatch(pattern, found, re.DOTALL) is not None
    if isinstance(expected, list) and isinstance(found, list):
        return len(expected) == len(found) and all(map(matches, expected, found))
    if isinstance(expected, dict) and isinstance(found, dict):
        return expected.keys() == found.keys() and all(
            matches(each, found[key]) for key, each in expected.items()
        )
    return type(expected) is type(found) and bool(expected == found)


async def send(
    session: aiohttp.ClientSession, site: Site, route: Route, example: Example
) -> tuple[int, Any]:
    """The answer's status and its JSON body (``None`` for none)."""
    url = site.base + filled(example.path, site.ids)
    headers = dict(example.headers)
    if example.caller:
        headers["Authorization"] = f"Bearer {example.caller}"
    if example.hears is not None:
        return await _talk(session, url, headers, example.hears)
    data: Any = None
    if example.upload is not None:
        headers["Content-Type"] = f"multipart/form-data; boundary={BOUNDARY}"
        data = upload_body(**example.upload)
    elif example.body is not None:
        headers["Content-Type"] = "application/json"
        data = json.dumps(filled(example.body, site.ids))
    async with session.request(
        route.method, url, data=data, headers=headers, timeout=TIMEOUT
    ) as answer:
        if answer.status == 200 and route.media_type == EVENT_STREAM:
            return 200, await _first_events(answer, example.events)
        raw = await answer.read()
        told = raw and answer.content_type == "application/json"
        return answer.status, json.loads(raw) if told else None


async def _first_events(answer: aiohttp.ClientResponse, count: int) -> list[dict[str, Any]]:
    """Name and data of the first events of a stream."""
    found: list[dict[str, Any]] = []
    name = ""
    while len(found) < count:
        line = (await answer.content.readline()).decode().rstrip("\n")
        if line.startswith("event: "):
            name = line.removeprefix("event: ")
        elif line.startswith("data: "):
            found.append({"event": name, "data": json.loads(line.removeprefix("data: "))})
    return found


async def _talk(
    session: aiohttp.ClientSession, url: str, headers: dict[str, str], hears: list[str]
) -> tuple[int, Any]:
    try:
        async with session.ws_connect(url, headers=headers) as socket:
            said = []
            for text in hears:
                await socket.send_bytes(text.encode())
                said.append((await socket.receive_bytes(timeout=10)).decode())
            return 101, said
    except aiohttp.WSServerHandshakeError as error:
        return error.status, None


BOUNDARY = "e1b5f0c2a4d8"


def upload_body(name: str, content: str, replication: str | None = None) -> bytes:
    """A multipart body as existing clients send it: an empty line first, none at the end."""
    field_part = (
        f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="ImageReplication"\r\n\r\n'
        f"{replication}\r\n"
        if replication is not None
        else ""
    )
    file_part = (
        f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="file"; filename="{name}"\r\n'
        f"Content-Type: application/octet-stream\r\n\r\n{content}\r\n"
    )
    return f"\r\n{field_part}{file_part}--{BOUNDARY}--".encode()
