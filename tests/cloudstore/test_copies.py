"""Copies of a store in use: whole, of one revision, never in the place of a better one."""

from __future__ import annotations

import asyncio
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from heliostat.cloudstore.contract import Put, StoreUnavailable
from heliostat.cloudstore.sqlite import SqliteStore
from heliostat.cloudstore.sqlite_copy import restore
from heliostat.core.clock import SystemClock
from heliostat.core.errors import HeliostatError


async def opened(path: Path) -> SqliteStore:
    return await SqliteStore.open(path, SystemClock())


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "store" / "store.db"


async def test_a_copy_holds_what_was_acknowledged_before_it(path: Path, tmp_path: Path) -> None:
    store = await opened(path)
    first = await store.commit([], [Put("/v1/a", b"1")])
    second = await store.commit([], [Put("/v1/a", b"2")])
    made = await store.backup(tmp_path / "copy.db")
    await store.commit([], [Put("/v1/a", b"3")])
    await store.close()
    assert (made.revision, made.size_bytes) == (second, os.stat(made.path).st_size)
    assert os.stat(made.path).st_mode & 0o777 == 0o600
    assert sorted(os.listdir(tmp_path)) == ["copy.db", "store"]

    copy = await opened(made.path)
    assert await copy.revision() == second
    document = await copy.get("/v1/a")
    assert document is not None
    assert document.value == b"2"
    assert [each.revision for each in await copy.history("/v1/a")] == [first, second]
    assert await copy.commit([], [Put("/v1/b", b"")]) == second + 1
    await copy.close()


async def test_copies_of_a_busy_store_never_split_a_commit(path: Path, tmp_path: Path) -> None:
    store = await opened(path)
    running = True

    async def write(writer: int) -> int:
        count = 0
        while running:
            value = f"{writer}-{count}".encode() + bytes(2000)
            await store.commit([], [Put(f"/v1/{writer}/a", value), Put(f"/v1/{writer}/b", value)])
            count += 1
        return count

    writers = [asyncio.ensure_future(write(number)) for number in range(8)]
    made = []
    for number in range(5):
        before = await store.revision()
        made.append(await store.backup(tmp_path / f"{number}.db"))
        assert before <= made[-1].revision <= await store.revision()
    running = False
    assert all(await asyncio.gather(*writers))
    await store.close()
    assert made[-1].revision > made[0].revision  # commits went on

    for each in made:
        copy = await opened(each.path)
        assert await copy.revision() == each.revision
        for writer in range(8):
            a, b = await copy.get(f"/v1/{writer}/a"), await copy.get(f"/v1/{writer}/b")
            assert (a and a.value) == (b and b.value)
        await copy.close()


async def test_a_store_that_is_closed_meanwhile_ends_its_copy_first(
    path: Path, tmp_path: Path
) -> None:
    store = await opened(path)
    for number in range(20):
        await store.commit([], [Put(f"/v1/{number}", bytes(500_000))])
    copying = asyncio.ensure_future(store.backup(tmp_path / "copy.db"))
    await asyncio.sleep(0)
    await store.close()
    assert (await copying).revision == 20
    with pytest.raises(StoreUnavailable):
        await store.backup(tmp_path / "late.db")
    assert not (tmp_path / "late.db").exists()


async def test_a_damaged_store_does_not_replace_a_good_copy(path: Path, tmp_path: Path) -> None:
    store = await opened(path)
    for _ in range(20):
        await store.commit([], [Put(f"/v1/{n}", os.urandom(2000)) for n in range(20)])
    await store.close()
    store = await opened(path)
    good = await store.backup(tmp_path / "copy.db")
    before = good.path.read_bytes()
    with path.open("r+b") as file:
        file.seek(8192)
        file.write(os.urandom(40_000))
    with pytest.raises(HeliostatError) as caught:
        await store.backup(good.path)
    assert caught.value.code == "StoreCorrupt"
    assert str(path) in caught.value.message
    assert good.path.read_bytes() == before
    assert sorted(os.listdir(tmp_path)) == ["copy.db", "store"]
    await store.close()


@pytest.mark.parametrize("name", ["missing/copy.db", "folder", "store/store.db", "link.db"])
async def test_places_where_no_copy_can_be_are_refused(
    path: Path, tmp_path: Path, name: str
) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "link.db").symlink_to(path)
    store = await opened(path)
    await store.commit([], [Put("/v1/a", b"1")])
    with pytest.raises(HeliostatError) as caught:
        await store.backup(tmp_path / name)
    assert caught.value.code == "BackupFailed"
    assert name in caught.value.message
    assert await store.get("/v1/a") is not None
    await store.close()
    await (await opened(path)).close()


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    folder = tmp_path / "small"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=256k", "tmpfs", str(folder)]
    if subprocess.run(mount, capture_output=True).returncode != 0:
        pytest.skip("no file system can be mounted here")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


async def test_a_full_disk_keeps_the_older_copy(path: Path, small_disk: Path) -> None:
    store = await opened(path)
    await store.commit([], [Put("/v1/a", b"1")])
    older = await store.backup(small_disk / "copy.db")
    await store.commit([], [Put("/v1/b", os.urandom(500_000))])
    with pytest.raises(HeliostatError) as caught:
        await store.backup(small_disk / "copy.db")
    assert caught.value.code == "DiskFull"
    assert str(small_disk) in caught.value.message
    await store.close()
    assert os.listdir(small_disk) == ["copy.db"]
    copy = await opened(older.path)
    assert await copy.revision() == older.revision
    await copy.close()


async def test_a_restored_store_is_the_copy_and_nothing_of_what_came_after(
    path: Path, tmp_path: Path
) -> None:
    store = await opened(path)
    await store.commit([], [Put("/v1/a", b"old")])
    made = await store.backup(tmp_path / "copy.db")
    await store.commit([], [Put("/v1/a", b"new"), Put("/v1/b", b"new")])
    wal = path.with_name(path.name + "-wal").read_bytes()
    with pytest.raises(HeliostatError) as caught:
        restore(made.path, path)
    assert caught.value.code == "StoreUnavailable"  # it is open
    await store.close()
    path.with_name(path.name + "-wal").write_bytes(wal)  # as a kill leaves it

    assert restore(made.path, path).revision == made.revision
    restored = await opened(path)
    lost_revision = made.revision + 1
    assert await restored.commit([], [Put("/v1/c", b"")]) > lost_revision
    await restored.compact(await restored.revision())
    document = await restored.get("/v1/a")
    assert document is not None
    assert document.value == b"old"
    assert await restored.get("/v1/b") is None
    await restored.close()

    replaced = await opened(path.with_name("store.db.replaced"))
    assert await replaced.get("/v1/b") is not None
    await replaced.close()


async def test_what_is_no_copy_is_not_restored(path: Path, tmp_path: Path) -> None:
    store = await opened(path)
    await store.commit([], [Put("/v1/a", b"1")])
    await store.close()
    other = tmp_path / "other.db"
    other.write_bytes(b"not a database at all" * 1000)
    for copy, code in ((other, "StoreCorrupt"), (tmp_path / "none.db", "BackupFailed")):
        with pytest.raises(HeliostatError) as caught:
            restore(copy, path)
        assert caught.value.code == code
        assert copy.name in caught.value.message
    store = await opened(path)
    assert await store.get("/v1/a") is not None
    await store.close()


async def test_a_compaction_under_way_ends_when_the_store_closes(path: Path) -> None:
    store = await opened(path)
    for _ in range(5000):
        last = asyncio.ensure_future(store.commit([], [Put("/v1/a", b"")]))
        await asyncio.sleep(0)
    compacting = asyncio.ensure_future(store.compact(await last))
    await asyncio.sleep(0)
    await store.close()
    with pytest.raises(StoreUnavailable):
        await asyncio.wait_for(compacting, 10)
