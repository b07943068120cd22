"""Requests as hostile people send them, and what a policy says to the rest: tables."""

from __future__ import annotations

import base64
from collections.abc import Callable
from ipaddress import ip_address
from pathlib import Path

import msgspec
import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import dsa, ec, ed25519, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID, ObjectIdentifier

from heliostat.core.errors import HeliostatError
from heliostat.core.process import run
from heliostat.identity.authority.patterns import name_matches
from heliostat.identity.authority.policy import Asker, decide, default_policy
from heliostat.identity.authority.policy_check import checked_policy
from heliostat.identity.authority.requests import read_request
from heliostat.identity.authority.rules import AcmeRules, CertificatePolicy, Rule
from heliostat.testing.certificates import request

DOMAIN = "acme.example"
WEB = f"www.{DOMAIN}"
ADMIN = Asker(f"administrator@{DOMAIN}", "administrator", frozenset(), administers=True)
ADA = Asker(f"ada@{DOMAIN}", "ada", frozenset({f"{DOMAIN}\\Web"}))


def named(*values: tuple[ObjectIdentifier, str]) -> x509.Name:
    return x509.Name([x509.NameAttribute(oid, value, _validate=False) for oid, value in values])


def other_name() -> x509.SubjectAlternativeName:
    principal = x509.OtherName(ObjectIdentifier("1.3.6.1.4.1.311.20.2.3"), b"\x0c\x03abc")
    return x509.SubjectAlternativeName([principal])


def raw_names(*encoded: bytes) -> x509.UnrecognizedExtension:
    """Alternative names byte by byte: what the library itself refuses to write."""
    content = b"".join(encoded)
    return x509.UnrecognizedExtension(
        x509.SubjectAlternativeName.oid, bytes([0x30, len(content)]) + content
    )


def dns(value: bytes) -> bytes:
    return bytes([0x82, len(value)]) + value


USAGE = x509.KeyUsage(True, False, False, False, False, True, True, False, False)
HOSTILE: dict[str, tuple[str, Callable[[], str]]] = {
    "an authority": ("CA:TRUE", lambda: request(
        WEB, extensions=[x509.BasicConstraints(ca=True, path_length=None)])),
    "the right to sign": ("right to sign", lambda: request(WEB, extensions=[USAGE])),
    "weak RSA": ("1024 bits", lambda: request(WEB, key=rsa.generate_private_key(65537, 1024))),
    "odd exponent": ("exponent", lambda: request(WEB, key=rsa.generate_private_key(3, 2048))),
    "P-521": ("secp521r1", lambda: request(WEB, key=ec.generate_private_key(ec.SECP521R1()))),
    "a foreign curve": ("secp256k1", lambda: request(
        WEB, key=ec.generate_private_key(ec.SECP256K1()))),
    "DSA": ("kind", lambda: request(WEB, key=dsa.generate_private_key(2048))),
    "other names": ("OtherName", lambda: request(extensions=[other_name()])),
    "a directory name": ("DirectoryName", lambda: request(extensions=[
        x509.SubjectAlternativeName([x509.DirectoryName(named((NameOID.COMMON_NAME, "x")))])])),
    "NUL in a name": ("no DNS name", lambda: request(
        extensions=[raw_names(dns(b"www.acme.example\0.evil.example"))])),
    "not ASCII": ("", lambda: request(extensions=[raw_names(dns(b"caf\xc3\xa9.acme.example"))])),
    "an address as a name": ("no DNS name", lambda: request("192.0.2.1")),
    "a star inside": ("no DNS name", lambda: request("w*.acme.example")),
    "two stars": ("no DNS name", lambda: request("*.*.acme.example")),
    "a bare star": ("no DNS name", lambda: request("*")),
    "an empty label": ("no DNS name", lambda: request("www..acme.example")),
    "a URI with a blank": ("no URI", lambda: request(extensions=[x509.SubjectAlternativeName(
        [x509.UniformResourceIdentifier("https://x/ y")])])),
    "bidi in the subject": ("U+202E", lambda: request(subject=named(
        (NameOID.COMMON_NAME, "www\u202eelpmaxe")))),
    "NUL in the subject": ("U+0000", lambda: request(subject=named(
        (NameOID.COMMON_NAME, "www\0x")))),
    "two common names": ("several common names", lambda: request(subject=named(
        (NameOID.COMMON_NAME, "a"), (NameOID.COMMON_NAME, "b")))),
    "too many names": ("101 names", lambda: request(*(f"n{n}.x.example" for n in range(101)))),
    "too large": ("bytes", lambda: request(*(f"{'n' * 60}{n}.x.example" for n in range(300)))),
    "nothing": ("PEM", lambda: ""),
    "text": ("PEM", lambda: "-----BEGIN CERTIFICATE REQUEST-----\nAAAA\n"),
}  # fmt: skip


@pytest.mark.parametrize("case", HOSTILE)
def test_hostile_requests_are_refused_with_the_reason(case: str) -> None:
    reason, make = HOSTILE[case]
    try:
        text = make()
    except (ValueError, TypeError):
        pytest.skip("the library does not even write it")
    with pytest.raises(HeliostatError) as refused:
        read_request(text)
    assert refused.value.code == "InvalidEntity"
    assert reason in refused.value.message


def test_a_request_changed_on_the_way_is_not_its_keys() -> None:
    good = request(WEB)
    body = base64.b64decode("".join(good.splitlines()[1:-1]))
    for wrong in (body[:-1] + bytes([body[-1] ^ 1]), body.replace(b"www", b"wwx")):
        with pytest.raises(HeliostatError, match=r"own key|read"):
            read_request(wrong)
    with pytest.raises(HeliostatError):
        read_request(body + b"\0" * 20_000)
    assert read_request(body).names == (f"dns:{WEB}",)


def test_duplicate_extensions_are_refused() -> None:
    """The library does not write them, so another extension is renamed in the bytes."""
    alike = x509.UnrecognizedExtension(ObjectIdentifier("2.5.29.18"), b"\x30\x03\x82\x01x")
    body = base64.b64decode("".join(request(WEB, extensions=[alike]).splitlines()[1:-1]))
    twice = body.replace(b"\x06\x03\x55\x1d\x12", b"\x06\x03\x55\x1d\x11")
    assert twice != body
    with pytest.raises(HeliostatError, match="Duplicate"):
        read_request(twice)


def test_weak_digests_are_refused(tmp_path: Path) -> None:
    key, made = tmp_path / "key", tmp_path / "csr"
    new = ["openssl", "req", "-new", "-newkey", "rsa:2048", "-nodes", "-keyout", str(key)]
    run([*new, "-sha1", "-subj", f"/CN={WEB}", "-out", str(made)], timeout_s=30)
    with pytest.raises(HeliostatError, match="SHA1"):
        read_request(made.read_text())


GOOD = (
    ("P-256", lambda: ec.generate_private_key(ec.SECP256R1())),
    ("P-384", lambda: ec.generate_private_key(ec.SECP384R1())),
    ("Ed25519", ed25519.Ed25519PrivateKey.generate),
    ("RSA", lambda: rsa.generate_private_key(65537, 2048)),
)


@pytest.mark.parametrize(("kind", "key"), GOOD)
def test_proper_requests_are_read(kind: str, key: Callable[[], object]) -> None:
    usages = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CLIENT_AUTH])
    made = request(
        "WWW.acme.example", "www.acme.example", common=WEB, key=key(), extensions=[usages]
    )
    read = read_request(made)
    assert (read.kind, read.names, read.usages) == (kind, (f"dns:{WEB}",), ("clientAuth",))
    assert read.common_name == WEB


@pytest.mark.parametrize(
    ("pattern", "name", "matches"),
    [
        ("acme.example", "acme.example", True),
        ("acme.example", "www.acme.example", False),
        ("*.acme.example", "www.acme.example", True),
        ("*.acme.example", "a.b.acme.example", False),
        ("*.acme.example", "acme.example", False),
        ("**.acme.example", "a.b.acme.example", True),
        ("**.acme.example", "acme.example", False),
        ("**.acme.example", "evilacme.example", False),
        ("**.acme.example", "*.b.acme.example", True),
    ],
)
def test_patterns(pattern: str, name: str, matches: bool) -> None:
    assert name_matches(pattern, name) is matches


WEB_RULE = Rule(title="web", groups=("Web",), names=("*.web.acme.example",), longest_days=30)
OWN = Rule(title="own", everybody=True, names=("{user}.people.acme.example",),
           emails=("{user}@acme.example",), usages=("clientAuth",))  # fmt: skip
POLICY = CertificatePolicy(rules=(*default_policy(DOMAIN).rules, WEB_RULE, OWN))


def extension(*names: x509.GeneralName) -> list[x509.ExtensionType]:
    return [x509.SubjectAlternativeName(names)]


DECISIONS = [
    (ADMIN, request(WEB), 0, "allowed by the rule administrators"),
    (ADMIN, request(common=WEB), 0, "dns:www.acme.example"),
    (ADMIN, request(f"*.{DOMAIN}"), 0, "allowed"),
    (ADMIN, request(WEB), 91, "91 days are more than the 90"),
    (ADMIN, request("www.other.example"), 0, "lies outside"),
    (ADMIN, request("panel.site.acme.example"), 0, "belongs to the platform"),
    (ADMIN, request("*.site.acme.example"), 0, "belongs to the platform"),
    (ADMIN, request("*.acme.example", "x.acme.example"), 0, "allowed"),
    (ADMIN, request(), 0, "no name"),
    (ADMIN, request(WEB, common="Somebody Else"), 0, "common name"),
    (ADMIN, request(WEB, subject=named((NameOID.ORGANIZATION_NAME, "Bank"))), 0, "may not have O"),
    (ADMIN, request(extensions=extension(x509.IPAddress(ip_address("192.0.2.1")))), 0, "outside"),
    (ADMIN, request(extensions=extension(
        x509.UniformResourceIdentifier("heliostat:host:1"))), 0, "belongs to the platform"),
    (ADMIN, request(extensions=extension(x509.RFC822Name(f"x@{DOMAIN}"))), 0, "allowed"),
    (ADMIN, request(WEB, extensions=[x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CODE_SIGNING])]),
     0, "codeSigning is not allowed"),
    (ADA, request("a.web.acme.example"), 0, "allowed by the rule web"),
    (ADA, request("a.web.acme.example"), 31, "31 days"),
    (ADA, request("*.web.acme.example"), 0, "not among its names"),
    (ADA, request(WEB), 0, "not among its names"),
    (ADA, request("ada.people.acme.example", extensions=[
        x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CLIENT_AUTH])]), 0, "allowed by the rule own"),
    (ADA, request("bob.people.acme.example"), 0, "not among its names"),
    (Asker("eve@other.example"), request("a.web.acme.example"), 0, "no rule"),
    (Asker("ada@other.example", "", frozenset({"other.example\\Web"})),
     request("a.web.acme.example"), 0, "no rule"),
]  # fmt: skip


@pytest.mark.parametrize(("asker", "text", "days", "reason"), DECISIONS)
def test_decisions(asker: Asker, text: str, days: int, reason: str) -> None:
    """Only ``allowed`` is a yes."""
    verdict = decide(
        POLICY,
        DOMAIN,
        read_request(text),
        asker,
        days=days,
        reserved=("site.acme.example.invalid", "panel.site.acme.example"),
        constrained=True,
    )
    assert reason in verdict.reason
    assert (verdict.profile is not None) is verdict.reason.startswith("allowed by")
    assert (verdict.profile is not None) is reason.startswith(("allowed", "dns:"))


def test_a_common_name_lies_inside_whatever_the_rules_say() -> None:
    wide = Rule(title="wide", names=("www.other.example", f"**.{DOMAIN}"), emails=("*",))
    policy = CertificatePolicy(rules=(wide,))
    for text in (
        request(common="www.other.example"),
        request(WEB, common="www.other.example"),
        request(common="ceo@other.example"),
    ):
        verdict = decide(policy, DOMAIN, read_request(text), ADMIN, constrained=True)
        assert verdict.profile is None
        assert "lies outside" in verdict.reason


def test_what_machines_vouch_for_nobody_asks_for() -> None:
    """Whatever the rules say: else who may ask has the identity of another project's program."""
    wide = Rule(title="wide", uris=("spiffe://*",))
    policy = CertificatePolicy(rules=(wide,))
    for uri, granted in (
        (f"spiffe://{DOMAIN}/machine/web-1/backup", False),
        (f"spiffe://{DOMAIN}/project/p-1/vm/v-1/web", False),
        (f"spiffe://{DOMAIN.upper()}/%70roject/p-1/vm/v-1/web", False),
        (f"spiffe://{DOMAIN}/team/ci", True),
    ):
        named = x509.SubjectAlternativeName([x509.UniformResourceIdentifier(uri)])
        text = request(extensions=[named])
        verdict = decide(policy, DOMAIN, read_request(text), ADMIN)
        assert (verdict.profile is not None) is granted, verdict.reason


def test_what_was_proved_is_issued_and_nothing_besides() -> None:
    proved = Asker("acme:1", controls=(WEB,))
    for text, granted in (
        (request(WEB), True),
        (request(common=WEB), True),
        (request(WEB, "x.acme.example"), False),
        (request("x.acme.example"), False),
        (request(WEB, common="x.acme.example"), False),
        (request(WEB, extensions=[x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CODE_SIGNING])]),
         False),
    ):  # fmt: skip
        verdict = decide(POLICY, DOMAIN, read_request(text), proved, constrained=True)
        assert (verdict.profile is not None) is granted, verdict.reason


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"title": ""}, "no title"),
        ({"longest_days": 399}, "1 to 398"),
        ({"longest_days": 0}, "1 to 398"),
        ({"keys": ("DSA",)}, "DSA"),
        ({"rsa_bits_least": 1024}, "2048"),
        ({"addresses": ("10.0.0.1/8",)}, "host bits"),
        ({"names": ("**",)}, "no pattern"),
        ({"names": tuple(f"n{number}.example" for number in range(201))}, "200 patterns"),
    ],
)
def test_policies_that_mean_nothing_are_refused(changes: dict[str, object], reason: str) -> None:
    rule = msgspec.structs.replace(WEB_RULE, **changes)
    with pytest.raises(HeliostatError, match=reason):
        checked_policy(CertificatePolicy(rules=(rule,)))
    with pytest.raises(HeliostatError, match="no challenge"):
        checked_policy(CertificatePolicy(acme=AcmeRules(challenges=("guess-01",))))
