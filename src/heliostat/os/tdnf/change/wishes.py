"""What a command asks of the solver: names into libsolv's jobs.

A name may be a package's name with architecture and version in any of rpm's spellings, a
glob, a capability, a path, or a package's file.
"""

from __future__ import annotations

import os

import solv

from heliostat.os.tdnf.errors import NO_MATCH, TdnfError, system_error
from heliostat.os.tdnf.packages.scopes import BY_NAME, newest

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from heliostat.os.tdnf.packages.pool import Packages

COMMAND_LINE = "@cmdline"
_BY_CAPABILITY = solv.Selection.SELECTION_PROVIDES | solv.Selection.SELECTION_REL
_BY_PATH = solv.Selection.SELECTION_FILELIST | solv.Selection.SELECTION_GLOB


class Wishes:
    """Jobs, with what was found on the way: names wanted, already there, and nowhere."""

    def __init__(self, packages: Packages) -> None:
        self.packages = packages
        self.pool: solv.Pool = packages.pool
        self.jobs: list[solv.Job] = []
        self.told: dict[int, str] = {}
        self.wanted: set[str] = set()
        self.existing: list[str] = []
        self.missing: list[str] = []

    def install(self, name: str, *, source: bool = False) -> None:
        """The newest that ``name`` means; every package of a glob."""
        found = self._offers(name, source=source)
        if not found:
            self._absent(name)
            return
        if any(letter in name for letter in "*?[") or len({each.nameid for each in found}) == 1:
            self._install_named(found)
        else:
            # several packages provide it: the solver chooses one
            flags = solv.Job.SOLVER_INSTALL | solv.Job.SOLVER_SOLVABLE_ONE_OF
            one_of = self.pool.towhatprovides([each.id for each in found])
            self._add(self.pool.Job(flags, one_of), name)
            self.wanted |= {each.name for each in found}

    def install_file(self, path: str) -> None:
        """A package's file on this machine."""
        self._install_named([self.add_file(path)])

    def add_file(self, path: str) -> solv.XSolvable:
        """Takes a file into the pool.  Raises ``TdnfError`` if it isn't a package."""
        if not os.path.exists(path):
            raise system_error(FileNotFoundError(2, "there is no such file"), f"Reading {path}")
        repo = next((each for each in self.pool.repos if each.name == COMMAND_LINE), None)
        if repo is None:
            repo = self.pool.add_repo(COMMAND_LINE)
        package = repo.add_rpm(path, solv.Repo.REPO_REUSE_REPODATA)
        if package is None:
            raise TdnfError(NO_MATCH, f"{path} is not a package: {self.pool.errstr}.")
        self.packages.index()
        return package

    def _install_named(self, found: Sequence[solv.XSolvable]) -> None:
        for group in _by_name(found).values():
            best = self._best(group)
            self.wanted.add(best.name)
            have = [each for each in self._installed(best) if each.evrcmp(best) >= 0]
            if have and not self._is_multiple(best):
                self.existing.append(str(have[0]))
                continue
            flags = solv.Job.SOLVER_INSTALL | solv.Job.SOLVER_SOLVABLE | solv.Job.SOLVER_TARGETED
            self._add(self.pool.Job(flags, best.id), best.name)

    def _is_multiple(self, package: solv.XSolvable) -> bool:
        """Whether this very version of an install-only package is not there yet."""
        exact = [each for each in self._installed(package) if each.evrid == package.evrid]
        jobs = self.pool.getpooljobs()
        multiple = any(
            job.how & solv.Job.SOLVER_JOBMASK == solv.Job.SOLVER_MULTIVERSION
            and any(each.nameid == package.nameid for each in job.solvables())
            for job in jobs
        )
        return multiple and not exact

    def _best(self, group: Sequence[solv.XSolvable]) -> solv.XSolvable:
        """By repository's priority, then architecture of the machine, then version."""
        top = max(each.repo.priority for each in group)
        group = [each for each in group if each.repo.priority == top]
        newest_one = newest(group)
        same = [each for each in group if each.evrid == newest_one.evrid]
        own = [each for each in same if each.arch not in ("noarch", "i686")]
        return own[0] if own else newest_one

    def _installed(self, package: solv.XSolvable) -> list[solv.XSolvable]:
        flags = solv.Selection.SELECTION_NAME | solv.Selection.SELECTION_INSTALLED_ONLY
        return [
            each
            for each in self.pool.select(package.name, flags).solvables()
            if each.archid == package.archid or "noarch" in (each.arch, package.arch)
        ]

    def _offers(self, name: str, *, source: bool = False) -> list[solv.XSolvable]:
        extra = solv.Selection.SELECTION_SOURCE_ONLY if source else 0
        for flags in (BY_NAME | extra, _BY_CAPABILITY, _BY_PATH):
            if flags == _BY_PATH and not name.startswith("/"):
                continue
            found = self._not_installed(name, flags)
            if not found and flags == _BY_PATH:
                self.packages.load_files()
                found = self._not_installed(name, flags)
            if found:
                return found
        return []

    def _not_installed(self, name: str, flags: int) -> list[solv.XSolvable]:
        return [
            each for each in self.pool.select(name, flags).solvables() if not each.isinstalled()
        ]

    def _absent(self, name: str) -> None:
        """Not offered: perhaps it is there, from elsewhere."""
        have = self._of_installed(name)
        if have:
            self.existing += [str(each) for each in have]
            self.wanted |= {each.name for each in have}
        else:
            self.missing.append(name)

    def _of_installed(self, name: str) -> list[solv.XSolvable]:
        only = solv.Selection.SELECTION_INSTALLED_ONLY
        for flags in (BY_NAME | only, _BY_CAPABILITY | only, _BY_PATH | only):
            if flags == _BY_PATH | only and not name.startswith("/"):
                continue
            found: list[solv.XSolvable] = self.pool.select(name, flags).solvables()
            if found:
                return found
        return []

    def erase(self, name: str, *, clean_dependencies: bool = False) -> None:
        """Every installed package that ``name`` means."""
        found = self._of_installed(name)
        if not found:
            self.missing.append(name)
        flags = solv.Job.SOLVER_ERASE | solv.Job.SOLVER_SOLVABLE
        if clean_dependencies:
            flags |= solv.Job.SOLVER_CLEANDEPS
        for each in found:
            self._add(self.pool.Job(flags, each.id), each.name)

    def upgrade(self, name: str) -> None:
        """Installed packages that ``name`` means to their newest, or to the version it names."""
        names = {each.nameid for each in self._of_installed(name)}
        offers = self._not_installed(name, BY_NAME)
        names |= {each.nameid for each in offers if self._of_installed(each.name)}
        if not names:
            self.missing.append(name)
        for group in _by_name([each for each in offers if each.nameid in names]).values():
            best = self._best(group)
            if any(each.evrcmp(best) < 0 for each in self._installed(best)):
                flags = solv.Job.SOLVER_INSTALL | solv.Job.SOLVER_SOLVABLE
                self._add(self.pool.Job(flags | solv.Job.SOLVER_TARGETED, best.id), best.name)

    def upgrade_all(self) -> None:
        """Everything to its newest."""
        self._add(self.pool.Job(solv.Job.SOLVER_UPDATE | solv.Job.SOLVER_SOLVABLE_ALL, 0), "all")

    def synchronise(self) -> None:
        """Everything to what repositories offer, older ones too."""
        flags = solv.Job.SOLVER_DISTUPGRADE | solv.Job.SOLVER_SOLVABLE_ALL
        self._add(self.pool.Job(flags, 0), "all")

    def downgrade(self, name: str) -> None:
        """The newest offer that is older than what is installed, or the version named."""
        have = self._of_installed(name)
        offers = self._not_installed(name, BY_NAME)
        if not have:
            have = [each for offer in offers for each in self._installed(offer)]
        if not have:
            self.missing.append(name)
        for each in {one.nameid: one for one in have}.values():
            older = [
                offer
                for offer in offers or self._not_installed(each.name, BY_NAME)
                if offer.nameid == each.nameid and offer.evrcmp(each) < 0
            ]
            if older:
                self._exactly(newest(older))

    def reinstall(self, name: str) -> None:
        """What is installed, again, from a repository that has that version."""
        have = self._of_installed(name)
        if not have:
            self.missing.append(name)
        for each in have:
            same = [
                offer
                for offer in self._not_installed(each.name, BY_NAME)
                if offer.evrid == each.evrid and offer.archid == each.archid
            ]
            if same:
                self._exactly(same[0])
            else:
                self.missing.append(str(each))

    def _exactly(self, package: solv.XSolvable) -> None:
        flags = solv.Job.SOLVER_INSTALL | solv.Job.SOLVER_SOLVABLE
        self._add(self.pool.Job(flags, package.id), package.name)

    def exactly(self, package: solv.XSolvable) -> None:
        """This very package, whatever is installed."""
        self._exactly(package)

    def lock(self, name: str) -> None:
        """Installed packages that ``name`` means stay as they are."""
        for each in self._of_installed(name):
            flags = solv.Job.SOLVER_LOCK | solv.Job.SOLVER_SOLVABLE
            self.jobs.append(self.pool.Job(flags, each.id))

    def _add(self, job: solv.Job, told: str) -> None:
        self.jobs.append(job)
        self.told[len(self.jobs) - 1] = told


def _by_name(found: Sequence[solv.XSolvable]) -> dict[int, list[solv.XSolvable]]:
    groups: dict[int, list[solv.XSolvable]] = {}
    for each in found:
        groups.setdefault(each.nameid, []).append(each)
    return groups
