"""Small packages for tests of repositories: signed, many at once, with everything in them."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from heliostat.os.packages.openpgp.signer import Signer
from heliostat.os.packages.rpm.file import File, FileFlag
from heliostat.os.packages.rpm.package import Change, Package
from heliostat.os.packages.rpm.relation import Relation
from heliostat.os.packages.rpm.writer import write
from heliostat.os.repo.parse import complete, parse_filelists, parse_other, parse_primary
from heliostat.os.repo.record import PackageRecord
from heliostat.os.repo.repomd import parse_repomd, unpack

BUILT_AT = 1_750_000_000


@cache
def signer_of_tests(name: str = "ours") -> Signer:
    """A key made once a process; another name, another key."""
    return Signer.generate(f"{name} <{name}@example.invalid>", BUILT_AT - 1000, bits=2048)


def small_package(
    name: str,
    version: str = "1.0",
    release: str = "1",
    *,
    requires: tuple[str, ...] = (),
    provides: tuple[str, ...] = (),
    conflicts: tuple[str, ...] = (),
    obsoletes: tuple[str, ...] = (),
    recommends: tuple[str, ...] = (),
    content: bytes | None = None,
    epoch: int | None = None,
    build_time: int = BUILT_AT,
    changes: tuple[str, ...] = ("First version.",),
) -> Package:
    """A package with a program, a configuration file, a folder and a changelog."""
    program = content if content is not None else f"{name} {version}\n".encode()
    return Package(
        name=name,
        epoch=epoch,
        version=version,
        release=release,
        arch="x86_64",
        summary=f"The {name} & its <friends>",
        description=f"A package for tests.\nIts name is {name}.",
        licence="Apache-2.0",
        url="https://example.invalid/",
        build_time=build_time,
        requires=tuple(map(Relation.parse, requires)),
        provides=tuple(map(Relation.parse, provides)),
        conflicts=tuple(map(Relation.parse, conflicts)),
        obsoletes=tuple(map(Relation.parse, obsoletes)),
        recommends=tuple(map(Relation.parse, recommends)),
        files=(
            File.regular(f"/etc/{name}.conf", b"x=1\n", mtime=BUILT_AT, flags=FileFlag.CONFIG),
            File.regular(f"/usr/bin/{name}", program, 0o755, mtime=BUILT_AT),
            File.folder(f"/usr/share/{name}", mtime=BUILT_AT),
            File.regular(f"/usr/share/{name}/data", b"data\n", mtime=BUILT_AT),
        ),
        changelog=tuple(
            Change(BUILT_AT - number * 86_400, f"Tester <t@example.invalid> - {version}", text)
            for number, text in enumerate(changes)
        ),
    )


def written(package: Package, folder: Path, signer: Signer | None = None) -> Path:
    """The package as a file in ``folder``, signed by ``signer`` (default: the tests' key)."""
    folder.mkdir(parents=True, exist_ok=True)
    return write(package, folder, signer=signer or signer_of_tests()).path


def published_records(root: Path) -> list[PackageRecord]:
    """What the repository in ``root`` tells of its packages, whoever wrote it."""
    rows = parse_repomd((root / "repodata" / "repomd.xml").read_bytes(), "repomd.xml")
    made = {
        kind: unpack(rows[kind], (root / rows[kind].location).read_bytes(), kind)
        for kind in ("primary", "filelists", "other")
    }
    return complete(
        parse_primary(made["primary"], "primary"),
        parse_filelists(made["filelists"], "filelists"),
        parse_other(made["other"], "other"),
    )
