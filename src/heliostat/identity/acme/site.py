"""ACME of a site: each tenant's part, made when first asked for."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Awaitable, Callable

from heliostat.core.errors import HeliostatError
from heliostat.core.ids import Ids
from heliostat.identity.acme.part import Acme
from heliostat.identity.acme.problems import Problem
from heliostat.identity.authority.policy import Asker, may_have
from heliostat.identity.directories import Directories
from heliostat.identity.names import bare_name
from heliostat.identity.principal import Principal
from heliostat.identity.realm import Realm

KEPT = 256
Verify = Callable[[str], Awaitable[Principal]]
"""The bearer of an access token; raises ``HeliostatError``."""


class AcmeSite:
    """Finds them by domain."""

    def __init__(self, directories: Directories, ids: Ids, verify: Verify) -> None:
        self._directories = directories
        self._ids = ids
        self._verify = verify
        self._kept: OrderedDict[str, Acme] = OrderedDict()

    async def find(self, domain: str) -> Acme:
        """Raises ``TenantNotFound``."""
        realm = await self._directories.realms.get(domain)
        tenant = realm.options.tenant
        known = self._kept.get(tenant)
        if known is None or known.domain != realm.options.domain:
            known = self._kept[tenant] = self._made(realm)
        self._kept.move_to_end(tenant)
        while len(self._kept) > KEPT:
            self._kept.popitem(last=False)
        return known

    def _made(self, realm: Realm) -> Acme:
        authority = self._directories.authorities.of(realm.options)

        async def vouch(name: str, token: str) -> None:
            """host-01: who may have the name by the policy's rules, shown by a token."""
            try:
                bearer = await self._verify(token)
            except HeliostatError as error:
                raise Problem("unauthorized", error.message) from error
            own = realm.options.domain
            user = bare_name(bearer.subject, own) or ""
            policy = await authority.certificates.policy()
            if not may_have(policy, own, name, Asker(bearer.subject, user, bearer.groups)):
                told = f"No rule of {own} lets {bearer.subject} have {name}."
                raise Problem("unauthorized", told)

        return Acme(
            authority.roots.store,
            authority.roots.clock,
            self._ids,
            realm.options,
            realm.sealing,
            authority.certificates,
            vouch,
        )
