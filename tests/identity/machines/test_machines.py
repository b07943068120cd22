"""Machines join with a token that is good once, and stay members by their certificate."""

from __future__ import annotations

import base64
import json
from collections.abc import AsyncIterator

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import rsa

from heliostat.core.errors import HeliostatError
from heliostat.identity.authority.policy import Asker
from heliostat.identity.machines.invitations import LIFETIME_S
from heliostat.identity.machines.secrets import is_secret, kept
from heliostat.identity.machines.site import MachineCertificate, MachineSite
from heliostat.testing.members import DOMAIN, NAME, Key, World, joined, made_world, request_for


@pytest.fixture
async def world() -> AsyncIterator[World]:
    async with made_world() as made:
        yield made


async def test_a_token_makes_a_machine_a_member(world: World) -> None:
    token = await world.invited()
    assert (token.domain, token.computer) == (DOMAIN, NAME)
    key = Key()
    told = await world.machines.join(token.secret, key.request(), "Debian 12")
    own, *_above = x509.load_pem_x509_certificates(told.chain.encode())
    names = own.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert names.get_values_for_type(x509.DNSName) == [f"{NAME}.{DOMAIN}"]
    assert own.public_key() == key.key.public_key()
    assert token.ca in told.roots
    computer = await (await world.directories.of(DOMAIN)).get_computer(NAME)
    assert computer.certificate_sha256 == own.fingerprint(hashes.SHA256()).hex()
    assert computer.operating_system == "Debian 12"
    authority = await world.directories.authority(DOMAIN)
    (record,) = [each.value for each in await authority.certificates.kind.all(world.store)]
    assert (record.via, record.by) == ("join", f"{NAME}$@{DOMAIN}")


async def test_a_token_is_good_for_one_key(world: World) -> None:
    token, first, second = await world.invited(), Key(), Key()
    await world.machines.join(token.secret, first.request(), "")
    again = await world.machines.join(token.secret, first.request(), "")
    assert again.chain, "the answer was lost, so it is asked for again"
    with pytest.raises(HeliostatError, match="InvalidToken"):
        await world.machines.join(token.secret, second.request(), "")
    await world.clock.advance(LIFETIME_S)
    with pytest.raises(HeliostatError, match="InvalidToken"):
        await world.machines.join(token.secret, first.request(), "")


async def test_requests_for_other_names_get_nothing_and_spend_nothing(world: World) -> None:
    token, key = await world.invited(), Key()
    weak = rsa.generate_private_key(65537, 2048)
    for code, request in (
        ("CertificateRefused", key.request(f"db.{DOMAIN}")),
        ("CertificateRefused", key.request(f"{NAME}.{DOMAIN}", "other.example")),
        ("CertificateRefused", key.request(common="administrator")),
        ("InvalidEntity", "no request"),
        ("InvalidEntity", request_for(weak, f"{NAME}.{DOMAIN}")),
    ):
        with pytest.raises(HeliostatError) as refused:
            await world.machines.join(token.secret, request, "")
        assert refused.value.code == code
    assert (await world.machines.join(token.secret, key.request(), "")).chain


async def test_a_plan_writes_nothing(world: World) -> None:
    before = world.store.revision
    planned = await world.machines.invite(NAME, plan=True)
    assert (planned.computer, planned.token) == (NAME, "")
    assert world.store.revision == before
    token = await world.invited()
    before = world.store.revision
    told = await world.machines.join(token.secret, Key().request(), "", plan=True)
    assert (told.computer, told.chain) == (NAME, "")
    assert world.store.revision == before
    key = await joined(world)
    workloads = await world.directories.workloads(DOMAIN)
    before = world.store.revision
    await world.machines.refresh(key.assertion(), key.request(), "", plan=True)
    await workloads.issue(key.assertion(), "backup", audience=["a"], plan=True)
    assert world.store.revision == before
    await world.machines.refresh(key.assertion(), "", "")
    with pytest.raises(HeliostatError, match="InvalidClient"):
        await workloads.issue(key.assertion(), "backup", audience=["a"], plan=True)


@pytest.mark.parametrize("name", ["a.b c", "-web", "web*", "x" * 70])
async def test_what_is_no_host_name_is_not_invited(world: World, name: str) -> None:
    with pytest.raises(HeliostatError) as refused:
        await world.machines.invite(name)
    assert refused.value.code in ("InvalidEntity", "InvalidName")


async def test_a_member_asks_with_its_certificate(world: World) -> None:
    key = await joined(world)
    told = await world.machines.refresh(key.assertion(), "", "Debian 13")
    assert (told.chain, told.computer) == ("", NAME)
    directory = await world.directories.of(DOMAIN)
    assert (await directory.get_computer(NAME)).operating_system == "Debian 13"


async def test_the_present_certificate_counts_until_the_new_one_is_shown(world: World) -> None:
    """A machine that never saw the answer is still a member."""
    key, new = await joined(world), Key()
    lost = await world.machines.refresh(key.assertion(), new.request(), "")
    assert lost.chain not in ("", key.chain)
    again = await world.machines.refresh(key.assertion(jti="another one"), new.request(), "")
    new.chain = lost.chain
    with pytest.raises(HeliostatError, match="InvalidClient"):  # nobody kept it
        await world.machines.refresh(new.assertion(), "", "")
    new.chain = again.chain
    await world.machines.refresh(new.assertion(jti="of the new one"), "", "")
    with pytest.raises(HeliostatError, match="InvalidClient"):
        await world.machines.refresh(key.assertion(jti="a third one"), "", "")


async def test_forged_proofs_are_refused(world: World) -> None:
    key = await joined(world)
    await world.machines.refresh(key.assertion(), "", "")
    stranger = Key()
    stranger.chain = key.chain
    header, claims, signature = key.assertion(jti="not yet seen").split(".")
    without = base64.urlsafe_b64encode(json.dumps({"alg": "ES256"}).encode()).decode().rstrip("=")
    none = base64.urlsafe_b64encode(json.dumps({"alg": "none"}).encode()).decode().rstrip("=")
    for proof in (
        key.assertion(),  # used before
        stranger.assertion(jti="not yet seen"),  # its key is not the certificate's
        key.assertion(jti="not yet seen", sub="db-1", iss="db-1"),
        key.assertion(jti="not yet seen", aud="https://elsewhere.example"),
        key.assertion(jti="not yet seen", exp=1),
        key.assertion(jti="short"),
        f"{without}.{claims}.{signature}",
        f"{none}.{claims}.",
        f"{header}.{claims}.AAAA",
        "",
        "x" * 20_000,
    ):
        with pytest.raises(HeliostatError) as refused:
            await world.machines.refresh(proof, "", "")
        assert refused.value.code == "InvalidClient", proof


async def test_a_machine_of_one_tenant_is_nobody_in_another(world: World) -> None:
    key = await joined(world)
    elsewhere = await world.directories.machines("heliostat.local")
    with pytest.raises(HeliostatError, match="InvalidClient"):
        await elsewhere.refresh(key.assertion(), "", "")
    token = await world.invited()
    with pytest.raises(HeliostatError, match="InvalidToken"):
        await elsewhere.join(token.secret, key.request(), "")


async def test_a_disabled_computer_is_out_at_once(world: World) -> None:
    key, token = await joined(world), await world.invited()
    directory = await world.directories.of(DOMAIN)
    await directory.change_computer(NAME, disabled=True)
    with pytest.raises(HeliostatError, match="InvalidClient"):
        await world.machines.refresh(key.assertion(), "", "")
    with pytest.raises(HeliostatError, match="InvalidToken"):
        await world.machines.join(token.secret, key.request(), "")
    with pytest.raises(HeliostatError, match="InvalidOperation"):
        await world.machines.invite(NAME)
    await directory.change_computer(NAME, disabled=False)
    await world.clock.advance(91 * 86_400)
    with pytest.raises(HeliostatError, match="expired"):
        await world.machines.refresh(key.assertion(), "", "")


async def test_a_revoked_certificate_proves_nothing(world: World) -> None:
    key = await joined(world)
    authority = await world.directories.authority(DOMAIN)
    (record,) = [each.value for each in await authority.certificates.kind.all(world.store)]
    asker = Asker("boss", administers=True)
    await authority.certificates.revoke(record.id, "keyCompromise", asker)
    with pytest.raises(HeliostatError, match="revoked"):
        await world.machines.refresh(key.assertion(), Key().request(), "")
    assert (await joined(world)).chain, "with a new key it joins again"


async def test_a_key_from_before_joining_again_does_not_come_back(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also if its proof was taken a moment before."""
    old, real = await joined(world), MachineSite.certify
    new: list[Key] = []

    async def meanwhile(site: MachineSite, csr_pem: str, computer: str) -> MachineCertificate:
        monkeypatch.setattr(MachineSite, "certify", real)
        new.append(await joined(world))
        return await real(site, csr_pem, computer)

    monkeypatch.setattr(MachineSite, "certify", meanwhile)
    with pytest.raises(HeliostatError, match="InvalidClient"):
        await world.machines.refresh(old.assertion(), Key().request(), "")
    await world.machines.refresh(new[0].assertion(jti="of the new one"), "", "")


async def test_who_is_deleted_proves_itself_to_nobody(world: World) -> None:
    await joined(world)
    key = await joined(world)
    authority = await world.directories.authority(DOMAIN)
    kept = request_for(Key().key, f"{NAME}.{DOMAIN}")
    await authority.certificates.issue(kept, Asker("boss", administers=True))
    before = world.store.revision
    await world.machines.dismiss(NAME, plan=True)
    assert world.store.revision == before
    await world.machines.dismiss(NAME)
    records = [each.value for each in await authority.certificates.kind.all(world.store)]
    assert sorted((each.via, each.reason) for each in records) == [
        ("join", "cessationOfOperation"),
        ("join", "cessationOfOperation"),
        ("request", ""),
    ]
    await (await world.directories.of(DOMAIN)).create_computer(NAME)
    with pytest.raises(HeliostatError, match="InvalidClient"):
        await world.machines.refresh(key.assertion(), "", "")


@pytest.mark.parametrize("used", [False, True], ids=["unused", "used"])
async def test_a_token_ends_with_its_computer(world: World, used: bool) -> None:
    token, key = await world.invited(), Key()
    if used:
        await world.machines.join(token.secret, key.request(), "")
    await world.machines.dismiss(NAME)
    with pytest.raises(HeliostatError, match="InvalidToken"):
        await world.machines.join(token.secret, key.request(), "")
    await world.clock.advance(1)
    new = await world.invited()
    with pytest.raises(HeliostatError, match="InvalidToken"):
        await world.machines.join(token.secret, key.request(), "")
    assert (await world.machines.join(new.secret, Key().request(), "")).chain


async def test_who_is_called_as_a_machine_is_another(world: World) -> None:
    await joined(world)
    authority = await world.directories.authority(DOMAIN)
    (record,) = [each.value for each in await authority.certificates.kind.all(world.store)]
    with pytest.raises(HeliostatError, match="AccessForbidden"):
        await authority.certificates.revoke(
            record.id, "keyCompromise", Asker(f"{NAME}@{DOMAIN}", NAME)
        )


async def test_a_certificate_that_is_set_leaves_no_other_beside_it(world: World) -> None:
    key, new = await joined(world), Key()
    new.chain = (await world.machines.refresh(key.assertion(), new.request(), "")).chain
    await (await world.directories.of(DOMAIN)).change_computer(NAME, certificate_sha256="a" * 64)
    with pytest.raises(HeliostatError, match="InvalidClient"):
        await world.machines.refresh(new.assertion(jti="of the new one"), "", "")


def test_what_is_kept_of_a_secret_is_no_secret() -> None:
    hashed = kept("a secret")
    assert hashed.startswith("$argon2id$"), "as slapd reads it"
    assert is_secret("a secret", hashed)
    for wrong, of in (("another", hashed), ("a secret", ""), ("", ""), ("a secret", "damaged")):
        assert not is_secret(wrong, of)


async def test_a_machine_asks_for_no_more_certificates_than_may_be(world: World) -> None:
    authority = await world.directories.authority(DOMAIN)
    most = authority.options.authority.machine_certificates_an_hour
    key = await joined(world)
    for number in range(most - 1):
        await world.machines.refresh(key.assertion(jti=f"number {number:04}"), Key().request(), "")
    with pytest.raises(HeliostatError, match="TooManyCertificates") as caught:
        await world.machines.refresh(key.assertion(jti="one more of them"), Key().request(), "")
    assert 0 < getattr(caught.value, "retry_after_s", 0) <= 3600
    await world.machines.refresh(key.assertion(jti="asks for none"), "", "")
    token, other = await world.invited("web-2"), Key()
    await world.machines.join(token.secret, other.request(common=f"web-2.{DOMAIN}"), "")
    subject = f"{NAME}$@{DOMAIN}"
    with pytest.raises(HeliostatError, match="TooManyCertificates"):
        await authority.certificates.refuse_often(subject, most)
    await world.clock.advance(3601)
    await authority.certificates.refuse_often(subject, most)
