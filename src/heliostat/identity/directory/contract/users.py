"""People, as they are administered."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from heliostat.identity.directory.contract.reading import UserReading
from heliostat.identity.directory.views import UserView


class UserVerbs(UserReading, Protocol):
    """People, as they are administered; each verb raises ``UserNotFound``."""

    async def create_user(
        self,
        name: str,
        password: str,
        *,
        given_name: str = "",
        family_name: str = "",
        email: str = "",
        description: str = "",
        unit: str = "",
        ssh_public_keys: Sequence[str] = (),
        certificates: Sequence[str] = (),
        must_change: bool = False,
        plan: bool = False,
    ) -> UserView:
        """Raises ``InvalidName``, ``WeakPassword``, ``UserExists``, ``TooManyRequests``,
        ``InvalidEntity`` (a field), ``UnitNotFound``.
        """

    async def change_user(
        self,
        name: str,
        *,
        given_name: str | None = None,
        family_name: str | None = None,
        email: str | None = None,
        description: str | None = None,
        ssh_public_keys: Sequence[str] | None = None,
        certificates: Sequence[str] | None = None,
        disabled: bool | None = None,
        unit: str | None = None,
        plan: bool = False,
    ) -> UserView:
        """Write what is given and leave the rest; ``unit`` empty: back to the container.

        Raises ``InvalidEntity``, ``UnitNotFound``.
        """

    async def set_password(
        self, name: str, password: str, *, must_change: bool = False, plan: bool = False
    ) -> UserView:
        """``must_change``: the password only serves to choose another one."""

    async def change_password(
        self, username: str, old: str, new: str, *, more_shown: bool = False, plan: bool = False
    ) -> UserView:
        """Somebody's own password, for who knows the old one; sessions end.

        ``more_shown``: a second factor was shown, too; otherwise who has one is refused, so that
        a stolen password locks nobody out.  Raises ``InvalidLoginCredentials``,
        ``SecondFactorRequired``, ``WeakPassword``, ``TooManyRequests``.
        """

    async def set_disabled(self, name: str, disabled: bool, *, plan: bool = False) -> UserView: ...
    async def unlock_user(self, name: str, *, plan: bool = False) -> UserView: ...
    async def delete_user(self, name: str, *, plan: bool = False) -> UserView:
        """Raises ``InvalidOperation`` for the built-in administrator."""
