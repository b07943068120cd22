"""The one door for connections of ours to addresses that others chose.

An address is judged when it is known and is then what is connected to, so a name that
resolves to another one a moment later gains nothing.  Whoever resolves by himself asks
``allowed``; for HTTP there is ``web``, which judges each socket before it connects.
"""

from __future__ import annotations

import socket
from collections.abc import Iterable, Sequence
from ipaddress import ip_address
from typing import Any

from heliostat.core.errors import PermanentError
from heliostat.identity.reach.bounds import refusal
from heliostat.identity.reach.options import ReachOptions

SHOWN = 3


class OutOfReach(OSError):
    """A connection that is not made; as an ``OSError`` it passes through libraries."""

    def __init__(self, sentence: str) -> None:
        super().__init__(sentence)
        self.sentence = sentence


class Gate:
    """Judges addresses by the operator's options; ``also`` are further networks that are open."""

    def __init__(self, options: ReachOptions, also: Sequence[str] = ()) -> None:
        self._options = options
        self._also = tuple(also)

    def refusal(self, address: str) -> str:
        """Why an address may not be connected to; empty if it may."""
        return refusal(address, self._options, self._also)

    def allowed(self, host: str, addresses: Iterable[str]) -> list[str]:
        """Those of a host's addresses that may be connected to; raises ``OutOfReach`` for none.

        A host without any address is left to who looked.
        """
        found = list(dict.fromkeys(addresses))
        kept = [each for each in found if not self.refusal(each)]
        if found and not kept:
            told = ", ".join(f"{each} {self.refusal(each)}" for each in found[:SHOWN])
            raise OutOfReach(f"{host[:80]} is out of reach: {told}")
        return kept

    def check(self, host: str) -> None:
        """Raises ``AddressRefused`` for an address that may not be connected to.

        Names are judged when they are resolved.
        """
        bare = host.strip("[]")
        try:
            ip_address(bare)
        except ValueError:
            return
        why = self.refusal(bare)
        if why:
            raise refused(f"{bare} {why}")

    def socket(self, found: tuple[Any, ...]) -> socket.socket:
        """A socket for an answer of ``getaddrinfo``; raises ``OutOfReach``."""
        family, kind, protocol, _, at = found
        self.allowed(str(at[0]), [str(at[0])])
        return socket.socket(family, kind, protocol)


def refused(sentence: str) -> PermanentError:
    """What an administrator is told."""
    return PermanentError("AddressRefused", f"{sentence}.")
