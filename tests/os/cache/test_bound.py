"""The cache's limit: what goes, what stays, and what is told of it."""

from __future__ import annotations

import json
import os
import shutil
import time
from pathlib import Path

import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st

from heliostat.core.errors import HeliostatError
from heliostat.core.units import GIB, MIB
from heliostat.os.cache.bound import keep_within, limit_bytes, removed
from heliostat.os.cache.item import GRACE_S, Item, to_go
from heliostat.os.cache.kinds import KINDS, bounded_items
from heliostat.os.cache.size import Sizes, disk_bytes, remembered_sizes
from heliostat.os.commands.cache import cache_group
from heliostat.os.image.stages import Stage
from heliostat.os.image.store import StageStore
from heliostat.os.monitor import SilentMonitor
from heliostat.os.turn import in_use, turn

NOW = 1_000_000.0
LONG_AGO = NOW - 30 * GRACE_S


def item(number: int, size: int, used: float) -> Item:
    path = Path(f"/{number}")
    return Item("stages", f"{number}", path, path / "record", path / "lock", size, used)


@given(
    st.lists(st.tuples(st.integers(0, 50), st.floats(0, NOW)), max_size=12),
    st.integers(0, 300),
)
def test_the_rest_fits_and_nothing_goes_that_was_used_later_than_what_stays(
    told: list[tuple[int, float]], limit: int
) -> None:
    items = [item(number, size, used) for number, (size, used) in enumerate(told)]
    going = to_go(items, limit, NOW)
    staying = [each for each in items if each not in going]
    assert all(gone.used_at_s <= kept.used_at_s for gone in going for kept in staying)
    assert all(NOW - gone.used_at_s >= GRACE_S for gone in going)
    fits = sum(each.size_bytes for each in staying) <= limit
    assert fits or all(NOW - kept.used_at_s < GRACE_S for kept in staying)
    if going:  # not one more than need be
        assert sum(each.size_bytes for each in (*staying, going[-1])) > limit


def made_stage(cache: Path, word: str, *, used_s: float = 0) -> Path:
    def make(folder: Path) -> None:
        (folder / "file").write_bytes(word.encode() * MIB)

    store = StageStore(cache / "stages")
    with store.build(SilentMonitor()) as build:
        outcome = build.run(Stage("test/words", "Writing words", {"word": word}, make))
    _used(store.lock_path(outcome.record.identity), used_s)
    return outcome.folder


def made_root(cache: Path, name: str, *, used_s: float = 0) -> Path:
    folder = cache / "roots" / name
    (folder / "usr").mkdir(parents=True)
    (folder / "usr/file").write_bytes(b"x" * MIB)
    folder.with_suffix(".json").write_text("[]")
    with turn(folder.with_suffix(".lock"), "making it"):
        pass
    _used(folder.with_suffix(".lock"), used_s)
    return folder


def _used(lock: Path, ago_s: float) -> None:
    then = time.time() - ago_s
    os.utime(lock, (then, then))


def test_the_least_recently_used_go_until_the_rest_fits(tmp_path: Path) -> None:
    old = made_stage(tmp_path, "a", used_s=5 * GRACE_S)
    older_root = made_root(tmp_path, "b", used_s=9 * GRACE_S)
    newer = made_stage(tmp_path, "c", used_s=2 * GRACE_S)
    gone = keep_within(tmp_path, 2 * MIB)
    assert [each.path for each in gone] == [older_root, old]
    assert not old.exists()
    assert not older_root.exists()
    assert newer.exists()
    assert keep_within(tmp_path, 2 * MIB) == []


def test_what_is_used_stays_and_using_it_counts(tmp_path: Path) -> None:
    root = made_root(tmp_path, "a", used_s=5 * GRACE_S)
    with in_use(root.with_suffix(".lock")):
        _used(root.with_suffix(".lock"), 5 * GRACE_S)
        assert keep_within(tmp_path, 0) == []
    made_stage(tmp_path, "b", used_s=5 * GRACE_S)
    again = made_stage_again(tmp_path, "b")
    assert [each.path for each in keep_within(tmp_path, 0)] == [root]
    assert again.exists()


def made_stage_again(cache: Path, word: str) -> Path:
    """Asks for a stage that is there: it isn't made, but used."""

    def never(folder: Path) -> None:
        raise AssertionError(folder)

    with StageStore(cache / "stages").build(SilentMonitor()) as build:
        outcome = build.run(Stage("test/words", "Writing words", {"word": word}, never))
    assert outcome.reused
    return outcome.folder


def test_a_root_that_is_being_made_is_no_piece_yet(tmp_path: Path) -> None:
    root = made_root(tmp_path, "a", used_s=5 * GRACE_S)
    root.with_suffix(".json").unlink()
    assert keep_within(tmp_path, 0) == []
    assert root.exists()


def test_sizes_are_remembered_while_the_folder_is_the_same(tmp_path: Path) -> None:
    root = made_root(tmp_path, "a")
    with remembered_sizes(tmp_path) as sizes:
        (first,) = bounded_items(tmp_path, sizes)
    assert first.size_bytes == disk_bytes(root) >= MIB
    with remembered_sizes(tmp_path) as sizes:
        assert sizes.of(root) == first.size_bytes
    (tmp_path / "sizes.json").write_text("nonsense")
    with remembered_sizes(tmp_path) as sizes:
        assert sizes.of(root) == first.size_bytes
    inode, size = root.stat().st_ino, 7
    assert Sizes(tmp_path, {"roots/a": (inode, size)}).of(root) == 7
    assert Sizes(tmp_path, {"roots/a": (inode + 1, size)}).of(root) == first.size_bytes


@pytest.mark.parametrize("told", ["much", "-1", "nan", "inf", "1e9"])
def test_a_limit_that_is_none_is_refused(told: str) -> None:
    with pytest.raises(HeliostatError, match="HELIO_OS_CACHE_GB"):
        limit_bytes({"HELIO_OS_CACHE_GB": told})


def test_the_limit_is_ten_gigabytes_unless_told() -> None:
    assert limit_bytes({}) == 10 * GIB
    assert limit_bytes({"HELIO_OS_CACHE_GB": "2.5"}) == 5 * GIB // 2


def test_the_command_lists_and_prunes(tmp_path: Path) -> None:
    cache = tmp_path / "os"
    cache.mkdir()
    made_root(cache, "a" * 16, used_s=5 * GRACE_S)
    environment = {"HELIO_CACHE": str(tmp_path), "HELIO_OS_CACHE_GB": "1"}

    def told(*words: str) -> str:
        done = CliRunner().invoke(cache_group, words, env=environment, catch_exceptions=False)
        assert done.exit_code == 0, done.output
        return done.output

    assert "build root aaaaaaaa" in told("list", "--items")
    assert json.loads(told("list", "-o", "json"))["limitBytes"] == GIB
    assert json.loads(told("prune", "-o", "json"))["removed"] == []
    assert "1 piece went" in told("prune", "--to", "0")
    assert "kept to 1" in told("list")


def test_every_bounded_kind_has_a_line_of_its_own() -> None:
    names = [kind.name for kind in KINDS]
    assert len(names) == len(set(names))
    bounded = {"stages", "roots", "builds", "converted", "universe"}
    assert {kind.name for kind in KINDS if kind.items} == bounded


def made_build(cache: Path, identity: str, *, name: str = "tar") -> Path:
    folder = cache / "builds" / f"{name}-{identity[:16]}"
    folder.mkdir(parents=True)
    (folder / "log").write_bytes(b"x" * MIB)
    (folder / "provenance.json").write_text("{}")
    lock = folder.with_name(f"{folder.name}.lock")
    lock.touch()
    _used(lock, 5 * GRACE_S)
    return folder


def test_of_builds_what_kept_packages_come_from_stays(tmp_path: Path) -> None:
    packed, replaced = made_build(tmp_path, "a" * 64), made_build(tmp_path, "b" * 64)
    result = tmp_path / "rebuilt" / "tar" / "result.json"
    result.parent.mkdir(parents=True)
    result.write_text(json.dumps({"name": "tar", "identity": "a" * 64}))
    assert [each.path for each in keep_within(tmp_path, 0)] == [replaced]
    assert packed.exists()
    assert not replaced.exists()


def test_objects_of_a_long_build_go_with_what_says_that_they_are_whole(tmp_path: Path) -> None:
    kept = tmp_path / "builds" / "kept" / "linux-virt-0123"
    (kept / "objects").mkdir(parents=True)
    (kept / "objects" / "vmlinux").write_bytes(b"x" * MIB)
    (kept / "unpacked-0123").touch()
    lock = kept.with_name(f"{kept.name}.lock")
    lock.touch()
    _used(lock, 5 * GRACE_S)
    with in_use(lock):
        _used(lock, 5 * GRACE_S)
        assert keep_within(tmp_path, 0) == []
    _used(lock, 5 * GRACE_S)
    (gone,) = keep_within(tmp_path, 0)
    assert gone.name == "objects of linux-virt-0123"
    assert not kept.exists()


def made_conversion(cache: Path, name: str, *, used_s: float) -> Path:
    folder = cache / "converted" / name[:2] / name
    folder.mkdir(parents=True)
    (folder / "a.rpm").write_bytes(b"x" * MIB)
    (folder / "record.json").write_text("{}")
    _used(folder / "record.json", used_s)
    return folder


def test_conversions_and_metadata_of_suites_go_by_their_last_use(tmp_path: Path) -> None:
    old = made_conversion(tmp_path, "aa11", used_s=5 * GRACE_S)
    new = made_conversion(tmp_path, "aa22", used_s=2 * GRACE_S)
    universe = tmp_path / "universe" / "trixie-0123"
    universe.mkdir(parents=True)
    for name in ("primary.xml", "solv"):
        (universe / name).write_bytes(b"x" * MIB)
    _used(universe / "primary.xml", 4 * GRACE_S)
    assert [each.path for each in keep_within(tmp_path, MIB + 4096)] == [old, universe]
    assert new.exists()
    assert not universe.exists()


def test_what_another_process_removes_meanwhile_is_passed_over(tmp_path: Path) -> None:
    there = made_root(tmp_path, "a", used_s=5 * GRACE_S)
    gone = made_root(tmp_path, "b", used_s=5 * GRACE_S)
    with remembered_sizes(tmp_path) as sizes:
        items = bounded_items(tmp_path, sizes)
        shutil.rmtree(gone)
        assert [each.path for each in bounded_items(tmp_path, sizes)] == [there]
    gone.with_suffix(".json").unlink()
    shutil.rmtree(gone.parent / "a")
    (gone.parent / "a").mkdir()
    assert [each.path for each in removed(items)] == [there]
