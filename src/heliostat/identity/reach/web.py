"""HTTP to addresses that others chose, by the ``Gate``: what aiohttp connects through."""

from __future__ import annotations

import socket
import ssl

import aiohttp
from aiohttp.abc import AbstractResolver, ResolveResult
from aiohttp.resolver import ThreadedResolver

from heliostat.identity.reach.gate import Gate, OutOfReach


class JudgedNames(AbstractResolver):
    """Names, resolved to those of their addresses that may be connected to."""

    def __init__(self, gate: Gate) -> None:
        self._gate = gate
        self._resolver = ThreadedResolver()

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        """Raises ``OutOfReach``."""
        found = await self._resolver.resolve(host, port, family)
        allowed = self._gate.allowed(host, [each["host"] for each in found])
        return [each for each in found if each["host"] in allowed]

    async def close(self) -> None:
        await self._resolver.close()


def connector(
    gate: Gate, trust: ssl.SSLContext | bool, resolver: AbstractResolver | None = None
) -> aiohttp.TCPConnector:
    """Connects once, to what the gate lets through: also for addresses, which nobody resolves."""
    return aiohttp.TCPConnector(
        resolver=resolver or JudgedNames(gate),
        socket_factory=gate.socket,
        ssl=trust,
        limit=1,
        force_close=True,
        use_dns_cache=False,
    )


def out_of_reach(error: BaseException) -> OutOfReach | None:
    """Whether a request failed because of where it would have gone."""
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, OutOfReach):
            return cause
        cause = getattr(cause, "os_error", None) or cause.__cause__
    return None
