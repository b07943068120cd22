"""Pages of a tenant that begin a sign-in and are gone back to after it."""

from __future__ import annotations

from abc import abstractmethod
from typing import ClassVar

from aiohttp import web

from heliostat.core.ids import Ids
from heliostat.identity.realm import Realm
from heliostat.identity.realms import Realms
from heliostat.identity.steps.onward import Onward
from heliostat.identity.steps.sign_in import SignInSteps
from heliostat.identity.steps.step_pages import StepPages


class OnwardPages(Onward):
    """Continuations that lead back to the page at ``path``, and the page."""

    path: ClassVar[str]

    def __init__(
        self, realms: Realms, ids: Ids, domain: str, steps: SignInSteps, step_pages: StepPages
    ) -> None:
        self._realms = realms
        self._ids = ids
        self._domain = domain
        self._steps = steps
        self._pages = step_pages
        steps.add(self)

    def routes(self) -> list[web.RouteDef]:
        """The routes to add; the tenant comes last and may be left out."""
        return [
            method(f"{self.path}{tenant}", answer)
            for tenant in ("", "/{tenant}")
            for method, answer in ((web.get, self.show), (web.post, self.take))
        ]

    @abstractmethod
    async def show(self, request: web.Request) -> web.StreamResponse:
        """The page."""

    @abstractmethod
    async def take(self, request: web.Request) -> web.StreamResponse:
        """What was filled in."""

    async def _realm(self, request: web.Request) -> Realm:
        """The realm that the address names; raises ``TenantNotFound``."""
        return await self._realms.get(request.match_info.get("tenant", self._domain))
