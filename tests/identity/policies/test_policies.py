"""Policies: laid over the site's, seen at once by every controller, refused when impossible."""

from __future__ import annotations

from pathlib import Path

import pytest

from heliostat.core.errors import HeliostatError
from heliostat.identity.kinds import kinds_of
from heliostat.identity.policies.sections import SECTIONS, laid_over
from heliostat.identity.tenant import TENANTS
from heliostat.testing.signin import IdentityKit, code_of

ACME = "acme.example"
ADA = "correct horse battery"


async def test_a_tenants_own_lie_over_the_sites(kit: IdentityKit, tmp_path: Path) -> None:
    identity = kit.identity
    await identity.tenants.create_tenant(ACME)
    site = identity.options.domain
    seen = await identity.policies.get_policy(ACME)
    assert seen.generation == 0
    assert {each.path.partition(".")[0] for each in seen.settings} == set(SECTIONS)
    assert all(each.about and not each.own and each.value == each.default for each in seen.settings)
    other = kit.restarted(tmp_path / "other")
    await other.realms.get(site)

    changed = await identity.policies.change_policy(
        site,
        {"passwords.minimum_length": "30", "lifetimes.access_s": 120, "passwords.own_words": "a,b"},
    )
    assert changed.generation == 1
    assert "passwords.minimum_length: 8 -> 30" in changed.changes
    own = {each.path: each.value for each in changed.settings if each.own}
    assert own == {
        "passwords.minimum_length": 30,
        "passwords.own_words": ["a", "b"],
        "lifetimes.access_s": 120.0,
    }
    for each in (identity, other):
        realm = await each.realms.get(site)
        assert realm.options.passwords.own_words == ("a", "b")
        assert await code_of(realm.directory.create_user("ada", ADA)) == "WeakPassword"
        assert (
            await code_of((await each.directories.own()).create_user("ada", ADA)) == "WeakPassword"
        )
        assert (await each.realms.get(ACME)).options.passwords.minimum_length == 8
    await (await identity.directories.of(ACME)).create_user("ada", ADA)

    same = await identity.policies.change_policy(site, {"passwords.minimum_length": 30})
    assert (same.generation, same.changes) == (1, ())
    await identity.policies.reset_policy(site, generation=1)
    assert (await other.realms.get(site)).options == other.options
    other.close()


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"passwords.minimum_length": 5000}, "from 1 to 4096"),
        ({"passwords.minimum_length": 20, "passwords.maximum_length": 19}, "more than maximum"),
        ({"passwords.minimum_lenght": 20}, "no setting passwords.minimum_lenght"),
        ({"passwords": {}}, "no setting"),
        ({"domain.x": 1}, "no setting"),
        ({"hashing.memory_kib": 8}, "no setting"),
        ({"lockout.failures": 0}, "from 1"),
        ({"lockout.failures": "five"}, "not a number"),
        ({"lockout.failures": None}, "wants int"),
        ({"lockout.failures": True}, "wants int"),
        ({"lifetimes.access_s": 1e308}, "from"),
        ({"passwords.own_words": [1]}, "wants str"),
        ({"passwords.character_classes": 5}, "from 0 to 4"),
        ({"passwords.blocklist": "maybe"}, "neither true nor false"),
    ],
)
async def test_refused(kit: IdentityKit, values: dict[str, object], words: str) -> None:
    domain = kit.identity.options.domain
    before = await kit.store.revision()
    with pytest.raises(HeliostatError) as refused:
        await kit.identity.policies.change_policy(domain, values)
    assert refused.value.code == "InvalidPolicy"
    assert words in refused.value.message
    assert await kit.store.revision() == before


async def test_what_was_seen_and_what_is_planned(kit: IdentityKit) -> None:
    policies, domain = kit.identity.policies, kit.identity.options.domain
    before = await kit.store.revision()
    planned = await policies.change_policy(domain, {"passwords.maximum_age_days": 1}, plan=True)
    assert planned.changes[-1] == "0 of 1 user must change the password at the next sign-in"
    assert await kit.store.revision() == before
    await kit.clock.advance(2 * 86_400)
    planned = await policies.change_policy(domain, {"passwords.maximum_age_days": 1}, plan=True)
    assert planned.changes[-1].startswith("1 of 1 user")
    await policies.change_policy(domain, {"lockout.failures": 3}, generation=0)
    assert await code_of(policies.reset_policy(domain, generation=0)) == "PolicyChanged"
    assert await code_of(policies.get_policy("nobody.example")) == "TenantNotFound"
    for unknown in ("nothing", "lockout.nothing", "domain"):
        assert await code_of(policies.change_policy(domain, {}, [unknown])) == "InvalidPolicy"


async def test_deleted_with_its_tenant(kit: IdentityKit) -> None:
    identity = kit.identity
    await identity.tenants.create_tenant(ACME)
    await identity.policies.change_policy(ACME, {"lockout.failures": 3})
    (tenant,) = await TENANTS.all(kit.store)
    assert (await identity.realms.get(ACME)).options.lockout.failures == 3
    await identity.tenants.delete_tenant(ACME)
    assert await kinds_of(tenant.value.id).policies.all(kit.store) == []


def test_what_no_longer_fits_is_left_out(kit: IdentityKit) -> None:
    """A later version, or settings of the server that have changed since."""
    site = kit.identity.options
    own = {
        "passwords.minimum_length": 500,
        "gone.for": 1,
        "passwords.gone": 1,
        "lockout.failures": 2,
    }
    used = laid_over(site, own)
    assert used.lockout.failures == 2
    assert used.passwords == site.passwords
