"""Programs on member machines get tokens and certificates that others judge by their standards."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator

import pytest
from cryptography import x509
from joserfc import jwt
from joserfc.jwk import KeySet

from heliostat.core.errors import HeliostatError
from heliostat.core.join_token import decode_machine
from heliostat.identity.machines.workloads import TOKEN_S, Workloads
from heliostat.testing.members import DOMAIN, NAME, Key, World, joined, made_world

AUDIENCE = "https://vault.example"


@pytest.fixture
async def world() -> AsyncIterator[World]:
    async with made_world() as made:
        yield made


async def _workloads(world: World) -> Workloads:
    return await world.directories.workloads(DOMAIN)


async def _in_vm(world: World) -> Key:
    invited = await world.machines.invite(NAME, project="p-1", vm="v-1")
    key = Key()
    told = await world.machines.join(decode_machine(invited.token).secret, key.request(), "")
    assert told.directory is None, "who may start a VM may not read the directory"
    key.chain = told.chain
    return key


async def test_a_token_is_for_its_audience_and_names_the_machine(world: World) -> None:
    key = await joined(world)
    found = await (await _workloads(world)).issue(key.assertion(), "backup", audience=[AUDIENCE])
    realm = await world.directories.realms.get(DOMAIN)
    keys = KeySet.import_key_set(json.loads(json.dumps(await realm.keys.jwks())))
    claims = jwt.decode(found.token, keys, algorithms=["ES256"]).claims
    assert found.spiffe_id == f"spiffe://{DOMAIN}/machine/{NAME}/backup"
    assert claims["sub"] == found.spiffe_id
    assert claims["aud"] == [AUDIENCE]
    assert claims["exp"] - claims["iat"] == TOKEN_S
    assert (claims["computer"], claims["name"]) == (NAME, "backup")
    assert "vm" not in claims
    with pytest.raises(HeliostatError):  # it opens no door of the platform
        await world.verifier.verify(found.token)


async def test_a_vm_s_programs_are_named_by_project_and_vm_and_end_with_it(world: World) -> None:
    key = await _in_vm(world)
    workloads = await _workloads(world)
    found = await workloads.issue(
        key.assertion(), "web", audience=[AUDIENCE], csr_pem=key.request(common="anything")
    )
    assert found.spiffe_id == f"spiffe://{DOMAIN}/project/p-1/vm/v-1/web"
    own, above, *_ = x509.load_pem_x509_certificates(found.chain.encode())
    own.verify_directly_issued_by(above)
    names = own.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert [each.value for each in names] == [found.spiffe_id], "an X.509-SVID has one URI"
    assert own.subject.rfc4514_string() == ""
    assert (own.not_valid_after_utc - own.not_valid_before_utc).days <= 1

    async def gone(_vm: str) -> bool:
        return False

    world.directories.has_vm = gone
    with pytest.raises(HeliostatError, match="gone"):
        await (await _workloads(world)).issue(key.assertion(jti="not yet seen"), "web")


async def test_computers_go_with_their_vms(world: World) -> None:
    there = {"v-1", "v-3"}

    async def has_vm(vm: str) -> bool:
        return vm in there

    world.directories.has_vm = has_vm
    machines = await world.directories.machines("heliostat.local")
    for number in range(1, 4):  # the last two never join
        await machines.invite(f"vm-v-{number}", project="p-1", vm=f"v-{number}")
    await machines.invite("by-hand")
    await world.directories.maintain()
    own = await world.directories.own()
    left = [each.name for each in (await own.page_computers(limit=10)).items]
    assert left == ["by-hand", "vm-v-1", "vm-v-3"]


async def test_joining_again_by_hand_unbinds_a_machine(world: World) -> None:
    await _in_vm(world)
    key = await joined(world)
    found = await (await _workloads(world)).issue(key.assertion(), "web")
    assert found.spiffe_id == f"spiffe://{DOMAIN}/machine/{NAME}/web"


@pytest.mark.parametrize(
    ("code", "name", "audience"),
    [
        ("InvalidName", "../other", [AUDIENCE]),
        ("InvalidName", "", [AUDIENCE]),
        ("InvalidName", "Ä", [AUDIENCE]),
        ("InvalidEntity", "web", [""]),
        ("InvalidEntity", "web", ["a\nb"]),
        ("InvalidEntity", "web", ["a"] * 9),
    ],
)
async def test_what_names_nothing_is_refused(
    world: World, code: str, name: str, audience: list[str]
) -> None:
    key = await joined(world)
    with pytest.raises(HeliostatError) as refused:
        await (await _workloads(world)).issue(key.assertion(), name, audience=audience)
    assert refused.value.code == code


async def test_nobody_but_a_member_gets_anything(world: World) -> None:
    await joined(world)
    stranger = await joined(world)
    stranger.key = Key().key
    with pytest.raises(HeliostatError, match="InvalidClient"):
        await (await _workloads(world)).issue(stranger.assertion(), "web", audience=[AUDIENCE])
