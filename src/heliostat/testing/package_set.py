"""A repository for tests of package managers: packages in a line each, published as RPM-MD.

Packages are real: made by our writer, signed, indexed as our repositories are (or by
createrepo_c), so that every client can judge them.  A set may be published again after
something was added; its ``folder`` is then the repository's next state at the same address.
Keys are made once a process.  What installs from it is :mod:`heliostat.testing.tdnf_system`.
"""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path

import msgspec

from heliostat.core.process import run
from heliostat.os.packages.openpgp.signer import Signer
from heliostat.os.packages.rpm.file import File
from heliostat.os.packages.rpm.package import Change, Package, Script, ScriptKind
from heliostat.os.packages.rpm.relation import Relation
from heliostat.os.packages.rpm.writer import write
from heliostat.os.repo.admission import record_of_file
from heliostat.os.repo.advisory import Advisory, AdvisoryKind, Reference, Severity, updateinfo
from heliostat.os.repo.lock import LockedPackage
from heliostat.os.repo.metadata import documents, fragments_of
from heliostat.os.repo.repomd import Compression, pack, write_repomd
from heliostat.testing.packages import BUILT_AT, signer_of_tests

_LIMIT_S = 60
_SOURCE = """\
Name: {name}
Epoch: {epoch}
Version: {version}
Release: {release}
Summary: Source of {name}
License: Apache-2.0
BuildArch: noarch
{needs}
%description
Source of {name}.
"""


def package(
    name: str,
    evr: str = "1-1",
    arch: str = "noarch",
    *,
    requires: Sequence[str] = (),
    provides: Sequence[str] = (),
    conflicts: Sequence[str] = (),
    obsoletes: Sequence[str] = (),
    recommends: Sequence[str] = (),
    suggests: Sequence[str] = (),
    supplements: Sequence[str] = (),
    enhances: Sequence[str] = (),
    files: Mapping[str, str] | None = None,
    scripts: Mapping[str, str] | None = None,
    changes: Sequence[str] = (),
    summary: str = "",
    source: str = "",
    build_time: int = BUILT_AT,
) -> Package:
    """``evr`` is ``[epoch:]version-release``; ``files`` are texts by path.

    Without ``files`` it has ``/usr/share/<name>/data``, the same in every version.
    ``scripts`` are bodies by kind (``post``, ``preun``, …), run by rpm's own Lua, so that
    an empty root can run them: ``error("…")`` fails.  ``source`` is another source RPM's name.
    """
    epoch, version, release = _parts(evr)
    texts = {f"/usr/share/{name}/data": f"{name}\n"} if files is None else files
    return Package(
        name=name,
        epoch=epoch,
        version=version,
        release=release,
        arch=arch,
        summary=summary or f"What {name} is for",
        description=f"The package {name}.\nIts second line.",
        licence="Apache-2.0",
        url=f"https://{name.lower()}.example.invalid/",
        build_time=build_time,
        source_rpm=source,
        requires=tuple(map(Relation.parse, requires)),
        provides=tuple(map(Relation.parse, provides)),
        conflicts=tuple(map(Relation.parse, conflicts)),
        obsoletes=tuple(map(Relation.parse, obsoletes)),
        recommends=tuple(map(Relation.parse, recommends)),
        suggests=tuple(map(Relation.parse, suggests)),
        supplements=tuple(map(Relation.parse, supplements)),
        enhances=tuple(map(Relation.parse, enhances)),
        files=tuple(
            File.regular(path, text.encode(), mtime=BUILT_AT) for path, text in texts.items()
        ),
        scripts=tuple(
            Script(ScriptKind(kind), body, "<lua>") for kind, body in (scripts or {}).items()
        ),
        changelog=tuple(
            Change(BUILT_AT - number * 86_400, f"Tester <t@example.invalid> - {evr}", text)
            for number, text in enumerate(changes)
        ),
    )


def _parts(evr: str) -> tuple[int | None, str, str]:
    epoch, colon, rest = evr.rpartition(":")
    version, _, release = rest.rpartition("-")
    return (int(epoch) if colon else None), version, release


class PackageSet:
    """One repository below ``folder``; ``signer=None`` leaves its packages unsigned."""

    def __init__(self, folder: Path, name: str = "base", signer: Signer | None = None) -> None:
        self.folder = folder
        self.name = name
        self.signer = signer or signer_of_tests()
        self.key = folder / f"RPM-GPG-KEY-{name}"
        self.paths: dict[str, Path] = {}
        self._advisories: list[Advisory] = []
        folder.mkdir(parents=True, exist_ok=True)
        self.key.write_bytes(self.signer.public_text)

    @property
    def url(self) -> str:
        """Of the repository, as a folder."""
        return self.folder.resolve().as_uri()

    def add(self, *packages: Package, signed: bool = True, signer: Signer | None = None) -> None:
        """Packages as files; ``signer`` is somebody else than the set's own."""
        for each in packages:
            by = (signer or self.signer) if signed else None
            self.paths[_nevra(each)] = write(each, self.folder / "Packages", signer=by).path

    def add_source(self, name: str, evr: str = "1-1", *, requires: Sequence[str] = ()) -> None:
        """A source package, made by rpmbuild, that needs ``requires`` to be built."""
        epoch, version, release = _parts(evr)
        needs = "".join(f"BuildRequires: {each}\n" for each in requires)
        spec = self.folder / f"{name}.spec"
        spec.write_text(
            _SOURCE.format(
                name=name, epoch=epoch or 0, version=version, release=release, needs=needs
            )
        )
        target, work = self.folder / "Sources", self.folder / "build"
        places = ["-D", f"_srcrpmdir {target}", "-D", f"_topdir {work}"]
        run(["rpmbuild", "-bs", "--quiet", *places, str(spec)], timeout_s=_LIMIT_S)
        spec.unlink()
        shutil.rmtree(work, ignore_errors=True)
        self.paths[f"{name}-{evr}.src"] = target / f"{name}-{version}-{release}.src.rpm"

    def remove(self, nevra: str) -> None:
        """Takes a package's file away."""
        self.paths.pop(nevra).unlink()

    def advise(
        self,
        id: str,
        *packages: Package,
        kind: str = "security",
        severity: str = "None",
        title: str = "",
        cves: Sequence[str] = (),
        reboot: bool = False,
        issued: int = BUILT_AT,
    ) -> None:
        """An advisory that ``packages`` fix something, of that ``kind`` and ``severity``."""
        self._advisories.append(
            Advisory(
                id=id,
                kind=AdvisoryKind(kind),
                severity=Severity(severity),
                title=title or f"The advisory {id}",
                description=f"What {id} is about.",
                issued=issued,
                updated=issued,
                references=tuple(
                    Reference("cve", each, f"https://example.invalid/{each}") for each in cves
                ),
                packages=tuple(self._locked(each) for each in packages),
                reboot=reboot,
            )
        )

    def _locked(self, each: Package) -> LockedPackage:
        path = self.paths[_nevra(each)]
        return LockedPackage(
            name=each.name,
            arch=each.arch,
            epoch=str(each.epoch or 0),
            version=each.version,
            release=each.release,
            digest=hashlib.sha256(path.read_bytes()).hexdigest(),
            size=path.stat().st_size,
            location=self._location(path),
        )

    def publish(self, *, by_createrepo: bool = False) -> None:
        """The metadata of what there is now, a new generation each time."""
        if by_createrepo:
            quiet = ["--quiet", "--no-database", "--changelog-limit=100"]
            run(["createrepo_c", *quiet, str(self.folder)], timeout_s=_LIMIT_S)
            return
        paths = sorted(self.folder.glob("*/*.rpm"))
        records = [
            msgspec.structs.replace(record_of_file(path), location=self._location(path))
            for path in paths
        ]
        made = documents(fragments_of(each) for each in records)
        if self._advisories:
            made["updateinfo"] = updateinfo(self._advisories, self.name)
        publish_documents(self.folder, made)

    def _location(self, path: Path) -> str:
        return str(path.relative_to(self.folder))


def publish_documents(folder: Path, made: Mapping[str, bytes]) -> None:
    """``repodata`` in ``folder`` with these documents by kind, in the place of what was there."""
    repodata = folder / "repodata"
    shutil.rmtree(repodata, ignore_errors=True)
    repodata.mkdir(parents=True)
    packed = [pack(kind, text, Compression.GZIP, BUILT_AT) for kind, text in made.items()]
    for each in packed:
        (folder / each.row.location).write_bytes(each.content)
    (repodata / "repomd.xml").write_bytes(write_repomd([each.row for each in packed], BUILT_AT))


def _nevra(each: Package) -> str:
    epoch = "" if each.epoch is None else f"{each.epoch}:"
    return f"{each.name}-{epoch}{each.version}-{each.release}.{each.arch}"


def published(folder: Path, *packages: Package, name: str = "base") -> PackageSet:
    """A signed repository of these packages."""
    made = PackageSet(folder, name)
    made.add(*packages)
    made.publish()
    return made
