"""Metadata files of others: every packing that is in use, and no more than was announced."""

from __future__ import annotations

import bz2
import gzip
import hashlib
import lzma
from collections.abc import Callable

import pytest
import zstandard

from heliostat.core.errors import HeliostatError
from heliostat.os.repo.repomd import Compression, MetadataFile, pack, unpack

DOCUMENT = b"<metadata/>\n" * 10_000


def _frames(document: bytes) -> bytes:
    """As `zstd` does of pieces: one frame after the other."""
    half = len(document) // 2
    pieces = (document[:half], document[half:])
    return b"".join(zstandard.ZstdCompressor().compress(piece) for piece in pieces)


def _row(content: bytes, suffix: str, open_size: int) -> MetadataFile:
    return MetadataFile(
        kind="primary",
        location=f"repodata/primary.xml.{suffix}",
        digest=f"sha256:{hashlib.sha256(content).hexdigest()}",
        size=len(content),
        open_digest="",
        open_size=open_size,
        timestamp=0,
    )


@pytest.mark.parametrize("compression", list(Compression))
def test_what_is_packed_here_is_unpacked(compression: Compression) -> None:
    packed = pack("primary", DOCUMENT, compression, 1)
    assert unpack(packed.row, packed.content, "here") == DOCUMENT


@pytest.mark.parametrize(
    ("suffix", "packing"),
    [("gz", gzip.compress), ("xz", lzma.compress), ("bz2", bz2.compress), ("zst", _frames)],
)
@pytest.mark.parametrize("announced", [True, False])
def test_every_packing_is_read_to_its_end(
    suffix: str, packing: Callable[[bytes], bytes], announced: bool
) -> None:
    content = packing(DOCUMENT)
    size = len(DOCUMENT) if announced else 0
    assert unpack(_row(content, suffix, size), content, "there") == DOCUMENT


@pytest.mark.parametrize(
    ("content", "suffix", "size", "told"),
    [
        (gzip.compress(DOCUMENT), "gz", 1 << 10, "unpacks to more than 1 KiB"),
        (gzip.compress(DOCUMENT), "gz", len(DOCUMENT) + 1, "opens to 120,000 bytes, not 120,001"),
        (gzip.compress(DOCUMENT)[:-20], "gz", 0, "can't be unpacked"),
        (zstandard.compress(DOCUMENT)[:-1], "zst", 0, "opens to|can't be unpacked"),
        (b"no zstd at all", "zst", 0, "can't be unpacked"),
        (DOCUMENT, "lz4", 0, "lz4 is none of zst, gz, xz, bz2"),
        (DOCUMENT, "gz", 5 << 30, "would open to"),
    ],
)
def test_what_is_not_as_announced_is_told(
    content: bytes, suffix: str, size: int, told: str
) -> None:
    with pytest.raises(HeliostatError, match=told) as caught:
        unpack(_row(content, suffix, size), content, "there")
    assert caught.value.code == "RepositoryCorrupt"
