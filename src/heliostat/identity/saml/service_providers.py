"""The programs that people sign in to with SAML: registered, changed, deleted.

Without metadata one is an entity id and an address for assertions.  What a provider is
told of people is said for each, and is nothing until it is.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from heliostat.cloudstore.contract import CloudStore, Guard
from heliostat.cloudstore.documents import Stored
from heliostat.core.clock import Clock
from heliostat.core.errors import PermanentError
from heliostat.identity.decided import Decided, settle
from heliostat.identity.names import checked_name, fold, is_name
from heliostat.identity.options import IdentityOptions
from heliostat.identity.saml.records import (
    ASSERTION,
    RESPONSE,
    SIGNED,
    Endpoint,
    SamlKinds,
    ServiceProvider,
)
from heliostat.identity.saml.vocabulary import Binding, NameIdFormat
from heliostat.wire.service_providers import ServiceProviderCreateSpec as CreateSpec
from heliostat.wire.service_providers import ServiceProviderUpdateSpec as Spec

ATTRIBUTES = ("mail", "givenName", "sn", "displayName", "uid", "upn", "groups")
"""What a provider can be told of people."""
MOST_GROUPS = 100
LONGEST_GROUP = 512
MOST_CERTIFICATES = 10


class ServiceProviders:
    """The verbs on one tenant's service providers."""

    def __init__(self, store: CloudStore, clock: Clock, options: IdentityOptions) -> None:
        self._store = store
        self._clock = clock
        self._options = options
        self._kept = SamlKinds.of(options.tenant).providers

    async def create(self, spec: CreateSpec, *, plan: bool = False) -> ServiceProvider:
        """Register one; raises ``InvalidName``, ``NameTaken``, ``InvalidEntity``."""
        bare = fold(checked_name(spec.name, self._options.domain))
        blank = ServiceProvider(name=bare, entity_id="", created_ms=self._clock.now_ms())
        made = self._changed(blank, spec)

        async def decide() -> Decided[ServiceProvider]:
            if await self._kept.get(self._store, bare) is not None:
                raise PermanentError("NameTaken", f"There is a service provider {bare} already.")
            await self._refuse_taken(made)
            guards: list[Guard] = [
                self._kept.absent(bare),
                self._kept.unused("entity_id", made.entity_id),
            ]
            return Decided(made, guards, self._kept.put(made))

        return await settle(self._store, decide, plan=plan)

    async def update(self, name: str, spec: Spec, *, plan: bool = False) -> ServiceProvider:
        """Change one; raises ``ServiceProviderNotFound``, ``NameTaken``, ``InvalidEntity``."""

        async def decide() -> Decided[ServiceProvider]:
            stored = await self._stored(name)
            new = self._changed(stored.value, spec)
            guards: list[Guard] = [self._kept.guard(stored)]
            if new.entity_id != stored.value.entity_id:
                await self._refuse_taken(new)
                guards.append(self._kept.unused("entity_id", new.entity_id))
            return Decided(new, guards, self._kept.put(new, stored.value))

        return await settle(self._store, decide, plan=plan)

    async def delete(self, name: str, *, plan: bool = False) -> ServiceProvider:
        """Forget one: nobody is signed in to it any more; raises ``ServiceProviderNotFound``."""

        async def decide() -> Decided[ServiceProvider]:
            stored = await self._stored(name)
            changes = self._kept.delete(stored.value)
            return Decided(stored.value, [self._kept.guard(stored)], changes)

        return await settle(self._store, decide, plan=plan)

    async def get(self, name: str) -> ServiceProvider:
        """Raises ``ServiceProviderNotFound``."""
        return (await self._stored(name)).value

    async def of_entity(self, entity_id: str) -> ServiceProvider:
        """The one that calls itself that; raises ``ServiceProviderNotFound``."""
        if 0 < len(entity_id) <= 1024:
            for stored in await self._kept.by_index(self._store, "entity_id", entity_id):
                return stored.value
        raise _no_provider(entity_id)

    async def list(self) -> list[ServiceProvider]:
        """All, by name."""
        return [each.value for each in await self._kept.all(self._store)]

    async def _stored(self, name: str) -> Stored[ServiceProvider]:
        key = fold(name)
        stored = await self._kept.get(self._store, key) if is_name(key) else None
        if stored is None:
            raise _no_provider(name)
        return stored

    async def _refuse_taken(self, made: ServiceProvider) -> None:
        taken = await self._kept.ids_by_index(self._store, "entity_id", made.entity_id)
        if [each for each in taken if each != made.name]:
            sentence = f"The service provider {taken[0]} has the entity id {made.entity_id[:80]}."
            raise PermanentError("NameTaken", sentence)

    def _changed(self, before: ServiceProvider, spec: Spec) -> ServiceProvider:
        changes: dict[str, Any] = {}
        if spec.metadata is not None:
            changes |= _of_metadata(spec.metadata, self._clock.now_ms(), before)
        changes |= _of_fields(spec)
        new = msgspec.structs.replace(before, **changes)
        _check(new)
        return new


def _of_metadata(text: str, now_ms: int, before: ServiceProvider) -> Mapping[str, Any]:
    from heliostat.identity.saml.provider_metadata import service_provider  # lxml only now

    found = service_provider(text, now_ms)
    formats = [each for each in found.name_ids if each is not NameIdFormat.UNSPECIFIED]
    return {
        "entity_id": found.entity_id,
        "consumers": tuple(each for each in found.consumers if each.binding is Binding.POST),
        "logouts": found.logouts,
        "signing": found.signing,
        "encryption": found.encryption,
        "wants_signed_requests": found.signs_requests and bool(found.signing),
        "name_id": formats[0] if formats and not before.entity_id else before.name_id,
    }


def _of_fields(spec: Spec) -> Mapping[str, Any]:
    from heliostat.identity.saml.certificates import as_base64, load_certificate
    from heliostat.identity.saml.provider_metadata import checked_location

    changes: dict[str, Any] = {}
    if spec.entity_id is not None:
        changes["entity_id"] = spec.entity_id
    if spec.title is not None:
        changes["title"] = spec.title[:80]
    if spec.acs_urls is not None:
        changes["consumers"] = tuple(
            Endpoint(
                binding=Binding.POST, location=checked_location(url), index=at, default=at == 0
            )
            for at, url in enumerate(dict.fromkeys(spec.acs_urls))
        )
    if spec.logout_url is not None:
        url = checked_location(spec.logout_url, needed=False)
        changes["logouts"] = (Endpoint(binding=Binding.REDIRECT, location=url),) if url else ()
    if spec.certificates is not None:
        some = spec.certificates[:MOST_CERTIFICATES]
        read = tuple(as_base64(load_certificate(each)) for each in some)
        changes |= {"signing": read, "encryption": read}
    if spec.name_id_format is not None:
        changes["name_id"] = _format(spec.name_id_format)
    if spec.signs is not None:
        if spec.signs not in SIGNED:
            raise PermanentError(
                "InvalidEntity", f"{spec.signs[:20]!r} is none of {', '.join(SIGNED)}."
            )
        changes["wants_signed_response"] = spec.signs != ASSERTION
        changes["wants_signed_assertion"] = spec.signs != RESPONSE
    if spec.attributes is not None:
        changes["attributes"] = _attributes(spec.attributes)
    if spec.allowed_groups is not None:
        changes["groups"] = _groups(spec.allowed_groups)
    for field, value in (
        ("wants_signed_requests", spec.signed_requests),
        ("encrypts", spec.encrypt),
        ("unsolicited", spec.unsolicited),
    ):
        if value is not None:
            changes[field] = value
    return changes


def _format(word: str) -> NameIdFormat:
    found = NameIdFormat.of_word(word)
    if found is None:
        known = ", ".join(each.word for each in NameIdFormat)
        raise PermanentError("InvalidEntity", f"{word[:80]!r} is none of {known}.")
    return found


def _attributes(asked: Sequence[str]) -> tuple[str, ...]:
    unknown = [each for each in asked if each not in ATTRIBUTES]
    if unknown:
        sentence = f"{unknown[0][:40]!r} is none of {', '.join(ATTRIBUTES)}."
        raise PermanentError("InvalidEntity", sentence)
    return tuple(each for each in ATTRIBUTES if each in asked)


def _groups(named: Sequence[str]) -> tuple[str, ...]:
    found = tuple(sorted(set(named)))
    longest = max(map(len, found), default=0)
    if len(found) > MOST_GROUPS or longest > LONGEST_GROUP or "" in found:
        raise PermanentError(
            "InvalidEntity", f"At most {MOST_GROUPS} groups are let in, each by its name."
        )
    return found


def _check(provider: ServiceProvider) -> None:
    fault = ""
    entity_id = provider.entity_id
    if not 0 < len(entity_id) <= 1024 or not entity_id.isprintable() or " " in entity_id:
        fault = "A service provider needs an entity id, of at most 1024 characters."
    elif not provider.consumers:
        fault = "A service provider needs an address that assertions are posted to."
    elif provider.wants_signed_requests and not provider.signing:
        fault = "Signed requests need a certificate of the service provider."
    elif provider.encrypts and not provider.encryption:
        fault = "Encryption needs a certificate of the service provider."
    if fault:
        hint = "Give its metadata, which has all of it: `--metadata FILE`."
        raise PermanentError("InvalidEntity", fault, hint=hint)


def _no_provider(name: str) -> PermanentError:
    return PermanentError("ServiceProviderNotFound", f"There is no service provider {name[:80]!r}.")
