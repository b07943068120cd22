"""The rules of a directory's tenant."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from heliostat.client.calls import Change, read
from heliostat.client.transport import Transport
from heliostat.wire.identity_policies import IdentityPolicy, IdentityPolicyChange


class IdentityPolicies:
    """Policies, by domain."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    def get(self, domain: str) -> IdentityPolicy:
        return read(self._transport, "getIdentityPolicy", domain, answer=IdentityPolicy)

    def change(
        self,
        domain: str,
        values: Mapping[str, Any],
        unset: Sequence[str] = (),
        *,
        generation: int | None = None,
    ) -> Change[IdentityPolicy]:
        body = IdentityPolicyChange(set=dict(values), unset=list(unset))
        return Change(
            self._transport,
            "changeIdentityPolicy",
            (domain,),
            IdentityPolicy,
            body,
            query=_seen(generation),
        )

    def reset(self, domain: str, *, generation: int | None = None) -> Change[IdentityPolicy]:
        arguments, query = (domain,), _seen(generation)
        return Change(
            self._transport, "resetIdentityPolicy", arguments, IdentityPolicy, query=query
        )


def _seen(generation: int | None) -> dict[str, int]:
    return {} if generation is None else {"generation": generation}
