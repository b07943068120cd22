"""What proves a service account, and what looks like it and does not."""

from __future__ import annotations

import json
from collections.abc import Callable

import msgspec
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

from heliostat.identity.authority.policy import Asker
from heliostat.identity.service_accounts.issuing import AccountCertificates
from heliostat.testing.account_keys import (
    SERVER,
    PrivateKey,
    assertion,
    certificate,
    p256,
    pem_of,
    public_pem,
    text_of,
    x5c,
)
from heliostat.testing.certificates import request
from heliostat.testing.robot import DOMAIN, Robot
from heliostat.testing.signin import KINDS, code_of, new_key_pair

ADMIN = Asker(f"administrator@{DOMAIN}", "administrator", administers=True)
DAY_S = 86_400


async def added(robot: Robot, key: PrivateKey, *, days: int = 0) -> str:
    """The id of a key that the account has now."""
    directory = robot.kit.identity.directory
    shown = await directory.add_account_key("ci", public_pem(key), days=days)
    return shown.keys[-1].kid


async def issued(
    robot: Robot, key: PrivateKey, account: str = "ci", *, days: int = 30
) -> x509.Certificate:
    """A certificate that the domain's authority has given the account."""
    identity = robot.kit.identity
    authority = await identity.directories.authority(DOMAIN)
    giving = AccountCertificates(authority.certificates, identity.directory)
    made = await giving.issue(account, request(key=key), ADMIN, days=days)
    return x509.load_pem_x509_certificate(made.own_pem.encode())


@pytest.mark.parametrize(
    "make",
    [
        p256,
        lambda: ec.generate_private_key(ec.SECP384R1()),
        lambda: rsa.generate_private_key(65537, 2048),
        ed25519.Ed25519PrivateKey.generate,
    ],
)
async def test_keys_of_every_kind_sign_in_by_name_and_without(
    robot: Robot, make: Callable[[], PrivateKey]
) -> None:
    key = make()
    kid = await added(robot, key)
    for header in ({}, {"kid": kid}, {"kid": "another library's"}, {"kid": ["odd"]}):
        await robot.sign_in(assertion(key, robot.claims(), **header))
    shown = await issued(robot, key)
    await robot.sign_in(assertion(key, robot.claims(), x5c=x5c(shown)))


async def test_a_key_follows_another_without_a_gap(robot: Robot) -> None:
    directory, new = robot.kit.identity.directory, p256()
    (old,) = (await directory.get_service_account("ci")).keys
    await added(robot, new)
    await robot.sign_in(robot.assertion())
    await robot.sign_in(assertion(new, robot.claims()))
    await directory.remove_account_key("ci", old.kid)
    await robot.sign_in(assertion(new, robot.claims()))
    assert "signature" in await robot.refused(robot.assertion())


async def test_a_key_ends_on_its_day(robot: Robot) -> None:
    key = p256()
    await added(robot, key, days=2)
    await robot.kit.clock.advance(2 * DAY_S - 1)
    await robot.sign_in(assertion(key, robot.claims()))
    await robot.kit.clock.advance(1)
    assert "has ended" in await robot.refused(assertion(key, robot.claims()))
    await robot.sign_in(robot.assertion())


async def test_the_one_key_of_an_account_from_before_goes_on(robot: Robot) -> None:
    kit, (private, public) = robot.kit, new_key_pair()
    stored = await KINDS.directory.clients.get(kit.store, "ci")
    assert stored is not None
    before = msgspec.structs.replace(stored.value, account=False, keys=(), public_key_pem=public)
    await kit.store.commit([], KINDS.directory.clients.put(before, stored.value))
    old, directory = Robot(kit, private), kit.identity.directory
    await old.sign_in(old.assertion())
    (only,) = (await directory.get_service_account("ci")).keys
    assert only.kid == old.key.thumbprint()
    assert only.last_used_ms == kit.clock.now_ms()
    new = p256()
    await added(robot, new)
    for each in (old.assertion(), assertion(new, robot.claims())):
        await old.sign_in(each)
    left = await directory.remove_account_key("ci", only.kid)
    assert [each.kid for each in left.keys] != [only.kid]
    assert "signature" in await old.refused(old.assertion())


async def test_a_disabled_account_signs_in_with_nothing(robot: Robot) -> None:
    directory, identity = robot.kit.identity.directory, robot.kit.identity
    key = p256()
    shown = await issued(robot, key)
    token = (await robot.sign_in(robot.assertion())).access_token
    await directory.change_service_account("ci", disabled=True)
    assert "disabled" in await robot.refused(robot.assertion())
    assert "disabled" in await robot.refused(assertion(key, robot.claims(), x5c=x5c(shown)))
    await robot.kit.clock.advance(31)
    assert await code_of(identity.verify(token)) == "InvalidAuthToken"
    assert (await identity.realms.system.standing.introspect(token)) == {"active": False}
    await directory.change_service_account("ci", disabled=False)
    await robot.sign_in(robot.assertion())


async def test_when_a_key_was_used_is_told_and_written_once_an_hour(robot: Robot) -> None:
    kit, directory = robot.kit, robot.kit.identity.directory
    (unused,) = (await directory.get_service_account("ci")).keys
    assert unused.last_used_ms == 0
    first_ms = kit.clock.now_ms()
    await robot.sign_in(robot.assertion())
    await kit.clock.advance(3599)
    await robot.sign_in(robot.assertion())
    shown = await directory.get_service_account("ci")
    assert (shown.keys[0].last_used_ms, shown.last_used_ms) == (first_ms, first_ms)
    await kit.clock.advance(1)
    await robot.sign_in(robot.assertion())
    shown = await directory.get_service_account("ci")
    assert shown.keys[0].last_used_ms == kit.clock.now_ms()
    assert len(await KINDS.credential_uses.all(kit.store)) == 1
    await directory.delete_service_account("ci")
    assert await KINDS.credential_uses.all(kit.store) == []


async def test_an_issued_certificate_proves_its_account(robot: Robot) -> None:
    key = p256()
    shown = await issued(robot, key)
    signed = assertion(key, robot.claims(), x5c=x5c(shown))
    answer = await robot.sign_in(signed)
    assert (await robot.kit.identity.verify(answer.access_token)).subject == f"ci@{DOMAIN}"
    assert "used before" in await robot.refused(signed)
    account = await robot.kit.identity.directory.get_service_account("ci")
    assert account.last_used_ms == robot.kit.clock.now_ms()


async def test_a_registered_certificate_proves_its_account_shown_or_not(robot: Robot) -> None:
    key, directory = p256(), robot.kit.identity.directory
    shown = certificate(key)
    made = await directory.add_account_certificate("ci", pem_of(shown))
    for header in ({"x5c": x5c(shown)}, {}):
        await robot.sign_in(assertion(key, robot.claims(), **header))
    (kept,) = (await directory.get_service_account("ci")).certificates
    assert kept.last_used_ms == robot.kit.clock.now_ms()
    await robot.kit.clock.advance(30 * DAY_S)
    for header in ({"x5c": x5c(shown)}, {}):
        said = await robot.refused(assertion(key, robot.claims(), **header))
        assert "expired" in said
    await directory.remove_account_certificate("ci", made.certificates[0].sha256.upper())
    assert "signature" in await robot.refused(assertion(key, robot.claims()))


async def expired(robot: Robot) -> str:
    key = p256()
    shown = await issued(robot, key, days=1)
    await robot.kit.clock.advance(DAY_S)
    return assertion(key, robot.claims(), x5c=x5c(shown))


async def not_yet(robot: Robot) -> str:
    key = p256()
    return assertion(key, robot.claims(), x5c=x5c(certificate(key, days=(1, 2))))


async def revoked(robot: Robot) -> str:
    key = p256()
    shown = await issued(robot, key)
    authority = await robot.kit.identity.directories.authority(DOMAIN)
    serial = f"{shown.serial_number:x}"
    await authority.certificates.revoke(serial, "keyCompromise", ADMIN)
    return assertion(key, robot.claims(), x5c=x5c(shown))


async def of_a_revoked_authority(robot: Robot) -> str:
    key = p256()
    shown = await issued(robot, key)
    authority = await robot.kit.identity.directories.authority(DOMAIN)
    await authority.issuers.replace("keyCompromise")
    return assertion(key, robot.claims(), x5c=x5c(shown))


async def another_accounts(robot: Robot) -> str:
    key = p256()
    await robot.kit.identity.directory.create_service_account("other", new_key_pair()[1])
    shown = await issued(robot, key, "other")
    return assertion(key, robot.claims(), x5c=x5c(shown))


async def an_earlier_accounts(robot: Robot) -> str:
    key, directory = p256(), robot.kit.identity.directory
    shown = await issued(robot, key)
    await robot.kit.clock.advance(1)
    await directory.delete_service_account("ci")
    await directory.create_service_account("ci", new_key_pair()[1])
    return assertion(key, robot.claims(), x5c=x5c(shown))


async def another_tenants(robot: Robot) -> str:
    key, identity = p256(), robot.kit.identity
    await identity.tenants.create_tenant("acme.example")
    directory = await identity.directories.of("acme.example")
    await directory.create_service_account("ci", new_key_pair()[1])
    authority = await identity.directories.authority("acme.example")
    giving = AccountCertificates(authority.certificates, directory)
    made = await giving.issue("ci", request(key=key), ADMIN)
    shown = x509.load_pem_x509_certificate(made.own_pem.encode())
    return assertion(key, robot.claims(), x5c=x5c(shown))


async def a_persons(robot: Robot) -> str:
    """Of the same authority, for names that the policy allows: no account's."""
    key = p256()
    authority = await robot.kit.identity.directories.authority(DOMAIN)
    made = await authority.certificates.issue(request(f"ci.{DOMAIN}", key=key), ADMIN)
    shown = x509.load_pem_x509_certificate(made.own_pem.encode())
    return assertion(key, robot.claims(), x5c=x5c(shown))


async def forged(robot: Robot) -> str:
    """With the number of one that was issued."""
    key = p256()
    real = await issued(robot, p256())
    built = certificate(key)
    copy = (
        x509.CertificateBuilder()
        .subject_name(real.subject)
        .issuer_name(real.issuer)
        .public_key(key.public_key())
        .serial_number(real.serial_number)
        .not_valid_before(built.not_valid_before_utc)
        .not_valid_after(built.not_valid_after_utc)
        .sign(key, hashes.SHA256())
    )
    return assertion(key, robot.claims(), x5c=x5c(copy))


async def an_authoritys(robot: Robot) -> str:
    key = p256()
    return assertion(key, robot.claims(), x5c=x5c(certificate(key, authority=True)))


async def for_servers(robot: Robot) -> str:
    key = p256()
    return assertion(key, robot.claims(), x5c=x5c(certificate(key, usages=SERVER)))


async def with_a_weak_key(robot: Robot) -> str:
    key = rsa.generate_private_key(65537, 1024)
    return assertion(key, robot.claims(), x5c=x5c(certificate(key)))


async def that_does_not_sign(robot: Robot) -> str:
    key = p256()
    return assertion(key, robot.claims(), x5c=x5c(certificate(key, signs=False)))


async def with_another_key(robot: Robot) -> str:
    return assertion(p256(), robot.claims(), x5c=x5c(await issued(robot, p256())))


async def with_another_algorithm(robot: Robot) -> str:
    key = p256()
    return assertion(key, robot.claims(), x5c=x5c(await issued(robot, key)), alg="ES384")


async def unsigned(robot: Robot) -> str:
    parts = ({"alg": "none", "x5c": x5c(await issued(robot, p256()))}, robot.claims())
    return ".".join(text_of(json.dumps(part).encode()) for part in parts) + "."


async def a_long_chain(robot: Robot) -> str:
    key = ed25519.Ed25519PrivateKey.generate()
    return assertion(key, robot.claims(), x5c=x5c(*[certificate(key)] * 9))


async def a_hundred(robot: Robot) -> str:
    key = ed25519.Ed25519PrivateKey.generate()
    return assertion(key, robot.claims(), x5c=x5c(*[certificate(key)] * 100))


def shows(value: object) -> Callable[[Robot], object]:
    """A good signature of the account's key, with an odd ``x5c`` beside it."""

    async def made(robot: Robot) -> str:
        key = p256()
        await added(robot, key)
        return assertion(key, robot.claims(), x5c=value)

    return made


@pytest.mark.parametrize(
    ("make", "word"),
    [
        (expired, "expired"),
        (not_yet, "does not count yet"),
        (revoked, "revoked"),
        (of_a_revoked_authority, "revoked"),
        (another_accounts, "not for ci"),
        (an_earlier_accounts, "earlier account"),
        (another_tenants, "none of ci"),
        (a_persons, "not for ci"),
        (forged, "none of ci"),
        (an_authoritys, "an authority's"),
        (for_servers, "not for clients"),
        (with_a_weak_key, "1024 bits"),
        (that_does_not_sign, "may not sign"),
        (with_another_key, "signature"),
        (with_another_algorithm, "signature"),
        (unsigned, "signature"),
        (a_long_chain, "more than 8"),
        (a_hundred, "read"),
        (shows([]), "no certificate"),
        (shows("text"), "no certificate"),
        (shows([5]), "no certificate"),
        (shows([{"a": 1}]), "no certificate"),
        (shows(["AAAA"]), "can't be read"),
        (shows(["no base64!"]), "can't be read"),
        (shows(["A" * 9000]), "no certificate"),
    ],
)
async def test_what_is_no_proof_is_refused(robot: Robot, make: object, word: str) -> None:
    made = await make(robot)  # type: ignore[operator]
    assert word in await robot.refused(made)


@pytest.mark.parametrize(
    ("key", "header"),
    [
        (p256(), {"alg": "RS256"}),
        (p256(), {"alg": "HS256"}),
        (p256(), {"alg": ["ES256"]}),
        (p256(), {"crit": ["exp"], "exp": 1}),
        (ec.generate_private_key(ec.SECP384R1()), {"alg": "ES256"}),
        (ec.generate_private_key(ec.SECP384R1()), {"crit": []}),
        (rsa.generate_private_key(65537, 2048), {"alg": "PS256"}),
        (rsa.generate_private_key(65537, 2048), {"alg": "none"}),
        (ed25519.Ed25519PrivateKey.generate(), {"alg": "ES256"}),
        (ed25519.Ed25519PrivateKey.generate(), {"crit": ["b64"], "b64": False}),
    ],
)
async def test_a_key_signs_in_one_way_only(
    robot: Robot, key: PrivateKey, header: dict[str, object]
) -> None:
    kid = await added(robot, key)
    said = await robot.refused(assertion(key, robot.claims(), **{"kid": kid, **header}))
    assert "signature" in said
