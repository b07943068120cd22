"""Second factors of people."""

from __future__ import annotations

from collections.abc import Sequence
from types import NoneType

from heliostat.client.calls import Change, read
from heliostat.client.transport import Transport
from heliostat.wire.second_factors import SecondFactor, SecondFactorList


class SecondFactors:
    """Those of the people of the tenant with a domain."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    def list(self, tenant: str, user: str) -> Sequence[SecondFactor]:
        found = read(self._transport, "listSecondFactors", tenant, user, answer=SecondFactorList)
        return found.items

    def remove(self, tenant: str, user: str, factor: str) -> Change[None]:
        arguments = (tenant, user, factor)
        return Change(self._transport, "removeSecondFactor", arguments, NoneType)

    def remove_all(self, tenant: str, user: str) -> Change[None]:
        return Change(self._transport, "removeSecondFactors", (tenant, user), NoneType)
