"""``verify`` tells every fault, each with its place; nothing else."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from heliostat.os.packages.openpgp.signer import Signer
from heliostat.os.repo.admission import Trust
from heliostat.os.repo.advisory import Advisory, AdvisoryKind
from heliostat.os.repo.publish import publish
from heliostat.os.repo.repository import Repository
from heliostat.os.repo.staging import add
from heliostat.os.repo.verify import verify
from heliostat.testing.packages import signer_of_tests, small_package, written


@pytest.fixture
def whole(
    repository: Repository, trust: Trust, signer: Signer, cache_dir: Path, tmp_path: Path
) -> Repository:
    packages = [small_package("alpha"), small_package("beta")]
    add(repository, [written(each, tmp_path) for each in packages], trust, cache_dir)
    advisory = Advisory(
        id="HSA-2026-0001",
        kind=AdvisoryKind.BUGFIX,
        title="One & <two>",
        description="x",
        issued=0,
        updated=0,
    )
    repository.journal.append([advisory])
    publish(repository, signer, cache_dir)
    return repository


def _package(repository: Repository) -> Path:
    return repository.root / "Packages/a/alpha-1.0-1.x86_64.rpm"


def _primary(repository: Repository) -> Path:
    return next(repository.layout.repodata.glob("*-primary.xml.gz"))


def _cut_package(repository: Repository) -> None:
    path = _package(repository)
    path.write_bytes(path.read_bytes()[:-10])


def _change_package(repository: Repository) -> None:
    data = bytearray(_package(repository).read_bytes())
    data[-20] ^= 1
    _package(repository).write_bytes(data)


def _change_metadata(repository: Repository) -> None:
    path = _primary(repository)
    path.write_bytes(path.read_bytes()[:-1] + b"!")


def _change_index(repository: Repository) -> None:
    path = repository.layout.generation(1) / "repodata" / "repomd.xml"
    path.write_bytes(path.read_bytes().replace(b"<revision>", b"<revision>9"))


def _lead_astray(repository: Repository) -> None:
    link = repository.layout.repodata / "repomd.xml"
    link.unlink()
    link.write_bytes(b"<repomd/>")


def _rewrite_history(repository: Repository) -> None:
    path = repository.layout.journal
    path.write_bytes(path.read_bytes().replace(b"One", b"Two") * 2)


def _lose_the_lock(repository: Repository) -> None:
    repository.layout.lock(1).write_text("{")


def _other_package(repository: Repository) -> None:
    """Good by itself, signed by our key, and not what was published."""
    other = written(small_package("alpha", content=b"other"), repository.root / "in")
    _package(repository).write_bytes(other.read_bytes())


def _garble_what_is_staged(repository: Repository) -> None:
    repository.layout.next.write_text("[]")


def _no_generation(repository: Repository) -> None:
    repository.layout.current.unlink()
    repository.layout.current.symlink_to("generations/9")


@pytest.mark.parametrize(
    ("fault", "where", "sentence"),
    [
        (lambda r: _package(r).unlink(), "Packages/a/alpha-1.0-1.x86_64.rpm", "can't be read"),
        (_cut_package, "Packages/a/alpha-1.0-1.x86_64.rpm", "cut short"),
        (_change_package, "Packages/a/alpha-1.0-1.x86_64.rpm", "isn't the one that was written"),
        (_other_package, "Packages/a/alpha-1.0-1.x86_64.rpm", "as published"),
        (_change_metadata, "-primary.xml.gz", "sha256"),
        (_change_index, "generations/1/repodata/repomd.xml.asc", "changed afterwards"),
        (_lead_astray, "repodata/repomd.xml", "doesn't lead to generation 1"),
        (_rewrite_history, "advisories.jsonl", "doesn't follow"),
        (_lose_the_lock, "generations/1", "not a lock"),
        (_garble_what_is_staged, "next.json", "not a lock"),
        (_no_generation, "current", "isn't there"),
    ],
)
def test_every_fault_is_told_with_its_place(
    fault: Callable[[Repository], None], where: str, sentence: str, whole: Repository, trust: Trust
) -> None:
    assert verify(whole, trust) == []
    fault(whole)
    faults = verify(whole, trust)
    assert any(where in each.where and sentence in each.message for each in faults), faults


def test_several_faults_are_told_at_once(whole: Repository, trust: Trust) -> None:
    _cut_package(whole)
    _change_index(whole)
    (whole.root / "Packages/b/beta-1.0-1.x86_64.rpm").unlink()
    assert len(verify(whole, trust)) == 3


def test_another_key_is_not_ours(whole: Repository) -> None:
    faults = verify(whole, Trust(signer_of_tests("theirs").keyring))
    assert len(faults) == 3  # the index and two packages
    assert all("isn't trusted" in each.message for each in faults)
