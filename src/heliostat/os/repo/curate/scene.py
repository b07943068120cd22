"""From files that were brought to the scene that the gates look at."""

from __future__ import annotations

import shutil
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from heliostat.os.repo.admission import Trust, record_of_file
from heliostat.os.repo.curate.gates import Scene
from heliostat.os.repo.curate.offer import newest
from heliostat.os.repo.lock import LockedPackage
from heliostat.os.repo.metadata import documents, fragments_of
from heliostat.os.repo.parse import complete, parse_filelists, parse_primary
from heliostat.os.repo.record import PackageRecord
from heliostat.os.repo.repomd import Compression, pack, parse_repomd, unpack, write_repomd
from heliostat.os.repo.repository import Repository
from heliostat.os.solve.sources import MetadataFolder, Source


def published_sources(repositories: Sequence[Repository]) -> tuple[Source, ...]:
    """What clients see of them, for the solver."""
    return tuple(
        MetadataFolder(each.name, each.root) for each in repositories if each.number() is not None
    )


def scene_of(
    candidates: Mapping[str, Path], repositories: Sequence[Repository], trust: Trust, folder: Path
) -> Scene:
    """The scene of these candidates; ``folder`` is made anew for what the solver reads."""
    if folder.exists():
        shutil.rmtree(folder)
    have = newest(each.published() for each in repositories)
    places = {
        each.digest: repository.layout.package(each.location)
        for repository in repositories
        for each in repository.published()
    }
    records = {name: record_of_file(path) for name, path in candidates.items()}
    known = _known(repositories, have)

    def without(name: str) -> Source:
        rest = {**known, **{each: records[each] for each in records if each != name}}
        return _view(f"without {name}", rest.values(), folder)

    return Scene(
        candidates=candidates,
        records=records,
        have=have,
        known=known,
        files=lambda name: places[have[name].digest],
        before=_view("published", known.values(), folder),
        after=_view("candidates", {**known, **records}.values(), folder),
        without=without,
        trust=trust,
    )


def _view(name: str, records: Iterable[PackageRecord], folder: Path) -> MetadataFolder:
    """The metadata of a repository that holds these packages alone."""
    root = folder / name
    if root.exists():
        return MetadataFolder(name, root)
    made = documents(map(fragments_of, records))
    packed = [pack(kind, made[kind], Compression.ZSTD, 0) for kind in ("primary", "filelists")]
    (root / "repodata").mkdir(parents=True)
    for each in packed:
        (root / each.row.location).write_bytes(each.content)
    (root / "repodata" / "repomd.xml").write_bytes(write_repomd((e.row for e in packed), 0))
    return MetadataFolder(name, root)


def _known(
    repositories: Sequence[Repository], have: Mapping[str, LockedPackage]
) -> dict[str, PackageRecord]:
    """Records, files included, of the newest of each name."""
    wanted = {each.digest for each in have.values()}
    return {
        each.name: each
        for repository in repositories
        if repository.number() is not None
        for each in _records(repository)
        if each.digest in wanted
    }


def _records(repository: Repository) -> list[PackageRecord]:
    root, name = repository.root, repository.name
    rows = parse_repomd((root / "repodata" / "repomd.xml").read_bytes(), name)
    documents = {
        kind: unpack(rows[kind], (root / rows[kind].location).read_bytes(), name)
        for kind in ("primary", "filelists")
    }
    files = parse_filelists(documents["filelists"], name)
    return complete(parse_primary(documents["primary"], name), files, {})
