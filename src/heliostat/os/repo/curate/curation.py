"""One run of the curator: look, fetch, test, promote, tell.

Invariants: clients see either the state from before or one in which every new package
passed every gate and has its advisory; what is held stays out as a whole source, and
the report says why; a second run with the same sources promotes nothing.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from heliostat.core.counting import counted
from heliostat.core.errors import HeliostatError
from heliostat.os.monitor import Monitor, SilentMonitor
from heliostat.os.packages.openpgp.signer import Signer
from heliostat.os.repo.admission import Trust
from heliostat.os.repo.advisory import Advisory, Severity
from heliostat.os.repo.curate.advise import Rate, Update, advise
from heliostat.os.repo.curate.gates import GATES, Scene
from heliostat.os.repo.curate.offer import Offer, Supply, best, by_source, newest, source_name
from heliostat.os.repo.curate.report import Held, Promoted, Report
from heliostat.os.repo.curate.rules import Rules
from heliostat.os.repo.curate.scene import scene_of
from heliostat.os.repo.intake import signed_copies
from heliostat.os.repo.journal import next_id
from heliostat.os.repo.lock import LockedPackage, locked
from heliostat.os.repo.publish import publish
from heliostat.os.repo.repository import Repository
from heliostat.os.repo.staging import Rules as Staging
from heliostat.os.repo.staging import add
from heliostat.os.turn import turn


@dataclass(frozen=True)
class Curator:
    """Promotes into ``target`` what ``supplies`` have newer than it and ``beside``."""

    target: Repository
    beside: tuple[Repository, ...]
    supplies: tuple[Supply, ...]
    rules: Rules
    signer: Signer
    cache: Path
    now: int
    """Seconds since 1970: the advisories' time."""
    year: int
    rate: Rate = lambda _: Severity.NONE
    waiting: tuple[Held, ...] = ()
    """What has to be built first, and isn't."""
    monitor: Monitor = field(default_factory=SilentMonitor)

    def have(self) -> dict[str, LockedPackage]:
        """The newest published package of every name."""
        return newest(each.published() for each in (*self.beside, self.target))

    def plan(self) -> Report:
        """What would be looked at, without fetching anything."""
        have = self.have()
        wanted, held = self._wanted(have)
        promoted = tuple(
            Promoted(
                source=source,
                packages=tuple(_moved(have.get(each.name), str(each.evr), each) for each in group),
                origin=group[0].origin,
                why=f"{group[0].origin} has {group[0].evr}",
            )
            for source, group in wanted.items()
        )
        return Report(self.target.name, promoted, tuple(held), self.target.number(), planned=True)

    def run(self) -> Report:
        """Promote what passes; everything else is held, with the reasons.

        One run after another: what a second one had looked at would be out of date.
        """
        name = self.target.name
        with turn(self.target.layout.curating, f"curating {name}", self.monitor):
            return self._run()

    def _run(self) -> Report:
        have = self.have()
        wanted, held = self._wanted(have)
        paths, refused = self._brought(wanted)
        held += refused
        scene, failed = self._through_gates(paths)
        held += failed
        if not scene.candidates:
            return Report(self.target.name, (), tuple(held), self.target.number())
        offers = {each.name: each for group in wanted.values() for each in group}
        promoted, number = self._promote(scene, offers)
        return Report(self.target.name, promoted, tuple(held), number)

    def _wanted(
        self, have: Mapping[str, LockedPackage]
    ) -> tuple[dict[str, list[Offer]], list[Held]]:
        """Offers by source, and those that the rules hold."""
        groups = by_source(best(each for supply in self.supplies for each in supply.offers(have)))
        held = [
            *self.waiting,
            *(
                Held(source, tuple(each.name for each in group), (why,))
                for source, group in groups.items()
                if (why := self.rules.held(source))
            ),
        ]
        kept = {source: group for source, group in groups.items() if not self.rules.held(source)}
        return kept, held

    def _brought(self, wanted: Mapping[str, list[Offer]]) -> tuple[dict[str, Path], list[Held]]:
        """Signed files by name; sources of which anything was refused stay out as a whole."""
        paths: dict[str, Path] = {}
        refused: dict[str, str] = {}
        have = self.have()
        for supply in self.supplies:
            mine = {(each.name, each.evr) for each in supply.offers(have)}
            offers = [
                each for group in wanted.values() for each in group if (each.name, each.evr) in mine
            ]
            if offers:
                found = supply.bring(offers)
                paths |= found.paths
                refused |= found.refused
        held = []
        for source, group in wanted.items():
            reasons = tuple(refused[each.name] for each in group if each.name in refused)
            missing = any(each.name not in paths for each in group)
            if reasons or missing:
                names = tuple(each.name for each in group)
                held.append(Held(source, names, reasons or ("its supply could not bring it",)))
                paths = {name: path for name, path in paths.items() if name not in names}
        signed = signed_copies(list(paths.values()), self.signer, self.cache)
        return dict(zip(paths, signed, strict=True)), held

    def _through_gates(self, paths: dict[str, Path]) -> tuple[Scene, list[Held]]:
        """The scene of what passes: sources with a fault leave until none has one."""
        held: list[Held] = []
        repositories = (*self.beside, self.target)
        root = str(self.target.root.resolve())
        folder = self.cache / "curating" / hashlib.sha256(root.encode()).hexdigest()[:16]
        while True:
            scene = scene_of(paths, repositories, Trust(self.signer.keyring), folder)
            if not paths:
                return scene, held
            with self.monitor.step(f"Testing {counted(len(paths), 'package')}"):
                faults = self._faults(scene)
            if not faults:
                return scene, held
            groups = _sources(scene)
            for source in sorted({groups[name] for name in faults}):
                names = tuple(sorted(name for name in paths if groups[name] == source))
                reasons = tuple(each for name in names for each in faults.get(name, ()))
                held.append(Held(source, names, reasons))
            gone = {groups[name] for name in faults}
            paths = {name: path for name, path in paths.items() if groups[name] not in gone}

    def _faults(self, scene: Scene) -> dict[str, list[str]]:
        found: dict[str, list[str]] = {}
        for title, gate in GATES.items():
            self.monitor.progress(title)
            for name, sentences in gate(scene).items():
                found.setdefault(name, []).extend(f"{title}: {each}" for each in sentences)
        return found

    def _promote(
        self, scene: Scene, offers: Mapping[str, Offer]
    ) -> tuple[tuple[Promoted, ...], int]:
        self._refuse_foreign(scene)
        add(
            self.target,
            list(scene.candidates.values()),
            scene.trust,
            self.cache,
            rules=Staging(link=True),
            monitor=self.monitor,
        )
        staged = {each.digest: each for each in self.target.staged().packages}
        with self.target.claimed(self.monitor):
            issued = self._issued(scene, offers, staged)
        reason = f"curated: {counted(len(issued), 'source')}"
        done = publish(self.target, self.signer, self.cache, monitor=self.monitor, reason=reason)
        return tuple(_told(scene, each, source, offers) for source, each in issued), done.number

    def _issued(
        self, scene: Scene, offers: Mapping[str, Offer], staged: Mapping[str, LockedPackage]
    ) -> list[tuple[str, Advisory]]:
        """An advisory for every source; one that an interrupted run wrote is taken again."""
        journal = self.target.journal
        known = journal.entries()
        issued: list[tuple[str, Advisory]] = []
        fresh: list[Advisory] = []
        for source, names in _named(scene).items():
            updates = [_update(scene, name, staged) for name in names]
            digests = {each.after.digest for each in updates}
            there = [one for one in known if {each.digest for each in one.packages} == digests]
            if not there:
                one = advise(
                    next_id([*known, *fresh], self.year),
                    source,
                    updates,
                    self.rules,
                    security=any(offers[name].security for name in names if name in offers),
                    now=self.now,
                    rate=self.rate,
                )
                fresh.append(one)
                there = [one]
            issued.append((source, there[-1]))
        if fresh:
            journal.append(fresh)
        return issued

    def _refuse_foreign(self, scene: Scene) -> None:
        """What somebody else staged must not slip through with ours, past the gates."""
        plan = self.target.plan()
        ours = {each.digest for each in scene.records.values()}
        staged = [*plan.added, *(each.after for each in plan.changed)]
        foreign = [*plan.removed, *(each for each in staged if each.digest not in ours)]
        if foreign:
            raise HeliostatError(
                "PromotionRefused",
                f"Repository {self.target.name} has other changes staged, such as "
                f"{foreign[0].nevra}.",
                hint=f"Publish or forget them: `helio os repo publish {self.target.name}`, "
                f"`helio os repo discard {self.target.name}`.",
            )


def _sources(scene: Scene) -> dict[str, str]:
    """The source of each candidate."""
    return {name: source_name(each.source_rpm, name) for name, each in scene.records.items()}


def _named(scene: Scene) -> dict[str, list[str]]:
    """Candidates by source."""
    found: dict[str, list[str]] = {}
    for name, source in sorted(_sources(scene).items()):
        found.setdefault(source, []).append(name)
    return dict(sorted(found.items()))


def _update(scene: Scene, name: str, staged: Mapping[str, LockedPackage]) -> Update:
    record = scene.records[name]
    after = staged.get(record.digest) or locked(record)
    return Update(scene.have.get(name), after, record.changelog, record.source_rpm)


def _told(scene: Scene, one: Advisory, source: str, offers: Mapping[str, Offer]) -> Promoted:
    moved = [_moved(scene.have.get(each.name), each.evr, each) for each in one.packages]
    origin = next((offers[each.name].origin for each in one.packages if each.name in offers), "")
    needed = "" if origin else "; it is newly needed"
    return Promoted(source, tuple(moved), origin, f"{one.title}{needed}", one.id, one.cves)


def _moved(before: LockedPackage | None, after: str, named: Offer | LockedPackage) -> str:
    return f"{named.name} {before.evr if before is not None else '(new)'} -> {after}"
