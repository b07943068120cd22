"""Service accounts: programs with an identity of their own."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from heliostat.identity.directory.views import AccountView


class AccountVerbs(Protocol):
    """Service accounts; each verb raises ``ServiceAccountNotFound``.

    Its keys and certificates count beside each other.  ``AccountKeyExists``: it has that one;
    ``AccountKeyNotFound``: it has not; ``LastAccountKey``: there is no other one, and no ``force``.
    """

    async def create_service_account(
        self,
        name: str,
        public_key_pem: str,
        groups: Sequence[str] = (),
        *,
        description: str = "",
        days: int = 0,
        unit: str = "",
        plan: bool = False,
    ) -> AccountView:
        """With a public key (PEM or JWK) or a certificate (PEM) to begin with.

        Raises ``InvalidName``, ``NameTaken``, ``InvalidEntity`` (key), ``GroupNotFound``.
        """

    async def change_service_account(
        self,
        name: str,
        *,
        description: str | None = None,
        disabled: bool | None = None,
        plan: bool = False,
    ) -> AccountView:
        """Write what is given and leave the rest; a disabled one signs in with nothing."""

    async def add_account_key(
        self, name: str, public_key: str, *, days: int = 0, title: str = "", plan: bool = False
    ) -> AccountView:
        """``days`` 0: it ends with the account.  Raises ``InvalidEntity``, ``AccountKeyExists``."""

    async def remove_account_key(
        self, name: str, kid: str, *, force: bool = False, plan: bool = False
    ) -> AccountView:
        """Raises ``AccountKeyNotFound``, ``LastAccountKey``."""

    async def add_account_certificate(
        self, name: str, certificate: str, *, plan: bool = False
    ) -> AccountView:
        """From elsewhere, as PEM.  Raises ``InvalidEntity``, ``AccountKeyExists``."""

    async def remove_account_certificate(
        self, name: str, sha256: str, *, force: bool = False, plan: bool = False
    ) -> AccountView:
        """Raises ``AccountKeyNotFound``, ``LastAccountKey``."""

    async def get_service_account(self, name: str) -> AccountView:
        """With when each of its keys and certificates was last used."""

    async def list_service_accounts(self) -> Sequence[AccountView]: ...
    async def delete_service_account(self, name: str, *, plan: bool = False) -> AccountView: ...
