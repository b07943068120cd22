"""Carries a recipe out: once, however often and by however many it is asked for.

A result is a folder named by the recipe's identity; it is complete once its provenance is
in it, which is written last.  A build that was killed leaves no provenance, so the next
one starts anew (or, if the recipe keeps objects, goes on from those).
"""

from __future__ import annotations

import hashlib
import time
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from heliostat.core.errors import HeliostatError
from heliostat.core.files import atomic_write, sync_all
from heliostat.os.image.workspace import remove
from heliostat.os.monitor import Monitor, SilentMonitor
from heliostat.os.packages.build import provenance
from heliostat.os.packages.build.recipe import Recipe
from heliostat.os.packages.build.sandbox import Sandbox
from heliostat.os.turn import turn, unused

PROVENANCE = "provenance.json"
_LAST_LINES = 12
_LINE_LENGTH = 300


@dataclass(frozen=True, slots=True)
class Built:
    """What a recipe made."""

    name: str
    version: str
    identity: str
    folder: Path
    files: tuple[Path, ...]
    cached: bool
    """Nothing was done: it was there."""

    @property
    def log(self) -> Path:
        return self.folder / "log"

    @property
    def provenance(self) -> Path:
        return self.folder / PROVENANCE


def carry_out(
    recipe: Recipe, cache: Path, monitor: Monitor | None = None, *, anew: bool = False
) -> Built:
    """The result of the recipe; ``anew`` makes it again even if it is there.

    Raises ``BuildFailed`` with the last lines of the log and where it is.
    """
    watcher = monitor or SilentMonitor()
    folder = cache.resolve() / "builds" / f"{recipe.name}-{recipe.identity[:16]}"
    with turn(folder.with_name(f"{folder.name}.lock"), f"building {recipe.name}", watcher):
        if (folder / PROVENANCE).is_file() and not anew:
            return _found(recipe, folder, cached=True)
        _forget_killed(folder.parent)
        with _cleared(folder) as work, watcher.step(f"Building {recipe.name} {recipe.version}"):
            _check_inputs(recipe)
            _run(recipe, work, cache, folder / "log", watcher)
            files = _collect(recipe, work, folder / "out", folder / "log")
        listed = [(str(path.relative_to(folder / "out")), _sha256(path)) for path in files]
        statement = provenance.statement_of(recipe, listed)
        sync_all(files)  # a power cut must not leave a record of files that aren't there
        atomic_write(folder / PROVENANCE, provenance.written(statement))
        return _found(recipe, folder, cached=False)


def _found(recipe: Recipe, folder: Path, *, cached: bool) -> Built:
    out = folder / "out"
    return Built(recipe.name, recipe.version, recipe.identity, folder, tuple(_files(out)), cached)


def _forget_killed(builds: Path) -> None:
    """What killed builds of other recipes were writing, which may be gigabytes."""
    for work in builds.glob("*/work"):
        with unused(work.parent.with_name(f"{work.parent.name}.lock")) as alone:
            if alone and work.exists():
                remove(work)


@contextmanager
def _cleared(folder: Path) -> Iterator[Path]:
    """A fresh work folder inside of ``folder``, without what was there before."""
    (folder / PROVENANCE).unlink(missing_ok=True)  # first: what is half removed is incomplete
    if folder.exists():
        remove(folder)
    work = folder / "work"
    work.mkdir(parents=True)
    try:
        yield work
    finally:
        remove(work)


def _check_inputs(recipe: Recipe) -> None:
    for each in recipe.inputs:
        found = _sha256(each.path)
        if found != each.sha256:
            raise HeliostatError(
                "DigestMismatch",
                f"{each.path} has the digest {found[:16]}…, not {each.sha256[:16]}…: "
                "it was changed after the build was planned.",
                hint="Run the same command again.",
            )


def _run(recipe: Recipe, work: Path, cache: Path, log: Path, monitor: Monitor) -> None:
    last: deque[str] = deque(maxlen=_LAST_LINES)
    told = time.monotonic()

    def on_line(line: str) -> None:
        nonlocal told
        last.append(line)
        if time.monotonic() - told > 1 and line.strip():
            told = time.monotonic()
            monitor.progress(line.strip())

    with _kept(recipe, cache, monitor) as kept:
        sandbox = Sandbox(
            recipe.root.path, work, recipe.inputs, kept, recipe.limits, recipe.full_environment
        )
        code = sandbox.run(("/bin/sh", "-eu", "-c", recipe.script), log, on_line)
    if code != 0:
        raise failed(recipe, f"it ended with {code}", last, log)


@contextmanager
def _kept(recipe: Recipe, cache: Path, monitor: Monitor) -> Iterator[Path | None]:
    """The folder that outlives the build, held by one build at a time."""
    if not recipe.kept:
        yield None
        return
    folder = cache.resolve() / "builds" / "kept" / recipe.kept
    folder.mkdir(parents=True, exist_ok=True)
    with turn(folder.with_name(f"{folder.name}.lock"), f"building {recipe.name}", monitor):
        yield folder


def _collect(recipe: Recipe, work: Path, out: Path, log: Path) -> list[Path]:
    """Move what the recipe is to make out of the work folder; no output of it may be missing."""
    out.mkdir()
    for pattern in recipe.outputs:
        found = sorted(path for path in work.glob(pattern) if not path.is_symlink())
        if not found:
            raise failed(recipe, f"it made no {pattern}", (), log)
        for path in found:
            target = out / path.name
            path.rename(target)
    return _files(out)


def _files(out: Path) -> list[Path]:
    """Those that the build made itself: a link might lead to a file of the host."""
    return sorted(path for path in out.rglob("*") if path.is_file() and not path.is_symlink())


def failed(
    recipe: Recipe, why: str, last: deque[str] | tuple[str, ...], log: Path
) -> HeliostatError:
    """The refusal: why, the last lines, the log."""
    said = "".join(f"\n    {line[:_LINE_LENGTH]}" for line in last)
    return HeliostatError(
        "BuildFailed",
        f"{recipe.name} {recipe.version} could not be built: {why}."
        + (f"\n{said}" if said else ""),
        hint=f"The whole log: {log}.",
        data={"log": str(log), "lastLines": [line[:_LINE_LENGTH] for line in last]},
    )


def _sha256(path: Path) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
