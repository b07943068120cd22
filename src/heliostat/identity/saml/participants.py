"""Where a browser is signed in by SAML: its sessions at service providers, for signing out."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from heliostat.cloudstore.contract import CloudStore
from heliostat.identity.options import IdentityOptions
from heliostat.identity.saml.markup import Node, children, one, text_of
from heliostat.identity.saml.records import Participant, SamlKinds, ServiceProvider, named

MOST = 100
"""Providers that one logout goes through."""


class Participants:
    """Those of one tenant's browsers."""

    def __init__(self, store: CloudStore, options: IdentityOptions) -> None:
        self._store = store
        self._kept = SamlKinds.of(options.tenant).participants

    async def of_browser(self, browser: str) -> list[Participant]:
        """Where a browser is signed in."""
        return await self._by("browser", browser)

    async def meant(self, root: Node, provider: ServiceProvider) -> list[Participant]:
        """The provider's sessions that its request is about."""
        name_id = text_of(one(root, "saml:NameID"))
        indexes = {text_of(each) for each in children(root, "samlp:SessionIndex")}
        found = await self._by("named", named(provider.name, name_id))
        return [each for each in found if not indexes or each.session_index in indexes]

    async def _by(self, index: str, value: str) -> list[Participant]:
        page = await self._kept.list_by_index(self._store, index, value, limit=MOST)
        return [each.value for each in page.items]

    async def forget(self, gone: Sequence[Participant]) -> None:
        """They are signed out, or as good as."""
        for each in gone:
            await self._store.commit([], self._kept.delete(each))


def together(left: Sequence[Participant]) -> tuple[Participant, ...]:
    """One for each name at each provider, with all its sessions."""
    found: dict[str, Participant] = {}
    for each in left:
        first = found.get(named(each.provider, each.name_id))
        if first is None:
            found[named(each.provider, each.name_id)] = each
        else:
            also = (*first.also, each.session_index)
            found[named(each.provider, each.name_id)] = msgspec.structs.replace(first, also=also)
    return tuple(found.values())
