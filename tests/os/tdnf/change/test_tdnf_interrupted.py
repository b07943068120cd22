"""Killed at every callback of rpm: the next run says so, and there is a way on and a way back.

Each run is a child of this process, forked with everything imported; it kills itself.
"""

from __future__ import annotations

import os
import shutil
import signal
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import rpm

from heliostat.os.tdnf.change.watching import Watch
from heliostat.os.tdnf.entry import main
from heliostat.testing.package_set import PackageSet, package
from heliostat.testing.tdnf_system import TdnfSystem

DATA = "usr/share/app/data"
POST = 'local f = io.open("/posts", "a"); f:write("{} "); f:close()'
# rpm tells how far it is many times; once is enough to die at
PROGRESS = (rpm.RPMCALLBACK_INST_PROGRESS, rpm.RPMCALLBACK_TRANS_PROGRESS)
LONG = pytest.mark.timeout(900)
BEFORE = ["app-1-1.noarch", "gone-1-1.noarch"]
AFTER = ["app-2-1.noarch", "new-1-1.noarch"]


@pytest.fixture(scope="module")
def system(tmp_path_factory: pytest.TempPathFactory) -> TdnfSystem:
    """With ``app`` 1; its second version needs ``new``, which takes the place of ``gone``."""
    folder = tmp_path_factory.mktemp("interrupted")
    base = PackageSet(folder / "base")
    new = {"post": POST.format("new"), "posttrans": POST.format("end")}
    app = {"post": POST.format("app")}
    base.add(
        package("app", "1-1", files={f"/{DATA}": "1\n"}),
        package("app", "2-1", files={f"/{DATA}": "2\n"}, requires=["new"], scripts=app),
        package("gone", "1-1"),
        package("new", "1-1", obsoletes=["gone"], scripts=new),
    )
    base.publish()
    made = TdnfSystem(folder / "system")
    made.enable(base)
    made.done("install", "app-1-1", "gone-1-1")
    assert made.installed() == BEFORE
    return made


class Child:
    """A run on a copy of the root, in a process of its own; ``dies_at`` counts callbacks."""

    def __init__(self, system: TdnfSystem, root: Path) -> None:
        self.root = root
        self._argv = ["-y", "-c", str(system.configuration), "--installroot", str(root)]
        self._told = root.with_name("told")
        shutil.copytree(system.root, root, symlinks=True)

    def run(self, *words: str, dies_at: int = 0) -> tuple[int, str]:
        """Exit code, -9 if it was killed, and both outputs."""
        child = os.fork()
        if child == 0:
            self._become(words, dies_at)
        _, status = os.waitpid(child, 0)
        return os.waitstatus_to_exitcode(status), self._told.read_text()

    def _become(self, words: tuple[str, ...], dies_at: int) -> None:
        file = self._told.open("w")
        os.dup2(file.fileno(), 1)
        os.dup2(file.fileno(), 2)
        sys.stdout = os.fdopen(os.dup(1), "w", 1)
        sys.stderr = os.fdopen(os.dup(2), "w", 1)
        if dies_at:
            _die_at(dies_at)
        code = 1
        try:
            code = main([*self._argv, *words], "tdnf")
        finally:
            sys.stdout.flush()
            os._exit(code)

    @property
    def journal(self) -> Path:
        return self.root / "var/lib/tdnf/transaction.json"


def _die_at(number: int) -> None:
    called = Watch.__call__
    seen: list[int] = []

    def dying(self: Watch, element: Any, reason: int, *rest: Any) -> int | None:
        if not self._quiet and not (reason in PROGRESS and reason in seen):
            seen.append(reason)
            if len(seen) == number:
                os.kill(os.getpid(), signal.SIGKILL)
        return called(self, element, reason, *rest)

    setattr(Watch, "__call__", dying)  # noqa: B010


def cut_off(system: TdnfSystem, folder: Path, first: int = 1, every: int = 1) -> Iterator[Child]:
    """Runs killed at each callback in turn, until one comes to its end."""
    for number in range(first, 200, every):
        child = Child(system, folder / str(number))
        code, told = child.run("install", "app", dies_at=number)
        if code == 0:
            assert number > 10
            return
        assert code == -signal.SIGKILL, told
        yield child
        shutil.rmtree(child.root)


def seen(system: TdnfSystem, root: Path) -> tuple[list[str], str]:
    """What is installed, and what is in the file that both versions have."""
    return system.installed(root), (root / DATA).read_text()


@pytest.mark.parametrize("way", ["redo", "undo"])
@pytest.mark.parametrize(
    ("first", "every"), [(3, 7), pytest.param(1, 1, marks=[pytest.mark.slow, LONG])]
)
def test_every_cut_has_a_way_on_and_a_way_back(
    system: TdnfSystem, tmp_path: Path, way: str, first: int, every: int
) -> None:
    for child in cut_off(system, tmp_path, first, every):
        assert child.journal.exists()
        code, told = child.run("history", way, "--last")
        assert "was cut off" in told.splitlines()[0], told
        assert code == 0, told
        assert not child.journal.exists()
        installed, data = seen(system, child.root)
        if way == "redo":
            assert (installed, data) == (AFTER, "2\n"), told
            posts = (child.root / "posts").read_text().split()
            assert {"app", "new", "end"} <= set(posts)
            assert posts[-1] == "end"
        else:
            assert (installed, data) == (BEFORE, "1\n"), told


def test_readers_are_told_too_and_changes_go_on(system: TdnfSystem, tmp_path: Path) -> None:
    child = next(iter(cut_off(system, tmp_path)))
    code, told = child.run("list", "installed")
    assert code == 0
    assert "Done: nothing.  Not done: " in told
    assert "tdnf history redo --last" in told
    code, told = child.run("install", "app")
    assert (code, child.journal.exists()) == (0, False), told
    assert seen(system, child.root)[0] == AFTER


def test_what_only_options_brought_in_is_completed_from_what_was_fetched(
    system: TdnfSystem, tmp_path: Path
) -> None:
    """As with ``--enablerepo`` or ``--repofrompath``, which the next run doesn't know."""
    cuts = cut_off(system, tmp_path, first=8)
    child = next(cuts)
    packages = child.root / "var/cache/tdnf"
    kept = tmp_path / "kept"
    packages.rename(kept)
    without = ("--disablerepo=base", "history", "redo", "--last")
    code, told = child.run(*without)
    assert (code, "came from base, which is not enabled" in told) == (1009 % 256, True), told
    assert child.journal.exists()
    shutil.rmtree(packages, ignore_errors=True)
    kept.rename(packages)
    code, told = child.run(*without)
    assert (code, child.journal.exists()) == (0, False), told
    assert seen(system, child.root) == (AFTER, "2\n")
