"""Public keys of others, judged: their kind and size, or why nobody should use them."""

from __future__ import annotations

import math
from functools import cache

from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

from heliostat.identity.authority.refusals import bad_request

MAX_RSA_BITS = 8192
_EXPONENT = 65537


def key_kind(key: object) -> tuple[str, int]:
    """Kind and size of a public key; raises ``InvalidEntity`` for what nobody should use."""
    if why := weakness(key):
        raise bad_request(why)
    if isinstance(key, ec.EllipticCurvePublicKey):
        return f"P-{key.key_size}", key.key_size
    return ("RSA", key.key_size) if isinstance(key, rsa.RSAPublicKey) else ("Ed25519", 256)


def weakness(key: object) -> str:
    """Why nobody should use a public key; empty for a good one."""
    if isinstance(key, ec.EllipticCurvePublicKey):
        if isinstance(key.curve, ec.SECP256R1 | ec.SECP384R1):
            return ""
        return f"its key is on the curve {key.curve.name}; use P-256 or P-384"
    if isinstance(key, rsa.RSAPublicKey):
        return _weakness_of_rsa(key)
    if isinstance(key, ed25519.Ed25519PublicKey):
        return ""
    return "its key is of a kind that is not issued here; use P-256, Ed25519 or RSA"


def _weakness_of_rsa(key: rsa.RSAPublicKey) -> str:
    numbers = key.public_numbers()
    if not 2048 <= key.key_size <= MAX_RSA_BITS:
        return f"its RSA key has {key.key_size} bits; 2048 to {MAX_RSA_BITS} do"
    if numbers.e != _EXPONENT:
        return f"its RSA key has an exponent other than {_EXPONENT}"
    if numbers.n % 2 == 0 or _has_small_factor(numbers.n):
        return "its RSA key has a small factor"
    return ""


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
