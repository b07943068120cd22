"""Kerberos encryption with AES-256: keys from passwords, and sealing of messages.  Pure.

The two types of this century: aes256-cts-hmac-sha1-96 (RFC 3962 on RFC 3961) and
aes256-cts-hmac-sha384-192 (RFC 8009).  Nothing older is made or read.
"""

from __future__ import annotations

import hashlib
import hmac
import os
from abc import ABC, abstractmethod

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

from heliostat.core.errors import PermanentError

BLOCK = 16
KEY_BYTES = 32
_ZERO = bytes(BLOCK)


class EncryptionType(ABC):
    """One of the two types; ``number`` is IANA's."""

    number: int
    tag_bytes: int

    @abstractmethod
    def from_password(self, password: bytes, salt: bytes) -> bytes:
        """The key of a password; tens of milliseconds for the newer type."""

    @abstractmethod
    def encrypt(self, key: bytes, usage: int, plain: bytes) -> bytes:
        """``plain`` encrypted and proven for one use (RFC 4120, 7.5.1)."""

    @abstractmethod
    def decrypt(self, key: bytes, usage: int, sealed: bytes) -> bytes:
        """Raises ``KerberosRefused`` for what another key or use has sealed."""


class AesSha1(EncryptionType):
    """aes256-cts-hmac-sha1-96."""

    number = 18
    tag_bytes = 12

    def from_password(self, password: bytes, salt: bytes) -> bytes:
        raw = hashlib.pbkdf2_hmac("sha1", password, salt, 4096, KEY_BYTES)
        return _derived(raw, b"kerberos")

    def encrypt(self, key: bytes, usage: int, plain: bytes) -> bytes:
        text = os.urandom(BLOCK) + plain
        return _cts(_derived(key, _constant(usage, 0xAA)), text) + self._tag(key, usage, text)

    def decrypt(self, key: bytes, usage: int, sealed: bytes) -> bytes:
        body, tag = _split(sealed, self.tag_bytes)
        text = _uncts(_derived(key, _constant(usage, 0xAA)), body)
        return _checked(text, tag, self._tag(key, usage, text))

    def _tag(self, key: bytes, usage: int, text: bytes) -> bytes:
        return hmac.digest(_derived(key, _constant(usage, 0x55)), text, "sha1")[: self.tag_bytes]


class AesSha2(EncryptionType):
    """aes256-cts-hmac-sha384-192."""

    number = 20
    tag_bytes = 24

    def from_password(self, password: bytes, salt: bytes) -> bytes:
        salted = b"aes256-cts-hmac-sha384-192\0" + salt
        raw = hashlib.pbkdf2_hmac("sha384", password, salted, 32768, KEY_BYTES)
        return _kdf(raw, b"kerberos", KEY_BYTES)

    def encrypt(self, key: bytes, usage: int, plain: bytes) -> bytes:
        text = os.urandom(BLOCK) + plain
        body = _cts(_kdf(key, _constant(usage, 0xAA), KEY_BYTES), text)
        return body + self._tag(key, usage, body)

    def decrypt(self, key: bytes, usage: int, sealed: bytes) -> bytes:
        body, tag = _split(sealed, self.tag_bytes)
        text = _uncts(_kdf(key, _constant(usage, 0xAA), KEY_BYTES), body)
        return _checked(text, tag, self._tag(key, usage, body))

    def _tag(self, key: bytes, usage: int, body: bytes) -> bytes:
        proving = _kdf(key, _constant(usage, 0x55), self.tag_bytes)
        return hmac.digest(proving, _ZERO + body, "sha384")[: self.tag_bytes]


TYPES: dict[int, EncryptionType] = {each.number: each for each in (AesSha2(), AesSha1())}
"""By number, the better one first: clients choose, servers prefer."""


def _constant(usage: int, kind: int) -> bytes:
    return usage.to_bytes(4, "big") + bytes([kind])


def _kdf(key: bytes, label: bytes, size: int) -> bytes:
    """RFC 8009, 3: one block of SHA-384 is enough for every key here."""
    text = b"\0\0\0\1" + label + b"\0" + (size * 8).to_bytes(4, "big")
    return hmac.digest(key, text, "sha384")[:size]


def _derived(key: bytes, constant: bytes) -> bytes:
    """RFC 3961, 5.1: blocks that come from encrypting the folded constant again and again."""
    block = n_fold(constant, BLOCK)
    out = b""
    while len(out) < KEY_BYTES:
        block = _cbc(key, block)
        out += block
    return out[:KEY_BYTES]


def n_fold(text: bytes, size: int) -> bytes:
    """RFC 3961, 5.1: copies of ``text``, each turned by 13 bits, added with end-around carry."""
    bits = len(text) * 8
    number = int.from_bytes(text, "big")
    mask = (1 << bits) - 1
    whole = b""
    turn = 0
    while not whole or len(whole) % size:
        turned = ((number >> turn) | (number << (bits - turn))) & mask
        whole += turned.to_bytes(len(text), "big")
        turn = (turn + 13) % bits
    total = sum(int.from_bytes(whole[at : at + size], "big") for at in range(0, len(whole), size))
    limit = 1 << (size * 8)
    while total >= limit:
        total = total % limit + total // limit
    return total.to_bytes(size, "big")


def _cbc(key: bytes, text: bytes) -> bytes:
    encryptor = Cipher(algorithms.AES(key), modes.CBC(_ZERO)).encryptor()
    return encryptor.update(text) + encryptor.finalize()


def _cts(key: bytes, text: bytes) -> bytes:
    """CBC with the last two blocks changed about and cut to the length of ``text``."""
    padded = text + bytes(-len(text) % BLOCK)
    out = _cbc(key, padded)
    if len(out) == BLOCK:
        return out
    last = len(text) - (len(padded) - BLOCK)
    return out[: -2 * BLOCK] + out[-BLOCK:] + out[-2 * BLOCK : -BLOCK][:last]


def _uncts(key: bytes, body: bytes) -> bytes:
    if len(body) <= BLOCK:
        return _uncbc(key, body, _ZERO)
    last = len(body) % BLOCK or BLOCK
    head, second, first_cut = body[: -last - BLOCK], body[-last - BLOCK : -last], body[-last:]
    opened = _uncbc(key, second, _ZERO)  # the last block of text, xored with the block before it
    first = first_cut + opened[last:]
    before = head[-BLOCK:] if head else _ZERO
    tail = bytes(a ^ b for a, b in zip(opened, first, strict=True))[:last]
    return (_uncbc(key, head, _ZERO) if head else b"") + _uncbc(key, first, before) + tail


def _uncbc(key: bytes, body: bytes, start: bytes) -> bytes:
    decryptor = Cipher(algorithms.AES(key), modes.CBC(start)).decryptor()
    return decryptor.update(body) + decryptor.finalize()


def _split(sealed: bytes, tag_bytes: int) -> tuple[bytes, bytes]:
    if len(sealed) < BLOCK + tag_bytes:
        raise _broken()
    return sealed[:-tag_bytes], sealed[-tag_bytes:]


def _checked(text: bytes, tag: bytes, expected: bytes) -> bytes:
    if not hmac.compare_digest(tag, expected):
        raise _broken()
    return text[BLOCK:]


def _broken() -> PermanentError:
    return PermanentError("KerberosRefused", "A Kerberos message was sealed under another key.")
