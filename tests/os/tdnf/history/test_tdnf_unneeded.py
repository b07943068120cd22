"""What came only for others: who counts as that, and when it goes.

Cases read as a past of commands, one more command, and what is left.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from heliostat.testing.package_set import PackageSet, package
from heliostat.testing.tdnf_runs import forked
from heliostat.testing.tdnf_system import TdnfSystem

OFFERED = (
    package("app", "1-1", requires=["lib"]),
    package("tool", "1-1", requires=["lib"]),
    package("lib", "1-1", requires=["base"]),
    package("base", "1-1"),
    # two that need each other
    package("egg", "1-1", requires=["hen"]),
    package("hen", "1-1", requires=["egg"]),
    package("farm", "1-1", requires=["hen"]),
    # either would do
    package("client", "1-1", requires=["(this or that)"]),
    package("this", "1-1"),
    package("that", "1-1"),
    # weak ties
    package("cake", "1-1", recommends=["cream"]),
    package("bowl", "1-1", requires=["cream"]),
    package("cream", "1-1"),
    package("plate", "1-1", supplements=["cake"]),
    # an update that needs less, and a name that changes
    package("slim", "1-1", requires=["base"]),
    package("slim", "2-1"),
    package("oldlib", "1-1"),
    package("newlib", "2-1", obsoletes=["oldlib"], provides=["oldlib"]),
    package("user", "1-1", requires=["oldlib"]),
)
CLEAN = "--setopt=clean_requirements_on_remove=1"


@pytest.fixture(scope="module")
def offers(tmp_path_factory: pytest.TempPathFactory) -> PackageSet:
    made = PackageSet(tmp_path_factory.mktemp("offers"))
    made.add(*OFFERED, signed=False)
    made.publish()
    return made


@pytest.fixture
def system(tmp_path: Path, offers: PackageSet) -> TdnfSystem:
    made = TdnfSystem(tmp_path / "system")
    made.enable(offers, gpgcheck=0)
    return made


def left(system: TdnfSystem) -> str:
    return " ".join(each.removesuffix("-1.noarch") for each in system.installed())


CASES = [
    # past, asked, what is left
    ("install app", "autoremove app", ""),
    ("install app", "erase app", "base-1 lib-1"),
    ("install app", f"{CLEAN} erase app", ""),
    ("install app", f"{CLEAN} --noautoremove erase app", "base-1 lib-1"),
    ("install app", f"{CLEAN} --noautoremove autoremove app", ""),
    ("install app; erase app", "autoremove", ""),
    ("install app", "autoremove", "app-1 base-1 lib-1"),
    # somebody else needs it, or has asked for it
    ("install app; install tool", "autoremove app", "base-1 lib-1 tool-1"),
    ("install app; install tool; autoremove app", "autoremove tool", ""),
    ("install lib; install app", "autoremove app", "base-1 lib-1"),
    ("install app; install lib", "autoremove app", "base-1 lib-1"),
    ("install app; mark install base; erase app", "autoremove", "base-1"),
    ("install app; mark install lib", "autoremove app", "base-1 lib-1"),
    ("install app; install tool; mark remove app tool", "autoremove", ""),
    ("install app; install tool; mark remove app", "autoremove", "base-1 lib-1 tool-1"),
    ("install app; mark remove app", "autoremove", ""),
    ("install app; reinstall lib; erase app", "autoremove", ""),
    # what is erased for another's sake was asked for, and what it needed goes too
    ("install app", "autoremove lib", ""),
    ("install app", f"{CLEAN} erase base", ""),
    # rings serve nobody
    ("install farm; erase farm", "autoremove", ""),
    ("install farm", "autoremove farm", ""),
    ("install hen", "autoremove", "egg-1 hen-1"),
    # one of two that would do: nobody can say which is wanted
    ("install this; install that; mark remove this that; install client", "autoremove", "BOTH"),
    # weak ties keep, and come and go with whom they came for
    ("install cake", "autoremove", "cake-1 cream-1 plate-1"),
    ("install cake", "autoremove cake", ""),
    ("install cake", f"{CLEAN} erase cake", ""),
    ("install cake; install bowl", "autoremove bowl", "cake-1 cream-1 plate-1"),
    ("install cake; install bowl", "autoremove cake", "bowl-1 cream-1"),
    (
        "install bowl; --setopt=install_weak_deps=0 install cake",
        "autoremove bowl",
        "cake-1 cream-1",
    ),
    # updates
    ("install slim-1; update", "autoremove", "slim-2"),
    ("install oldlib-1; update", "autoremove", "newlib-2"),
    ("install oldlib-1; mark remove oldlib; update", "autoremove", ""),
]


@pytest.mark.parametrize(
    ("past", "asked", "outcome"), CASES, ids=[f"{each[1]} [{each[0]}]" for each in CASES]
)
def test_what_is_left(system: TdnfSystem, past: str, asked: str, outcome: str) -> None:
    for each in past.split("; "):
        done = forked(system, *each.split())
        assert done.exit_code == 0, done
    ran = forked(system, *asked.split())
    assert ran.exit_code == 0, ran
    assert left(system) == ("client-1 that-1 this-1" if outcome == "BOTH" else outcome)


def test_what_is_protected_or_locked_stays(system: TdnfSystem) -> None:
    for words in (("install", "app"), ("erase", "app")):
        assert forked(system, *words).exit_code == 0
    system.beside("protected.d", "lib")
    assert forked(system, "autoremove").error == 0
    assert left(system) == "base-1 lib-1"
    system.beside("protected.d", "none")
    system.beside("locks.d", "base")
    ran = forked(system, "autoremove")
    assert (ran.error, "base-1-1.noarch is locked" in ran.stderr) in ((0, False), (1301, True))
    assert "base-1" in left(system)


def test_nothing_is_erased_before_history_has_begun(system: TdnfSystem, offers: PackageSet) -> None:
    """Nobody knows then who came for whom: all of it counts as asked for."""
    system.holds(offers, "app-1-1.noarch", "lib-1-1.noarch", "base-1-1.noarch")
    assert forked(system, "autoremove").exit_code == 0
    assert forked(system, "autoremove", "app").exit_code == 0
    assert left(system) == "base-1 lib-1"


def test_what_would_go_is_listed_and_marks_are_json(system: TdnfSystem) -> None:
    for words in (("install", "app"), ("erase", "app")):
        assert forked(system, *words).exit_code == 0
    ran = forked(system, "-j", "--assumeno", "autoremove")
    assert ran.steps("Remove") == ["base-1-1.noarch", "lib-1-1.noarch"]
    assert forked(system, "-j", "mark", "install", "l*").json == ["lib"]
    assert forked(system, "-j", "autoremove").json in ({}, {"Remove": []})
    kept = forked(system, "repoquery", "--userinstalled", "--qf", "%{name}").stdout.split()
    assert kept == ["lib"]
