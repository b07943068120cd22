"""ACME's keys as administration is given them: by domain, in plain values."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from heliostat.cloudstore.contract import CloudStore
from heliostat.core.clock import Clock
from heliostat.core.ids import Ids
from heliostat.identity.acme.accounts import Accounts
from heliostat.identity.acme.records import AcmeKey
from heliostat.identity.realms import Realms


@dataclass(frozen=True, slots=True)
class KeyView:
    """A key; ``secret`` and ``directory`` only of a new one."""

    id: str
    title: str
    names: tuple[str, ...]
    by: str
    account: str
    created_ms: int
    secret: str = ""
    directory: str = ""

    @property
    def name(self) -> str:
        """Lists are in the order of names."""
        return f"{self.title} {self.id}"


class AcmeKeys:
    """The verbs, by domain; each raises ``TenantNotFound``."""

    def __init__(self, store: CloudStore, clock: Clock, ids: Ids, realms: Realms) -> None:
        self._store = store
        self._clock = clock
        self._ids = ids
        self._realms = realms

    async def create(
        self, domain: str, title: str, names: Sequence[str], by: str, *, plan: bool = False
    ) -> KeyView:
        """Raises ``InvalidEntity``."""
        options = (await self._realms.get(domain)).options
        accounts = await self._accounts(domain)
        key, secret = await accounts.create_key(title, names, by, plan=plan)
        directory = f"{options.base_url.rstrip('/')}/acme/{options.domain}/directory"
        return _view(key, secret, directory)

    async def all(self, domain: str) -> list[KeyView]:
        return [_view(each) for each in await (await self._accounts(domain)).keys()]

    async def delete(self, domain: str, id_: str, *, plan: bool = False) -> KeyView:
        """Raises ``AcmeKeyNotFound``."""
        return _view(await (await self._accounts(domain)).delete_key(id_, plan=plan))

    async def _accounts(self, domain: str) -> Accounts:
        realm = await self._realms.get(domain)
        tenant = realm.options.tenant
        return Accounts(self._store, self._clock, self._ids, realm.sealing, tenant)


def _view(key: AcmeKey, secret: str = "", directory: str = "") -> KeyView:
    return KeyView(
        key.id, key.title, key.names, key.by, key.account, key.created_ms, secret, directory
    )
