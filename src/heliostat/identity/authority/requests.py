"""Signing requests (PKCS #10), from whoever sends them: read, and judged hostile.

``read_request`` gives what is asked for in plain types, or refuses with the reason:
too large, not signed by its own key, an odd or weak key, names that are not what they
look like, or wanting to be an authority.  Nothing else of a request is ever used.
"""

from __future__ import annotations

import base64
import math
import re
import unicodedata
import warnings
from dataclasses import dataclass
from functools import cache
from typing import Any

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.asymmetric.types import CertificatePublicKeyTypes
from cryptography.utils import CryptographyDeprecationWarning
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from heliostat.core.errors import PermanentError

MAX_REQUEST_BYTES = 16_384
MAX_NAMES = 90  # a commit holds a certificate and an index entry for each
MAX_NAME = 253
MAX_ATTRIBUTES = 10
MAX_RSA_BITS = 8192
_EXPONENT = 65537
_LABEL = r"(?!-)[a-z0-9_-]{1,63}(?<!-)"
_DNS = re.compile(rf"(\*\.)?{_LABEL}(\.{_LABEL})*", re.ASCII)
_NUMBERS_ONLY = re.compile(r"[0-9.]+", re.ASCII)
_EMAIL = re.compile(rf"[A-Za-z0-9!#$%&'*+/=?^_`{{|}}~.-]{{1,64}}@{_LABEL}(\.{_LABEL})*", re.ASCII)
_URI = re.compile(r"[a-z][a-z0-9+.-]*:[!-~]{1,240}", re.ASCII)
_WEAK = frozenset({"md5", "sha1", "md2", "md4"})
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
    subject = _subject(request.subject)
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


def key_kind(key: object) -> tuple[str, int]:
    """Kind and size of a public key; raises ``InvalidEntity`` for what nobody should use."""
    if isinstance(key, ec.EllipticCurvePublicKey):
        if isinstance(key.curve, ec.SECP256R1 | ec.SECP384R1):
            return f"P-{key.key_size}", key.key_size
        raise bad_request(f"its key is on the curve {key.curve.name}; use P-256 or P-384")
    if isinstance(key, ed25519.Ed25519PublicKey):
        return "Ed25519", 256
    if isinstance(key, rsa.RSAPublicKey):
        numbers = key.public_numbers()
        if not 2048 <= key.key_size <= MAX_RSA_BITS:
            raise bad_request(f"its RSA key has {key.key_size} bits; 2048 to {MAX_RSA_BITS} do")
        if numbers.e != _EXPONENT:
            raise bad_request(f"its RSA key has an exponent other than {_EXPONENT}")
        if numbers.n % 2 == 0 or _has_small_factor(numbers.n):
            raise bad_request("its RSA key has a small factor")
        return "RSA", key.key_size
    raise bad_request("its key is of a kind that is not issued here; use P-256, Ed25519 or RSA")


def checked_dns(name: str) -> str:
    """A DNS name, folded; raises ``InvalidEntity``.  Wildcards are allowed in front."""
    folded = name.lower()
    if len(folded) > MAX_NAME or not _DNS.fullmatch(folded) or _NUMBERS_ONLY.fullmatch(folded):
        raise bad_request(f"{name[:80]!a} is no DNS name")
    return folded


def is_well_formed(name: str) -> bool:
    """Whether ``dns:…`` or ``email:…`` is what a certificate may have."""
    kind, _, value = name.partition(":")
    if kind == "email":
        return bool(_EMAIL.fullmatch(value))
    return len(value) <= MAX_NAME and bool(_DNS.fullmatch(value))


def name_text(name: x509.GeneralName) -> str:
    """A name as documents have it; raises ``InvalidEntity`` for kinds that mean nothing here."""
    if isinstance(name, x509.DNSName):
        return f"dns:{checked_dns(name.value)}"
    if isinstance(name, x509.IPAddress):
        return f"ip:{name.value}"
    if isinstance(name, x509.RFC822Name):
        local, _, domain = name.value.rpartition("@")
        email = f"{local}@{domain.lower()}"
        if not _EMAIL.fullmatch(email):
            raise bad_request(f"{name.value[:80]!a} is no e-mail address")
        return f"email:{email}"
    if isinstance(name, x509.UniformResourceIdentifier):
        if not _URI.fullmatch(name.value):
            raise bad_request(f"{name.value[:80]!a} is no URI")
        return f"uri:{name.value}"
    raise bad_request(f"names of the kind {type(name).__name__} are not issued here")


def bad_request(why: str) -> PermanentError:
    return PermanentError("InvalidEntity", f"The signing request is refused: {why}.")


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
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise bad_request(_short(error)) from error


def _check_signature(request: x509.CertificateSigningRequest) -> None:
    try:
        digest = request.signature_hash_algorithm
        proven = request.is_signature_valid
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise bad_request(_short(error)) from error
    if digest is not None and digest.name in _WEAK:
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


@cache
def _primorial() -> int:
    """The product of all odd primes below 1000."""
    product = 1
    for number in range(3, 1000, 2):
        if all(number % factor for factor in range(3, int(number**0.5) + 1, 2)):
            product *= number
    return product


def _has_small_factor(modulus: int) -> bool:
    return math.gcd(modulus, _primorial()) != 1


def _short(error: Exception) -> str:
    text = str(error).splitlines()[0] if str(error) else type(error).__name__
    return f"it can't be read ({text[:120]})"


def from_base64url(text: str) -> bytes:
    """A request as ACME sends it; raises ``InvalidEntity``."""
    if len(text) > MAX_REQUEST_BYTES * 2:
        raise bad_request("it is too long")
    try:
        return base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
    except ValueError as error:
        raise bad_request("it is no base64url") from error
