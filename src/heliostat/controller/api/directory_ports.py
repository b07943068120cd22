"""What the API asks of directories of tenants: their verbs, their rules, tenants themselves.

The verbs are the directory's contract itself, which knows nothing of how it is kept.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Any, Protocol

from heliostat.cloudstore.contract import Change, Guard
from heliostat.identity.directory.contract.directory import Administered

Beside = Callable[[], Awaitable[tuple[Sequence[Guard], Sequence[Change]]]]
"""What somebody wants in the same commit; it may raise, and then nothing is committed."""


class TenantRecord(Protocol):
    """A tenant of the directory."""

    @property
    def name(self) -> str: ...
    @property
    def domain(self) -> str: ...
    @property
    def issuer(self) -> str: ...
    @property
    def description(self) -> str: ...
    @property
    def system(self) -> bool: ...
    @property
    def created_ms(self) -> int: ...


class NewTenantRecord(Protocol):
    """A tenant just made, with the password that is shown this once."""

    @property
    def tenant(self) -> TenantRecord: ...
    @property
    def administrator(self) -> str: ...
    @property
    def password(self) -> str: ...


class DirectoryPort(Administered, Protocol):
    """A directory; each change is one commit and returns after it.

    With ``plan`` a change validates and writes nothing.
    """

    def beside(self, also: Beside) -> AbstractContextManager[None]:
        """A change made inside commits what ``also`` says together with its own."""


class TenantsPort(Protocol):
    """Tenants of the directory; changes as in ``DirectoryPort``."""

    async def create_tenant(
        self, domain: str, *, description: str = "", plan: bool = False
    ) -> NewTenantRecord: ...
    async def get_tenant(self, domain: str) -> TenantRecord: ...
    async def list_tenants(self) -> Sequence[TenantRecord]: ...
    async def delete_tenant(self, domain: str, *, plan: bool = False) -> TenantRecord: ...


class SettingRecord(Protocol):
    """A setting of a policy; ``own``: the tenant's, not the site's."""

    @property
    def path(self) -> str: ...
    @property
    def value(self) -> Any: ...
    @property
    def default(self) -> Any: ...
    @property
    def own(self) -> bool: ...
    @property
    def about(self) -> str: ...


class PolicyRecord(Protocol):
    """A tenant's rules; ``changes`` tell what a change just decided does."""

    @property
    def domain(self) -> str: ...
    @property
    def generation(self) -> int: ...
    @property
    def changed_ms(self) -> int: ...
    @property
    def settings(self) -> Sequence[SettingRecord]: ...
    @property
    def changes(self) -> Sequence[str]: ...


class PoliciesPort(Protocol):
    """The rules of each tenant; changes as in ``DirectoryPort``."""

    async def get_policy(self, domain: str) -> PolicyRecord: ...
    async def change_policy(
        self,
        domain: str,
        values: Mapping[str, Any],
        removed: Iterable[str] = (),
        *,
        generation: int | None = None,
        plan: bool = False,
    ) -> PolicyRecord: ...
    async def reset_policy(
        self, domain: str, *, generation: int | None = None, plan: bool = False
    ) -> PolicyRecord: ...
