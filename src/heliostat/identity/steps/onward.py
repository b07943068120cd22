"""Who goes on when a sign-in is done: one ``Onward`` for each kind of continuation.

A program's request, a device that waits, a relying party's request, the account page: each
says what its fields mean, and what a browser gets in which somebody has signed in for it.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from aiohttp import web

from heliostat.identity.directory.contract.people import Person
from heliostat.identity.realm import Realm
from heliostat.identity.steps.records import Continuation
from heliostat.identity.tokens.records import BrowserSession


@dataclass(frozen=True, slots=True)
class Visit:
    """A browser's request, and the realm that it is about."""

    request: web.Request
    realm: Realm


class GoElsewhere(Exception):
    """The request is answered without a sign-in, by ``response``."""

    def __init__(self, response: web.StreamResponse) -> None:
        super().__init__("answered")
        self.response = response


class Onward(ABC):
    """Understands the continuations of one ``kind``."""

    kind: str

    @abstractmethod
    async def asked(self, realm: Realm, fields: Mapping[str, str], /) -> Continuation:
        """The continuation that ``fields`` describe.

        They come from a page's hidden fields, so nothing in them is believed: what asks is
        checked again.  Raises errors that the person is shown, and ``GoElsewhere``.
        """

    @abstractmethod
    async def go_on(
        self, visit: Visit, continuation: Continuation, browser: BrowserSession, /
    ) -> web.StreamResponse:
        """What the browser gets, now that ``browser`` is signed in; raises as ``asked``."""

    @abstractmethod
    async def refused(
        self, visit: Visit, continuation: Continuation, error: str, why: str, /
    ) -> web.StreamResponse:
        """What the browser gets when the person can't go on, or does not want to.

        ``error`` is ``access_denied`` or ``unmet_authentication_requirements``.
        """

    async def consent(
        self, _visit: Visit, _continuation: Continuation, _person: Person, /
    ) -> Sequence[str]:
        """Sentences about what the program would be let do, that nobody has agreed to yet."""
        return ()

    async def consented(
        self, _visit: Visit, _continuation: Continuation, _person: Person, /
    ) -> None:
        """Remember that the person agreed."""
        return
