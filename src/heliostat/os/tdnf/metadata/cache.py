"""What is kept of one repository, and how libsolv gets it.

Folder ``<cachedir>/<id>-<8 hex>``: ``repodata/`` as it was fetched, ``solvcache/`` the
same parsed, ``rpms/``, ``keys/`` and ``lastrefresh``, whose time says when the metadata
was last known to be the repository's.  A ``.solv`` is named by the digest of the
``repomd.xml`` that it was made from, so that one of another generation is never read;
its parts (file lists, advisories, changelogs) lie beside it and are read when asked for.
"""

from __future__ import annotations

import os

import solv

from heliostat.os.tdnf.errors import CACHE_UNREADABLE, TdnfError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from heliostat.os.tdnf.metadata.holding import Hold
    from heliostat.os.tdnf.settings.repository import Repository

# parts of the metadata beyond ``primary``: kind in repomd.xml and how libsolv reads it
FILELISTS = "filelists"
UPDATEINFO = "updateinfo"
OTHER = "other"


class Part:
    """One file that ``repomd.xml`` names; ``checksum`` is ``<kind>:<hex>``, or empty."""

    __slots__ = ("checksum", "kind", "location", "size")

    def __init__(self, kind: str, location: str, checksum: str, size: int) -> None:
        self.kind = kind
        self.location = location
        self.checksum = checksum
        self.size = size

    @property
    def file_name(self) -> str:
        """The file's name in ``repodata/``: never a path out of it, never another's."""
        name = os.path.basename(self.location)
        digest = self.checksum.partition(":")[2]
        return name if digest and digest in name else f"{digest[:16]}-{name}"


class Cached:
    """The kept metadata of ``repository`` in ``folder``."""

    def __init__(self, repository: Repository, folder: str) -> None:
        self.repository = repository
        self.folder = folder
        self._digest: str | None = None
        self._reading: Hold | None = None

    def path(self, *names: str) -> str:
        """A place inside the folder."""
        return os.path.join(self.folder, *names)

    @property
    def repomd(self) -> str:
        """The index that was last verified."""
        return self.path("repodata", "repomd.xml")

    @property
    def exists(self) -> bool:
        """Whether there is any metadata to read."""
        return os.path.exists(self.repomd)

    @property
    def signed(self) -> bool:
        """Whether its owner's signature of the index was verified when it came."""
        return os.path.exists(self.path("repodata", "repomd.xml.asc"))

    @property
    def mirrors(self) -> tuple[str, ...]:
        """Where its files may be had: ``baseurl``, then what a mirror list said."""
        return (*self.repository.baseurl, *self.listed_mirrors)

    @property
    def listed_mirrors(self) -> tuple[str, ...]:
        """What the last mirror list or metalink said."""
        try:
            with open(self.path("mirrors"), encoding="utf-8") as file:
                return tuple(file.read().splitlines())
        except OSError:
            return ()

    def age_s(self, now: float) -> float:
        """Seconds since the metadata was last known to be current; infinite if never."""
        try:
            return now - os.stat(self.path("lastrefresh")).st_mtime
        except OSError:
            return float("inf")

    @property
    def refreshed_ns(self) -> int:
        """A time that changes whenever the metadata is known to be current; 0 if it never was."""
        try:
            return os.stat(self.path("lastrefresh")).st_mtime_ns
        except OSError:
            return 0

    def is_fresh(self, now: float) -> bool:
        """Whether the metadata may be used without asking the repository."""
        if not self.exists:
            return False
        limit = self.repository.metadata_expire_s
        return limit is None or 0 <= self.age_s(now) <= limit

    @property
    def digest(self) -> str:
        """SHA-256 of ``repomd.xml``, which names all else by digest."""
        if self._digest is None:
            checksum = solv.Chksum(solv.REPOKEY_TYPE_SHA256)
            with open(self.repomd, "rb") as file:
                checksum.add(file.read())
            self._digest = checksum.hex()
        return self._digest

    def solv_path(self, part: str = "") -> str:
        """Where the parsed form of the whole, or of one part, lies."""
        suffix = f"-{part}.solvx" if part else ".solv"
        return self.path("solvcache", self.digest[:32] + suffix)

    def load(self, pool: solv.Pool) -> solv.Repo:
        """A repository of ``pool`` with every package; parts follow when they are asked for."""
        self._hold()
        repo = pool.add_repo(self.repository.id)
        # libsolv: the higher the better; .repo files: the lower the better
        repo.priority = 100 - self.repository.priority
        repo.appdata = self
        if not self._load_kept(repo):
            self._parse_primary(repo)
            self._keep(repo)
        return repo

    def _hold(self) -> None:
        """Nobody sweeps what this run may still read."""
        from heliostat.os.tdnf.metadata.holding import Hold

        self._reading = Hold(self.path("repodata"))
        self._reading.share()

    def _load_kept(self, repo: solv.Repo) -> bool:
        file = _opened(self.solv_path())
        return file is not None and bool(repo.add_solv(file, solv.Repo.SOLV_ADD_NO_STUBS))

    def _parse_primary(self, repo: solv.Repo) -> None:
        parts = self.parts(repo)
        if "primary" not in parts:
            raise TdnfError(CACHE_UNREADABLE, f"{self.repomd} names no primary metadata.")
        if not repo.add_rpmmd(self.open_part(parts["primary"]), None):
            told = f"{self.path('repodata', parts['primary'].file_name)} is not primary metadata."
            raise TdnfError(CACHE_UNREADABLE, f"{told[:-1]}: {repo.pool.errstr}.")

    def parts(self, repo: solv.Repo) -> dict[str, Part]:
        """What ``repomd.xml`` names, by kind; also remembered in ``repo``."""
        file = _opened(self.repomd)
        if file is None or not repo.add_repomdxml(file):
            raise TdnfError(CACHE_UNREADABLE, f"{self.repomd} can't be read.")
        return {part.kind: part for part in parts_of(repo)}

    def open_part(self, part: Part) -> solv.SolvFp:
        """The part's file, unpacked while it is read; its digest is compared first."""
        from heliostat.os.tdnf.transfer.checksum import has_checksum

        path = self.path("repodata", part.file_name)
        file = _opened(path)
        if file is None:
            raise TdnfError(CACHE_UNREADABLE, f"{path} can't be read.")
        if not has_checksum(path, part.checksum):
            raise TdnfError(CACHE_UNREADABLE, f"{path} is not what repomd.xml says.")
        return file

    def load_part(self, repo: solv.Repo, kind: str) -> bool:
        """Adds one part to packages that ``repo`` has.  False if the repository has none."""
        flags = solv.Repo.REPO_EXTEND_SOLVABLES | solv.Repo.REPO_LOCALPOOL
        kept = _opened(self.solv_path(kind))
        if kept is not None and repo.add_solv(kept, flags):
            return True
        part = next((each for each in self._named_parts() if each.kind == kind), None)
        if part is None or not os.path.exists(self.path("repodata", part.file_name)):
            return False
        file = self.open_part(part)
        # else libsolv makes one of its own, and what is kept would be empty
        data, into = repo.add_repodata(0), solv.Repo.REPO_REUSE_REPODATA
        repo.add_rpmmd(file, "FL" if kind == FILELISTS else None, flags | into)
        data.internalize()
        keep(self.solv_path(kind), data.write)
        return True

    def load_advisories(self, repo: solv.Repo) -> None:
        """Advisories into ``repo``, which holds nothing else; none if there are none."""
        path = self.solv_path(UPDATEINFO)
        kept = _opened(path)
        if kept is not None and repo.add_solv(kept):
            return
        part = next((each for each in self._named_parts() if each.kind == UPDATEINFO), None)
        if part is not None and os.path.exists(self.path("repodata", part.file_name)):
            repo.add_updateinfoxml(self.open_part(part))
            keep(path, repo.write)

    def _named_parts(self) -> list[Part]:
        pool = solv.Pool()
        return list(self.parts(pool.add_repo("index")).values())

    def _keep(self, repo: solv.Repo) -> None:
        keep(self.solv_path(), repo.write)

    def commit(self, parts: Sequence[Part], mirrors: Sequence[str] | None, *, signed: bool) -> None:
        """The new index, whose ``parts`` are here, takes the old one's place."""
        signature = self.path("repodata", "repomd.xml.asc")
        if signed:
            os.replace(signature + ".new", signature)
        elif self.signed:
            os.unlink(signature)
        os.replace(self.repomd + ".new", self.repomd)
        if mirrors is not None:
            with open(self.path("mirrors.new"), "w", encoding="utf-8") as file:
                file.write("".join(f"{each}\n" for each in mirrors))
            os.replace(self.path("mirrors.new"), self.path("mirrors"))
        elif os.path.exists(self.path("mirrors")):
            os.unlink(self.path("mirrors"))
        with open(self.path("lastrefresh"), "w", encoding="ascii"):
            pass
        os.utime(self.path("lastrefresh"))
        self._digest = None
        self._sweep({each.file_name for each in parts})

    def _sweep(self, named: set[str]) -> None:
        """Takes away what no index names any more, unless somebody reads it just now."""
        from heliostat.os.tdnf.metadata.holding import Hold

        hold = Hold(self.path("repodata"))
        if not hold.claim():
            return
        kept = named | {"repomd.xml", "repomd.xml.asc"}
        _sweep_folder(self.path("repodata"), lambda name: name in kept)
        mark = self.digest[:32]
        _sweep_folder(
            self.path("solvcache"),
            lambda name: name.startswith(mark) and not name.endswith(".part"),
        )
        hold.release()


def _sweep_folder(folder: str, kept: Callable[[str], bool]) -> None:
    if os.path.isdir(folder):
        for name in os.listdir(folder):
            if not kept(name):
                os.unlink(os.path.join(folder, name))


def parts_of(repo: solv.Repo) -> list[Part]:
    """The files that the index in ``repo`` names."""
    found = []
    entries = repo.Dataiterator_meta(solv.REPOSITORY_REPOMD_TYPE)
    entries.prepend_keyname(solv.REPOSITORY_REPOMD)
    for each in entries:
        entry = each.parentpos()
        location = entry.lookup_str(solv.REPOSITORY_REPOMD_LOCATION)
        checksum = entry.lookup_checksum(solv.REPOSITORY_REPOMD_CHECKSUM)
        size = entry.lookup_num(solv.REPOSITORY_REPOMD_SIZE)
        if location:
            told = f"{checksum.typestr()}:{checksum.hex()}" if checksum is not None else ""
            found.append(Part(each.idstr, location, told, size))
    return found


def _opened(path: str) -> solv.SolvFp | None:
    file = solv.xfopen(path)
    return file or None


def keep(path: str, write: Callable[[solv.SolvFp], object], *, only: bool = False) -> None:
    """Writes a cache file whole or not at all; without the right to, it isn't kept.

    ``only``: other files of its folder are of earlier states and go.
    """
    part = f"{path}.{os.getpid()}.part"
    folder = os.path.dirname(path)
    try:
        os.makedirs(folder, exist_ok=True)
        descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o644)
    except OSError:
        return
    file = solv.xfopen_fd(None, descriptor, "w")
    try:
        write(file)
        if file.flush() and file.close():
            os.rename(part, path)
            part = ""
    finally:
        os.close(descriptor)
        if part:
            os.unlink(part)
    if only:
        name = os.path.basename(path)
        for each in os.listdir(folder):
            if each != name and not each.endswith(".part"):
                try:
                    os.unlink(os.path.join(folder, each))
                except FileNotFoundError:
                    # another run has swept at the same time
                    continue
