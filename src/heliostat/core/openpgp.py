"""OpenPGP's outer forms: text between two lines, and the packets within (RFC 9580, 4 and 6).

What packets mean is for others: ``os.packages.openpgp`` signs and judges, ``os.tdnf`` tells
certificates apart.  Pure; loads nothing but ``binascii``, because tdnf reads keys within
milliseconds.  ``ValueError`` says what is wrong in a sentence.
"""

from __future__ import annotations

from binascii import Error, a2b_base64, b2a_base64

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

PUBLIC_KEY = "PUBLIC KEY BLOCK"
SIGNATURE = "SIGNATURE"
_LINE_BYTES = 48


def armored(kind: str, data: bytes) -> bytes:
    """``data`` as text.  rpm 4.18 insists on the checksum that RFC 9580 calls optional."""
    lines = [
        b2a_base64(data[start : start + _LINE_BYTES]) for start in range(0, len(data), _LINE_BYTES)
    ]
    check = b2a_base64(crc24(data).to_bytes(3, "big"))
    text = b"".join(lines).decode() + f"={check.decode()}"
    return f"-----BEGIN PGP {kind}-----\n\n{text}-----END PGP {kind}-----\n".encode()


def dearmored(kind: str, data: bytes) -> list[bytes]:
    """All blocks of that kind; data that isn't text is taken as it is."""
    if data[:1] > b"\x7f":
        return [data]
    begin, end = (f"-----{word} PGP {kind}-----".encode() for word in ("BEGIN", "END"))
    blocks = []
    for part in data.split(begin)[1:]:
        body, closed, _ = part.partition(end)
        if not closed:
            raise ValueError(f"A PGP {kind} in it is cut off.")
        blocks.append(_decoded(body))
    if not blocks:
        raise ValueError(f"There is no PGP {kind} in it.")
    return blocks


def _decoded(body: bytes) -> bytes:
    # what follows the opening line's dashes is the end of that line
    lines = [line.strip() for line in body.splitlines()[1:]]
    # headers (``Version: …``) end with an empty line
    blank = lines.index(b"") if b"" in lines else -1
    lines = [line for line in lines[blank + 1 :] if line]
    check = lines.pop()[1:] if lines and lines[-1][:1] == b"=" else b""
    try:
        data = a2b_base64(b"".join(lines), strict_mode=True)
        expected = a2b_base64(check, strict_mode=True)
    except Error as error:
        raise ValueError("A PGP block is not base64: it was damaged on its way.") from error
    if check and int.from_bytes(expected, "big") != crc24(data):
        raise ValueError("A PGP block's checksum is wrong: it was damaged on its way.")
    return data


def packets(data: bytes) -> Iterator[tuple[int, int, bytes]]:
    """Start, kind and body of each packet."""
    at = 0
    while at < len(data):
        start, first = at, data[at]
        if not first & 0x80:
            raise ValueError("It is not made of OpenPGP packets.")
        if first & 0x40:
            kind, (size, at) = first & 0x3F, read_length(data, at + 1)
        else:
            kind, width = first >> 2 & 0xF, 1 << (first & 3)
            if width == 8:
                raise ValueError("An OpenPGP packet has no length.")
            size, at = int.from_bytes(data[at + 1 : at + 1 + width], "big"), at + 1 + width
        if at + size > len(data):
            raise ValueError("An OpenPGP packet ends outside of its data.")
        yield start, kind, data[at : at + size]
        at += size


def read_length(data: bytes, at: int) -> tuple[int, int]:
    """A length in the new form at ``at``, and where what follows begins."""
    if at >= len(data):
        raise ValueError("OpenPGP data ends within a length.")
    first = data[at]
    if first < 192:
        return first, at + 1
    if first < 224:
        return (first - 192 << 8) + int.from_bytes(data[at + 1 : at + 2], "big") + 192, at + 2
    if first == 255:
        return int.from_bytes(data[at + 1 : at + 5], "big"), at + 5
    raise ValueError("OpenPGP data in pieces of unknown length is not read here.")


def crc24(data: bytes) -> int:
    """The checksum of OpenPGP's text form."""
    register = 0xB704CE
    for octet in data:
        register ^= octet << 16
        for _ in range(8):
            register <<= 1
            if register & 0x1000000:
                register ^= 0x1864CFB
    return register
