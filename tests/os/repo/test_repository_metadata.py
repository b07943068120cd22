"""What is written is what createrepo_c would write, and comes back as it went in."""

from __future__ import annotations

import shutil
from pathlib import Path

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from heliostat.core.errors import HeliostatError
from heliostat.core.process import run
from heliostat.os.packages.openpgp.signer import Signer
from heliostat.os.packages.rpm.reader import Header, read
from heliostat.os.repo.admission import Trust, record_of
from heliostat.os.repo.metadata import documents, fragments_of
from heliostat.os.repo.parse import complete, parse_filelists, parse_other, parse_primary
from heliostat.os.repo.publish import publish
from heliostat.os.repo.record import (
    Change,
    Dependency,
    FileKind,
    ListedFile,
    PackageRecord,
    Sense,
)
from heliostat.os.repo.repository import Repository
from heliostat.os.repo.staging import add
from heliostat.testing.packages import published_records, small_package, written

_TEXT = st.text(st.characters(codec="utf-8", categories=("L", "N", "P", "S", "Z")), max_size=20)
_WORD = st.from_regex(r"[a-z][a-z0-9+.~^_-]{0,12}", fullmatch=True)
_DEPENDENCY = st.one_of(
    st.builds(Dependency, name=_WORD, early=st.booleans()),
    st.builds(
        Dependency,
        name=_WORD,
        sense=st.sampled_from([each for each in Sense if each is not Sense.ANY]),
        epoch=st.sampled_from(["0", "7"]),
        version=_WORD,
        release=st.one_of(st.just(""), _WORD),
    ),
)
_RECORD = st.builds(
    PackageRecord,
    name=_WORD,
    version=_WORD,
    release=_WORD,
    arch=st.sampled_from(["x86_64", "noarch", "src"]),
    digest=st.from_regex(r"[0-9a-f]{64}", fullmatch=True),
    location=_WORD,
    summary=_TEXT,
    description=_TEXT,
    licence=_TEXT,
    build_time=st.integers(0, 2**31),
    package_size=st.integers(0, 2**40),
    requires=st.lists(_DEPENDENCY, max_size=4).map(tuple),
    provides=st.lists(_DEPENDENCY, max_size=4).map(tuple),
    files=st.lists(
        st.builds(ListedFile, _WORD.map(lambda name: f"/etc/{name}"), st.sampled_from(FileKind)),
        max_size=4,
    ).map(tuple),
    changelog=st.lists(
        st.builds(Change, author=_TEXT, date=st.integers(0, 2**31), text=_TEXT), max_size=3
    ).map(tuple),
)


@settings(max_examples=40)
@given(st.lists(_RECORD, max_size=3, unique_by=lambda each: each.digest))
def test_records_come_back_as_they_went(records: list[PackageRecord]) -> None:
    made = documents(map(fragments_of, records))
    assert _parsed(made) == records


def test_createrepo_tells_the_same_of_the_same_packages(
    repository: Repository, trust: Trust, signer: Signer, cache_dir: Path, tmp_path: Path
) -> None:
    packages = [
        small_package("alpha", requires=("beta >= 1.0", "/usr/bin/beta", "(gamma or delta)")),
        small_package("beta", epoch=2, provides=("virtual = 3:1-2",), conflicts=("old < 2",)),
        small_package(
            "gamma",
            "2.0~rc1",
            "3.hs1",
            obsoletes=("gamma-old",),
            recommends=("alpha",),
            requires=("/etc/gamma.conf", "gamma = 2.0~rc1-3.hs1", "/bin/sh"),
            changes=("Fixes <CVE-2026-1> & more.", "Second.", "Third."),
        ),
    ]
    add(repository, [written(each, tmp_path / "in") for each in packages], trust, cache_dir)
    publish(repository, signer, cache_dir)
    theirs = tmp_path / "theirs"
    shutil.copytree(repository.layout.packages, theirs / "Packages")
    run(["createrepo_c", "-q", str(theirs)], timeout_s=60)
    mine, other = _comparable(repository.root), _comparable(theirs)
    assert [each.name for each in mine] == ["alpha", "beta", "gamma"]
    assert mine == sorted(other, key=lambda each: each.name)


class _Outside(Header):
    """A signed package could be called anything."""

    @property
    def name(self) -> str:
        return "../../../outside"


def test_a_name_never_leads_out_of_the_repository(tmp_path: Path) -> None:
    header = read(written(small_package("alpha"), tmp_path))
    with pytest.raises(HeliostatError, match="can't be the name of a package's file"):
        record_of(_Outside(header.front), "00", 1)


def _parsed(made: dict[str, bytes]) -> list[PackageRecord]:
    return complete(
        parse_primary(made["primary"], "primary"),
        parse_filelists(made["filelists"], "filelists"),
        parse_other(made["other"], "other"),
    )


def _comparable(root: Path) -> list[PackageRecord]:
    """Relations and files are sets: nothing reads a meaning into their order."""
    names = ("provides", "requires", "conflicts", "obsoletes", "recommends", "files")
    return [
        msgspec.structs.replace(
            each, **{name: tuple(sorted(getattr(each, name))) for name in names}
        )
        for each in published_records(root)
    ]
