"""The programs that may ask for tokens, as they are administered.

Whether a client may use the password grant is a setting of each.
"""

from __future__ import annotations

import json
from collections.abc import Sequence

import msgspec

from heliostat.cloudstore.documents import Stored
from heliostat.core.errors import PermanentError
from heliostat.identity.clients.named import BUILT_IN, HELIO, no_client
from heliostat.identity.clients.records import Client, Grant, Proof
from heliostat.identity.clients.secrets import LONGEST_OVERLAP_S, SECRET_BYTES, kept, rotated
from heliostat.identity.clients.settings import SIGN_IN_SCOPES, changed, upgraded
from heliostat.identity.decided import Decided, settle
from heliostat.identity.directory.part import DirectoryPart
from heliostat.identity.directory.views import ClientView
from heliostat.identity.names import fold
from heliostat.identity.redirects import checked_redirect
from heliostat.wire.oidc_clients import OidcClientSettings


class Clients(DirectoryPart):
    """The verbs on programs that people use; service accounts have their own."""

    async def list_clients(self) -> list[ClientView]:
        """All clients that are no service accounts, by name."""
        clients = [each.value for each in await self.kinds.clients.all(self.store)]
        return [_view(upgraded(each, HELIO)) for each in clients if not each.is_service_account]

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
        bare = self.new_client_name(name)
        blank = Client(
            name=fold(bare),
            grants=(Grant.AUTHORIZATION_CODE, Grant.REFRESH),
            title=title,
            redirect_uris=tuple(map(checked_redirect, dict.fromkeys(redirect_uris))),
            post_logout_redirect_uris=tuple(
                map(checked_redirect, dict.fromkeys(post_logout_redirect_uris))
            ),
            scopes=SIGN_IN_SCOPES,
            created_ms=self.clock.now_ms(),
        )
        asked = settings or OidcClientSettings()
        client, secret = self._with_secret(changed(blank, asked, self.options.lifetimes))

        async def decide() -> Decided[ClientView]:
            guards = await self.claim(bare, "NameTaken")
            return Decided(_view(client, secret), guards, self.kinds.clients.put(client))

        return await settle(self.store, decide, plan=plan)

    async def update_client(
        self, name: str, settings: OidcClientSettings, *, plan: bool = False
    ) -> ClientView:
        """A client with other settings, or a service account as a client.

        Raises ``ClientNotFound``, and ``InvalidEntity`` for settings that don't go together.
        """

        async def decide() -> Decided[ClientView]:
            before = await self._stored_client(name, accounts=True)
            known = upgraded(before.value, HELIO)
            if known.name in BUILT_IN and settings.authentication not in (None, Proof.NONE):
                raise PermanentError("InvalidOperation", f"{known.name} is built in, for everyone.")
            client, secret = self._with_secret(changed(known, settings, self.options.lifetimes))
            changes = self.kinds.clients.put(client, before.value)
            return Decided(_view(client, secret), [self.kinds.clients.guard(before)], changes)

        return await settle(self.store, decide, plan=plan)

    async def rotate_secret(
        self, name: str, overlap_s: int = 0, *, plan: bool = False
    ) -> ClientView:
        """A new secret; the one before counts ``overlap_s`` longer.

        Raises ``ClientNotFound``, and ``InvalidEntity`` for a client that has none.
        """
        if not 0 <= overlap_s <= LONGEST_OVERLAP_S:
            raise PermanentError("InvalidEntity", f"overlap is 0 to {LONGEST_OVERLAP_S} seconds.")

        async def decide() -> Decided[ClientView]:
            before = await self._stored_client(name)
            known = upgraded(before.value, HELIO)
            if not known.proof.has_secret:
                raise PermanentError(
                    "InvalidEntity",
                    f"{known.name} has no secret.",
                    hint="Let it prove itself by one: `helio identity client update NAME "
                    "--authentication client_secret_basic`.",
                )
            secret = self.ids.secret(SECRET_BYTES)
            now_ms = self.clock.now_ms()
            client = msgspec.structs.replace(
                known, secrets=rotated(known, secret, now_ms, overlap_s)
            )
            changes = self.kinds.clients.put(client, before.value)
            return Decided(_view(client, secret), [self.kinds.clients.guard(before)], changes)

        return await settle(self.store, decide, plan=plan)

    def _with_secret(self, client: Client) -> tuple[Client, str]:
        """The client with a secret exactly if it needs one, and that if it is new."""
        if not client.proof.has_secret:
            return msgspec.structs.replace(client, secrets=()), ""
        if client.secrets:
            return client, ""
        secret = self.ids.secret(SECRET_BYTES)
        return msgspec.structs.replace(client, secrets=(kept(secret),)), secret

    async def get_client(self, name: str) -> ClientView:
        """A client, or a service account as one; raises ``ClientNotFound``."""
        stored = await self._stored_client(name, accounts=True)
        return _view(upgraded(stored.value, HELIO))

    async def delete_client(self, name: str, *, plan: bool = False) -> ClientView:
        """Delete a client; who is signed in to it no longer refreshes.

        Raises ``ClientNotFound``, and ``InvalidOperation`` for a built-in one.
        """

        async def decide() -> Decided[ClientView]:
            stored = await self._stored_client(name)
            if stored.value.name in BUILT_IN:
                raise PermanentError(
                    "InvalidOperation",
                    f"{stored.value.name} is built in.",
                    hint="Others can be deleted; `helio identity client list` shows them.",
                )
            changes = self.kinds.clients.delete(stored.value)
            return Decided(_view(stored.value), [self.kinds.clients.guard(stored)], changes)

        return await settle(self.store, decide, plan=plan)

    async def _stored_client(self, name: str, *, accounts: bool = False) -> Stored[Client]:
        key = self.key_of(name)
        stored = await self.kinds.clients.get(self.store, key) if key else None
        if stored is None or (stored.value.is_service_account and not accounts):
            raise PermanentError("ClientNotFound", f"There is no client {name[:80]}.")
        return stored

    async def allow_password_grant(
        self, client: str, allowed: bool, *, plan: bool = False
    ) -> ClientView:
        """Let people sign in with a password through ``client``, or no longer.

        Raises ``InvalidClient`` for one that does not exist.
        """

        async def decide() -> Decided[ClientView]:
            stored = (
                await self.kinds.clients.get(self.store, fold(client)) if client.isascii() else None
            )
            if stored is None or stored.value.is_service_account:
                raise no_client(client)
            known = upgraded(stored.value, HELIO)
            others = [grant for grant in known.grants if grant is not Grant.PASSWORD]
            grants = (Grant.PASSWORD, *others) if allowed else tuple(others)
            new = msgspec.structs.replace(known, grants=grants)
            return Decided(
                _view(new),
                [self.kinds.clients.guard(stored)],
                self.kinds.clients.put(new, stored.value),
            )

        return await settle(self.store, decide, plan=plan)


def _view(client: Client, secret: str = "") -> ClientView:
    return ClientView(
        name=client.name,
        grants=tuple(grant.value for grant in client.grants),
        algorithm=client.algorithm.value,
        rotate_refresh=client.rotate_refresh,
        title=client.title,
        redirect_uris=client.redirect_uris,
        post_logout_redirect_uris=client.post_logout_redirect_uris,
        created_ms=client.created_ms,
        authentication=client.proof.value,
        scopes=client.scopes,
        key_ids=tuple(json.loads(each)["kid"] for each in client.jwks),
        access_s=client.access_s,
        refresh_s=client.refresh_s,
        consent=client.consent,
        frontchannel_logout_uri=client.frontchannel_logout_uri,
        backchannel_logout_uri=client.backchannel_logout_uri,
        logout_session_required=client.logout_session_required,
        exchanges=client.exchanges,
        impersonates=client.impersonates,
        group_filter=client.group_filter,
        secret=secret,
    )
