"""A repository made of the packages that lie in a folder (``--repofromdir``), without metadata."""

from __future__ import annotations

import os

import solv

from heliostat.os.tdnf.errors import REPOSITORY_FOLDER_UNREADABLE, TdnfError
from heliostat.os.tdnf.metadata.cache import Cached, keep

# libsolv's RPM_ADD_WITH_SHA256SUM, which its binding doesn't name
_WITH_SHA256 = 1 << 13


class PackageFolder(Cached):
    """Headers are read once; what is kept of them is named by names, sizes and times."""

    @property
    def exists(self) -> bool:
        return True

    def is_fresh(self, _now: float) -> bool:
        """A folder says at once what is in it."""
        return True

    @property
    def signed(self) -> bool:
        return True

    def load(self, pool: solv.Pool) -> solv.Repo:
        """Every package below the folder; their locations are whole paths."""
        repo = pool.add_repo(self.repository.id)
        repo.priority = 100 - self.repository.priority
        repo.appdata = self
        files = self._files()
        checksum = solv.Chksum(solv.REPOKEY_TYPE_SHA256)
        checksum.add("".join(f"{path}\0{stamp}\0" for path, stamp in files).encode())
        kept = self.path("solvcache", f"{checksum.hex()[:32]}.solv")
        file = solv.xfopen(kept)
        if file and repo.add_solv(file, solv.Repo.SOLV_ADD_NO_STUBS):
            return repo
        flags = solv.Repo.REPO_REUSE_REPODATA | solv.Repo.REPO_NO_INTERNALIZE
        for path, _ in files:
            if repo.add_rpm(path, flags | _WITH_SHA256) is None:
                told = f"{path} is no package: {pool.errstr}."
                raise TdnfError(REPOSITORY_FOLDER_UNREADABLE, told)
        repo.internalize()
        keep(kept, repo.write, only=True)
        return repo

    def load_part(self, _repo: solv.Repo, _kind: str) -> bool:
        """Headers have all there is."""
        return True

    def load_advisories(self, _repo: solv.Repo) -> None:
        """A folder has none."""

    def _files(self) -> list[tuple[str, str]]:
        if not os.path.isdir(self.repository.folder):
            told = f"{self.repository.folder} is no folder of packages."
            raise TdnfError(REPOSITORY_FOLDER_UNREADABLE, told)
        found = []
        for folder, _, names in os.walk(self.repository.folder):
            for name in names:
                if name.endswith(".rpm"):
                    path = os.path.join(folder, name)
                    state = os.stat(path)
                    found.append((path, f"{state.st_size}.{state.st_mtime_ns}"))
        return sorted(found)
