"""Whatever was done is taken back by history: packages, files, and who was asked for.

Any sequence of changes over one repository, by real transactions; then everything undone
one by one, rolled back at once, done again.  After each step the system is the one that it
was at that point of the past.
"""

from __future__ import annotations

import shutil
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from heliostat.os.packages.rpm.package import Package
from heliostat.os.tdnf.history.database import History
from heliostat.os.tdnf.history.system import name_of
from heliostat.testing.package_set import PackageSet, package
from heliostat.testing.tdnf_runs import forked
from heliostat.testing.tdnf_system import TdnfSystem

LONG = pytest.mark.timeout(1800)
NAMES = ("app", "lib", "tool", "old", "new", "one", "two")
# names of nothing, what can't be, what is protected, nothing to do: all may be asked for
ANSWERS = {0, 1011, 1301, 905, 1017, 1027, 1028}


def made(name: str, evr: str, **relations: Any) -> Package:
    """Each version brings a file that others have, and one of its own."""
    paths = (f"/srv/{name}/data", f"/srv/{name}/{evr.replace(':', '.')}")
    return package(name, evr, files=dict.fromkeys(paths, f"{name} {evr}\n"), **relations)


OFFERED = (
    made("app", "1-1", requires=["lib"]),
    made("app", "2-1", requires=["lib >= 2", "tool"], recommends=["one"]),
    made("app", "1:1-1", requires=["lib"]),
    made("lib", "1-1"),
    made("lib", "2-1"),
    made("tool", "1-1", requires=["lib = 1"]),
    made("tool", "2-1"),
    made("old", "1-1"),
    made("new", "1-1", obsoletes=["old"], requires=["tool"]),
    made("one", "1-1", conflicts=["two"]),
    made("two", "1-1", supplements=["new"]),
)


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> PackageSet:
    found = PackageSet(tmp_path_factory.mktemp("base"))
    found.add(*OFFERED, signed=False)
    found.publish()
    return found


@dataclass(frozen=True, slots=True)
class State:
    """What a person can see of a system."""

    packages: frozenset[str]
    files: frozenset[tuple[str, str]]
    automatic: frozenset[str]


@dataclass
class Machine:
    """One example's system, with its states by the id of the transaction that led there."""

    system: TdnfSystem
    states: dict[int, State] = field(default_factory=dict)

    def do(self, *words: str) -> int:
        """One command; its error's number."""
        ran = forked(self.system, "--allowerasing", *words)
        assert ran.error in ANSWERS, ran
        return ran.error

    def change(self, *words: str) -> None:
        self.do(*words)
        self.states.setdefault(self.last, self.seen())
        # what changed nothing left no trace either
        assert self.states[self.last] == self.seen(), words

    @property
    def last(self) -> int:
        with History(str(self.system.root / "var/lib/tdnf")) as history:
            return history.last

    def seen(self) -> State:
        packages = frozenset(self.system.installed())
        with History(str(self.system.root / "var/lib/tdnf")) as history:
            automatic = history.automatic() & {name_of(each) for each in packages}
        top = self.system.root / "srv"
        files = {(str(p.relative_to(top)), p.read_text()) for p in top.rglob("*") if p.is_file()}
        return State(packages, frozenset(files), automatic)


names = st.sampled_from(NAMES)
commands = st.one_of(
    st.tuples(st.sampled_from(("install", "erase", "update", "downgrade", "reinstall")), names),
    st.tuples(st.just("install"), st.sampled_from([f"{p.name}-{p.evr}" for p in OFFERED])),
    st.tuples(st.just("mark"), st.sampled_from(("install", "remove")), names),
    st.tuples(st.just("install"), names, names),
    st.sampled_from([("update",), ("autoremove",), ("distro-sync",)]),
)


def play(folder: Path, base: PackageSet, asked: list[tuple[str, ...]]) -> Machine:
    """The commands on an empty system whose history has begun."""
    shutil.rmtree(folder, ignore_errors=True)
    system = TdnfSystem(folder)
    system.enable(base, gpgcheck=0)
    assert forked(system, "install", "lib-1").exit_code == 0
    machine = Machine(system)
    machine.states[2] = machine.seen()
    for words in asked:
        machine.change(*words)
    return machine


def taken_back_and_done_again(machine: Machine) -> None:
    last = machine.last
    for number in range(last, 2, -1):
        assert machine.do("history", "undo", "--from", str(number)) == 0
        assert machine.seen() == machine.states[number - 1], f"undo {number}"
    if last > 2:
        assert machine.do("history", "redo", "--from", "3", "--to", str(last)) == 0
        assert machine.seen() == machine.states[last]
    for to in (2, last):
        assert machine.do("history", "rollback", "--to", str(to)) == 0
        assert machine.seen() == machine.states[to], f"rollback {to}"


SETTINGS = settings(
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)


@settings(SETTINGS, max_examples=5)
@given(asked=st.lists(commands, min_size=1, max_size=4))
def test_any_changes_are_taken_back_and_done_again(
    tmp_path: Path, base: PackageSet, asked: list[tuple[str, ...]]
) -> None:
    taken_back_and_done_again(play(tmp_path / "system", base, asked))


@LONG
@pytest.mark.slow
@pytest.mark.takes(200)
@settings(SETTINGS, max_examples=100)
@given(asked=st.lists(commands, min_size=1, max_size=8))
def test_many_changes_are_taken_back_and_done_again(
    tmp_path: Path, base: PackageSet, asked: list[tuple[str, ...]]
) -> None:
    taken_back_and_done_again(play(tmp_path / "system", base, asked))
