"""Stages: identities, reasons, and what a store does when things go wrong."""

from __future__ import annotations

import dataclasses
import errno
import os
import threading
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from heliostat.core.errors import HeliostatError
from heliostat.core.process import run
from heliostat.os.image import stages
from heliostat.os.image.prune import prune_stages, room_beside
from heliostat.os.image.record import Record
from heliostat.os.image.stages import Stage
from heliostat.os.image.store import Outcome, StageStore
from heliostat.os.monitor import SilentMonitor
from heliostat.testing.small_disk import small_disk

INPUTS = st.dictionaries(st.text(max_size=8), st.text(max_size=8), max_size=6)


def write_word(word: str) -> Callable[[Path], None]:
    def make(folder: Path) -> None:
        (folder / "word").write_text(word)

    return make


def stage(word: str = "one", name: str = "test/words", **changes: str) -> Stage:
    return Stage(name, "Writing words", {"word": word, **changes}, write_word(word), hashed=True)


def run_one(store: StageStore, wanted: Stage, *, force: bool = False) -> Outcome:
    with store.build(SilentMonitor(), force=force) as build:
        return build.run(wanted)


@given(INPUTS, INPUTS)
def test_identities_are_equal_exactly_when_nothing_changed(
    one: dict[str, str], two: dict[str, str]
) -> None:
    same = stages.identity_of("stage", one) == stages.identity_of("stage", two)
    assert same == (not stages.changes(one, two))


@given(INPUTS, INPUTS)
def test_every_changed_input_is_named_with_both_values(
    before: dict[str, str], now: dict[str, str]
) -> None:
    found = {change.name: (change.before, change.now) for change in stages.changes(before, now)}
    names = before.keys() | now.keys()
    expected = {
        name: (before.get(name), now.get(name))
        for name in names
        if before.get(name) != now.get(name)
    }
    assert found == expected


def test_a_stage_is_made_once_and_says_why(tmp_path: Path) -> None:
    store = StageStore(tmp_path)
    first = run_one(store, stage())
    assert not first.reused
    assert first.reason == "this was never made here"
    again = run_one(store, stage())
    assert again.reused
    assert again.reason == "nothing changed"
    changed = run_one(store, stage("two"))
    assert not changed.reused
    assert changed.reason == "word: one -> two"
    assert changed.file.read_text() == "two"
    back = run_one(store, stage("one"))
    assert back.reused
    assert back.reason == "kept from an earlier run (word: two -> one)"
    assert run_one(store, stage("one"), force=True).reason == "asked for (--force)"


def test_an_interrupted_stage_leaves_nothing_and_is_made_again(tmp_path: Path) -> None:
    store = StageStore(tmp_path)

    def fail(folder: Path) -> None:
        (folder / "half").write_text("half")
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run_one(store, Stage("test/words", "Writing words", {"word": "one"}, fail))
    assert store.records() == []
    left = tmp_path / f"making-{stages.identity_of('test/words', {'word': 'one'})[:16]}-killed"
    left.mkdir()
    (left / "half").write_text("of a build that was killed")
    assert run_one(store, stage()).file.read_text() == "one"
    assert not left.exists()
    assert not list(tmp_path.glob("making-*"))


def test_two_builds_at_once_share_the_work(tmp_path: Path) -> None:
    begun, go_on = threading.Event(), threading.Event()
    made: list[str] = []

    def slow(folder: Path) -> None:
        begun.set()
        assert go_on.wait(30)
        made.append("once")
        (folder / "word").write_text("one")

    wanted = Stage("test/words", "Writing words", {"word": "one"}, slow)
    outcomes: list[Outcome] = []
    builds = [
        threading.Thread(target=lambda: outcomes.append(run_one(StageStore(tmp_path), wanted)))
        for _ in range(2)
    ]
    for each in builds:
        each.start()
    assert begun.wait(30)
    go_on.set()
    for each in builds:
        each.join(30)
    assert made == ["once"]
    assert sorted(outcome.reused for outcome in outcomes) == [False, True]


def test_what_one_build_holds_another_uses_at_once(tmp_path: Path) -> None:
    store = StageStore(tmp_path)
    with store.build(SilentMonitor()) as one, store.build(SilentMonitor()) as two:
        assert not one.run(stage()).reused
        assert two.run(stage()).reused


@pytest.mark.timeout(120)
@pytest.mark.parametrize("force", [False, True])
def test_builds_that_want_the_same_in_another_order_never_wait_for_each_other(
    force: bool, tmp_path: Path
) -> None:
    store = StageStore(tmp_path)
    began = threading.Barrier(2)
    made: list[Outcome] = []

    def build(names: tuple[str, str]) -> None:
        began.wait()
        with store.build(SilentMonitor(), force=force) as running:
            made.extend(running.run(stage(name=name)) for name in names)

    orders = [("test/a", "test/b"), ("test/b", "test/a")]
    threads = [threading.Thread(target=build, args=(names,), daemon=True) for names in orders]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert sorted(each.name for each in made) == ["test/a", "test/a", "test/b", "test/b"]
    assert sum(not each.reused for each in made) == (4 if force else 2)


def test_an_outcome_that_was_being_replaced_is_not_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def killed(path: Path) -> None:
        raise KeyboardInterrupt(path)

    store = StageStore(tmp_path)
    run_one(store, stage())
    with monkeypatch.context() as patched:
        patched.setattr("heliostat.os.image.store.remove", killed)
        with pytest.raises(KeyboardInterrupt):
            run_one(store, stage(), force=True)
    assert not run_one(store, stage()).reused


@pytest.mark.parametrize("how", ["python", "program"])
def test_a_full_disk_is_one_sentence_and_nothing_half_made(tmp_path: Path, how: str) -> None:
    with small_disk(tmp_path / "disk", 4) as folder:
        store = StageStore(folder)

        def fill(attempt: Path) -> None:
            if how == "python":
                (attempt / "much").write_bytes(b"x" * (16 << 20))
            run(["dd", "if=/dev/zero", f"of={attempt}/much", "bs=1M", "count=16"], timeout_s=30)

        with pytest.raises(HeliostatError) as caught:
            run_one(store, Stage("test/much", "Writing much", {}, fill))
        assert caught.value.code == "DiskFull"
        assert "ran out of space" in caught.value.message
        assert "prune" in caught.value.hint
        assert not list(folder.glob("making-*"))
        assert store.records() == []


def test_other_errors_pass_unchanged(tmp_path: Path) -> None:
    def fail(folder: Path) -> None:
        raise OSError(errno.EIO, "the disk is broken")

    with pytest.raises(OSError, match="broken"):
        run_one(StageStore(tmp_path), Stage("test/much", "Writing much", {}, fail))


def test_pruning_keeps_the_newest_of_each_stage_and_what_is_in_use(tmp_path: Path) -> None:
    store = StageStore(tmp_path)
    for word in ("one", "two", "three"):
        run_one(store, stage(word))
    with store.build(SilentMonitor()) as build:
        used = build.run(stage("one"))
        pruned = prune_stages(store, keep=1)
        assert [each.inputs["word"] for each in pruned] == ["two"]
        assert used.file.read_text() == "one"
    assert [each.inputs["word"] for each in prune_stages(store, keep=1)] == ["one"]
    assert [each.inputs["word"] for each in store.records()] == ["three"]


def test_what_another_build_has_pruned_meanwhile_is_passed_over(tmp_path: Path) -> None:
    """Two builds that end at once both see what is old, and one of them is first."""
    store = StageStore(tmp_path)
    for word in ("one", "two"):
        run_one(store, stage(word))
    seen = store.records()

    class SeenBefore(StageStore):
        def records(self) -> list[Record]:
            return seen

    assert [each.inputs["word"] for each in prune_stages(store, keep=1)] == ["one"]
    assert prune_stages(SeenBefore(tmp_path), keep=1) == []
    assert [each.inputs["word"] for each in store.records()] == ["two"]


def test_room_is_made_for_what_is_made_and_only_for_that(tmp_path: Path) -> None:
    store = StageStore(tmp_path)
    for word in ("one", "two"):
        run_one(store, stage(word))
        run_one(store, stage(word, name="test/others"))

    def built(word: str) -> list[str]:
        with (
            room_beside(store, keep=2) as make_room,
            store.build(SilentMonitor(), make_room=make_room) as build,
        ):
            build.run(stage(word))
        return [each.inputs["word"] for each in store.records() if each.name == "test/words"]

    assert built("one") == ["one", "two"]  # the way back: nothing is made, so nothing goes
    assert built("three") == ["two", "three"]
    assert len([each for each in store.records() if each.name == "test/others"]) == 2


def of_an_earlier_start(made: Outcome) -> None:
    record = msgspec.structs.replace(made.record, start="another")
    (made.folder / "stage.json").write_bytes(msgspec.json.encode(record))


def test_an_outcome_that_outlived_the_machines_start_is_used_again(tmp_path: Path) -> None:
    store = StageStore(tmp_path)
    made = run_one(store, stage())
    of_an_earlier_start(made)
    again = run_one(store, stage())
    assert again.reused
    assert again.record == made.record


@pytest.mark.parametrize("lost", ["emptied", "zeroed", "gone"])
def test_a_result_that_a_power_cut_damaged_is_made_again(tmp_path: Path, lost: str) -> None:
    store = StageStore(tmp_path)
    made = run_one(store, stage("word" * 4096))
    of_an_earlier_start(made)
    size = made.file.stat().st_size
    made.file.unlink()
    if lost != "gone":
        made.file.touch()
    if lost == "zeroed":
        os.truncate(made.file, size)
    again = run_one(store, stage("word" * 4096))
    assert not again.reused
    assert again.file.read_text() == "word" * 4096


def test_a_tree_that_a_power_cut_damaged_is_made_again(tmp_path: Path) -> None:
    """It has no digests, but files that take no room."""
    store = StageStore(tmp_path)
    tree = dataclasses.replace(stage("word" * 4096), hashed=False)
    made = run_one(store, tree)
    of_an_earlier_start(made)
    assert run_one(store, tree).reused
    of_an_earlier_start(made)
    (made.folder / "word").write_bytes(b"")
    assert not run_one(store, tree).reused
    assert (made.folder / "word").stat().st_size == 4 * 4096
