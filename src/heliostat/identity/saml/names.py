"""What a person is called to a service provider, in each format.

A lasting name is drawn once for each person and provider, so it tells nothing and no two
providers can compare theirs; it is deleted with the person, so that nobody inherits it.
"""

from __future__ import annotations

import hashlib

from heliostat.cloudstore.contract import CloudStore
from heliostat.core.errors import PermanentError
from heliostat.core.ids import Ids
from heliostat.identity.decided import Decided, settle
from heliostat.identity.directory.contract.people import Person
from heliostat.identity.options import IdentityOptions
from heliostat.identity.saml.records import LastingName, SamlKinds, ServiceProvider
from heliostat.identity.saml.vocabulary import NameIdFormat


class Names:
    """Names of one tenant's people."""

    def __init__(self, store: CloudStore, ids: Ids, options: IdentityOptions) -> None:
        self._store = store
        self._ids = ids
        self._kept = SamlKinds.of(options.tenant).names

    async def name_of(
        self, person: Person, provider: ServiceProvider, format_: NameIdFormat
    ) -> str:
        """The name; raises ``AccessForbidden`` for an address that the person doesn't have."""
        match format_:
            case NameIdFormat.PERSISTENT:
                return await self._lasting(person, provider)
            case NameIdFormat.TRANSIENT:
                return "_" + self._ids.secret(20)
            case NameIdFormat.EMAIL:
                if not person.email:
                    raise PermanentError(
                        "AccessForbidden",
                        f"{provider.name} knows people by e-mail address, and there is none.",
                        hint="Give the person an address, or the provider another format.",
                    )
                return person.email
        return person.subject

    async def _lasting(self, person: Person, provider: ServiceProvider) -> str:
        id_ = hashlib.sha256(f"{provider.entity_id}\0{person.key}".encode()).hexdigest()

        async def decide() -> Decided[str]:
            stored = await self._kept.get(self._store, id_)
            if stored is not None:
                return Decided(stored.value.value, [], [])
            drawn = LastingName(id=id_, user=person.key, value=f"P{self._ids.secret(24)}")
            return Decided(drawn.value, [self._kept.absent(id_)], self._kept.put(drawn))

        return await settle(self._store, decide)
