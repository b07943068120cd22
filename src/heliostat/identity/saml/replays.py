"""Messages are good once: ids that were seen are kept for as long as their message is believed."""

from __future__ import annotations

import hashlib

from heliostat.cloudstore.contract import Change, CloudStore, Guard, GuardFailed
from heliostat.identity.options import IdentityOptions
from heliostat.identity.saml.markup import refused
from heliostat.identity.tokens.records import SpentAssertion, TokenKinds


class Replays:
    """The ids of one tenant's messages; any controller sees what another has."""

    def __init__(self, store: CloudStore, options: IdentityOptions) -> None:
        self._store = store
        self._kept = TokenKinds.of(options.tenant).spent_assertions

    async def refuse_seen(self, sender: str, id_: str, until_ms: int) -> None:
        """Remember a message; raises ``InvalidSamlMessage`` if it came before."""
        guard, changes = self.spent(sender, id_, until_ms)
        try:
            await self._store.commit([guard], changes)
        except GuardFailed as error:
            raise refused("it was used before; begin again where you came from") from error

    def spent(self, sender: str, id_: str, until_ms: int) -> tuple[Guard, list[Change]]:
        """What remembers a message in somebody's commit, which fails if it came before."""
        digest = hashlib.sha256(f"saml\0{sender}\0{id_}".encode()).hexdigest()
        seen = SpentAssertion(id=f"saml.{digest}", expires_ms=until_ms)
        return self._kept.absent(seen.id), self._kept.put(seen)
