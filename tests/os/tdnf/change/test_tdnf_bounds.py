"""What settings forbid: locks, protection, least versions, priorities, exclusions."""

from __future__ import annotations

from pathlib import Path

import pytest

from heliostat.testing.package_set import PackageSet, package
from heliostat.testing.tdnf_system import TdnfSystem

OFFERED = (
    *(package("app", f"{number}-1") for number in (1, 2, 3)),
    package("lib", "1-1"),
    package("lib", "2-1"),
    package("user", "1-1", requires=["lib"]),
    package("wants-new", "1-1", requires=["lib >= 2"]),
    package("old", "1-1"),
    package("new", "1-1", obsoletes=["old"]),
)


@pytest.fixture(scope="module")
def offers(tmp_path_factory: pytest.TempPathFactory) -> PackageSet:
    made = PackageSet(tmp_path_factory.mktemp("offers"), "offers")
    made.add(*OFFERED, signed=False)
    made.publish()
    return made


@pytest.fixture
def system(tmp_path: Path, offers: PackageSet) -> TdnfSystem:
    made = TdnfSystem(tmp_path / "system")
    made.enable(offers, gpgcheck=0)
    made.holds(offers, "app-1-1.noarch", "lib-1-1.noarch", "user-1-1.noarch", "old-1-1.noarch")
    return made


def test_what_is_locked_is_not_updated(system: TdnfSystem) -> None:
    system.beside("locks.d", "# versions that were tried", "app")
    assert system.plan("update").steps("Upgrade") == ["lib-2-1.noarch"]
    assert system.plan("update", "app").json == {}


def test_what_is_locked_is_not_erased_and_the_lock_is_named(system: TdnfSystem) -> None:
    system.beside("locks.d", "app")
    refused = system.plan("erase", "app")
    assert refused.error == 1301
    assert "app-1-1.noarch is locked" in refused.json["ErrorMessage"]


def test_what_needs_a_newer_one_than_is_locked_is_refused(system: TdnfSystem) -> None:
    system.beside("locks.d", "lib")
    refused = system.plan("install", "wants-new")
    assert refused.error == 1301
    assert "lib-1-1.noarch is locked" in refused.json["ErrorMessage"]
    left_out = system.plan("--skip-broken", "install", "wants-new", "new")
    assert left_out.steps("Install") == ["new-1-1.noarch"]


def test_what_is_protected_stays(system: TdnfSystem) -> None:
    system.beside("protected.d", "user", "old")
    for words in (("erase", "user"), ("erase", "lib"), ("install", "new")):
        assert system.plan(*words).error == 1030, words
    assert system.plan("erase", "app").steps("Remove") == ["app-1-1.noarch"]


def test_nothing_below_its_least_version_is_chosen(system: TdnfSystem) -> None:
    system.beside("minversions.d", "none=1", "app=3-1")
    assert system.plan("update", "app").steps("Upgrade") == ["app-3-1.noarch"]
    assert system.plan("install", "app-2").error == 1011
    system.configure(minversions="app=2 lib=2")
    assert system.plan("--setopt=minversions=lib=9", "update", "lib").json == {}


def test_the_best_priority_wins_over_the_newest_version(system: TdnfSystem, tmp_path: Path) -> None:
    chosen = PackageSet(tmp_path / "chosen", "chosen")
    chosen.add(package("app", "2-1"), package("only", "1-1"), signed=False)
    chosen.publish()
    system.enable(chosen, gpgcheck=0, priority=10)
    assert system.plan("install", "app").steps("Upgrade") == ["app-2-1.noarch"]
    assert system.plan("update").steps("Upgrade") == ["app-2-1.noarch", "lib-2-1.noarch"]
    assert system.plan("install", "only").steps("Install") == ["only-1-1.noarch"]
    system.enable(chosen, gpgcheck=0, priority=90)
    assert system.plan("install", "app").steps("Upgrade") == ["app-3-1.noarch"]


def test_excluded_packages_of_the_configuration_and_of_one_repository(
    system: TdnfSystem, offers: PackageSet
) -> None:
    system.configure(excludepkgs="app")
    assert system.plan("update").steps("Upgrade") == ["lib-2-1.noarch"]
    system.configure()
    system.enable(offers, gpgcheck=0, excludepkgs="l*")
    assert system.plan("update").steps("Upgrade") == ["app-3-1.noarch"]


def test_a_package_built_anew_is_put_there_again_only_if_asked(
    system: TdnfSystem, tmp_path: Path
) -> None:
    anew = PackageSet(tmp_path / "anew", "anew")
    anew.add(package("app", "1-1", build_time=1_800_000_000), signed=False)
    anew.publish()
    system.enable(anew, gpgcheck=0)
    assert system.plan("--repo=anew", "distro-sync").json == {}
    system.configure(distrosync_reinstall_changed=1)
    ran = system.plan("--repo=anew", "distro-sync")
    assert ran.steps("Reinstall") == ["app-1-1.noarch"]


def test_a_refusal_tells_the_way_from_what_was_asked_for(system: TdnfSystem) -> None:
    told = system.plan("--exclude=lib", "install", "user").json
    assert told == {}
    refused = system.plan("--exclude=lib", "install", "wants-new").json
    assert refused["ErrorMessage"].startswith("You asked for wants-new; wants-new-1-1.noarch needs")
