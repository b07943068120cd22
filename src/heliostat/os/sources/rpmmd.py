"""Any RPM-MD repository as it is: its index verified by key, all else by digest.

The index is kept with the metadata that it names, so what was read once can be solved
with offline (``source``).  Packages are verified by digest and by their own signature;
they keep it, so whoever takes them trusts that key.
"""

from __future__ import annotations

import difflib
import hashlib
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from heliostat.core.counting import counted
from heliostat.core.errors import HeliostatError
from heliostat.core.files import atomic_write
from heliostat.os.monitor import Monitor, SilentMonitor
from heliostat.os.packages.rpm.frame import told_if_full
from heliostat.os.repo.admission import Trust
from heliostat.os.repo.advisory import Advisory, parse_updateinfo
from heliostat.os.repo.lock import locked
from heliostat.os.repo.parse import complete, parse_filelists, parse_primary
from heliostat.os.repo.record import PackageRecord
from heliostat.os.repo.repomd import MetadataFile, parse_repomd, unpack
from heliostat.os.solve.sources import MetadataFolder
from heliostat.os.sources.remote import Remote
from heliostat.os.turn import turn

_STREAMS = 3
_RUNNABLE = ("x86_64", "noarch")
_KINDS = ("primary", "filelists", "updateinfo")


@dataclass(frozen=True, slots=True)
class RpmMd:
    """A repository at ``url`` whose keys are ``trust``.

    ``signed_index`` false: some sign their packages only; then the index is believed.
    """

    name: str
    url: str
    trust: Trust
    cache: Path
    signed_index: bool = True

    @property
    def folder(self) -> Path:
        """What was fetched of it; laid out like the repository itself."""
        return self.cache / "rpmmd" / hashlib.sha256(self.url.encode()).hexdigest()[:32]

    @property
    def source(self) -> MetadataFolder:
        """For the solver, after ``update``."""
        return MetadataFolder(self.name, self.folder)

    def update(self, *, monitor: Monitor | None = None) -> None:
        """Fetch the index, and what of the metadata changed; the old state stays until then."""
        told = monitor or SilentMonitor()
        with (
            told.step(f"Fetching the index of {self.name}"),
            turn(self.folder / "lock", f"reading the index of {self.url}", told),
            Remote(self.url) as remote,
        ):
            index = self._index(remote)
            rows = parse_repomd(index, f"{self.url}: repomd.xml")
            if "primary" not in rows:
                raise HeliostatError(
                    "RepositoryCorrupt", f"The index of {self.url} names no primary metadata."
                )
            for kind in _KINDS:
                if kind in rows:
                    self._keep(remote, rows[kind])
            atomic_write(self.folder / "repodata" / "repomd.xml", index)
            self._sweep(rows)

    def packages(self) -> list[PackageRecord]:
        """Every package with its files, as ``update`` found them."""
        documents = self._documents()
        files = (
            parse_filelists(documents["filelists"], self.name) if ("filelists" in documents) else {}
        )
        return complete(parse_primary(documents["primary"], self.name), files, {})

    def find(self, name: str, records: dict[str, PackageRecord]) -> PackageRecord:
        """One of ``records``; ``PackageNotFound`` with the nearest name otherwise."""
        if name in records:
            return records[name]
        close = difflib.get_close_matches(name, records, n=1, cutoff=0.7)
        meant = f" Did you mean {close[0]}?" if close else ""
        raise HeliostatError(
            "PackageNotFound",
            f"{self.url} has no package {name}.{meant}",
            hint="`helio os repo mirror NAME URL --plan` lists all that it has.",
        )

    def advisories(self) -> list[Advisory]:
        """What the repository itself says about its updates."""
        document = self._documents().get("updateinfo")
        return parse_updateinfo(document, self.name) if document is not None else []

    def fetch(
        self, records: Sequence[PackageRecord], *, monitor: Monitor | None = None
    ) -> list[Path]:
        """The packages' files, in the order given; only what is missing is downloaded."""
        told = monitor or SilentMonitor()
        paths = [self._path(each) for each in records]
        if all(_is_whole(*each) for each in zip(paths, records, strict=True)):
            return paths
        with turn(self.cache / "rpms" / "lock", "downloading packages", told):
            self._fetch(dict(zip(paths, records, strict=True)), told)
        return paths

    def _fetch(self, wanted: dict[Path, PackageRecord], told: Monitor) -> None:
        missing = [(each, path) for path, each in wanted.items() if not _is_whole(path, each)]
        if missing:
            size = sum(each.package_size for each, _ in missing) / 2**20
            with (
                told.step(f"Downloading {counted(len(missing), 'package')}"),
                Remote(self.url) as remote,
            ):
                told.progress(f"{size:.1f} MiB")
                with ThreadPoolExecutor(_STREAMS) as pool:
                    list(pool.map(lambda each: self._download(remote, *each), missing))

    def _index(self, remote: Remote) -> bytes:
        """repomd.xml, verified; once more if it was published anew in between."""
        for last in (False, True):
            index = remote.get("repodata/repomd.xml")
            if not self.signed_index:
                return index
            signature = remote.get("repodata/repomd.xml.asc")
            fault = self.trust.signature_fault(index, signature, f"{self.url}: repomd.xml")
            if not fault:
                return index
            if last:
                raise HeliostatError("ArchiveUntrusted", f"{fault}.")
        raise AssertionError("the second look returns or raises")

    def _keep(self, remote: Remote, row: MetadataFile) -> None:
        path = self._inside(row.location)
        if path.is_file() and path.stat().st_size == row.size:
            try:
                unpack(row, path.read_bytes(), row.location)
                return
            except HeliostatError:
                path.unlink()  # torn: fetched again
        content = remote.get(row.location, row.size)
        unpack(row, content, f"{self.url}: {row.location}")
        atomic_write(path, content)

    def _inside(self, location: str) -> Path:
        """Where a file that the index names is kept; never outside of the folder."""
        path = (self.folder / location).resolve()
        if not path.is_relative_to(self.folder.resolve()):
            raise HeliostatError(
                "ArchiveUntrusted", f"The index of {self.url} names {location}, which is outside."
            )
        return path

    def _sweep(self, rows: dict[str, MetadataFile]) -> None:
        """Metadata of earlier indexes."""
        named = {row.location.rpartition("/")[2] for row in rows.values()} | {"repomd.xml"}
        for each in (self.folder / "repodata").iterdir():
            if each.name not in named:
                each.unlink(missing_ok=True)

    def _documents(self) -> dict[str, bytes]:
        try:
            index = (self.folder / "repodata" / "repomd.xml").read_bytes()
            rows = parse_repomd(index, self.name)
            return {
                kind: unpack(rows[kind], self._inside(rows[kind].location).read_bytes(), self.name)
                for kind in _KINDS
                if kind in rows
            }
        except OSError as error:
            raise HeliostatError(
                "RepositoryUnusable",
                f"The index of {self.url} was not fetched yet.",
                hint="`helio os repo mirror NAME URL --plan` fetches it.",
            ) from error

    def _path(self, record: PackageRecord) -> Path:
        folder = self.cache / "rpms" / record.digest[:2] / record.digest
        return folder / Path(record.location).name

    def _download(self, remote: Remote, record: PackageRecord, path: Path) -> None:
        begun = path.with_name(f".{path.name}.part")
        with told_if_full(path):
            remote.download(record.location, begun, record.package_size)
        found = self.trust.examine(begun)
        if isinstance(found, str):
            begun.unlink()
            raise HeliostatError(
                "ArchiveUntrusted", f"{self.url}: {found.replace(begun.name, path.name)}."
            )
        if found.digest != record.digest:
            begun.unlink()
            raise HeliostatError(
                "DigestMismatch",
                f"{self.url}: {path.name} has the digest {found.digest[:16]}…, not "
                f"{record.digest[:16]}… as the index says.",
            )
        begun.rename(path)


def _is_whole(path: Path, record: PackageRecord) -> bool:
    """Whether it is there, and reached the disk before a power cut; its digest was seen to."""
    return path.is_file() and path.stat().st_size == record.package_size


def newest_records(records: Iterable[PackageRecord]) -> dict[str, PackageRecord]:
    """The newest package of every name that our systems can run: no sources, no 32 bits."""
    found: dict[str, PackageRecord] = {}
    for each in records:
        known = found.get(each.name)
        if each.arch in _RUNNABLE and (known is None or locked(known).order < locked(each).order):
            found[each.name] = each
    return dict(sorted(found.items()))
