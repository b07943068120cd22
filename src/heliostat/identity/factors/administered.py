"""Second factors as administrators see them: of one person, and removed for one who lost them."""

from __future__ import annotations

from collections.abc import Sequence

from heliostat.core.errors import HeliostatError
from heliostat.identity.directory.contract.directory import Directory
from heliostat.identity.directory.contract.people import People
from heliostat.identity.factors.factors import Factors
from heliostat.identity.factors.views import FactorView
from heliostat.identity.names import fold


class AdministeredFactors:
    """The verbs on the second factors of one tenant's people; each raises ``UserNotFound``."""

    def __init__(self, factors: Factors, directory: Directory, people: People) -> None:
        self._factors = factors
        self._directory = directory
        self._people = people

    async def list_factors(self, user: str) -> Sequence[FactorView]:
        """What somebody has enrolled; nothing secret."""
        return await self._factors.views(await self._key(user))

    async def remove_factor(self, user: str, id_: str, *, plan: bool = False) -> FactorView:
        """Take one away; raises ``FactorNotFound``."""
        return await self._factors.remove(await self._key(user), id_, plan=plan)

    async def remove_factors(self, user: str, *, plan: bool = False) -> Sequence[FactorView]:
        """Take all away, so that a password alone signs in, or enrolling begins anew."""
        return await self._factors.remove_all(await self._key(user), plan=plan)

    async def _key(self, user: str) -> str:
        """How factors name ``user``: people of directories elsewhere keep their domain."""
        try:
            return fold((await self._directory.get_user(user)).name)
        except HeliostatError as error:
            elsewhere = error.code == "UserNotFound" and "@" in user
            person = await self._people.person(fold(user)) if elsewhere else None
            if person is None:
                raise
            return fold(person.key)
