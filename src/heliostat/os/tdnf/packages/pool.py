"""One pool a run: installed packages and enabled repositories, loaded when first wanted.

libsolv reads rpm's database itself.  Reading it takes 100 ms for some hundred packages,
so it is kept in libsolv's form under the database's own times and sizes; who may not
write the cache reads the database.
"""

from __future__ import annotations

import os

import solv

from heliostat.os.tdnf.errors import DATABASE_UNREADABLE, UNKNOWN_ARCHITECTURE, TdnfError
from heliostat.os.tdnf.metadata.cache import FILELISTS, OTHER, Cached, keep
from heliostat.os.tdnf.packages.database import DatabaseOf, states

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

INSTALLED = "@System"


class Packages:
    """The pool ``pool``, with ``installed`` and one libsolv repository a ``Cached``.

    Without ``root`` nothing is installed; without ``cachedir`` nothing is kept.
    """

    def __init__(self, root: str | None, architecture: str, cachedir: str | None) -> None:
        self.pool = solv.Pool()
        # Debian builds libsolv for dpkg's versions and architectures
        self.pool.setdisttype(solv.Pool.DISTTYPE_RPM)
        if architecture not in ARCHITECTURES:
            raise TdnfError(UNKNOWN_ARCHITECTURE, f"The architecture {architecture} is not known.")
        self.pool.setarch(architecture)
        self.root = root or "/"
        self._cachedir = cachedir
        self._with_files = False
        self._paths_needed: list[int] = []
        self._with_changes = False
        self.installed = self._load_installed("" if root is None else database_stamp(self.root))
        self.repos: list[solv.Repo] = []

    def add(self, repositories: Iterable[Cached]) -> None:
        """Loads repositories and makes everything in the pool findable."""
        self.repos += [each.load(self.pool) for each in repositories]
        self.index()

    def index(self) -> None:
        """After packages have come: who provides what."""
        self._paths_needed = self.pool.addfileprovides_queue()
        self.pool.createwhatprovides()

    def path_seekers(self) -> set[str]:
        """Names of packages that need a path which nothing read so far has."""
        if self._with_files:
            return set()
        return {
            each.name
            for path in self._paths_needed
            if not self.pool.whatprovides(path)
            for each in self.pool.whatcontainsdep(solv.SOLVABLE_REQUIRES, path)
        }

    def load_files(self) -> None:
        """Whole file lists, for paths that primary metadata doesn't have."""
        if not self._with_files:
            self._with_files = True
            for repo in self.repos:
                repo.appdata.load_part(repo, FILELISTS)
            self.index()

    def load_changes(self) -> None:
        """Change logs of what repositories offer; rpm has those of what is installed."""
        if not self._with_changes:
            self._with_changes = True
            for repo in self.repos:
                repo.appdata.load_part(repo, OTHER)

    def exclude(self, solvables: Iterable[solv.XSolvable]) -> None:
        """From now on these are not there for queries and solver."""
        self.pool.set_disabled_list([each.id for each in solvables])
        self.pool.createwhatprovides()

    def _load_installed(self, stamp: str) -> solv.Repo:
        repo = self.pool.add_repo(INSTALLED)
        self.pool.installed = repo
        if not stamp:
            return repo
        if self._cachedir is None:
            self._read_database(repo)
            return repo
        path = os.path.join(self._cachedir, "installed", f"{stamp}.solv")
        kept = solv.xfopen(path)
        if not kept or not repo.add_solv(kept):
            self._read_database(repo)
            keep(path, repo.write, only=True)
        return repo

    def _read_database(self, repo: solv.Repo) -> None:
        self.pool.set_rootdir(self.root)
        with DatabaseOf(self.root):
            read = repo.add_rpmdb(solv.Repo.REPO_USE_ROOTDIR)
        if not read:
            told = f"rpm's database under {self.root} can't be read: {self.pool.errstr}."
            raise TdnfError(DATABASE_UNREADABLE, told)


ARCHITECTURES = ("x86_64", "aarch64", "noarch")


def database_stamp(root: str) -> str:
    """Changes whenever rpm's database does; empty if there is none."""
    parts = [f"{each.st_ino:x}.{each.st_size:x}.{each.st_mtime_ns:x}" for each in states(root)]
    if not parts:
        return ""
    checksum = solv.Chksum(solv.REPOKEY_TYPE_SHA256)
    checksum.add("/".join([root, *parts]).encode())
    return str(checksum.hex())[:32]


def split_evr(evr: str) -> tuple[str, str]:
    """Epoch ("0" if none) and ``version-release`` of libsolv's ``[epoch:]version-release``."""
    epoch, colon, rest = evr.partition(":")
    return (epoch, rest) if colon else ("0", evr)


def nevra(package: solv.XSolvable) -> str:
    """``name-version-release.arch``, without the epoch, as the C tdnf writes it."""
    return f"{package.name}-{split_evr(package.evr)[1]}.{package.arch}"


def in_order(packages: Iterable[solv.XSolvable]) -> list[solv.XSolvable]:
    """By name; of one name the newest first, because that is what is looked for.

    Repositories come nearly sorted, so this goes through memory from one end to the other
    and makes no object a package.
    """
    among = list(packages)
    names = [each.name for each in among]
    order = sorted(range(len(among)), key=names.__getitem__)
    ordered = [among[place] for place in order]
    begin = 0
    for end in range(1, len(order) + 1):
        if end < len(order) and names[order[end]] == names[order[begin]]:
            continue
        if end - begin > 1:
            from functools import cmp_to_key

            ordered[begin:end] = sorted(ordered[begin:end], key=cmp_to_key(_newest_first))
        begin = end
    return ordered


def _newest_first(one: solv.XSolvable, other: solv.XSolvable) -> int:
    return int(other.evrcmp(one))
