"""A disk in memory is used as a real one: the same program, the same outcome."""

from __future__ import annotations

import errno
from pathlib import Path

import pytest

from heliostat.core.files import atomic_write, claimed, remove_tree, sync_directory, sync_file
from heliostat.sim.disk import MemoryDisk


@pytest.fixture(params=["real", "memory"])
def root(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    if request.param == "real":
        return tmp_path
    folder = MemoryDisk(1 << 30).view().root / "home"
    folder.mkdir(parents=True)
    return folder


def test_files_and_folders(root: Path) -> None:
    atomic_write(root / "deep" / "er" / "a.json", b"one")
    atomic_write(root / "deep" / "er" / "a.json", b"two")
    assert (root / "deep" / "er" / "a.json").read_bytes() == b"two"
    assert (root / "deep").is_dir()
    assert not (root / "deep").is_file()
    with (root / "part").open("ab") as stream:
        stream.write(b"12")
    with (root / "part").open("ab") as stream:
        assert stream.tell() == 2
        stream.write(b"34")
        sync_file(root / "part", stream)
    assert (root / "part").stat().st_size == 4
    (root / "part").replace(root / "whole")
    assert sorted(path.name for path in root.iterdir()) == ["deep", "whole"]
    assert [path.name for path in root.glob("w*")] == ["whole"]
    with (root / "whole").open("rb") as stream:
        stream.seek(1)
        assert stream.read(2) == b"23"
    remove_tree(root / "deep")
    assert not (root / "deep").exists()
    (root / "whole").unlink()
    (root / "whole").unlink(missing_ok=True)
    sync_directory(root)
    assert list(root.iterdir()) == []


def test_what_is_not_there(root: Path) -> None:
    for wrong in (
        lambda: (root / "no").read_bytes(),
        lambda: (root / "no").unlink(),
        lambda: (root / "no").stat(),
        lambda: (root / "no").open("rb"),
        lambda: (root / "no" / "a").write_bytes(b""),
        lambda: (root / "no" / "deeper").mkdir(),
        lambda: list((root / "no").iterdir()),
        lambda: remove_tree(root / "no"),
    ):
        with pytest.raises(FileNotFoundError):
            wrong()
    (root / "there").mkdir()
    (root / "there").mkdir(exist_ok=True)
    with pytest.raises(FileExistsError):
        (root / "there").mkdir()


def test_one_holds_a_lock(root: Path) -> None:
    with claimed(root / "lock") as first, claimed(root / "lock") as second:
        assert (first, second) == (True, False)
    with claimed(root / "lock") as again:
        assert again


def test_a_full_disk_takes_nothing_more_but_renames() -> None:
    disk = MemoryDisk(1 << 30)
    root = disk.view().root
    atomic_write(root / "a", b"12345")
    disk.full = True
    with pytest.raises(OSError, match="No space") as caught:
        atomic_write(root / "b", b"1")
    assert caught.value.errno == errno.ENOSPC
    atomic_write(root / "a", b"1234")
    (root / "a").replace(root / "c")
    assert (root / "c").read_bytes() == b"1234"


def test_a_killed_process_changes_nothing_and_holds_nothing() -> None:
    disk = MemoryDisk(1 << 30)
    killed, next_ = disk.view(), disk.view()
    atomic_write(killed.root / "a", b"before")
    with claimed(killed.root / "lock") as alone:
        assert alone
        killed.revoke()
        with pytest.raises(OSError, match="killed"):
            atomic_write(killed.root / "a", b"after")
        with claimed(next_.root / "lock") as now:
            assert now
    assert (next_.root / "a").read_bytes() == b"before"
