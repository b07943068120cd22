"""What a company's authority signed for us, with all above it: checked before it is used.  Pure."""

from __future__ import annotations

from datetime import datetime

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import rsa

from heliostat.core.errors import PermanentError
from heliostat.identity.authority.certificates import path_length, public_bytes
from heliostat.identity.authority.requests import WEAK_DIGESTS

MAX_CHAIN = 6
LEAST_RSA_BITS = 2048


def checked_chain(
    text: str, csr_pem: str, now: datetime
) -> tuple[x509.Certificate, list[x509.Certificate]]:
    """Our certificate and those above it, the one to trust last; raises ``InvalidEntity``."""
    try:
        given = x509.load_pem_x509_certificates(text.encode())
    except ValueError as error:
        raise _wrong(f"it can't be read ({error})") from error
    _check_readable(given)
    wanted = public_bytes(x509.load_pem_x509_csr(csr_pem.encode()).public_key())
    own = next((each for each in given if public_bytes(each.public_key()) == wanted), None)
    if own is None:
        raise _wrong("none of its certificates is for the key of the request")
    chain = [own]
    while chain[-1].issuer != chain[-1].subject:
        if len(chain) > MAX_CHAIN:
            raise _wrong(f"it is longer than {MAX_CHAIN} certificates")
        _check_strength(chain[-1])
        above = next((each for each in given if _signed_by(chain[-1], each)), None)
        if above is None:
            raise _wrong(f"it lacks the certificate of {chain[-1].issuer.rfc4514_string()[:120]}")
        chain.append(above)
    _check_strength(chain[-1])
    _check_authorities(chain, now)
    return own, chain[1:]


def _check_readable(given: list[x509.Certificate]) -> None:
    """Keys and extensions are read only when they are asked for, and may be anything."""
    for each in given:
        try:
            each.public_key()
            list(each.extensions)
        except (ValueError, UnsupportedAlgorithm, x509.DuplicateExtension) as error:
            raise _wrong(f"one of its certificates can't be read ({error})") from error


def _check_authorities(chain: list[x509.Certificate], now: datetime) -> None:
    for depth, each in enumerate(chain):
        name = each.subject.rfc4514_string()[:80]
        if not each.not_valid_before_utc <= now < each.not_valid_after_utc:
            raise _wrong(f"{name} is not valid now")
        try:
            below = path_length(each)
        except ValueError as error:
            raise _wrong(f"{name}: {error}") from error
        if below is not None and below < depth + 1:
            raise _wrong(f"{name} allows {below} authorities below it, and {depth + 1} are needed")
        try:
            usage = each.extensions.get_extension_for_class(x509.KeyUsage).value
        except x509.ExtensionNotFound:
            continue
        if not (usage.key_cert_sign and usage.crl_sign):
            raise _wrong(f"{name} may not sign certificates and lists")
    if chain[0].issuer == chain[0].subject:
        raise _wrong("it is signed by itself")


def _check_strength(certificate: x509.Certificate) -> None:
    """Before its signature is looked at: what is weak can't be verified here."""
    if why := _weakness(certificate):
        raise _wrong(f"{certificate.subject.rfc4514_string()[:80]} {why}")


def _weakness(certificate: x509.Certificate) -> str:
    """Why programs would not believe it; empty if they would."""
    digest = certificate.signature_hash_algorithm
    itself = certificate.issuer == certificate.subject  # is trusted for what it is
    if digest is not None and digest.name in WEAK_DIGESTS and not itself:
        return f"is signed with {digest.name.upper()}"
    key = certificate.public_key()
    if isinstance(key, rsa.RSAPublicKey) and key.key_size < LEAST_RSA_BITS:
        return f"has an RSA key of {key.key_size} bits"
    for extension in certificate.extensions:
        if extension.critical and isinstance(extension.value, x509.UnrecognizedExtension):
            return f"has a critical extension that nobody knows ({extension.oid.dotted_string})"
    return ""


def _signed_by(one: x509.Certificate, other: x509.Certificate) -> bool:
    if one.issuer != other.subject or one == other:
        return False
    try:
        one.verify_directly_issued_by(other)
    except (ValueError, TypeError, InvalidSignature):
        return False
    return True


def _wrong(why: str) -> PermanentError:
    return PermanentError("InvalidEntity", f"The chain is refused: {why}.")
