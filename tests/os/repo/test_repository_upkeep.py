"""Adding, removing, going back, snapshots, restoring, sweeping: what changes and what stays."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from heliostat.core.errors import HeliostatError
from heliostat.os.packages.openpgp.signer import Signer
from heliostat.os.packages.rpm.package import Package
from heliostat.os.packages.rpm.writer import write
from heliostat.os.repo.admission import Trust
from heliostat.os.repo.history import gc, pin, rollback, unpin
from heliostat.os.repo.intake import signed_copies, take_in
from heliostat.os.repo.keys import trust_key, trust_of
from heliostat.os.repo.lock import Difference, read_lock, write_lock
from heliostat.os.repo.publish import Published, publish
from heliostat.os.repo.repository import Repository, named, repositories
from heliostat.os.repo.restore import restore
from heliostat.os.repo.settings import Settings
from heliostat.os.repo.staging import Rules, add, remove
from heliostat.os.repo.verify import verify
from heliostat.testing.packages import (
    published_records,
    signer_of_tests,
    small_package,
    written,
)


class Shelf:
    """A repository and short words for what is done to it."""

    def __init__(self, repository: Repository, signer: Signer, folder: Path) -> None:
        self.repository, self.signer, self.folder = repository, signer, folder
        self.trust, self.cache = Trust(signer.keyring), folder / "cache"

    def add(self, *packages: Package, rules: Rules | None = None) -> Difference:
        paths = [written(each, self.folder / "in", self.signer) for each in packages]
        return add(self.repository, paths, self.trust, self.cache, rules=rules)

    def publish(self, *packages: Package) -> Published:
        if packages:
            self.add(*packages)
        return publish(self.repository, self.signer, self.cache)

    def visible(self) -> list[str]:
        return sorted(each.nevra for each in published_records(self.repository.root))


@pytest.fixture
def shelf(repository: Repository, signer: Signer, tmp_path: Path) -> Shelf:
    return Shelf(repository, signer, tmp_path)


def test_adding_stages_and_publishing_shows(shelf: Shelf) -> None:
    plan = shelf.add(small_package("alpha"))
    assert str(plan) == "1 added"
    assert str(shelf.repository.plan()) == "1 added"
    assert shelf.repository.number() is None
    assert shelf.publish().number == 1
    assert shelf.visible() == ["alpha-1.0-1.x86_64"]
    assert not shelf.publish().changed


def test_a_newer_version_takes_the_place_of_the_older(shelf: Shelf) -> None:
    shelf.publish(small_package("alpha"))
    plan = shelf.add(small_package("alpha", "1.10"))
    assert [(each.before.version, each.after.version) for each in plan.changed] == [("1.0", "1.10")]
    shelf.publish()
    assert shelf.visible() == ["alpha-1.10-1.x86_64"]


@pytest.mark.parametrize(
    ("package", "rules", "why"),
    [
        (small_package("alpha", "0.9"), Rules(downgrade=True), "is older than alpha-1.0-1"),
        (small_package("alpha", content=b"other"), Rules(rebuilt=True), "with other content"),
    ],
)
def test_older_and_other_content_are_refused_unless_meant(
    package: Package, rules: Rules, why: str, shelf: Shelf
) -> None:
    shelf.publish(small_package("alpha"))
    with pytest.raises(HeliostatError, match=why) as caught:
        shelf.add(package)
    assert caught.value.code == "PackageConflict"
    assert not shelf.repository.plan()
    shelf.add(package, rules=rules)
    shelf.publish()
    assert verify(shelf.repository, shelf.trust) == []


def test_other_content_under_a_version_never_overwrites(shelf: Shelf) -> None:
    """A client of the generation from before still finds the bytes that it was promised."""
    shelf.publish(small_package("alpha"))
    old = shelf.repository.published()[0]
    before = shelf.repository.layout.package(old.location).read_bytes()
    shelf.add(small_package("alpha", content=b"other"), rules=Rules(rebuilt=True))
    shelf.publish()
    new = shelf.repository.published()[0]
    assert new.location != old.location
    assert shelf.repository.layout.package(old.location).read_bytes() == before


def test_removing_by_name_and_pattern(shelf: Shelf) -> None:
    shelf.publish(*(small_package(name) for name in ("alpha", "alpine", "beta")))
    assert str(remove(shelf.repository, ["alp*"], plan_only=True)) == "2 removed"
    assert not shelf.repository.plan()
    remove(shelf.repository, ["alp*"])
    shelf.publish()
    assert shelf.visible() == ["beta-1.0-1.x86_64"]
    with pytest.raises(HeliostatError, match="no package gamma"):
        remove(shelf.repository, ["gamma"])


def test_going_back_and_forth(shelf: Shelf) -> None:
    shelf.publish(small_package("alpha"))
    index = (shelf.repository.layout.repodata / "repomd.xml").read_bytes()
    shelf.publish(small_package("beta"))
    shelf.add(small_package("gamma"))
    done = rollback(shelf.repository)
    assert (done.number, str(done.difference)) == (1, "1 removed")
    assert (shelf.repository.layout.repodata / "repomd.xml").read_bytes() == index
    assert not shelf.repository.plan(), "what was staged on top of the other is forgotten"
    rollback(shelf.repository, 2)
    assert len(shelf.visible()) == 2
    with pytest.raises(HeliostatError, match="no generation 7"):
        rollback(shelf.repository, 7)
    rollback(shelf.repository, 1)
    with pytest.raises(HeliostatError, match="before its current"):
        rollback(shelf.repository)
    assert shelf.publish(small_package("delta")).number == 3


def test_sweeping_leaves_what_is_kept(tmp_path: Path, signer: Signer) -> None:
    settings = Settings(name="base", keep=1)
    shelf = Shelf(Repository.create(tmp_path / "base", settings), signer, tmp_path)
    for number in range(5):
        shelf.publish(small_package("alpha", f"{number}.0"))
        if number == 0:
            pin(shelf.repository, "first")
    planned = gc(shelf.repository, plan_only=True)
    assert planned.generations == (2, 3)
    swept = gc(shelf.repository)
    assert swept == planned
    assert shelf.repository.numbers() == [1, 4, 5]
    left = sorted(each.name for each in shelf.repository.layout.packages.rglob("*.rpm"))
    assert left == [f"alpha-{number}.0-1.x86_64.rpm" for number in (0, 3, 4)]
    assert verify(shelf.repository, shelf.trust) == []
    assert not gc(shelf.repository).paths
    unpin(shelf.repository, "first")
    assert gc(shelf.repository).generations == (1,)


def test_what_a_kill_left_is_no_snapshot_and_goes(shelf: Shelf) -> None:
    shelf.publish(small_package("alpha"))
    pin(shelf.repository, "first")
    layout = shelf.repository.layout
    left = [layout.pins / ".first.k2x9", layout.root / ".next.json.a81z", layout.root / ".current"]
    for each in left:
        each.touch()
    theirs = layout.root / ".htaccess"
    theirs.touch()
    assert shelf.repository.pinned() == {"first": 1}
    assert {layout.root / each for each in gc(shelf.repository).paths} == set(left)
    assert theirs.exists()
    assert not gc(shelf.repository).paths
    (layout.pins / "first").write_text("soon")
    with pytest.raises(HeliostatError, match="names no generation") as raised:
        gc(shelf.repository)
    assert raised.value.code == "RepositoryCorrupt"


def test_sweeping_leaves_what_is_staged(shelf: Shelf) -> None:
    shelf.publish(small_package("alpha"))
    shelf.add(small_package("beta"))
    assert not gc(shelf.repository).paths
    shelf.publish()
    assert len(shelf.visible()) == 2


def test_a_lock_makes_the_same_repository_again(shelf: Shelf, tmp_path: Path) -> None:
    shelf.publish(small_package("alpha"), small_package("beta", "2.0"))
    lock = pin(shelf.repository, "release")
    write_lock(tmp_path / "release.lock", lock)
    shelf.publish(small_package("alpha", "3.0"))
    other = Shelf(
        Repository.create(tmp_path / "again", Settings(name="base")), shelf.signer, tmp_path
    )
    other.publish(small_package("alpha", "3.0"), small_package("gamma"))
    plan = restore(
        other.repository,
        read_lock(tmp_path / "release.lock"),
        [shelf.repository.layout.packages],
        other.trust,
        other.cache,
    )
    assert str(plan) == "1 added, 1 removed, 1 changed"
    other.publish()
    first = shelf.repository.layout.generation(1) / "repodata" / "repomd.xml"
    assert (other.repository.layout.repodata / "repomd.xml").read_bytes() == first.read_bytes()


def test_a_lock_whose_packages_are_nowhere_says_which(shelf: Shelf, tmp_path: Path) -> None:
    shelf.publish(small_package("alpha"))
    lock = pin(shelf.repository, "release")
    empty = Repository.create(tmp_path / "empty", Settings(name="empty"))
    (tmp_path / "nothing").mkdir()
    with pytest.raises(HeliostatError, match=r"alpha-1\.0-1") as caught:
        restore(empty, lock, [tmp_path / "nothing"], shelf.trust, shelf.cache)
    assert caught.value.data["missing"] == ["alpha-1.0-1.x86_64"]


def test_packages_by_another_key_need_that_key_trusted(
    shelf: Shelf, cache_dir: Path, tmp_path: Path
) -> None:
    theirs = signer_of_tests("theirs")
    package = written(small_package("alpha"), tmp_path / "theirs", theirs)
    keys = tmp_path / "keys"
    with pytest.raises(HeliostatError, match="isn't trusted"):
        add(shelf.repository, [package], shelf.trust, cache_dir)
    (tmp_path / "their.asc").write_bytes(theirs.public_text)
    assert trust_key(shelf.repository, tmp_path / "their.asc") == [theirs.key_id]
    add(shelf.repository, [package], trust_of(shelf.repository, keys), cache_dir)
    assert str(shelf.repository.plan()) == "1 added"


def test_a_new_key_signs_the_same_metadata_again(shelf: Shelf) -> None:
    shelf.publish(small_package("alpha"))
    new = signer_of_tests("new")
    shelf.add(small_package("beta"))
    done = publish(shelf.repository, new, shelf.cache, only_sign=True)
    assert (done.number, done.changed) == (2, True)
    assert shelf.visible() == ["alpha-1.0-1.x86_64"]
    assert str(shelf.repository.plan()) == "1 added", "what is staged stays staged"
    index = (shelf.repository.layout.repodata / "repomd.xml").read_bytes()
    signature = (shelf.repository.layout.repodata / "repomd.xml.asc").read_bytes()
    assert not Trust(new.keyring).signature_fault(index, signature)


def test_the_same_packages_give_the_same_index_anywhere(
    signer: Signer, cache_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    indexes = []
    for place, zone in (("one", "UTC"), ("two/deeper", "Pacific/Apia")):
        monkeypatch.setenv("TZ", zone)
        repository = Repository.create(tmp_path / place, Settings(name="base"))
        shelf = Shelf(repository, signer, tmp_path / place)
        shelf.publish(small_package("beta"), small_package("alpha"))
        folder = repository.layout.generation(1) / "repodata"
        indexes.append({each.name: each.read_bytes() for each in folder.iterdir()})
    assert indexes[0] == indexes[1]


def test_a_lost_cache_is_made_again(shelf: Shelf) -> None:
    shelf.publish(small_package("alpha"))
    shutil.rmtree(shelf.cache)
    shelf.publish(small_package("beta"))
    assert len(shelf.visible()) == 2


def test_old_signed_copies_are_forgotten_unless_a_repository_shares_them(
    shelf: Shelf, tmp_path: Path
) -> None:
    shared = write(small_package("alpha"), tmp_path / "in").path
    alone = write(small_package("beta"), tmp_path / "in").path
    take_in(shelf.repository, [shared], shelf.signer, shelf.cache)
    copies = signed_copies([shared, alone], shelf.signer, shelf.cache)
    for each in copies:
        os.utime(each, (0, 0))
    signed_copies([], shelf.signer, shelf.cache)
    assert [each.exists() for each in copies] == [True, False]


def test_a_signed_copy_that_a_power_cut_emptied_is_made_again(shelf: Shelf, tmp_path: Path) -> None:
    package = write(small_package("alpha"), tmp_path / "in").path
    (copy,) = signed_copies([package], shelf.signer, shelf.cache)
    whole = copy.read_bytes()
    for left in (b"", whole[:-1]):
        copy.write_bytes(left)
        signed_copies([package], shelf.signer, shelf.cache)
        assert copy.read_bytes() == whole


def test_repositories_are_found_by_name(shelf: Shelf) -> None:
    folder = shelf.repository.root.parent
    assert [each.name for each in repositories(folder)] == ["base"]
    assert named(folder, "base") == shelf.repository
    with pytest.raises(HeliostatError, match="there are base"):
        named(folder, "bse")
    with pytest.raises(HeliostatError, match="There is a repository"):
        Repository.create(shelf.repository.root, Settings(name="base"))


@pytest.mark.parametrize("name", ["", "Base", "../up", "a b", "-x"])
def test_names_that_would_not_do(name: str, tmp_path: Path) -> None:
    with pytest.raises(HeliostatError) as caught:
        Repository.create(tmp_path / "x", Settings(name=name))
    assert caught.value.code == "InvalidName"
