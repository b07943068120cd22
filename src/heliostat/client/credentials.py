"""Who the caller is: what puts bearer tokens on requests.

One class a way to be somebody: ``Anonymous`` (also the machine's owner on a Unix
socket), ``FixedToken``, ``Session`` (a person who signed in; the tokens outlive
the process in a store) and ``ServiceAccount``.  Each is bound to a token service
by the client that uses it.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Protocol

from heliostat.client.tokens import Grant, ServiceKey, TokenService
from heliostat.core.errors import HeliostatError

EARLY_S = 30.0
"""A token that ends within this time is renewed first: an upload can't be replayed."""


@dataclass(frozen=True, slots=True)
class Tokens:
    """What a sign-in gave; ``expires_at_s`` is Unix time, 0 if unknown."""

    access: str
    refresh: str = ""
    expires_at_s: float = 0.0

    @classmethod
    def of(cls, grant: Grant, now_s: float, refresh: str = "") -> Tokens:
        """``refresh`` is kept where the service hands out no new one."""
        return cls(grant.access_token, grant.refresh_token or refresh, now_s + grant.expires_in)

    def ends_soon(self, now_s: float) -> bool:
        return bool(self.expires_at_s) and now_s > self.expires_at_s - EARLY_S


class Credentials(Protocol):
    """Whoever can give a token, with the token service's help."""

    def bearer(self, service: TokenService) -> str | None: ...

    def renew(self, service: TokenService) -> bool: ...


class Anonymous:
    """Sends no token."""

    def bearer(self, service: TokenService) -> str | None:
        del service
        return None

    def renew(self, service: TokenService) -> bool:
        del service
        return False


@dataclass(frozen=True, slots=True)
class FixedToken:
    """A token from elsewhere, e.g. ``HELIO_TOKEN``; can't be renewed."""

    token: str

    def bearer(self, service: TokenService) -> str | None:
        del service
        return self.token

    def renew(self, service: TokenService) -> bool:
        del service
        return False


class TokenStore(Protocol):
    """Where a session's tokens are kept between processes."""

    def load(self) -> Tokens | None: ...

    def save(self, tokens: Tokens) -> None: ...

    def exclusive(self) -> AbstractContextManager[None]:
        """Keeps other processes from refreshing at the same moment."""


class Session:
    """A signed-in person.

    A refresh token is good once; a second use counts as theft and ends the session.
    So only one process refreshes, and the others take the tokens that it stored.
    """

    def __init__(self, store: TokenStore, *, now_s: Callable[[], float] = time.time) -> None:
        self._store = store
        self._now_s = now_s
        self._tokens = store.load()

    def bearer(self, service: TokenService) -> str | None:
        if self._tokens is not None and self._tokens.ends_soon(self._now_s()):
            self.renew(service)
        return self._tokens.access if self._tokens is not None else None

    def renew(self, service: TokenService) -> bool:
        if self._tokens is None:
            return False
        with self._store.exclusive():
            stored = self._store.load()
            if stored is not None and stored.access != self._tokens.access:
                self._tokens = stored
                return True
            if not self._tokens.refresh:
                return False
            try:
                grant = service.by_refresh(self._tokens.refresh)
            except HeliostatError as error:
                if error.code != "InvalidGrant":
                    raise
                return False
            self._tokens = Tokens.of(grant, self._now_s(), self._tokens.refresh)
            self._store.save(self._tokens)
        return True


class ServiceAccount:
    """A program that signs in with its key; tokens live as long as this object."""

    def __init__(self, key: ServiceKey, *, now_s: Callable[[], float] = time.time) -> None:
        self._key = key
        self._now_s = now_s
        self._tokens: Tokens | None = None

    def bearer(self, service: TokenService) -> str | None:
        if self._tokens is None or self._tokens.ends_soon(self._now_s()):
            self.renew(service)
        return self._tokens.access if self._tokens is not None else None

    def renew(self, service: TokenService) -> bool:
        self._tokens = Tokens.of(service.by_key(self._key), self._now_s())
        return True


class Bound:
    """Credentials with the token service they use: a transport's signer."""

    def __init__(self, credentials: Credentials, service: TokenService) -> None:
        self._credentials = credentials
        self._service = service

    def bearer(self) -> str | None:
        return self._credentials.bearer(self._service)

    def renew(self) -> bool:
        return self._credentials.renew(self._service)
