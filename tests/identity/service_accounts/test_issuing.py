"""Certificates that a domain's authority gives its service accounts."""

from __future__ import annotations

import msgspec
import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import rsa

from heliostat.core.errors import HeliostatError
from heliostat.identity.authority.administration import Administration
from heliostat.identity.authority.policy import Asker
from heliostat.identity.authority.policy import decide as decide_by_rules
from heliostat.identity.authority.records import CESSATION, HELD
from heliostat.identity.authority.requests import read_request
from heliostat.identity.authority.rules import CertificatePolicy, Rule
from heliostat.identity.authority.views import CertificateView
from heliostat.identity.clients.records import Client, Grant
from heliostat.identity.service_accounts.issuing import AccountCertificates, decide
from heliostat.testing.account_keys import SERVER, assertion, certificate_of, p256, x5c
from heliostat.testing.certificates import request
from heliostat.testing.robot import DOMAIN, Robot
from heliostat.testing.signin import new_key_pair

URI = f"spiffe://{DOMAIN}/service-account/ci"
CI = Client(name="ci", grants=(Grant.CLIENT_CREDENTIALS,), account=True)
BARRED = msgspec.structs.replace(CI, disabled=True)
ANY = Rule(title="any", longest_days=90)
SHORT = Rule(title="short", longest_days=7)
EC_ONLY = Rule(title="curves", keys=("P-256",))
SERVERS = Rule(title="servers", usages=("serverAuth",))
LARGE = rsa.generate_private_key(65537, 2048)
ADMIN = f"administrator@{DOMAIN}"


def named(*names: str) -> x509.SubjectAlternativeName:
    return x509.SubjectAlternativeName([x509.UniformResourceIdentifier(each) for each in names])


@pytest.mark.parametrize(
    ("csr", "client", "rules", "days", "word"),
    [
        (request(), CI, [ANY], 0, ""),
        (request(common="CI"), CI, [ANY], 90, ""),
        (request(extensions=[named(URI)]), CI, [ANY], 0, ""),
        (request(key=LARGE), CI, [EC_ONLY, ANY], 0, ""),
        (request(), CI, [SHORT, ANY], 30, ""),
        (request(), BARRED, [ANY], 0, "disabled"),
        (request(common="other"), CI, [ANY], 0, "no name of ci"),
        (request(f"ci.{DOMAIN}"), CI, [ANY], 0, "no name of ci"),
        (request(extensions=[named(f"{URI}x")]), CI, [ANY], 0, "no name of ci"),
        (request(extensions=[named(URI, f"{URI}2")]), CI, [ANY], 0, "no name of ci"),
        (request(extensions=[x509.ExtendedKeyUsage(SERVER)]), CI, [ANY], 0, "as a client"),
        (request(key=LARGE), CI, [EC_ONLY], 0, "keys of the kind RSA"),
        (request(), CI, [SHORT], 8, "more than the 7"),
        (request(), CI, [SERVERS], 0, "clientAuth"),
        (request(), CI, [], 0, "no rule"),
    ],
)
def test_the_policy_says_what_an_account_gets(
    csr: str, client: Client, rules: list[Rule], days: int, word: str
) -> None:
    policy = CertificatePolicy(rules=tuple(rules))
    verdict = decide(policy, DOMAIN, read_request(csr), client, days=days)
    assert word in verdict.reason
    assert (verdict.profile is None) == bool(word)
    if verdict.profile is not None:
        assert verdict.profile.names == (f"uri:{URI}",)
        assert verdict.profile.usages == ("clientAuth",)


def test_no_rule_gives_an_accounts_name() -> None:
    wide = Rule(title="wide", everybody=True, uris=("spiffe://*",))
    asker = Asker(ADMIN, "administrator", administers=True)
    for uri in (URI, URI.replace("service", "SERVICE"), URI.replace("service", "%73ervice")):
        requested = read_request(request(extensions=[named(uri)]))
        told = decide_by_rules(CertificatePolicy(rules=(wide,)), DOMAIN, requested, asker)
        assert told.profile is None


def administration(robot: Robot) -> Administration:
    return robot.kit.identity.directories.certificates


async def issue(robot: Robot, csr: str, *, subject: str = ADMIN, **more: object) -> CertificateView:
    """As the API asks for one of ``ci``'s."""
    administers = subject == ADMIN
    return await administration(robot).issue(
        DOMAIN,
        csr,
        subject=subject,
        groups=frozenset(),
        administers=administers,
        account="ci",
        **more,  # type: ignore[arg-type]
    )


async def test_administrators_issue_and_the_account_renews(robot: Robot) -> None:
    key, new = p256(), p256()
    first = await issue(robot, request(common="ci", key=key))
    assert (first.by, first.via) == (f"ci@{DOMAIN}", "service-account")
    for subject in (f"ci@{DOMAIN}", f"ada@{DOMAIN}"):
        with pytest.raises(HeliostatError) as caught:
            await issue(robot, request(), subject=subject)
        assert caught.value.code == "AccessForbidden"

    async def renew(subject: str, csr: str, **more: object) -> CertificateView:
        return await administration(robot).renew(
            DOMAIN,
            first.serial,
            csr,
            subject=subject,
            groups=frozenset(),
            administers=False,
            **more,  # type: ignore[arg-type]
        )

    with pytest.raises(HeliostatError) as caught:
        await renew(f"ada@{DOMAIN}", request())
    assert caught.value.code == "AccessForbidden"
    next_one = await renew(f"ci@{DOMAIN}", request(key=new), days=3)
    shown = certificate_of(next_one.certificate_pem)
    await robot.sign_in(assertion(new, robot.claims(), x5c=x5c(shown)))
    await robot.kit.identity.directory.change_service_account("ci", disabled=True)
    with pytest.raises(HeliostatError, match="disabled"):
        await renew(f"ci@{DOMAIN}", request())


async def test_an_account_renews_no_more_often_than_may_be(robot: Robot) -> None:
    authority = await robot.kit.identity.directories.authority(DOMAIN)
    first = await issue(robot, request())
    own = Asker(f"ci@{DOMAIN}")
    accounts = AccountCertificates(authority.certificates, robot.kit.identity.directory)
    for _ in range(robot.kit.identity.options.authority.machine_certificates_an_hour - 1):
        await accounts.renew(first.serial, request(), own)
    for plan in (True, False):
        with pytest.raises(HeliostatError) as caught:
            await accounts.renew(first.serial, request(), own, plan=plan)
        assert caught.value.code == "TooManyCertificates"
    await issue(robot, request())  # an administrator may
    await robot.kit.clock.advance(3601)
    await accounts.renew(first.serial, request(), own)


async def test_a_plan_issues_nothing(robot: Robot) -> None:
    await issue(robot, request())  # the intermediate is made when it is first needed
    before = robot.kit.store.revision
    planned = await issue(robot, request(), plan=True)
    assert (planned.serial, URI in planned.why) == ("", True)
    assert await robot.kit.store.revision() == await before()
    with pytest.raises(HeliostatError) as caught:
        await administration(robot).issue(
            DOMAIN, request(), subject=ADMIN, groups=frozenset(), administers=True, account="no"
        )
    assert caught.value.code == "ServiceAccountNotFound"


async def test_certificates_are_held_with_the_account_and_end_with_it(robot: Robot) -> None:
    key, identity = p256(), robot.kit.identity
    made = await issue(robot, request(key=key))
    shown = x5c(certificate_of(made.certificate_pem))

    async def reason() -> str:
        await identity.holders.sweep()
        return (await administration(robot).get_certificate(DOMAIN, made.serial)).reason

    await identity.directory.change_service_account("ci", disabled=True)
    assert await reason() == HELD
    await identity.directory.change_service_account("ci", disabled=False)
    assert await reason() == ""
    await robot.sign_in(assertion(key, robot.claims(), x5c=shown))
    await identity.directory.delete_service_account("ci")
    assert await reason() == CESSATION
    await robot.kit.clock.advance(1)
    await identity.directory.create_service_account("ci", new_key_pair()[1])
    assert await robot.refused(assertion(key, robot.claims(), x5c=shown))
