"""What a machine binds with over LDAP: a random secret, kept as a hash that slapd reads as well.

There is nothing to guess in 256 random bits, so the hash is as cheap as argon2 allows: a
machine that connects again costs microseconds.
"""

from __future__ import annotations

import hashlib

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from heliostat.core.ids import Ids

SECRET_BYTES = 32
_SALT_BYTES = 16
_HASHER = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)


def new_secret(ids: Ids) -> str:
    """The text that the machine keeps."""
    return ids.secret(SECRET_BYTES)


def kept(secret: str) -> str:
    """What the directory keeps of it; the salt comes of the secret, which nobody has twice."""
    salt = hashlib.sha256(secret.encode()).digest()[:_SALT_BYTES]
    return _HASHER.hash(secret, salt=salt)


def is_secret(secret: str, hashed: str) -> bool:
    """Whether ``hashed`` is what is kept of ``secret``."""
    try:
        return bool(hashed) and _HASHER.verify(hashed, secret)
    except (VerificationError, InvalidHashError):
        return False
