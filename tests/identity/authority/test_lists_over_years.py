"""Revocation lists over years: what has ended goes after one more list, numbers only rise."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec

from heliostat.cloudstore.memory import MemoryStore
from heliostat.identity.authority.authorities import Authorities
from heliostat.identity.authority.certificates import INTERMEDIATE_DAYS
from heliostat.identity.authority.policy import Asker
from heliostat.identity.authority.records import ROOTS, RevocationList, Revoked
from heliostat.identity.authority.revocation import Revocation
from heliostat.identity.authority.revocation_lists import Entries, is_over, root_crl
from heliostat.identity.authority.roots import Roots
from heliostat.identity.options import IdentityOptions
from heliostat.testing.authority import open_authorities
from heliostat.testing.clock import VirtualClock
from heliostat.testing.members import request_for

DAY_S, DAY_MS = 86_400, 86_400_000
DOMAIN = IdentityOptions().domain
ADMIN = Asker("boss", administers=True)


@pytest.fixture
async def clock() -> VirtualClock:
    return VirtualClock()


@pytest.fixture
async def site(tmp_path: Path, clock: VirtualClock) -> AsyncIterator[Authorities]:
    store = MemoryStore(clock)
    yield await open_authorities(tmp_path / "ca", clock, DOMAIN, store)
    await store.close()


def serials(listed: RevocationList) -> set[int]:
    return {each.serial_number for each in x509.load_der_x509_crl(listed.der)}


def number(listed: RevocationList) -> int:
    found = x509.load_der_x509_crl(listed.der).extensions
    told = found.get_extension_for_class(x509.CRLNumber).value.crl_number
    assert told == listed.number
    return told


async def current(site: Authorities) -> RevocationList:
    found = await site.system.revocation.crl()
    assert found is not None
    return found


async def revoked(site: Authorities, days: int) -> int:
    key = ec.generate_private_key(ec.SECP256R1())
    request = request_for(key, f"www.{DOMAIN}", f"www.{DOMAIN}")
    made = await site.system.certificates.issue(request, ADMIN, days=days)
    assert made.record is not None
    await site.system.certificates.revoke(made.record.id, "superseded", ADMIN)
    return int(made.record.id, 16)


@pytest.mark.parametrize("upkeep", [True, False])
async def test_an_ended_certificate_is_in_one_more_list(
    site: Authorities, clock: VirtualClock, upkeep: bool
) -> None:
    short, long = await revoked(site, days=2), await revoked(site, days=90)
    first = await current(site)
    assert serials(first) == {short, long}
    await clock.advance(20 * DAY_S)  # nobody asked for a list meanwhile
    if upkeep:
        await site.maintain()
    second = await current(site)
    assert serials(second) == {short, long}, "the first list after its end has it"
    await clock.advance(2 * DAY_S)
    third = await current(site)
    assert serials(third) == {long}
    assert number(first) < number(second) < number(third)


@pytest.mark.parametrize("times", [1, 20], ids=["once", "all the time"])
async def test_what_is_taken_back_while_a_list_is_signed_is_not_lost(
    site: Authorities, monkeypatch: pytest.MonkeyPatch, times: int
) -> None:
    wanted = {await revoked(site, days=90)}
    real = Revocation._revoked

    async def meanwhile(own: Revocation, issuer_id: str) -> Entries:
        read = await real(own, issuer_id)
        if len(wanted) <= times:
            wanted.add(await revoked(site, days=90))
        return read

    monkeypatch.setattr(Revocation, "_revoked", meanwhile)
    first = await current(site)
    assert serials(first) <= wanted
    monkeypatch.undo()
    assert serials(await current(site)) == wanted


async def test_controllers_know_what_another_took_back_of_a_root(
    site: Authorities, clock: VirtualClock
) -> None:
    issuer = await site.system.issuers.current()
    store = site.roots.store
    other = Roots(store, clock, DOMAIN, site.roots.custody, None)
    await other.all()
    await site.system.issuers.replace("keyCompromise")
    listed = await root_crl(other, issuer.root, 7)
    assert listed is not None
    assert serials(listed) == {issuer.certificate.serial_number}


async def test_a_root_forgets_what_ended(site: Authorities, clock: VirtualClock) -> None:
    issuer = await site.system.issuers.current()
    await site.system.issuers.replace("keyCompromise")
    taken = issuer.certificate.serial_number
    first = await root_crl(site.roots, issuer.root, 7)
    assert first is not None
    assert serials(first) == {taken}
    await site.maintain()
    assert len(await kept(site, issuer.root)) == 1
    await clock.advance((INTERMEDIATE_DAYS + 1) * DAY_S)
    await site.maintain()  # signs the list after its end, which has it
    second = await root_crl(site.roots, issuer.root, 7)
    assert second is not None
    assert serials(second) == {taken}
    assert await kept(site, issuer.root) == ()
    await clock.advance(2 * DAY_S)
    third = await root_crl(site.roots, issuer.root, 7)
    assert third is not None
    assert serials(third) == set()
    assert number(first) < number(second) < number(third)


async def kept(site: Authorities, root: str) -> tuple[Revoked, ...]:
    stored = await ROOTS.get(site.roots.store, root)
    assert stored is not None
    return stored.value.revoked


def test_an_end_that_nobody_noted_is_the_latest_that_it_can_be() -> None:
    entry = Revoked(serial="1", revoked_ms=DAY_MS, reason="superseded")
    assert not is_over(entry, (INTERMEDIATE_DAYS + 1) * DAY_MS)
    assert is_over(entry, (INTERMEDIATE_DAYS + 1) * DAY_MS + 1)


async def test_numbers_rise_after_the_loss_of_a_store(
    site: Authorities, clock: VirtualClock, tmp_path: Path
) -> None:
    root = (await site.roots.active()).record.id
    numbers = []
    for _ in range(5):
        listed = await root_crl(site.roots, root, 7)
        assert listed is not None
        numbers.append(number(listed))
        await clock.advance(2 * DAY_S)
    assert numbers == list(range(numbers[0], numbers[0] + 5))
    again = await open_authorities(tmp_path / "ca", clock, DOMAIN, MemoryStore(clock))
    assert (await again.roots.active()).record.id == root
    after = await root_crl(again.roots, root, 7)
    assert after is not None
    assert number(after) > numbers[-1]
