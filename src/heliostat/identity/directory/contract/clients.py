"""Programs that people sign in to."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from heliostat.identity.directory.views import ClientView
from heliostat.wire.oidc_clients import OidcClientSettings


class ClientVerbs(Protocol):
    """Programs that people sign in to; each verb raises ``ClientNotFound``."""

    async def create_client(
        self,
        name: str,
        redirect_uris: Sequence[str] = (),
        settings: OidcClientSettings | None = None,
        *,
        title: str = "",
        post_logout_redirect_uris: Sequence[str] = (),
        plan: bool = False,
    ) -> ClientView:
        """A program that people sign in to; with a browser, unless ``settings`` say otherwise.

        One that has a secret is told it this once.  Raises ``InvalidName``, ``NameTaken``,
        and ``InvalidEntity`` for settings that don't go together.
        """

    async def update_client(
        self, name: str, settings: OidcClientSettings, *, plan: bool = False
    ) -> ClientView:
        """A client with other settings, or a service account as a client.

        Raises ``InvalidEntity`` for settings that don't go together, and ``InvalidOperation``
        for a way of proving itself that a built-in one can't have.
        """

    async def rotate_secret(
        self, name: str, overlap_s: int = 0, *, plan: bool = False
    ) -> ClientView:
        """A new secret; the one before counts ``overlap_s`` longer.

        Raises ``InvalidEntity`` for a client that has none.
        """

    async def get_client(self, name: str) -> ClientView:
        """A client, or a service account as one."""

    async def list_clients(self) -> Sequence[ClientView]:
        """All clients that are no service accounts, by name."""

    async def delete_client(self, name: str, *, plan: bool = False) -> ClientView:
        """Delete a client; who is signed in to it no longer refreshes.

        Raises ``InvalidOperation`` for a built-in one.
        """
