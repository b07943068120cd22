"""Who changes the system has it alone: other programs' turns are waited for, and told.

A script of the package ``slow`` waits at a gate (a pipe) in the middle of its transaction.
"""

from __future__ import annotations

import fcntl
import os
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, closing
from pathlib import Path

import pytest

from heliostat.testing.package_set import PackageSet, package
from heliostat.testing.tdnf_system import TdnfSystem, in_tree

AT_THE_GATE = 'io.open("/arrived", "w"):close(); io.open("/gate"):close()'
_LIMIT_S = 100


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> PackageSet:
    made = PackageSet(tmp_path_factory.mktemp("turns"))
    made.add(package("slow", scripts={"post": AT_THE_GATE}), package("app"), signed=False)
    made.publish()
    return made


class Crossing:
    """A system with a gate, and the programs that are on their way."""

    def __init__(self, folder: Path, base: PackageSet, stack: ExitStack) -> None:
        self.system = TdnfSystem(folder / "system")
        self.system.enable(base, gpgcheck=0)
        self._stack = stack
        self._base = base
        os.mkfifo(self.system.root / "gate")
        os.mkfifo(self.system.root / "arrived")

    def start(self, argv: list[str]) -> subprocess.Popen[str]:
        process = subprocess.Popen(
            argv,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=self.system.environment,
        )
        self._stack.enter_context(process)
        self._stack.callback(process.kill)
        return process

    def tdnf(self, *words: str) -> subprocess.Popen[str]:
        return self.start(self.system.argv("-y", *words))

    def rpm(self) -> subprocess.Popen[str]:
        path = self._base.paths["slow-1-1.noarch"]
        options = ["--root", str(self.system.root), "--nosignature"]
        if in_tree():
            return self.start([*in_tree(), "rpm", *options, "-U", str(path)])
        return self.start(["rpm", *options, "--force-debian", "-U", str(path)])

    def arrive(self) -> None:
        """Returns when ``slow`` is at the gate."""
        (self.system.root / "arrived").read_bytes()

    def open(self) -> None:
        (self.system.root / "gate").write_bytes(b"")


@pytest.fixture
def crossing(tmp_path: Path, base: PackageSet) -> Iterator[Crossing]:
    with ExitStack() as stack:
        yield Crossing(tmp_path, base, stack)


def told(process: subprocess.Popen[str]) -> str:
    assert process.stderr is not None
    return process.stderr.readline()


def ended(process: subprocess.Popen[str]) -> tuple[int, str]:
    out, err = process.communicate(timeout=_LIMIT_S)
    return process.returncode, out + err


def test_a_second_tdnf_waits_and_says_for_whom(crossing: Crossing) -> None:
    first = crossing.tdnf("install", "slow")
    crossing.arrive()
    second = crossing.tdnf("-j", "install", "app")
    words = told(second)
    assert "waiting for tdnf_instance lock on " in words
    assert f"held by process {first.pid} (" in words
    assert "install slow)" in words
    # who only looks needs no turn
    assert "app" in crossing.system.run("list", "available", "app").stdout
    crossing.open()
    assert ended(first)[0] == 0
    assert ended(second)[0] == 0
    assert crossing.system.installed() == ["app-1-1.noarch", "slow-1-1.noarch"]


def test_a_killed_ones_turn_is_over_and_what_it_left_is_told(crossing: Crossing) -> None:
    first = crossing.tdnf("install", "slow")
    crossing.arrive()
    second = crossing.tdnf("install", "app")
    assert "waiting for tdnf_instance lock on " in told(second)
    first.send_signal(signal.SIGKILL)
    first.wait(_LIMIT_S)
    code, words = ended(second)
    assert (code, "was cut off" in words) == (0, True), words
    assert "app-1-1.noarch" in crossing.system.installed()


def test_rpms_own_turn_is_waited_for(crossing: Crossing) -> None:
    crossing.system.done("install", "app")
    other = crossing.rpm()
    crossing.arrive()
    for words in (("erase", "app"), ("history", "update"), ("mark", "remove", "app")):
        waiting = crossing.tdnf(*words)
        said = told(waiting)
        assert "waiting for rpm's lock on " in said
        assert f"held by process {other.pid} (rpm " in said
        waiting.kill()
    # what rpm did meanwhile is taken in
    waiting = crossing.tdnf("erase", "app", "slow")
    assert "waiting for rpm's lock" in told(waiting)
    crossing.open()
    assert ended(other)[0] == 0
    code, words_at_end = ended(waiting)
    assert code == 0, words_at_end
    assert crossing.system.installed() == []


def test_a_database_that_another_program_writes_to_is_waited_for(crossing: Crossing) -> None:
    crossing.system.done("install", "app")
    path = crossing.system.root / "usr/lib/sysimage/rpm/rpmdb.sqlite"
    with closing(sqlite3.connect(path, isolation_level=None)) as database:
        database.execute("begin exclusive")
        waiting = crossing.tdnf("erase", "app")
        assert f"waiting for {path}, which another program has locked" in told(waiting)
        assert "app" in crossing.system.run("list", "installed").stdout
        database.execute("rollback")
    assert ended(waiting)[0] == 0
    assert crossing.system.installed() == []


def test_who_is_called_by_the_one_it_waits_for_says_so(crossing: Crossing) -> None:
    """As from a package's script, which would never end."""
    crossing.system.done("install", "app")
    calling = (
        "import fcntl, subprocess, sys\n"
        "held = open(sys.argv[1], 'r+'); fcntl.{lock}(held, fcntl.LOCK_EX)\n"
        "held.write(str(__import__('os').getpid())); held.flush()\n"
        "sys.exit(subprocess.call(sys.argv[2:]))\n"
    )
    for lock, path in (
        ("lockf", "usr/lib/sysimage/rpm/.rpm.lock"),
        ("flock", "var/lib/tdnf/.tdnf-instance-lockfile"),
    ):
        argv = [str(crossing.system.root / path), *crossing.system.argv("-y", "erase", "app")]
        caller = crossing.start([sys.executable, "-c", calling.format(lock=lock), *argv])
        code, words = ended(caller)
        assert (code, "Error(1635)" in words) == (1635 % 256, True), words
        assert f"process {caller.pid} (" in words
    crossing.system.done("erase", "app")


@pytest.mark.skipif(bool(in_tree()), reason="only this process can be told to be too slow")
def test_what_rpm_does_not_begin_is_not_complete(crossing: Crossing) -> None:
    """Where another program is quicker than our waiting, rpm gives up without a problem to tell."""
    from heliostat.os.tdnf.change import transaction
    from heliostat.testing.tdnf_runs import forked

    crossing.system.done("install", "app")
    lock = crossing.system.root / "usr/lib/sysimage/rpm/.rpm.lock"
    with lock.open("r+") as held, pytest.MonkeyPatch.context() as patch:
        fcntl.lockf(held, fcntl.LOCK_EX)
        patch.setattr(transaction, "wait_for_rpm", lambda *_: None)
        patch.setattr("heliostat.os.tdnf.change.lock.wait_for_rpm", lambda *_: None)
        ran = forked(crossing.system, "erase", "app")
    assert ran.error == 1525
    assert ".rpm.lock" in ran.stderr
    assert "Nothing was changed" in ran.stderr
    assert crossing.system.installed() == ["app-1-1.noarch"]
