"""Certificates of services, people and programs: built for a profile, and signed.

Pure but for serial numbers and the signature's own randomness.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from ipaddress import ip_address

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric.types import CertificatePublicKeyTypes

from heliostat.identity.authority.certificates import builder, key_usage, pointers_to
from heliostat.identity.authority.issuer_keys import Issuer
from heliostat.identity.authority.policy import Profile
from heliostat.identity.authority.public_keys import key_kind
from heliostat.identity.authority.requests import ATTRIBUTES, USAGES

_ATTRIBUTE_OIDS = {short: oid for oid, short in ATTRIBUTES.items()}
_USAGE_OIDS = {short: oid for oid, short in USAGES.items()}
_LEAF = x509.BasicConstraints(ca=False, path_length=None)
_SIGNS, _SIGNS_AND_ENCIPHERS = key_usage(issues=False), key_usage(issues=False, enciphers=True)


def leaf(
    issuer: Issuer,
    key: CertificatePublicKeyTypes,
    profile: Profile,
    now: datetime,
    pointers: Sequence[x509.ExtensionType],
) -> x509.Certificate:
    """What ``profile`` says, for ``key``; it ends with its issuer at the latest."""
    end = min(now + timedelta(days=profile.days), issuer.certificate.not_valid_after_utc)
    kind, _ = key_kind(key)
    usage = _SIGNS_AND_ENCIPHERS if kind == "RSA" else _SIGNS
    unsigned = (
        builder(subject_name(profile.subject), issuer.certificate.subject, key, now, end)
        .add_extension(_LEAF, critical=True)
        .add_extension(usage, critical=True)
        .add_extension(
            x509.SubjectAlternativeName([general_name(each) for each in profile.names]),
            critical=not profile.subject,  # RFC 5280, 4.2.1.6
        )
    )
    if profile.usages:
        unsigned = unsigned.add_extension(
            x509.ExtendedKeyUsage([usage_id(each) for each in profile.usages]), critical=False
        )
    for extension in pointers:
        unsigned = unsigned.add_extension(extension, critical=False)
    return unsigned.sign(issuer.key, hashes.SHA256())


def platform_leaf(
    issuer: Issuer,
    key: CertificatePublicKeyTypes,
    subject: x509.Name,
    alternatives: Sequence[x509.GeneralName],
    usage: x509.ObjectIdentifier,
    now: datetime,
    end: datetime,
    pointers: Sequence[x509.ExtensionType],
) -> x509.Certificate:
    """What an agent or a controller shows: one usage, and the names that are ours to say."""
    unsigned = (
        builder(subject, issuer.certificate.subject, key, now, end)
        .add_extension(_LEAF, critical=True)
        .add_extension(_SIGNS, critical=True)
        .add_extension(x509.ExtendedKeyUsage([usage]), critical=False)
        .add_extension(x509.SubjectAlternativeName(alternatives), critical=False)
    )
    for extension in pointers:
        unsigned = unsigned.add_extension(extension, critical=False)
    return unsigned.sign(issuer.key, hashes.SHA256())


def pointers_of(issuer: Issuer, base_url: str) -> tuple[x509.ExtensionType, ...]:
    """Who signed it, and where to ask about it: the same in all that an issuer signs."""
    own = issuer.certificate.extensions.get_extension_for_class(x509.SubjectKeyIdentifier)
    who = x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(own.value)
    return (who, *pointers_to(base_url, issuer.tenant, issuer.id, ocsp=True))


def general_name(text: str) -> x509.GeneralName:
    """A name of a document as certificates have it."""
    kind, _, value = text.partition(":")
    if kind == "ip":
        return x509.IPAddress(ip_address(value))
    if kind == "email":
        return x509.RFC822Name(value)
    if kind == "uri":
        return x509.UniformResourceIdentifier(value)
    return x509.DNSName(value)


def subject_name(parts: Sequence[tuple[str, str]]) -> x509.Name:
    return x509.Name(
        [
            x509.NameAttribute(_ATTRIBUTE_OIDS.get(short) or x509.ObjectIdentifier(short), value)
            for short, value in parts
        ]
    )


def usage_id(short: str) -> x509.ObjectIdentifier:
    return _USAGE_OIDS.get(short) or x509.ObjectIdentifier(short)
