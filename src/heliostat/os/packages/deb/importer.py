"""Names in, RPMs out: closure, download, conversion on all cores.

Each stage only does what wasn't done before, so an interrupted import goes on where it
was, and a second one is quick.  Refusals are collected: one run tells all of them.
"""

from __future__ import annotations

import multiprocessing
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from heliostat.core.errors import HeliostatError
from heliostat.os.monitor import Monitor, SilentMonitor
from heliostat.os.packages.deb.archive import SCRIPTS, read_control
from heliostat.os.packages.deb.policy import Policy
from heliostat.os.packages.deb.primary import parts_of
from heliostat.os.packages.deb.scripts import Residue, read_scripts
from heliostat.os.packages.deb.store import Imported, Store
from heliostat.os.packages.deb.universe import Universe
from heliostat.os.packages.deb.versions import check_published, evr_of
from heliostat.os.packages.rpm.version import Evr
from heliostat.os.solve import Source, solve
from heliostat.os.sources.download import fetch
from heliostat.os.sources.entry import Entry
from heliostat.os.sources.suite import Suite

_ALONE_BELOW_BYTES = 4 << 20
"""Less than this to convert isn't worth starting processes for."""


@dataclass(frozen=True, slots=True)
class Planned:
    """One package that an import takes."""

    entry: Entry
    why: str
    """The sentence that says who wants it."""


@dataclass(frozen=True)
class Importer:
    """Imports from one suite under one policy; ``cache`` is the system's folder of caches."""

    suite: Suite
    policy: Policy
    cache: Path
    monitor: Monitor = field(default_factory=SilentMonitor)
    workers: int = field(default_factory=lambda: os.cpu_count() or 1)
    published: Mapping[str, Evr] = field(default_factory=dict)
    """What clients may have already, by name: no import may look older to them."""

    @cached_property
    def universe(self) -> Universe:
        """All that could be imported, for the solver."""
        return Universe(self.suite, self.policy, self.cache)

    def plan(
        self,
        names: Iterable[str],
        *,
        beside: Iterable[Source] = (),
        excluded: Iterable[str] = (),
        preferred: Iterable[str] = (),
    ) -> tuple[Planned, ...]:
        """The closure of ``names``, without what the packages of ``beside`` meet already.

        Raises ``Unsolvable`` with the chain.
        """
        solution = solve([*beside, self.universe], names, excluded=excluded, preferred=preferred)
        return tuple(
            Planned(self.find(chosen.name), chosen.why)
            for chosen in solution.packages
            if chosen.source == self.universe.name and chosen.name not in self.policy.replaced
        )

    def plan_alone(self, names: Iterable[str]) -> tuple[Planned, ...]:
        """Just these, whatever they need; ``PackageNotFound`` for an unknown one."""
        return tuple(Planned(self.find(name), "named") for name in names)

    def find(self, name: str) -> Entry:
        """The newest of that name, which may be a part; ``PackageNotFound`` with the nearest."""
        whole = self.suite.find(self.policy.whole_of(name))
        parts = {part.name: part for part in parts_of(whole, self.policy)}
        return parts.get(name, whole)

    def residues(self, planned: Iterable[Planned]) -> Iterator[tuple[Planned, Residue]]:
        """What was written by hand in the scripts of packages; they are downloaded for that."""
        listed = [each for each in planned if self.policy.part(each.entry.name) is None]
        entries = [each.entry for each in listed]
        debs = fetch(self.suite.archive, entries, self.cache, monitor=self.monitor)
        for each in listed:
            texts = read_control(debs[each.entry.sha256])
            scripts = {name: texts[name] for name in SCRIPTS if name in texts}
            for residue in read_scripts(scripts, each.entry.name).residues:
                yield each, residue

    def take(self, entries: Iterable[Entry]) -> list[Imported]:
        """Each entry as an unsigned RPM in the store, downloaded and converted if need be.

        Raises one ``ImportRefused`` that tells all refusals.
        """
        wanted = list({(entry.name, entry.sha256): entry for entry in entries}.values())
        self._check_order(wanted)
        store = Store(self.cache)
        found = {(entry.name, entry.sha256): store.find(entry, self.policy) for entry in wanted}
        missing = [entry for entry in wanted if found[entry.name, entry.sha256] is None]
        if missing:
            debs = fetch(self.suite.archive, missing, self.cache, monitor=self.monitor)
            with self.monitor.step("Converting packages"):
                for made in self._converted(missing, debs):
                    found[made.name, made.deb_sha256] = made
        return [done for entry in wanted if (done := found[entry.name, entry.sha256]) is not None]

    def take_names(self, names: Iterable[str], *, beside: Iterable[Source] = ()) -> list[Imported]:
        """``take`` of the closure of ``names``."""
        return self.take(planned.entry for planned in self.plan(names, beside=beside))

    def _check_order(self, entries: Iterable[Entry]) -> None:
        refused: list[HeliostatError] = []
        for entry in entries:
            published = self.published.get(entry.name)
            raised = self.policy.of(entry.name).raise_epoch
            if published is not None and published != evr_of(entry.version, raised):
                try:
                    check_published(entry.name, published, entry.version, raised)
                except HeliostatError as error:
                    refused.append(error)
        if refused:
            raise _refusal(refused)

    def _converted(self, entries: Sequence[Entry], debs: dict[str, Path]) -> Iterator[Imported]:
        """Large ones first, so that all cores end together."""
        ordered = sorted(entries, key=lambda entry: -entry.size_bytes)
        refused: list[HeliostatError] = []
        done = 0
        for result in self._results(ordered, debs):
            done += 1
            if isinstance(result, HeliostatError):
                if result.code != "ImportRefused":
                    raise result
                refused.append(result)
                continue
            self.monitor.progress(f"{done} of {len(ordered)}: {result.name} {result.version}")
            yield result
        if refused:
            raise _refusal(refused)

    def _results(
        self, ordered: Sequence[Entry], debs: dict[str, Path]
    ) -> Iterator[Imported | HeliostatError]:
        total = sum(entry.size_bytes for entry in ordered)
        if self.workers < 2 or len(ordered) < 2 or total < _ALONE_BELOW_BYTES:
            for entry in ordered:
                yield _convert_one(self.cache, entry, debs[entry.sha256], self.policy)
            return
        spawned = multiprocessing.get_context("spawn")
        with ProcessPoolExecutor(
            self.workers, spawned, initializer=_start_worker, initargs=(self.cache, self.policy)
        ) as pool:
            jobs: list[Future[Imported | Fault]] = [
                pool.submit(_convert_in_worker, entry, debs[entry.sha256]) for entry in ordered
            ]
            try:
                for job in as_completed(jobs):
                    result = job.result()
                    yield result.error() if isinstance(result, Fault) else result
            except BrokenProcessPool as error:
                raise HeliostatError(
                    "CommandFailed",
                    "A process that was converting packages was ended from outside, as a system "
                    "without free memory does.",
                    hint="Free memory and run the same again: what was converted is kept.",
                ) from error
            finally:  # after a fault, or an interruption, nobody waits for the rest
                pool.shutdown(cancel_futures=True)


@dataclass(frozen=True, slots=True)
class Fault:
    """A refusal on its way between processes: errors of ours take more than text to make."""

    code: str
    message: str
    hint: str
    data: dict[str, object]

    def error(self) -> HeliostatError:
        return HeliostatError(self.code, self.message, hint=self.hint, data=dict(self.data))


_worker: dict[str, tuple[Path, Policy]] = {}


def _start_worker(cache: Path, policy: Policy) -> None:
    os.nice(1)  # whoever waits for the result, and the terminal, come first
    _worker["state"] = (cache, policy)


def _convert_in_worker(entry: Entry, deb: Path) -> Imported | Fault:
    cache, policy = _worker["state"]
    result = _convert_one(cache, entry, deb, policy)
    if isinstance(result, HeliostatError):
        return Fault(result.code, result.message, result.hint, result.data)
    return result


def _convert_one(cache: Path, entry: Entry, deb: Path, policy: Policy) -> Imported | HeliostatError:
    try:
        return Store(cache).convert(entry, deb, policy)
    except HeliostatError as error:
        return error


def _refusal(refused: Sequence[HeliostatError]) -> HeliostatError:
    """All of them as one; the first as it is if it is the only one."""
    if len(refused) == 1:
        return refused[0]
    told = sorted(refused, key=lambda error: error.message)
    entries = [str(error.data["entry"]) for error in told if "entry" in error.data]
    return HeliostatError(
        "ImportRefused",
        f"{len(told)} packages are refused; the first: {told[0].message}",
        hint="`data.refused` has all of them, `data.entry` what to write once they were read.",
        data={
            "refused": [error.message for error in told],
            "lines": {str(error.data.get("name")): error.data.get("lines") for error in told},
            "entry": "packages:\n" + "\n".join(text.partition("\n")[2] for text in entries),
        },
    )
