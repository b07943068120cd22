"""Everything that a repository promises, looked at: all faults are told, not the first.

What a client would check (index, signature, digests, packages) and what it can't see
(locks, links, the advisory journal, generations that are kept).
"""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from heliostat.core.counting import counted
from heliostat.core.errors import HeliostatError
from heliostat.os.monitor import Monitor, SilentMonitor
from heliostat.os.repo.admission import Trust
from heliostat.os.repo.advisory import parse_updateinfo
from heliostat.os.repo.layout import LINKED
from heliostat.os.repo.lock import Lock, LockedPackage
from heliostat.os.repo.parse import parse_filelists, parse_other, parse_primary
from heliostat.os.repo.repomd import MetadataFile, parse_repomd, unpack
from heliostat.os.repo.repository import Repository

_THREADS = 2


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing that isn't as promised; ``where`` is a path below the repository."""

    where: str
    message: str

    def __str__(self) -> str:
        return f"{self.where}: {self.message}"


def verify(repository: Repository, trust: Trust, *, monitor: Monitor | None = None) -> list[Fault]:
    """Every fault of every kept generation and of what is staged; empty: it is whole."""
    told = monitor or SilentMonitor()
    with repository.claimed(told):
        faults = list(_switch_faults(repository))
        packages: set[LockedPackage] = set()
        for number in repository.numbers():
            told.progress(f"generation {number}")
            lock, found = _generation_faults(repository, number, trust)
            faults += found
            packages |= set(lock.packages if lock is not None else ())
        faults += _journal_faults(repository)
        staged, found = _staged(repository)
        packages |= staged
        faults += found
        told.progress(counted(len(packages), "package"))
        with ThreadPoolExecutor(_THREADS) as pool:
            rows = pool.map(lambda each: _package_fault(repository, each, trust), sorted(packages))
            faults += [fault for fault in rows if fault is not None]
    return faults


def _switch_faults(repository: Repository) -> Iterator[Fault]:
    """Whether clients see one generation through the links."""
    layout = repository.layout
    number = repository.number()
    if number is None:
        return
    if number not in repository.numbers():
        yield Fault("current", f"it leads to generation {number}, which isn't there")
        return
    for name in LINKED:
        link = layout.repodata / name
        if link.resolve() != (layout.generation(number) / "repodata" / name).resolve():
            yield Fault(f"repodata/{name}", f"it doesn't lead to generation {number}")


def _generation_faults(
    repository: Repository, number: int, trust: Trust
) -> tuple[Lock | None, list[Fault]]:
    folder = repository.layout.generation(number)
    where = f"generations/{number}"
    try:
        lock = repository.lock(number)
        index = (folder / "repodata" / "repomd.xml").read_bytes()
        signature = (folder / "repodata" / "repomd.xml.asc").read_bytes()
        rows = parse_repomd(index, f"{where}/repodata/repomd.xml")
    except HeliostatError as error:
        return None, [Fault(where, error.message)]
    except OSError as error:
        return None, [Fault(where, f"{error.filename} can't be read: {error.strerror}")]
    assert lock is not None
    faults = []
    if why := trust.signature_fault(index, signature):
        faults.append(Fault(f"{where}/repodata/repomd.xml.asc", why))
    documents, found = _documents(repository, folder, where, rows)
    faults += found
    faults += _content_faults(where, lock, documents)
    return lock, faults


def _documents(
    repository: Repository, folder: Path, where: str, rows: dict[str, MetadataFile]
) -> tuple[dict[str, bytes], list[Fault]]:
    """Opened metadata by kind; looked at where the generation and where clients have it."""
    documents: dict[str, bytes] = {}
    faults = []
    for kind, row in rows.items():
        for path, name in (
            (folder / row.location, f"{where}/{row.location}"),
            (repository.root / row.location, row.location),
        ):
            try:
                documents[kind] = unpack(row, path.read_bytes(), name)
            except HeliostatError as error:
                faults.append(Fault(name, error.message))
            except OSError as error:
                faults.append(Fault(name, f"it can't be read: {error.strerror}"))
    return documents, faults


def _content_faults(where: str, lock: Lock, documents: dict[str, bytes]) -> list[Fault]:
    """Whether metadata and lock name the same packages."""
    locked = {each.digest: each.location for each in lock.packages}
    try:
        primary = {
            each.digest: each.location
            for each in parse_primary(documents.get("primary", b""), "primary")
        }
        others = {
            "filelists": parse_filelists(documents.get("filelists", b""), "filelists").keys(),
            "other": parse_other(documents.get("other", b""), "other").keys(),
        }
        if "updateinfo" in documents:
            parse_updateinfo(documents["updateinfo"], "updateinfo")
    except HeliostatError as error:
        return [Fault(where, error.message)]
    faults = [
        Fault(where, f"{kind} names other packages than the lock")
        for kind, found in others.items()
        if found != locked.keys()
    ]
    if primary != locked:
        faults.append(Fault(where, "primary names other packages or places than the lock"))
    return faults


def _staged(repository: Repository) -> tuple[set[LockedPackage], list[Fault]]:
    """What is staged besides a generation; a fault of a generation is told there."""
    if not repository.layout.next.is_file():
        return set(), []
    try:
        return set(repository.staged().packages), []
    except HeliostatError as error:
        return set(), [Fault("next.json", error.message)]


def _journal_faults(repository: Repository) -> list[Fault]:
    locks = [_lock(repository, each) for each in repository.numbers()]
    published = [each.advisories for each in locks if each is not None]
    try:
        repository.journal.entries(max(published, default=0))
        repository.journal.entries()
    except HeliostatError as error:
        return [Fault("advisories.jsonl", error.message)]
    return []


def _lock(repository: Repository, number: int) -> Lock | None:
    try:
        return repository.lock(number)
    except HeliostatError:  # told where the generation is looked at
        return None


def _package_fault(repository: Repository, each: LockedPackage, trust: Trust) -> Fault | None:
    path = repository.layout.package(each.location)
    found = trust.examine(path)
    if isinstance(found, str):
        return Fault(each.location, found)
    if found.digest != each.digest:
        why = f"its SHA-256 is {found.digest[:16]}…, not {each.digest[:16]}… as published"
        return Fault(each.location, why)
    return None
