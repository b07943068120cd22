"""Metalinks: where a repository's mirrors are, and what its index has to be.

Both versions are read, 3 (with ``preference``, the higher the better) and RFC 5854 (with
``priority``, the lower the better).  The strongest hash verifies the index; MD5 and SHA-1
alone prove nothing and are refused.  Older generations that Fedora's metalinks name as
alternates are not taken: they would let a mirror keep updates back.
"""

from __future__ import annotations

from heliostat.os.tdnf.errors import BASEURL_MISSING, METALINK_INVALID, TdnfError
from heliostat.os.tdnf.transfer.checksum import STRONG, strong

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

INDEX = "repodata/repomd.xml"
_SCHEMES = ("https", "http", "ftp", "file")
_LEAST = 999_999


class Metalink:
    """``mirrors`` best first, and what ``repomd.xml`` has to be."""

    __slots__ = ("checksum", "mirrors", "size")

    def __init__(self, mirrors: tuple[str, ...], checksum: str, size: int | None) -> None:
        self.mirrors = mirrors
        self.checksum = checksum
        self.size = size


class _Reader:
    """Collects what lies directly in the file's element."""

    def __init__(self) -> None:
        self.path: list[str] = []
        self.text = ""
        self.file = ""
        self.size = ""
        self.hashes: list[tuple[str, str]] = []
        self.addresses: list[tuple[int, str]] = []
        self._attributes: dict[str, str] = {}

    def start(self, name: str, attributes: dict[str, str]) -> None:
        # a name is <namespace>:<name> for alternates, which must not be taken for the file's
        self.path.append(name)
        self.text, self._attributes = "", attributes
        if name == "file":
            self.file = attributes.get("name", "")

    def data(self, text: str) -> None:
        self.text += text

    def end(self, name: str) -> None:
        above, text = self.path[-2:-1], self.text.strip()
        self.path.pop()
        if "file" not in self.path or any(":" in each for each in self.path):
            return
        if name == "size" and above == ["file"]:
            self.size = text
        elif name == "hash" and above[0] in ("verification", "file"):
            self.hashes.append((self._attributes.get("type", ""), text))
        elif name == "url" and above[0] in ("resources", "file"):
            self.addresses.append((self._rank(), text))
        self.text = ""

    def _rank(self) -> int:
        """The lower the better."""
        try:
            if "priority" in self._attributes:
                return int(self._attributes["priority"])
            return -int(self._attributes.get("preference", "0"))
        except ValueError:
            return _LEAST


def parse(data: bytes, where: str) -> Metalink:
    """The metalink of ``where``.  Raises ``TdnfError`` 2500 and 2502."""
    read = _read(data, where)
    if read.file.rpartition("/")[2] != "repomd.xml":
        told = f"{where} describes {read.file or 'no file'}, not repomd.xml."
        raise TdnfError(METALINK_INVALID, told)
    trusted = [strong(kind, digest) for kind, digest in read.hashes]
    trusted = sorted(filter(None, trusted), key=lambda each: STRONG.index(each.partition(":")[0]))
    if not trusted:
        named = ", ".join(sorted({kind for kind, _ in read.hashes})) or "none"
        told = f"{where} has no hash that proves anything (it has {named})."
        raise TdnfError(METALINK_INVALID, told)
    ranked = sorted(read.addresses, key=lambda each: each[0])
    mirrors = [
        address[: -len(INDEX)].rstrip("/")
        for _, address in ranked
        if address.endswith("/" + INDEX) and address.partition("://")[0] in _SCHEMES
    ]
    if not mirrors:
        raise TdnfError(BASEURL_MISSING, f"{where} names no mirror.")
    size = int(read.size) if read.size.isdigit() else None
    return Metalink(tuple(dict.fromkeys(mirrors)), trusted[-1], size)


def _read(data: bytes, where: str) -> _Reader:
    # only a repository with a metalink pays for the reader of XML
    from xml.parsers import expat

    reader = _Reader()
    parser: Any = expat.ParserCreate()
    parser.StartElementHandler = reader.start
    parser.CharacterDataHandler = reader.data
    parser.EndElementHandler = reader.end
    # entities could make gigabytes of a few bytes, and no metalink needs one
    parser.EntityDeclHandler = _no_entities
    try:
        parser.Parse(data, True)
    except (expat.ExpatError, ValueError) as error:
        told = f"{where} is no metalink: {error}."
        raise TdnfError(METALINK_INVALID, told) from None
    return reader


def _no_entities(name: str, *_rest: object) -> None:
    raise ValueError(f"it declares the entity {name}")
