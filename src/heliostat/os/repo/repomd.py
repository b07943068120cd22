"""repomd.xml: the one file that names every other, each by digest and size.

Metadata files carry their own digest in their name, so a new generation never
overwrites what a client of the old one is still fetching.
"""

from __future__ import annotations

import gzip
import hashlib
import io
from collections.abc import Iterable
from enum import StrEnum
from xml.etree.ElementTree import Element, ParseError, fromstring

import msgspec
import zstandard

from heliostat.os.compressed import DAMAGED, TooLarge, unpacking
from heliostat.os.repo.metadata import HEADER, RPM
from heliostat.os.repo.parse import broken

REPO = "http://linux.duke.edu/metadata/repo"
_N = f"{{{REPO}}}"
_TRUSTED = ("sha256", "sha512")
_LARGEST = 4 << 30  # no metadata opens to more: a bomb otherwise
_PACKINGS = ("zst", "gz", "xz", "bz2")


class Compression(StrEnum):
    """How metadata is packed; every yum relative of today reads both."""

    ZSTD = "zstd"
    GZIP = "gz"

    @property
    def suffix(self) -> str:
        return "zst" if self is Compression.ZSTD else "gz"


class MetadataFile(msgspec.Struct, frozen=True):
    """One row of repomd.xml; digests are ``kind:hex`` of the packed and the open file."""

    kind: str
    location: str
    digest: str
    size: int
    open_digest: str = ""
    open_size: int = 0
    timestamp: int = 0


class Packed(msgspec.Struct, frozen=True):
    """A metadata file ready to be written."""

    row: MetadataFile
    content: bytes


def pack(kind: str, document: bytes, compression: Compression, timestamp: int) -> Packed:
    """Compress (the same bytes every time) and name by digest."""
    if compression is Compression.ZSTD:
        content = zstandard.ZstdCompressor(level=10, write_content_size=True).compress(document)
    else:
        content = gzip.compress(document, compresslevel=9, mtime=0)
    digest = hashlib.sha256(content).hexdigest()
    row = MetadataFile(
        kind=kind,
        location=f"repodata/{digest}-{kind}.xml.{compression.suffix}",
        digest=f"sha256:{digest}",
        size=len(content),
        open_digest=f"sha256:{hashlib.sha256(document).hexdigest()}",
        open_size=len(document),
        timestamp=timestamp,
    )
    return Packed(row, content)


def unpack(row: MetadataFile, content: bytes, source: str) -> bytes:
    """The open document, after comparing both digests and both sizes."""
    if len(content) != row.size:
        raise broken(source, f"it has {len(content):,} bytes of {row.size:,}")
    check_digest(content, row.digest, source)
    if row.open_size > _LARGEST:
        raise broken(source, f"it would open to {row.open_size:,} bytes")
    document = _open(row, content, source)
    if row.open_digest:
        check_digest(document, row.open_digest, source)
    return document


def check_digest(content: bytes, digest: str, source: str) -> None:
    """Refuse content whose digest differs, or whose kind of digest nobody trusts."""
    kind, _, wanted = digest.partition(":")
    if kind not in _TRUSTED:
        raise broken(source, f"its digest is {kind}, which is not trusted")
    found = hashlib.new(kind, content).hexdigest()
    if found != wanted:
        raise broken(source, f"its {kind} is {found[:16]}…, not {wanted[:16]}…")


def write_repomd(rows: Iterable[MetadataFile], revision: int) -> bytes:
    """The document; the same rows give the same bytes."""
    lines = [f'<repomd xmlns="{REPO}" xmlns:rpm="{RPM}">', f"<revision>{revision}</revision>"]
    for row in rows:
        lines += _row_lines(row)
    return (HEADER + "\n".join([*lines, "</repomd>"]) + "\n").encode()


def parse_repomd(document: bytes, source: str) -> dict[str, MetadataFile]:
    """Rows by kind; rows for SQLite and other readers included."""
    try:
        root = fromstring(document)  # noqa: S314 - expat fetches nothing and bounds entities
        return {row.kind: row for row in map(_row, root.iterfind(f"{_N}data"))}
    except ParseError as error:
        raise broken(source, f"it is not the XML of a repository ({error})") from error
    except (KeyError, ValueError) as error:
        raise broken(source, f"a row lacks or garbles {error}") from error


def _open(row: MetadataFile, content: bytes, source: str) -> bytes:
    """Never more than was announced, so that a bomb stays small."""
    suffix = row.location.rpartition(".")[2]
    if suffix == "xml":
        document = content
    elif suffix in _PACKINGS:
        try:
            with unpacking(io.BytesIO(content), suffix, row.open_size or _LARGEST) as stream:
                document = stream.read()
        except (*DAMAGED, TooLarge) as error:
            raise broken(source, f"it can't be unpacked ({error})") from error
    else:
        raise broken(source, f"{suffix} is none of {', '.join(_PACKINGS)}")
    if row.open_size and len(document) != row.open_size:
        raise broken(source, f"it opens to {len(document):,} bytes, not {row.open_size:,}")
    return document


def _row_lines(row: MetadataFile) -> list[str]:
    kind, _, digest = row.digest.partition(":")
    open_kind, _, open_digest = row.open_digest.partition(":")
    return [
        f'<data type="{row.kind}">',
        f'<checksum type="{kind}">{digest}</checksum>',
        f'<open-checksum type="{open_kind}">{open_digest}</open-checksum>',
        f'<location href="{row.location}"/>',
        f"<timestamp>{row.timestamp}</timestamp>",
        f"<size>{row.size}</size>",
        f"<open-size>{row.open_size}</open-size>",
        "</data>",
    ]


def _row(element: Element) -> MetadataFile:
    location = element.find(f"{_N}location")
    if location is None:
        raise KeyError("location")
    return MetadataFile(
        kind=element.attrib["type"],
        location=location.attrib["href"],
        digest=_digest(element, "checksum"),
        size=int(element.findtext(f"{_N}size") or "0"),
        open_digest=_digest(element, "open-checksum"),
        open_size=int(element.findtext(f"{_N}open-size") or "0"),
        timestamp=int(float(element.findtext(f"{_N}timestamp") or "0")),
    )


def _digest(element: Element, tag: str) -> str:
    found = element.find(f"{_N}{tag}")
    if found is None:
        return ""
    return f"{found.get('type')}:{(found.text or '').strip()}"
