"""Asking another provider over HTTP: bounded in size, time, number and direction.

No redirect is followed, no proxy of the environment is used, no cookie is kept.  Names are
resolved here, and only to addresses that the site's ``Gate`` and ``depth`` allow, so that what
was checked is where the connection goes.
"""

from __future__ import annotations

import asyncio
import json
import socket
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import aiohttp
from aiohttp.abc import ResolveResult

from heliostat.core.errors import PermanentError, TemporaryError
from heliostat.identity.federation.depth import Depth, depth_of, may_lead
from heliostat.identity.reach.gate import Gate, refused
from heliostat.identity.reach.web import JudgedNames, connector, out_of_reach

MAX_BYTES = 262_144
TIMEOUT_S = 10.0
AT_ONCE = 16
OK = 200


@dataclass(frozen=True, slots=True)
class Answer:
    """A JSON object, and how far inside it came from; ``status`` is HTTP's."""

    status: int
    body: dict[str, Any]
    depth: Depth


class Outbound:
    """Requests to other providers; one for a process."""

    def __init__(self, gate: Gate, *, plain_http: bool = False) -> None:
        self.gate = gate
        self._plain_http = plain_http
        self._slots = asyncio.Semaphore(AT_ONCE)

    async def get(self, url: str, *, within: Depth, ca_pem: str = "", bearer: str = "") -> Answer:
        """The object at ``url``.

        Raises ``ProviderUnreachable``, ``ProviderInvalid``, ``AddressRefused``.
        """
        headers = {"Authorization": f"Bearer {bearer}"} if bearer else {}
        return await self._asked("GET", url, within, ca_pem, headers, None)

    async def post(
        self,
        url: str,
        fields: Mapping[str, str],
        *,
        within: Depth,
        ca_pem: str = "",
        headers: Mapping[str, str] | None = None,
    ) -> Answer:
        """What is answered to a form; raises as ``get``."""
        return await self._asked("POST", url, within, ca_pem, headers or {}, fields)

    async def _asked(
        self,
        method: str,
        url: str,
        within: Depth,
        ca_pem: str,
        headers: Mapping[str, str],
        fields: Mapping[str, str] | None,
    ) -> Answer:
        self.checked(url, within)
        try:
            async with self._slots, asyncio.timeout(TIMEOUT_S):
                return await self._answered(method, url, within, ca_pem, headers, fields)
        except (TimeoutError, aiohttp.ClientError, OSError) as error:
            far = out_of_reach(error)
            if far is not None:
                raise refused(far.sentence) from error
            raise TemporaryError(
                "ProviderUnreachable",
                f"{_host(url)} gives no answer: {str(error)[:200] or 'it took too long'}.",
            ) from error

    async def _answered(
        self,
        method: str,
        url: str,
        within: Depth,
        ca_pem: str,
        headers: Mapping[str, str],
        fields: Mapping[str, str] | None,
    ) -> Answer:
        trust = ssl.create_default_context(cadata=ca_pem) if ca_pem else True
        resolver = _Within(self.gate, within, depth_of(urlsplit(url).hostname or ""))
        async with (
            aiohttp.ClientSession(
                connector=connector(self.gate, trust, resolver),
                cookie_jar=aiohttp.DummyCookieJar(),
                headers={"Accept": "application/json"},
                auto_decompress=False,
                max_line_size=8_190,
                max_field_size=8_190,
            ) as session,
            session.request(
                method, url, data=fields, headers=headers, allow_redirects=False
            ) as response,
        ):
            body = await _read(response)
            return Answer(response.status, _object(body, url), resolver.depth)

    def checked(self, url: str, within: Depth) -> str:
        """``url``, if it is one that may be asked; raises ``ProviderInvalid``."""
        why = self.fault(url, within)
        if why:
            raise invalid(why)
        return url

    def fault(self, url: str, within: Depth) -> str:
        """Why ``url`` may not be asked; empty if it may."""
        try:
            parts = urlsplit(url)
            _ = parts.port
        except ValueError:
            return f"{url[:80]!r} is no address"
        if parts.scheme != "https" and not (parts.scheme == "http" and self._plain_http):
            return f"{url[:80]!r} does not begin with https"
        host = parts.hostname or ""
        if not host or "@" in parts.netloc or parts.fragment or not url.isascii():
            return f"{url[:80]!r} is no address that can be asked"
        if _is_address(host) and not may_lead(within, depth_of(host)):
            return f"{host} lies further inside than the provider may lead"
        return ""


class _Within(JudgedNames):
    """Names, resolved to addresses that lie no further inside than a provider may lead.

    ``depth`` is then the outermost of them: whoever is at the other end is at least there.
    """

    def __init__(self, gate: Gate, within: Depth, depth: Depth) -> None:
        super().__init__(gate)
        self._within = within
        self.depth = depth

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        found = await super().resolve(host, port, family)
        allowed = [each for each in found if may_lead(self._within, depth_of(each["host"]))]
        if found and not allowed:
            raise invalid(f"{host} lies further inside than the provider may lead")
        self.depth = min((depth_of(each["host"]) for each in allowed), default=self.depth)
        return allowed


def invalid(why: str) -> PermanentError:
    """What a provider says makes no sense, or must not be believed."""
    return PermanentError("ProviderInvalid", f"The provider's answer is not accepted: {why}.")


async def _read(response: aiohttp.ClientResponse) -> bytes:
    body = bytearray()
    async for chunk in response.content.iter_any():
        body += chunk
        if len(body) > MAX_BYTES:
            raise invalid(f"it has more than {MAX_BYTES} bytes")
    return bytes(body)


def _object(body: bytes, url: str) -> dict[str, Any]:
    try:
        value = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise invalid(f"what {_host(url)} sends is no JSON") from error
    if not isinstance(value, dict):
        raise invalid(f"what {_host(url)} sends is no JSON object")
    return value


def _is_address(host: str) -> bool:
    return host.replace(".", "").isdecimal() or ":" in host


def _host(url: str) -> str:
    return urlsplit(url).netloc[:80]
