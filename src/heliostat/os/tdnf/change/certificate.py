"""Public keys as files and rpm's database hold them: OpenPGP certificates, one by one.

Pure.  rpm verifies; what it can't do through Python is to say how many certificates a
file holds, whose they are, and whether the database has a certificate already.
"""

from __future__ import annotations

from binascii import Error, a2b_base64, b2a_base64

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

_BEGIN = b"-----BEGIN PGP PUBLIC KEY BLOCK-----"
_END = b"-----END PGP PUBLIC KEY BLOCK-----"
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
        """As text with its checksum: the only form that rpm reads from a file."""
        checksum = b2a_base64(_crc24(self.octets).to_bytes(3, "big"))
        lines = [
            b2a_base64(self.octets[start : start + 48]) for start in range(0, len(self.octets), 48)
        ]
        return b"%s\n\n%s=%s%s\n" % (_BEGIN, b"".join(lines), checksum, _END)


def certificates(data: bytes) -> list[Certificate]:
    """Every certificate of a key file, armored or binary.  ``ValueError`` if it isn't one."""
    found: list[Certificate] = []
    for block in _blocks(data):
        starts = [start for start, tag, _ in _packets(block) if tag == _KEY]
        if starts[:1] != [0]:
            raise ValueError("it does not begin with a public key")
        for start, end in zip(starts, [*starts[1:], len(block)], strict=True):
            found.append(_certificate(block[start:end]))
    if not found:
        raise ValueError("there is no public key in it")
    return found


def _blocks(data: bytes) -> list[bytes]:
    if _BEGIN not in data:
        return [data] if data[:1] > b"\x7f" else []
    blocks = []
    for part in data.split(_BEGIN)[1:]:
        text, end, _ = part.replace(b"\r\n", b"\n").partition(_END)
        body = text.partition(b"\n\n")[2]
        if not end or not body:
            raise ValueError("a key in it is cut off")
        # the line with the checksum of the text is not part of the packets
        lines = [line.strip() for line in body.splitlines() if line[:1] != b"="]
        try:
            blocks.append(a2b_base64(b"".join(lines)))
        except Error as error:
            raise ValueError(f"a key in it is not base64: {error}") from None
    return blocks


def _packets(data: bytes) -> Iterator[tuple[int, int, bytes]]:
    """Start, kind and body of each packet (RFC 9580, section 4.2)."""
    position = 0
    while position < len(data):
        start, first = position, data[position]
        if first & 0xC0 == 0xC0:
            tag, (size, position) = first & 0x3F, _new_length(data, position + 1)
        elif first & 0x80:
            tag, octets = first >> 2 & 0xF, 1 << (first & 3)
            size = int.from_bytes(data[position + 1 : position + 1 + octets], "big")
            position += 1 + octets
        else:
            raise ValueError("it is not made of OpenPGP packets")
        if position + size > len(data):
            raise ValueError("it is cut off")
        yield start, tag, data[position : position + size]
        position += size


def _new_length(data: bytes, position: int) -> tuple[int, int]:
    first = data[position] if position < len(data) else 255
    if first < 192:
        return first, position + 1
    if first < 224:
        return (first - 192 << 8) + data[position + 1] + 192, position + 2
    return int.from_bytes(data[position + 1 : position + 5], "big"), position + 5


def _certificate(octets: bytes) -> Certificate:
    owner = ""
    fingerprint = ""
    for _, tag, body in _packets(octets):
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


def _crc24(data: bytes) -> int:
    register = 0xB704CE
    for octet in data:
        register ^= octet << 16
        for _ in range(8):
            register <<= 1
            if register & 0x1000000:
                register ^= 0x1864CFB
    return register
