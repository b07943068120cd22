"""What the disk, other processes and damage do to the SQLite store: one clear error, no half."""

from __future__ import annotations

import asyncio
import os
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from heliostat.cloudstore.contract import Delete, Put, StoreUnavailable
from heliostat.cloudstore.sqlite import SqliteStore
from heliostat.cloudstore.sqlite_file import connect
from heliostat.core.clock import SystemClock
from heliostat.core.errors import HeliostatError


async def reopened(path: Path) -> SqliteStore:
    return await SqliteStore.open(path, SystemClock())


async def refused(path: Path) -> HeliostatError:
    """The error with which the store refuses to open."""
    with pytest.raises(HeliostatError) as caught:
        await reopened(path)
    assert str(path.name) in caught.value.message
    return caught.value


def overwrite(path: Path, offset: int, data: bytes) -> None:
    with path.open("r+b") as file:
        file.seek(offset)
        file.write(data)


@pytest.fixture
async def path(tmp_path: Path) -> Path:
    """A closed store that holds ``/v1/a``."""
    path = tmp_path / "folder" / "store.db"
    store = await reopened(path)
    await store.commit([], [Put("/v1/a", b"1")])
    await store.close()
    return path


@pytest.fixture
def set_immutable(path: Path) -> Iterator[Callable[[bool], None]]:
    """Make every file of the store unwritable even for root, or writable again."""

    def change(immutable: bool) -> bool:
        flag = "+i" if immutable else "-i"
        files = [str(each) for each in path.parent.iterdir()]
        return subprocess.run(["chattr", flag, *files], capture_output=True).returncode == 0

    if shutil.which("chattr") is None or not _holds_for_open_files(path.parent / "probe", change):
        pytest.skip("files can't be made immutable here")
    yield lambda immutable: None if change(immutable) else pytest.fail("chattr")
    change(False)


def _holds_for_open_files(probe: Path, change: Callable[[bool], bool]) -> bool:
    """Whether the flag also stops writes through a file that is open (not so on tmpfs)."""
    with probe.open("wb", buffering=0) as stream:
        if not change(True):
            return False
        try:
            stream.write(b"x")
        except PermissionError:
            return True
        else:
            return False
        finally:
            change(False)
            probe.unlink()


async def test_a_new_store_is_private_and_an_old_one_is_as_it_was(path: Path) -> None:
    assert os.stat(path).st_mode & 0o777 == 0o600
    store = await reopened(path)
    assert await store.revision() == 1
    assert await store.get("/v1/a") is not None
    await store.close()


@pytest.mark.parametrize("read_only", [False, True])
def test_every_connection_syncs_each_commit(path: Path, read_only: bool) -> None:
    connection = connect(path, read_only=read_only)
    assert connection.execute("PRAGMA synchronous").fetchone() == (2,)
    assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    connection.close()


async def test_a_second_opener_is_refused_until_the_first_closes(path: Path) -> None:
    first = await reopened(path)
    error = await refused(path)
    assert error.code == "StoreUnavailable"
    assert f"already open in process {os.getpid()}" in error.message
    program = (
        "import asyncio, sys; from heliostat.cloudstore.sqlite import SqliteStore;"
        "from heliostat.core.clock import SystemClock;"
        "asyncio.run(SqliteStore.open(sys.argv[1], SystemClock()))"
    )
    other = await asyncio.to_thread(
        subprocess.run, [sys.executable, "-c", program, str(path)], capture_output=True, text=True
    )
    assert "already open in process" in other.stderr
    await first.close()
    await (await reopened(path)).close()


async def test_a_read_only_file_is_refused(path: Path) -> None:
    os.chmod(path, 0o444)
    assert (await refused(path)).code == "StoreReadOnly"
    os.chmod(path, 0o600)
    await (await reopened(path)).close()


async def test_a_read_only_folder_is_refused(path: Path) -> None:
    os.chmod(path.parent, 0o555)
    with pytest.raises(HeliostatError) as caught:
        await reopened(path)
    assert caught.value.code == "StoreReadOnly"
    os.chmod(path.parent, 0o700)
    await (await reopened(path)).close()


async def test_a_store_that_becomes_read_only_refuses_and_recovers(
    path: Path, set_immutable: Callable[[bool], None]
) -> None:
    store = await reopened(path)
    await store.commit([], [Put("/v1/b", b"")])
    set_immutable(True)
    with pytest.raises(StoreUnavailable) as caught:
        await store.commit([], [Put("/v1/c", b"")])
    assert caught.value.code == "StoreReadOnly"
    assert await store.get("/v1/b") is not None
    assert await store.get("/v1/c") is None
    set_immutable(False)
    assert await store.commit([], [Put("/v1/c", b"")]) == 3
    await store.close()


async def test_a_folder_in_the_place_of_the_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "store.db").mkdir()
    assert (await refused(tmp_path / "store.db")).code == "StoreUnavailable"


async def test_something_else_is_refused_as_corrupt(path: Path) -> None:
    overwrite(path, 0, b"not a database at all" * 1000)
    assert (await refused(path)).code == "StoreCorrupt"


async def test_another_database_is_refused_as_corrupt(tmp_path: Path) -> None:
    path = tmp_path / "other.db"
    connection = sqlite3.connect(path)
    connection.execute("CREATE TABLE mine (x)")
    connection.close()
    assert "no store of Heliostat" in (await refused(path)).message


async def test_a_newer_format_is_refused(path: Path) -> None:
    connection = sqlite3.connect(path)
    connection.execute("PRAGMA user_version = 99")
    connection.close()
    assert "newer version" in (await refused(path)).message


async def test_damage_is_found_at_open(path: Path) -> None:
    store = await reopened(path)
    for _ in range(20):
        await store.commit([], [Put(f"/v1/{n}", os.urandom(2000)) for n in range(20)])
    await store.close()
    overwrite(path, 8192, os.urandom(40_000))
    error = await refused(path)
    assert error.code == "StoreCorrupt"
    assert "restore" in error.hint


async def test_a_cut_off_file_is_found_at_open(path: Path) -> None:
    store = await reopened(path)
    await store.commit([], [Put("/v1/large", os.urandom(500_000))])
    await store.close()
    os.truncate(path, 100_000)
    assert (await refused(path)).code == "StoreCorrupt"


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 1.5 MiB; only root can make one."""
    folder = tmp_path / "small"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=1536k", "tmpfs", str(folder)]
    if subprocess.run(mount, capture_output=True).returncode != 0:
        pytest.skip("no file system can be mounted here")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


def grow(small_disk: Path) -> None:
    subprocess.run(["mount", "-o", "remount,size=8m", str(small_disk)], check=True)


async def fill(store: SqliteStore) -> int:
    """Commit until the disk refuses; returns how many were acknowledged."""
    for number in range(1000):
        try:
            await store.commit([], [Put(f"/v1/{number}/a", bytes(50_000)), Put("/v1/n", b"")])
        except StoreUnavailable as error:
            refusal = error
            break
    assert (refusal.code, refusal.status) == ("DiskFull", 507)
    return number


async def test_a_full_disk_refuses_whole_commits_and_is_forgiven(small_disk: Path) -> None:
    path = small_disk / "store.db"
    store = await reopened(path)
    count = await fill(store)
    assert await store.revision() == count
    assert await store.get(f"/v1/{count}/a") is None
    assert await store.get(f"/v1/{count - 1}/a") is not None
    grow(small_disk)
    assert await store.commit([], [Put("/v1/more", bytes(100_000))]) == count + 1
    await store.close()
    store = await reopened(path)
    assert await store.revision() == count + 1
    assert len((await store.list("/v1/", limit=5000)).items) == count + 2
    await store.close()


async def test_on_a_full_disk_a_large_commit_does_not_take_small_ones_with_it(
    small_disk: Path,
) -> None:
    store = await reopened(small_disk / "store.db")
    await store.commit([], [Put("/v1/a", b"")])
    large = store.commit([], [Put("/v1/large", bytes(1_000_000))])
    group = [store.commit([], [Put(f"/v1/{n}", bytes(1_000_000))]) for n in range(3)]
    small = store.commit([], [Put("/v1/small", b"")])
    outcomes = await asyncio.gather(large, *group, small, return_exceptions=True)
    assert isinstance(outcomes[-2], StoreUnavailable)
    assert isinstance(outcomes[-1], int)
    assert await store.revision() == outcomes[-1]
    assert await store.get("/v1/small") is not None
    await store.close()


async def test_opening_a_new_store_on_a_full_disk(small_disk: Path) -> None:
    (small_disk / "ballast").write_bytes(bytes(1536 * 1024 - 8192))
    with pytest.raises(HeliostatError) as caught:
        await reopened(small_disk / "store.db")
    assert caught.value.code == "DiskFull"
    (small_disk / "ballast").unlink()
    await (await reopened(small_disk / "store.db")).close()


LIMITED = """
import asyncio, resource, sys
from heliostat.cloudstore.contract import Put, StoreUnavailable
from heliostat.cloudstore.sqlite import SqliteStore
from heliostat.core.clock import SystemClock

async def main():
    store = await SqliteStore.open(sys.argv[1], SystemClock())
    await store.commit([], [Put("/v1/a", b"1")])
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, resource.RLIM_INFINITY))
    try:
        await store.commit([], [Put("/v1/b", bytes(500_000)), Put("/v1/a", b"2")])
    except StoreUnavailable as error:
        print(error.code)
    resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    print((await store.get("/v1/a")).value, await store.get("/v1/b"), await store.revision())
    print(await store.commit([], [Put("/v1/b", bytes(500_000))]))
    await store.close()

asyncio.run(main())
"""


async def test_a_write_error_leaves_the_store_whole_and_usable(tmp_path: Path) -> None:
    argv = [sys.executable, "-c", LIMITED, str(tmp_path / "store.db")]
    done = await asyncio.to_thread(subprocess.run, argv, capture_output=True, text=True)
    assert done.stderr == ""
    assert done.stdout.split("\n") == ["StoreUnavailable", "b'1' None 1", "2", ""]


async def test_a_store_closed_while_it_writes_finishes_first(path: Path) -> None:
    store = await reopened(path)
    writing = [asyncio.ensure_future(store.commit([], [Put(f"/v1/{n}", b"")])) for n in range(50)]
    await asyncio.sleep(0)
    await store.close()
    revisions = await asyncio.gather(*writing)
    store = await reopened(path)
    assert await store.revision() == max(revisions)
    await store.commit([], [Delete(f"/v1/{n}") for n in range(50)])
    await store.close()
