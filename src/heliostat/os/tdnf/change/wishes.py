"""What a command asks of the solver: names into libsolv's jobs.

Each wish is one job or several; libsolv chooses among all versions that a name means, the
newest of the best repository first, so that an older one is taken where the newest can't
be had, and ``--best`` (see ``Rules``) insists.
"""

from __future__ import annotations

import os

import solv

from heliostat.os.tdnf.change.names import Names, by_name
from heliostat.os.tdnf.errors import NO_MATCH, TdnfError, system_error
from heliostat.os.tdnf.packages.scopes import newest

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from heliostat.os.tdnf.change.names import Meant
    from heliostat.os.tdnf.packages.pool import Packages

COMMAND_LINE = "@cmdline"
EVERYTHING = "all"
_INSTALL = solv.Job.SOLVER_INSTALL
_SOLVABLE = solv.Job.SOLVER_SOLVABLE


class OneOf:
    """A job for one of several packages.

    libsolv keeps their ids in a table that is made anew whenever packages or file lists
    come, so the job itself is made right before it is solved.
    """

    __slots__ = ("how", "ids")

    def __init__(self, how: int, among: Sequence[solv.XSolvable]) -> None:
        self.how = how | solv.Job.SOLVER_SOLVABLE_ONE_OF
        self.ids = [each.id for each in among]

    def job(self, pool: solv.Pool) -> solv.Job:
        """For libsolv, now."""
        return pool.Job(self.how, pool.towhatprovides(self.ids))


class Wishes:
    """Jobs, with what was found on the way.

    ``wanted`` are names asked for by hand, ``existing`` what is there already, ``missing``
    what nothing is called, ``pathless`` says what has no newer or no older version.
    ``told`` has the word that a job came from, by the job's place.
    """

    def __init__(self, packages: Packages) -> None:
        self.packages = packages
        self.pool: solv.Pool = packages.pool
        self.names = Names(packages)
        self.jobs: list[solv.Job | OneOf] = []
        self.told: dict[int, str] = {}
        self.wanted: set[str] = set()
        self.existing: list[str] = []
        self.missing: list[str] = []
        self.pathless: list[str] = []
        self.existing_names: set[str] = set()

    def install(self, name: str, *, source: bool = False) -> None:
        """The newest that ``name`` means; every package of a glob."""
        if source:
            self._install_sources(name)
            return
        meant = self.names.meant(name)
        if not meant.offered:
            self._exists(name, meant.installed)
            return
        groups = by_name(meant.packages)
        if meant.by_name or len(groups) == 1:
            for group in groups:
                self._install_named(group, name, meant)
        elif meant.installed:
            self._exists(name, meant.installed)
        else:
            # several packages provide it: the solver chooses one
            self._choose(meant.offered, name)

    def _install_sources(self, name: str) -> None:
        found = self.names.sources(name)
        if found:
            self.exactly(newest(found))
        else:
            self.missing.append(name)

    def install_file(self, path: str) -> None:
        """A package's file on this machine."""
        package = self.add_file(path)
        have = [each for each in self.names.installed_of(package) if each.identical(package)]
        if have:
            self._exists(path, have)
        else:
            self.exactly(package)

    def add_file(self, path: str) -> solv.XSolvable:
        """Takes a file into the pool.  Raises ``TdnfError`` if it isn't a package."""
        if not os.path.exists(path):
            raise system_error(FileNotFoundError(2, "there is no such file"), f"Reading {path}")
        repo = next((each for each in self.pool.repos if each.name == COMMAND_LINE), None)
        if repo is None:
            repo = self.pool.add_repo(COMMAND_LINE)
        package = repo.add_rpm(path, solv.Repo.REPO_REUSE_REPODATA)
        if package is None:
            hint = f"rpm -K {path} says what is wrong with it."
            raise TdnfError(NO_MATCH, f"{path} is not a package: {self.pool.errstr}.", hint)
        self.packages.index()
        return package

    def _install_named(self, group: Sequence[solv.XSolvable], name: str, meant: Meant) -> None:
        """One of the versions of one package, or what says that it replaces the newest."""
        offered = [each for each in group if not each.isinstalled()]
        if not offered:
            self._exists(name, group)
            return
        best = self.pool.best_solvables(offered, 0)[0]
        have = self.names.installed_of(best)
        exactly = meant.versioned or self._is_multiple(best)
        if any(each.evrcmp(best) == 0 or (not exactly and each.evrcmp(best) > 0) for each in have):
            self._exists(name, have)
        elif have and not exactly:
            self._upgrade(have[0], [each for each in offered if each.evrcmp(have[0]) > 0])
            self.wanted.add(best.name)
        elif exactly:
            self._choose(offered, name)
        else:
            self._choose([*offered, *self.names.replacing([best])], name)

    def _is_multiple(self, package: solv.XSolvable) -> bool:
        """Whether several versions of it may be installed beside each other."""
        return any(
            job.how & solv.Job.SOLVER_JOBMASK == solv.Job.SOLVER_MULTIVERSION
            and any(each.nameid == package.nameid for each in job.solvables())
            for job in self.pool.getpooljobs()
        )

    def _exists(self, name: str, have: Sequence[solv.XSolvable]) -> None:
        """Nothing to install: it is there, or nowhere."""
        if not have:
            self.missing.append(name)
        self.existing += [str(each) for each in have if str(each) not in self.existing]
        self.existing_names |= {each.name for each in have}
        self.wanted |= self.existing_names

    def _choose(self, among: Sequence[solv.XSolvable], name: str) -> None:
        self._add(OneOf(_INSTALL, among), name)
        self.wanted |= {each.name for each in among}

    def erase(self, name: str, *, clean_dependencies: bool = False) -> None:
        """Every installed package that ``name`` means."""
        found = self.names.installed(name)
        if not found:
            self.missing.append(name)
        flags = solv.Job.SOLVER_ERASE | _SOLVABLE
        if clean_dependencies:
            flags |= solv.Job.SOLVER_CLEANDEPS
        for each in found:
            self._add(self.pool.Job(flags, each.id), each.name)

    def keep_all_but(self, automatic: Collection[str]) -> None:
        """Where dependencies are cleaned too, only packages of these names may go for that."""
        flags = solv.Job.SOLVER_USERINSTALLED | _SOLVABLE
        for each in self.packages.installed.solvables:
            if each.name not in automatic:
                self.jobs.append(self.pool.Job(flags, each.id))

    def upgrade(self, name: str) -> None:
        """Installed packages that ``name`` means to their newest, or to the version it names."""
        meant = self.names.named(name)
        have = {
            each.id: each
            for offer in meant.packages or self.names.installed(name)
            for each in ([offer] if offer.isinstalled() else self.names.installed_of(offer))
        }
        if not have:
            self.missing.append(name)
        for each in have.values():
            offers = [offer for offer in self.names.offers_of(each) if offer.evrcmp(each) > 0]
            if meant.versioned and meant.offered:
                named = {offer.id for offer in meant.offered}
                offers = [offer for offer in offers if offer.id in named]
            self._upgrade(each, offers)

    def _upgrade(self, have: solv.XSolvable, newer: Sequence[solv.XSolvable]) -> None:
        """``have`` to one of ``newer``, or to what replaces it; it stays where none can be."""
        offers = [*newer, *self.names.replacing([have])]
        if not offers:
            self.pathless.append(f"no newer version of {have.name} is offered")
            return
        flags = solv.Job.SOLVER_UPDATE | solv.Job.SOLVER_TARGETED
        self._add(OneOf(flags, offers), have.name)

    def upgrade_all(self) -> None:
        """Everything to its newest."""
        flags = solv.Job.SOLVER_UPDATE | solv.Job.SOLVER_SOLVABLE_ALL
        self._add(self.pool.Job(flags, 0), EVERYTHING)

    def synchronise(self, name: str = "") -> None:
        """Everything, or what ``name`` means, to what repositories offer, older ones too."""
        if not name:
            flags = solv.Job.SOLVER_DISTUPGRADE | solv.Job.SOLVER_SOLVABLE_ALL
            self._add(self.pool.Job(flags, 0), EVERYTHING)
            return
        found = self.names.installed(name)
        if not found:
            self.missing.append(name)
        for each in found:
            self._add(self.pool.Job(solv.Job.SOLVER_DISTUPGRADE | _SOLVABLE, each.id), each.name)

    def downgrade(self, name: str) -> None:
        """The newest older offer that fits, or the version named."""
        meant = self.names.named(name)
        offers = meant.offered
        have = {
            each.id: each
            for one in meant.packages
            for each in ([one] if one.isinstalled() else self.names.installed_of(one))
        }
        if not have:
            self.missing.append(name)
        for each in have.values():
            self._downgrade_from(each, offers)

    def _downgrade_from(self, have: solv.XSolvable, named: Sequence[solv.XSolvable]) -> None:
        meant = {each.id for each in named}
        older = [
            each
            for each in self.names.offers_of(have)
            if each.evrcmp(have) < 0 and (not meant or each.id in meant)
        ]
        if older:
            self._choose(older, have.name)
        else:
            self.pathless.append(f"no older version of {have.name} is offered")

    def reinstall(self, name: str) -> None:
        """What is installed, again, from a repository that has that version."""
        have = self.names.installed(name)
        if not have:
            self.missing.append(name)
        for each in have:
            same = [offer for offer in self.names.offers_of(each) if offer.evrid == each.evrid]
            if same:
                self.exactly(max(same, key=lambda offer: int(offer.repo.priority)))
            else:
                self.missing.append(str(each))

    def exactly(self, package: solv.XSolvable) -> None:
        """This very package, whatever is installed."""
        self.wanted.add(package.name)
        self._add(self.pool.Job(_INSTALL | _SOLVABLE, package.id), package.name)

    def require(self, name: str) -> None:
        """Anything that ``name`` means, installed already or not."""
        found = self.names.meant(name).packages
        if found:
            self._choose(found, name)
        else:
            self.missing.append(name)

    def require_any(self, rich: str) -> bool:
        """What ``(a or b)`` asks for.  False if that is no relation."""
        dep = self.pool.parserpmrichdep(rich)
        if dep is None:
            return False
        if self.pool.whatprovides(dep):
            self._add(self.pool.Job(_INSTALL | solv.Job.SOLVER_SOLVABLE_PROVIDES, dep.id), rich)
        else:
            self.missing.append(rich)
        return True

    def favour(self, name: str) -> None:
        """``name`` rather than another that would do as well."""
        found = self.pool.select(name, solv.Selection.SELECTION_NAME)
        self.jobs += found.jobs(solv.Job.SOLVER_FAVOR)

    def lock(self, name: str) -> None:
        """Installed packages that ``name`` means stay as they are."""
        for each in self.names.named(name, solv.Selection.SELECTION_INSTALLED_ONLY).packages:
            self.jobs.append(self.pool.Job(solv.Job.SOLVER_LOCK | _SOLVABLE, each.id))

    def _add(self, job: solv.Job | OneOf, told: str) -> None:
        self.jobs.append(job)
        self.told[len(self.jobs) - 1] = told
