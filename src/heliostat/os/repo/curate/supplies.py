"""The supplies: the Debian archive through the importer, folders of packages that we built,
and both together, because what we build may newly need what only the archive has.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from heliostat.core.errors import HeliostatError
from heliostat.os.packages.build.rebuilds import Rebuild
from heliostat.os.packages.deb.importer import Importer
from heliostat.os.packages.deb.versions import evr_of, hidden_upgrade
from heliostat.os.packages.rpm.reader import Header, read
from heliostat.os.packages.rpm.version import Evr
from heliostat.os.repo.curate.offer import Brought, Offer, by_source, source_name
from heliostat.os.repo.lock import LockedPackage
from heliostat.os.solve import Source
from heliostat.os.solve.sources import PackageFolder
from heliostat.os.sources.entry import Entry


@dataclass(frozen=True)
class ArchiveSupply:
    """What a suite has newer; what is rebuilt here is left to the rebuilds.

    A source of the rebuild list may have packages that aren't rebuilt.  Those are offered,
    unless the source waits for its build: its packages belong together.
    """

    importer: Importer
    beside: tuple[Source, ...] = ()
    """The repositories as they are: what they meet isn't imported again."""
    rebuilt: Mapping[str, Rebuild] = field(default_factory=dict)
    """The rebuild list, by source."""
    waiting: Collection[str] = ()
    """Sources that have to be built first."""

    def offers(self, have: Mapping[str, LockedPackage]) -> list[Offer]:
        return [
            each
            for each in self._newer(have)
            if each.source not in self.waiting and not self._is_ours(each)
        ]

    def to_rebuild(
        self, have: Mapping[str, LockedPackage], built: Mapping[str, Evr]
    ) -> list[Offer]:
        """What the archive has newer than our own builds: those have to be built anew.

        A rebuild's release sorts above the archive's builds of the same source and below
        its next one, so that comparing versions is all there is to it.  ``built`` are the
        versions that lie ready.
        """
        return [
            each
            for each in self._newer(have)
            if self._is_ours(each)
            and each.evr > max(have[each.name].order, built.get(each.name, have[each.name].order))
        ]

    def _is_ours(self, offer: Offer) -> bool:
        listed = self.rebuilt.get(offer.source)
        return listed is not None and (not listed.packages or offer.name in listed.packages)

    def bring(self, offers: Sequence[Offer]) -> Brought:
        """With what the offers newly need.

        What can't be had takes only its own source away: where all together fail, each
        source is tried by itself.
        """
        names = [each.name for each in offers]
        try:
            made = self.importer.take_names(names, beside=self.beside)
        except HeliostatError as error:
            groups = by_source(offers)
            if len(groups) > 1:
                return _together([self.bring(group) for group in groups.values()])
            reasons = _refusals(error)
            return Brought({}, {name: reasons.get(name, error.message) for name in names})
        paths = {each.name: each.path for each in made}
        return Brought(paths, {name: self._why_not(name) for name in names if name not in paths})

    def needed_by(self, names: Collection[str], ours: Source) -> dict[str, Path]:
        """What packages of ``ours`` newly need of the archive, as files.

        Nothing, if it can't be had: then the gates hold what needs it, and tell the chain.
        """
        try:
            made = self.importer.take_names(names, beside=(*self.beside, ours))
        except HeliostatError as error:
            if error.code not in ("DependencyUnmet", "ImportRefused"):
                raise
            return {}
        return {
            each.name: each.path
            for each in made
            if not self._is_ours(self._offer(self.importer.find(each.name)))
        }

    def _why_not(self, name: str) -> str:
        """Why the solver kept to the published version of ``name``."""
        try:
            self.importer.plan([name])
        except HeliostatError as error:
            return error.message
        return f"what else is published needs {name} as it is"

    def _newer(self, have: Mapping[str, LockedPackage]) -> Iterator[Offer]:
        known = self.importer.suite.newest
        for name in have:
            if self.importer.policy.whole_of(name) in known and not self._replaced(name):
                entry = self.importer.find(name)
                offer = self._offer(entry)
                order = have[name].order
                if offer.evr > order or self._hidden(entry, order):
                    yield offer

    def _hidden(self, entry: Entry, order: Evr) -> bool:
        """Whether Debian holds it newer and RPM doesn't; the importer refuses it, and says so.

        What is published in the very same form is no news: Debian sorts the hyphen of an
        upstream version after the ``+`` that it becomes.
        """
        if entry.name not in self.importer.published or self._offer(entry).evr == order:
            return False
        raised = self.importer.policy.of(entry.name).raise_epoch
        return hidden_upgrade(order, entry.version, raised)

    def _replaced(self, name: str) -> bool:
        return name in self.importer.policy.replaced

    def _offer(self, entry: Entry) -> Offer:
        return Offer(
            name=entry.name,
            evr=evr_of(entry.version, self.importer.policy.of(entry.name).raise_epoch),
            source=entry.source,
            origin=entry.suite,
            security=entry.suite.endswith("-security"),
        )


@dataclass(frozen=True, slots=True)
class FolderSupply:
    """Packages in a folder and its sub-folders, such as those of builds from source."""

    folder: Path
    origin: str = "rebuilt"
    security: Collection[str] = ()
    """Sources that were built from what a security suite brought."""

    def offers(self, have: Mapping[str, LockedPackage]) -> list[Offer]:
        return [
            self._offer(header)
            for header in self._headers().values()
            if header.name in have and header.evr > have[header.name].order
        ]

    def versions(self) -> dict[str, Evr]:
        """The newest version of each name."""
        found: dict[str, Evr] = {}
        for header in self._headers().values():
            found[header.name] = max(header.evr, found.get(header.name, header.evr))
        return found

    def _offer(self, header: Header) -> Offer:
        source = source_name(header.source_rpm, header.name)
        return Offer(header.name, header.evr, source, self.origin, source in self.security)

    def bring(self, offers: Sequence[Offer]) -> Brought:
        wanted = {(each.name, str(each.evr)) for each in offers}
        return Brought(
            {
                header.name: path
                for path, header in self._headers().items()
                if (header.name, str(header.evr)) in wanted
            },
            {},
        )

    def _headers(self) -> dict[Path, Header]:
        return {path: read(path) for path in sorted(self.folder.rglob("*.rpm"))}


@dataclass(frozen=True, slots=True)
class BuiltSupply:
    """Packages that we built, with what they newly need of the archive."""

    built: FolderSupply
    archive: ArchiveSupply

    def offers(self, have: Mapping[str, LockedPackage]) -> list[Offer]:
        return self.built.offers(have)

    def bring(self, offers: Sequence[Offer]) -> Brought:
        mine = self.built.bring(offers)
        ours = PackageFolder(self.built.origin, self.built.folder)
        return Brought({**self.archive.needed_by(mine.paths.keys(), ours), **mine.paths}, {})


def _together(parts: Sequence[Brought]) -> Brought:
    return Brought(
        {name: path for part in parts for name, path in part.paths.items()},
        {name: why for part in parts for name, why in part.refused.items()},
    )


def _refusals(error: HeliostatError) -> dict[str, str]:
    """Names of the packages that the importer refused, with its sentences."""
    if error.code != "ImportRefused":
        return {}
    if isinstance(lines := error.data.get("lines"), dict) and "refused" in error.data:
        return dict(zip(lines, error.data["refused"], strict=False))
    return {str(error.data["name"]): error.message} if "name" in error.data else {}
