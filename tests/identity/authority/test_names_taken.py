"""A name is whose certificate for it counts, however many there were and however fast one asks."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import msgspec
import pytest

from heliostat.core.errors import HeliostatError
from heliostat.identity.authority.issuer_keys import Issuer
from heliostat.identity.authority.issuing import Certificates
from heliostat.identity.authority.policy import Asker
from heliostat.identity.authority.rules import Rule
from heliostat.identity.authority.standing import Holder, Presence
from heliostat.testing.certificates import request
from heliostat.testing.signin import IdentityKit, start_identity

DOMAIN = "acme.example"
WEB = f"www.{DOMAIN}"
ADA, BOB = (Asker(f"{name}@{DOMAIN}", name) for name in ("ada", "bob"))


@pytest.fixture
async def certificates(tmp_path: Path) -> AsyncIterator[tuple[IdentityKit, Certificates]]:
    """Of a domain whose people share their names."""
    kit = await start_identity(tmp_path / "authority")
    await kit.identity.tenants.create_tenant(DOMAIN)
    found = (await kit.identity.directories.authority(DOMAIN)).certificates
    rule = Rule(title="shared", everybody=True, names=(WEB,), longest_days=1)
    policy = await found.policy()
    await found.set_policy(msgspec.structs.replace(policy, rules=(rule,)))
    yield kit, found
    kit.identity.close()


async def test_after_a_hundred_that_have_ended(
    certificates: tuple[IdentityKit, Certificates],
) -> None:
    kit, found = certificates
    for _ in range(101):
        await found.issue(request(WEB), ADA)
    await kit.clock.advance(2 * 86_400)
    await found.issue(request(WEB), BOB)
    with pytest.raises(HeliostatError, match="somebody else's"):
        await found.issue(request(WEB), ADA)
    await found.issue(request(WEB), BOB)


async def test_of_two_at_once_one_gets_it(
    certificates: tuple[IdentityKit, Certificates], monkeypatch: pytest.MonkeyPatch
) -> None:
    _, found = certificates
    current = found.issuers.current

    async def slow() -> Issuer:
        """Bob is let in between, once ada's request was judged."""
        monkeypatch.setattr(found.issuers, "current", current)
        await found.issue(request(WEB), BOB)
        return await current()

    monkeypatch.setattr(found.issuers, "current", slow)
    with pytest.raises(HeliostatError, match="somebody else's"):
        await found.issue(request(WEB), ADA)
    page = await found.page(limit=9, after=None, revision=None, name=WEB)
    assert [record.by for _, record in page.items] == [BOB.subject]


async def test_the_name_of_a_barred_person_stays_theirs(
    certificates: tuple[IdentityKit, Certificates],
) -> None:
    """Else two would hold it once they are let in again."""
    _, found = certificates
    made = await found.issue(request(WEB), ADA)
    assert made.record is not None
    await found.follow(made.record.id, Holder(Presence.BARRED))
    with pytest.raises(HeliostatError, match="somebody else's"):
        await found.issue(request(WEB), BOB)
    await found.follow(made.record.id, Holder(Presence.GONE))
    await found.issue(request(WEB), BOB)
