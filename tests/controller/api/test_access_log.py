"""A line for each request: the shape that other lines have, and nothing that a stranger forged."""

from __future__ import annotations

import json
from ipaddress import ip_network
from unittest.mock import Mock

import pytest
from aiohttp.test_utils import make_mocked_request
from hypothesis import given
from hypothesis import strategies as st

from heliostat.controller.api import access_log
from heliostat.controller.api.access_log import LOGGER, OPERATION, AccessLog
from heliostat.core.logs import as_text, entry

PEER = ("192.0.2.7", 5)


async def _line(form: str, path: str, subject: str, *, trusted: bool = False) -> str:
    written: list[str] = []
    networks = (ip_network("192.0.2.0/24"),) if trusted else ()
    log = AccessLog(form, written.append, networks)
    transport = Mock(**{"get_extra_info.return_value": PEER})
    headers = {"X-Forwarded-For": "203.0.113.9"}
    request = make_mocked_request("GET", path, headers, transport=transport)
    request[OPERATION] = "getVm"
    log.answered(request, "r-1", subject, 200, 0.0012345)
    assert not written  # a moment later, with others
    log.flush()
    return "".join(written)


async def test_text() -> None:
    line = await _line("text", "/v1/vms/a?ticket=secret", "ann@local")
    _time, _, rest = line.partition(" ")
    assert rest == (
        "INFO heliostat.access: GET /v1/vms/a [request=r-1 operation=getVm"
        " subject=ann@local address=192.0.2.7 status=200 ms=1.23]\n"
    )


async def test_json_through_a_proxy() -> None:
    line = json.loads(await _line("json", "/v1/vms/a", "ann@local", trusted=True))
    assert line["address"] == "203.0.113.9"
    assert (line["message"], line["operation"], line["ms"]) == ("GET /v1/vms/a", "getVm", 1.23)


@given(subject=st.text(max_size=300), path=st.text(max_size=300), operation=st.text(max_size=20))
def test_the_quick_way_writes_what_any_line_would_be(
    subject: str, path: str, operation: str
) -> None:
    more = {
        "request": "7d1c",
        "operation": operation,
        "subject": subject,
        "address": "192.0.2.7",
        "status": 200,
        "ms": 0.31,
    }
    at_s = 1_795_248_000.25
    quick = access_log._as_text(f"GET {path}", more, at_s)
    assert quick == as_text(entry("INFO", LOGGER, f"GET {path}", more, at_s))


@pytest.mark.parametrize("path", ["/v1/vms/%0A2026-01-01T00:00:00Z", "/%00"])
async def test_a_stranger_begins_no_line(path: str) -> None:
    assert (await _line("text", path, "ann@local")).count("\n") == 1
