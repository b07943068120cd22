"""Making room: stages and images that newer ones have taken the place of.

What a running build uses is passed over: it holds a lock.  Whatever is removed can be
made again from the repositories.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from pathlib import Path

from heliostat.os.image.built import BuiltImage, built_images, remove_image
from heliostat.os.image.record import RECORD, Record
from heliostat.os.image.store import StageStore
from heliostat.os.image.tested import forget_trial
from heliostat.os.image.workspace import remove
from heliostat.os.turn import unused


def prune_stages(store: StageStore, *, keep: int) -> list[Record]:
    """Remove all but the ``keep`` newest outcomes of each stage; returns what went."""
    _sweep(store)
    return _remove(store, superseded(store.records(), keep=keep))


@contextmanager
def room_beside(store: StageStore, *, keep: int) -> Iterator[Callable[[str], None]]:
    """A function that makes room for an outcome of the stage it is told, beside the work.

    Once the new outcome is there, ``keep`` are left.
    """
    with ThreadPoolExecutor(1) as pool:
        jobs = []

        def make_room(name: str) -> None:
            named = [record for record in store.records() if record.name == name]
            jobs.append(pool.submit(_remove, store, superseded(named, keep=keep - 1)))

        yield make_room
        for job in jobs:
            job.result()


def _remove(store: StageStore, records: Iterable[Record]) -> list[Record]:
    pruned = []
    for record in records:
        folder = store.folder / record.identity
        with unused(store.lock_path(record.identity)) as alone:
            if alone and folder.is_dir():  # else another build has made room meanwhile
                (folder / RECORD).unlink(missing_ok=True)  # from here on it isn't there
                remove(folder)
                pruned.append(record)
    return pruned


def prune_images(folder: Path, *, keep: int) -> list[BuiltImage]:
    """Remove all but the ``keep`` newest images of each edition; returns what went."""
    by_name: defaultdict[str, list[BuiltImage]] = defaultdict(list)
    for image in built_images(folder):
        by_name[image.name].append(image)
    old = [image for images in by_name.values() for image in images[keep:]]
    for image in old:
        remove_image(folder, image)
        forget_trial(image)
    return old


def superseded(records: Iterable[Record], *, keep: int) -> list[Record]:
    """Those of ``records`` that aren't among the ``keep`` newest of their stage."""
    by_name: defaultdict[str, list[Record]] = defaultdict(list)
    for record in records:
        by_name[record.name].append(record)
    groups = (sorted(group, key=lambda each: -each.made_at_ms) for group in by_name.values())
    return [record for group in groups for record in group[keep:]]


def _sweep(store: StageStore) -> None:
    """Remove what killed builds left: attempts, and outcomes whose record is gone."""
    for path in store.folder.iterdir() if store.folder.is_dir() else ():
        if path.name.startswith("making-"):
            short = path.name.split("-")[1]
            locks = list((store.folder / "locks").glob(f"{short}*"))
        elif len(path.name) == 64 and store.find(path.name) is None:
            locks = [store.lock_path(path.name)]
        else:
            continue
        with ExitStack() as held:
            alone = [held.enter_context(unused(lock)) for lock in locks]
            if all(alone) and path.is_dir():
                remove(path)
