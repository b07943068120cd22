"""What Google Compute Engine imports: one sparse file ``disk.raw`` in a gzipped tar archive.

The archive is of GNU's old format for sparse files, the only one that is accepted.  Python's
tarfile reads it but can't write it.  Format: the GNU tar manual, "Storing Sparse Files".
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from heliostat.os.image import sparse
from heliostat.os.image.formats.gzipped import gzip_file
from heliostat.os.image.formats.material import Material

_NAME = b"disk.raw"
_PIECE_BYTES = 1 << 16
_BLOCK = 512
_IN_HEADER, _IN_EXTENSION = 4, 21
_CHECKSUM = slice(148, 156)
_OCTAL_END = 1 << 33
_NUMBER_BYTES = 12

Run = tuple[int, int]


def write(material: Material, out: Path) -> None:
    """The disk of ``material`` for Google's import."""
    disk, size = material.need_disk(), material.disk_bytes
    with gzip_file(out) as stream:
        stream.write(header(list(runs(disk)), size, material.epoch))
        written = 0
        for _, content in sparse.pieces(disk, _PIECE_BYTES):
            written += stream.write(content)
        stream.write(bytes(-written % _BLOCK + 2 * _BLOCK))


def runs(disk: Path) -> Iterator[Run]:
    """Offset and length of all stretches that hold data."""
    start = end = 0
    for index, content in sparse.pieces(disk, _PIECE_BYTES):
        offset = index * _PIECE_BYTES
        if offset != end and end > start:
            yield start, end - start
        if offset != end:
            start = offset
        end = offset + len(content)
    if end > start:
        yield start, end - start


def header(found: list[Run], size: int, epoch: int) -> bytes:
    """The header of the sparse file, and its extensions."""
    entries = [*found, (size, 0)]  # the last tells where a final hole ends
    first, rest = entries[:_IN_HEADER], entries[_IN_HEADER:]
    block = bytearray(_BLOCK)
    fields = {
        0: _NAME,
        100: b"0000644\0",
        108: b"0000000\0",
        116: b"0000000\0",
        124: _number(sum(length for _, length in found)),
        136: _number(epoch),
        148: b" " * 8,
        156: b"S",
        257: b"ustar  \0",
        386: b"".join(map(_entry, first)),
        482: b"\1" if rest else b"\0",
        483: _number(size),
    }
    for offset, value in fields.items():
        block[offset : offset + len(value)] = value
    block[_CHECKSUM] = f"{sum(block):06o}\0 ".encode()
    return bytes(block) + b"".join(_extensions(rest))


def _extensions(entries: list[Run]) -> Iterator[bytes]:
    for start in range(0, len(entries), _IN_EXTENSION):
        held = b"".join(map(_entry, entries[start : start + _IN_EXTENSION]))
        more = b"\1" if start + _IN_EXTENSION < len(entries) else b"\0"
        yield (held.ljust(_IN_EXTENSION * 24, b"\0") + more).ljust(_BLOCK, b"\0")


def _entry(run: Run) -> bytes:
    return _number(run[0]) + _number(run[1])


def _number(number: int) -> bytes:
    """Eleven octal digits and a NUL; from 8 GiB on GNU's own form, a mark and the bytes."""
    if number < _OCTAL_END:
        return f"{number:011o}\0".encode()
    return b"\x80" + number.to_bytes(_NUMBER_BYTES - 1, "big")
