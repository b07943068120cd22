"""Everything sealed is sealed anew: killed at any step, nothing is lost, and somebody goes on."""

from __future__ import annotations

import asyncio
import contextlib
import re
import shutil
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import msgspec
import pytest

from heliostat.core.errors import HeliostatError
from heliostat.identity.factors.factors import place as factor_place
from heliostat.identity.factors.records import Factor, FactorKind
from heliostat.identity.federation.authentication import OurProof
from heliostat.identity.federation.authentication import place as provider_place
from heliostat.identity.federation.records import OidcSettings, Provider, ProviderKind
from heliostat.identity.kinds import kinds_of
from heliostat.identity.options import SYSTEM_TENANT
from heliostat.identity.realm import Realm
from heliostat.identity.sealing_check import SEALING, SITE
from heliostat.identity.site import Identity
from heliostat.identity.sources.credentials import unsealed
from heliostat.identity.sources.source import (
    KEY_PLACE,
    PASSWORD_PLACE,
    Source,
    SourceKind,
)
from heliostat.identity.tokens.records import Algorithm
from heliostat.testing.faulty import MortalStore
from heliostat.testing.signin import PASSWORD, IdentityKit, start_identity

OTHER = "acme.example"
SECRET = b"what an app shares with us"
TEXT = re.compile(rb"\b2\.([0-9a-f]{8})\.[A-Za-z0-9_=-]{40,}")


@pytest.fixture
async def kit(tmp_path: Path) -> AsyncIterator[IdentityKit]:
    made = await start_identity(tmp_path / "authority")
    await made.identity.tenants.create_tenant(OTHER)
    yield made
    made.identity.close()


async def furnished(identity: Identity, domain: str) -> None:
    """Something of every kind that is sealed."""
    realm = await identity.realms.get(domain)
    tenant, sealing, store = realm.options.tenant, identity.sealing, realm.directory.store
    if domain == identity.options.domain:
        await identity.authorities.of(realm.options).issuers.current()
    await realm.kerberos.enable()
    await realm.services.create_service("HTTP/www.example.com")
    await realm.services.rotate_service("HTTP/www.example.com")
    await realm.directory.create_user("Carol", PASSWORD)
    for algorithm in Algorithm:
        await realm.keys.signer(algorithm)
    await realm.saml.keys.signer()
    await identity.directories.acme_keys.create(domain, "for tests", (), by="boss")
    factor = Factor(id="f1", user="carol", kind=FactorKind.CODES, name="app", created_ms=1)
    source = Source(
        id=f"s-{tenant}",
        domain=f"ad.{domain}",
        kind=SourceKind.LDAP,
        urls=("ldaps://ad.example",),
    )
    provider = Provider(id="p1", name="out", kind=ProviderKind.OIDC, title="Out", created_ms=1)
    settings = OidcSettings(
        issuer="https://out.example",
        client_id="us",
        secret=sealing.seal(b"told", provider_place(tenant, "p1", "secret")),
        private_key=sealing.seal(b"key", provider_place(tenant, "p1", "private-key")),
    )
    kinds = kinds_of(tenant)
    changes = [
        *kinds.factors.put(
            msgspec.structs.replace(
                factor, sealed=sealing.seal(SECRET, factor_place(tenant, factor))
            )
        ),
        *kinds.sources.sources.put(
            msgspec.structs.replace(
                source,
                bind_password=sealing.seal(b"bound", PASSWORD_PLACE.format(id=source.id)),
                bind_key=sealing.seal(b"pem", KEY_PLACE.format(id=source.id)),
            )
        ),
        *kinds.federation.providers.put(msgspec.structs.replace(provider, oidc=settings)),
    ]
    await store.commit([], changes)


async def all_opened(identity: Identity, domain: str) -> None:
    """Raises ``SealBroken`` unless each of them can be used."""
    realm = await identity.realms.get(domain)
    tenant = realm.options.tenant
    if domain == identity.options.domain:
        await identity.authorities.of(realm.options).issuers.current()
    await opened_by_kerberos(realm)
    await realm.saml.keys.published()
    for algorithm in Algorithm:
        await realm.keys.signer(algorithm)
    kinds, store = kinds_of(tenant), realm.directory.store
    (factor,) = [each.value for each in await kinds.factors.all(store)]
    assert identity.sealing.unseal(factor.sealed, factor_place(tenant, factor)) == SECRET
    (source,) = [each.value for each in await kinds.sources.sources.all(store)]
    assert unsealed(source, identity.sealing).password == "bound"
    (provider,) = [each.value for each in await kinds.federation.providers.all(store)]
    assert provider.oidc is not None
    settings = replace_key(provider.oidc)
    fields, headers = OurProof(identity.sealing, tenant, identity.ids).for_tokens(
        "p1", settings, {}, 0
    )
    assert headers or fields
    key = identity.sealing.unseal(
        provider.oidc.private_key, provider_place(tenant, "p1", "private-key")
    )
    assert key == b"key"
    (eab,) = [each.value for each in await kinds.authority.acme.keys.all(store)]
    assert identity.sealing.unseal(eab.mac, f"acme-key/{tenant}/{eab.id}")


def replace_key(settings: OidcSettings) -> OidcSettings:
    return msgspec.structs.replace(settings, private_key="")


async def opened_by_kerberos(realm: Realm) -> None:
    found = await realm.kerberos.get()
    for sealed, name in (
        (found.master, "K/M"),
        (found.tickets, "krbtgt"),
        (found.password_service, "kadmin/changepw"),
    ):
        assert realm.kerberos.opened(sealed, name)
    assert await realm.services.keys("HTTP/www.example.com")
    carol = await realm.directory.stored_user("carol")
    kept = carol.value.kerberos_keys
    assert realm.kerberos.person_keys(found, carol.value.name, kept)


async def names_in(kit: IdentityKit) -> set[str]:
    """Names of the keys under which anything in the store is sealed."""
    found: set[str] = set()
    page = await kit.store.list("/v1/")
    while True:
        for each in page.items:
            found |= {name.decode() for name in TEXT.findall(each.value)}
        if page.after is None:
            return found
        page = await kit.store.list("/v1/", after=page.after)


async def test_nothing_stays_under_the_older_key(kit: IdentityKit, tmp_path: Path) -> None:
    identity = kit.identity
    domains = (identity.options.domain, OTHER)
    for domain in domains:
        await furnished(identity, domain)
    old = identity.sealing.name
    assert await names_in(kit) == {old}
    before = await kit.store.revision()
    resealing = identity.directories.resealing
    planned = await resealing.run(renew=True, plan=True)
    assert (await resealing.run(renew=False, plan=True)).keys == 0
    assert (await kit.store.revision(), identity.sealing.name) == (before, old)
    done = await resealing.run(renew=True)
    assert (done.keys, done.unreadable) == (planned.keys, 0)
    assert identity.sealing.name != old
    assert await names_in(kit) == {identity.sealing.name}
    assert (await resealing.run(renew=False)).keys == 0
    key = (tmp_path / "authority" / "seal.key").read_bytes()
    (tmp_path / "authority" / "seal.key").write_bytes(key[:32])  # the older one is gone
    again = kit.restarted(tmp_path / "authority")
    await again.start()
    for domain in domains:
        await all_opened(again, domain)
    again.close()


@pytest.mark.parametrize("applied", [False, True])
async def test_killed_at_every_commit_the_next_start_goes_on(
    kit: IdentityKit, tmp_path: Path, applied: bool
) -> None:
    await furnished(kit.identity, kit.identity.options.domain)
    folder = tmp_path / "authority"
    for dies_at in range(1, 60):
        mortal = MortalStore(kit.store, dies_at=dies_at, applied=applied)
        dying = replace(kit, store=mortal).restarted(folder)  # type: ignore[arg-type]
        through = await ran(dying, mortal)
        dying.close()
        again = kit.restarted(folder)
        await again.start()
        await all_opened(again, again.options.domain)
        assert (await SEALING.get(kit.store, SITE)) is not None
        if not through and await again.directories.resealing.go_on() is None:
            assert dies_at == 1 or applied, "only before it had begun, or after its end"
            await again.directories.resealing.run(renew=False)
        assert await names_in(kit) == {again.sealing.name}
        again.close()
        if through:
            assert dies_at > 10
            return
    raise AssertionError("it never got through")


async def ran(identity: Identity, mortal: MortalStore) -> bool:
    """Whether it came through before its view of the store died."""
    task = asyncio.ensure_future(identity.directories.resealing.run(renew=True))
    died = asyncio.ensure_future(mortal.died.wait())
    await asyncio.wait([task, died], return_when=asyncio.FIRST_COMPLETED)
    through = task.done()
    for each in (task, died):
        each.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await each
    return through


async def test_what_no_key_opens_keeps_nothing_else_back(kit: IdentityKit) -> None:
    await furnished(kit.identity, OTHER)
    tenant = (await kit.identity.realms.get(OTHER)).options.tenant
    assert tenant != SYSTEM_TENANT
    factors = kinds_of(tenant).factors
    lost = Factor(
        id="f0",
        user="dave",
        kind=FactorKind.CODES,
        name="app",
        created_ms=1,
        sealed="2.00000000.AAAA",
    )
    await kit.store.commit([], factors.put(lost))
    done = await kit.identity.directories.resealing.run(renew=True)
    assert done.unreadable == 1
    await all_but_the_lost(kit, tenant)


async def all_but_the_lost(kit: IdentityKit, tenant: str) -> None:
    found = {each.value.id: each.value for each in await kinds_of(tenant).factors.all(kit.store)}
    assert found["f0"].sealed == "2.00000000.AAAA"
    assert kit.identity.sealing.is_current(found["f1"].sealed)


async def test_who_has_another_key_does_not_start(kit: IdentityKit, tmp_path: Path) -> None:
    before = await kit.store.revision()
    stranger = kit.restarted(tmp_path / "elsewhere")
    with pytest.raises(HeliostatError, match="SealingKeyDiffers"):
        await stranger.start()
    assert await kit.store.revision() == before
    stranger.close()
    shutil.copy(tmp_path / "authority" / "seal.key", tmp_path / "elsewhere" / "seal.key")
    again = kit.restarted(tmp_path / "elsewhere")
    await again.start()
    again.close()


async def test_a_store_from_before_the_check_is_not_taken_over(
    kit: IdentityKit, tmp_path: Path
) -> None:
    stored = await SEALING.get(kit.store, SITE)
    assert stored is not None
    await kit.store.commit([], SEALING.delete(stored.value))
    stranger = kit.restarted(tmp_path / "elsewhere")
    with pytest.raises(HeliostatError, match="SealingKeyDiffers"):
        await stranger.start()
    stranger.close()
    again = kit.restarted(tmp_path / "authority")
    await again.start()
    assert await SEALING.get(kit.store, SITE) is not None
    again.close()
