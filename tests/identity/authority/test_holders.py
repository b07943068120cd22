"""Certificates follow whoever has them, also when the process ends between."""

from __future__ import annotations

import asyncio
import contextlib
import shutil
from collections.abc import AsyncIterator, Coroutine
from dataclasses import replace
from pathlib import Path

import msgspec
import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from heliostat.core.errors import HeliostatError
from heliostat.identity.authority.holders import Holders
from heliostat.identity.authority.policy import Asker
from heliostat.identity.authority.records import CESSATION, HELD, Certificate
from heliostat.identity.authority.standing import Holder, Presence, standing
from heliostat.identity.openldap.pending import PENDING, Act, Pending, Step
from heliostat.identity.options import SYSTEM_TENANT
from heliostat.identity.realm import Realm
from heliostat.identity.site import Identity
from heliostat.testing.faulty import MortalStore
from heliostat.testing.members import request_for
from heliostat.testing.signin import OPTIONS, PASSWORD, IdentityKit, start_identity

DOMAIN = OPTIONS.domain
KEY = ec.generate_private_key(ec.SECP256R1())
PUBLIC = KEY.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()
DAY_MS = 86_400_000
COUNTS = Certificate(
    id="1",
    issuer="2",
    subject="CN=www",
    names=("dns:www",),
    key="P-256",
    der=b"",
    not_before_ms=0,
    not_after_ms=90 * DAY_MS,
    by=f"alice@{DOMAIN}",
    via="request",
    created_ms=1000,
)
ON_HOLD = msgspec.structs.replace(COUNTS, revoked_ms=2000, reason=HELD)
OVER = msgspec.structs.replace(COUNTS, revoked_ms=2000, reason="keyCompromise")
HERE, BARRED = Holder(Presence.HERE, 500), Holder(Presence.BARRED, 500)
AGAIN = Holder(Presence.HERE, 1001)
GONE, UNKNOWN = Holder(Presence.GONE), Holder(Presence.UNKNOWN)


@pytest.mark.parametrize(
    ("record", "holder", "reason"),
    [
        (COUNTS, HERE, ""),
        (COUNTS, BARRED, HELD),
        (COUNTS, GONE, CESSATION),
        (COUNTS, AGAIN, CESSATION),
        (COUNTS, UNKNOWN, ""),
        (ON_HOLD, HERE, ""),
        (ON_HOLD, BARRED, HELD),
        (ON_HOLD, GONE, CESSATION),
        (ON_HOLD, AGAIN, CESSATION),
        (ON_HOLD, UNKNOWN, HELD),
        *((OVER, each, "keyCompromise") for each in (HERE, BARRED, GONE, AGAIN, UNKNOWN)),
    ],
)
def test_how_a_certificate_stands(record: Certificate, holder: Holder, reason: str) -> None:
    told = standing(record, holder, DAY_MS)
    assert told.reason == reason
    assert told.why
    present = record.reason if record.revoked_ms else ""
    assert standing(record, holder, 90 * DAY_MS).reason == present, "an ended one stays as it is"


@pytest.fixture
async def kit(tmp_path: Path) -> AsyncIterator[IdentityKit]:
    made = await start_identity(tmp_path / "authority")
    yield made
    made.identity.close()


async def issued(kit: IdentityKit, subject: str, name: str) -> str:
    request = request_for(KEY, f"{name}.{DOMAIN}", f"{name}.{DOMAIN}")
    system = kit.identity.authorities.system
    made = await system.certificates.issue(request, Asker(subject, administers=True))
    assert made.record is not None
    return made.record.id


async def reason_of(kit: IdentityKit, serial: str) -> str:
    found = (await kit.identity.authorities.system.certificates.stored(serial)).value
    return found.reason if found.revoked_ms else ""


async def listed(kit: IdentityKit) -> dict[str, str]:
    """Serial numbers in the list, with their reasons."""
    found = await kit.identity.authorities.system.revocation.crl()
    assert found is not None
    return {
        f"{each.serial_number:032x}": each.extensions.get_extension_for_class(
            x509.CRLReason
        ).value.reason.value
        for each in x509.load_der_x509_crl(found.der)
    }


async def test_people_programs_and_computers_take_theirs_with_them(kit: IdentityKit) -> None:
    directory = kit.identity.directory
    for name in ("alice", "bob"):
        await directory.create_user(name, PASSWORD)
    await directory.create_service_account("robot", PUBLIC)
    await directory.create_computer("web-1")
    serials = {
        name: await issued(kit, f"{name}@{DOMAIN}", name.rstrip("$"))
        for name in ("alice", "bob", "robot", "web-1$")
    }
    local = await issued(kit, "local:root", "local")
    outside = await issued(kit, "eve@nowhere.example", "outside")
    assert await kit.identity.holders.sweep() == 0
    await directory.delete_user("alice")
    await directory.set_disabled("bob", True)
    await directory.delete_service_account("robot")
    await directory.change_computer("web-1", disabled=True)
    assert await kit.identity.holders.sweep() == 4
    assert await listed(kit) == {
        serials["alice"]: CESSATION,
        serials["bob"]: HELD,
        serials["robot"]: CESSATION,
        serials["web-1$"]: HELD,
    }
    assert await kit.identity.holders.sweep() == 0
    await directory.set_disabled("bob", False)
    await directory.delete_computer("web-1")
    assert await kit.identity.holders.sweep() == 2
    left = await listed(kit)
    assert serials["bob"] not in left
    assert left[serials["web-1$"]] == CESSATION
    assert not await reason_of(kit, local)
    assert not await reason_of(kit, outside)


async def test_who_is_made_again_has_nothing_of_the_one_before(kit: IdentityKit) -> None:
    directory = kit.identity.directory
    await directory.create_user("alice", PASSWORD)
    old = await issued(kit, f"alice@{DOMAIN}", "old")
    await kit.clock.advance(1)
    await directory.delete_user("alice")
    await directory.create_user("alice", PASSWORD)
    await kit.clock.advance(1)
    new = await issued(kit, f"alice@{DOMAIN}", "new")
    assert await kit.identity.holders.sweep() == 1
    assert (await reason_of(kit, old), await reason_of(kit, new)) == (CESSATION, "")


async def test_an_administrator_takes_a_held_one_back_for_good(kit: IdentityKit) -> None:
    directory, register = kit.identity.directory, kit.identity.authorities.system.certificates
    await directory.create_user("bob", PASSWORD)
    serial = await issued(kit, f"bob@{DOMAIN}", "bob")
    await directory.set_disabled("bob", True)
    await kit.identity.holders.sweep()
    with pytest.raises(HeliostatError, match="InvalidEntity"):
        await register.revoke(serial, HELD, Asker("boss", administers=True))
    await register.revoke(serial, "keyCompromise", Asker("boss", administers=True))
    await directory.set_disabled("bob", False)
    assert await kit.identity.holders.sweep() == 0
    assert await reason_of(kit, serial) == "keyCompromise"


async def test_the_directory_is_followed_as_it_changes(kit: IdentityKit) -> None:
    directory, store = kit.identity.directory, kit.store
    kind = kit.identity.authorities.system.certificates.kind
    for name in ("before", "after"):
        await directory.create_user(name, PASSWORD)
    serials = [await issued(kit, f"{each}@{DOMAIN}", each) for each in ("before", "after")]
    await directory.delete_user("before")  # by a process that ended then
    events = store.watch(kind.entries_prefix("revoked"), await store.revision())
    following = asyncio.ensure_future(kit.identity.holders.run())
    try:
        async with asyncio.timeout(20):
            assert (await anext(events)).key.endswith(serials[0])
            await directory.delete_user("after")
            assert (await anext(events)).key.endswith(serials[1])
    finally:
        following.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await following
    assert [await reason_of(kit, each) for each in serials] == [CESSATION, CESSATION]


class Noting(Holders):
    """Notes who is looked at, one by one."""

    def __init__(self, kit: IdentityKit) -> None:
        identity = kit.identity
        super().__init__(identity.realms, identity.authorities, kit.store)
        self.seen: list[str] = []
        self.looked = asyncio.Event()
        self.swept = asyncio.Event()

    async def attend(self, realm: Realm, subject: str) -> int:
        self.seen.append(subject)
        self.looked.set()
        return await super().attend(realm, subject)

    async def sweep(self) -> int:
        count = await super().sweep()
        self.swept.set()
        return count


async def pending(kit: IdentityKit, *keys: str) -> None:
    """As a directory kept by OpenLDAP tells what it writes; nothing: it has."""
    steps = tuple(Step(act=Act.PUT, key=key, domain=DOMAIN, system=True) for key in keys)
    told = Pending(owner="c1", steps=steps, decided_ms=0)
    await kit.store.commit([], PENDING.put(told))


async def test_of_openldap_those_are_looked_at_who_were_written(kit: IdentityKit) -> None:
    """Once they are: an entry is as before while it only is decided on."""
    await kit.identity.directory.create_user("bob", PASSWORD)
    await issued(kit, f"bob@{DOMAIN}", "bob")
    holders, place = Noting(kit), f"{SYSTEM_TENANT}/"
    following = asyncio.ensure_future(holders.run())
    try:
        async with asyncio.timeout(20):
            await holders.swept.wait()
            holders.swept.clear()
            await pending(kit)  # of what was decided before we looked
            await holders.swept.wait()
            holders.seen.clear()
            holders.looked.clear()
            await pending(kit, f"/v1/group/{place}staff")
            await pending(kit)
            await pending(kit, f"/v1/user/{place}alice", f"/v1/computer/{place}web-1")
            assert holders.seen == []
            await pending(kit)
            while len(holders.seen) < 2:
                await holders.looked.wait()
                holders.looked.clear()
    finally:
        following.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await following
    assert holders.seen == [f"alice@{DOMAIN}", f"web-1$@{DOMAIN}"]


@pytest.mark.parametrize("applied", [False, True])
async def test_killed_at_every_commit_the_next_controller_goes_on(
    kit: IdentityKit, tmp_path: Path, applied: bool
) -> None:
    for dies_at in range(1, 20):
        name = f"user{dies_at}"
        await kit.identity.directory.create_user(name, PASSWORD)
        serials = [await issued(kit, f"{name}@{DOMAIN}", f"{name}-{each}") for each in range(2)]
        await listed(kit)  # so that there is a list to be signed again
        mortal = MortalStore(kit.store, dies_at=dies_at, applied=applied)
        dying = another(kit, tmp_path / name, mortal)
        through = await ran(deleted(dying, name), mortal)
        dying.close()
        await kit.identity.directory.get_user("administrator")
        await kit.identity.holders.sweep()
        there = await kit.identity.directory.page_users(limit=1, name=name)
        reason = "" if there.items else CESSATION
        assert [await reason_of(kit, each) for each in serials] == [reason, reason]
        assert set(serials).issubset(await listed(kit)) is not bool(there.items)
        if through:
            assert dies_at > 3
            return
    raise AssertionError("it never got through")


async def deleted(identity: Identity, name: str) -> None:
    await identity.directory.delete_user(name)
    await identity.holders.sweep()


def another(kit: IdentityKit, folder: Path, store: MortalStore) -> Identity:
    shutil.copytree(folder.parent / "authority", folder / "authority")
    return replace(kit, store=store).restarted(folder / "authority")  # type: ignore[arg-type]


async def ran(work: Coroutine[object, object, None], mortal: MortalStore) -> bool:
    """Whether ``work`` came through before the store's view died."""
    task = asyncio.ensure_future(work)
    died = asyncio.ensure_future(mortal.died.wait())
    await asyncio.wait([task, died], return_when=asyncio.FIRST_COMPLETED)
    through = task.done()
    for each in (task, died):
        each.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await each
    return through
