"""How certificates are built.  Pure but for the keys' randomness and serial numbers'.

Roots, intermediates, leaves, OCSP signers and signing requests, after RFC 5280; all
issuers' keys are P-256.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import datetime, timedelta
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.types import CertificatePublicKeyTypes
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from cryptography.x509.oid import AuthorityInformationAccessOID, ExtendedKeyUsageOID, NameOID

from heliostat.core.errors import PermanentError
from heliostat.identity.authority.serial_numbers import serial_number

ROOT_DAYS = 3650
INTERMEDIATE_DAYS = 1825
OCSP_SIGNER_DAYS = 7
RENEW_BELOW = 1 / 3
BACKDATE = timedelta(minutes=5)  # for clocks that run behind ours
MAX_COMMON_NAME = 64  # characters (RFC 5280, ub-common-name)
_HOST_NAME = re.compile(r"(?!-)[A-Za-z0-9_-]{1,63}(\.[A-Za-z0-9_-]{1,63})*", re.ASCII)


def key_id(key: CertificatePublicKeyTypes) -> str:
    """What an issuer's documents are called: the start of its subject key identifier, in hex."""
    return x509.SubjectKeyIdentifier.from_public_key(key).digest.hex()[:16]


def make_root(key: ec.EllipticCurvePrivateKey, now: datetime, domain: str) -> x509.Certificate:
    """A root that signs intermediates, which sign leaves."""
    name = issuer_name(f"{domain} root", key.public_key())
    end = now + timedelta(days=ROOT_DAYS)
    unsigned = _issuing(builder(name, name, key.public_key(), now, end), path_length=1)
    return unsigned.sign(key, hashes.SHA256())


def make_intermediate(
    subject: x509.Name,
    public_key: ec.EllipticCurvePublicKey,
    root: x509.Certificate,
    root_key: ec.EllipticCurvePrivateKey,
    now: datetime,
    *,
    domain: str = "",
    pointers: Sequence[x509.ExtensionType] = (),
) -> x509.Certificate:
    """An intermediate that signs leaves; with ``domain`` only for names in it.

    A constrained one excludes all addresses, and URIs and e-mail of other domains
    (RFC 5280, 4.2.1.10): what is not constrained would be allowed.
    """
    end = min(now + timedelta(days=INTERMEDIATE_DAYS), root.not_valid_after_utc)
    unsigned = _issuing(builder(subject, root.subject, public_key, now, end), path_length=0)
    unsigned = unsigned.add_extension(_authority_key(root), critical=False)
    if domain:
        unsigned = unsigned.add_extension(_constraints(domain), critical=True)
    for pointer in pointers:
        unsigned = unsigned.add_extension(pointer, critical=False)
    return unsigned.sign(root_key, hashes.SHA256())


def make_ocsp_signer(
    key: ec.EllipticCurvePublicKey,
    issuer: x509.Certificate,
    issuer_key: ec.EllipticCurvePrivateKey,
    now: datetime,
) -> x509.Certificate:
    """Who answers OCSP for ``issuer`` for some days (RFC 6960, 4.2.2.2)."""
    end = min(now + timedelta(days=OCSP_SIGNER_DAYS), issuer.not_valid_after_utc)
    unsigned = (
        builder(issuer_name("OCSP", key), issuer.subject, key, now, end)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(key_usage(issues=False), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.OCSP_SIGNING]), critical=False)
        .add_extension(x509.OCSPNoCheck(), critical=False)
        .add_extension(_authority_key(issuer), critical=False)
    )
    return unsigned.sign(issuer_key, hashes.SHA256())


def make_request(key: ec.EllipticCurvePrivateKey, domain: str) -> str:
    """What a company's CA is asked to sign, as PEM: an authority with one more below it."""
    unsigned = (
        x509.CertificateSigningRequestBuilder()
        .subject_name(issuer_name(f"{domain} CA", key.public_key()))
        .add_extension(x509.BasicConstraints(ca=True, path_length=1), critical=True)
        .add_extension(key_usage(issues=True), critical=True)
    )
    return unsigned.sign(key, hashes.SHA256()).public_bytes(Encoding.PEM).decode()


def builder(
    subject: x509.Name,
    issuer: x509.Name,
    key: CertificatePublicKeyTypes,
    now: datetime,
    end: datetime,
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key)
        .serial_number(serial_number(now))
        .not_valid_before(now - BACKDATE)
        .not_valid_after(end)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key), critical=False)
    )


def key_usage(*, issues: bool, enciphers: bool = False) -> x509.KeyUsage:
    """``enciphers``: RSA keys, whose TLS may still transport keys."""
    return x509.KeyUsage(
        digital_signature=not issues,
        content_commitment=False,
        key_encipherment=enciphers,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=issues,
        crl_sign=issues,
        encipher_only=False,
        decipher_only=False,
    )


def pointers_to(base_url: str, tenant: str, issuer: str, *, ocsp: bool) -> list[Any]:
    """Where what ``issuer`` signed says that its list, its certificate and OCSP are."""
    place = f"{base_url}/pki/issuer/{tenant}/{issuer}"
    uri = x509.UniformResourceIdentifier
    access = [
        x509.AccessDescription(AuthorityInformationAccessOID.CA_ISSUERS, uri(f"{place}.crt")),
    ]
    if ocsp:
        where = uri(f"{base_url}/pki/ocsp/{tenant}/{issuer}")
        access.insert(0, x509.AccessDescription(AuthorityInformationAccessOID.OCSP, where))
    points = x509.CRLDistributionPoints(
        [x509.DistributionPoint([uri(f"{place}.crl")], None, None, None)]
    )
    return [points, x509.AuthorityInformationAccess(access)]


def alternative_name(name: str) -> x509.GeneralName:
    try:
        address: IPv4Address | IPv6Address = ip_address(name)
    except ValueError:
        if _HOST_NAME.fullmatch(name):
            return x509.DNSName(name)
        raise PermanentError(
            "InvalidSetting",
            f"{name[:80]!r} is neither a DNS name nor an address.",
            hint="Correct api.names; write international names in their xn-- form.",
        ) from None
    return x509.IPAddress(address)


def common_name(text: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text[:MAX_COMMON_NAME])])


def issuer_name(title: str, key: CertificatePublicKeyTypes) -> x509.Name:
    """A name that no other key of ours has: chains are found by names."""
    mark = key_id(key)[:8]
    return common_name(f"{title[: MAX_COMMON_NAME - len(mark) - 1]} {mark}")


def pem(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(Encoding.PEM)


def crl_pem(der: bytes) -> str:
    """A revocation list as text."""
    return x509.load_der_x509_crl(der).public_bytes(Encoding.PEM).decode()


def is_due(certificate: x509.Certificate, now: datetime) -> bool:
    life = certificate.not_valid_after_utc - certificate.not_valid_before_utc
    return certificate.not_valid_after_utc - now < life * RENEW_BELOW


def path_length(certificate: x509.Certificate) -> int | None:
    """How many authorities may be below it (``None``: any number).

    Raises ``ValueError`` for what is no authority.
    """
    try:
        found = certificate.extensions.get_extension_for_class(x509.BasicConstraints).value
    except x509.ExtensionNotFound:
        raise ValueError("it does not say that it is an authority") from None
    if not found.ca:
        raise ValueError("it says that it is no authority")
    return found.path_length


def public_bytes(key: Any) -> bytes:
    """A public key as it stands in certificates: two are equal if these are."""
    raw: bytes = key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return raw


def _issuing(unsigned: x509.CertificateBuilder, path_length: int) -> x509.CertificateBuilder:
    constraints = x509.BasicConstraints(ca=True, path_length=path_length)
    return unsigned.add_extension(constraints, critical=True).add_extension(
        key_usage(issues=True), critical=True
    )


def _authority_key(issuer: x509.Certificate) -> x509.AuthorityKeyIdentifier:
    found = issuer.extensions.get_extension_for_class(x509.SubjectKeyIdentifier)
    return x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(found.value)


def _constraints(domain: str) -> x509.NameConstraints:
    return x509.NameConstraints(
        permitted_subtrees=[
            x509.DNSName(domain),
            x509.RFC822Name(domain),
            x509.RFC822Name(f".{domain}"),
            x509.UniformResourceIdentifier(domain),
            x509.UniformResourceIdentifier(f".{domain}"),
        ],
        excluded_subtrees=[
            x509.IPAddress(IPv4Network("0.0.0.0/0")),
            x509.IPAddress(IPv6Network("::/0")),
        ],
    )
