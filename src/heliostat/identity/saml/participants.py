"""Where a browser is signed in by SAML: its sessions at service providers, for signing out."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from heliostat.cloudstore.contract import CloudStore
from heliostat.identity.options import IdentityOptions
from heliostat.identity.saml.markup import Node, children, one, text_of
from heliostat.identity.saml.records import Participant, SamlKinds, ServiceProvider, named

MOST = 100
"""Requests to providers that one logout makes; whoever is beyond is not told."""
MOST_INDEXES = 20
"""Sessions that one request names: it has to fit into an address."""
TOGETHER = 20
"""Participants that one commit deletes, each with its indexes."""


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
        """All of them: one that is overlooked would stay signed in."""
        found = await self._kept.by_index(self._store, index, value)
        return [each.value for each in found]

    async def forget(self, gone: Sequence[Participant]) -> None:
        """They are signed out, or as good as."""
        each_once = [*{each.id: each for each in gone}.values()]
        for at in range(0, len(each_once), TOGETHER):
            batch = each_once[at : at + TOGETHER]
            changes = [change for each in batch for change in self._kept.delete(each)]
            await self._store.commit([], changes)


def together(left: Sequence[Participant]) -> tuple[tuple[Participant, ...], bool]:
    """Whom to ask, one for each name at each provider with its sessions, and whether that is all.

    Pure.  Who signs in again and again has more sessions than a browser can be led through.
    """
    found: dict[str, Participant] = {}
    complete = True
    for each in left:
        key = named(each.provider, each.name_id)
        first = found.get(key)
        if first is None:
            found[key] = each
        elif len(first.also) + 1 < MOST_INDEXES:
            also = (*first.also, each.session_index)
            found[key] = msgspec.structs.replace(first, also=also)
        else:
            complete = False
    return tuple(found.values())[:MOST], complete and len(found) <= MOST
