"""Public keys as files and rpm's database hold them: OpenPGP certificates, one by one.

Pure.  rpm verifies; what it can't do through Python is to say how many certificates a
file holds, whose they are, and whether the database has a certificate already.
"""

from __future__ import annotations

from heliostat.core.openpgp import PUBLIC_KEY, armored, dearmored, packets

_KEY = 6
_OWNER = 13


class Certificate:
    """One primary key with what belongs to it; ``octets`` are its packets."""

    __slots__ = ("fingerprint", "octets", "owner")

    def __init__(self, fingerprint: str, owner: str, octets: bytes) -> None:
        self.fingerprint = fingerprint
        self.owner = owner
        self.octets = octets

    @property
    def armored(self) -> bytes:
        """As text: the only form that rpm reads from a file."""
        return armored(PUBLIC_KEY, self.octets)


def certificates(data: bytes) -> list[Certificate]:
    """Every certificate of a key file, armored or binary.  ``ValueError`` if it isn't one."""
    found: list[Certificate] = []
    for block in dearmored(PUBLIC_KEY, data):
        starts = [start for start, tag, _ in packets(block) if tag == _KEY]
        if starts[:1] != [0]:
            raise ValueError("It does not begin with a public key.")
        for start, end in zip(starts, [*starts[1:], len(block)], strict=True):
            found.append(_certificate(block[start:end]))
    return found


def _certificate(octets: bytes) -> Certificate:
    owner = ""
    fingerprint = ""
    for _, tag, body in packets(octets):
        if tag == _KEY:
            fingerprint = _fingerprint(body)
        elif tag == _OWNER and not owner:
            owner = body.decode("utf-8", "replace")
    return Certificate(fingerprint, owner, octets)


def _fingerprint(body: bytes) -> str:
    # only once somebody has to be asked about a key, and hashlib takes milliseconds
    import hashlib

    if body[:1] == b"\x06":
        return hashlib.sha256(b"\x9b" + len(body).to_bytes(4, "big") + body).hexdigest()
    return hashlib.sha1(b"\x99" + len(body).to_bytes(2, "big") + body).hexdigest()  # noqa: S324
