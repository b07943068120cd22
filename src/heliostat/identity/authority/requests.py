"""Signing requests (PKCS #10), from whoever sends them: read, and judged hostile.

``read_request`` gives what is asked for in plain types, or refuses with the reason:
too large, not signed by its own key, an odd or weak key, names that are not what they
look like, or wanting to be an authority.  Nothing else of a request is ever used.
"""

from __future__ import annotations

import base64
import unicodedata
import warnings
from dataclasses import dataclass
from typing import Any

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.types import CertificatePublicKeyTypes
from cryptography.utils import CryptographyDeprecationWarning
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from heliostat.identity.authority.alternative_names import name_text
from heliostat.identity.authority.public_keys import key_kind
from heliostat.identity.authority.refusals import bad_request

MAX_REQUEST_BYTES = 16_384
MAX_NAMES = 90  # a commit holds a certificate and an index entry for each
MAX_ATTRIBUTES = 10
MAX_VALUE = 128
WEAK_DIGESTS = frozenset({"md5", "sha1", "md2", "md4"})
ATTRIBUTES = {
    NameOID.COMMON_NAME: "CN",
    NameOID.ORGANIZATION_NAME: "O",
    NameOID.ORGANIZATIONAL_UNIT_NAME: "OU",
    NameOID.COUNTRY_NAME: "C",
    NameOID.STATE_OR_PROVINCE_NAME: "ST",
    NameOID.LOCALITY_NAME: "L",
}
USAGES = {
    ExtendedKeyUsageOID.SERVER_AUTH: "serverAuth",
    ExtendedKeyUsageOID.CLIENT_AUTH: "clientAuth",
    ExtendedKeyUsageOID.EMAIL_PROTECTION: "emailProtection",
    ExtendedKeyUsageOID.CODE_SIGNING: "codeSigning",
    ExtendedKeyUsageOID.TIME_STAMPING: "timeStamping",
}
_UNREADABLE = (
    ValueError,
    TypeError,
    UnsupportedAlgorithm,
    x509.DuplicateExtension,
    x509.UnsupportedGeneralNameType,
    x509.InvalidVersion,
)
_IGNORED = (x509.SubjectKeyIdentifier,)


@dataclass(frozen=True, slots=True)
class Requested:
    """What a request asks for.  ``kind``: P-256, P-384, Ed25519 or RSA, with its ``bits``.

    ``names`` as in ``dns:www.acme.example``, folded, in the request's order; ``usages`` are
    empty where it names none.
    """

    key: CertificatePublicKeyTypes
    kind: str
    bits: int
    subject: tuple[tuple[str, str], ...]
    names: tuple[str, ...]
    usages: tuple[str, ...]

    @property
    def common_name(self) -> str:
        return next((value for name, value in self.subject if name == "CN"), "")


def read_request(text: str | bytes) -> Requested:
    """A request as PEM or (bytes) DER; raises ``InvalidEntity`` with what is wrong with it."""
    request = _load(text)
    try:
        extensions = request.extensions
        key = request.public_key()
    except _UNREADABLE as error:
        raise bad_request(_short(error)) from error
    kind, bits = key_kind(key)
    _check_signature(request)
    subject = _subject(_subject_name(request))
    names: list[str] = []
    usages: tuple[str, ...] = ()
    for extension in extensions:
        value = extension.value
        if isinstance(value, x509.SubjectAlternativeName):
            names += [name_text(each) for each in value]
        elif isinstance(value, x509.ExtendedKeyUsage):
            usages = tuple(dict.fromkeys(map(_usage, value)))
        elif isinstance(value, x509.BasicConstraints):
            if value.ca:
                raise bad_request("it asks for an authority (CA:TRUE)")
        elif isinstance(value, x509.KeyUsage):
            if value.key_cert_sign or value.crl_sign:
                raise bad_request("it asks for the right to sign certificates or lists")
        elif not isinstance(value, _IGNORED) and extension.critical:
            oid = extension.oid.dotted_string
            raise bad_request(f"it has a critical extension that means nothing here ({oid})")
    if len(names) > MAX_NAMES:
        raise bad_request(f"it has {len(names)} names; {MAX_NAMES} is the most")
    return Requested(key, kind, bits, subject, tuple(dict.fromkeys(names)), usages)


def _load(text: str | bytes) -> x509.CertificateSigningRequest:
    raw = text.encode(errors="replace") if isinstance(text, str) else text
    if len(raw) > MAX_REQUEST_BYTES:
        raise bad_request(f"it has {len(raw)} bytes; {MAX_REQUEST_BYTES} is the most")
    try:
        with warnings.catch_warnings():
            # weak keys and odd encodings are told as warnings; they are refused below
            warnings.simplefilter("ignore", CryptographyDeprecationWarning)
            if isinstance(text, bytes):
                return x509.load_der_x509_csr(raw)
            return x509.load_pem_x509_csr(raw)
    except _UNREADABLE as error:
        raise bad_request(_short(error)) from error


def _subject_name(request: x509.CertificateSigningRequest) -> x509.Name:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)  # lengths, which are judged below
            return request.subject
    except _UNREADABLE as error:
        raise bad_request(f"its subject {_short(error).removeprefix('it ')}") from error


def _check_signature(request: x509.CertificateSigningRequest) -> None:
    try:
        digest = request.signature_hash_algorithm
        proven = request.is_signature_valid
    except _UNREADABLE as error:
        raise bad_request(_short(error)) from error
    if digest is not None and digest.name in WEAK_DIGESTS:
        raise bad_request(f"it is signed with {digest.name.upper()}")
    if not proven:
        raise bad_request("it is not signed by its own key")


def _subject(name: x509.Name) -> tuple[tuple[str, str], ...]:
    found = [(_attribute(each), str(each.value)) for each in name]
    if len(found) > MAX_ATTRIBUTES:
        raise bad_request(f"its subject has {len(found)} parts; {MAX_ATTRIBUTES} is the most")
    for short, value in found:
        if [known for known, _ in found].count(short) > 1 and short == "CN":
            raise bad_request("its subject has several common names")
        _check_text(value)
        if len(value) > MAX_VALUE:
            raise bad_request(f"its subject has a part of {len(value)} characters")
    try:  # as it would be written: lengths and alphabets are those of RFC 5280, appendix A
        x509.Name([x509.NameAttribute(each.oid, str(each.value)) for each in name]).public_bytes()
    except ValueError as error:
        raise bad_request(f"its subject can't be certified ({_short(error)})") from error
    return tuple(found)


def _attribute(attribute: x509.NameAttribute[Any]) -> str:
    return ATTRIBUTES.get(attribute.oid, attribute.oid.dotted_string)


def _check_text(value: str) -> None:
    """Nothing that shows otherwise than it is: controls, NUL, bidirectional and invisible ones."""
    for character in value:
        if unicodedata.category(character) in ("Cc", "Cf", "Co", "Cn", "Cs", "Zl", "Zp"):
            raise bad_request(f"its subject has the character U+{ord(character):04X}")


def _usage(oid: x509.ObjectIdentifier) -> str:
    return USAGES.get(oid, oid.dotted_string)


def _short(error: Exception) -> str:
    text = str(error).splitlines()[0] if str(error) else type(error).__name__
    if "PEM" in text:  # the library's sentence is an address to read, and about what it tried
        return "it is no PEM, which begins with -----BEGIN"
    return f"it can't be read ({text[:120]})"


def from_base64url(text: str) -> bytes:
    """A request as ACME sends it; raises ``InvalidEntity``."""
    if len(text) > MAX_REQUEST_BYTES * 2:
        raise bad_request("it is too long")
    try:
        return base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
    except ValueError as error:
        raise bad_request("it is no base64url") from error
