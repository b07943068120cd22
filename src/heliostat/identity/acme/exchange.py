"""One request of ACME: believed, and where its answers point."""

from __future__ import annotations

from typing import Any

from aiohttp import web

from heliostat.identity.acme import messages
from heliostat.identity.acme.messages import Signed
from heliostat.identity.acme.part import Acme
from heliostat.identity.acme.problems import Problem
from heliostat.identity.acme.records import AcmeAccount
from heliostat.identity.authority.bodies import read_body


class Exchange:
    """One request: whose it is, and where its answers point."""

    def __init__(self, request: web.Request, acme: Acme, base: str) -> None:
        self.request = request
        self.acme = acme
        self.base = base
        self.signed: Signed | None = None
        self.account: AcmeAccount | None = None

    @property
    def id(self) -> str:
        return self.request.match_info.get("id", "")

    @property
    def by(self) -> AcmeAccount:
        if self.account is None:
            raise Problem("malformed", "This request names its account by kid.")
        return self.account

    @property
    def content(self) -> dict[str, Any]:
        return self.signed.content if self.signed is not None else {}

    def url(self, path: str) -> str:
        return f"{self.base}/acme/{self.acme.domain}/{path}"

    async def read(self) -> None:
        """Read and believe the request; raises ``Problem``.

        A stranger's nonce is spent only by what it is good for (``spend``).
        """
        if self.request.content_type != "application/jose+json":
            raise Problem("malformed", "Send application/jose+json.")
        raw = await read_body(self.request, messages.MAX_BODY_BYTES)
        if len(raw) > messages.MAX_BODY_BYTES:
            raise Problem("malformed", f"A request has at most {messages.MAX_BODY_BYTES} bytes.")
        signed = messages.read(raw)
        if signed.url != f"{self.base}{self.request.path_qs}":
            raise Problem("unauthorized", "The request is for another address.")
        if signed.jwk is not None:
            self.acme.nonces.check(signed.nonce)
            signed.verify(signed.jwk)
        else:
            prefix = self.url("account/")
            if not signed.kid.startswith(prefix):
                raise Problem("accountDoesNotExist", "There is no such account.")
            account = await self.acme.accounts.find(signed.kid.removeprefix(prefix))
            signed.verify(account.jwk)
            await self.acme.nonces.spend(signed.nonce)
            self.account = account
        self.signed = signed

    async def spend(self) -> None:
        """Use up the nonce of a request that names its key; raises ``Problem``."""
        if self.signed is not None:
            await self.acme.nonces.spend(self.signed.nonce)


def jwk_of(exchange: Exchange) -> dict[str, Any]:
    if exchange.signed is None or exchange.signed.jwk is None:
        raise Problem("malformed", "This request names its key by jwk.")
    return exchange.signed.jwk


def account_of(exchange: Exchange) -> AcmeAccount:
    if exchange.by.id != exchange.id:
        raise Problem("unauthorized", "The account is another's.")
    return exchange.by
