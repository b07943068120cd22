"""Service accounts: programs with an identity of their own."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from heliostat.identity.directory.views import AccountView


class AccountVerbs(Protocol):
    """Service accounts; each verb raises ``ServiceAccountNotFound``."""

    async def create_service_account(
        self,
        name: str,
        public_key_pem: str,
        groups: Sequence[str] = (),
        *,
        unit: str = "",
        plan: bool = False,
    ) -> AccountView:
        """With a public key or a certificate, as PEM.

        Raises ``InvalidName``, ``NameTaken``, ``InvalidEntity`` (key), ``GroupNotFound``.
        """

    async def get_service_account(self, name: str) -> AccountView: ...
    async def list_service_accounts(self) -> Sequence[AccountView]: ...
    async def delete_service_account(self, name: str, *, plan: bool = False) -> AccountView: ...
