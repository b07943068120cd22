"""Reaching a directory server: its name, a socket, TLS from the start or by StartTLS.

Each step ends within the time given, in ``Unreachable`` where it fails.  Certificates are
checked with their names before anything is said, also with StartTLS, whose plain beginning
can smuggle nothing into what follows: no byte more than its answer is read before TLS.
"""

from __future__ import annotations

import asyncio
import os
import socket
import ssl
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import NewType

from heliostat.identity.reach.gate import Gate, OutOfReach
from heliostat.identity.sources.protocol import messages
from heliostat.identity.sources.protocol.address import Address
from heliostat.identity.sources.protocol.ber import SEQUENCE, Malformed, header
from heliostat.identity.sources.protocol.messages import Outcome
from heliostat.identity.sources.protocol.results import named

LONGEST_MESSAGE = 1 << 20
"""Bytes of one answer; entries come with named attributes only, so real ones are small."""
START_TLS_NUMBER = 1
ADDRESSES = 4
_RESOLVING = ThreadPoolExecutor(4, thread_name_prefix="resolving")
"""Looking up a name can't be given up: names that hang wait here, not among other work."""

Resolved = NewType("Resolved", tuple[tuple[socket.AddressFamily, tuple[str, int]], ...])


class Unreachable(Exception):
    """The server can't be used; the text says why."""


class Barred(Unreachable):
    """The operator does not let the server's address be connected to."""


@dataclass(frozen=True, slots=True)
class Link:
    """How to reach a server: ``tls`` is ``None`` for a plain connection."""

    address: Address
    tls: ssl.SSLContext | None
    timeout_s: float
    gate: Gate


async def resolve(link: Link) -> Resolved:
    """The server's addresses that may be connected to; raises ``Unreachable``, ``Barred``."""
    loop, address = asyncio.get_running_loop(), link.address
    try:
        async with asyncio.timeout(link.timeout_s):
            found = await loop.run_in_executor(_RESOLVING, _addresses, address.host, address.port)
    except TimeoutError as error:
        raise Unreachable(f"the name {address.host} was not resolved in time") from error
    except (OSError, UnicodeError) as error:  # the latter: no name of a host at all
        raise Unreachable(f"the name {address.host} does not resolve") from error
    try:
        allowed = link.gate.allowed(address.host, [at[0] for _, at in found])
    except OutOfReach as error:
        raise Barred(error.sentence) from error
    return Resolved(tuple(each for each in found if each[1][0] in allowed)[:ADDRESSES])


def _addresses(host: str, port: int) -> Resolved:
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return Resolved(tuple((family, (str(at[0]), int(at[1]))) for family, *_, at in found))


async def connect(link: Link, resolved: Resolved) -> socket.socket:
    """A socket to the first address that answers; raises ``Unreachable``."""
    why = "it has no address"
    try:
        async with asyncio.timeout(link.timeout_s):
            for family, at in resolved:
                made = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
                made.setblocking(False)
                try:
                    await asyncio.get_running_loop().sock_connect(made, at)
                except OSError as error:
                    made.close()
                    why = os.strerror(error.errno).lower() if error.errno else str(error)
                except BaseException:
                    made.close()
                    raise
                else:
                    return made
    except TimeoutError as error:
        raise Unreachable(f"{link.address} did not answer in {link.timeout_s:g} s") from error
    raise Unreachable(f"{link.address} can't be connected to: {why}")


async def message(exactly: Callable[[int], Awaitable[bytes]]) -> bytes:
    """The next message, read as far as its own length says and no byte further."""
    data = await exactly(2)
    while True:
        try:
            tag, start, size = header(data)
            break
        except IndexError:
            data += await exactly(1)
    if tag != SEQUENCE:
        raise Malformed("no answer of a directory")
    if size > LONGEST_MESSAGE:
        raise Malformed(f"an answer of {size} bytes, when {LONGEST_MESSAGE} are too many")
    return data[:start] + await exactly(size)


async def start_tls(connected: socket.socket) -> None:
    loop = asyncio.get_running_loop()

    async def exactly(count: int) -> bytes:
        data = b""
        while len(data) < count:
            more = await loop.sock_recv(connected, count - len(data))
            if not more:
                raise EOFError
            data += more
        return data

    await loop.sock_sendall(connected, messages.start_tls(START_TLS_NUMBER))
    number, _, outcome = messages.read(await message(exactly))
    if number != START_TLS_NUMBER or not isinstance(outcome, Outcome):
        raise Malformed("an answer to something else")
    if outcome.code:
        raise Unreachable(f"StartTLS was refused: {named(outcome.code)}")


def explained(link: Link, error: BaseException) -> Unreachable | None:
    """What went wrong with a connection; ``None`` for what is no fault of it."""
    at = link.address
    match error:
        case Unreachable():
            return error
        case ssl.SSLCertVerificationError():
            return Unreachable(f"the certificate of {at} is not trusted: {error.verify_message}")
        case ssl.SSLError():
            return Unreachable(f"{at} and TLS do not agree: {error.reason or error}")
        case TimeoutError():
            return Unreachable(f"{at} did not answer in {link.timeout_s:g} s")
        case Malformed() | UnicodeDecodeError():
            return Unreachable(f"{at} does not speak LDAP: {error}")
        case EOFError() | OSError():
            return Unreachable(f"{at} ended the connection")
        case _:
            return None
