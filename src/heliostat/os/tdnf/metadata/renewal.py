"""Making one repository's metadata current, as a generator of what it wants fetched.

Mirrors first, then the index, verified, then what it names.  ``refresh`` runs many of these
side by side: each yields downloads and goes on when they are there, or gets the error of
the one that failed thrown in.  ``repomd.xml`` is replaced last, so that a run that is cut
off leaves the metadata of before.
"""

from __future__ import annotations

import os

import solv

from heliostat.os.tdnf.errors import (
    BASEURL_MISSING,
    CACHE_OUT_OF_DISK,
    CACHE_UNREADABLE,
    CACHE_UNWRITABLE,
    CHECKSUM_MISMATCH,
    METADATA_SIGNATURE,
    METALINK_CHECKSUM,
    SIZE_MISMATCH,
    TdnfError,
)
from heliostat.os.tdnf.metadata.cache import FILELISTS, OTHER, UPDATEINFO, Cached, Part, parts_of
from heliostat.os.tdnf.metadata.current import needs_signature
from heliostat.os.tdnf.plugins import METALINK
from heliostat.os.tdnf.transfer.checksum import has_checksum, refuse_weak
from heliostat.os.tdnf.transfer.download import Download, Wire

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Generator, Sequence

    from heliostat.os.tdnf.plugins.metalink import Metalink
    from heliostat.os.tdnf.session import Session
    from heliostat.os.tdnf.settings.repository import Repository

    Steps = Generator[list[Download], None, None]

INDEX = "repodata/repomd.xml"
_INDEX_LIMIT = 10 * 1024 * 1024
_LIST_LIMIT = 1024 * 1024
_LOCAL = (CACHE_OUT_OF_DISK, CACHE_UNWRITABLE)


class Renewal:
    """One repository's way to current metadata; ``steps`` is walked once."""

    def __init__(self, session: Session, cached: Cached) -> None:
        self.session = session
        self.cached = cached
        self.repository = cached.repository
        self.wire = Wire.of(session, cached.repository)
        self.signed = needs_signature(session, cached.repository)
        self._listed: tuple[str, ...] | None = None
        self._metalink: Metalink | None = None
        self._new = cached.path("repodata", "repomd.xml.new")
        self._source = ""

    def steps(self) -> Steps:
        """Yields what has to be fetched; ends when the metadata is current."""
        yield from self._mirrors()
        yield from self._index(self.session.options.refresh)
        try:
            parts = yield from self._parts()
        except TdnfError as error:
            if error.number in _LOCAL:
                raise
            # the repository may have changed since, or a cache on the way remembers too much
            parts = yield from self._parts_of_another_index(error)
        self.cached.commit(parts, self._listed, signed=self.signed)

    def _mirrors(self) -> Steps:
        repository = self.repository
        if repository.metalink and METALINK in self.session.plugins:
            from heliostat.os.tdnf.plugins import metalink

            data = yield from self._list(repository.metalink)
            self._metalink = metalink.parse(data, repository.metalink)
            self._listed = self._metalink.mirrors
        elif repository.mirrorlist:
            from heliostat.os.tdnf.metadata import mirrors

            try:
                data = yield from self._list(repository.mirrorlist)
                text = data.decode("utf-8", "replace")
                self._listed = mirrors.parse(text, repository.mirrorlist)
            except TdnfError as error:
                # the mirrors of yesterday are there today; a metalink's hashes are not
                self._listed = self.cached.listed_mirrors
                if error.number in _LOCAL or not self._addresses:
                    raise
                self.session.out.remark(f"Warning: {error.sentence}")
        if not self._addresses:
            raise TdnfError(BASEURL_MISSING, f"Repository {repository.id} has no address.")

    def _list(self, address: str) -> Generator[list[Download], None, bytes]:
        path = self.cached.path("mirrors.new")
        yield [Download(self.wire, (), address, path, limit=_LIST_LIMIT)]
        with open(path, "rb") as file:
            data = file.read()
        os.unlink(path)
        return data

    @property
    def _addresses(self) -> tuple[str, ...]:
        return (*self.repository.baseurl, *(self._listed or ()))

    def _index(self, current: bool) -> Steps:
        """The newest index that a mirror has, with its owner's signature if it needs one."""
        left = self._addresses
        older = ""
        while left:
            yield from self._index_of(left, current)
            left = left[left.index(self._source) + 1 :]
            if self.signed:
                try:
                    yield from self._signature()
                except TdnfError:
                    if not left:
                        raise
                    continue
            if not self._goes_back():
                return
            older = older or self._source
        if older:
            if self._source != older:
                yield from self._index_of((older,), current)
            self.session.out.remark(
                f"Warning: {self.repository.id} offers older metadata than it did before."
            )

    def _index_of(self, mirrors: Sequence[str], current: bool) -> Steps:
        link = self._metalink
        index = Download(
            self.wire,
            mirrors,
            INDEX,
            self._new,
            label=self.repository.id,
            limit=_INDEX_LIMIT,
            size=link.size if link else None,
            checksum=link.checksum if link else "",
            verify=lambda path: check_index(path, f"{index.source}/{INDEX}"),
            current=current,
        )
        try:
            yield [index]
        except TdnfError as error:
            if link and error.number in (CHECKSUM_MISMATCH, SIZE_MISMATCH):
                told = f"{error.sentence.rstrip('.')}: no mirror has what its metalink promises."
                raise TdnfError(METALINK_CHECKSUM, told) from None
            raise
        self._source = index.source

    def _signature(self) -> Steps:
        """``repomd.xml.asc``, beside the index and made of it."""
        from heliostat.os.tdnf.metadata import keys
        from heliostat.os.tdnf.plugins.repogpgcheck import verify

        places = keys.key_places(self.cached)
        absent = keys.key_downloads(self.session, self.cached)
        if absent:
            yield absent
        known = [(address, keys.read_key(path)) for address, path in places]
        with open(self._new, "rb") as file:
            data = file.read()

        def check(path: str) -> None:
            with open(path, "rb") as file:
                verify(data, file.read(), known, f"{self._source.rstrip('/')}/{INDEX}")

        place = self.cached.path("repodata", "repomd.xml.asc.new")
        asked = Download(
            self.wire, (self._source,), INDEX + ".asc", place, limit=_LIST_LIMIT, verify=check
        )
        try:
            yield [asked]
        except TdnfError as error:
            if error.number == METADATA_SIGNATURE or error.number in _LOCAL:
                raise
            told = f"Repository {self.repository.id} shows no signature: {error.sentence}"
            raise TdnfError(METADATA_SIGNATURE, told) from None

    def _goes_back(self) -> bool:
        """Whether the index is older than the one that is here: a mirror that lags."""
        if not self.cached.exists:
            return False
        try:
            return made_at(self._new) < made_at(self.cached.repomd)
        except TdnfError:
            return False

    def _parts(self) -> Generator[list[Download], None, list[Part]]:
        wanted = wanted_kinds(self.repository)
        parts = [each for each in read_index(self._new) if each.kind in wanted]
        for part in parts:
            refuse_weak(part.checksum, f"{self.repository.id}: {part.location}")
        # who has the index most likely has what it names
        others = [each for each in self._addresses if each != self._source]
        missing = [
            Download(
                self.wire,
                (self._source, *others),
                part.location,
                self.cached.path("repodata", part.file_name),
                label=f"{self.repository.id} {part.kind}",
                size=part.size or None,
                checksum=part.checksum,
            )
            for part in parts
            if not self._have(part)
        ]
        if missing:
            yield missing
        return parts

    def _have(self, part: Part) -> bool:
        path = self.cached.path("repodata", part.file_name)
        return os.path.exists(path) and has_checksum(path, part.checksum)

    def _parts_of_another_index(
        self, error: TdnfError
    ) -> Generator[list[Download], None, list[Part]]:
        with open(self._new, "rb") as file:
            before = file.read()
        yield from self._index(True)
        with open(self._new, "rb") as file:
            if file.read() == before:
                raise error
        return (yield from self._parts())


def wanted_kinds(repository: Repository) -> set[str]:
    """What is fetched of what an index names."""
    kinds = {"primary"}
    if not repository.skip_md_filelists:
        kinds.add(FILELISTS)
    if not repository.skip_md_updateinfo:
        kinds.add(UPDATEINFO)
    if not repository.skip_md_other:
        kinds.add(OTHER)
    return kinds


def _indexed(path: str) -> tuple[solv.Pool, solv.Repo]:
    # the pool owns the repository's memory: it must outlive it
    pool = solv.Pool()
    repo = pool.add_repo("index")
    file = solv.xfopen(path)
    if not file or not repo.add_repomdxml(file):
        raise TdnfError(CACHE_UNREADABLE, f"{path} is not an index of a repository.")
    return pool, repo


def read_index(path: str) -> list[Part]:
    """The files that an index names.  Raises ``TdnfError`` 1304 if it isn't one."""
    _pool, repo = _indexed(path)
    return parts_of(repo)


def check_index(path: str, address: str) -> None:
    """What a portal or a broken mirror answers instead of an index is refused."""
    try:
        parts = read_index(path)
    except TdnfError:
        told = f"{address} is not an index of a repository."
        raise TdnfError(CACHE_UNREADABLE, told) from None
    if not any(each.kind == "primary" for each in parts):
        raise TdnfError(CACHE_UNREADABLE, f"{address} names no primary metadata.")


def made_at(path: str) -> int:
    """When the metadata that an index names was made, in seconds of the epoch."""
    _pool, repo = _indexed(path)
    return int(repo.meta.lookup_num(solv.REPOSITORY_TIMESTAMP))
