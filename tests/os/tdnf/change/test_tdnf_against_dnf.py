"""Any repository, any system, any wish: what tdnf would do is what dnf would, or as good.

Both look at the same metadata and the same rpm database.  They must agree whether a wish
can be met.  Where they choose differently, both results are given to rpm: what it finds no
fault with is right.

Two differences are meant.  Where no older version fits, ``downgrade`` of dnf does nothing
and ours says why.  Where something can take the place of what is erased for those that need
it, ``erase`` of dnf brings it; ours takes them along, and needs no repository for that.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import rpm
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from heliostat.os.packages.rpm.package import Package
from heliostat.os.tdnf.packages.database import DatabaseOf
from heliostat.testing.dnf_judge import DnfJudge, Verdict
from heliostat.testing.package_set import PackageSet, package
from heliostat.testing.tdnf_system import Ran, TdnfSystem

NAMES = ("ant", "bee", "cat", "dog", "eel")
CAPABILITIES = ("honey", "purr")
EVRS = ("1-1", "2~rc1-1", "2-1", "1:1-1")
VERBS = ("install", "update", "erase", "downgrade", "reinstall", "distro-sync")
REFUSED = 1301

targets = st.sampled_from((*NAMES, *CAPABILITIES))
relations = st.one_of(
    targets,
    st.builds(
        "{} {} {}".format, st.sampled_from(NAMES), st.sampled_from(("<", ">=", "=")), st.just("2")
    ),
)
needs = st.one_of(relations, st.builds("({} or {})".format, relations, relations))


@st.composite
def packages(draw: st.DrawFn) -> Package:
    name = draw(st.sampled_from(NAMES))
    others = st.sampled_from([each for each in NAMES if each != name])
    return package(
        name,
        draw(st.sampled_from(EVRS)),
        requires=draw(st.lists(needs, max_size=2)),
        provides=draw(st.lists(st.sampled_from(CAPABILITIES), max_size=1)),
        conflicts=draw(st.lists(others, max_size=1)) if draw(st.integers(0, 4)) == 0 else (),
        obsoletes=draw(st.lists(others, max_size=1)) if draw(st.integers(0, 5)) == 0 else (),
        recommends=draw(st.lists(needs, max_size=1)),
        supplements=draw(st.lists(targets, max_size=1)) if draw(st.integers(0, 3)) == 0 else (),
    )


def identity(each: Package) -> tuple[str, str]:
    return each.name, str(each.evr)


repositories = st.lists(packages(), min_size=3, max_size=12, unique_by=identity)
wishes = st.one_of(
    st.tuples(st.sampled_from(VERBS), st.sampled_from(NAMES)),
    st.sampled_from([("update", ""), ("distro-sync", "")]),
)


@dataclass(slots=True)
class Field:
    """Where one example after the other is played."""

    folder: Path
    judge: DnfJudge
    played: int = 0

    def next(self) -> Path:
        """An empty folder; the one before is gone."""
        shutil.rmtree(self.folder / str(self.played), ignore_errors=True)
        self.played += 1
        return self.folder / str(self.played)


@pytest.fixture(scope="module")
def field(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Field]:
    folder = tmp_path_factory.mktemp("field")
    home = TdnfSystem(folder / "home")
    judge = DnfJudge.of(folder / "dnf", home.environment)
    if judge is None:
        pytest.skip("dnf is not installed")
    with judge:
        yield Field(folder, judge)


@pytest.mark.timeout(600)  # dnf is slow to start where much else runs
@settings(
    max_examples=12,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)
@given(
    offered=repositories,
    past=st.sets(st.sampled_from(NAMES), max_size=3),
    asked=st.lists(wishes, min_size=1, max_size=3, unique=True),
)
def test_both_do_the_same_or_what_rpm_finds_as_good(
    field: Field, offered: list[Package], past: set[str], asked: list[tuple[str, str]]
) -> None:
    folder = field.next()
    made = PackageSet(folder / "repository")
    made.add(*offered, signed=False)
    made.publish()
    system = TdnfSystem(folder / "system")
    system.enable(made, gpgcheck=0)
    # a system that is sound: what can be installed of the names together
    past_plan = system.plan("--skip-broken", "install", *sorted(past)) if past else None
    before = frozenset(result(past_plan, frozenset())) if past_plan else frozenset()
    system.holds(made, *before)
    for verb, name in asked:
        there = any(each.startswith(f"{name}-") for each in before)
        if verb == "install" and there:
            continue  # an installed package is updated by ours, left by dnf
        if verb == "distro-sync" and name and not there:
            continue  # nothing for ours; dnf may mean what the name would replace
        words = [verb, name] if name else [verb]
        ours = system.plan(*words)
        theirs = field.judge.change(
            system.root,
            {"base": (made.url, 50)},
            [(verb, name)],
            allow_erasing=verb == "erase",
            clean_requirements_on_remove=False,
            install_weak_deps=True,
        )
        compare(system, made, before, (verb, ours, theirs))


def compare(
    system: TdnfSystem,
    made: PackageSet,
    before: frozenset[str],
    outcome: tuple[str, Ran, Verdict],
) -> None:
    verb, ours, theirs = outcome
    if verb == "downgrade" and ours.error == REFUSED and not theirs.coming:
        return
    assert (ours.error == REFUSED) == bool(theirs.refused), (verb, ours, theirs)
    if ours.error == REFUSED:
        return
    our_result = result(ours, before)
    their_result = before - theirs.going | theirs.coming
    if our_result != their_result:
        assert verb != "erase" or theirs.coming, (ours, theirs)
        assert not faults(system, made, before, our_result), (ours, theirs)


def result(ran: Ran, before: frozenset[str]) -> frozenset[str]:
    """What is installed after a plan's JSON is carried out."""
    after = set(before)
    for kind, steps in ran.json.items():
        if kind in ("Error", "ErrorMessage", "Hint"):
            continue
        for each in steps:
            nevra = f"{each['Name']}-{each['Evr']}.{each['Arch']}"
            if kind in ("Remove", "Obsolete"):
                after.discard(nevra)
                continue
            after -= {old for old in before if named(old) == each["Name"]}
            after.add(nevra)
    return frozenset(after)


def named(nevra: str) -> str:
    return nevra.rsplit("-", 2)[0]


def faults(
    system: TdnfSystem, made: PackageSet, before: frozenset[str], after: frozenset[str]
) -> list[str]:
    """What rpm says against this change."""
    with DatabaseOf(str(system.root)):
        transaction = rpm.TransactionSet(str(system.root), rpm._RPMVSF_NOSIGNATURES)
        for nevra in after - before:
            with made.paths[nevra].open("rb") as file:
                transaction.addInstall(transaction.hdrFromFdno(file), nevra, "u")
        replaced = {named(each) for each in after}
        for nevra in before - after:
            if named(nevra) not in replaced:
                transaction.addErase(nevra)
        transaction.check()
        found = [str(each) for each in transaction.problems()]
        transaction.closeDB()
    return found
